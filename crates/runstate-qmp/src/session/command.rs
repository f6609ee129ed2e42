//! From a message to a command: the checks QEMU makes before it looks for the command's handler.

use alloc::boxed::Box;
use alloc::string::String;

use crate::{Error, Object, Value};

/// A well-formed command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) arguments: Object,
    pub(super) id: Option<Value>,
    pub(super) oob: bool,
}

/// Why a message is not a command, and the id to answer with. Boxed: most messages are commands.
pub(super) type NoCommand = Box<(Option<Value>, Error)>;

/// Whether the message looks like a command to run out of band. `qmp_is_oob()`, qapi/qmp-dispatch.c: it does not
/// matter whether out-of-band execution has been negotiated.
pub(super) fn is_oob(message: &Value) -> bool {
    message
        .as_object()
        .is_some_and(|object| object.contains_key("exec-oob") && !object.contains_key("execute"))
}

/// Takes a message for a command. The first part of `qmp_dispatch()`, qapi/qmp-dispatch.c.
pub(super) fn command(message: Value, allow_oob: bool) -> Result<Command, NoCommand> {
    let Value::Object(mut object) = message else {
        return Err(Box::new((
            None,
            Error::generic("QMP input must be a JSON object"),
        )));
    };
    let checked = check(&object, allow_oob);
    let id = object.remove("id");
    let oob = match checked {
        Ok(oob) => oob,
        Err(error) => return Err(Box::new((id, error))),
    };
    let (Some(Value::String(name)), arguments) = (
        object.remove(if oob { "exec-oob" } else { "execute" }),
        object.remove("arguments"),
    ) else {
        unreachable!("the member has been checked to be a string");
    };
    let arguments = match arguments {
        Some(Value::Object(arguments)) => arguments,
        Some(_) | None => Object::new(),
    };
    Ok(Command {
        name,
        arguments,
        id,
        oob,
    })
}

/// Whether the members are those of a command, and whether it is to run out of band. The first problem in QEMU's
/// order of the members is reported. `qmp_dispatch_check_obj()`, qapi/qmp-dispatch.c.
fn check(object: &Object, allow_oob: bool) -> Result<bool, Error> {
    let mut execute: Option<&str> = None;
    for (key, value) in object.iter_as_qemu() {
        let problem = match key {
            "execute" | "exec-oob" if key == "execute" || allow_oob => {
                if value.as_str().is_none() {
                    Some(format!("QMP input member '{key}' must be a string"))
                } else {
                    execute
                        .replace(key)
                        .map(|other| format!("QMP input member '{key}' clashes with '{other}'"))
                }
            }
            "arguments" if value.as_object().is_none() => {
                Some(String::from("QMP input member 'arguments' must be an object"))
            }
            "arguments" | "id" => None,
            _ => Some(format!("QMP input member '{key}' is unexpected")),
        };
        if let Some(problem) = problem {
            return Err(Error::generic(problem));
        }
    }
    match execute {
        Some(key) => Ok(key == "exec-oob"),
        None => Err(Error::generic("QMP input lacks member 'execute'")),
    }
}
