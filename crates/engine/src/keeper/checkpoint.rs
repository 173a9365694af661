//! Keeps the newest checkpoint a second time, outside the database: whoever cuts or rewrites the database
//! alone is found out by it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use ledger::VerifierKey;
use ledger::checkpoint::{Checkpoint, NOTE_MAX_BYTES};

use crate::error::HouseError;

/// What the entry says happened that is written because no checkpoint was kept.
pub(crate) const RENEWED: &str = "ledger.checkpoint_renewed";

/// The kept note and what it says; nothing where none was kept yet.
pub(crate) fn read(
    path: &Path,
    key: &VerifierKey,
) -> Result<Option<(String, Checkpoint)>, HouseError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, &error)),
    };
    let mut bytes = Vec::new();
    file.take(NOTE_MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unusable(path, &error))?;
    let note = String::from_utf8_lossy(&bytes).into_owned();
    let says = key.open(&note).map_err(|error| {
        HouseError::fixable(
            format!("the checkpoint kept in `{}` does not count: {error}", path.display()),
            "put back a copy of it, and look at who can write there",
        )
    })?;
    Ok(Some((note, says)))
}

/// Keeps a checkpoint of `size` entries where none of so many is kept; on the disk when it returns.
pub(crate) fn keep(
    path: &Path,
    key: &VerifierKey,
    note: &str,
    size: u64,
) -> Result<(), HouseError> {
    let io = |error: std::io::Error| unusable(path, &error);
    let folder_path = path.parent().unwrap_or_else(|| Path::new("."));
    let folder = File::open(folder_path).map_err(io)?;
    // Of two processes that have sealed at once, the one with the older checkpoint may come last.
    folder.lock().map_err(io)?;
    if read(path, key)?.is_some_and(|(_, kept)| kept.size >= size) {
        return Ok(());
    }
    let mut half = tempfile::NamedTempFile::new_in(folder_path).map_err(io)?;
    half.write_all(note.as_bytes()).map_err(io)?;
    half.as_file().sync_all().map_err(io)?;
    half.persist(path).map_err(|error| io(error.error))?;
    folder.sync_all().map_err(io)
}

/// Says that the database is older than the checkpoint that is kept outside it, and what to do.
pub(crate) fn outran(path: &Path, kept: u64, sealed: u64) -> String {
    format!(
        "the checkpoint kept in `{path}` covers {kept} entries, the newest one in the database {sealed}: the database \
         was cut, or put back from an older backup. Put the newest backup of the whole data folder back; where \
         there is none, remove `{path}`: the next `hob runs resume` goes on from what there is, keeps a new \
         checkpoint, and the log says so",
        path = path.display()
    )
}

fn unusable(path: &Path, error: &std::io::Error) -> HouseError {
    HouseError::fixable(
        format!("the ledger's checkpoint `{}` cannot be kept or read: {error}", path.display()),
        "look at the space and the permissions of the data folder",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_checkpoint_never_takes_the_place_of_a_greater_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.checkpoint");
        let key = ledger::SigningKey::generate("test", &[7; 32]).unwrap();
        for size in [0, 5, 3] {
            keep(&path, key.verifier(), &key.sign(size, [1; 32]), size).unwrap();
        }
        assert_eq!(read(&path, key.verifier()).unwrap().unwrap().1.size, 5);
    }

    #[test]
    fn a_checkpoint_of_another_key_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.checkpoint");
        let [ours, theirs] =
            [[7; 32], [8; 32]].map(|random| ledger::SigningKey::generate("test", &random).unwrap());
        std::fs::write(&path, theirs.sign(1, [1; 32])).unwrap();
        assert!(keep(&path, ours.verifier(), &ours.sign(9, [1; 32]), 9).is_err());
    }
}
