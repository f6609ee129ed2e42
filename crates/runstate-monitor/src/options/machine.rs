//! `-machine`, `-accel`, `-smp`, `-m`.

use runstate::NotifyVmexitOption;

use super::keyval::{self, Kind, Syntax};
use super::report::Report;

/// The memory of a PC where `-m` is absent, in bytes. `default_ram_size`, hw/core/machine.c.
pub(crate) const DEFAULT_MEMORY: u64 = 128 << 20;

/// Families of machine types that differ in their devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineFamily {
    /// `none`: no board at all, neither wake-up nor NMI.
    None,
    /// `pc`, `pc-i440fx-*`: PIIX4 power management.
    Pc,
    /// `q35`, `pc-q35-*`: ICH9 power management.
    Q35,
    /// `isapc`, `microvm`, ...: neither.
    Other,
}

impl MachineFamily {
    /// The family of a machine type, if x86 has the type.
    #[must_use]
    pub fn of(machine: &str) -> Option<Self> {
        match machine {
            "none" => Some(Self::None),
            "pc" => Some(Self::Pc),
            "q35" => Some(Self::Q35),
            "isapc" | "microvm" | "x-remote" | "xenfv" | "xenpv" | "xenpvh" | "nitro-enclave" => {
                Some(Self::Other)
            }
            _ if machine.starts_with("pc-i440fx-")
                || machine.starts_with("pc-0.")
                || machine.starts_with("pc-1.") =>
            {
                Some(Self::Pc)
            }
            _ if machine.starts_with("pc-q35-") => Some(Self::Q35),
            _ if machine.starts_with("xenfv-") => Some(Self::Other),
            _ => None,
        }
    }
}

/// What runs the guest. It decides on which thread guest actions happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// No guest code: the qtest protocol acts, on the main-loop thread.
    Qtest,
    /// A vCPU thread.
    Tcg,
    /// A vCPU thread.
    Kvm,
}

impl Accelerator {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qtest => "qtest",
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        }
    }
}

/// The accelerators of QEMU for x86. `-accel` of another name fails.
const ACCELERATORS: &[&str] = &["hax", "hvf", "kvm", "mshv", "nvmm", "qtest", "tcg", "whpx", "xen"];

/// `-accel` properties, of all accelerators together; accel/*.
const ACCEL_SYNTAX: Syntax = Syntax {
    implied: Some("accel"),
    keys: &[],
};

/// Reads the argument of `-accel`: its name, and `notify-vmexit` where it is KVM's (7.2).
pub(crate) fn parse_accel(
    text: &str,
    warnings: &mut Vec<Report>,
) -> Result<(String, Option<NotifyVmexitOption>), Report> {
    let pairs = keyval::parse(text, ACCEL_SYNTAX, warnings)?;
    let notify_vmexit = match pairs.get("notify-vmexit") {
        None => None,
        Some(value) => Some(NotifyVmexitOption::from_name(value).ok_or_else(|| {
            Report::error(format!(
                "Parameter 'notify-vmexit' does not accept value '{value}'"
            ))
        })?),
    };
    Ok((pairs.get("accel").unwrap_or_default().to_owned(), notify_vmexit))
}

/// Whether QEMU for x86 has the accelerator.
pub(crate) fn is_accelerator(name: &str) -> bool {
    ACCELERATORS.contains(&name)
}

/// The first of the accelerators named that a host without KVM has; KVM where only that will do.
pub(crate) fn accelerator(names: &[String]) -> Accelerator {
    let portable = names.iter().find_map(|name| match name.as_str() {
        "qtest" => Some(Accelerator::Qtest),
        "tcg" => Some(Accelerator::Tcg),
        _ => None,
    });
    match portable {
        Some(accelerator) => accelerator,
        None if names.is_empty() => Accelerator::Tcg,
        None => Accelerator::Kvm,
    }
}

