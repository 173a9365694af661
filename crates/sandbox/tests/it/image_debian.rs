//! The default way: real packages by mmdebstrap, and Debian's real kernel.

use sandbox::image::{ImageError, Images, KernelSource, Watcher};

use crate::image_parts::{content, listing};

#[test]
fn the_same_packages_give_the_same_image_and_nothing_of_the_host_is_in_it() {
    let built = || {
        let state = tempfile::tempdir().unwrap();
        let images = Images::open(state.path()).unwrap();
        let root =
            images.build(&["ca-certificates".to_owned()], "tiny", &Watcher::nobody()).unwrap();
        assert_eq!(std::fs::read_dir(state.path().join("images/making")).unwrap().count(), 0);
        (state, root)
    };
    let (first, one) = built();
    let (_second, two) = built();
    assert_eq!(one.digest, two.digest);
    let list = listing(&one.file);
    assert!(list.contains("/etc/ssl/certs/ca-certificates.crt") && list.contains("/usr/bin/dpkg"));
    for none in
        ["/etc/apt/sources.list", "/etc/apt/sources.list.d/", "/dev/null", "/usr/share/man/man1/"]
    {
        assert!(
            !list.lines().any(|line| line.ends_with(none) || line.contains(&format!("{none}/"))),
            "{none}"
        );
    }
    assert_eq!(content(&one.file, "etc/resolv.conf"), "");
    assert_eq!(content(&one.file, "etc/hostname"), "machine\n");
    let error =
        Images::open(first.path()).unwrap().build(&["--x".to_owned()], "x", &Watcher::nobody());
    assert!(matches!(error, Err(ImageError::Malformed { .. })));
}

#[test]
fn debians_kernel_comes_with_the_modules_of_a_guest_and_once() {
    let state = tempfile::tempdir().unwrap();
    let images = Images::open(state.path()).unwrap();
    let none = images.kernel().unwrap_err();
    assert!(none.hint().contains("hob image build"), "{none}");
    let kernel = images.make_kernel(KernelSource::DebianCloud, &Watcher::nobody()).unwrap();
    assert_eq!(images.kernel().unwrap(), kernel);
    let read = |path: &std::path::Path| std::fs::read(path).unwrap();
    assert_eq!(read(kernel.vmlinux.as_ref().unwrap())[..4], *b"\x7fELF");
    assert_eq!(read(kernel.bzimage.as_ref().unwrap())[0x202..0x206], *b"HdrS");
    let names: Vec<_> =
        kernel.modules.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    let at = |module: &str| {
        names.iter().position(|name| name.ends_with(&format!("-{module}.ko"))).unwrap_or(usize::MAX)
    };
    for (needed, by) in [
        ("virtio_ring", "virtio"),
        ("virtio", "virtio_pci"),
        ("virtio_ring", "virtio_pci"),
        ("virtio_ring", "virtio_blk"),
        ("virtio_ring", "virtio_console"),
        ("vsock", "vmw_vsock_virtio_transport"),
    ] {
        assert!(at(needed) < at(by), "{needed} before {by}: {names:?}");
    }
    for module in &kernel.modules {
        assert_eq!(read(module)[..4], *b"\x7fELF", "{}", module.display());
    }
    // Nothing is made a second time.
    let before = std::fs::metadata(kernel.vmlinux.as_ref().unwrap()).unwrap().modified().unwrap();
    assert_eq!(images.make_kernel(KernelSource::DebianCloud, &Watcher::nobody()).unwrap(), kernel);
    assert_eq!(
        std::fs::metadata(kernel.vmlinux.as_ref().unwrap()).unwrap().modified().unwrap(),
        before
    );
}
