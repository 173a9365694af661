//! `hob ledger`: verify, show, export, prove, erase.

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use domain::Actor;
use engine::request::ledger::{By, Erasable, ProofVerified, Verified, verify_export, verify_proof};
use store::port::READ_ROWS_MAX;
use tempfile::NamedTempFile;

use crate::exit::{Exit, Failure};
use crate::mouth;
use crate::settings::Settings;
use crate::usage::{Ledger, Output};
use crate::wire_up;

/// Does what was asked.
pub(crate) async fn ledger(settings: &Settings, asked: Ledger) -> Result<Exit, Failure> {
    match asked {
        Ledger::Verify { export, proof, key, checkpoint, output } => {
            let checkpoint = checkpoint.map(|file| kept(settings, &file)).transpose()?;
            let host_key = engine::Settings::new(settings.data.clone()).ledger_key();
            let by = By {
                key: key.as_deref(),
                host_key: Some(&host_key),
                checkpoint: checkpoint.as_deref(),
            };
            if let Some(file) = proof {
                let from = open(settings, &file, "name a file that `hob ledger prove` wrote")?;
                return proven(&verify_proof(from, by)?, output);
            }
            if let Some(file) = export {
                let from = open(settings, &file, "name a file that `hob ledger export` wrote")?;
                return told(&verify_export(from, by)?, output);
            }
            let house = wire_up::house(settings).await?;
            told(&house.verify_ledger(checkpoint.as_deref()).await?, output)
        }
        Ledger::Show { run, from, limit, output } => {
            let house = wire_up::house(settings).await?;
            let limit = at_most(limit);
            let mut entries = house.show_ledger(run, from, limit.saturating_add(1)).await?;
            if entries.len() > limit {
                let next = entries.get(limit).map_or(from, |entry| entry.index);
                entries.truncate(limit);
                mouth::say(&format!(
                    "note: {limit} entries are shown, and there are more: add `--from {next}`, or `--limit`"
                ));
            }
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
            if file.as_os_str() == "-" {
                house.export_ledger(&mut Lines::default()).await?;
                return Ok(Exit::Done);
            }
            let path = settings.cwd.join(file);
            let mut out = std::io::BufWriter::new(half(&path)?);
            house.export_ledger(&mut out).await?;
            let out = out.into_inner().map_err(|error| unwritable(&path, &error.into_error()))?;
            keep(out, &path)?;
            mouth::say(&format!("wrote {}", path.display()));
            Ok(Exit::Done)
        }
        Ledger::Prove { run, file } => {
            let house = wire_up::house(settings).await?;
            let text = house.prove_run(run).await?;
            write(settings, &file, text.as_bytes())
        }
        Ledger::Erase { digest, run, reason } => {
            let what = digest.map(Erasable::Payload).or(run.map(Erasable::Run));
            erase(settings, what, &reason).await
        }
    }
}

/// How much is shown at most: 0 means as much as one read of the store gives back. That there is more is said.
pub(crate) const fn at_most(limit: usize) -> usize {
    if limit == 0 { READ_ROWS_MAX } else { limit }
}

async fn erase(settings: &Settings, what: Option<Erasable>, reason: &str) -> Result<Exit, Failure> {
    let what = what.ok_or_else(|| {
        Failure::fixable("nothing is named", "name a digest, or a run with --run")
    })?;
    let house = wire_up::house(settings).await?;
    let erased = house.erase(&Actor::local(&settings.user), what, reason).await?;
    let what = match erased.payloads {
        0 => "nothing was left to erase".to_owned(),
        1 => "1 payload was erased; the entry that names it stays".to_owned(),
        more => format!("{more} payloads were erased; the entries that name them stay"),
    };
    if !erased.from_disk {
        return Err(Failure::fixable(
            format!(
                "{what}. Erased in the log, not yet from the disk: another process reads the store"
            ),
            "let that process end; the next command that finds nobody reading takes the bytes away, and \
             `hob ledger verify` has a remark until then",
        ));
    }
    mouth::say(&what);
    Ok(Exit::Done)
}

/// The longest checkpoint that is read, in bytes; real ones have a few hundred.
const CHECKPOINT_MAX_BYTES: u64 = 64 * 1024;

