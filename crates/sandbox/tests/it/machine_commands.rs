//! Commands in a real machine: output, status, signals, time, and nothing left of them.

use domain::exec::{Exec, Exit};
use domain::limit::OUTPUT_KEPT_MAX_BYTES;
use sandbox::port::{OutputSink, SandboxError, Signal};

use crate::machine_house::{Heard, House, checkout, says, sh, try_sh};

/// Waits inside the machine until no process but those of this script runs.
const ALONE: &str = "for i in $(seq 500); do
    others=0
    for p in /proc/[0-9]*; do
        case ${p#/proc/} in 1|$$) ;; *) grep -q '^State:.*Z' $p/status 2>/dev/null || { [ -e $p ] && others=$p; } ;; esac
    done
    [ $others = 0 ] && exit 0
    sleep 0.02
done
tr '\\0' ' ' <$others/cmdline; exit 1";

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
    house.gone().await;
}

#[tokio::test]
async fn a_command_is_an_unprivileged_user_in_the_checkout_with_its_own_variables() {
    let house = House::new();
    let mut spec = crate::machine_house::spec();
    spec.env = vec![("OF_THE_SPEC".to_owned(), "1".to_owned())];
    spec.home_files = vec![(".config/tool/settings".to_owned(), "kept = true".to_owned())];
    let machine = house.launch(&spec).await;
    assert_eq!(says(&*machine, "id -u; id -un; pwd; hostname").await, "1000\nhob\n/checkout\nhob");
    assert_eq!(
        says(&*machine, "cat ~/.config/tool/settings; echo; echo $OF_THE_SPEC").await,
        "kept = true\n1"
    );
    says(&*machine, "mkdir sub && touch ~/x /tmp/x /transfer/x sub/x").await;
    let command = Exec::new(["sh", "-c", "pwd; echo $MORE"], "look around")
        .in_folder(domain::RepoPath::new("sub").unwrap())
        .with_env("MORE", "more");
    let result = machine.exec(&command, &mut Heard::default()).await.unwrap();
    assert_eq!(result.stdout_text(), "/checkout/sub\nmore\n");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_started_is_told_the_way_a_shell_does() {
    let house = House::new();
    let machine = house.machine().await;
    let run = async |program: &str| {
        machine.exec(&Exec::new([program], "try it"), &mut Heard::default()).await
    };
    let absent = run("no-such-program").await.unwrap();
    assert_eq!(absent.exit, Exit::Code(127));
    assert!(absent.stderr_text().contains("no-such-program"));
    assert_eq!(run("/etc/passwd").await.unwrap().exit, Exit::Code(126));
    let nowhere =
        Exec::new(["true"], "try it").in_folder(domain::RepoPath::new("nowhere").unwrap());
    let refused = machine.exec(&nowhere, &mut Heard::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "refused: there is no folder `/checkout/nowhere`");
    let long = Exec::new(["echo", &"x".repeat(100_000)], "try it");
    let refused = machine.exec(&long, &mut Heard::default()).await.unwrap_err();
    assert!(matches!(refused, SandboxError::Refused(_)), "{refused}");
    assert_eq!(says(&*machine, "echo alive").await, "alive");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn output_is_heard_while_the_command_runs() {
    let house = House::new();
    let machine = house.machine().await;
    let (first, heard_first) = tokio::sync::oneshot::channel();
    let mut heard = Heard { first: Some(first), ..Heard::default() };
    let command =
        Exec::new(["sh", "-c", "echo ready; while [ ! -e go ]; do sleep 0.02; done"], "wait");
    let (result, ()) = tokio::join!(machine.exec(&command, &mut heard), async {
        heard_first.await.unwrap();
        machine.put(&checkout("go"), 0o644, 10, &mut &b"go"[..]).await.unwrap();
    });
    assert!(result.unwrap().success());
    machine.close().await.unwrap();
}

#[tokio::test]
async fn time_is_up_for_a_command_and_all_its_children() {
    let house = House::new();
    let machine = house.machine().await;
    let mut command = Exec::new(["sh", "-c", "setsid sleep 1000 & sleep 1000"], "sleep");
    command.timeout_ms = 300;
    let result = machine.exec(&command, &mut Heard::default()).await.unwrap();
    assert_eq!(result.exit, Exit::TimedOut);
    says(&*machine, ALONE).await;
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_command_dies_with_all_its_children() {
    let house = House::new();
    let machine = house.machine().await;
    let (first, heard_first) = tokio::sync::oneshot::channel();
    let mut heard = Heard { first: Some(first), ..Heard::default() };
    let script = "setsid sh -c 'setsid sleep 1000 & sleep 1000' & (sleep 1000 &) ; echo up; wait";
    let command = Exec::new(["sh", "-c", script], "sleep");
    tokio::select! {
        result = machine.exec(&command, &mut heard) => panic!("{result:?}"),
        up = heard_first => up.unwrap(),
    }
    says(&*machine, ALONE).await;
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_daemon_does_not_outlive_its_command_nor_hold_it_up() {
    let house = House::new();
    let machine = house.machine().await;
    let result = sh(&*machine, "setsid sleep 1000 & echo started").await;
    assert!(result.success());
    assert!(result.millis < 20_000, "{} ms", result.millis);
    says(&*machine, ALONE).await;
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_signal_is_told_apart_from_a_status() {
    let house = House::new();
    let machine = house.machine().await;
    assert_eq!(sh(&*machine, "kill -TERM $$").await.exit, Exit::Signal(15));
    assert_eq!(sh(&*machine, "kill -9 1; echo still here").await.stdout_text(), "still here\n");
    assert_eq!(sh(&*machine, "kill -9 -1; echo still here").await.stdout_text(), "still here\n");
    assert_eq!(says(&*machine, "echo alive").await, "alive");
    machine.close().await.unwrap();
}

/// Hears what a command prints, piece by piece.
struct Told(tokio::sync::mpsc::UnboundedSender<String>);

impl OutputSink for Told {
    fn output(&mut self, _: bool, bytes: &[u8]) {
        self.0.send(String::from_utf8_lossy(bytes).into_owned()).unwrap();
    }
}

#[tokio::test]
async fn a_running_command_and_its_children_are_sent_signals() {
    let house = House::new();
    let machine = house.machine().await;
    let (heard, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let (send, mut signals) = tokio::sync::mpsc::channel(8);
    // The child says that it got the signal too. Not an interrupt: a shell lets its background children ignore those.
    let script = "trap 'echo parent hup' HUP; trap 'echo parent usr1' USR1
        sh -c 'trap \"echo child hup; exit\" HUP; trap : USR1; echo up; while :; do sleep 1000 & wait $!; done' &
        while :; do wait $! || :; done";
    let command = Exec::new(["bash", "-c", script], "wait for signals");
    let mut sink = Told(heard);
    let (result, ()) =
        tokio::join!(machine.exec_signalled(&command, &mut sink, &mut signals), async {
            let mut all = String::new();
            for (signal, answers) in [
                (None, &["up"][..]),
                (Some(Signal::User1), &["parent usr1"]),
                (Some(Signal::Hangup), &["parent hup", "child hup"]),
            ] {
                if let Some(signal) = signal {
                    send.send(signal).await.unwrap();
                }
                while !answers.iter().all(|answer| all.contains(answer)) {
                    all.push_str(&hear.recv().await.unwrap());
                }
            }
            send.send(Signal::Terminate).await.unwrap();
        });
    assert_eq!(result.unwrap().exit, Exit::Signal(15));
    says(&*machine, ALONE).await;
    // Nobody waits for one who went away.
    drop(send);
    let mut sink = Heard::default();
    let echo = Exec::new(["echo", "alive"], "be alive");
    let result = machine.exec_signalled(&echo, &mut sink, &mut signals).await.unwrap();
    assert_eq!(result.stdout_text(), "alive\n");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_flood_of_output_keeps_its_head_and_tail_and_is_counted() {
    let house = House::new();
    let machine = house.machine().await;
    let mut heard = Heard::default();
    let script = "echo first; head -c 30000000 /dev/zero | tr '\\0' x; echo; echo last";
    let command = Exec::new(["sh", "-c", script], "flood");
    let result = machine.exec(&command, &mut heard).await.unwrap();
    assert!(result.success());
    assert_eq!(OUTPUT_KEPT_MAX_BYTES, 1024 * 1024);
    assert!(result.stdout.len() <= OUTPUT_KEPT_MAX_BYTES);
    assert!(result.stdout.starts_with(b"first\n") && result.stdout.ends_with(b"x\nlast\n"));
    assert_eq!(heard.stdout, 30_000_000 + 12);
    assert!(result.dropped_bytes > 28_000_000);
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_busy_command_does_not_stall_another() {
    let house = House::new();
    let machine = house.machine().await;
    let mut heard = Heard::default();
    let busy = Exec::new(["sh", "-c", "yes; true"], "flood");
    tokio::select! {
        result = machine.exec(&busy, &mut heard) => panic!("{result:?}"),
        () = async {
            for i in 0..20 {
                assert_eq!(says(&*machine, &format!("echo {i}")).await, i.to_string());
            }
        } => {}
    }
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_machine_whose_guest_is_killed_is_lost_and_leaves_nothing() {
    let house = House::new();
    let machine = house.machine().await;
    let owner = std::fs::read_to_string(house.machines()[0].join("owner")).unwrap();
    let mark: serde_json::Value = serde_json::from_str(&owner).unwrap();
    let init = i32::try_from(mark["init"]["pid"].as_i64().unwrap()).unwrap();
    let (first, heard_first) = tokio::sync::oneshot::channel();
    let mut heard = Heard { first: Some(first), ..Heard::default() };
    let command = Exec::new(["sh", "-c", "echo up; sleep 1000"], "sleep");
    let (result, ()) = tokio::join!(machine.exec(&command, &mut heard), async {
        heard_first.await.unwrap();
        let init = rustix::process::Pid::from_raw(init).unwrap();
        rustix::process::kill_process(init, rustix::process::Signal::KILL).unwrap();
    });
    assert!(matches!(result, Err(SandboxError::Lost(_))), "{result:?}");
    assert!(matches!(try_sh(&*machine, "true").await, Err(SandboxError::Lost(_))));
    machine.close().await.unwrap();
    house.gone().await;
}

#[tokio::test]
async fn many_machines_start_at_once() {
    let house = House::new();
    let machines = futures_util::future::join_all((0..8).map(|_| house.machine())).await;
    assert_eq!(house.machines().len(), 8);
    let says = machines.iter().map(|machine| says(&**machine, "echo up"));
    assert_eq!(futures_util::future::join_all(says).await, ["up"; 8]);
    let closed = machines.into_iter().map(|machine| machine.close());
    assert!(futures_util::future::join_all(closed).await.iter().all(Result::is_ok));
    house.gone().await;
}
