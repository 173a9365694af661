//! Configuration, hooks and attributes of a repository that would each run a program, and none of them does.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use domain::Fence;
use forge::local::{Branch, MergeRequest};

use crate::house::{House, attempt, forge, git_in, run};

/// Plants a canary in every place that is known to make some `git` command run something.
fn plant(place: &Path, canary: &Path) {
    let program = canary.with_extension("sh");
    fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >>{}\ncat\n", canary.display()))
        .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let sh = program.display();
    let included = place.join(".git/included");
    fs::write(&included, format!("[core]\n\tfsmonitor = {sh}\n\tsshCommand = {sh}\n")).unwrap();
    let config = format!(
        "[core]\n\tfsmonitor = {sh}\n\tsshCommand = {sh}\n\taskPass = {sh}\n\teditor = {sh}\n\tpager = {sh}\n\
         \tgitProxy = {sh}\n\talternateRefsCommand = {sh}\n\thooksPath = {hooks}\n\
         [include]\n\tpath = included\n[includeIf \"gitdir:/\"]\n\tpath = included\n\
         [filter \"evil\"]\n\tclean = {sh}\n\tsmudge = {sh}\n\tprocess = {sh}\n\trequired = true\n\
         [diff]\n\texternal = {sh}\n[diff \"evil\"]\n\ttextconv = {sh}\n\tcommand = {sh}\n\
         [merge \"evil\"]\n\tdriver = {sh}\n[credential]\n\thelper = {sh}\n[gpg]\n\tprogram = {sh}\n\
         [uploadpack]\n\tpackObjectsHook = {sh}\n[commit]\n\tgpgSign = true\n[tag]\n\tgpgSign = true\n\
         [uploadArchive]\n\tallowUnreachable = true\n[log]\n\tshowSignature = true\n\
         [remote \"evil\"]\n\turl = ext::{sh}\n\tpromisor = true\n\tuploadpack = {sh}\n\treceivepack = {sh}\n\
         \tvcs = evil\n[extensions]\n\tworktreeConfig = true\n[trailer \"x\"]\n\tcommand = {sh}\n\
         [submodule \"x\"]\n\tupdate = !{sh}\n[submodule]\n\trecurse = true\n[protocol]\n\tallow = always\n\
         [gc]\n\tauto = 1\n[maintenance]\n\tauto = true\n[receive]\n\tautogc = true\n\tprocReceiveRefs = refs\n\
         [sequence]\n\teditor = {sh}\n[interactive]\n\tdiffFilter = {sh}\n[alias]\n\tstatus = !{sh}\n\tfetch = !{sh}\n",
        hooks = place.join(".git/hooks").display()
    );
    let path = place.join(".git/config");
    let own = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{own}{config}")).unwrap();
    fs::write(place.join(".git/config.worktree"), config).unwrap();
    fs::create_dir_all(place.join(".git/hooks")).unwrap();
    for hook in [
        "reference-transaction",
        "post-checkout",
        "post-commit",
        "post-index-change",
        "post-merge",
        "post-update",
        "pre-auto-gc",
        "pre-commit",
        "pre-push",
        "pre-receive",
        "proc-receive",
        "push-to-checkout",
        "update",
        "post-receive",
        "commit-msg",
        "prepare-commit-msg",
        "fsmonitor-watchman",
    ] {
        fs::copy(&program, place.join(".git/hooks").join(hook)).unwrap();
    }
    fs::create_dir_all(place.join(".git/info")).unwrap();
    fs::write(place.join(".git/info/attributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
}

fn woken(canary: &Path) -> String {
    fs::read_to_string(canary).unwrap_or_default()
}

#[tokio::test]
async fn nothing_that_a_repository_is_configured_to_run_ever_runs() {
    let house = House::new().await;
    let place = house.repository("app");
    fs::write(place.join(".gitattributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["commit", "-q", "-m", "attributes"]);
    let canary: PathBuf = house.path("canary");
    plant(&place, &canary);
    // Same size, another time: whoever compares it with the index has to read it, and would filter it.
    fs::write(place.join("src/lib.rs"), "pub fn one() -> u8 {\n    9\n}\n").unwrap();

    let (mirror, found) = house.refreshed(&place).await;
    assert_eq!(woken(&canary), "");
    assert_eq!(found.notes.len(), 1, "the work tree was looked at: {:?}", found.notes);
    let machine = house.machine(&mirror, &found).await;
    fs::write(machine.checkout().join("src/lib.rs"), "pub fn one() -> u8 {\n    2\n}\n").unwrap();
    let attempt = attempt(1);
    let change = machine.ingest(&mirror, attempt).await.unwrap().change;
    let branch = Branch::of(attempt.run, "two", change.base, change.head);
    let forge = forge(&mirror);
    forge.propose(&branch, Fence(2)).await.unwrap();
    forge.standing(&branch, "main", &std::env::temp_dir()).await.unwrap();
    let request = MergeRequest {
        branch: branch.clone(),
        target: "main".into(),
        approved: change.digest,
        merge_commit: None,
    };
    forge.merge(&request, Fence(3)).await.unwrap();
    forge.withdraw(&branch, Fence(4)).await.unwrap();
    assert_eq!(woken(&canary), "");

    // The canary lives: a git that reads this configuration does wake it.
    run(&place, &["git", "-c", "safe.directory=*", "status"]);
    assert!(!woken(&canary).is_empty());
}
