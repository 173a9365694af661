//! The only mouth: standard output is data, standard error is everything else.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// Writes a line of data. A reader that has gone away ends the process quietly, as a pipe does.
pub(crate) fn data(line: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        broken_pipe();
    }
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "whoever read the output has gone")]
fn broken_pipe() -> ! {
    std::process::exit(0)
}

/// Writes a value as pretty JSON.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::bug("writing JSON", &error))?;
    data(&text);
    Ok(())
}

/// Says a line to the person.
pub(crate) fn say(line: &str) {
    // Standard error may be closed; there is nobody to tell then.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Whether colours and progress are for a person who watches.
pub(crate) fn is_watched(settings: &Settings) -> bool {
    std::io::stderr().is_terminal() && !settings.no_color
}

/// Says a failure and gives its exit code.
pub(crate) fn failure(failure: &Failure) -> ExitCode {
    say(&format!("error: {}", failure.problem));
    if let Some(hint) = &failure.hint {
        say(&format!("hint: {hint}"));
    }
    failure.exit.into()
}

/// Says a mistake in the command line (or the help that was asked for).
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    drop(error.print());
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

/// Starts the log: warnings to standard error, more where it was asked for.
pub(crate) fn start_log(settings: &Settings) {
    let filter = tracing_subscriber::EnvFilter::builder()
        .parse_lossy(settings.log.as_deref().unwrap_or("warn"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_watched(settings))
        .without_time()
        .try_init();
    drop(started);
}
