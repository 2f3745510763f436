//! Both settings steps on a real NTFS volume, and the scrub before a capture.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

#[path = "answer_file/cases.rs"]
mod cases;
#[path = "common/system.rs"]
mod system;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use wimforge::cancel::CancelToken;
use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::platform::machine::FormatRequest;
use wimforge::platform::{Layout, LayoutEntry, Machine, PartitionRef, TableKind};
use wimforge::secret::Secret;
use wimforge::sequence::settings::{
    Adapter, ApplyNetworkSettings, ApplyWindowsSettings, FileSystem, Join,
};
use wimforge::sequence::variables::Value;
use wimforge::step::action_variable::ActionVariable;
use wimforge::step::cx::Host;
use wimforge::step::testing::RecordingHost;
use wimforge::step::{apply_network, apply_windows, volumes};
use wimforge::unattend;

const CANARY: &str = "CANARY-b81e, x%<&>\"";
const MIB: u64 = 1024 * 1024;
const AT: PartitionRef = PartitionRef {
    disk: 0,
    partition: 1,
};

fn windows() -> ApplyWindowsSettings {
    ApplyWindowsSettings {
        computer_name: None,
        user: "Imaging & Co".into(),
        organization: "Example".into(),
        product_key: None,
        server_license: None,
        random_admin_password: false,
        admin_password_variable: None,
        time_zone: Some("W. Europe Standard Time".into()),
        input_locale: Some("de-DE".into()),
        system_locale: None,
        ui_language: None,
        ui_language_fallback: None,
        user_locale: None,
    }
}

fn network() -> ApplyNetworkSettings {
    ApplyNetworkSettings {
        join: Join::Domain {
            name: "example.test".into(),
            ou: Some("LDAP://OU=x,DC=y".into()),
            account: "EXAMPLE\\join".into(),
            password_variable: None,
        },
        dns_suffix: Some("example.test".into()),
        dns_suffix_search_order: vec!["a.test".into(), "b.test".into()],
        adapters: vec![Adapter {
            mac: Some("aa:bb:cc:dd:ee:ff".into()),
            dhcp: false,
            addresses: vec!["192.0.2.10/24".into()],
            gateways: vec!["192.0.2.1".into()],
            dns_servers: vec!["192.0.2.53".into()],
            dns_registration: true,
            ..Adapter::default()
        }],
    }
}

/// As the engine does before a step: a variable that is set already wins.
fn put_in(host: &RecordingHost, list: Vec<ActionVariable>) {
    for ActionVariable { name, value } in list {
        if host.variable(name).is_none() {
            host.set_engine_variable(name, host.expand(value.reveal()).into_value());
        }
    }
}

fn volume(folder: &Path) -> Arc<LinuxMachine> {
    let image = folder.join("disk.img");
    File::create(&image).unwrap().set_len(64 * MIB).unwrap();
    let machine = LinuxMachine::new(MachineOptions {
        attached: vec![(0, image)],
        ..MachineOptions::default()
    })
    .unwrap();
    let layout = Layout {
        kind: TableKind::Gpt,
        entries: vec![LayoutEntry {
            start_bytes: MIB,
            bytes: 60 * MIB,
            type_id: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7".into(),
            name: "Windows".into(),
            attributes: 0,
            active: false,
        }],
    };
    machine
        .write_layout(&machine.disk(0).unwrap(), &layout)
        .unwrap();
    let request = FormatRequest {
        at: AT,
        fs: FileSystem::Ntfs,
        label: "W".into(),
        quick: true,
    };
    machine
        .format(&request, &|_, _| {}, &|_| {}, &CancelToken::new())
        .unwrap();
    Arc::new(machine)
}

fn on_volume<T>(machine: &LinuxMachine, work: impl FnOnce(&Path) -> T) -> T {
    let node = machine.disk(0).unwrap().partitions[0].node.clone();
    let mounted = machine.mount_ntfs(&node, true).unwrap();
    let result = work(mounted.path());
    mounted.close().unwrap();
    result
}

