//! Ways out of a machine, each tried and failing.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use sandbox::port::Sandbox as _;

use crate::machine_house::{House, says, sh, variables};

/// Runs a script that must fail, and says how it did.
async fn fails(machine: &dyn sandbox::port::Machine, script: &str) -> String {
    let result = sh(machine, script).await;
    assert!(!result.success(), "{script}: {}", result.stdout_text());
    result.stderr_text()
}

/// Makes a system call by number and prints its errno.
fn syscall(number: i64, arguments: &str) -> String {
    format!(
        "python3 -c 'import ctypes; l = ctypes.CDLL(None, use_errno=True); \
         r = l.syscall({number}, {arguments}); print(r, ctypes.get_errno())'"
    )
}

#[tokio::test]
async fn nothing_of_the_hosts_files_is_there() {
    let house = House::new();
    let other = house.machine().await;
    says(&*other, "echo secret >mine").await;
    let machine = house.machine().await;
    let state = house.state.path().canonicalize().unwrap();
    let home = variables()["HOME"].clone();
    std::fs::write(state.join("data.sqlite"), "secret").unwrap();
    for path in [
        state.display().to_string(),
        format!("{}/data.sqlite", state.display()),
        format!("{home}/.bashrc"),
        format!("{home}/.profile"),
        format!("{home}/.ssh"),
        format!("{home}/.cargo/registry"),
        "/etc/shadow".to_owned(),
        "/etc/ssh".to_owned(),
        "/etc/ssl/private".to_owned(),
        "/sys/kernel".to_owned(),
        "/boot".to_owned(),
        "/var/lib".to_owned(),
        "/var/log".to_owned(),
        "/run/systemd".to_owned(),
        "/dev/kmsg".to_owned(),
        "/dev/mem".to_owned(),
    ] {
        fails(&*machine, &format!("ls -d {path}")).await;
    }
    assert_eq!(
        says(&*machine, "ls -A /checkout /home /transfer /tmp | tr '\\n' ' '")
            .await
            .matches("mine")
            .count(),
        0
    );
    assert_eq!(
        says(&*machine, "ls -A /var /run | sort | tr '\\n' ' '").await.trim(),
        "/run: /var: hob-guest tmp"
    );
    machine.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test]
async fn a_data_folder_among_the_systems_is_not_seen() {
    // Whoever cannot write there has no data folder there.
    let place = if rustix::process::geteuid().is_root() { "/usr/local" } else { "/var/tmp" };
    let state = tempfile::Builder::new().prefix("hob-data-").tempdir_in(place).unwrap();
    let sandbox = crate::machine_house::sandbox(state.path(), |_| {});
    std::fs::create_dir(state.path().join("keys")).unwrap();
    std::fs::write(state.path().join("keys/x"), "secret").unwrap();
    // Other users' rights are not what keeps it from being seen.
    open_to_all(state.path());
    let audit = std::sync::Arc::<crate::machine_house::Audit>::default();
    let machine = sandbox.launch(&crate::machine_house::spec(), audit).await.unwrap();
    assert_eq!(says(&*machine, "echo x >file; cat file").await, "x");
    fails(&*machine, &format!("cat {}/keys/x", state.path().display())).await;
    assert_eq!(
        says(&*machine, &format!("find {} -name keys", state.path().parent().unwrap().display()))
            .await,
        ""
    );
    machine.close().await.unwrap();
    assert_eq!(sandbox.settle(crate::machine_house::GONE_MAX).await, 0);
}