fn open(settings: &Settings, file: &Path, hint: &str) -> Result<BufReader<File>, Failure> {
    let path = settings.cwd.join(file);
    let unreadable = |error: std::io::Error| {
        Failure::fixable(format!("`{}` cannot be read: {error}", path.display()), hint)
    };
    File::open(&path).map(BufReader::new).map_err(unreadable)
}

fn kept(settings: &Settings, file: &Path) -> Result<String, Failure> {
    let hint = "name a file that holds a signed checkpoint of this log";
    let mut text = String::new();
    let read = open(settings, file, hint)?.take(CHECKPOINT_MAX_BYTES).read_to_string(&mut text);
    read.map_err(|error| {
        Failure::fixable(format!("`{}` cannot be read: {error}", file.display()), hint)
    })?;
    Ok(text)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::fixable(
        format!("`{}` cannot be written: {error}", path.display()),
        "name a file in a folder that this user may write",
    )
}

/// Hands what is written to the mouth, line by line.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                mouth::data(&String::from_utf8_lossy(&self.0));
                self.0.clear();
            } else {
                self.0.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn proven(proof: &ProofVerified, output: Output) -> Result<Exit, Failure> {
    if output.json {
        mouth::json(proof)?;
    } else {
        mouth::data(&format!(
            "{} entries of {} are in the log of {} entries, root {}",
            proof.entries, proof.run, proof.size, proof.root
        ));
        mouth::data(&format!("signed with {}: {}", proof.key_of, proof.key));
    }
    Ok(Exit::Done)
}

fn told(verified: &Verified, output: Output) -> Result<Exit, Failure> {
    if output.json {
        mouth::json(verified)?;
    } else {
        mouth::data(&format!(
            "{} entries, {} sealed, root {}",
            verified.size, verified.sealed, verified.root
        ));
        mouth::data(&format!("verified by {}: {}", verified.key_of, verified.key));
        if verified.unsealed > 0 {
            mouth::data(&format!(
                "{} entries are not sealed yet, so whoever edits the database could still change them; the next \
                 `hob run` or `hob runs resume` seals them",
                verified.unsealed
            ));
        }
        for erasure in &verified.erasures {
            mouth::data(&format!(
                "erased on {} by {}: {} payloads of {}, because: {}",
                erasure.at,
                erasure.by,
                erasure.payloads,
                erasure.run.as_deref().unwrap_or("no run"),
                erasure.why
            ));
        }
        for remark in &verified.remarks {
            mouth::data(&format!("remark: {remark}"));
        }
        for fault in &verified.faults {
            mouth::data(&format!("fault: {fault}"));
        }
        if verified.more > 0 {
            mouth::data(&format!("fault: {} more", verified.more));
        }
        mouth::data(if verified.clean { "the log verifies" } else { "the log does NOT verify" });
    }
    Ok(if verified.clean { Exit::Done } else { Exit::Fixable })
}

fn write(settings: &Settings, file: &Path, bytes: &[u8]) -> Result<Exit, Failure> {
    if file.as_os_str() == "-" {
        mouth::bytes(String::from_utf8_lossy(bytes).trim_end());
        return Ok(Exit::Done);
    }
    let path = settings.cwd.join(file);
    let mut out = half(&path)?;
    out.write_all(bytes).map_err(|error| unwritable(&path, &error))?;
    keep(out, &path)?;
    mouth::say(&format!("wrote {}", path.display()));
    Ok(Exit::Done)
}

/// A file beside `path` that takes its place once it is whole: what was there before stays until then.
fn half(path: &Path) -> Result<NamedTempFile, Failure> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let permissions = std::fs::Permissions::from_mode(0o644);
    tempfile::Builder::new()
        .prefix(".hob-")
        .permissions(permissions)
        .tempfile_in(folder)
        .map_err(|error| unwritable(path, &error))
}

fn keep(half: NamedTempFile, path: &Path) -> Result<(), Failure> {
    let io = |error: std::io::Error| unwritable(path, &error);
    half.as_file().sync_all().map_err(io)?;
    half.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}
