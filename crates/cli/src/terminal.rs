//! Live progress for a person who watches, plain lines elsewhere.

mod waiting;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use engine::progress::{Listener, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::waiting::Waiting;
use crate::{mouth, visible};

/// How many of the last output lines a watcher sees.
const TAIL_LINES: usize = 3;

/// How much of a command a person reads, in characters.
const COMMAND_MAX_CHARS: usize = 90;

/// From this length on, in bytes, a quoted word to the end of a command is taken for a program's text.
const PROGRAM_MIN_BYTES: usize = 80;

/// Shows progress on a terminal: steps stay, the command under way and the tail of its output live.
#[derive(Debug)]
pub(crate) struct Live {
    bar: ProgressBar,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    command: String,
    tail: Vec<String>,
}

impl Live {
    /// A live display.
    pub(crate) fn new(no_color: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        let spinner = if no_color { "{spinner}" } else { "{spinner:.cyan}" };
        let template = format!("{spinner} {{elapsed:>4}} {{wide_msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, seen: Mutex::default() }
    }

    fn stay(&self, line: &str) {
        self.bar.suspend(|| mouth::say(line));
    }

    fn refresh(&self, seen: &Seen) {
        self.bar.set_message(message(seen));
    }
}

/// The command under way and the tail of what it writes, safe for the terminal that the bar writes to.
fn message(seen: &Seen) -> String {
    let mut text = visible::line(&seen.command).into_owned();
    for line in &seen.tail {
        text.push_str("\n        ");
        text.push_str(&visible::line(line));
    }
    text
}

impl Listener for Live {
    fn hear(&self, progress: &Progress) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::Command { command, purpose } => {
                seen.command = command_line(command, purpose);
                seen.tail.clear();
                self.refresh(&seen);
            }
            Progress::Output { line } => {
                if seen.tail.len() == TAIL_LINES {
                    seen.tail.remove(0);
                }
                seen.tail.push(line.clone());
                self.refresh(&seen);
            }
            Progress::CommandDone { exit, millis } => {
                seen.tail.clear();
                if is_worth_a_line(*exit, *millis) {
                    self.stay(&done_line(&seen.command, *exit, *millis));
                }
            }
            Progress::Step { step, .. } => {
                seen.command = format!("{step} ...");
                seen.tail.clear();
                self.refresh(&seen);
                if let Some(line) = plain(progress) {
                    self.stay(&line);
                }
            }
            Progress::Run { .. }
            | Progress::Machine { .. }
            | Progress::Note { .. }
            | Progress::Warning { .. } => {
                if let Some(line) = plain(progress) {
                    self.stay(&line);
                }
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Says steps, machines and commands as plain lines; output of commands is left to the ledger.
#[derive(Debug)]
pub(crate) struct Lines {
    waiting: Waiting,
}

impl Lines {
    /// Plain lines on standard error.
    pub(crate) fn new() -> Self {
        Self { waiting: Waiting::new(Waiting::WAITS, |line| mouth::say(&line)) }
    }
}

impl Listener for Lines {
    fn hear(&self, progress: &Progress) {
        match progress {
            Progress::Command { command: begun, purpose } => {
                self.waiting.begin(command_line(begun, purpose));
            }
            Progress::CommandDone { exit, millis } => {
                let command = self.waiting.end();
                if is_worth_a_line(*exit, *millis) {
                    mouth::say(&done_line(&command, *exit, *millis));
                }
            }
            Progress::Output { .. } => {}
            Progress::Run { .. }
            | Progress::Step { .. }
            | Progress::Machine { .. }
            | Progress::Note { .. }
            | Progress::Warning { .. } => {
                if let Some(line) = plain(progress) {
                    mouth::say(&line);
                }
            }
        }
    }
}

/// What was quick and went well is in the ledger; a person is told of the rest.
const fn is_worth_a_line(exit: i32, millis: u64) -> bool {
    exit != 0 || millis >= 200
}

fn done_line(command: &str, exit: i32, millis: u64) -> String {
    let seconds = Duration::from_millis(millis).as_secs_f64();
    let status = if exit == 0 { String::new() } else { format!(", exit {exit}") };
    format!("    {command} ({seconds:.1} s{status})")
}

/// What a command is for, then the command as far as a person reads it: not the text of a program in it.
fn command_line(command: &str, purpose: &str) -> String {
    let program = command
        .char_indices()
        .find(|(at, c)| *c == '\'' && command.len() - at > PROGRAM_MIN_BYTES)
        .map(|(at, _)| at);
    let words = program.and_then(|at| command.get(..at)).unwrap_or(command);
    let mut shown: String = words.trim_end().chars().take(COMMAND_MAX_CHARS).collect();
    if shown.len() < command.len() {
        shown.push_str(" …");
    }
    format!("{purpose}: {shown}")
}

fn plain(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Run { run, resumed: false } => Some(format!("run {run}")),
        Progress::Run { run, resumed: true } => Some(format!("goes on with unfinished run {run}")),
        Progress::Step { step, attempt: 1 } => Some(format!("  {step}")),
        Progress::Step { step, attempt } => Some(format!("  {step} (attempt {attempt})")),
        Progress::Machine { machine, backend } => {
            Some(format!("    machine {machine} ({backend})"))
        }
        Progress::Note { line } => Some(format!("    {line}")),
        Progress::Warning { line } => Some(format!("warning: {line}")),
        Progress::Command { .. } | Progress::Output { .. } | Progress::CommandDone { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_writes_does_not_act_on_the_watchers_terminal() {
        let seen =
            Seen { command: "a\nb".into(), tail: vec!["\u{1b}[2Jgone\r".into(), "x".into()] };
        assert_eq!(message(&seen), "a\\nb\n        \\x1b[2Jgone\\x0d\n        x");
    }

    #[test]
    fn a_command_is_shown_with_its_purpose_and_without_a_programs_text() {
        let shell = "sh -c '. /tmp/venv/bin/activate && python -m pytest tests'";
        assert_eq!(command_line(shell, "run the tests"), format!("run the tests: {shell}"));
        let program = format!("node -e '{}'", "eval(1);".repeat(20));
        assert_eq!(command_line(&program, "move a version"), "move a version: node -e …");
        let long = format!("pip install {}", "ä".repeat(200));
        assert!(command_line(&long, "install").ends_with("ä …"));
    }
}
