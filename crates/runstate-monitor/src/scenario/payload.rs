//! The JSON behind guest and host actions: what of it the machine has to know, and what it must look like.

use runstate::{
    BlockErrorAction, Guest, GuestPanicInformation, GuestPanicInformationHyperV, GuestPanicInformationS390,
    GuestPanicInformationSev, GuestPanicInformationTdx, GuestPanicInformationType, MemoryFailure,
    MemoryFailureAction, MemoryFailureFlags, MemoryFailureRecipient, RunState, S390CrashReason, Stream,
    TdxMessage,
};
use runstate_qmp::{Object, Value, object};

use super::shape::{self, Misshapen, Shaped};

/// A memory failure of which nothing is said.
pub(super) const MEMORY_FAILURE: MemoryFailure = MemoryFailure {
    recipient: MemoryFailureRecipient::Guest,
    action: MemoryFailureAction::Inject,
    flags: MemoryFailureFlags {
        action_required: false,
        recursive: false,
    },
};

/// A stream of which nothing is said.
pub(super) const STREAM: Stream = Stream {
    status: RunState::Running,
    suspended: false,
    postcopy: false,
};

/// The least data that says what `action` is, where its name does not.
pub(super) fn data_of(action: Guest) -> Option<Value> {
    match action {
        Guest::IoError(BlockErrorAction::Stop) => None,
        Guest::IoError(outcome) => Some(object! { "action": outcome.name() }.into()),
        Guest::MemoryFailure(MEMORY_FAILURE) => None,
        Guest::MemoryFailure(failure) => Some(
            object! {
                "recipient": failure.recipient.name(),
                "action": failure.action.name(),
                "flags": object! {
                    "action-required": failure.flags.action_required,
                    "recursive": failure.flags.recursive,
                },
            }
            .into(),
        ),
        Guest::Shutdown
        | Guest::Reset
        | Guest::Panic
        | Guest::Crashloaded
        | Guest::Pvshutdown
        | Guest::Watchdog
        | Guest::Suspend
        | Guest::SuspendDisk
        | Guest::Wakeup
        | Guest::InternalError
        | Guest::Debug
        | Guest::NotifyVmexit
        | Guest::DebugExit(_)
        | Guest::SubsystemReset => None,
    }
}

/// A GuestPanicInformation.
pub(super) fn panic_information(value: &Value) -> Shaped<GuestPanicInformation> {
    const WHAT: &str = "a GuestPanicInformation";
    const ARGUMENTS: [&str; 5] = ["arg1", "arg2", "arg3", "arg4", "arg5"];

    let all: Vec<&str> = value
        .as_object()
        .map(|object| object.keys().collect())
        .unwrap_or_default();
    let object = shape::object(value, WHAT, &all)?;
    let kind = shape::required(object, WHAT, "type")
        .map_err(|error| error.hint("`type` is `hyper-v`, `s390`, `tdx` or `sev`"))?;
    let kind = shape::name(
        kind,
        "type",
        GuestPanicInformationType::ALL,
        GuestPanicInformationType::name,
    )?;
    let what = format!("{WHAT} of type `{kind}`");
    let only = |members: &[&str]| shape::object(value, &what, members);
    let word = |key| shape::number(object, &what, key, u64::MAX);
    let half = |key| {
        let number = shape::number(object, &what, key, u64::from(u32::MAX))?;
        Ok(u32::try_from(number).expect("it is at most u32::MAX"))
    };
    Ok(match kind {
        GuestPanicInformationType::HyperV => {
            only(&[&["type"][..], &ARGUMENTS].concat())?;
            let [arg1, arg2, arg3, arg4, arg5] = ARGUMENTS.map(word);
            GuestPanicInformation::HyperV(GuestPanicInformationHyperV {
                arg1: arg1?,
                arg2: arg2?,
                arg3: arg3?,
                arg4: arg4?,
                arg5: arg5?,
            })
        }
        GuestPanicInformationType::S390 => {
            only(&["type", "core", "psw-mask", "psw-addr", "reason"])?;
            let reason = shape::required(object, &what, "reason")?;
            GuestPanicInformation::S390(GuestPanicInformationS390 {
                core: half("core")?,
                psw_mask: word("psw-mask")?,
                psw_addr: word("psw-addr")?,
                reason: shape::name(reason, "reason", S390CrashReason::ALL, S390CrashReason::name)?,
            })
        }
        GuestPanicInformationType::Tdx => {
            only(&["type", "error-code", "message", "gpa"])?;
            GuestPanicInformation::Tdx(GuestPanicInformationTdx {
                error_code: half("error-code")?,
                message: tdx_message(object, &what)?,
                gpa: object.get("gpa").map(|_| word("gpa")).transpose()?,
            })
        }
        GuestPanicInformationType::Sev => {
            only(&["type", "set", "code"])?;
            GuestPanicInformation::Sev(GuestPanicInformationSev {
                set: half("set")?,
                code: half("code")?,
            })
        }
    })
}

