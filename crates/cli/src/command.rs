//! One subcommand, one file.

mod agents;
mod doctor;
mod image;
mod ledger;
mod logs;
mod review;
mod run;
mod runs;

use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::usage::Command;

/// Does what was asked, and seals what it has written to the audit log.
pub(crate) async fn run(settings: Settings, command: Command) -> Result<Exit, Failure> {
    let outcome = done(&settings, command).await;
    settings.opened.seal().await;
    outcome
}

async fn done(settings: &Settings, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(asked) => run::run(settings, asked).await,
        Command::Runs(asked) => runs::runs(settings, asked).await,
        Command::Review(asked) => review::review(settings, asked).await,
        Command::Ledger(asked) => ledger::ledger(settings, asked).await,
        Command::Agents(asked) => agents::agents(settings, asked).await,
        Command::Image(asked) => image::image(settings, asked).await,
        Command::Doctor(output) => doctor::doctor(settings, output).await,
    }
}
