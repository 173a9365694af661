//! What moves a target branch, and what does not.

use std::fs;
use std::path::{Path, PathBuf};

use domain::{Digest, Fence};
use forge::local::{Branch, LocalError, LocalForge, MergeRequest, Merged, Withdrawn};

use crate::house::{House, attempt, authorship, forge, git_in, run, snapshot};

/// A repository with a proposal in it.
struct Proposed {
    house: House,
    place: PathBuf,
    forge: LocalForge,
    branch: Branch,
    approved: Digest,
}

impl Proposed {
    async fn new() -> Self {
        let house = House::new().await;
        let place = house.repository("app");
        let (mirror, found) = house.refreshed(&place).await;
        let machine = house.machine(&mirror, &found).await;
        fs::write(machine.checkout().join("src/lib.rs"), "pub fn one() -> u8 {\n    2\n}\n")
            .unwrap();
        let attempt = attempt(1);
        let change = machine.ingest(&mirror, attempt).await.unwrap().change;
        let branch = Branch::of(attempt.run, "Update one", change.base, change.head);
        let forge = forge(&mirror);
        forge.propose(&branch, Fence(2)).await.unwrap();
        Self { house, place, forge, branch, approved: change.digest }
    }

    fn request(&self) -> MergeRequest {
        MergeRequest {
            branch: self.branch.clone(),
            target: "main".into(),
            approved: self.approved,
            merge_commit: None,
        }
    }

    async fn merge(&self, request: &MergeRequest) -> Result<Merged, LocalError> {
        self.forge.merge(request, Fence(3)).await
    }

    #[track_caller]
    fn refusal(told: Result<Merged, LocalError>) -> String {
        let error = told.unwrap_err();
        format!("{error} / {}", error.hint())
    }

    fn commit(&self, file: &str, text: &str) -> String {
        fs::write(self.place.join(file), text).unwrap();
        git_in(&self.place, &["add", "-A"]);
        git_in(&self.place, &["commit", "-q", "-m", "meanwhile"]);
        git_in(&self.place, &["rev-parse", "HEAD"])
    }
}

fn files_only(place: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut all = snapshot(place);
    all.retain(|path, _| !path.starts_with(".git") || path == Path::new(".git/index"));
    all
}

