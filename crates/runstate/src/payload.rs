//! The structures of `qapi/run-state.json` that travel through the machine and are not part of its state.

use crate::{
    GuestPanicInformationType, MemoryFailureAction, MemoryFailureRecipient, RunState, S390CrashReason,
};

/// `StatusInfo`: what `query-status` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StatusInfo {
    /// Whether the state is `running`. A suspended VM is not running.
    pub running: bool,
    /// The run state.
    pub status: RunState,
    /// Up to 8.2 only; `false` here.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none", default))]
    pub singlestep: Option<bool>,
}

/// `MemoryFailureFlags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub struct MemoryFailureFlags {
    /// The failure must be acted on at once, as against one found by scrubbing.
    pub action_required: bool,
    /// It happened while an earlier one was still being handled.
    pub recursive: bool,
}

/// The data of MEMORY_FAILURE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MemoryFailure {
    /// Whose memory failed.
    pub recipient: MemoryFailureRecipient,
    /// What QEMU did.
    pub action: MemoryFailureAction,
    /// More about the failure.
    pub flags: MemoryFailureFlags,
}

/// `GuestPanicInformation`: what a hypervisor interface told about a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "type", rename_all = "kebab-case", try_from = "serde_impls::Flat")
)]
pub enum GuestPanicInformation {
    /// Hyper-V crash MSRs.
    HyperV(GuestPanicInformationHyperV),
    /// An s390 CPU that stopped.
    S390(GuestPanicInformationS390),
    /// A TDX guest's fatal error (10.1).
    Tdx(GuestPanicInformationTdx),
    /// An SEV guest's termination request (11.0).
    Sev(GuestPanicInformationSev),
}

impl GuestPanicInformation {
    /// The union's discriminator.
    #[must_use]
    pub const fn kind(&self) -> GuestPanicInformationType {
        match self {
            Self::HyperV(_) => GuestPanicInformationType::HyperV,
            Self::S390(_) => GuestPanicInformationType::S390,
            Self::Tdx(_) => GuestPanicInformationType::Tdx,
            Self::Sev(_) => GuestPanicInformationType::Sev,
        }
    }
}

/// `GuestPanicInformationHyperV`: the five crash MSRs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    missing_docs,
    reason = "the schema only numbers them; their meaning is the guest's"
)]
pub struct GuestPanicInformationHyperV {
    pub arg1: u64,
    pub arg2: u64,
    pub arg3: u64,
    pub arg4: u64,
    pub arg5: u64,
}

/// `GuestPanicInformationS390`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub struct GuestPanicInformationS390 {
    /// The CPU's core id.
    pub core: u32,
    /// The PSW's control fields.
    pub psw_mask: u64,
    /// The PSW's instruction address.
    pub psw_addr: u64,
    /// Why it stopped.
    pub reason: S390CrashReason,
}

/// `GuestPanicInformationTdx` (10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub struct GuestPanicInformationTdx {
    /// The TD's error code.
    pub error_code: u32,
    /// What the TD had to say.
    pub message: TdxMessage,
    /// A guest-physical page with more, if the TD gave one.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none", default))]
    pub gpa: Option<u64>,
}

/// `GuestPanicInformationSev` (11.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GuestPanicInformationSev {
    /// The reason code set.
    pub set: u32,
    /// The reason code in it.
    pub code: u32,
}

/// A TD's message: UTF-8, at most [`CAPACITY`](Self::CAPACITY) bytes, which is what its registers hold.
///
/// `tdx_panicked_on_fatal_error()`, target/i386/kvm/tdx.c (10.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TdxMessage {
    bytes: [u8; Self::CAPACITY],
    length: u8,
}

impl TdxMessage {
    /// The most bytes a message has.
    pub const CAPACITY: usize = 64;

    /// The message, unless it is too long.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::CAPACITY];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self {
            bytes,
            length: u8::try_from(text.len()).ok()?,
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // `new` copies a whole `str`, so this is its text again.
        core::str::from_utf8(&self.bytes[..usize::from(self.length).min(Self::CAPACITY)]).unwrap_or_default()
    }
}

