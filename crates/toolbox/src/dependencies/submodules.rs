//! Submodules: what they hold is another repository's, and is not looked at here. That is said, since it may be in use.

use domain::RepoPath;
use domain::dependency::{Left, Why};

use crate::files::{Content, FileSet};

/// The most that are named one by one.
const NAMED_MAX: usize = 20;

/// Every submodule of the tree, as something that was not looked at.
pub fn left(files: &FileSet) -> Vec<Left> {
    let is_one = |path: &&RepoPath| matches!(files.content(path), Some(Content::Submodule));
    let found: Vec<&RepoPath> = files.paths().filter(is_one).collect();
    let named = |path: &RepoPath, detail: String| Left {
        ecosystem: None,
        advisory: None,
        package: path.to_string(),
        version: String::new(),
        why: Why::Unsupported,
        detail,
    };
    let words = "a submodule: what it holds was not looked at; run the agent on its own repository";
    let mut left: Vec<Left> =
        found.iter().take(NAMED_MAX).map(|path| named(path, words.to_owned())).collect();
    if let Some(path) = found.get(NAMED_MAX) {
        let more = found.len() - NAMED_MAX;
        left.push(named(path, format!("{more} more submodules were not looked at")));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submodules_are_named_and_a_flood_of_them_is_counted() {
        let mut files = FileSet::new();
        files.note(RepoPath::new("a/file").unwrap());
        assert_eq!(left(&files), vec![]);
        for number in 0..NAMED_MAX + 3 {
            let path = RepoPath::new(format!("modules/{number:02}")).unwrap();
            files.set(path, Content::Submodule);
        }
        let left = left(&files);
        assert_eq!((left.len(), left[0].package.as_str()), (NAMED_MAX + 1, "modules/00"));
        assert!(left.last().unwrap().detail.starts_with("3 more"), "{left:?}");
        assert!(left.iter().all(|one| one.why.makes_incomplete()));
    }
}
