//! Just enough reading of Rust: comments, strings and test modules taken out, paths and items found.

/// A source file, as the rules look at it.
pub struct Source {
    /// Below `src`, with `/`.
    pub name: String,
    text: String,
    /// Comments, strings and characters blanked; as long as the text.
    bare: String,
    /// And test modules blanked too.
    shipped: String,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Self {
        let bare = without_words(text);
        let shipped = without_tests(&bare);
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            bare,
            shipped,
        }
    }

    /// `step` for `step/fat.rs`, `units` for `units.rs`.
    pub fn top_module(&self) -> &str {
        let first = self.name.split('/').next().unwrap_or(&self.name);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many modules deep the file is below the crate's root.
    fn depth(&self) -> usize {
        let parts = self.name.split('/').count();
        if self.name.ends_with("mod.rs") {
            parts - 1
        } else {
            parts
        }
    }

    pub fn line_count(&self) -> usize {
        self.text.lines().count()
    }

    /// Files of modules that only tests see.
    pub fn test_files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for (at, end) in test_items(&self.bare) {
            let item = &self.bare[at..end];
            if !item.ends_with(';') {
                continue;
            }
            let words: Vec<&str> = words(item);
            let Some(module) = words
                .iter()
                .position(|w| *w == "mod")
                .and_then(|i| words.get(i + 1))
            else {
                continue;
            };
            let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = self.text[at..end]
                .split_once("#[path")
                .and_then(|(_, rest)| rest.split('"').nth(1));
            let below = match path {
                Some(path) => join(folder, path),
                None if self.name.ends_with("mod.rs") || self.depth() == 0 => {
                    join(folder, &format!("{module}.rs"))
                }
                None => format!("{}/{module}.rs", self.name.trim_end_matches(".rs")),
            };
            files.push(below);
        }
        files
    }

    /// Paths into the crate: line, and names below the root.
    pub fn uses(&self) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        let tokens = tokens(&self.shipped);
        let mut inline = InlineModules::default();
        for (index, token) in tokens.iter().enumerate() {
            inline.pass(&tokens, index);
            let start = match token.text {
                "crate" | "wimforge" if next(&tokens, index) == "::" => Some(index + 2),
                "super" if previous(&tokens, index) != "::" => {
                    let mut ups = 1;
                    let mut at = index + 1;
                    while text(&tokens, at) == "::" && text(&tokens, at + 1) == "super" {
                        ups += 1;
                        at += 2;
                    }
                    let to_root = ups == self.depth() + inline.depth();
                    (to_root && text(&tokens, at) == "::").then_some(at + 1)
                }
                _ => None,
            };
            if let Some(start) = start {
                let mut paths = Vec::new();
                tree(&tokens, start, &mut Vec::new(), &mut paths);
                found.extend(paths.into_iter().map(|path| (self.line(token.at), path)));
            }
        }
        found
    }

    /// Lines with a `cfg` of the operating system.
    pub fn system_switches(&self) -> Vec<usize> {
        let tokens = tokens(&self.shipped);
        let mut lines = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            if !matches!(token.text, "cfg" | "cfg_attr") {
                continue;
            }
            let open = index + 1 + usize::from(next(&tokens, index) == "!");
            if text(&tokens, open) != "(" {
                continue;
            }
            let inside = tokens[open..]
                .iter()
                .scan(0_usize, |depth, t| {
                    match t.text {
                        "(" => *depth += 1,
                        ")" => *depth -= 1,
                        _ => {}
                    }
                    (*depth > 0).then_some(t.text)
                })
                .any(|t| matches!(t, "windows" | "unix" | "target_os" | "target_family"));
            if inside {
                lines.push(self.line(token.at));
            }
        }
        lines
    }

    /// Lines with this word in code, tests included.
    pub fn lines_with(&self, word: &str) -> Vec<usize> {
        tokens(&self.bare)
            .iter()
            .filter(|t| t.text == word)
            .map(|t| self.line(t.at))
            .collect()
    }

    /// Shipped lines where `of::word` stands.
    pub fn lines_with_path(&self, of: &str, word: &str) -> Vec<usize> {
        let tokens = tokens(&self.shipped);
        (0..tokens.len())
            .filter(|&i| {
                tokens[i].text == of && next(&tokens, i) == "::" && text(&tokens, i + 2) == word
            })
            .map(|i| self.line(tokens[i].at))
            .collect()
    }

    /// Names in `mod name;`.
    pub fn declared_modules(&self) -> Vec<String> {
        let tokens = tokens(&self.shipped);
        (0..tokens.len())
            .filter(|i| tokens[*i].text == "mod" && text(&tokens, i + 2) == ";")
            .map(|i| next(&tokens, i).to_owned())
            .collect()
    }

    /// Line and first words of every item but `mod name;` and `use ...;`.
    pub fn items_that_are_not_declarations(&self) -> Vec<(usize, String)> {
        let tokens = tokens(&self.shipped);
        let mut found = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at].text == "#" {
                at = after_brackets(&tokens, at);
                continue;
            }
            let start = at;
            let mut body = false;
            let mut depth = 0_usize;
            while at < tokens.len() {
                match tokens[at].text {
                    "{" => {
                        depth += 1;
                        body = true;
                    }
                    "}" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at += 1;
                let is_use = tokens[start..at].iter().any(|t| t.text == "use");
                let last = tokens[at - 1].text;
                if depth == 0 && (last == ";" || (last == "}" && !is_use)) {
                    break;
                }
            }
            let item = &tokens[start..at];
            let keyword = item
                .iter()
                .map(|t| t.text)
                .find(|t| !matches!(*t, "pub" | "(" | ")" | "crate" | "super" | "in" | "::"));
            let declares =
                matches!(keyword, Some("use")) || (matches!(keyword, Some("mod")) && !body);
            if !declares {
                let words: Vec<&str> = item.iter().take(4).map(|t| t.text).collect();
                found.push((self.line(item[0].at), words.join(" ")));
            }
        }
        found
    }

    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }
}

fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    }
}

struct Token<'a> {
    at: usize,
    text: &'a str,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn words(code: &str) -> Vec<&str> {
    code.split(|c| !is_word(c))
        .filter(|w| !w.is_empty())
        .collect()
}

/// Words, `::`, and single characters.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = code.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let mut end = at + c.len_utf8();
        if c.is_whitespace() {
            continue;
        }
        if is_word(c) {
            while let Some((_, w)) = rest.next_if(|(_, w)| is_word(*w)) {
                end += w.len_utf8();
            }
        } else if c == ':' && rest.next_if(|(_, n)| *n == ':').is_some() {
            end += 1;
        }
        tokens.push(Token {
            at,
            text: &code[at..end],
        });
    }
    tokens
}

fn text<'a>(tokens: &[Token<'a>], index: usize) -> &'a str {
    tokens.get(index).map_or("", |t| t.text)
}

fn next<'a>(tokens: &[Token<'a>], index: usize) -> &'a str {
    text(tokens, index + 1)
}

fn previous<'a>(tokens: &[Token<'a>], index: usize) -> &'a str {
    index.checked_sub(1).map_or("", |i| text(tokens, i))
}

/// The index after the `[...]` that follows.
fn after_brackets(tokens: &[Token<'_>], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < tokens.len() {
        match tokens[at].text {
            "[" => depth += 1,
            "]" => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}

/// How many `mod name { ... }` are open.
#[derive(Default)]
struct InlineModules {
    braces: usize,
    open: Vec<usize>,
}

impl InlineModules {
    fn pass(&mut self, tokens: &[Token<'_>], index: usize) {
        match tokens[index].text {
            "{" => {
                self.braces += 1;
                if index >= 2 && tokens[index - 2].text == "mod" {
                    self.open.push(self.braces);
                }
            }
            "}" => {
                if self.open.last() == Some(&self.braces) {
                    self.open.pop();
                }
                self.braces = self.braces.saturating_sub(1);
            }
            _ => {}
        }
    }

    fn depth(&self) -> usize {
        self.open.len()
    }
}

/// Reads a path or a tree of them from `at`; gives the index after it.
fn tree(
    tokens: &[Token<'_>],
    mut at: usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let before = prefix.len();
    loop {
        match text(tokens, at) {
            "{" => {
                at += 1;
                while !matches!(text(tokens, at), "}" | "") {
                    at = tree(tokens, at, prefix, found);
                    while !matches!(text(tokens, at), "," | "}" | "") {
                        at += 1; // `as name`
                    }
                    if text(tokens, at) == "," {
                        at += 1;
                    }
                }
                at += 1;
                break;
            }
            name => {
                // `self` is what stands before it; at the root that is the whole crate.
                if name != "self" || prefix.is_empty() {
                    prefix.push(name.to_owned());
                }
                at += 1;
                if text(tokens, at) != "::" {
                    found.push(prefix.clone());
                    break;
                }
                at += 1;
            }
        }
    }
    prefix.truncate(before);
    at
}

/// From each `#[cfg(test)]` to the end of what it stands on, in text without comments and strings.
fn test_items(bare: &str) -> Vec<(usize, usize)> {
    let tokens = tokens(bare);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let attribute: Vec<&str> = (at..at + 7).map(|i| text(&tokens, i)).collect();
        if attribute != ["#", "[", "cfg", "(", "test", ")", "]"] {
            at += 1;
            continue;
        }
        let start = tokens[at].at;
        while text(&tokens, at) == "#" {
            at = after_brackets(&tokens, at);
        }
        let mut depth = 0_usize;
        while at < tokens.len() {
            let token = tokens[at].text;
            at += 1;
            match token {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(token, ";" | "}") {
                break;
            }
        }
        found.push((start, tokens[at - 1].at + 1));
    }
    found
}

fn without_tests(bare: &str) -> String {
    let mut shipped = bare.to_owned();
    for (start, end) in test_items(bare) {
        let blank = blanked(&bare[start..end]);
        shipped.replace_range(start..end, &blank);
    }
    shipped
}

/// As many bytes, line ends kept.
fn blanked(text: &str) -> String {
    text.bytes()
        .map(|b| if b == b'\n' { '\n' } else { ' ' })
        .collect()
}

/// Blanks comments, strings and character literals.
fn without_words(source: &str) -> String {
    let mut bare = String::with_capacity(source.len());
    let mut rest = source;
    let mut last = ' ';
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if c == '"' {
            string(rest)
        } else if matches!(c, 'r' | 'b' | 'c') && !is_word(last) {
            raw_string(rest)
        } else if c == '\'' {
            character(rest)
        } else {
            0
        };
        if length == 0 {
            bare.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            bare.push_str(&blanked(&rest[..length]));
            rest = &rest[length..];
        }
        last = c;
    }
    bare
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"..."`, `br#"..."#`; 0 when it is none.
fn raw_string(text: &str) -> usize {
    let prefix = text.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(0);
    if !matches!(&text[..prefix], "r" | "br" | "cr") {
        return 0;
    }
    let after = &text[prefix..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    if !after[hashes..].starts_with('"') {
        return 0;
    }
    let open = prefix + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    text[open..]
        .find(&close)
        .map_or(text.len(), |at| open + at + close.len())
}

/// `'x'`, `'\''`, `'\u{1f}'`; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            text[3..].find('\'').map_or(0, |at| 3 + at + 1)
        }
        Some((_, c)) if c != '\'' => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        _ => 0,
    }
}
