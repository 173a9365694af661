//! PID 1 of a machine: takes the stream, from file descriptor 0 or, in a virtual machine, from a virtio port, serves the
//! host on it until it ends, and then exits, whereupon the kernel ends everything else in the machine.

mod boot;
mod commands;
mod confine;
mod exec;
mod files;
mod forward;
mod link;
mod space;

use std::fs::File;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guest::frame::{Kind, PROTOCOL};
use guest::message::{self, GuestHello, HostHello, Message, Metrics, Open, Setup};

use crate::commands::Commands;
use crate::link::{Channel, Link};

/// What all channels share.
#[derive(Debug)]
struct Machine {
    setup: Setup,
    commands: Arc<Commands>,
    connections: Arc<AtomicUsize>,
}

fn main() -> ExitCode {
    let served = serve();
    if let Err(reason) = &served {
        #[expect(clippy::print_stderr, reason = "the host shows it where the stream cannot")]
        {
            eprintln!("hob-guest: {reason}");
        }
    }
    boot::power_off();
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve() -> Result<(), String> {
    if std::process::id() != 1 {
        // It kills whatever is not of a running command: outside a machine that would be everybody else.
        return Err("this program is PID 1 of a machine and does nothing elsewhere".to_owned());
    }
    let mut reader = if boot::is_wanted() {
        boot::rest()?
    } else {
        confine::take_stream().map(File::from).map_err(|e| format!("taking the stream: {e}"))?
    };
    let writer = reader.try_clone().map_err(|e| format!("taking the stream: {e}"))?;
    let setup = greet(&mut reader)?;
    if let Some(vm) = &setup.vm {
        boot::enter(vm, &setup)?;
    }
    let (landlock, mut notes) = confine::confine_all(&setup)?;
    let link = Link::new(writer);
    let machine = Arc::new(Machine {
        setup,
        commands: Arc::new(Commands::default()),
        connections: Arc::new(AtomicUsize::new(0)),
    });
    let reaped = Arc::clone(&machine.commands);
    thread("reaper", move || reaped.reap())?;
    if let Some(port) = machine.setup.proxy_port
        && let Err(e) = forward::start(port, &link, &machine.connections)
    {
        notes.push(e);
    }
    let hello = GuestHello { protocol: PROTOCOL, landlock, notes };
    link.send_plain(Kind::Hello, &message::to_json(&hello));
    link.run(&mut reader, &|channel, open| machine.opened(channel, open))
}

/// Reads the host's hello.
fn greet(reader: &mut File) -> Result<Setup, String> {
    let (header, payload) = link::read_frame(reader)?.ok_or("the stream ended before a hello")?;
    if header.kind() != Kind::Hello {
        return Err("the stream did not begin with a hello".to_owned());
    }
    let hello: HostHello = message::from_json(&payload).map_err(|e| format!("hello: {e}"))?;
    if hello.protocol != PROTOCOL {
        return Err(format!("protocol {} is spoken here, not {}", PROTOCOL, hello.protocol));
    }
    Ok(hello.setup)
}

impl Machine {
    /// Serves a channel that the host has opened, in a thread of its own.
    fn opened(self: &Arc<Self>, channel: Channel, open: Open) {
        let machine = Arc::clone(self);
        // Without a thread the channel is dropped, which gives it up: the host is told.
        let _told = thread("channel", move || match open {
            Open::Exec(what) => exec::run(channel, &what, &machine.setup, &machine.commands),
            Open::Put(what) => files::put(&channel, &what, &machine.setup),
            Open::Get(what) => files::get(&channel, &what),
            Open::Metrics => {
                if channel.message(&Message::Metrics(machine.metrics())).is_ok() {
                    channel.end();
                }
            }
            Open::Connect => channel.give_up("only the guest opens connections"),
        });
    }

    fn metrics(&self) -> Metrics {
        Metrics {
            processes: commands::count_processes() as u64,
            commands: self.commands.count() as u64,
            connections: self.connections.load(Ordering::Relaxed) as u64,
            cpu_ms: commands::cpu_ms(),
        }
    }
}

/// Starts a thread.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|e| format!("starting a thread: {e}"))
}

/// Ends PID 1 from any thread, and with it the machine.
fn leave(code: i32) -> ! {
    boot::power_off();
    #[expect(
        clippy::exit,
        clippy::disallowed_methods,
        reason = "the stream is gone: nothing is left to do"
    )]
    std::process::exit(code)
}
