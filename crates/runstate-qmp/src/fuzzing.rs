//! The bodies of the fuzz targets. Not part of the API.
//!
//! They are ordinary functions so that `cargo test` can replay the inputs that once broke something.

use alloc::string::String;
use alloc::vec::Vec;

use crate::arguments::Arguments;
use crate::{Config, Error, Layout, Lookup, Mode, Object, Session, Ticket, Timestamp, Value, Version};

/// Parses `text`. What is printed of a value parses again, and parsed and printed once more is the same text.
///
/// Twice, for keys of one bucket are printed last come first: each time turns them round.
///
/// # Panics
///
/// If it does not.
pub fn parse(text: &[u8]) {
    let Ok(value) = Value::parse(text) else { return };
    assert_eq!(value, value.clone());
    for layout in [Layout::Compact, Layout::Pretty] {
        let printed = value.print(layout);
        assert!(printed.is_ascii());
        if has_odd_number(&value) {
            continue;
        }
        let reprint = |text: &str| {
            let again = Value::parse(text.as_bytes()).expect("what is printed parses");
            again.print(layout)
        };
        let turned = reprint(&printed);
        assert_eq!(turned.len(), printed.len());
        assert_eq!(reprint(&turned), printed);
    }
}

/// Whether the value holds a number that QEMU prints as something that is another number, or none.
fn has_odd_number(value: &Value) -> bool {
    match value {
        Value::Double(number) => !number.is_finite() || *number == 0.0,
        Value::Array(values) => values.iter().any(has_odd_number),
        Value::Object(object) => object.values().any(has_odd_number),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::String(_) => false,
    }
}

/// Holds a conversation. The first byte chooses the settings, the second says how many bytes follow that say where
/// to split, and the rest is what the client sends.
///
/// # Panics
///
/// If what is sent depends on the splits, if it is not a message a chunk, or if the session does not serve any more.
pub fn conversation(data: &[u8]) {
    let [settings, count, rest @ ..] = data else {
        return;
    };
    let (splits, input) = rest.split_at(rest.len().min(usize::from(*count)));
    let whole = Conversation::new(*settings).talk(&[input]);
    let mut pieces = Vec::new();
    let mut left = input;
    for split in splits {
        let (piece, rest) = left.split_at(left.len().min(usize::from(*split)));
        pieces.push(piece);
        left = rest;
    }
    pieces.push(left);
    assert_eq!(Conversation::new(*settings).talk(&pieces), whole);
    Conversation::new(*settings).talk_slowly(&pieces);
}

struct Conversation {
    session: Session,
    sent: String,
    layout: Layout,
}

impl Conversation {
    /// Connects. Bit 0 of the settings is pretty mode, bit 1 offers out-of-band execution, bit 2 negotiates before
    /// anything else, bit 3 with out-of-band execution.
    fn new(settings: u8) -> Self {
        let bit = |bit: u8| settings & 1 << bit != 0;
        let layout = if bit(0) { Layout::Pretty } else { Layout::Compact };
        let config = Config {
            layout,
            offer_oob: bit(1),
            ..Config::new(Version::new(11, 0, 0))
        };
        let mut this = Self {
            session: Session::new(config),
            sent: String::new(),
            layout,
        };
        this.session.connect();
        if bit(2) {
            let enable = if bit(3) { "'oob'" } else { "" };
            let negotiation = format!("{{'execute':'qmp_capabilities','arguments':{{'enable':[{enable}]}}}}");
            this.session.receive(negotiation.as_bytes());
            this.serve();
        }
        this
    }

    /// Sends the pieces, answers at once, and returns all that was sent.
    fn talk(mut self, pieces: &[&[u8]]) -> String {
        for piece in pieces {
            self.session.receive(piece);
            self.serve();
            assert_eq!(self.session.unread(), 0);
        }
        self.still_serves();
        self.sent
    }

    /// Sends the pieces and answers late: an in-band request after all out-of-band requests.
    fn talk_slowly(mut self, pieces: &[&[u8]]) {
        for piece in pieces {
            self.session.receive(piece);
            let mut in_band: Option<(Ticket, Result<Value, Error>)> = None;
            loop {
                while let Some(request) = self.session.poll(&find) {
                    let answer = execute(&request.command, &request.arguments);
                    if request.oob {
                        self.session.reply(request.ticket, answer);
                    } else {
                        assert!(in_band.is_none(), "in-band requests come one at a time");
                        in_band = Some((request.ticket, answer));
                    }
                }
                let Some((ticket, answer)) = in_band.take() else {
                    break;
                };
                assert!(self.session.is_busy());
                assert!(self.session.is_oob_enabled() || self.session.wants_input() == 0);
                self.session.reply(ticket, answer);
            }
            self.transmit();
        }
        self.still_serves();
    }

    /// After a byte that resynchronises, a command is answered.
    fn still_serves(&mut self) {
        let before = self.sent.len();
        self.session.announce("RESUME", None, Timestamp::default());
        self.session
            .receive(b"\xFF\n{'execute':'qmp_capabilities','id':'still here'}");
        self.serve();
        assert!(
            self.sent[before..].contains("still here"),
            "{:?}",
            &self.sent[before..]
        );
        assert_eq!(self.session.mode(), Mode::Command);
    }

    fn serve(&mut self) {
        while let Some(request) = self.session.poll(&find) {
            let answer = execute(&request.command, &request.arguments);
            self.session.reply(request.ticket, answer);
        }
        self.transmit();
    }

    fn transmit(&mut self) {
        while let Some(chunk) = self.session.transmit() {
            let text = core::str::from_utf8(chunk.bytes).expect("messages are ASCII");
            assert!(text.ends_with("}\r\n"));
            assert!(self.layout == Layout::Pretty || text.matches('\n').count() == 1);
            self.sent += text;
        }
        assert_eq!(self.session.untransmitted(), 0);
    }
}

/// Two commands, one of them also out of band.
fn find(name: &str) -> Lookup {
    match name {
        "yank" => Lookup::Found { allow_oob: true },
        "query-status" => Lookup::Found { allow_oob: false },
        _ => Lookup::NotFound,
    }
}

/// Refuses all arguments.
fn execute(command: &str, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    Ok(if command == "yank" {
        Value::empty()
    } else {
        Value::Object(arguments.clone())
    })
}
