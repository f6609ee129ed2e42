//! Scenarios as JSON, for programs.
//!
//! A scenario is a document, an object:
//!
//! | member | means |
//! | --- | --- |
//! | `"name": "panic"` | `scenario panic` |
//! | `"comment": "one line\nanother"` | comments |
//! | `"release": "9.1.."` | `release 9.1..` |
//! | `"qemu": ["-no-shutdown"]` | `qemu -no-shutdown`; each element an argument, no quoting |
//! | `"with": ["disk", {"vcpus": 1}]` | `with disk`, `with vcpus 1` |
//! | `"steps": [{"guest": "panic"}]` | the steps |
//!
//! All are optional. The other things that `with` may have: `{"io-errors": "once"}`,
//! `{"snapshot": "s1", "status": "running"}`, `{"cpus": "not-resettable"}`, `{"wakeup": "off"}`, `{"nmi": "off"}`.
//!
//! A step is an object with one of these members, and with `"hold": true` for ` &` and `"comment"` for what stands above:
//!
//! | member | means |
//! | --- | --- |
//! | `"send": {"execute": "stop"}` | `-> {"execute": "stop"}` |
//! | `"expect": {"event": "STOP"}` | `<- {"event": "STOP"}` |
//! | `"guest": "panic"` | `guest panic`; what follows the name is `"data"`, for `debug-exit` it is `"code": 3` |
//! | `"host": "gdb attach"` | `host gdb attach`; what follows the name is `"data"`, for `signal` it is `"signal": "SIGINT"` |
//! | `"wait": "1s"` | `wait 1s` |
//! | `"exit": 0`, `"exit": "abort"` | `exit 0`, `exit abort` |
//!
//! A step with nothing but a `"comment"` comments what follows it, or the end.
//!
//! A file is one document, or one document a line. QEMU's JSON is at most 1024 deep and a step is 3 deep in its document,
//! so messages are at most 1021 deep here. Blank lines between lines of text have no place in JSON.

mod read;
mod write;

pub(super) use read::read;
