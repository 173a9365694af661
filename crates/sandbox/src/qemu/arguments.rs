//! What QEMU is told. A machine has disks, a serial console, one virtio port and random numbers: no network card, no
//! display, no sound, no USB, and nothing of the user's configuration.

use std::path::PathBuf;

use serde_json::json;

use super::Acceleration;
use crate::microvm::disks::Disk;
use crate::microvm::kernel_line;

/// How much memory QEMU takes for translated code, in mebibytes; more makes long runs no faster.
const TRANSLATED_MIB: u32 = 128;

/// One machine as QEMU is to make it; paths are as QEMU sees them, descriptors as it inherits them.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) kernel: PathBuf,
    pub(crate) initramfs: PathBuf,
    pub(crate) disks: Vec<Disk>,
    pub(crate) memory_bytes: u64,
    pub(crate) cpus: u32,
    pub(crate) acceleration: Acceleration,
    /// The descriptors of the console and of QMP; the stream is standard input.
    pub(crate) console: String,
    pub(crate) qmp: String,
}

/// The arguments.
pub(crate) fn arguments(plan: &Plan) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
    let sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
    add(&["-sandbox", sandbox]);
    add(&["-machine", "q35,smm=off,vmport=off,usb=off,graphics=off"]);
    match plan.acceleration {
        Acceleration::Kvm => add(&["-accel", "kvm", "-cpu", "host"]),
        Acceleration::Tcg => {
            add(&["-accel", &format!("tcg,tb-size={TRANSLATED_MIB}"), "-cpu", "max"]);
        }
    }
    add(&["-smp", &plan.cpus.to_string(), "-m", &format!("{}M", plan.memory_bytes >> 20)]);
    add(&["-kernel", &plan.kernel.to_string_lossy(), "-append", &kernel_line::line()]);
    add(&["-initrd", &plan.initramfs.to_string_lossy()]);
    add(&["-chardev", &format!("socket,id=console,fd={}", plan.console)]);
    add(&["-serial", "chardev:console"]);
    add(&["-chardev", &format!("socket,id=qmp,fd={}", plan.qmp)]);
    add(&["-mon", "chardev=qmp,mode=control"]);
    add(&["-device", "virtio-serial-pci,max_ports=2", "-chardev", "socket,id=stream,fd=0"]);
    let port = guest::layout::PORT;
    add(&["-device", &format!("virtserialport,chardev=stream,name={port}")]);
    add(&["-object", "rng-builtin,id=random", "-device", "virtio-rng-pci,rng=random"]);
    for disk in &plan.disks {
        add(&["-blockdev", &blockdev(disk)]);
        let serial = &disk.serial;
        add(&["-device", &format!("virtio-blk-pci,drive={serial},serial={serial}")]);
    }
    all
}

/// A disk, as JSON because a path may hold commas.
fn blockdev(disk: &Disk) -> String {
    let mut file = json!({ "driver": "file", "filename": disk.file, "read-only": disk.read_only });
    if let Some(file) = file.as_object_mut() {
        if disk.read_only {
            // Others have it too, and nobody writes to it.
            file.insert("locking".to_owned(), json!("off"));
        } else {
            file.insert("discard".to_owned(), json!("unmap"));
        }
    }
    // What a machine has written need not survive the host: it goes with the machine.
    let cache = json!({ "no-flush": !disk.read_only });
    json!({ "driver": "raw", "node-name": disk.serial, "read-only": disk.read_only, "file": file,
        "cache": cache, "discard": if disk.read_only { "ignore" } else { "unmap" } })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(acceleration: Acceleration) -> Plan {
        let disk = |serial: &str, file: &str, read_only| Disk {
            serial: serial.to_owned(),
            file: file.into(),
            read_only,
        };
        Plan {
            kernel: "/tmp/0".into(),
            initramfs: "/tmp/1".into(),
            disks: vec![disk("root", "/tmp/a,b", true), disk("scratch", "scratch", false)],
            memory_bytes: 512 << 20,
            cpus: 2,
            acceleration,
            console: "7".to_owned(),
            qmp: "8".to_owned(),
        }
    }

    #[test]
    fn there_is_no_network_card_and_nothing_by_default() {
        for acceleration in Acceleration::ALL {
            let mut arguments = arguments(&plan(acceleration));
            let line = kernel_line::line();
            // The kernel's own words are not QEMU's.
            arguments.retain(|argument| *argument != line);
            let arguments = arguments.join(" ");
            assert!(arguments.starts_with("-nodefaults -no-user-config "), "{arguments}");
            for word in ["net", "nic", "usb-", "vnc", "vga", "hostfwd", "fsdev", "-drive"] {
                assert!(!arguments.contains(word), "{word}: {arguments}");
            }
        }
    }

    #[test]
    fn a_shared_disk_cannot_be_written_and_its_path_cannot_say_more() {
        let arguments = arguments(&plan(Acceleration::Tcg));
        let disks: Vec<serde_json::Value> = arguments
            .iter()
            .filter(|argument| argument.starts_with('{'))
            .map(|json| serde_json::from_str(json).unwrap())
            .collect();
        assert_eq!(disks[0]["file"]["filename"], "/tmp/a,b");
        assert_eq!(disks[0]["read-only"], true);
        assert_eq!(disks[0]["file"]["read-only"], true);
        assert_eq!(disks[1]["read-only"], false);
    }
}
