//! The VMs of a log, told apart by what the log calls them.

use std::collections::HashMap;

use super::MAX_VMS;
use super::record::VmId;

#[derive(Debug, Default)]
pub(super) struct Vms {
    /// By number. What a log calls a VM first is a pointer or an id; a name may come later.
    names: Vec<String>,
    by_key: HashMap<Vec<u8>, VmId>,
    /// Most logs speak of one VM for many lines.
    last: Option<(Vec<u8>, VmId)>,
}

impl Vms {
    /// The VM of this key; a new one if it is new. `None` if there are too many.
    #[inline]
    pub(super) fn of(&mut self, key: &[u8]) -> Option<VmId> {
        if let Some((last, vm)) = &self.last
            // memcmp() of nothing is slow: its masked load is from no address, which some CPUs handle in microcode.
            && last.len() == key.len()
            && (key.is_empty() || last == key)
        {
            return Some(*vm);
        }
        self.of_another(key)
    }

    fn of_another(&mut self, key: &[u8]) -> Option<VmId> {
        match self.by_key.get(key) {
            Some(&vm) => {
                self.last = Some((key.to_vec(), vm));
                Some(vm)
            }
            None => self.renew(key),
        }
    }

    /// A new VM of this key, whatever VM had it: a pointer is used again, a name started again.
    pub(super) fn renew(&mut self, key: &[u8]) -> Option<VmId> {
        if self.names.len() >= MAX_VMS {
            return None;
        }
        let vm = VmId(u32::try_from(self.names.len()).ok()?);
        self.names.push(String::from_utf8_lossy(key).into_owned());
        self.by_key.insert(key.to_vec(), vm);
        self.last = Some((key.to_vec(), vm));
        Some(vm)
    }

    /// The log's name for the VM that it has called by this key.
    pub(super) fn call(&mut self, key: &[u8], name: &[u8]) {
        let Some(&vm) = self.by_key.get(key) else { return };
        if let Some(known) = self.names.get_mut(vm.0 as usize)
            && known.as_bytes() == key
        {
            *known = String::from_utf8_lossy(name).into_owned();
        }
    }

    pub(super) fn name(&self, vm: VmId) -> &str {
        self.names.get(vm.0 as usize).map_or("", String::as_str)
    }

    pub(super) const fn count(&self) -> usize {
        self.names.len()
    }
}
