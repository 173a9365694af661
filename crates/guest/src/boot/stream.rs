//! Finds the machine's stream: the virtio port of a certain name.

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::path::Path;

use guest::layout::PORT;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, netlink};

/// Where the kernel lists its ports.
const PORTS: &str = "/sys/class/virtio-ports";

/// Waits for the port and opens it. Whoever started the machine decides how long that may take.
pub(crate) fn find() -> Result<File, String> {
    // Before the first look, so that nothing is missed between a look and the wait after it.
    let events = events().map_err(|e| format!("listening to the kernel: {e}"))?;
    loop {
        if let Some(name) = named(Path::new(PORTS), PORT) {
            let path = Path::new("/dev").join(name);
            let opened = OpenOptions::new().read(true).write(true).open(&path);
            return opened.map_err(|e| format!("opening the stream {}: {e}", path.display()));
        }
        wait(&events).map_err(|e| format!("waiting for the stream: {e}"))?;
    }
}

/// The entry of a folder whose file `name` holds this word.
fn named(folder: &Path, word: &str) -> Option<std::ffi::OsString> {
    let mut entries = std::fs::read_dir(folder).ok()?.flatten();
    let is_it = |path: &Path| {
        std::fs::read_to_string(path.join("name")).is_ok_and(|name| name.trim() == word)
    };
    entries.find(|entry| is_it(&entry.path())).map(|entry| entry.file_name())
}

/// What the kernel says of its devices.
fn events() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let kind = SocketType::DGRAM;
    let protocol = Some(netlink::KOBJECT_UEVENT);
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, kind, flags, protocol)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 1))?;
    Ok(socket)
}

/// Waits until the kernel says something; what it says does not matter.
fn wait(events: &OwnedFd) -> rustix::io::Result<()> {
    let mut buffer = [0_u8; 64];
    match rustix::net::recv(events, &mut buffer, RecvFlags::empty()) {
        // More was said than we cared to hear.
        Ok(_) | Err(rustix::io::Errno::INTR | rustix::io::Errno::NOBUFS) => Ok(()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_by_its_name_and_not_by_its_place() {
        let folder = std::env::temp_dir().join(format!("hob-ports-{}", std::process::id()));
        for (port, name) in
            [("vport0p1", "other\n"), ("vport1p1", "hob.0\n"), ("vport2p1", "hob.01\n")]
        {
            std::fs::create_dir_all(folder.join(port)).unwrap();
            std::fs::write(folder.join(port).join("name"), name).unwrap();
        }
        std::fs::create_dir_all(folder.join("vport3p1")).unwrap();
        assert_eq!(named(&folder, "hob.0").unwrap(), "vport1p1");
        assert_eq!(named(&folder, "hob"), None);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(named(&folder, "hob.0"), None);
    }
}
