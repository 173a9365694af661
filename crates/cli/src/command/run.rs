//! `hob run`: one run, in the foreground.

mod left;

use std::path::Path;
use std::sync::Arc;

use domain::report::{CheckOutcome, Outcome, RunReport};
use domain::{Actor, RunId};
use engine::House;
use engine::request::start_run::StartRun;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Exit, Failure};
use crate::mouth;
use crate::settings::Settings;
use crate::usage::{Output, Run};
use crate::wire_up::{self, definitions};

/// Runs an agent on a repository and says what came of it.
pub(crate) async fn run(settings: &Settings, asked: Run) -> Result<Exit, Failure> {
    let place = settings.place(&asked.repo);
    let definition = definitions::find(settings, &asked.agent, &place).await?.sound()?;
    let advisories = match &asked.advisories {
        Some(path) => Some(existing(settings, path)?),
        None => None,
    };
    let actor = Actor::local(&settings.user);
    let request = StartRun {
        definition,
        settings: asked.set,
        source: place,
        branch: asked.branch,
        advisories,
    };
    // Mistakes are told before the machine is probed, which takes seconds.
    let looked = wire_up::house(settings).await?.look_at(&request).await?;
    let house = wire_up::house_with_workshop(settings, asked.sandbox).await?;
    let mut signals = Signals::listen()?;
    let run = tokio::select! {
        biased;
        run = house.start_looked_at(&actor, request, &looked) => run?,
        _ = signals.next() => {
            let problem = "stopped before the run had begun";
            return Err(Failure::fixable(problem, "`hob runs list` shows whether it was accepted"));
        }
    };
    let mut telling = Telling::of(asked.output);
    follow(settings, &house, run, &mut telling, &mut signals).await
}

/// How what came of a run is told.
#[derive(Debug)]
pub(crate) enum Telling {
    /// As text.
    Text,
    /// As one JSON object.
    Object,
    /// As one element of a JSON array, which is written at the end.
    Element(Vec<RunReport>),
}

impl Telling {
    /// Of one run.
    pub(crate) const fn of(output: Output) -> Self {
        if output.json { Self::Object } else { Self::Text }
    }

    /// Of several.
    pub(crate) const fn of_several(output: Output) -> Self {
        if output.json { Self::Element(Vec::new()) } else { Self::Text }
    }

    fn tell(&mut self, report: RunReport, hob: &str) -> Result<(), Failure> {
        match self {
            Self::Text if report.outcome.is_none() => {}
            Self::Text => mouth::data(&text(&report, hob)),
            Self::Object => mouth::json(&report)?,
            Self::Element(reports) => reports.push(report),
        }
        Ok(())
    }

    /// Writes what was gathered.
    pub(crate) fn end(self) -> Result<(), Failure> {
        match self {
            Self::Text | Self::Object => Ok(()),
            Self::Element(reports) => mouth::json(&reports),
        }
    }
}

/// Drives a run to its rest while listening to signals, and says what came of it. Whatever is still to be cleared away
/// then can be left to the next `hob` by a signal, which is heard to the end.
pub(crate) async fn follow(
    settings: &Settings,
    house: &Arc<House>,
    run: RunId,
    telling: &mut Telling,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let actor = Actor::local(&settings.user);
    let reconciling = house.reconcile_always();
    let rest = drive(house, &actor, run, signals).await;
    // Waited for: what it seals while the report is made would not be in the report.
    reconciling.stop().await;
    if house.has_untold_machines(run) {
        clear_away(house, signals).await;
    }
    let told = match &rest {
        Ok(rest) => tell(settings, house, (run, *rest), telling).await,
        Err(_) => Ok(Exit::NoResult),
    };
    if rest.is_ok() && !house.is_leaving() {
        tokio::select! {
            () = wire_up::reconcile(house) => {}
            _ = signals.next() => mouth::say(LEAVING),
        }
    }
    clear_away(house, signals).await;
    rest?;
    told
}

async fn clear_away(house: &House, signals: &mut Signals) {
    tokio::select! {
        () = house.clear_away() => {}
        _ = signals.next() => mouth::say(LEAVING),
    }
}

/// What is said to whoever does not wait for the end.
const LEAVING: &str = "leaving at once; the next run clears away what is left";

/// Says what came of a run.
async fn tell(
    settings: &Settings,
    house: &House,
    (run, rest): (RunId, engine::Rest),
    telling: &mut Telling,
) -> Result<Exit, Failure> {
    // The report names the audit log as it is sealed.
    wire_up::seal(house).await;
    let report = house.report(run).await?;
    let outcome = report.outcome;
    if outcome.is_none() {
        if rest == engine::Rest::Settled {
            let problem = format!("{run} came to rest without being over");
            return Err(engine::HouseError::Inconsistent(problem).into());
        }
        mouth::say(&format!(
            "interrupted: {run} goes on with `{} runs resume {run}`",
            settings.hob
        ));
    }
    telling.tell(report, &settings.hob)?;
    Ok(outcome.map_or(Exit::NoResult, exit))
}

/// What a person or a service manager says to this process, from the start of a run to the very end: a signal that was
/// listened to once is never again handled by the kernel.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// What was said.
enum Said {
    /// SIGINT, which Ctrl-C sends.
    Stop,
    /// SIGTERM.
    Leave,
}

