//! `hob runs`: look at runs, cancel them, let them go on.

use std::sync::Arc;

use domain::{Actor, RunId};
use engine::House;

use crate::command::ledger::at_most;
use crate::command::{logs, run};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::usage::{Output, Runs, SandboxChoice};
use crate::wire_up;
use crate::{mouth, table};

/// What is said where there is no run to list.
const fn nothing_to_list(unfinished: bool) -> &'static str {
    if unfinished {
        "no run is unfinished; `hob runs list` shows those that are over"
    } else {
        "there is no run yet; start one with `hob run dependency-updates --repo PATH-or-URL`"
    }
}

/// Does what was asked.
pub(crate) async fn runs(settings: &Settings, asked: Runs) -> Result<Exit, Failure> {
    let actor = Actor::local(&settings.user);
    match asked {
        Runs::List { unfinished, limit, output } => {
            list(settings, unfinished, limit, output).await?;
        }
        Runs::Show { run, output } => {
            let house = wire_up::house(settings).await?;
            let report = house.report(run).await?;
            if output.json {
                mouth::json(&report)?;
            } else if report.outcome.is_some() {
                mouth::data(&run::text(&report, &settings.hob));
            } else {
                let line = house.show_run(run).await?;
                mouth::data(&format!("{}: {} {}", line.run, line.state, line.detail));
            }
        }
        Runs::Logs { run, follow, all, output } => {
            let house = wire_up::house(settings).await?;
            logs::logs(&house, run, logs::Wanted { follow, all, json: output.json }).await?;
        }
        Runs::Cancel { run } => {
            let house = wire_up::house(settings).await?;
            house.cancel_run(&actor, run).await?;
            let now = house.show_run(run).await?;
            if now.state == "ended" {
                mouth::say(&format!("{run} is over: {}", now.detail));
            } else {
                mouth::say(&format!("{run} was asked to stop"));
            }
        }
        Runs::Retry { run, sandbox, output } => {
            let house = wire_up::house_with_workshop(settings, sandbox).await?;
            let mut signals = run::Signals::listen()?;
            let again = house.retry_run(&actor, run).await?;
            let mut telling = run::Telling::of(output);
            return run::follow(settings, &house, again, &mut telling, &mut signals).await;
        }
        Runs::Resume { run, sandbox, output } => {
            return resume(settings, run, sandbox, output).await;
        }
    }
    Ok(Exit::Done)
}

/// Lists runs, the newest first.
async fn list(
    settings: &Settings,
    unfinished: bool,
    limit: usize,
    output: Output,
) -> Result<(), Failure> {
    let house = wire_up::house(settings).await?;
    let limit = at_most(limit);
    let mut lines = house.list_runs(unfinished, limit.saturating_add(1)).await?;
    if lines.len() > limit {
        lines.truncate(limit);
        mouth::say(&format!(
            "note: the newest {limit} runs are shown, and there are more: name a greater `--limit`"
        ));
    }
    if output.json {
        mouth::json(&lines)?;
    } else {
        if lines.is_empty() {
            mouth::say(nothing_to_list(unfinished));
        }
        let rows = lines.into_iter().map(|line| {
            [
                line.run.to_string(),
                line.updated,
                line.state,
                line.detail,
                line.agent,
                line.repository,
            ]
        });
        for line in table::lines(&rows.collect::<Vec<_>>()) {
            mouth::data(&line);
        }
    }
    Ok(())
}

/// Lets runs go on, one after another; the worst of them gives the exit code.
async fn resume(
    settings: &Settings,
    run: Option<RunId>,
    sandbox: SandboxChoice,
    output: Output,
) -> Result<Exit, Failure> {
    let house = wire_up::house_with_workshop(settings, sandbox).await?;
    let mut signals = run::Signals::listen()?;
    let mut telling = run::Telling::of_several(output);
    let runs = match run {
        Some(run) => vec![run],
        None => house.unfinished_runs().await?,
    };
    if runs.is_empty() {
        mouth::say("no run is unfinished");
    }
    let mut worst = Exit::Done;
    for run in runs {
        if house.is_leaving() {
            break;
        }
        let gone_on = go_on(settings, &house, run, &mut telling, &mut signals).await;
        // One that cannot go on holds no other up.
        let exit = gone_on.unwrap_or_else(|failure| {
            mouth::say(&format!("{run} does not go on:"));
            mouth::tell(&failure);
            failure.exit
        });
        worst = worst.worse(exit);
    }
    telling.end()?;
    Ok(worst)
}

async fn go_on(
    settings: &Settings,
    house: &Arc<House>,
    run: RunId,
    telling: &mut run::Telling,
    signals: &mut run::Signals,
) -> Result<Exit, Failure> {
    house.resume_run(&Actor::local(&settings.user), run).await?;
    run::follow(settings, house, run, telling, signals).await
}
