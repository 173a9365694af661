//! The few files that the host gives a virtual machine before its first command.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, lchown};
use std::path::Path;

use guest::layout::HOME;

/// Writes them, instead of what the image has in their places; what lies in the home folder belongs to the user.
pub(crate) fn write(files: &[(String, String)], user: Option<(u32, u32)>) -> Result<(), String> {
    files.iter().try_for_each(|(path, text)| {
        write_one(Path::new(path), text, user).map_err(|e| format!("writing {path}: {e}"))
    })
}

fn write_one(path: &Path, text: &str, user: Option<(u32, u32)>) -> io::Result<()> {
    let owner = user.filter(|_| path.starts_with(HOME));
    let give = |path: &Path| match owner {
        Some((uid, gid)) => lchown(path, Some(uid), Some(gid)),
        None => Ok(()),
    };
    let mut missing: Vec<&Path> =
        path.ancestors().skip(1).take_while(|folder| !folder.is_dir()).collect();
    while let Some(folder) = missing.pop() {
        std::fs::DirBuilder::new().mode(0o755).create(folder)?;
        give(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())?;
    give(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_place_of_a_link_and_does_not_follow_it() {
        let folder = std::env::temp_dir().join(format!("hob-files-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("kept"), "old").unwrap();
        std::os::unix::fs::symlink("kept", folder.join("link")).unwrap();
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        write(&[(at("link"), "new".to_owned()), (at("a/b/c"), "deep".to_owned())], None).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("kept")).unwrap(), "old");
        assert_eq!(std::fs::read_to_string(folder.join("link")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(folder.join("a/b/c")).unwrap(), "deep");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
