//! The only mouth: standard output is data, standard error is everything else.
//!
//! Much of what is said was written by others: repositories, package managers, registries. Whatever leaves
//! here for a person passes [`visible`], whether a terminal shows it now or a pager does later.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::visible;

/// Writes a line of data, or several.
pub(crate) fn data(text: &str) {
    bytes(&visible::text(text));
}

/// Writes a change: shown to a person, as it is to a program that may apply it.
pub(crate) fn change(diff: &str) {
    let diff = diff.strip_suffix('\n').unwrap_or(diff);
    if std::io::stdout().is_terminal() { data(diff) } else { bytes(diff) }
}

/// Writes a document that counts byte by byte, and a line end.
pub(crate) fn bytes(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        drop(out);
        lost(&error);
    }
}

/// A reader that has gone away ends the process quietly, as a pipe does; every other loss is said.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "there is nobody left to answer to")]
fn lost(error: &std::io::Error) -> ! {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0)
    }
    let problem = format!("standard output cannot be written: {error}");
    say(&format!("error: {problem}"));
    say("hint: look at the disk or the program that the output goes to, then ask again");
    std::process::exit(1)
}

/// Writes a value as pretty JSON.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::bug("writing JSON", &error))?;
    bytes(&visible::json(&text));
    Ok(())
}

/// Writes a value as JSON on one line.
pub(crate) fn json_line<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text =
        serde_json::to_string(value).map_err(|error| Failure::bug("writing JSON", &error))?;
    bytes(&visible::json(&text));
    Ok(())
}

/// Says a line to the person.
pub(crate) fn say(line: &str) {
    // Standard error may be closed; there is nobody to tell then.
    drop(writeln!(std::io::stderr().lock(), "{}", visible::text(line)));
}

/// Whether a person watches what is said, so that it may be live.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Says a failure and gives its exit code.
pub(crate) fn failure(failure: &Failure) -> ExitCode {
    tell(failure);
    failure.exit.into()
}

/// Says a failure.
pub(crate) fn tell(failure: &Failure) {
    say(&format!("error: {}", failure.problem));
    if let Some(hint) = &failure.hint {
        say(&format!("hint: {hint}"));
    }
}

/// Says a mistake in the command line (or the help that was asked for).
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if let Err(error) = error.print() {
        lost(&error);
    }
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

/// Starts the log: warnings to standard error, more where it was asked for.
pub(crate) fn start_log(settings: &Settings) {
    let filter = tracing_subscriber::EnvFilter::builder()
        .parse_lossy(settings.log.as_deref().unwrap_or("warn"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_watched() && !settings.no_color)
        .without_time()
        .try_init();
    drop(started);
}
