//! Keeps the ledger's signing key: made on first use, readable by this user alone.

pub(crate) mod checkpoint;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use domain::Clock;
use ledger::SigningKey;

use crate::error::HouseError;

/// The key of this data folder. One is made where there is none, unless a log has `begun` already: under another key it
/// could not be continued, and would no longer verify.
pub(crate) fn key(path: &Path, clock: &dyn Clock, begun: bool) -> Result<SigningKey, HouseError> {
    match std::fs::read_to_string(path) {
        Ok(text) => SigningKey::parse(&text).map_err(|error| {
            HouseError::fixable(
                format!("the ledger's key `{}` cannot be read: {error}", path.display()),
                "restore it from a backup; with a new key the old log cannot be continued",
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && begun => {
            Err(HouseError::fixable(
                format!(
                    "the ledger's key `{}` is gone, and its log is still there",
                    path.display()
                ),
                "put the key back from a backup; where there is none the log cannot be continued: leave this data folder \
                 as it is, and name another one with --data or HOB_DATA",
            ))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(path, clock),
        Err(error) => Err(unusable(path, &error)),
    }
}

fn make(path: &Path, clock: &dyn Clock) -> Result<SigningKey, HouseError> {
    let mut random = [0_u8; 32];
    clock.fill_random(&mut random);
    let mut name = [0_u8; 4];
    clock.fill_random(&mut name);
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = SigningKey::generate(&format!("hob.local/{name}"), &random)
        .map_err(|error| HouseError::Inconsistent(error.to_string()))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let io = |error: std::io::Error| unusable(path, &error);
    std::fs::create_dir_all(folder).map_err(io)?;
    let half = folder.join(format!("ledger.key.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .map_err(io)?;
    file.write_all(key.to_secret().reveal().as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    // A link never replaces: of two processes that make the first key, one wins and both use it.
    let linked = std::fs::hard_link(&half, path);
    std::fs::remove_file(&half).map_err(io)?;
    match linked {
        Ok(()) => {
            std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
            Ok(key)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            self::key(path, clock, true)
        }
        Err(error) => Err(io(error)),
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> HouseError {
    HouseError::fixable(
        format!("the ledger's key `{}` cannot be used: {error}", path.display()),
        "look at the space and the permissions of the data folder",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/ledger.key");
        let first = key(&path, &domain::clock::SystemClock, false).unwrap();
        let second = key(&path, &domain::clock::SystemClock, true).unwrap();
        assert_eq!(first.to_secret(), second.to_secret());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.key");
        std::fs::write(&path, "not a key").unwrap();
        assert!(key(&path, &domain::clock::SystemClock, false).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a key");
    }

    #[test]
    fn a_key_that_is_gone_is_never_replaced_where_a_log_has_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.key");
        let error = key(&path, &domain::clock::SystemClock, true).unwrap_err();
        assert!(error.to_string().contains("is gone"), "{error}");
        assert!(!path.exists());
    }
}
