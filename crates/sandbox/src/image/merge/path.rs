//! Paths as strangers write them, taken apart or refused.

/// The longest part of a path, in bytes (`NAME_MAX`).
pub(super) const PART_MAX_BYTES: usize = 255;

/// The longest path and link target, in bytes (`PATH_MAX`).
pub(super) const PATH_MAX_BYTES: usize = 4095;

/// What stands before the name of something that a layer takes away.
const WHITEOUT: &[u8] = b".wh.";

/// What stands before names that one union file system had for itself.
const WHITEOUT_OF_ITS_OWN: &[u8] = b".wh..wh.";

/// What takes all away that lower layers have in a folder.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The last part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last<'p> {
    /// An entry of this name.
    Name(&'p [u8]),
    /// What has this name in lower layers is gone.
    Whiteout(&'p [u8]),
    /// All that lower layers have in this folder is gone.
    Opaque,
    /// Means nothing here.
    Nothing,
}

/// The parts of a path below the root.
pub(super) fn parts(path: &[u8]) -> Result<Vec<&[u8]>, String> {
    if path.starts_with(b"/") {
        return Err("its path is absolute".to_owned());
    }
    if path.len() > PATH_MAX_BYTES {
        return Err(format!("its path is longer than {PATH_MAX_BYTES} bytes"));
    }
    if path.contains(&0) {
        return Err("its path holds a zero byte".to_owned());
    }
    let parts: Vec<_> =
        path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&b"..".as_slice()) {
        return Err("its path holds `..`".to_owned());
    }
    if parts.iter().any(|part| part.len() > PART_MAX_BYTES) {
        return Err(format!("a part of its path is longer than {PART_MAX_BYTES} bytes"));
    }
    Ok(parts)
}

/// What a last part means.
pub(super) fn last(name: &[u8]) -> Result<Last<'_>, String> {
    if name == OPAQUE {
        return Ok(Last::Opaque);
    }
    if name.starts_with(WHITEOUT_OF_ITS_OWN) {
        return Ok(Last::Nothing);
    }
    match name.strip_prefix(WHITEOUT) {
        None => Ok(Last::Name(name)),
        Some(b"" | b"." | b"..") => Err("it is a whiteout of nothing".to_owned()),
        Some(hidden) => Ok(Last::Whiteout(hidden)),
    }
}

/// Whether the target of a link, which lies `depth` folders below the root, stays below the root.
pub(super) fn check_target(target: &[u8], depth: usize) -> Result<(), String> {
    if target.is_empty() || target.len() > PATH_MAX_BYTES || target.contains(&0) {
        return Err("its target is not a path".to_owned());
    }
    let mut depth = if target.starts_with(b"/") { 0 } else { depth };
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| "it is a link that leaves the root".to_owned())?;
            }
            _ if part.len() > PART_MAX_BYTES => {
                return Err(format!("a part of its target is longer than {PART_MAX_BYTES} bytes"));
            }
            _ => depth += 1,
        }
    }
    Ok(())
}
