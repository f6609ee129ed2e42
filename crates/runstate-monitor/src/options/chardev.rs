//! Character devices: `-chardev` and the older spelling that `-qmp`, `-monitor` and `-qtest` take.

use super::keyval::{self, Kind, Pairs, Syntax};
use super::report::Report;
use runstate::Release;

/// A character device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chardev {
    /// Its name, `label` in `query-chardev`.
    pub id: String,
    /// The words of the command line that made it.
    pub location: String,
    /// What it is connected to.
    pub backend: Backend,
}

/// What a character device is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A stream socket.
    Socket(Socket),
    /// Standard input and output.
    Stdio,
    /// A file that is written.
    File {
        /// Its path.
        path: String,
        /// Keep what it holds.
        append: bool,
    },
    /// A pair of named pipes, or one.
    Pipe {
        /// Their path, without `.in` and `.out`.
        path: String,
    },
    /// Nothing: output is dropped.
    Null,
    /// A kind that QEMU has and that carries nothing here, by its name: `pty`, `ringbuf`, `vc`, ...
    Other(String),
}

/// A socket chardev.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Where.
    pub address: Address,
    /// It listens; otherwise it connects.
    pub server: bool,
    /// Start-up waits for the first client.
    pub wait: bool,
    /// Connect again this long after the connection is lost, in milliseconds. 0: never.
    pub reconnect_ms: u64,
}

/// The address of a socket chardev.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A path, or an abstract name.
    Unix {
        /// The path or the name.
        path: String,
        /// It is an abstract name.
        is_abstract: bool,
    },
    /// TCP.
    Inet {
        /// The host; empty means any.
        host: String,
        /// The port, a number or a service name.
        port: String,
    },
    /// A file descriptor that was passed on, or its name.
    Fd(String),
}

impl Chardev {
    /// How `query-chardev` and messages show it: `disconnected:unix:PATH,server=on`.
    #[must_use]
    pub fn filename(&self, connected: bool) -> String {
        match &self.backend {
            Backend::Socket(socket) => socket.filename(connected),
            Backend::Stdio => "stdio".to_owned(),
            Backend::File { .. } => "file".to_owned(),
            Backend::Pipe { .. } => "pipe".to_owned(),
            Backend::Null => "null".to_owned(),
            Backend::Other(name) => name.clone(),
        }
    }
}

impl Socket {
    /// `qemu_chr_compute_filename()` and `SocketAddress_to_str()`, chardev/char-socket.c.
    fn filename(&self, connected: bool) -> String {
        let address = match &self.address {
            Address::Unix { path, .. } => format!("unix:{path}"),
            Address::Inet { host, port } => format!("tcp:{host}:{port}"),
            // A passed descriptor is shown by the address it is bound to, which only the process knows.
            Address::Fd(fd) => format!("fd:{fd}"),
        };
        let prefix = if connected { "" } else { "disconnected:" };
        let suffix = if self.server { ",server=on" } else { "" };
        format!("{prefix}{address}{suffix}")
    }
}

/// `qemu_chardev_opts`, chardev/char.c.
pub(crate) const SYNTAX: Syntax = Syntax {
    implied: Some("backend"),
    keys: &[
        ("backend", Kind::Text),
        ("path", Kind::Text),
        ("input-path", Kind::Text),
        ("host", Kind::Text),
        ("port", Kind::Text),
        ("fd", Kind::Text),
        ("localaddr", Kind::Text),
        ("localport", Kind::Text),
        ("to", Kind::Number),
        ("ipv4", Kind::Bool),
        ("ipv6", Kind::Bool),
        ("wait", Kind::Bool),
        ("server", Kind::Bool),
        ("delay", Kind::Bool),
        ("nodelay", Kind::Bool),
        ("reconnect", Kind::Number),
        ("reconnect-ms", Kind::Number),
        ("telnet", Kind::Bool),
        ("tn3270", Kind::Bool),
        ("tls-creds", Kind::Text),
        ("tls-authz", Kind::Text),
        ("websocket", Kind::Bool),
        ("width", Kind::Number),
        ("height", Kind::Number),
        ("cols", Kind::Number),
        ("rows", Kind::Number),
        ("mux", Kind::Bool),
        ("signal", Kind::Bool),
        ("name", Kind::Text),
        ("debug", Kind::Number),
        ("size", Kind::Text),
        ("chardev", Kind::Text),
        ("chardevs.0", Kind::Text),
        ("chardevs.1", Kind::Text),
        ("chardevs.2", Kind::Text),
        ("chardevs.3", Kind::Text),
        ("append", Kind::Bool),
        ("logfile", Kind::Text),
        ("logappend", Kind::Bool),
        ("mouse", Kind::Bool),
        ("clipboard", Kind::Bool),
        ("tight", Kind::Bool),
        ("abstract", Kind::Bool),
    ],
};

