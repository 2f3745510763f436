//! Writes what the fuzzers start from, made by the program's own hands, into `$WIMFORGE_SEEDS`; the current folder is the repository.
//!
//! One folder a target: the documents of the repository, a real run's journal, frames of the protocol, small image files.

// Built as the fuzzers are: it must have what their instrumentation calls.
#![no_main]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use wimforge::engine::cmtrace;
use wimforge::engine::dispatcher::Dispatcher;
use wimforge::engine::journal;
use wimforge::engine::run_folder::RunFolder;
use wimforge::engine::start::{self, EngineOptions};
use wimforge::event::{NodeId, Progress, Severity};
use wimforge::platform::fake::DisklessMachine;
use wimforge::protocol::{
    CONTRACT, Hello, LogQuery, Pattern, Push, Refusal, ReplayCommand, Reply, Request, Role,
    StartRun, StepChange, ToClient, ToEngine, WireSecret,
};
use wimforge::run_state::RunState;
use wimforge::secret::Secret;
use wimforge::unattend::{Document, SHELL, set_command};
use wimforge::wim::{Silent, Wim, WimCompression, WriteOptions};

type Done = Result<(), Box<dyn Error>>;

/// First line the condition, then variables.
const CONDITIONS: &[&str] = &[
    "Equals(\"A\", \"%B%\")\nA=10.0.1\nB=10.0.1.0\nC=secret",
    "All([Exists(\"A\"), Any([NotExists(\"B\"), None([Less(\"A\", \"9\")])])])\nA=12",
    "Like(\"Model\", \"*%HP%?x*\")\nModel=HP Elite x360\nHP=elite",
    "NotLike(\"A\", \"a*b*c*d*\")\nA=abababababacd",
    "File(path: \"/a/%A%.dll\", version: GreaterEqual(\"10.0\"), modified: Less(\"2024-02-29T12:00:00Z\"))\nA=b",
    "Folder(path: \"%A%\", modified: NotEquals(\"%B%\"))\nA=/x\nB=1970-01-01T00:00:01Z",
    "Greater(\"A\", \"99999999999999999999999999\")\nA=-1",
    "NotEquals(\"A\", \"b\")\nA=%A%%B%\nB=100%",
];

/// Steps of every kind of ending, without a machine.
const RUN: &str = r#"Sequence(schema: 1, name: "Seeds", description: "all kinds of endings", variables: {"A": "1"}, steps: [
    Group(name: "G", condition: Equals("A", "1"), continue_on_error: true, steps: [
        Step(name: "set %A%", action: SetVariable(variable: "B", value: "%A% and \u{e9}")),
        Step(name: "run", action: RunCommandLine(command: "printf 'one\\ntwo\\n'")),
        Step(name: "fail", action: RunCommandLine(command: "echo broken; exit 3"), retry: Retry(attempts: 2, delay: 0)),
    ]),
    Step(name: "not", disabled: true, action: SetVariable(variable: "B", value: "")),
    Step(name: "skip", condition: NotExists("A"), action: SetVariable(variable: "B", value: "")),
    Step(name: "end", action: SetVariable(variable: "B", value: "")),
])"#;

fuzz_target!(init: write_and_leave(), |_nothing: &[u8]| {});

fn write_and_leave() {
    let code = match all() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("seeds: {error}");
            1
        }
    };
    std::process::exit(code);
}

