//! The files that a virtual machine is given, besides its image: who it is, who its user is, whom it trusts.

use std::path::{Component, Path};

use guest::layout;

use crate::env::CERTIFICATE_FILE;
use crate::port::{MachineSpec, SandboxError};

/// Files of `/etc` that are the same for all machines.
const ETC: [(&str, &str); 4] = [
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/usr/sbin/nologin\nhob:x:1000:1000:hob:/home/hob:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("/etc/group", "root:x:0:\ntty:x:5:\nhob:x:1000:\nnogroup:x:65534:\n"),
    ("/etc/resolv.conf", "# a machine has no resolver: its proxy looks names up\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];

/// Where programs look for certificates, besides the place that Debian's use.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/certs/ca-bundle.crt"];

/// All of them, path and text.
pub(crate) fn of(
    spec: &MachineSpec,
    hostname: &str,
    machine_id: &str,
    certificate: &str,
) -> Result<Vec<(String, String)>, SandboxError> {
    let owned = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let mut files: Vec<_> = ETC.iter().map(|(path, text)| owned(path, text)).collect();
    files.push(owned("/etc/hostname", &format!("{hostname}\n")));
    files.push(owned("/etc/hosts", &format!("127.0.0.1 localhost {hostname}\n::1 localhost\n")));
    files.push(owned("/etc/machine-id", &format!("{machine_id}\n")));
    let places = [CERTIFICATE_FILE].into_iter().chain(CERTIFICATES);
    files.extend(places.map(|place| owned(place, certificate)));
    for (name, text) in &spec.home_files {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !plain {
            let name = name.escape_debug();
            return Err(SandboxError::Refused(format!("`{name}` does not lie in a home folder")));
        }
        files.push((format!("{}/{name}", layout::HOME), text.clone()));
    }
    Ok(files)
}