/// Kinds that QEMU has and that are not modelled: what is written to them is dropped.
const OTHER_BACKENDS: &[&str] = &[
    "udp",
    "msmouse",
    "wctablet",
    "testdev",
    "hub",
    "pty",
    "console",
    "serial",
    "parallel",
    "tty",
    "parport",
    "vc",
    "ringbuf",
    "memory",
    "mux",
    "spicevmc",
    "spiceport",
    "qemu-vdagent",
    "dbus",
    "braille",
];

/// A character device from the pairs of `-chardev`. `qemu_chr_new_from_opts()`.
pub(crate) fn from_pairs(pairs: &Pairs, location: &str, release: Release) -> Result<Chardev, Report> {
    let backend = pairs.get("backend");
    let Some(backend) = backend else {
        return Err(Report::error(match &pairs.id {
            Some(id) => format!("chardev: \"{id}\" missing backend"),
            None => "chardev: missing backend".to_owned(),
        }));
    };
    let Some(id) = pairs.id.clone() else {
        return Err(Report::error("chardev: no id specified"));
    };
    let backend = match backend {
        "socket" => Backend::Socket(socket(pairs, release)?),
        "stdio" => Backend::Stdio,
        "null" => Backend::Null,
        "file" => match pairs.get("path") {
            Some(path) => Backend::File {
                path: path.to_owned(),
                append: pairs.is_on("append", false),
            },
            None => return Err(Report::error("chardev: file: no filename given")),
        },
        "pipe" => match pairs.get("path") {
            Some(path) => Backend::Pipe {
                path: path.to_owned(),
            },
            None => return Err(Report::error("chardev: pipe: no device path given")),
        },
        other if OTHER_BACKENDS.contains(&other) => Backend::Other(other.to_owned()),
        other => {
            return Err(Report::error(format!(
                "'{other}' is not a valid char driver name"
            )));
        }
    };
    Ok(Chardev {
        id,
        location: location.to_owned(),
        backend,
    })
}

/// `qemu_chr_parse_socket()` and `qmp_chardev_validate_socket()`, chardev/char-socket.c.
fn socket(pairs: &Pairs, release: Release) -> Result<Socket, Report> {
    let (path, host, fd) = (pairs.get("path"), pairs.get("host"), pairs.get("fd"));
    if [path, host, fd].iter().flatten().count() > 1 {
        return Err(Report::error(
            "None or one of 'path', 'fd' or 'host' option required.",
        ));
    }
    let address = match (path, host) {
        (Some(path), _) => Address::Unix {
            path: path.to_owned(),
            is_abstract: pairs.is_on("abstract", false),
        },
        (None, Some(host)) => match pairs.get("port") {
            Some(port) => Address::Inet {
                host: host.to_owned(),
                port: port.to_owned(),
            },
            None => return Err(Report::error("chardev: socket: no port given")),
        },
        (None, None) => Address::Fd(fd.unwrap_or_default().to_owned()),
    };
    if pairs.get("delay").is_some() && pairs.get("nodelay").is_some() {
        return Err(Report::error("'delay' and 'nodelay' are mutually exclusive"));
    }
    let reconnect_ms = reconnect_ms(pairs, release)?;
    let server = pairs.is_on("server", false);
    if server && reconnect_ms > 0 {
        let message = "'reconnect' option is incompatible with socket in server listen mode";
        return Err(Report::error(message));
    }
    if !server && pairs.get("wait").is_some() {
        return Err(Report::error(
            "'wait' option is incompatible with socket in client connect mode",
        ));
    }
    if matches!(address, Address::Fd(_)) && reconnect_ms > 0 {
        return Err(Report::error(
            "'reconnect' option is incompatible with 'fd' address type",
        ));
    }
    for kind in ["telnet", "tn3270", "websocket", "tls-creds"] {
        if pairs
            .get(kind)
            .is_some_and(|value| keyval::parse_bool(value) != Some(false))
        {
            return Err(Report::error(format!("'{kind}' is not available in this build")));
        }
    }
    Ok(Socket {
        address,
        server,
        wait: server && pairs.is_on("wait", true),
        reconnect_ms,
    })
}