#[test]
fn settings_are_merged_on_ntfs_never_logged_and_scrubbed() {
    if system::skip_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let machine = volume(folder.path());
    let file = "WINDOWS/panther/Unattend.XML";
    on_volume(&machine, |root| {
        fs::create_dir_all(root.join("WINDOWS/panther")).unwrap();
        let old = "<unattend xmlns=\"urn:schemas-microsoft-com:unattend\"><settings pass=\"specialize\">\
             <component name=\"Kept\" processorArchitecture=\"amd64\"><A>b</A></component></settings></unattend>";
        fs::write(root.join(file), old).unwrap();
    });
    let host = RecordingHost::with(&[("_SMSTSMachineName", "REF-01"), ("OSDTimeZone", "UTC")]);
    host.set_engine_variable("OSDLocalAdminPassword", Value::Secret(Secret::new(CANARY)));
    host.set_engine_variable("OSDJoinPassword", Value::Secret(Secret::new(CANARY)));
    volumes::mark_applied(host.as_ref(), AT);
    let cx = host.cx(machine.clone(), folder.path());
    put_in(&host, apply_windows::action_variables(&windows()));
    apply_windows::run(&windows(), &cx).unwrap();
    put_in(&host, apply_network::action_variables(&network()));
    apply_network::run(&network(), &cx).unwrap();

    let encoded = unattend::encode_password(&Secret::new(CANARY), "AdministratorPassword");
    for (_, line) in host.lines() {
        assert!(
            !line.contains("CANARY") && !line.contains(encoded.reveal()),
            "a secret in the log"
        );
    }
    assert!(host.secrets().contains(&encoded));

    on_volume(&machine, |root| {
        let path = root.join(file);
        let text = fs::read(&path).unwrap();
        let document = unattend::Document::parse(&text, "x", "amd64").unwrap();
        let is = |component, path, wanted: &str| {
            let found = document.get("specialize", component, path);
            assert_eq!(found.as_deref(), Some(wanted), "{component} {path}");
        };
        is("Kept", "A", "b");
        is(unattend::SHELL, "ComputerName", "REF-01");
        // A variable set before wins over the step's setting.
        is(unattend::SHELL, "TimeZone", "UTC");
        is(unattend::SHELL, "RegisteredOwner", "Imaging & Co");
        is(unattend::INTERNATIONAL, "InputLocale", "de-DE");
        is(
            unattend::JOIN,
            "Identification/MachineObjectOU",
            "OU=x,DC=y",
        );
        is(
            unattend::JOIN,
            "Identification/Credentials/Username",
            "join",
        );
        is(
            unattend::JOIN,
            "Identification/Credentials/Password",
            CANARY,
        );
        is(
            unattend::TCPIP,
            "Interfaces/Interface/Identifier",
            "AA-BB-CC-DD-EE-FF",
        );
        is(
            unattend::TCPIP,
            "Interfaces/Interface/UnicastIpAddresses/IpAddress",
            "192.0.2.10/24",
        );
        let entries = fs::read_dir(root.join("WINDOWS/panther")).unwrap().count();
        assert_eq!(entries, 1, "a temporary file is left");

        let scrub = || unattend::scrub_volume(root, unattend::Keys::Remove, &|| false).unwrap();
        let found = scrub();
        assert_eq!((found.answers.len(), found.secrets()), (1, 2));
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("CANARY") && !text.contains(encoded.reveal()),
            "a secret is left"
        );
        assert!(text.contains("REF-01"));
        assert!(!scrub().must_be_scrubbed());
    });

    // Domain and workgroup exclude each other.
    let workgroup = ApplyNetworkSettings {
        join: Join::Workgroup("WG".into()),
        ..network()
    };
    host.set_engine_variable("OSDNetworkJoinType", Value::Plain("1".into()));
    put_in(&host, apply_network::action_variables(&workgroup));
    apply_network::run(&workgroup, &cx).unwrap();
    on_volume(&machine, |root| {
        let text = fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains("JoinWorkgroup"));
        assert!(!text.contains("JoinDomain") && !text.contains("Credentials"));
    });
}

/// Makes an adapter one that must be refused.
type Change = fn(&mut Adapter);

#[test]
fn limits_are_checked_before_anything_is_touched() {
    let machine = Arc::new(LinuxMachine::new(MachineOptions::default()).unwrap());
    let long = "x".repeat(256);
    for (name, value) in [
        ("OSDComputerName", "SIXTEEN-LETTERS-"),
        ("OSDComputerName", "A B"),
        ("OSDProductKey", long.as_str()),
        ("OSDServerLicenseMode", "Sometimes"),
        ("OSDRegisteredUserName", long.as_str()),
    ] {
        let host = RecordingHost::with(&[
            ("_SMSTSMachineName", "REF-01"),
            ("OSDLocalAdminPassword", "x"),
            (name, value),
        ]);
        put_in(&host, apply_windows::action_variables(&windows()));
        let cx = host.cx(machine.clone(), Path::new("/tmp"));
        let error = apply_windows::run(&windows(), &cx).unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    let changes: [(Change, &str); 4] = [
        (|a| a.mac = Some("zz".into()), "MAC"),
        (
            |a| a.addresses = vec!["192.0.2.10/33".into()],
            "192.0.2.10/33",
        ),
        (|a| a.gateways = vec!["gate".into()], "gate"),
        (|a| a.dhcp = true, "DHCP"),
    ];
    for (change, part) in changes {
        let mut settings = network();
        change(&mut settings.adapters[0]);
        let host = RecordingHost::with(&[]);
        put_in(&host, apply_network::action_variables(&settings));
        let cx = host.cx(machine.clone(), Path::new("/tmp"));
        let error = apply_network::run(&settings, &cx).unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}
