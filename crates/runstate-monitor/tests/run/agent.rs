//! The guest's agent: what qemu-ga answers, and what the guest does.

use runstate::{Release, Time};
use runstate_monitor::monitor::Monitor;

use crate::monitor::{ask, launch, plain, sent, words};

const BOARD: &str = "-device virtio-serial-pci,id=virtio-serial0 -chardev socket,id=ga,path=/ga,server=on,wait=off \
                     -device virtserialport,chardev=ga,id=channel0,name=org.qemu.guest_agent.0";

/// A VM whose guest has an agent, with a client at both.
fn start(options: &str) -> Monitor {
    let line = words(&format!("-qmp unix:/a,server=on,wait=off {BOARD} {options}"));
    let mut monitor = launch(Release::V10_0, &line, Vec::new());
    monitor.connect(0);
    ask(&mut monitor, 0, r#"{"execute":"qmp_capabilities"}"#);
    assert_eq!(monitor.agent_chardev(), Some("ga"));
    monitor.set_connected("ga", true);
    // The port was opened at the launch, before anybody could hear of it.
    monitor.advance(Time::SECOND);
    monitor
}

fn tell(monitor: &mut Monitor, text: &str) -> String {
    String::from_utf8_lossy(&monitor.agent(text.as_bytes())).into_owned()
}

fn events(monitor: &mut Monitor) -> Vec<String> {
    let said = sent(monitor, 0);
    let names = said.iter().filter_map(|message| {
        let message = plain(message);
        let name = message.get("event")?.as_str()?.to_owned();
        Some(match message.get("data").and_then(|data| data.get("open")) {
            Some(open) => format!("{name} {open}"),
            None => name,
        })
    });
    names.collect()
}

#[test]
fn it_synchronises_and_says_what_it_can() {
    let mut monitor = start("");
    assert_eq!(
        tell(&mut monitor, "{'execute':'guest-sync','arguments':{'id':5}}"),
        "{\"return\": 5}\n"
    );
    assert_eq!(
        monitor.agent(b"\xff{'execute':'guest-sync-delimited','arguments':{'id':6}}"),
        [
            &b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray '\\uFFFD'\"}}\n"
                [..],
            b"\xff{\"return\": 6}\n"
        ]
        .concat()
    );
    assert_eq!(
        tell(&mut monitor, "{'execute':'guest-ping','id':1}"),
        "{\"return\": {}, \"id\": 1}\n"
    );
    let info = plain(&tell(&mut monitor, "{'execute':'guest-info'}"));
    let info = info.get("return").expect("it is answered");
    assert_eq!(
        info.get("version").and_then(|version| version.as_str()),
        Some("10.0.13")
    );
    // Halves are put together.
    assert_eq!(tell(&mut monitor, "{'execute':'guest"), "");
    assert_eq!(tell(&mut monitor, "-ping'}"), "{\"return\": {}}\n");
}

#[test]
fn what_it_has_not_it_refuses_as_qemu_ga_does() {
    let mut monitor = start("");
    for (sent, class, desc) in [
        (
            "{'execute':'guest-get-time'}",
            "CommandNotFound",
            "The command guest-get-time has not been found",
        ),
        // It is no monitor.
        (
            "{'execute':'qmp_capabilities'}",
            "CommandNotFound",
            "The command qmp_capabilities has not been found",
        ),
        (
            "{'execute':'guest-sync'}",
            "GenericError",
            "Parameter 'id' is missing",
        ),
        (
            "{'execute':'guest-ping','arguments':{'x':1}}",
            "GenericError",
            "Parameter 'x' is unexpected",
        ),
        (
            "{'execute':'guest-shutdown','arguments':{'mode':'off'}}",
            "GenericError",
            "mode is invalid (valid values are: halt|powerdown|reboot",
        ),
        ("[]", "GenericError", "QMP input must be a JSON object"),
    ] {
        let said = format!("{{\"error\": {{\"class\": \"{class}\", \"desc\": \"{desc}\"}}}}\n");
        assert_eq!(tell(&mut monitor, sent), said);
    }
    assert_eq!(events(&mut monitor), [""; 0]);
}

#[test]
fn the_guest_sleeps_and_the_agent_with_it() {
    let mut monitor = start("");
    assert!(monitor.agent_wants_input() > 0);
    // Success is not answered. What comes after it waits until the guest is awake.
    assert_eq!(
        tell(
            &mut monitor,
            "{'execute':'guest-suspend-ram'} {'execute':'guest-ping'}"
        ),
        ""
    );
    assert_eq!(events(&mut monitor), ["SUSPEND"]);
    assert_eq!(monitor.agent_wants_input(), 0);
    ask(&mut monitor, 0, "{'execute':'system_wakeup'}");
    assert_eq!(tell(&mut monitor, ""), "{\"return\": {}}\n");
    assert_eq!(tell(&mut monitor, "{'execute':'guest-suspend-disk'}"), "");
    assert_eq!(events(&mut monitor), ["SUSPEND_DISK", "SHUTDOWN"]);
    assert!(monitor.end().is_some());
}

#[test]
fn a_board_that_cannot_sleep_is_told() {
    let mut monitor = start("-global PIIX4_PM.disable_s3=1 -global PIIX4_PM.disable_s4=0");
    let said = tell(&mut monitor, "{'execute':'guest-suspend-ram'}");
    assert!(
        said.contains("the requested suspend mode is not supported by the guest"),
        "{said}"
    );
    assert_eq!(tell(&mut monitor, "{'execute':'guest-suspend-disk'}"), "");
    assert_eq!(events(&mut monitor), ["SUSPEND_DISK", "SHUTDOWN"]);
}

#[test]
fn the_guest_goes_down_and_the_agent_with_it() {
    let mut monitor = start("-no-shutdown");
    assert_eq!(
        tell(
            &mut monitor,
            "{'execute':'guest-shutdown','arguments':{'mode':'reboot'}}"
        ),
        ""
    );
    // Of the port's changes at most one a second is told, the last one.
    assert_eq!(events(&mut monitor), ["VSERPORT_CHANGE false", "RESET"]);
    assert_eq!(monitor.deadline(), Some(Time::from_millis(2000)));
    monitor.advance(Time::from_millis(2000));
    assert_eq!(events(&mut monitor), ["VSERPORT_CHANGE true"]);
    monitor.advance(Time::from_millis(3500));
    assert_eq!(tell(&mut monitor, "{'execute':'guest-shutdown'}"), "");
    assert_eq!(
        events(&mut monitor),
        ["VSERPORT_CHANGE false", "SHUTDOWN", "STOP"]
    );
    assert_eq!(monitor.agent_wants_input(), 0);
}

#[test]
fn a_guest_that_halts_says_nothing_more() {
    let mut monitor = start("");
    assert_eq!(
        tell(
            &mut monitor,
            "{'execute':'guest-shutdown','arguments':{'mode':'halt'}}"
        ),
        ""
    );
    assert_eq!(events(&mut monitor), ["VSERPORT_CHANGE false"]);
    assert_eq!(monitor.agent_wants_input(), 0);
    let status = ask(&mut monitor, 0, "{'execute':'query-status'}");
    assert!(status[0].contains("running"), "{status:?}");
    let chardevs = ask(&mut monitor, 0, "{'execute':'query-chardev'}");
    assert!(chardevs[0].contains("\"frontend-open\": false"), "{chardevs:?}");
}

#[test]
fn the_agent_starts_with_the_guest() {
    let mut monitor = start("-S");
    assert_eq!(monitor.agent_wants_input(), 0);
    ask(&mut monitor, 0, "{'execute':'stop'}");
    let said = ask(&mut monitor, 0, "{'execute':'cont'}");
    assert!(
        said[0].contains("RESUME") && said[1].contains("VSERPORT_CHANGE"),
        "{said:?}"
    );
    assert!(monitor.agent_wants_input() > 0);
}
