//! The vocabulary is the schema's: every name, in its order.

use runstate::{
    GuestPanicAction, GuestPanicInformationType, MemoryFailureAction, MemoryFailureRecipient,
    NotifyVmexitOption, PanicAction, RebootAction, Release, RunState, S390CrashReason, ShutdownAction,
    ShutdownCause, WatchdogAction,
};

const SCHEMA: &str = include_str!("../data/run-state.schema");

fn definitions() -> impl Iterator<Item = (&'static str, &'static str, Vec<&'static str>)> {
    SCHEMA.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (head, data) = line.split_once(": ").unwrap_or((line, ""));
        let (kind, name) = head.split_once(' ').expect("a definition has a kind and a name");
        (kind, name, data.split_whitespace().collect())
    })
}

/// The names of the enum, as the schema of 10.0 has them.
fn known(name: &str) -> Option<Vec<&'static str>> {
    macro_rules! names {
        ($($Type:ident)+) => {
            match name {
                $(stringify!($Type) => Some(
                    $Type::ALL.iter().filter(|value| value.since() <= Release::V10_0).map(|value| value.name()).collect(),
                ),)+
                _ => None,
            }
        };
    }
    names! {
        RunState ShutdownCause WatchdogAction RebootAction ShutdownAction PanicAction GuestPanicAction GuestPanicInformationType
        S390CrashReason MemoryFailureRecipient MemoryFailureAction NotifyVmexitOption
    }
}

#[test]
fn there_are_33_definitions() {
    assert_eq!(definitions().count(), 33);
}

#[test]
fn every_enum_is_the_schemas() {
    let mut count = 0;
    for (kind, name, data) in definitions() {
        if kind == "enum" {
            assert_eq!(known(name), Some(data), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 12);
}

#[test]
fn what_other_releases_add_or_lack() {
    assert_eq!(PanicAction::ExitFailure.since(), Release::V7_1);
    assert_eq!(ShutdownCause::SnapshotLoad.since(), Release::V7_2_0);
    assert_eq!(GuestPanicInformationType::Tdx.since(), Release::V10_1);
    assert_eq!(GuestPanicInformationType::Sev.since(), Release::V11_0);
    assert!(!Release::V9_0.has_pvshutdown() && Release::V9_1.has_pvshutdown());
    assert!(Release::V8_2.status_has_singlestep() && !Release::V9_0.status_has_singlestep());
}

#[cfg(feature = "serde")]
mod spelling {
    use runstate::{
        GuestPanicInformation, GuestPanicInformationS390, GuestPanicInformationTdx, MemoryFailure,
        MemoryFailureFlags, StatusInfo, TdxMessage,
    };

    use super::*;

    fn members(value: &impl serde::Serialize) -> Vec<String> {
        let value = serde_json::to_value(value).expect("it serializes");
        let mut names: Vec<String> = value.as_object().expect("an object").keys().cloned().collect();
        names.sort();
        names
    }

    /// A struct's members as the schema has them, without types, sorted.
    fn schema(wanted: &str) -> Vec<String> {
        let (_, _, data) = definitions()
            .find(|(_, name, _)| *name == wanted)
            .expect("it is defined");
        let mut names: Vec<String> = data
            .iter()
            .filter_map(|member| member.split_once('='))
            .map(|(name, _)| name.trim_start_matches('*').to_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn structs_have_the_schemas_members() {
        let failure = MemoryFailure {
            recipient: MemoryFailureRecipient::Guest,
            action: MemoryFailureAction::Inject,
            flags: MemoryFailureFlags::default(),
        };
        assert_eq!(members(&failure), schema("MEMORY_FAILURE"));
        assert_eq!(members(&failure.flags), schema("MemoryFailureFlags"));
        let status = StatusInfo {
            running: true,
            status: RunState::Running,
            singlestep: None,
        };
        assert_eq!(members(&status), schema("StatusInfo"));
        let s390 = GuestPanicInformationS390 {
            core: 1,
            psw_mask: 2,
            psw_addr: 3,
            reason: S390CrashReason::Unknown,
        };
        assert_eq!(members(&s390), schema("GuestPanicInformationS390"));
    }

    /// 64-bit values survive exactly, both ways.
    #[test]
    fn panic_information_survives() {
        let texts = [
            r#"{"type":"hyper-v","arg1":18446744073709551615,"arg2":9223372036854775808,"arg3":0,"arg4":9007199254740993,"arg5":1}"#,
            r#"{"type":"s390","core":4294967295,"psw-mask":18446744073709551615,"psw-addr":4095,"reason":"disabled-wait"}"#,
            r#"{"type":"tdx","error-code":7,"message":"bad","gpa":18446744073709551614}"#,
            r#"{"type":"tdx","error-code":7,"message":""}"#,
            r#"{"type":"sev","set":1,"code":2}"#,
        ];
        for text in texts {
            let info: GuestPanicInformation = serde_json::from_str(text).expect(text);
            assert_eq!(serde_json::to_string(&info).expect("it serializes"), text);
        }
        let refused = [
            r#"{"type":"sev","set":1,"code":2,"core":3}"#,
            r#"{"type":"hyper-v","arg1":1}"#,
            r#"{"type":"arm"}"#,
            r#"{"type":"sev","set":-1,"code":2}"#,
        ];
        for text in refused {
            assert!(
                serde_json::from_str::<GuestPanicInformation>(text).is_err(),
                "{text}"
            );
        }
        let long = "x".repeat(TdxMessage::CAPACITY + 1);
        assert_eq!(TdxMessage::new(&long), None);
        let message = TdxMessage::new(&long[1..]).expect("it fits");
        assert_eq!(message.as_str(), &long[1..]);
        let _ = GuestPanicInformationTdx {
            error_code: 1,
            message,
            gpa: None,
        };
    }
}
