//! The modules that a guest needs of a modular kernel, in an order in which they can be loaded.

use std::collections::{BTreeMap, BTreeSet};

use crate::image::Watch;
use crate::image::error::ImageError;

use super::{unpack, unreadable};

/// What the guest mounts, and what it speaks to the host with. What is built in is not loaded.
const WANTED: [&str; 13] = [
    "virtio",
    "virtio_ring",
    "virtio_pci",
    "virtio_mmio",
    "virtio_blk",
    "virtio_console",
    "virtio_rng",
    "vsock",
    "vmw_vsock_virtio_transport",
    "squashfs",
    "overlay",
    "ext4",
    "crc32c_generic",
];

/// What older kernels have built in without saying so.
const OPTIONAL: [&str; 1] = ["crc32c_generic"];

/// All modules of a kernel.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By name, as they lie in the package.
    modules: BTreeMap<String, Vec<u8>>,
    built_in: BTreeSet<String>,
}

impl Found {
    /// A file of the package, which may be a module.
    pub(super) fn add(&mut self, path: &str, bytes: Vec<u8>) {
        if let Some(name) = name(path) {
            self.modules.insert(name, bytes);
        }
    }

    /// The list of what is built in.
    pub(super) fn built_in(&mut self, list: &str) {
        self.built_in.extend(list.lines().filter_map(name));
    }

    /// What is wanted with all that it needs, unpacked, each after what it needs.
    pub(super) fn in_load_order(
        &self,
        watch: Watch<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, ImageError> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for wanted in WANTED {
            let is_there = self.modules.contains_key(wanted) || self.built_in.contains(wanted);
            if !is_there && !OPTIONAL.contains(&wanted) {
                return Err(unreadable(
                    "the kernel's package",
                    &format!("it has no module `{wanted}`"),
                ));
            }
            self.visit(wanted, &mut seen, &mut order, watch)?;
        }
        Ok(order)
    }

    fn visit(
        &self,
        name: &str,
        seen: &mut BTreeSet<String>,
        order: &mut Vec<(String, Vec<u8>)>,
        watch: Watch<'_>,
    ) -> Result<(), ImageError> {
        let Some(packed) = self.modules.get(name).filter(|_| !self.built_in.contains(name)) else {
            return Ok(());
        };
        if !seen.insert(name.to_owned()) {
            return Ok(());
        }
        let module = unpack::unpack(packed, watch)?;
        for needed in needs(&module) {
            self.visit(&needed, seen, order, watch)?;
        }
        order.push((name.to_owned(), module));
        Ok(())
    }
}

/// The name of a module by its path: `kernel/net/vmw_vsock/vsock.ko.xz`. The kernel takes `-` for `_`.
fn name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let (name, rest) = file.split_once(".ko")?;
    matches!(rest, "" | ".xz" | ".gz" | ".zst").then(|| name.replace('-', "_"))
}

/// What a module says that it needs, in its `.modinfo`: texts with zeros between them. `modules.dep`, which
/// packages leave to be made at their installation, is made of the same.
fn needs(module: &[u8]) -> Vec<String> {
    let key = b"\0depends=";
    let Some(at) = memchr::memmem::find(module, key) else { return Vec::new() };
    let value = module.get(at + key.len()..).unwrap_or_default();
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value).into_owned();
    value.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Watcher;

    fn kernel(modules: &[(&str, &str)]) -> Found {
        let mut found = Found::default();
        let names: BTreeSet<_> = modules.iter().map(|(name, _)| *name).collect();
        for name in WANTED.iter().filter(|name| !names.contains(*name)) {
            found.built_in(&format!("kernel/{name}.ko"));
        }
        for (name, needs) in modules {
            let module = format!("\x7fELF\0license=GPL\0depends={needs}\0name={name}\0");
            found.add(
                &format!("lib/modules/6.1/kernel/{}.ko", name.replace('_', "-")),
                module.into_bytes(),
            );
        }
        found
    }

    #[test]
    fn each_module_comes_after_what_it_needs_and_once() {
        let found = kernel(&[
            ("virtio_blk", "virtio_ring,virtio"),
            ("virtio", ""),
            ("virtio_ring", "virtio"),
            ("vmw_vsock_virtio_transport", "vmw_vsock_virtio_transport_common,virtio"),
            ("vmw_vsock_virtio_transport_common", "vsock"),
            ("vsock", ""),
            ("bluetooth", ""),
        ]);
        let order = found.in_load_order(&Watcher::nobody()).unwrap();
        let order: Vec<_> = order.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            order,
            [
                "virtio",
                "virtio_ring",
                "virtio_blk",
                "vsock",
                "vmw_vsock_virtio_transport_common",
                "vmw_vsock_virtio_transport"
            ]
        );
    }

    #[test]
    fn a_kernel_without_what_a_guest_needs_is_refused() {
        let mut found = kernel(&[("squashfs", "")]);
        found.modules.clear();
        assert!(
            found.in_load_order(&Watcher::nobody()).unwrap_err().to_string().contains("`squashfs`")
        );
    }
}