/// `smp_opts`, hw/core/machine-smp.c.
const SMP_SYNTAX: Syntax = Syntax {
    implied: Some("cpus"),
    keys: &[
        ("cpus", Kind::Text),
        ("drawers", Kind::Text),
        ("books", Kind::Text),
        ("sockets", Kind::Text),
        ("dies", Kind::Text),
        ("modules", Kind::Text),
        ("clusters", Kind::Text),
        ("cores", Kind::Text),
        ("threads", Kind::Text),
        ("maxcpus", Kind::Text),
    ],
};

/// Reads the argument of `-smp`: vCPUs at start, and at most. `machine_parse_smp_config()`.
pub(crate) fn parse_smp(text: &str, warnings: &mut Vec<Report>) -> Result<(u32, u32), Report> {
    let pairs = keyval::parse(text, SMP_SYNTAX, warnings)?;
    let number = |key: &str| match pairs.get(key) {
        None => Ok(None),
        Some(value) => match value.parse::<u32>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Report::error(format!("Parameter 'smp.{key}' expects integer"))),
        },
    };
    let mut product = 1u32;
    for key in ["sockets", "dies", "modules", "clusters", "cores", "threads"] {
        product = product.saturating_mul(number(key)?.unwrap_or(1).max(1));
    }
    let (cpus, max) = (number("cpus")?, number("maxcpus")?);
    let cpus = cpus.or(max).unwrap_or(product).max(1);
    let max = max.unwrap_or_else(|| cpus.max(product));
    if max < cpus {
        return Err(Report::error(
            "Invalid CPU topology: maxcpus must be equal to or greater than smp",
        ));
    }
    Ok((cpus, max))
}

const MEMORY_SYNTAX: Syntax = Syntax {
    implied: Some("size"),
    keys: &[
        ("size", Kind::Text),
        ("slots", Kind::Number),
        ("maxmem", Kind::Text),
    ],
};

/// Reads the argument of `-m`: the size in bytes. A bare number counts MiB.
pub(crate) fn parse_memory(text: &str, warnings: &mut Vec<Report>) -> Result<Option<u64>, Report> {
    let pairs = keyval::parse(text, MEMORY_SYNTAX, warnings)?;
    let Some(size) = pairs.get("size") else {
        return Ok(None);
    };
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match size[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "m" => 20,
        "b" => 0,
        "k" => 10,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        "e" => 60,
        _ => return Err(bad_size()),
    };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift));
    bytes.map(Some).ok_or_else(bad_size)
}

fn bad_size() -> Report {
    Report::error("Parameter 'size' expects a non-negative number below 2^64").hint(
        "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_is_used_only_where_nothing_else_will_do() {
        let pick =
            |names: &[&str]| accelerator(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(pick(&[]), Accelerator::Tcg);
        assert_eq!(pick(&["kvm", "tcg"]), Accelerator::Tcg);
        assert_eq!(pick(&["kvm"]), Accelerator::Kvm);
        assert_eq!(pick(&["qtest"]), Accelerator::Qtest);
    }

    #[test]
    fn topologies_multiply() {
        let smp = |text| parse_smp(text, &mut Vec::new()).expect("a valid topology");
        assert_eq!(smp("4"), (4, 4));
        assert_eq!(smp("sockets=2,cores=3"), (6, 6));
        assert_eq!(smp("2,maxcpus=8"), (2, 8));
        assert_eq!(smp("1,sockets=1,cores=1,threads=1"), (1, 1));
        parse_smp("foo", &mut Vec::new()).expect_err("no number");
    }

    #[test]
    fn sizes_have_suffixes() {
        let size = |text| parse_memory(text, &mut Vec::new()).expect("a valid size");
        assert_eq!(size("64"), Some(64 << 20));
        assert_eq!(size("size=2G,slots=4,maxmem=8G"), Some(2 << 30));
        assert_eq!(size("65536k"), Some(64 << 20));
        parse_memory("99999999999999999999G", &mut Vec::new()).expect_err("too large");
    }
}
