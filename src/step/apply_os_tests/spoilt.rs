//! Volumes whose file system did not survive an attempt.

use super::*;

#[test]
fn a_volume_that_a_killed_tool_left_broken_is_formatted_by_the_next_attempt() {
    let mut lab = Lab::new().with_volumes(2);
    let wim = lab.wim(&["first"], 10, true);
    let mut first = settings(&wim);
    first.destination = Destination::Partition(0, 2);
    // Left by a step for another volume: this one does not forget it.
    lab.host.set(volumes::WRITING, "0,3");
    lab.machine.spoils = true;
    let (result, host, machine, _dir) = lab.run(&first);
    failure(result);
    let node = &machine.disks[0].partitions[1].node;
    assert!(matches!(machine.ntfs_state(node), Ok(NtfsState::Broken(_))));
    let mark = host.text(volumes::WRITING);
    let at = |partition| PartitionRef { disk: 0, partition };
    assert_eq!(volumes::half_written(host.as_ref()), [at(3), at(2)]);

    let lab = Lab::new().with_volumes(2);
    let wim = lab.wim(&["first"], 10, true);
    let mut second = settings(&wim);
    second.destination = Destination::Partition(0, 2);
    let node = lab.machine.disks[0].partitions[1].node.clone();
    lab.state(node, NtfsState::Broken("spoilt".to_owned()));
    lab.host.set(volumes::WRITING, &mark);
    let (result, ..) = lab.run(&second);
    let (_, message) = failure(result);
    // The machine of these tests formats nothing: that it is asked to is what counts.
    assert!(
        message.starts_with("formatting disk 0 partition 2"),
        "{message}"
    );
}

#[test]
fn a_failure_after_the_first_byte_says_so() {
    let mut lab = Lab::new().with_volumes(1);
    let wim = lab.wim(&["first"], 30_000, true);
    // A volume that is smaller than the table says: the check of the room cannot see it.
    let node = lab.ntfs("small.img", 16);
    lab.machine.disks[0].partitions[1].node = node;
    let (result, host, _machine, _dir) = lab.run(&settings(&wim));
    let (code, message) = failure(result);
    assert_eq!(code, codes::DISK_FULL, "{message}");
    assert!(
        message.contains("now holds a part of image 1; the step may be retried"),
        "{message}"
    );
    assert_eq!(host.text("_WimforgeAppliedVolumes"), "");
    assert_eq!(host.text(volumes::WRITING), "", "its file system is whole");
}
