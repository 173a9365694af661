//! `hob ledger`: verify, show, export, prove.

use std::io::Write as _;
use std::path::Path;

use engine::request::ledger::Verified;

use crate::exit::{Exit, Failure};
use crate::mouth;
use crate::settings::Settings;
use crate::usage::{Ledger, Output};
use crate::wire_up;

/// Does what was asked.
pub(crate) async fn ledger(settings: &Settings, asked: Ledger) -> Result<Exit, Failure> {
    match asked {
        Ledger::Verify { export: Some(file), key, output } => {
            let path = settings.cwd.join(file);
            let text = std::fs::File::open(&path).map_err(|error| {
                Failure::fixable(
                    format!("`{}` cannot be read: {error}", path.display()),
                    "name a file that `hob ledger export` wrote",
                )
            })?;
            let verified = engine::request::ledger::verify_export(
                std::io::BufReader::new(text),
                key.as_deref(),
            )?;
            told(&verified, output)
        }
        Ledger::Verify { export: None, key: _, output } => {
            let house = wire_up::house(settings).await?;
            told(&house.verify_ledger().await?, output)
        }
        Ledger::Show { run, from, limit, output } => {
            let house = wire_up::house(settings).await?;
            let entries = house.show_ledger(run, from, limit).await?;
            if output.json {
                mouth::json(&entries)?;
            } else {
                for entry in entries {
                    let run = entry.run.as_deref().unwrap_or("-");
                    mouth::data(&format!(
                        "{:>6} {} {:<22} {} {} {}",
                        entry.index, entry.at, entry.action, entry.actor, run, entry.reason
                    ));
                }
            }
            Ok(Exit::Done)
        }
        Ledger::Export { file } => {
            let house = wire_up::house(settings).await?;
            let mut out = Vec::new();
            house.export_ledger(&mut out).await?;
            write(settings, &file, &out)
        }
        Ledger::Prove { run, file } => {
            let house = wire_up::house(settings).await?;
            let text = house.prove_run(run).await?;
            write(settings, &file, text.as_bytes())
        }
    }
}

fn told(verified: &Verified, output: Output) -> Result<Exit, Failure> {
    if output.json {
        mouth::json(verified)?;
    } else {
        mouth::data(&format!(
            "{} entries, {} sealed, root {}",
            verified.size, verified.sealed, verified.root
        ));
        for fault in &verified.faults {
            mouth::data(&format!("fault: {fault}"));
        }
        mouth::data(if verified.faults.is_empty() {
            "the log verifies"
        } else {
            "the log does NOT verify"
        });
    }
    Ok(if verified.faults.is_empty() { Exit::Done } else { Exit::Fixable })
}

fn write(settings: &Settings, file: &Path, bytes: &[u8]) -> Result<Exit, Failure> {
    if file.as_os_str() == "-" {
        mouth::bytes(String::from_utf8_lossy(bytes).trim_end());
        return Ok(Exit::Done);
    }
    let path = settings.cwd.join(file);
    let io = |error: std::io::Error| {
        Failure::fixable(
            format!("`{}` cannot be written: {error}", path.display()),
            "name a file in a folder that this user may write",
        )
    };
    let mut out = std::fs::File::create(&path).map_err(io)?;
    out.write_all(bytes).and_then(|()| out.sync_all()).map_err(io)?;
    mouth::say(&format!("wrote {}", path.display()));
    Ok(Exit::Done)
}
