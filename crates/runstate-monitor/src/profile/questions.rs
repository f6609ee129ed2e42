//! What clients ask of a QEMU beyond run states, so that a recording has it.
//!
//! The list is what libvirt 9.0 asks when it looks at an emulator and when it starts a domain, and what other clients
//! ask when they connect.

use std::borrow::Cow;

use runstate_qmp::{Object, Value, object};

/// A command and its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The command.
    pub command: Cow<'static, str>,
    /// Its arguments.
    pub arguments: Object,
}

impl Question {
    fn new(command: impl Into<Cow<'static, str>>, arguments: Object) -> Self {
        Self {
            command: command.into(),
            arguments,
        }
    }
}

/// Device types whose properties libvirt looks at.
const DEVICES: &[&str] = &[
    "ICH9-LPC",
    "PIIX4_PM",
    "VGA",
    "ib700",
    "ide-hd",
    "intel-iommu",
    "kvm-pit",
    "mch",
    "nvdimm",
    "pcie-root-port",
    "pvpanic",
    "pvpanic-pci",
    "qxl",
    "scsi-hd",
    "usb-host",
    "usb-redir",
    "usb-storage",
    "vfio-pci",
    "vhost-user-fs-device",
    "virtio-balloon-ccw",
    "virtio-balloon-device",
    "virtio-balloon-pci",
    "virtio-blk-pci",
    "virtio-gpu-device",
    "virtio-gpu-pci",
    "virtio-iommu-pci",
    "virtio-mem-pci",
    "virtio-net-ccw",
    "virtio-net-pci",
    "virtio-scsi-ccw",
    "virtio-scsi-pci",
    "vmware-svga",
];

/// Object types whose properties libvirt looks at.
const OBJECTS: &[&str] = &[
    "memory-backend-file",
    "memory-backend-memfd",
    "max-x86_64-cpu",
    "none-machine",
];

/// Commands without arguments, on a machine of type none.
const PLAIN: &[&str] = &[
    "query-version",
    "query-target",
    "query-qmp-schema",
    "query-commands",
    "query-kvm",
    "qom-list-types",
    "query-machines",
    "query-cpu-definitions",
    "query-tpm-models",
    "query-tpm-types",
    "query-command-line-options",
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-sev-capabilities",
    "query-sgx-capabilities",
    "query-rx-filter",
    "query-pci",
    "query-memory-size-summary",
    "query-memory-devices",
    "query-acpi-ospm-status",
    "query-replay",
    "query-gic-capabilities",
    "query-block-exports",
    "query-mice",
    "query-vnc",
    "query-spice",
    "query-balloon",
    "query-dump-guest-memory-capability",
    "query-vm-generation-id",
    "xen-event-list",
];

/// The questions to a QEMU started with `-machine none`, those of libvirt's probe first.
#[must_use]
pub fn probe() -> Vec<Question> {
    let plain = PLAIN.iter().map(|command| Question::new(*command, Object::new()));
    let devices = DEVICES
        .iter()
        .map(|name| Question::new("device-list-properties", object! { "typename": *name }));
    let objects = OBJECTS
        .iter()
        .map(|name| Question::new("qom-list-properties", object! { "typename": *name }));
    let expansions = ["static", "full"]
        .into_iter()
        .flat_map(|kind| ["host", "max", "qemu64"].map(|name| (kind, name)));
    let expansions = expansions.map(|(kind, name)| {
        Question::new(
            "query-cpu-model-expansion",
            object! { "type": kind, "model": object! { "name": name } },
        )
    });
    // libvirt 9.0 asks for the migratable form as well.
    let migratable = [true, false].into_iter().map(|on| {
        let model = object! { "name": "max", "props": object! { "migratable": on } };
        Question::new(
            "query-cpu-model-expansion",
            object! { "type": "full", "model": model },
        )
    });
    plain
        .chain(devices)
        .chain(objects)
        .chain(expansions)
        .chain(migratable)
        .collect()
}

/// The questions to a QEMU with a machine: what libvirt asks when it starts a domain, and the tree of objects nearby.
#[must_use]
pub fn domain() -> Vec<Question> {
    let plain = [
        "query-balloon",
        "query-dirty-rate",
        "query-pci",
        "query-stats-schemas",
    ];
    let plain = plain
        .into_iter()
        .map(|command| Question::new(command, Object::new()));
    let stats = ["vm", "vcpu"]
        .into_iter()
        .map(|target| Question::new("query-stats", object! { "target": target }));
    let paths = [
        "/",
        "/machine",
        "/machine/peripheral/watchdog0",
        "/machine/unattached/device[0]",
    ];
    let paths = paths
        .into_iter()
        .map(|path| Question::new("qom-list", object! { "path": path }));
    plain.chain(stats).chain(paths).collect()
}

/// The questions that follow from an answer: the properties that a list names, the queries that a schema has.
#[must_use]
pub fn followed_by(question: &Question, answer: &Value) -> Vec<Question> {
    if question.command == "query-qmp-schema" {
        return queries(answer);
    }
    if question.command != "qom-list" {
        return Vec::new();
    }
    let Some(path) = question.arguments.get("path").and_then(Value::as_str) else {
        return Vec::new();
    };
    let properties = answer.as_array().into_iter().flatten();
    let readable = properties.filter(|property| {
        let kind = property.get("type").and_then(Value::as_str).unwrap_or_default();
        !kind.starts_with("child<") && !kind.is_empty()
    });
    readable
        .filter_map(|property| property.get("name").and_then(Value::as_str))
        .map(|name| Question::new("qom-get", object! { "path": path, "property": name }))
        .collect()
}

/// Every query of a schema that needs no arguments. A query changes nothing.
fn queries(schema: &Value) -> Vec<Question> {
    let entries = schema.as_array().unwrap_or_default();
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let needs_arguments = |type_name: &str| {
        let arguments = entries
            .iter()
            .find(|entry| entry.get("name").and_then(Value::as_str) == Some(type_name));
        let members = arguments.and_then(|entry| entry.get("members")?.as_array());
        // A member with a default may be left out.
        members
            .into_iter()
            .flatten()
            .any(|member| member.get("default").is_none())
    };
    let commands = entries
        .iter()
        .filter(|entry| entry.get("meta-type").and_then(Value::as_str) == Some("command"));
    commands
        .filter_map(|entry| {
            let name = text(entry, "name")?;
            let is_query = name.contains("query-") || name == "x-accel-stats";
            let is_bare = is_query && !needs_arguments(&text(entry, "arg-type")?);
            (is_bare && name != "query-qmp-schema").then(|| Question::new(name, Object::new()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queries_of_a_schema_follow_from_it() {
        let schema = br#"[
            {"name": "query-a", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
            {"name": "query-b", "meta-type": "command", "arg-type": "1", "ret-type": "0"},
            {"name": "query-c", "meta-type": "command", "arg-type": "2", "ret-type": "0"},
            {"name": "quit", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
            {"name": "query-d", "meta-type": "event", "arg-type": "0"},
            {"name": "0", "meta-type": "object", "members": []},
            {"name": "1", "meta-type": "object", "members": [{"name": "x", "type": "str"}]},
            {"name": "2", "meta-type": "object", "members": [{"name": "x", "type": "str", "default": null}]}
        ]"#;
        let schema = Value::parse(schema).expect("JSON");
        let asked = followed_by(&Question::new("query-qmp-schema", Object::new()), &schema);
        let names: Vec<_> = asked.iter().map(|question| &*question.command).collect();
        assert_eq!(names, ["query-a", "query-c"]);
    }
}
