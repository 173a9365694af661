//! `hob runs logs`: what happened in a run, and what goes on happening.

use std::time::Duration;

use domain::RunId;
use engine::House;
use engine::request::logs::{LogLine, LogPlace};

use crate::exit::Failure;
use crate::mouth;

/// How often a followed run is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What of a log, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) follow: bool,
    pub(crate) all: bool,
    pub(crate) json: bool,
}

/// Writes the log.
pub(crate) async fn logs(house: &House, run: RunId, wanted: Wanted) -> Result<(), Failure> {
    let mut part = house.run_log(run, LogPlace::default()).await?;
    if wanted.json && !wanted.follow {
        let mut lines = part.lines;
        while part.more {
            part = house.run_log(run, part.next).await?;
            lines.append(&mut part.lines);
        }
        lines.retain(|line| wanted.all || !line.routine);
        return mouth::json(&lines);
    }
    loop {
        for line in part.lines.iter().filter(|line| wanted.all || !line.routine) {
            if wanted.json {
                mouth::json_line(line)?;
            } else {
                mouth::data(&text(line));
            }
        }
        if !part.more {
            // Who does not listen any more is not told what goes on happening.
            if part.at_rest || !wanted.follow || mouth::is_lost() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        part = house.run_log(run, part.next).await?;
    }
}

/// A line, and below it what a command wrote.
fn text(line: &LogLine) -> String {
    let mut text = format!("{} {:<18} {}", line.at, line.what, line.said);
    for output in &line.output {
        match &output.text {
            Some(written) => {
                for written in written.lines() {
                    text.push_str("\n    ");
                    text.push_str(written);
                }
            }
            None => text += &["\n    (", output.stream.as_str(), " was erased)"].concat(),
        }
    }
    text
}
