//! The page's style sheet: light, dark and paper. Colour only repeats what words and borders say.

/// No `<` and no `&` in here: the page is XML too.
pub(super) const SHEET: &str = "
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--soft:#555;--line:#c8c8c8;--shade:#f3f3f3;--good:#1b6e3c;--bad:#a4161a;--odd:#8a5a00}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#16181b;--soft:#a9adb3;--line:#43484f;--shade:#20242a;--good:#6fd08c;--bad:#ff8a80;--odd:#f2c14e}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:72rem;color:var(--ink);background:var(--paper);font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;margin:0 0 .5rem}
h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
.outcome{border:2px solid;border-left-width:.6rem;padding:.6rem .8rem;margin:0;font-size:1.05rem}
.good{color:var(--good)}.bad{color:var(--bad)}.odd{color:var(--odd)}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.15rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
tr.group td{background:var(--shade);font-weight:600}
td.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
code,pre,td.text{font-family:ui-monospace,monospace;font-size:.9em}
pre{background:var(--shade);border:1px solid var(--line);padding:.5rem;white-space:pre-wrap;margin:.3rem 0}
a{color:inherit}
small{color:var(--soft);font-size:.9em}
td.bar{min-width:10rem;width:35%}
.track{display:flex;height:1rem;margin-top:.15rem}
.track div{border:1px solid var(--ink);background:var(--good);min-width:2px}
.track .failed{background:repeating-linear-gradient(45deg,var(--bad) 0 3px,transparent 3px 7px)}
.track .other{background:repeating-linear-gradient(90deg,var(--odd) 0 2px,transparent 2px 5px)}
@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--soft:#333;--line:#999;--shade:#eee;--good:#1b6e3c;--bad:#a4161a;--odd:#8a5a00}
body{max-width:none;padding:0;font-size:10pt}tr,dl,h3{break-inside:avoid}h2,h3{break-after:avoid}.wide{overflow:visible}.track div{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@page{margin:15mm}
";