fn tdx_message(object: &Object, what: &str) -> Shaped<TdxMessage> {
    let text = shape::text(shape::required(object, what, "message")?, "message")?;
    TdxMessage::new(text).ok_or_else(|| {
        let message = format!("`message` has {} bytes, and a TD's registers hold 64", text.len());
        Misshapen::new(message).member("message")
    })
}

/// The data of MEMORY_FAILURE.
pub(super) fn memory_failure(value: &Value) -> Shaped<MemoryFailure> {
    const WHAT: &str = "the data of MEMORY_FAILURE";
    const FLAGS: &str = "`flags`";

    let object = shape::object(value, WHAT, &["recipient", "action", "flags"])?;
    let flags = shape::required(object, WHAT, "flags")?;
    let flag = |key| {
        let flags = shape::object(flags, FLAGS, &["action-required", "recursive"])?;
        shape::required(flags, FLAGS, key)?;
        shape::truth(flags, key)
    };
    let flag = |key| Ok(flag(key).map_err(|error| error.member("flags"))? == Some(true));
    Ok(MemoryFailure {
        recipient: shape::name(
            shape::required(object, WHAT, "recipient")?,
            "recipient",
            MemoryFailureRecipient::ALL,
            MemoryFailureRecipient::name,
        )?,
        action: shape::name(
            shape::required(object, WHAT, "action")?,
            "action",
            MemoryFailureAction::ALL,
            MemoryFailureAction::name,
        )?,
        flags: MemoryFailureFlags {
            action_required: flag("action-required")?,
            recursive: flag("recursive")?,
        },
    })
}

/// The outcome that the data of BLOCK_IO_ERROR tells; `stop` where it tells none.
pub(super) fn block_io_error(value: &Value) -> Shaped<BlockErrorAction> {
    const WHAT: &str = "the data of BLOCK_IO_ERROR";
    const TEXTS: [&str; 5] = ["device", "qom-path", "node-name", "operation", "reason"];

    let object = shape::object(value, WHAT, &[&TEXTS[..], &["action", "nospace"]].concat())?;
    for key in TEXTS {
        shape::string(object, key)?;
    }
    shape::truth(object, "nospace")?;
    if let Some(operation) = object.get("operation") {
        shape::name(operation, "operation", &["read", "write"], |name| name)?;
    }
    match object.get("action") {
        None => Ok(BlockErrorAction::Stop),
        Some(action) => shape::name(action, "action", BlockErrorAction::ALL, BlockErrorAction::name),
    }
}

/// What an incoming stream says.
pub(super) fn stream(value: &Value) -> Shaped<Stream> {
    let object = shape::object(value, "an incoming stream", &["status", "suspended", "postcopy"])?;
    Ok(Stream {
        status: status(object)?.unwrap_or(STREAM.status),
        suspended: shape::truth(object, "suspended")?.unwrap_or(STREAM.suspended),
        postcopy: shape::truth(object, "postcopy")?.unwrap_or(STREAM.postcopy),
    })
}

/// The same as JSON, without what goes without saying.
pub(super) fn stream_data(stream: Stream) -> Value {
    let mut data = object! { "status": stream.status.name() };
    for (key, flag) in [("suspended", stream.suspended), ("postcopy", stream.postcopy)] {
        if flag {
            data.insert(key, flag);
        }
    }
    data.into()
}

/// The state that a snapshot was made in.
pub(super) fn snapshot(value: &Value) -> Shaped<RunState> {
    let object = shape::object(value, "a snapshot", &["status"])?;
    Ok(status(object)?.unwrap_or(RunState::Running))
}

/// The member `status`.
pub(super) fn status(object: &Object) -> Shaped<Option<RunState>> {
    object
        .get("status")
        .map(|status| shape::name(status, "status", RunState::ALL, RunState::name))
        .transpose()
}
