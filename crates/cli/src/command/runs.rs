//! `hob runs`: look at runs, cancel them, let them go on.

use std::sync::Arc;

use domain::{Actor, RunId};
use engine::House;

use crate::command::ledger::one_more;
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
            match house.report(run).await? {
                Some(report) if output.json => mouth::json(&report)?,
                Some(report) => mouth::data(&run::text(&report, &settings.hob)),
                None => {
                    let line = house.show_run(run).await?;
                    if output.json {
                        mouth::json(&line)?;
                    } else {
                        mouth::data(&format!("{}: {} {}", line.run, line.state, line.detail));
                    }
                }
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
            return run::follow(settings, &house, again, output.json, &mut signals).await;
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
    let mut lines = house.list_runs(unfinished, one_more(limit)).await?;
    if limit > 0 && lines.len() > limit {
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
    if let Some(run) = run {
        return go_on(settings, &house, run, output, &mut signals).await;
    }
    let runs = house.unfinished_runs().await?;
    if runs.is_empty() {
        mouth::say("no run is unfinished");
    }
    let mut worst = Exit::Done;
    for run in runs {
        let gone_on = go_on(settings, &house, run, output, &mut signals).await;
        // One that cannot go on holds no other up.
        let exit = gone_on.unwrap_or_else(|failure| {
            mouth::say(&format!("{run} does not go on:"));
            mouth::tell(&failure);
            failure.exit
        });
        worst = worst.worse(exit);
    }
    Ok(worst)
}

async fn go_on(
    settings: &Settings,
    house: &Arc<House>,
    run: RunId,
    output: Output,
    signals: &mut run::Signals,
) -> Result<Exit, Failure> {
    house.resume_run(&Actor::local(&settings.user), run).await?;
    run::follow(settings, house, run, output.json, signals).await
}