/// `reconnect` counts seconds, and went with 10.2 (f223a90b0c); `reconnect-ms` came with 9.2.
fn reconnect_ms(pairs: &Pairs, release: Release) -> Result<u64, Report> {
    let seconds = pairs.number("reconnect");
    if seconds.is_some() && release >= Release::V10_2 {
        return Err(Report::error("Invalid parameter 'reconnect'"));
    }
    let Some(milliseconds) = pairs.number("reconnect-ms") else {
        return Ok(seconds.unwrap_or(0).saturating_mul(1000));
    };
    if release < Release::V9_2_0 {
        return Err(Report::error("Invalid parameter 'reconnect-ms'"));
    }
    if seconds.is_some() {
        return Err(Report::error(
            "'reconnect' and 'reconnect-ms' are mutually exclusive",
        ));
    }
    Ok(milliseconds)
}

/// Reads the older spelling: `unix:PATH,server=on`, `tcp:HOST:PORT`, `stdio`. `qemu_chr_parse_compat()`.
pub(crate) fn parse_compat(label: &str, text: &str) -> Result<Pairs, Report> {
    let mut pairs = Pairs {
        id: Some(label.to_owned()),
        ..Pairs::default()
    };
    let mut set = |key: &str, value: &str| pairs.list.push((key.to_owned(), value.to_owned()));
    let text = match text.strip_prefix("mon:") {
        Some(rest) => {
            set("mux", "on");
            rest
        }
        None => text,
    };
    if [
        "null", "pty", "msmouse", "wctablet", "braille", "testdev", "stdio",
    ]
    .contains(&text)
    {
        set("backend", text);
    } else if text.starts_with("vc") {
        set("backend", "vc");
    } else if text == "con:" {
        set("backend", "console");
    } else if let Some((kind, path)) = text
        .split_once(':')
        .filter(|(kind, _)| ["file", "pipe", "pty"].contains(kind))
    {
        set("backend", kind);
        set("path", path);
    } else if let Some((kind, address)) = text.split_once(':').filter(|(kind, _)| TCP_KINDS.contains(kind)) {
        set("backend", "socket");
        parse_tcp(&mut pairs, kind, address)?;
    } else if text.starts_with("udp:") {
        set("backend", "udp");
    } else if let Some(address) = text.strip_prefix("unix:") {
        set("backend", "socket");
        keyval::parse_into(
            &mut pairs,
            address,
            Syntax {
                implied: Some("path"),
                ..SYNTAX
            },
            None,
        )?;
    } else if text.starts_with("/dev/") {
        set("backend", "serial");
        set("path", text);
    } else {
        return Err(Report::error(format!("'{text}' is not a valid char driver")));
    }
    Ok(pairs)
}

const TCP_KINDS: &[&str] = &["tcp", "telnet", "tn3270", "websocket"];

/// The host has at most 64 characters, the port at most 32; `sscanf()` in `qemu_chr_parse_compat()`.
fn parse_tcp(pairs: &mut Pairs, kind: &str, address: &str) -> Result<(), Report> {
    let (end, options) = match address.find(',') {
        Some(comma) => (comma, &address[comma + 1..]),
        None => (address.len(), ""),
    };
    // An empty message: only the caller's "parse error" is printed.
    let Some((host, port)) = address[..end].split_once(':') else {
        return Err(Report::error(""));
    };
    if port.is_empty() || host.len() > 64 || port.len() > 32 {
        return Err(Report::error(""));
    }
    pairs.list.push(("host".to_owned(), host.to_owned()));
    pairs.list.push(("port".to_owned(), port.to_owned()));
    keyval::parse_into(
        pairs,
        options,
        Syntax {
            implied: None,
            ..SYNTAX
        },
        None,
    )?;
    if kind != "tcp" {
        pairs.list.push((kind.to_owned(), "on".to_owned()));
    }
    Ok(())
}
