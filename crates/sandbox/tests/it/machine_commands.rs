//! Commands in a real machine: output, status, signals, time, and nothing left of them.

use domain::exec::{Exec, Exit};

use crate::machine_house::{Heard, House, says, sh, try_sh};

#[tokio::test]
async fn a_command_runs_and_the_machine_is_gone_afterwards() {
    let house = House::new();
    let machine = house.machine().await;
    let result = sh(&*machine, "echo out; echo err >&2; exit 3").await;
    assert_eq!(result.exit, Exit::Code(3));
    assert_eq!(result.stdout_text(), "out\n");
    assert_eq!(result.stderr_text(), "err\n");
    assert_eq!(house.machines().len(), 1);
    machine.close().await.unwrap();
    assert_eq!(house.machines(), Vec::<std::path::PathBuf>::new());
}