impl core::fmt::Debug for TdxMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(feature = "serde")]
mod serde_impls {
    use super::{
        GuestPanicInformation, GuestPanicInformationHyperV, GuestPanicInformationS390,
        GuestPanicInformationSev, GuestPanicInformationTdx, TdxMessage,
    };
    use crate::{GuestPanicInformationType, S390CrashReason};

    /// The union's members side by side: serde's own tagged enums need a heap to be read.
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    pub(super) struct Flat {
        r#type: GuestPanicInformationType,
        arg1: Option<u64>,
        arg2: Option<u64>,
        arg3: Option<u64>,
        arg4: Option<u64>,
        arg5: Option<u64>,
        core: Option<u32>,
        psw_mask: Option<u64>,
        psw_addr: Option<u64>,
        reason: Option<S390CrashReason>,
        error_code: Option<u32>,
        message: Option<TdxMessage>,
        gpa: Option<u64>,
        set: Option<u32>,
        code: Option<u32>,
    }

    impl TryFrom<Flat> for GuestPanicInformation {
        type Error = &'static str;

        fn try_from(flat: Flat) -> Result<Self, Self::Error> {
            let foreign = |ours: usize| {
                let all = [flat.arg1, flat.arg2, flat.arg3, flat.arg4, flat.arg5]
                    .iter()
                    .flatten()
                    .count()
                    + [flat.psw_mask, flat.psw_addr, flat.gpa].iter().flatten().count()
                    + [flat.core, flat.error_code, flat.set, flat.code]
                        .iter()
                        .flatten()
                        .count()
                    + usize::from(flat.reason.is_some())
                    + usize::from(flat.message.is_some());
                if all == ours {
                    Ok(())
                } else {
                    Err("a member that does not belong to this type of panic information")
                }
            };
            match flat.r#type {
                GuestPanicInformationType::HyperV => {
                    let missing = "hyper-v panic information has arg1 to arg5";
                    foreign(5).and(Ok(Self::HyperV(GuestPanicInformationHyperV {
                        arg1: flat.arg1.ok_or(missing)?,
                        arg2: flat.arg2.ok_or(missing)?,
                        arg3: flat.arg3.ok_or(missing)?,
                        arg4: flat.arg4.ok_or(missing)?,
                        arg5: flat.arg5.ok_or(missing)?,
                    })))
                }
                GuestPanicInformationType::S390 => {
                    let missing = "s390 panic information has core, psw-mask, psw-addr and reason";
                    foreign(4).and(Ok(Self::S390(GuestPanicInformationS390 {
                        core: flat.core.ok_or(missing)?,
                        psw_mask: flat.psw_mask.ok_or(missing)?,
                        psw_addr: flat.psw_addr.ok_or(missing)?,
                        reason: flat.reason.ok_or(missing)?,
                    })))
                }
                GuestPanicInformationType::Tdx => {
                    let missing = "tdx panic information has error-code and message, and may have gpa";
                    foreign(2 + usize::from(flat.gpa.is_some())).and(Ok(Self::Tdx(
                        GuestPanicInformationTdx {
                            error_code: flat.error_code.ok_or(missing)?,
                            message: flat.message.ok_or(missing)?,
                            gpa: flat.gpa,
                        },
                    )))
                }
                GuestPanicInformationType::Sev => {
                    let missing = "sev panic information has set and code";
                    foreign(2).and(Ok(Self::Sev(GuestPanicInformationSev {
                        set: flat.set.ok_or(missing)?,
                        code: flat.code.ok_or(missing)?,
                    })))
                }
            }
        }
    }

    impl serde::Serialize for TdxMessage {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str(self.as_str())
        }
    }

    impl<'de> serde::Deserialize<'de> for TdxMessage {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl serde::de::Visitor<'_> for Visitor {
                type Value = TdxMessage;

                fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    write!(f, "a string of at most {} bytes", TdxMessage::CAPACITY)
                }

                fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TdxMessage, E> {
                    TdxMessage::new(text).ok_or_else(|| E::invalid_length(text.len(), &self))
                }
            }
            deserializer.deserialize_str(Visitor)
        }
    }
}