#[tokio::test]
async fn a_checked_out_target_moves_its_work_tree_does_not_and_one_command_brings_it_along() {
    let all = Proposed::new().await;
    fs::write(all.place.join("Cargo.toml"), "edited and not committed\n").unwrap();
    let before = files_only(&all.place);
    let merged = all.merge(&all.request()).await.unwrap();
    assert_eq!(merged.commit, all.branch.head);
    assert_eq!(git_in(&all.place, &["rev-parse", "main"]), all.branch.head.as_str());
    assert_eq!(files_only(&all.place), before);
    assert_eq!(merged.behind.len(), 1);
    let told = run(&all.place, &["sh", "-c", &merged.behind[0].command]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert_eq!(git_in(&all.place, &["status", "--porcelain"]), " M Cargo.toml");
    assert!(fs::read_to_string(all.place.join("src/lib.rs")).unwrap().contains('2'));
    assert!(git_in(&all.place, &["reflog", "main"]).contains("hob: merge"));

    let again = all.merge(&all.request()).await.unwrap();
    assert_eq!((again.commit, again.behind), (all.branch.head.clone(), vec![]));
    assert!(all.forge.standing(&all.branch, "main", &std::env::temp_dir()).await.unwrap().merged);
}

#[tokio::test]
async fn staged_changes_in_the_targets_work_tree_stop_a_merge() {
    let all = Proposed::new().await;
    fs::write(all.place.join("Cargo.toml"), "staged\n").unwrap();
    git_in(&all.place, &["add", "-A"]);
    let told = Proposed::refusal(all.merge(&all.request()).await);
    assert!(told.contains("staged changes") && told.contains("checked out"), "{told}");
    assert_eq!(git_in(&all.place, &["rev-parse", "main"]), all.branch.base.as_str());
}

#[tokio::test]
async fn a_target_that_moved_is_refused_with_or_without_a_merge_commit() {
    let all = Proposed::new().await;
    let tip = all.commit("other", "other\n");
    let before = snapshot(&all.place);
    let allowed = MergeRequest { merge_commit: Some(authorship()), ..all.request() };
    for request in [all.request(), allowed] {
        let told = Proposed::refusal(all.merge(&request).await);
        assert!(told.contains("`main` moved from"), "{told}");
        assert!(told.contains("run the agent again"), "{told}");
    }
    assert_eq!(git_in(&all.place, &["rev-parse", "main"]), tip);
    assert_eq!(snapshot(&all.place), before, "nothing of what was not checked is there");
}

#[tokio::test]
async fn a_merge_commit_holds_exactly_the_tree_that_was_approved() {
    let all = Proposed::new().await;
    let asked = MergeRequest { merge_commit: Some(authorship()), ..all.request() };
    let merged = all.merge(&asked).await.unwrap();
    assert_eq!(git_in(&all.place, &["rev-parse", "main"]), merged.commit.as_str());
    let parents = git_in(&all.place, &["log", "-1", "--format=%P", "main"]);
    assert_eq!(parents, format!("{} {}", all.branch.base, all.branch.head));
    let tree = |commit: &str| git_in(&all.place, &["rev-parse", &format!("{commit}^{{tree}}")]);
    assert_eq!(tree("main"), tree(all.branch.head.as_str()));
    git_in(&all.place, &["fsck", "--strict"]);
    let again = all.merge(&asked).await.unwrap();
    assert_eq!(again.commit, merged.commit, "once is enough");
}

#[tokio::test]
async fn only_what_was_approved_is_merged() {
    let all = Proposed::new().await;
    let other = MergeRequest { approved: Digest::of(b"another"), ..all.request() };
    let told = Proposed::refusal(all.merge(&other).await);
    assert!(told.contains("is not the change that was approved"), "{told}");

    git_in(&all.place, &["branch", "-f", &all.branch.name, "main"]);
    let told = Proposed::refusal(all.merge(&all.request()).await);
    assert!(told.contains("moved to"), "{told}");
    let kept = all.forge.withdraw(&all.branch, Fence(3)).await.unwrap();
    assert!(matches!(kept, Withdrawn::Kept { .. }));

    git_in(&all.place, &["branch", "-D", &all.branch.name]);
    let told = Proposed::refusal(all.merge(&all.request()).await);
    assert!(told.contains("was deleted"), "{told}");
    assert_eq!(all.forge.withdraw(&all.branch, Fence(3)).await.unwrap(), Withdrawn::WasGone);
}

#[tokio::test]
async fn a_rewritten_target_is_refused() {
    let all = Proposed::new().await;
    git_in(&all.place, &["commit", "-q", "--amend", "-m", "rewritten"]);
    let allowed = MergeRequest { merge_commit: Some(authorship()), ..all.request() };
    let told = Proposed::refusal(all.merge(&allowed).await);
    assert!(told.contains("no longer holds the commit"), "{told}");
}

#[tokio::test]
async fn a_withdrawn_branch_is_gone_unless_somebody_looks_at_it() {
    let all = Proposed::new().await;
    let linked = all.house.path("linked");
    git_in(&all.place, &["worktree", "add", "-q", linked.to_str().unwrap(), &all.branch.name]);
    let kept = all.forge.withdraw(&all.branch, Fence(3)).await.unwrap();
    assert!(matches!(&kept, Withdrawn::Kept { why } if why.contains("checked out")), "{kept:?}");
    git_in(&all.place, &["worktree", "remove", linked.to_str().unwrap()]);
    git_in(&all.place, &["pack-refs", "--all"]);
    assert_eq!(all.forge.withdraw(&all.branch, Fence(3)).await.unwrap(), Withdrawn::Deleted);
    assert_eq!(git_in(&all.place, &["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
}

#[tokio::test]
async fn an_action_with_an_older_fence_touches_nothing() {
    let all = Proposed::new().await;
    let before = snapshot(&all.place);
    let stale = all.forge.merge(&all.request(), Fence(1)).await.unwrap_err();
    assert!(matches!(stale, LocalError::Fence(_)), "{stale}");
    assert!(all.forge.withdraw(&all.branch, Fence(1)).await.is_err());
    assert!(all.forge.propose(&all.branch, Fence(1)).await.is_err());
    assert_eq!(snapshot(&all.place), before);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_branch_is_named() {
    let all = Proposed::new().await;
    all.forge.withdraw(&all.branch, Fence(3)).await.unwrap();
    git_in(&all.place, &["branch", "hob"]);
    let error = all.forge.propose(&all.branch, Fence(3)).await.unwrap_err();
    assert!(error.hint().contains("a branch is in the way"), "{error} / {}", error.hint());
    git_in(&all.place, &["branch", "-D", "hob"]);
    let folder = all.place.join(".git/refs/heads/hob");
    fs::create_dir_all(&folder).unwrap();
    let lock = all.place.join(format!(".git/refs/heads/{}.lock", all.branch.name));
    fs::write(&lock, "").unwrap();
    let error = all.forge.propose(&all.branch, Fence(3)).await.unwrap_err();
    assert!(error.hint().contains("another git program"), "{error} / {}", error.hint());
    fs::remove_file(&lock).unwrap();
    all.forge.propose(&all.branch, Fence(3)).await.unwrap();
}
