//! What a virtual machine cannot reach: the network, the host, other machines, its own kernel's devices.

use std::collections::BTreeSet;

use domain::Clock as _;
use domain::clock::SystemClock;
use sandbox::port::{EgressRule, NetworkPolicy};

use crate::machine_house::{MIB, says, sh};
use crate::vm_house::{VmHouse, init_of, spec};

/// An upstream on the host's loopback that answers whoever reaches it.
async fn upstream() -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let _ = connection.read(&mut [0; 4096]).await.unwrap();
            let answer =
                b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nreached";
            let _cut = connection.write_all(answer).await;
        }
    });
    serving.detach_all();
    port
}

#[tokio::test]
async fn the_only_way_out_is_what_a_rule_allows() {
    let house = VmHouse::new().await;
    let port = upstream().await;
    let rule = EgressRule {
        name: "test".to_owned(),
        host: "localhost".to_owned(),
        port,
        plain_http: true,
        methods: vec!["GET".to_owned()],
        paths: vec!["/allowed/**".to_owned()],
        queries: false,
        immutable: Vec::new(),
        authorization: None,
        response_max_bytes: MIB,
    };
    let mut spec = spec();
    spec.network = NetworkPolicy { rules: vec![rule] };
    let machine = house.launch(&spec).await;
    assert_eq!(says(&*machine, "ls /sys/class/net").await, "lo");
    assert_eq!(says(&*machine, "ip route; ip -6 route show table main").await, "");
    assert_eq!(says(&*machine, "grep -v '^#' /etc/resolv.conf || true").await, "");
    let get = |path: &str| format!("wget -q -O - http://localhost:{port}{path} 2>&1");
    assert_eq!(says(&*machine, &get("/allowed/x")).await, "reached");
    let refused = sh(&*machine, &get("/other")).await;
    assert!(!refused.success() && refused.stdout_text().contains("403"), "{refused:?}");
    for beside in [
        format!("wget -q -Y off -T 5 -O - http://127.0.0.1:{port}/allowed/x"),
        format!("wget -q -Y off -T 5 -O - http://10.0.2.2:{port}/allowed/x"),
        "nslookup localhost 10.0.2.3".to_owned(),
        "ping -c 1 -W 2 10.0.2.2".to_owned(),
    ] {
        assert!(!sh(&*machine, &beside).await.success(), "{beside}");
    }
    machine.close().await.unwrap();
    let records = house.audit.0.lock().unwrap();
    let decisions: Vec<(bool, &str)> =
        records.iter().map(|r| (r.allowed, r.path.as_str())).collect();
    assert_eq!(decisions, [(true, "/allowed/x"), (false, "/other")]);
}

#[tokio::test]
async fn commands_are_nobody_in_their_own_machine() {
    let house = VmHouse::new().await;
    let machine = house.launch(&spec()).await;
    for script in [
        "touch /usr/x",
        "touch /etc/x",
        "touch /x",
        "mount -t tmpfs none /tmp",
        "unshare -U true",
        "cat /proc/1/environ",
        "ls /proc/1/fd/",
        "cat /proc/kmsg",
        "cat /sys/kernel/debug/x",
        "chroot / true",
        "reboot -f",
        "kill -9 1",
        "echo 1 >/proc/sys/kernel/panic",
        "echo c >/proc/sysrq-trigger",
        "mknod /tmp/vda b 254 0",
        "date -s 2001-01-01; date +%Y | grep 2001",
        "hostname other; hostname | grep other",
    ] {
        assert!(!sh(&*machine, script).await.success(), "{script}");
    }
    let devices = says(&*machine, "ls /dev | tr '\\n' ' '").await;
    assert_eq!(devices, "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero");
    let status =
        says(&*machine, "grep -E 'CapEff|CapPrm|CapBnd|NoNewPrivs' /proc/self/status").await;
    for line in status.lines() {
        let (name, value) = line.split_once(":\t").unwrap();
        let expected = if name == "NoNewPrivs" { "1" } else { "0000000000000000" };
        assert_eq!(value, expected, "{name}");
    }
    let line = says(&*machine, "cat /proc/cmdline").await;
    assert!(line.starts_with("console=ttyS0 quiet"), "{line}");
    assert_eq!(says(&*machine, "ls /init /modules /scratch /base 2>/dev/null; true").await, "");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn two_machines_have_nothing_in_common_but_their_image() {
    let house = VmHouse::new().await;
    let look = "hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id; \
        od -An -tx1 -N16 /dev/urandom; cat /proc/sys/kernel/random/uuid";
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let machine = house.launch(&spec()).await;
        let found =
            says(&*machine, "ls -A /checkout /home/hob /tmp /transfer | grep -v :; true").await;
        assert_eq!(found.trim(), "");
        for folder in ["/checkout", "/home/hob", "/tmp", "/var/tmp", "/transfer", "/dev/shm"] {
            says(&*machine, &format!("echo secret >{folder}/left")).await;
        }
        let looked = says(&*machine, look).await;
        assert_eq!(looked.lines().count(), 5);
        assert!(looked.lines().all(|line| seen.insert(line.to_owned())), "{looked}");
        let time: u64 = says(&*machine, "date +%s").await.parse().unwrap();
        let now = SystemClock.now().as_millis() / 1000;
        assert!(time.abs_diff(now) < 60, "{time} {now}");
        machine.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_vmm_is_confined_and_the_image_is_not_written() {
    let house = VmHouse::new().await;
    let machine = house.launch(&spec()).await;
    let pid = init_of(&house.machines()[0]);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:\t")));
        line.unwrap().split('\t').next().unwrap().to_owned()
    };
    assert_eq!(field("Seccomp"), "2");
    if rustix::process::geteuid().is_root() {
        assert!(field("Uid").parse::<u32>().unwrap() >= 0x7000_0000, "{status}");
        assert_eq!(field("CapEff"), "0000000000000000");
        assert_eq!(field("CapPrm"), "0000000000000000");
    }
    machine.close().await.unwrap();
}
