//! The only mouth: standard output is data, standard error is everything else.
//!
//! Much of what is said was written by others: repositories, package managers, registries. Whatever leaves
//! here for a person passes [`visible`], whether a terminal shows it now or a pager does later.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};

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

/// Writes a document that counts byte by byte, and a line end. Once a write has failed nothing more is written: what the
/// command does goes on to its end all the same.
pub(crate) fn bytes(text: &str) {
    if is_lost() {
        return;
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        drop(out);
        lost(&error);
    }
}

/// What became of standard output: one of the three below.
static OUT: AtomicU8 = AtomicU8::new(WRITTEN);

/// All of it was written so far.
const WRITTEN: u8 = 0;

/// Its reader has gone away, as readers of pipes do when they have read enough.
const UNREAD: u8 = 1;

/// It could not be written.
const LOST: u8 = 2;

/// Whether nobody hears what is written any more.
pub(crate) fn is_lost() -> bool {
    OUT.load(Ordering::Relaxed) != WRITTEN
}

/// A reader that has gone away is nobody's mistake; every other loss is said, once.
fn lost(error: &std::io::Error) {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        OUT.store(UNREAD, Ordering::Relaxed);
        return;
    }
    OUT.store(LOST, Ordering::Relaxed);
    let problem = format!("standard output cannot be written: {error}");
    say(&format!("error: {problem}"));
    say("hint: look at the disk or the program that the output goes to, then ask again");
}

/// The exit code of a command that came to this: what it did counts, whoever read of it. Output that was lost is no success.
pub(crate) fn end(exit: Exit) -> ExitCode {
    match exit {
        Exit::Done if OUT.load(Ordering::Relaxed) == LOST => Exit::Fixable.into(),
        exit => exit.into(),
    }
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
    end(if error.use_stderr() { Exit::Usage } else { Exit::Done })
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
