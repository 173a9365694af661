//! A virtual machine does what a machine does: commands, files, the way out; with a kernel of its own.

use domain::exec::Exit;
use domain::machine::{Backend, Isolation};
use sandbox::port::Sandbox as _;

use crate::machine_house::{GONE_MAX, checkout, says, sh};
use crate::vm_house::{VmHouse, spec};

#[tokio::test]
async fn commands_and_files_work_in_a_virtual_machine() {
    let house = VmHouse::new().await;
    assert_eq!(house.sandbox.backend(), Backend::Qemu);
    assert_eq!(house.sandbox.backend().isolation(), Isolation::Microvm);
    let mut spec = spec();
    spec.home_files = vec![(".config/tool.toml".to_owned(), "a = 1\n".to_owned())];
    spec.env = vec![("GREETING".to_owned(), "hello".to_owned())];
    let machine = house.launch(&spec).await;
    assert_eq!(says(&*machine, "id -u; pwd; echo $GREETING").await, "1000\n/checkout\nhello");
    assert_ne!(
        says(&*machine, "uname -r").await,
        rustix::system::uname().release().to_str().unwrap()
    );
    assert_eq!(sh(&*machine, "exit 7").await.exit, Exit::Code(7));
    assert_eq!(sh(&*machine, "no-such-program").await.exit, Exit::Code(127));
    machine
        .put(&checkout("a/b"), 0o755, 1 << 20, &mut &b"#!/bin/sh\necho put\n"[..])
        .await
        .unwrap();
    assert_eq!(says(&*machine, "./a/b").await, "put");
    says(&*machine, "echo got >out").await;
    let mut got = Vec::new();
    assert_eq!(machine.get(&checkout("out"), 100, &mut got).await.unwrap(), Some(4));
    assert_eq!(got, b"got\n");
    assert_eq!(machine.get(&checkout("missing"), 100, &mut got).await.unwrap(), None);
    assert_eq!(
        says(&*machine, "cat ~/.config/tool.toml; stat -c %u ~/.config").await,
        "a = 1\n1000"
    );
    machine.close().await.unwrap();
    assert_eq!(house.sandbox.settle(GONE_MAX).await, 0);
    assert!(house.machines().is_empty());
}
