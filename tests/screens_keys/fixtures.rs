//! A run told by real events, and the screens at its turning points.

use wimforge::event::{
    Artifact, DiskFacts, Event, EventBody, Failure, Millis, NodeId, NodeKind, Origin, Outcome,
    Plan, PlanNode, Progress, Question, QuestionKind, RunOutcome, Severity, Shown, SkipReason,
    Unit, Who,
};
use wimforge::protocol::{Check, InputInfo, Push, SequenceInfo};
use wimforge::tui::model::Model;
use wimforge::tui::msg::Msg;
use wimforge::tui::update::{initial, update};
use wimforge::units::{GIB, MIB};

/// 2026-03-14 09:00:00 UTC.
pub const START: Millis = 1_773_478_800_000;

pub const BUILD: NodeId = NodeId(0);
pub const PARTITION: NodeId = NodeId(3);
pub const APPLY: NodeId = NodeId(4);
pub const SETTINGS: NodeId = NodeId(5);
pub const REBOOT: NodeId = NodeId(10);
pub const CAPTURE: NodeId = NodeId(11);

/// The sequence of the lab in little.
pub fn plan() -> Plan {
    let rows: [(u16, &str, &str, u32); 13] = [
        (0, "Build the Reference Machine", "", 0),
        (1, "Restart in Windows PE", "Restart Computer", 1),
        (1, "Partition Disk 0 - BIOS", "Format and Partition Disk", 2),
        (1, "Partition Disk 0 - UEFI", "Format and Partition Disk", 2),
        (
            1,
            "Apply Operating System",
            "Apply Operating System Image",
            40,
        ),
        (1, "Apply Windows Settings", "Apply Windows Settings", 1),
        (1, "Apply Network Settings", "Apply Network Settings", 1),
        (1, "Install Applications", "", 0),
        (2, "Install %Application%", "Run Command Line", 20),
        (0, "Capture the Reference Machine", "", 0),
        (1, "Restart Computer", "Restart Computer", 1),
        (
            1,
            "Capture Operating System",
            "Capture Operating System Image",
            60,
        ),
        (1, "Wait for a person", "Pause", 1),
    ];
    let mut nodes: Vec<PlanNode> = Vec::new();
    for (at, (depth, name, kind, weight)) in (0u32..).zip(rows) {
        let parent = nodes
            .iter()
            .rev()
            .find(|node| node.depth < depth)
            .map(|node| node.id);
        nodes.push(PlanNode {
            id: NodeId(at),
            parent,
            depth,
            name: name.to_owned(),
            kind: match kind {
                "" => NodeKind::Group,
                kind => NodeKind::Step(kind.to_owned()),
            },
            disabled: at == 7 || at == 8,
            continue_on_error: false,
            weight,
            repeats: (weight > 4).then(|| "it is written again".to_owned()),
        });
    }
    Plan {
        name: "Lab: build and capture".to_owned(),
        description: "Builds disk 0 and captures it.".to_owned(),
        nodes,
    }
}

pub fn technician() -> Who {
    Who {
        client: 1,
        name: "console on /dev/tty1".to_owned(),
    }
}

/// A connected console without a run.
pub fn console() -> Model {
    let mut model = initial(Model {
        keyboard: "keyboard layout us".to_owned(),
        now: START,
        size: (80, 24),
        ..Model::default()
    });
    update(&mut model, Msg::Connected);
    model
}

/// Tells a run to a console, event by event.
#[derive(Clone)]
pub struct Story {
    pub model: Model,
    pub seq: u64,
    pub at: Millis,
}

impl Story {
    pub fn new() -> Self {
        Self::with(plan())
    }

    pub fn with(plan: Plan) -> Self {
        let mut story = Self {
            model: console(),
            seq: 0,
            at: START,
        };
        let empty = Push::Snapshot(Box::default());
        update(&mut story.model, Msg::Push(empty));
        story.tell(EventBody::RunStarted {
            run: "20260314-090000".to_owned(),
            folder: "/var/lib/wimforge/runs/20260314-090000".to_owned(),
            source: "/srv/sequences/lab-build-and-capture.ron".to_owned(),
            plan,
            unattended: false,
            rehearsal: false,
        });
        story.tell(EventBody::BootStarted {
            boot: 1,
            in_winpe: true,
            unplanned: false,
        });
        story
    }

