//! The binary: the only `main`, the only mouth. Reads settings, wires everything, says what came of it.

mod command;
mod exit;
mod mouth;
mod settings;
mod table;
mod terminal;
mod usage;
mod visible;
mod wire_up;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

/// How long tasks may take to let go of what they hold.
const SHUTDOWN_MAX: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = match usage::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return mouth::usage(&error),
    };
    let settings = match settings::Settings::read(&arguments.global) {
        Ok(settings) => settings,
        Err(failure) => return mouth::failure(&failure),
    };
    mouth::start_log(&settings);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return mouth::failure(&exit::Failure::bug("starting the runtime", &error)),
    };
    let outcome = runtime.block_on(Box::pin(command::run(settings, arguments.command)));
    // What still looks at or removes files is nobody's result: it ends with the process, and the next one goes on.
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    match outcome {
        Ok(exit) => mouth::end(exit),
        Err(failure) => mouth::failure(&failure),
    }
}
