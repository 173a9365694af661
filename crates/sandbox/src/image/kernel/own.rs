//! hob's own kernel, built from Debian's source package with the configuration beside this file.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use domain::Digest;

use super::{Parts, download, keep, made, newest, unreadable};
use crate::image::error::{ImageError, Needed, io};
use crate::image::squash;
use crate::image::store::{Making, Store};
use crate::image::tar::Reader;
use crate::image::tools::{self, Running};
use crate::image::{Kernel, KernelSource, Watch};

/// The kernel is made of this, and of nothing else of the host but its compiler.
const CONFIG: &str = include_str!("../kernel.config");

/// Debian's package of the kernel's source.
const SOURCE: &str = "linux-source-6.12";

/// The largest packed source, in bytes.
const SOURCE_MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// What building it takes, beside what gets it.
const NEEDED: [Needed; 10] = [
    Needed { program: "make", package: "make" },
    Needed { program: "gcc", package: "gcc" },
    Needed { program: "ld", package: "binutils" },
    Needed { program: "flex", package: "flex" },
    Needed { program: "bison", package: "bison" },
    Needed { program: "bc", package: "bc" },
    Needed { program: "perl", package: "perl" },
    Needed { program: "lz4", package: "lz4" },
    Needed { program: "tar", package: "tar" },
    tools::XZ,
];

const MAKE: Needed = NEEDED[0];
const TAR: Needed = NEEDED[8];

/// A header of the library that the kernel's `objtool` is built with.
const LIBELF: (&str, Needed) =
    ("/usr/include/gelf.h", Needed { program: "gelf.h", package: "libelf-dev" });

/// Builds it. Takes minutes. Blocks.
pub(in crate::image) fn build(
    making: &Making,
    store: &Store,
    watch: Watch<'_>,
) -> Result<Kernel, ImageError> {
    need()?;
    watch.step("getting the kernel's source");
    let (package, version) = newest(SOURCE, SOURCE, watch)?;
    let made_of = format!("{package} {version} with {}", Digest::of(CONFIG.as_bytes()));
    if let Some(kernel) = made(store, &made_of)? {
        return Ok(kernel);
    }
    let deb = download(making, &package, watch)?;
    let folder = making.folder("source")?;
    watch.step(&format!("unpacking {package} {version}"));
    unpack(&deb, &folder, watch)?;

    watch.step("building the kernel, which takes some minutes");
    let config = making.path("kernel.config");
    std::fs::write(&config, CONFIG).map_err(io("writing", &config))?;
    make(&folder, &[&format!("KCONFIG_ALLCONFIG={}", config.display()), "allnoconfig"], watch)?;
    check(&folder)?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    make(&folder, &[&format!("--jobs={jobs}"), "bzImage"], watch)?;

    let read = |path: &str| {
        let path = folder.join(path);
        std::fs::read(&path).map_err(io("reading", &path))
    };
    let release = read("include/config/kernel.release")?;
    let version = String::from_utf8_lossy(&release).trim().to_owned();
    let (bzimage, vmlinux) = (read("arch/x86/boot/bzImage")?, read("vmlinux")?);
    let source = KernelSource::Own;
    keep(making, store, Parts { version, source, made_of, bzimage, vmlinux, modules: Vec::new() })
}

fn need() -> Result<(), ImageError> {
    let mut needed = vec![tools::APT_CACHE, tools::APT_GET, tools::DPKG_DEB];
    needed.extend(NEEDED);
    let mut missing = match tools::need(&needed) {
        Err(ImageError::Missing(missing)) => missing,
        other => {
            other?;
            Vec::new()
        }
    };
    let (header, libelf) = LIBELF;
    if !Path::new(header).is_file() {
        missing.push(libelf);
    }
    if missing.is_empty() { Ok(()) } else { Err(ImageError::Missing(missing)) }
}