    pub fn tell(&mut self, body: EventBody) -> &mut Self {
        self.seq += 1;
        let event = Event {
            seq: self.seq,
            at: self.at,
            body,
        };
        update(&mut self.model, Msg::Push(Push::Event(event)));
        self
    }

    pub fn wait(&mut self, seconds: i64) -> &mut Self {
        self.at += seconds * 1000;
        update(&mut self.model, Msg::Tick(self.at));
        self
    }

    pub fn set(&mut self, name: &str, value: Shown) -> &mut Self {
        self.tell(EventBody::VariableSet {
            name: name.to_owned(),
            value,
            origin: Origin::Document,
        })
    }

    pub fn log(&mut self, severity: Severity, text: &str) -> &mut Self {
        self.tell(EventBody::Log {
            severity,
            component: "TSManager".to_owned(),
            text: text.to_owned(),
            node: self.model.state.current,
            attempt: 0,
        })
    }

    pub fn step(&mut self, node: NodeId, attempt: u32) -> &mut Self {
        let name = self.model.state.plan.nodes[node.index()].name.clone();
        self.log(
            Severity::Info,
            &format!("Start executing the step \"{name}\""),
        );
        self.tell(EventBody::StepStarted {
            node,
            attempt,
            name,
        })
    }

    pub fn phase(&mut self, node: NodeId, attempt: u32, phase: &str, unit: Unit) -> &mut Self {
        self.tell(EventBody::StepPhase {
            node,
            attempt,
            phase: phase.to_owned(),
            unit,
        })
    }

    pub fn end(&mut self, node: NodeId, attempt: u32, outcome: Outcome, millis: u64) -> &mut Self {
        self.tell(EventBody::StepFinished {
            node,
            attempt,
            outcome,
            millis,
        })
    }

    pub fn sample(
        &mut self,
        node: NodeId,
        done: u64,
        total: u64,
        silent: u64,
        detail: &str,
    ) -> &mut Self {
        let progress = Progress {
            node,
            attempt: 1,
            at: self.at,
            done,
            total,
            silent_millis: silent,
            detail: detail.to_owned(),
        };
        update(&mut self.model, Msg::Push(Push::Progress(progress)));
        self
    }

    pub fn ask(&mut self, node: Option<NodeId>, kind: QuestionKind) -> &mut Self {
        let id = u32::try_from(self.seq).unwrap_or(u32::MAX);
        self.tell(EventBody::QuestionAsked {
            question: Question { id, node, kind },
        })
    }

    pub fn skipped(&mut self, node: u32, why: &str) -> &mut Self {
        let reason = match why {
            "" => SkipReason::Disabled,
            why => SkipReason::Condition(why.to_owned()),
        };
        self.tell(EventBody::Skipped {
            node: NodeId(node),
            reason,
        })
    }

    pub fn finish(&mut self, outcome: RunOutcome, code: u32, summary: &str) -> &mut Self {
        self.tell(EventBody::RunFinished {
            outcome,
            code,
            summary: summary.to_owned(),
        })
    }
}

/// Up to the step that partitions the disk.
pub fn at_partition() -> Story {
    let mut story = Story::new();
    let plain = |text: &str| Shown::Plain(text.to_owned());
    story
        .set("_SMSTSInWinPE", plain("true"))
        .set("_SMSTSBootUEFI", plain("true"))
        .set("LabImage", plain("lab/reference.wim"))
        .set("OSDComputerName", plain("REF-01"))
        .set("OSDCaptureDestination", plain("lab/captures/reference.wim"))
        .set("OSDCaptureAccount", plain("LAB\\capture"))
        .set("OSDCaptureAccountPassword", Shown::Masked)
        .tell(EventBody::GroupStarted { node: BUILD })
        .skipped(1, "_SMSTSInWinPE equals \"false\"")
        .skipped(2, "_SMSTSBootUEFI not equals \"true\"")
        .wait(1)
        .step(PARTITION, 1)
        .phase(PARTITION, 1, "partitioning disk 0", Unit::Nothing);
    story
}

