//! The machine that a scenario needs, as QEMU's options.

use std::path::Path;

use runstate_qmp::Value;

use super::failure::Failure;

/// What the guest's drive does with a request that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorDrive {
    /// Name of the drive (`id`).
    pub device: String,
    /// Name of its block node.
    pub node: String,
    /// Name of the disk that the guest sees, if the path that BLOCK_IO_ERROR tells has one.
    pub disk: Option<String>,
    /// `werror` and `rerror`.
    pub policy: &'static str,
    /// Whether a request that is repeated succeeds.
    pub once: bool,
    /// The failing requests in the order in which the guest makes them: is it a write, and its errno. Each has a
    /// sector of its own.
    pub requests: Vec<(bool, u8)>,
}

const EIO: u8 = 5;
const ENOSPC: u8 = 28;

impl ErrorDrive {
    /// A drive for the errors with these data (those of `BLOCK_IO_ERROR`); `None` without any.
    ///
    /// # Errors
    ///
    /// When one drive cannot do all of them.
    pub fn for_errors(errors: &[&Value], once: bool) -> Result<Option<Self>, Failure> {
        let Some(first) = errors.first() else {
            return Ok(None);
        };
        let name = |data: &Value, member: &str, otherwise: &str| {
            let name = data.get(member).and_then(Value::as_str);
            name.unwrap_or(otherwise).to_owned()
        };
        let mut drive = Self {
            device: name(first, "device", "drive0"),
            node: name(first, "node-name", "node0"),
            disk: first
                .get("qom-path")
                .and_then(Value::as_str)
                .and_then(|path| path.strip_prefix("/machine/peripheral/"))
                .map(str::to_owned),
            policy: policy(first)?,
            once,
            requests: Vec::new(),
        };
        for data in errors {
            let same = name(data, "device", "drive0") == drive.device
                && name(data, "node-name", "node0") == drive.node;
            if !same {
                return undrivable("I/O errors of several drives in one scenario");
            }
            drive.merge_policy(policy(data)?)?;
            let write = name(data, "operation", "write") == "write";
            let full = data.get("nospace") == Some(&Value::Bool(true));
            drive.requests.push((write, if full { ENOSPC } else { EIO }));
        }
        Ok(Some(drive))
    }

    fn merge_policy(&mut self, policy: &'static str) -> Result<(), Failure> {
        match (self.policy, policy) {
            (before, now) if before == now => {}
            ("enospc", "stop") | ("stop", "enospc") => self.policy = "enospc",
            (before, now) => {
                return undrivable(&format!("one drive with two error policies, {before} and {now}"));
            }
        }
        Ok(())
    }

    /// `-drive` and `-device`. Every failing request has its own sector and its own rule of blkdebug, so that a rule that
    /// applies once is used up by the request that it is for.
    fn options(&self) -> Vec<String> {
        let mut drive = format!(
            "if=none,id={},driver=blkdebug,node-name={},image.driver=null-co,image.read-zeroes=on,image.size=1M,\
             werror={},rerror={}",
            self.device,
            self.node,
            self.policy,
            if self.policy == "enospc" {
                "report"
            } else {
                self.policy
            },
        );
        for (index, (write, errno)) in self.requests.iter().enumerate() {
            let kind = if *write { "write" } else { "read" };
            let once = if self.once { "on" } else { "off" };
            let sector = index + 1;
            drive.push_str(&format!(
                ",inject-error.{index}.event=none,inject-error.{index}.iotype={kind},\
                 inject-error.{index}.errno={errno},inject-error.{index}.sector={sector},\
                 inject-error.{index}.once={once}"
            ));
        }
        let mut device = format!("ide-hd,bus=ide.0,drive={}", self.device);
        if let Some(disk) = &self.disk {
            device.push_str(&format!(",id={disk}"));
        }
        vec!["-drive".to_owned(), drive, "-device".to_owned(), device]
    }
}

/// The error policy of which the data are an outcome. `nospace` is there only if the drive keeps a status of its errors,
/// which it does under `stop` and `enospc` (`send_qmp_error_event()`, block/block-backend.c).
fn policy(data: &Value) -> Result<&'static str, Failure> {
    let nospace = data.get("nospace").is_some();
    match data.get("action").and_then(Value::as_str) {
        Some("stop") | None => Ok("stop"),
        Some("report") if nospace => Ok("enospc"),
        Some("report") => Ok("report"),
        Some("ignore") => Ok("ignore"),
        Some(other) => undrivable(&format!("no error policy has the outcome {other}")),
    }
}

fn undrivable<T>(reason: &str) -> Result<T, Failure> {
    Err(Failure::Undrivable(reason.to_owned()))
}

