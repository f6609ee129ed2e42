//! `qmp_capabilities`, the one command a session knows.

use crate::arguments::Arguments;
use crate::{Error, ErrorClass, Object};

/// The name of the command.
pub(super) const NAME: &str = "qmp_capabilities";

/// What a client asks for: whether out-of-band execution. `qmp_qmp_capabilities()`,
/// monitor/qmp-cmds-control.c; arguments are checked before anything else.
pub(super) fn negotiate(arguments: &Object, complete: bool, offer_oob: bool) -> Result<bool, Error> {
    let mut arguments = Arguments::new(arguments);
    let mut asked = 0;
    if let Some(enable) = arguments.optional("enable") {
        for capability in enable.array()? {
            capability.one_of(|name| (name == "oob").then_some(()))?;
            asked += 1;
        }
    }
    arguments.finish()?;
    if complete {
        let words = "Capabilities negotiation is already complete, command ignored";
        return Err(Error::new(ErrorClass::CommandNotFound, words));
    }
    if asked > 0 && !offer_oob {
        // `qmp_caps_accept()` names each capability as often as it is asked for.
        let unavailable = vec!["oob"; asked].join(", ");
        return Err(Error::generic(format!("Capability {unavailable} not available")));
    }
    Ok(asked > 0)
}