/// In the middle of applying the image.
pub fn applying() -> Story {
    let mut story = at_partition();
    story
        .wait(14)
        .set("OSDisk", Shown::Plain("C:".to_owned()))
        .log(
            Severity::Info,
            "partition 1: EFI, 260 MiB, FAT32, \"System\"",
        )
        .log(
            Severity::Info,
            "partition 3: basic data, 59 GiB, NTFS, \"Windows\"",
        )
        .log(
            Severity::Warning,
            "the disk's cache cannot be flushed: the drive does not know how",
        )
        .end(PARTITION, 1, Outcome::Succeeded, 14_200)
        .step(APPLY, 1)
        .phase(APPLY, 1, "applying image 1", Unit::Bytes)
        .wait(95)
        .sample(
            APPLY,
            2 * GIB + 300 * MIB,
            8 * GIB,
            200,
            "Windows/WinSxS/amd64_microsoft-windows-shell_10.0.26100.1/shell32.dll",
        )
        .wait(3);
    story
}

pub fn failure() -> Failure {
    Failure {
        code: 0x8007_0070,
        message: "applying image 1 of lab/reference.wim to partition 3 of disk 0 failed".to_owned(),
        causes: vec![
            "writing Windows/System32/config/SOFTWARE".to_owned(),
            "no space left on device".to_owned(),
        ],
        tail: (1..=12)
            .map(|at| format!("wimlib: line {at} of what the tool said before it gave up"))
            .collect(),
        hint: Some("make the Windows partition larger than 59 GiB".to_owned()),
    }
}

pub fn failed() -> Story {
    let mut story = applying();
    let outcome = Outcome::Failed {
        failure: failure(),
        ignored: false,
    };
    story
        .log(
            Severity::Error,
            "Failed to run the action: Apply Operating System. Error 0x80070070 (2147942512)",
        )
        .end(APPLY, 1, outcome, 98_000)
        .ask(
            Some(APPLY),
            QuestionKind::Failed {
                attempt: 1,
                failure: failure(),
            },
        );
    story
}

pub fn facts() -> DiskFacts {
    DiskFacts {
        number: 0,
        path: "/dev/nvme0n1".to_owned(),
        model: "Samsung SSD 980 PRO 500GB".to_owned(),
        serial: "S5GYNX0R123456".to_owned(),
        bytes: 500_107_862_016,
        table: "GPT".to_owned(),
        found: String::new(),
        contents: vec![
            "1  100 MiB  FAT32  SYSTEM".to_owned(),
            "2  16 MiB  unknown".to_owned(),
            "3  465 GiB  NTFS  Windows".to_owned(),
            "4  650 MiB  NTFS  Recovery".to_owned(),
        ],
    }
}

pub fn wipe() -> Story {
    let mut story = at_partition();
    story
        .ask(Some(PARTITION), QuestionKind::ConfirmDisk(facts()))
        .wait(5);
    story
}

/// The capture has begun; its destination exists.
pub fn replace() -> Story {
    let mut story = applying();
    capture_begun(&mut story);
    story.ask(
        Some(CAPTURE),
        QuestionKind::ConfirmReplace {
            path: "/mnt/captures/Windows 11/reference.wim".to_owned(),
            bytes: 5_318_229_001,
            modified: START - 3 * 86_400_000,
        },
    );
    story
}

fn capture_begun(story: &mut Story) {
    story
        .wait(180)
        .end(APPLY, 1, Outcome::Succeeded, 278_000)
        .step(SETTINGS, 1)
        .end(
            SETTINGS,
            1,
            Outcome::Warned("no time zone was given".to_owned()),
            300,
        )
        .step(NodeId(6), 1)
        .end(NodeId(6), 1, Outcome::Succeeded, 200)
        .skipped(7, "")
        .tell(EventBody::GroupFinished {
            node: BUILD,
            outcome: Outcome::Succeeded,
        })
        .tell(EventBody::GroupStarted { node: NodeId(9) })
        .step(REBOOT, 1)
        .end(REBOOT, 1, Outcome::Succeeded, 4_000)
        .step(CAPTURE, 1)
        .phase(CAPTURE, 1, "checking the destination", Unit::Nothing);
}

pub fn pause() -> Story {
    let mut story = applying();
    capture_begun(&mut story);
    story
        .end(CAPTURE, 1, Outcome::Succeeded, 600_000)
        .step(NodeId(12), 1)
        .ask(
            Some(NodeId(12)),
            QuestionKind::Pause {
                message: "Attach the label REF-01 to the machine, then press Enter.".to_owned(),
            },
        );
    story
}