/// What QEMU is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The scenario's own options, with an accelerator that this QEMU has.
    pub options: Vec<String>,
    /// How many vCPUs.
    pub vcpus: u8,
    /// There is a drive that can hold snapshots, `disk.qcow2`.
    pub disk: bool,
    /// The drive whose requests fail.
    pub errors: Option<ErrorDrive>,
    /// There is a socket for a debugger.
    pub debugger: bool,
}

/// The arguments of the options `-device`.
pub fn devices(options: &[String]) -> impl Iterator<Item = &str> {
    let pairs = options.windows(2);
    let devices = pairs.filter(|pair| matches!(&*pair[0], "-device" | "--device"));
    devices.map(|pair| &*pair[1])
}

/// Megabytes of guest memory: enough for the firmware's alias and the guest, little to migrate.
pub const MEMORY: u64 = 4;

impl Machine {
    /// The same devices and drives in a QEMU under TCG with these options more: a source of what this one will load.
    #[must_use]
    pub fn source(&self, more: &[&str]) -> Self {
        let mut options = vec!["-accel".to_owned(), "tcg".to_owned()];
        options.extend(more.iter().map(|&word| word.to_owned()));
        for device in devices(&self.options) {
            options.extend(["-device".to_owned(), device.to_owned()]);
        }
        Self {
            options,
            debugger: false,
            ..self.clone()
        }
    }

    /// The whole command line but for the program. Paths are in `directory`, the firmware's is `firmware`.
    #[must_use]
    pub fn arguments(&self, directory: &Path, firmware: &Path) -> Vec<String> {
        let in_directory = |name: &str| directory.join(name).display().to_string();
        let socket = |id: &str| format!("socket,id={id},path={}", in_directory(id));
        let mut words: Vec<String> = Vec::new();
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        option("-display", "none".to_owned());
        option("-machine", "pc,memory-backend=memory".to_owned());
        option("-m", format!("{MEMORY}M"));
        let memory = in_directory("memory");
        option(
            "-object",
            format!("memory-backend-file,id=memory,size={MEMORY}M,mem-path={memory},share=on"),
        );
        option("-smp", self.vcpus.to_string());
        option("-bios", firmware.display().to_string());
        for id in ["qmp", "control", "com1"] {
            option("-chardev", socket(id));
        }
        option("-mon", "chardev=qmp,mode=control".to_owned());
        option("-mon", "chardev=control,mode=control".to_owned());
        option("-serial", "chardev:com1".to_owned());
        option("-qtest", format!("unix:{}", in_directory("qtest")));
        option("-qtest-log", "none".to_owned());
        option("-device", "pvpanic".to_owned());
        option("-device", "ib700".to_owned());
        option("-device", "isa-debug-exit,iobase=0x501,iosize=0x02".to_owned());
        if self.debugger {
            let path = in_directory("gdb");
            option("-gdb", format!("unix:{path},server=on,wait=off"));
        }
        if self.disk {
            let path = in_directory("disk.qcow2");
            option("-drive", format!("if=none,id=disk,format=qcow2,file={path}"));
        }
        words.push("-nodefaults".to_owned());
        if let Some(errors) = &self.errors {
            words.extend(errors.options());
        }
        words.extend(self.options.iter().cloned());
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> Value {
        text.parse().expect("JSON")
    }

    #[test]
    fn policy_follows_from_the_outcome() {
        let stop = data(
            r#"{"device": "d", "node-name": "n", "operation": "write", "action": "stop", "nospace": true}"#,
        );
        let report = data(
            r#"{"device": "d", "node-name": "n", "operation": "write", "action": "report", "nospace": false}"#,
        );
        let drive = ErrorDrive::for_errors(&[&stop], true).expect("drivable");
        assert_eq!(drive.expect("a drive").policy, "stop");
        let drive = ErrorDrive::for_errors(&[&report, &report], true).expect("drivable");
        let drive = drive.expect("a drive");
        assert_eq!((drive.policy, drive.requests.len()), ("enospc", 2));
        let ignored = data(r#"{"device": "d", "node-name": "n", "operation": "read", "action": "ignore"}"#);
        let failure = ErrorDrive::for_errors(&[&stop, &ignored], true).expect_err("two policies");
        assert!(matches!(failure, Failure::Undrivable(_)), "{failure}");
        assert_eq!(ErrorDrive::for_errors(&[], true), Ok(None));
    }

    #[test]
    fn every_error_has_its_sector() {
        let data = data(
            r#"{"device": "d", "node-name": "n", "operation": "write", "action": "stop", "nospace": false}"#,
        );
        let drive = ErrorDrive::for_errors(&[&data, &data], true)
            .expect("drivable")
            .expect("a drive");
        let options = drive.options().join(" ");
        assert!(
            options.contains("inject-error.0.sector=1,inject-error.0.once=on"),
            "{options}"
        );
        assert!(
            options.contains("inject-error.1.sector=2,inject-error.1.once=on"),
            "{options}"
        );
    }
}