fn all() -> Done {
    let corpus =
        PathBuf::from(std::env::var_os("WIMFORGE_SEEDS").ok_or("WIMFORGE_SEEDS is not set")?);
    let repository = std::env::current_dir()?;
    let at = |target: &str| -> Result<PathBuf, std::io::Error> {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    documents(&at("document")?, &repository)?;
    for (number, text) in CONDITIONS.iter().enumerate() {
        fs::write(at("condition")?.join(format!("seed-{number}")), text)?;
    }
    run(&at("journal")?, &at("frames")?)?;
    logs(&at("cmtrace")?)?;
    fat_changes(&at("fat_volume")?)?;
    answers(&at("answer_file")?)?;
    answer_files(&at("answer_file")?)?;
    images(&at("wim_header")?)?;
    disks(&at("disk")?)
}

/// An answer file with secrets of each kind, in the encodings that Windows reads.
fn answers(to: &Path) -> Done {
    const ANSWER: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State">
  <settings pass="specialize">
    <component name="Microsoft-Windows-UnattendedJoin" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
      <Identification><Credentials><Domain>D</Domain><Username>u</Username><Password>p</Password></Credentials></Identification>
    </component>
  </settings>
  <settings pass="oobeSystem" wasPassProcessed="true">
    <component name="Microsoft-Windows-Shell-Setup" processorArchitecture="x86" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
      <UserAccounts>
        <AdministratorPassword><Value>cABBAGQA</Value><PlainText>false</PlainText></AdministratorPassword>
        <LocalAccounts><LocalAccount wcm:action="add" wcm:keyValue="a"><Password><Value>x&amp;y</Value></Password></LocalAccount></LocalAccounts>
      </UserAccounts>
      <FirstLogonCommands><SynchronousCommand><CommandLine><![CDATA[net user a b]]></CommandLine></SynchronousCommand></FirstLogonCommands>
    </component>
  </settings>
</unattend>"#;
    let wide: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(ANSWER.replace("utf-8", "utf-16").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(to.join("seed-plain"), ANSWER)?;
    fs::write(to.join("seed-mark"), format!("\u{feff}{ANSWER}"))?;
    fs::write(to.join("seed-wide"), wide)?;
    Ok(())
}

/// Lists of changes to the good volume of the target: region, place, kind, value.
fn fat_changes(to: &Path) -> Done {
    const CHANGES: &[&[u8]] = &[
        // Nothing; dirty in the boot sector, in both tables; root cluster 0; an odd cluster; one table.
        &[],
        &[0, 65, 0, 0, 1, 0],
        &[1, 7, 0, 0, 7, 0, 2, 7, 0, 0, 7, 0],
        &[0, 44, 0, 0, 0, 0],
        &[0, 13, 0, 0, 3, 0],
        &[0, 16, 0, 0, 1, 0],
        // A chain in a circle in both tables; one that leads away.
        &[1, 24, 0, 1, 6, 0, 2, 24, 0, 1, 6, 0],
        &[1, 28, 0, 1, 0xFF, 0x7F, 2, 28, 0, 1, 0xFF, 0x7F],
        // The root folder: attributes, the first cluster and the length of an entry, a part of a long name.
        &[3, 11, 0, 0, 0x0F, 0],
        &[3, 26, 0, 1, 3, 0],
        &[3, 28, 0, 1, 1, 2],
        &[3, 96, 0, 0, 0xE5, 0],
    ];
    for (number, changes) in CHANGES.iter().enumerate() {
        fs::write(to.join(format!("seed-{number}")), changes)?;
    }
    Ok(())
}

/// Every sequence that lies about, good and bad.
fn documents(to: &Path, repository: &Path) -> Done {
    let mut found = 0;
    for folder in ["sequences", "tests/bad", "tests"] {
        for entry in fs::read_dir(repository.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "ron") {
                fs::copy(&path, to.join(format!("seed-{found}")))?;
                found += 1;
            }
        }
    }
    if found < 20 {
        return Err(format!("only {found} sequences in {}", repository.display()).into());
    }
    Ok(())
}

/// A real run: its journal, and the frames about it.
fn run(journals: &Path, frames: &Path) -> Done {
    let folder = journals.with_file_name("run");
    fs::create_dir_all(&folder)?;
    let sequence = folder.join("seeds.ron");
    fs::write(&sequence, RUN)?;
    let options = EngineOptions {
        state: folder.join("state"),
        disks: Vec::new(),
        allow_real_disks: false,
        uefi: None,
        machine: Arc::new(|| Ok(Arc::new(DisklessMachine::default()))),
    };
    let request = StartRun {
        sequence: sequence.display().to_string(),
        set: vec![("C".to_owned(), "3".to_owned())],
        secrets: vec![("S".to_owned(), WireSecret(Secret::new("not to be seen")))],
        confirm_disks: vec![0],
        confirm_replace: true,
        unattended: true,
        rehearse: false,
        override_preflight: Some("override".to_owned()),
        bundle_to: None,
    };
    let dispatcher = Arc::new(Dispatcher::default());
    let thread = start::start(&dispatcher, &options, request.clone())?;
    thread.join().map_err(|_| "the run has panicked")?;
    let state = dispatcher.state();
    let journal = RunFolder::at(&state.folder).journal();
    let bytes = fs::read(&journal)?;
    let mut events = Vec::new();
    journal::read(&journal, &mut |event| events.push(event))?;
    fs::write(journals.join("seed-whole"), &bytes)?;
    fs::write(journals.join("seed-torn"), &bytes[..bytes.len() - 7])?;
    let header = bytes.split_inclusive(|&byte| byte == b'\n').next();
    fs::write(journals.join("seed-header"), header.unwrap_or_default())?;

    let hello = Hello {
        login: String::new(),
        version: "0.0.0".to_owned(),
        contract: CONTRACT,
        name: "seeds".to_owned(),
        watch: true,
        role: Role::Console,
        from: "192.0.2.7".to_owned(),
        size: (80, 24),
        run: Some(state.run.clone()),
        client: 1,
    };
    let name = || "A".to_owned();
    let requests = [
        Request::Status,
        Request::Start(request),
        Request::Retry {
            node: NodeId(1),
            attempt: 2,
        },
        Request::Cancel { kill: true },
        Request::GiveSecrets {
            question: 1,
            values: vec![(name(), WireSecret(Secret::new("x")))],
        },
        Request::SetVariable {
            name: name(),
            value: name(),
        },
        Request::Jump { to: NodeId(0) },
        Request::ReadLog(LogQuery {
            from: u64::MAX,
            most: 9,
            severity: Some(Severity::Warning),
            find: Some(Pattern {
                text: "a+".to_owned(),
                regex: true,
            }),
            ..LogQuery::default()
        }),
        Request::OverrideStep {
            node: NodeId(1),
            to: StepChange::Settings(vec![(name(), name())]),
        },
        Request::Replay(ReplayCommand::Move(-1_000)),
    ];
    let mut upward = frame(&ToEngine::Hello(hello.clone()))?;
    for (number, request) in (1..).zip(requests) {
        upward.extend(frame(&ToEngine::Request(number, request))?);
    }
    fs::write(frames.join("seed-requests"), upward)?;
    let sample = Progress {
        node: NodeId(1),
        attempt: 1,
        at: 5,
        done: 1,
        total: 2,
        silent_millis: 3,
        detail: "a file".to_owned(),
    };
    let mut downward = frame(&ToClient::Hello(hello))?;
    for push in events
        .into_iter()
        .map(Push::Event)
        .chain([Push::Progress(sample), Push::Bye("over".to_owned())])
    {
        downward.extend(frame(&ToClient::Push(push))?);
    }
    fs::write(frames.join("seed-pushes"), downward)?;
    let refused = ToClient::Refused(Refusal::WrongContract { ours: 1, theirs: 2 });
    let late = ToClient::Reply(1, Reply::Snapshot(Box::new(state)));
    let empty = ToClient::Push(Push::Snapshot(Box::new(RunState::default())));
    fs::write(frames.join("seed-refused"), frame(&refused)?)?;
    fs::write(
        frames.join("seed-late"),
        [frame(&late)?, frame(&empty)?].concat(),
    )?;
    fs::remove_dir_all(folder)?;
    Ok(())
}

fn frame(value: &impl serde::Serialize) -> Result<Vec<u8>, Box<dyn Error>> {
    let body = serde_json::to_vec(value)?;
    let mut bytes = u32::try_from(body.len())?.to_be_bytes().to_vec();
    bytes.extend(body);
    Ok(bytes)
}

fn logs(to: &Path) -> Done {
    let settings = [0, 0, 1, 0, 0, 0, 0, 0, 1];
    fs::write(
        to.join("seed-text"),
        [&settings[..], b"TSManager\na line"].concat(),
    )?;
    let log = cmtrace::record(1, Severity::Warning, "T", 1, "a]LOG]!>\r\n<![LOG[b");
    fs::write(
        to.join("seed-markers"),
        [&settings[..], log.as_bytes()].concat(),
    )?;
    Ok(())
}

/// Answer files: our own, one that Windows Setup has used, one of many shapes; in the encodings that Windows reads.
fn answer_files(to: &Path) -> Done {
    let mut own = Document::new("amd64");
    own.set("specialize", SHELL, "ComputerName", "REF-01");
    set_command(&mut own, "specialize", "seed", Some("x"))?;
    let shapes = "<?xml version='1.0' encoding=\"utf-16\"?><u:unattend xmlns:u=\"urn:schemas-microsoft-com:unattend\" xmlns:w=\"http://schemas.microsoft.com/WMIConfig/2002/State\"><u:settings pass=\"specialize\" wasPassProcessed=\"true\"><u:component name=\"Microsoft-Windows-Shell-Setup\" processorArchitecture=\"x86\"><u:ComputerName/><u:UserAccounts>*SENSITIVE*DATA*DELETED*</u:UserAccounts></u:component></u:settings><!-- x --><e xmlns=\"urn:x\"><![CDATA[<?xml?>]]>&amp;</e></u:unattend>";
    let wide = |write: fn(u16) -> [u8; 2]| shapes.encode_utf16().flat_map(write).collect();
    let files: [Vec<u8>; 4] = [
        own.to_xml()?,
        shapes.as_bytes().to_vec(),
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
    ];
    for (number, bytes) in files.iter().enumerate() {
        fs::write(to.join(format!("seed-{number}")), bytes)?;
    }
    Ok(())
}

/// Image files of every kind that the program writes, each of a volume with a few files.
fn images(to: &Path) -> Done {
    let scratch = to.with_file_name("scratch");
    fs::create_dir_all(&scratch)?;
    let volume = scratch.join("volume.img");
    fs::File::create(&volume)?.set_len(8 << 20)?;
    tool(Command::new("mkntfs").args(["-Q", "-F", "-q"]).arg(&volume))?;
    for (name, contents) in [
        ("small.txt", b"resident".to_vec()),
        ("even.bin", vec![7; 70_000]),
        (
            "odd.bin",
            (0..9_000_u32).flat_map(u32::to_le_bytes).collect(),
        ),
    ] {
        let file = scratch.join(name);
        fs::write(&file, contents)?;
        tool(
            Command::new("ntfscp")
                .arg("-q")
                .arg(&volume)
                .arg(&file)
                .arg(name),
        )?;
    }
    for (number, compression) in [
        WimCompression::Xpress,
        WimCompression::Lzx { level: 20 },
        WimCompression::LzmsSolid,
    ]
    .into_iter()
    .enumerate()
    {
        for integrity in [false, true] {
            let mut wim = Wim::create(compression)?;
            wim.add_ntfs(&volume, "one", &[], &|_| {}, &Silent)?;
            if integrity {
                wim.add_ntfs(&volume, "two", &[], &|_| {}, &Silent)?;
                wim.set_image_property(2, "DESCRIPTION", "the second")?;
            }
            let options = WriteOptions {
                integrity,
                fsync: false,
                threads: 1,
            };
            let path = to.join(format!("seed-{number}-{integrity}"));
            wim.write(&path, &options, &Silent)?;
        }
    }
    fs::remove_dir_all(scratch)?;
    Ok(())
}

/// Both ends of disks with a GPT and with an MBR with logical partitions: 34 sectors of each.
fn disks(to: &Path) -> Done {
    const END: usize = 34 * 512;
    let scripts = [
        "label: gpt\nstart=34, size=1024, name=First\nname=Second\n",
        "label: dos\nstart=4,size=2,type=7\nstart=8,size=3000,type=5\nstart=12,size=2,type=7\nstart=20,size=4,type=83\n",
    ];
    let file = to.join("disk.img");
    for (number, script) in scripts.iter().enumerate() {
        fs::File::create(&file)?.set_len(4 << 20)?;
        let input = to.join("script");
        fs::write(&input, script)?;
        let script = fs::File::open(&input)?;
        tool(Command::new("sfdisk").arg("-q").arg(&file).stdin(script))?;
        let bytes = fs::read(&file)?;
        let ends = [&bytes[..END], &bytes[bytes.len() - END..]].concat();
        fs::write(to.join(format!("seed-{number}")), ends)?;
        fs::remove_file(input)?;
    }
    Ok(fs::remove_file(file)?)
}

fn tool(command: &mut Command) -> Done {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