impl Signals {
    /// Listens from here on.
    pub(crate) fn listen() -> Result<Self, engine::HouseError> {
        let io = |error: std::io::Error| engine::HouseError::Fixable {
            problem: format!("signals cannot be listened to: {error}"),
            hint: None,
        };
        let interrupt = signal(SignalKind::interrupt()).map_err(io)?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate()).map_err(io)? })
    }

    async fn next(&mut self) -> Said {
        tokio::select! {
            _ = self.interrupt.recv() => Said::Stop,
            _ = self.terminate.recv() => Said::Leave,
        }
    }
}

async fn drive(
    house: &Arc<House>,
    actor: &Actor,
    run: RunId,
    signals: &mut Signals,
) -> Result<engine::Rest, engine::HouseError> {
    let mut driving = Box::pin(house.drive(run));
    // Asking may itself have to wait (for space on the disk), so it goes on beside everything else.
    let mut asking = std::pin::pin!(house.cancel_run(actor, run));
    let (mut asked, mut answered) = (false, false);
    loop {
        tokio::select! {
            rest = &mut driving => return rest,
            // A run that is over meanwhile refuses; its report says how it ended.
            answer = &mut asking, if asked && !answered => {
                answered = true;
                if let Err(error) = answer && !matches!(error, engine::HouseError::Refused(_)) {
                    let problem = engine::chain(&error);
                    mouth::say(&format!("warning: the run was not told to stop: {problem}"));
                }
            }
            said = signals.next() => match said {
                Said::Stop if asked => {
                    mouth::say("leaving at once; what is left of the run ends with the next command");
                    house.leave();
                }
                Said::Stop => {
                    asked = true;
                    mouth::say("stopping the run; once more to leave at once");
                }
                Said::Leave => house.leave(),
            },
        }
    }
}

fn existing(settings: &Settings, path: &Path) -> Result<String, Failure> {
    let path = settings.cwd.join(path);
    std::fs::canonicalize(&path).map(|path| path.display().to_string()).map_err(|error| {
        Failure::fixable(
            format!("the advisories `{}` cannot be read: {error}", path.display()),
            "name a folder, a zip or a file of OSV, RustSec or PyPA advisories",
        )
    })
}

const fn exit(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Proposed | Outcome::NoChange | Outcome::Reported => Exit::Done,
        Outcome::Escalated | Outcome::Cancelled => Exit::NoResult,
        Outcome::Denied => Exit::Refused,
    }
}

/// The report for a person: what came of it first, then what to do with it by calling `hob`.
pub(crate) fn text(report: &RunReport, hob: &str) -> String {
    let first = match report.outcome {
        Some(outcome) => name(outcome),
        None => &report.state,
    };
    let mut lines = vec![format!("{first}: {}", report.reason)];
    let is_over = report.outcome.is_some_and(|outcome| outcome != Outcome::Cancelled);
    if !report.complete && is_over {
        lines.push("incomplete: something could not be read or checked, see `left`".to_owned());
    }
    for update in &report.updates {
        let advisories = if update.advisories.is_empty() {
            String::new()
        } else {
            format!("  closes {}", update.advisories.join(", "))
        };
        let development = if update.development_only { "  (development only)" } else { "" };
        lines.push(format!(
            "  {} {} {} -> {}{advisories}{development}",
            update.ecosystem, update.package, update.from, update.to
        ));
    }
    lines.extend(left::lines(report, hob));
    lines.extend(report.checks.iter().map(check));
    lines.extend(report.check_notes.iter().map(|note| format!("  checks: {note}")));
    if let Some(verdict) = &report.verdict {
        for finding in &verdict.findings {
            let path = finding.path.as_ref().map(|p| format!(" {p}")).unwrap_or_default();
            lines.push(format!("  finding: {}{path}: {}", finding.rule, finding.reason));
        }
    }
    if let Some(proposal) = &report.proposal {
        lines.push(format!("  branch {}", place_of(proposal)));
        lines.push(format!("  look at it:  {hob} review diff {}", proposal.id));
        lines.push(format!("  approve it:  {hob} review approve {}", proposal.id));
        lines.push(format!("  merge it:    {hob} review merge {}", proposal.id));
    }
    lines.push(format!("  run {} ({:.1} s)", report.run, report.seconds.total));
    lines.join("\n")
}

/// The branch, and whose repository holds it where that is not the one that was named.
fn place_of(proposal: &domain::report::ProposalReport) -> String {
    match &proposal.mirror {
        None => proposal.branch.clone(),
        Some(folder) => format!("{} in {folder} (nothing is pushed)", proposal.branch),
    }
}

fn check(check: &domain::report::CheckReport) -> String {
    let verdict = match check.outcome {
        CheckOutcome::Held => "nothing newly fails",
        CheckOutcome::Vanished => "tests that passed before were not run",
        CheckOutcome::Unsteady => "red in both runs, by other tests each time",
        CheckOutcome::NothingTested => "nothing was tested",
        CheckOutcome::NotCompared => "could not be compared",
        CheckOutcome::NotRun => "could not be run",
        CheckOutcome::NewlyFailing => "newly failing",
    };
    format!(
        "  check: {}: before {}; after {}; {verdict}",
        check.command,
        engine::check_words(check.base.as_ref()),
        engine::check_words(check.after.as_ref())
    )
}

const fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Proposed => "proposed",
        Outcome::NoChange => "nothing to do",
        Outcome::Reported => "reported",
        Outcome::Escalated => "escalated",
        Outcome::Denied => "denied",
        Outcome::Cancelled => "cancelled",
    }
}