fn open_to_all(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_folder_of_the_system_is_no_data_folder() {
    let gateway = tempfile::tempdir().unwrap();
    let egress = sandbox::egress::Settings::new(gateway.path().to_owned(), 1);
    let egress = std::sync::Arc::new(sandbox::egress::Gateway::new(egress).unwrap());
    let settings = sandbox::namespaces::Settings::new("/usr/local".into(), variables());
    let made = sandbox::namespaces::Namespaces::new(settings, egress);
    assert!(matches!(made, Err(sandbox::port::SandboxError::Unusable { .. })), "{made:?}");
    assert!(!std::path::Path::new("/usr/local/machines").exists());
}

#[tokio::test]
async fn the_hosts_variables_and_processes_are_not_there() {
    let house = House::new();
    let machine = house.machine().await;
    let environment = says(&*machine, "env").await;
    for name in ["RUST_BACKTRACE", "NEXTEST", "CARGO_MANIFEST_DIR", "PWD=/work"] {
        assert!(!environment.contains(name), "{name}: {environment}");
    }
    let processes = says(&*machine, "ls -d /proc/[0-9]* | wc -l").await;
    assert!(processes.parse::<u32>().unwrap() < 8, "{processes}");
    fails(&*machine, "cat /proc/1/environ").await;
    fails(&*machine, "ls /proc/1/fd").await;
    fails(&*machine, "cat /proc/1/mem").await;
    fails(&*machine, "ls -L /proc/1/root/").await;
    for file in ["kallsyms", "keys", "timer_list"] {
        assert_eq!(says(&*machine, &format!("cat /proc/{file} 2>/dev/null || true")).await, "");
    }
    machine.close().await.unwrap();
}

#[tokio::test]
async fn what_the_kernel_says_of_the_host_is_not_there() {
    let house = House::new();
    let machine = house.machine().await;
    for path in [
        "acpi",
        "bus",
        "cmdline",
        "config.gz",
        "diskstats",
        "driver",
        "fs",
        "interrupts",
        "iomem",
        "ioports",
        "irq",
        "kallsyms",
        "keys",
        "modules",
        "partitions",
        "scsi",
        "swaps",
        "sys/kernel/random/boot_id",
    ] {
        let all = format!(
            "find /proc/{path} -type f -exec cat {{}} + 2>/dev/null; ls -A /proc/{path} 2>/dev/null | grep -v ^/proc; true"
        );
        assert_eq!(says(&*machine, &all).await, "", "{path}");
    }
    // Build tools size themselves by these.
    for path in ["cpuinfo", "meminfo", "stat", "loadavg", "version", "filesystems"] {
        assert_ne!(says(&*machine, &format!("cat /proc/{path}")).await, "", "{path}");
    }
    machine.close().await.unwrap();
}

#[tokio::test]
async fn devices_are_there_and_their_folder_holds_no_files() {
    let house = House::new();
    let machine = house.machine().await;
    // Whatever Landlock adds where there is one, the mount itself refuses.
    let options = "grep ' /dev ' /proc/self/mountinfo | cut -d' ' -f6 | cut -d, -f1";
    assert_eq!(says(&*machine, options).await, "ro");
    says(&*machine, "echo x >/dev/null && head -c 1 /dev/urandom >/dev/shm/x && test -r /dev/zero")
        .await;
    says(&*machine, "python3 -c 'import os; os.openpty()'").await;
    machine.close().await.unwrap();
}

#[tokio::test]
async fn the_system_cannot_be_written() {
    let house = House::new();
    let machine = house.machine().await;
    for path in [
        "/x",
        "/usr/x",
        "/usr/bin/x",
        "/etc/x",
        "/etc/passwd",
        "/run/x",
        "/var/x",
        "/home/x",
        "/dev/x",
    ] {
        fails(&*machine, &format!("echo x >{path}")).await;
    }
    fails(&*machine, "echo x >/run/hob-guest").await;
    fails(&*machine, "echo 1 >/proc/sys/kernel/panic").await;
    fails(&*machine, "echo b >/proc/sysrq-trigger").await;
    fails(&*machine, "rm /usr/bin/env").await;
    let path = says(&*machine, "echo $PATH").await;
    for folder in path.split(':').filter(|folder| !folder.starts_with("/home/hob")) {
        fails(&*machine, &format!("touch {folder}/x")).await;
    }
    machine.close().await.unwrap();
}

#[tokio::test]
async fn the_kernels_doors_are_closed() {
    let house = House::new();
    let machine = house.machine().await;
    fails(&*machine, "mount -t tmpfs none /tmp").await;
    fails(&*machine, "unshare -U true").await;
    fails(&*machine, "unshare -m true").await;
    fails(&*machine, "nsenter -t 1 -n true").await;
    fails(&*machine, "chroot / true").await;
    fails(&*machine, "mknod /tmp/disk b 8 0").await;
    fails(&*machine, "hostname other").await;
    let (eperm, enosys) = ("-1 1", "-1 38");
    for (name, number, arguments, expected) in [
        ("ptrace", libc::SYS_ptrace, "0, 0, 0, 0", eperm),
        ("setns", libc::SYS_setns, "0, 0", eperm),
        ("clone into a user namespace", libc::SYS_clone, "0x10000011, 0, 0, 0, 0", eperm),
        ("clone3", libc::SYS_clone3, "0, 0", enosys),
        ("bpf", libc::SYS_bpf, "0, 0, 0", eperm),
        ("perf", libc::SYS_perf_event_open, "0, 0, 0, 0, 0", eperm),
        ("io_uring", libc::SYS_io_uring_setup, "1, 0", eperm),
        ("userfaultfd", libc::SYS_userfaultfd, "0", eperm),
        ("keyctl", libc::SYS_keyctl, "0, -3, 0", eperm),
        ("open by handle", libc::SYS_open_by_handle_at, "0, 0, 0", eperm),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, "0, 0, 0", eperm),
        ("another's memory", libc::SYS_process_vm_readv, "1, 0, 0, 0, 0, 0", eperm),
        ("vsock", libc::SYS_socket, "40, 1, 0", eperm),
        ("packet socket", libc::SYS_socket, "17, 3, 0", eperm),
        ("kernel crypto", libc::SYS_socket, "38, 5, 0", eperm),
        (
            "pair of an odd family",
            libc::SYS_socketpair,
            "30, 1, 0, ctypes.byref((ctypes.c_int * 2)())",
            eperm,
        ),
        ("pair", libc::SYS_socketpair, "1, 1, 0, ctypes.byref((ctypes.c_int * 2)())", "0 0"),
        ("netfilter", libc::SYS_socket, "16, 3, 12", eperm),
        ("a system call of the future", 9999, "0", enosys),
        ("a system call of x32", 0x4000_0000 + 39, "0", enosys),
    ] {
        assert_eq!(says(&*machine, &syscall(number, arguments)).await, expected, "{name}");
    }
    assert_eq!(says(&*machine, "grep -E 'NoNewPrivs|CapEff|CapPrm|CapInh' /proc/self/status | grep -c -E '\\s(1|0{16})$'").await, "4");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn another_architectures_system_calls_end_the_process() {
    let house = House::new();
    let machine = house.machine().await;
    // `mov eax, 20; int 0x80; ret`: getpid as a 32-bit program asks for it.
    let script = "python3 -c '
import ctypes, mmap
m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
m.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))
f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))
print(f())'";
    let result = sh(&*machine, script).await;
    assert!(!result.success(), "{}", result.stdout_text());
    assert_eq!(result.exit.shell_code(), 128 + libc::SIGSYS);
    machine.close().await.unwrap();
}