/// The tar that lies in the package, through `tar`: Debian has signed it.
fn unpack(deb: &Path, folder: &Path, watch: Watch<'_>) -> Result<(), ImageError> {
    let mut command = tools::command(tools::DPKG_DEB);
    command.arg("--fsys-tarfile").arg(deb).stdout(Stdio::piped());
    let mut package =
        Running::start("unpacking the package", tools::DPKG_DEB, &mut command, watch)?;
    let from = package.child.stdout.take();
    let mut reader = Reader::new(from.ok_or_else(|| package.failed("it has no standard output"))?);
    let broken = |why: String| unreadable(SOURCE, &why);
    while let Some(entry) = reader.next().map_err(|error| broken(error.to_string()))? {
        if !entry.path.ends_with(b".tar.xz") {
            continue;
        }
        let mut command = tools::command(TAR);
        command
            .args(["--extract", "--xz", "--strip-components=1", "--no-same-owner", "--directory"])
            .arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut tar = Running::start("unpacking the source", TAR, &mut command, watch)?;
        let into = tar.child.stdin.take();
        let mut into = into.ok_or_else(|| tar.failed("it has no standard input"))?;
        let mut content = reader.contents().take(SOURCE_MAX_BYTES);
        let copied = squash::copy(&mut content, &mut into, SOURCE_MAX_BYTES, |_| {});
        drop(into);
        tar.end()?;
        copied.map_err(|error| broken(error.to_string()))?;
        reader.finish().map_err(|error| broken(error.to_string()))?;
        return package.end();
    }
    Err(broken("it holds no source".to_owned()))
}

/// The same source and compiler give the same kernel: no time, no user, no host is in it.
fn make(folder: &Path, arguments: &[&str], watch: Watch<'_>) -> Result<(), ImageError> {
    let mut command = tools::command(MAKE);
    command.arg("--silent").args(arguments).current_dir(folder).stdout(Stdio::null());
    command.args(["KBUILD_BUILD_TIMESTAMP=@0", "KBUILD_BUILD_USER=hob", "KBUILD_BUILD_HOST=hob"]);
    // Whatever make this runs under has nothing to say to this one.
    command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").env_remove("MFLAGS");
    Running::start("building the kernel", MAKE, &mut command, watch)?.end()
}

/// Each line of the configuration has to have been taken: the kernel's tools drop silently what does not fit.
fn check(folder: &Path) -> Result<(), ImageError> {
    let path = folder.join(".config");
    let taken = std::fs::read_to_string(&path).map_err(io("reading", &path))?;
    match not_taken(CONFIG, &taken) {
        Some(line) => Err(unreadable(SOURCE, &format!("its configuration does not take `{line}`"))),
        None => Ok(()),
    }
}

/// The first line that was asked for and is not there.
fn not_taken<'c>(asked: &'c str, taken: &str) -> Option<&'c str> {
    let taken: std::collections::BTreeSet<&str> = taken.lines().collect();
    asked.lines().find(|line| {
        let off = line.strip_prefix("# CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"));
        match off {
            // What is out of reach altogether is off, and not even named.
            Some(name) => taken.iter().any(|line| {
                line.strip_prefix("CONFIG_")
                    .and_then(|rest| rest.strip_prefix(name))
                    .is_some_and(|rest| rest.starts_with('='))
            }),
            None => line.starts_with("CONFIG_") && !taken.contains(line),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_dropped_is_found() {
        let asked = "# words\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x\"\n";
        assert_eq!(not_taken(asked, "CONFIG_A=y\nCONFIG_C=\"x\"\nCONFIG_BB=y\n"), None);
        assert_eq!(not_taken(asked, "CONFIG_A=m\nCONFIG_C=\"x\"\n"), Some("CONFIG_A=y"));
        assert_eq!(
            not_taken(asked, "CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=\"x\"\n"),
            Some("# CONFIG_B is not set")
        );
    }

    #[test]
    fn the_configuration_has_what_the_guest_needs() {
        for needed in [
            "CONFIG_VIRTIO_PCI=y",
            "CONFIG_VIRTIO_MMIO=y",
            "CONFIG_SQUASHFS_ZSTD=y",
            "CONFIG_OVERLAY_FS=y",
            "CONFIG_EXT4_FS=y",
            "CONFIG_VIRTIO_CONSOLE=y",
            "CONFIG_VIRTIO_VSOCKETS=y",
            "CONFIG_SECCOMP_FILTER=y",
            "CONFIG_SECURITY_LANDLOCK=y",
        ] {
            assert!(CONFIG.lines().any(|line| line == needed), "{needed}");
        }
        assert!(!CONFIG.contains("VIRTIO_NET=y"), "a machine has no card");
    }
}