pub fn succeeded() -> Story {
    let mut story = applying();
    capture_begun(&mut story);
    let volume = |index, volume: &str, bytes, files| EventBody::Produced {
        node: CAPTURE,
        artifact: Artifact::CapturedVolume {
            index,
            volume: volume.to_owned(),
            bytes,
            files,
        },
    };
    story
        .tell(volume(
            1,
            "disk 0 partition 1, FAT32, System",
            31 * MIB,
            212,
        ))
        .tell(volume(
            2,
            "disk 0 partition 3, NTFS, Windows",
            21 * GIB,
            148_212,
        ))
        .tell(EventBody::Produced {
            node: CAPTURE,
            artifact: Artifact::SkippedVolume {
                volume: "disk 0 partition 2".to_owned(),
                reason: "Microsoft reserved partition, holds no file system".to_owned(),
            },
        })
        .tell(EventBody::Produced {
            node: CAPTURE,
            artifact: Artifact::File {
                path: "/mnt/captures/Windows 11/reference.wim".to_owned(),
                bytes: 5_318_229_001,
                what: "captured image".to_owned(),
            },
        })
        .wait(600)
        .end(CAPTURE, 1, Outcome::Succeeded, 600_000)
        .finish(
            RunOutcome::Succeeded,
            0,
            "\"Lab: build and capture\" completed",
        );
    story
}

pub fn run_failed() -> Story {
    let mut story = failed();
    for node in 5..13 {
        let outcome = Outcome::WillNotRun(APPLY);
        story.tell(if node == 9 {
            EventBody::GroupFinished {
                node: NodeId(node),
                outcome,
            }
        } else {
            EventBody::StepFinished {
                node: NodeId(node),
                attempt: 0,
                outcome,
                millis: 0,
            }
        });
    }
    let outcome = Outcome::Failed {
        failure: failure(),
        ignored: false,
    };
    let summary = format!("\"Apply Operating System\" failed: {}", failure().message);
    story
        .wait(20)
        .tell(EventBody::GroupFinished {
            node: BUILD,
            outcome,
        })
        .finish(RunOutcome::Failed, 0x8007_0070, &summary);
    story
}

/// What the engine finds: two good sequences and a broken one.
pub fn sequences() -> Vec<SequenceInfo> {
    let input = |variable: &str, label: &str, default: &str, check| InputInfo {
        variable: variable.to_owned(),
        label: label.to_owned(),
        default: default.to_owned(),
        check,
        ..InputInfo::default()
    };
    vec![
        SequenceInfo {
            path: "/srv/sequences/build-and-capture-windows-11.ron".to_owned(),
            name: "Windows 11: build and capture".to_owned(),
            description: "Partitions disk 0, applies the image, configures it, restarts, and captures every volume into one WIM.".to_owned(),
            steps: 14,
            disks: vec![0],
            inputs: vec![
                input("OSDComputerName", "Computer name", "REF-01", Check::ComputerName),
                input("OSDCaptureDestination", "Image file to write", "", Check::ImagePath),
                InputInfo {
                    secret: true,
                    ..input("OSDCaptureAccountPassword", "Password of LAB\\capture", "", Check::Text)
                },
                InputInfo {
                    optional: true,
                    ..input("OSDProductKey", "Product key", "", Check::ProductKey)
                },
            ],
            ..SequenceInfo::default()
        },
        SequenceInfo {
            path: "/srv/sequences/capture-only.ron".to_owned(),
            name: "Capture only".to_owned(),
            description: "Captures every volume of disk 0.".to_owned(),
            steps: 2,
            ..SequenceInfo::default()
        },
        SequenceInfo {
            path: "/media/usb/sequences/new.ron".to_owned(),
            name: "new.ron".to_owned(),
            mistakes: "/media/usb/sequences/new.ron:12:27: error: unknown field `partitons`: one of `disk`, `style`, `partitions`, `alignment`\n   12 |         partitons: [\n      |         ^^^^^^^^^\n      = did you mean `partitions`?\n/media/usb/sequences/new.ron:40:9: warning: the group \"Build\" is empty\n   40 |         Group(name: \"Build\", steps: []),\n      |         ^^^^^\n".to_owned(),
            first_mistake: "12:27: unknown field `partitons`".to_owned(),
            ..SequenceInfo::default()
        },
    ]
}