#[tokio::test]
async fn there_is_no_network_and_no_resolver() {
    let house = House::new();
    let machine = house.machine().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = |address: &str, port: u16| {
        format!("python3 -c 'import socket; socket.create_connection((\"{address}\", {port}), 3)'")
    };
    assert!(fails(&*machine, &connect("127.0.0.1", port)).await.contains("refused"));
    assert!(fails(&*machine, &connect("192.0.2.1", 443)).await.contains("unreachable"));
    assert!(fails(&*machine, &connect("example.com", 443)).await.contains("gaierror"));
    let datagram = "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"x\", (\"192.0.2.1\", 53))'";
    assert!(fails(&*machine, datagram).await.contains("unreachable"));
    assert_eq!(
        says(
            &*machine,
            "ls /sys/class/net 2>/dev/null; cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '"
        )
        .await,
        "lo"
    );
    machine.close().await.unwrap();
}

#[tokio::test]
async fn unix_sockets_of_the_host_cannot_be_reached() {
    let house = House::new();
    let machine = house.machine().await;
    let name = format!("hob-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    let path = house.state.path().join("socket");
    let _named = UnixListener::bind(&path).unwrap();
    for target in [format!("\\0{name}"), path.display().to_string()] {
        let script = format!(
            "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{target}\")'"
        );
        let error = fails(&*machine, &script).await;
        assert!(error.contains("refused") || error.contains("No such file"), "{error}");
    }
    machine.close().await.unwrap();
}

#[tokio::test]
async fn machines_share_no_user_with_others_on_the_host() {
    use std::os::unix::fs::MetadataExt as _;
    let house = House::new();
    let (one, other) = (house.machine().await, house.machine().await);
    let users: Vec<u32> = house
        .machines()
        .iter()
        .map(|path| std::fs::metadata(path.join("checkout")).unwrap().uid())
        .collect();
    let ours = rustix::process::geteuid();
    if ours.is_root() {
        assert_ne!(users[0], users[1]);
        assert!(users.iter().all(|uid| *uid >= 0x7000_0000), "{users:?}");
    } else {
        // Who has one user only gives that one, and none of its rights on the host (the other tests).
        assert_eq!(users, [ours.as_raw(); 2]);
    }
    says(&*one, "touch made").await;
    let made = house
        .machines()
        .iter()
        .find_map(|path| std::fs::metadata(path.join("checkout/made")).ok().map(|made| made.uid()));
    assert!(users.contains(&made.unwrap()));
    one.close().await.unwrap();
    other.close().await.unwrap();
}
