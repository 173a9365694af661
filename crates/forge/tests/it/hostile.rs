//! Bundles that no honest machine makes, each crafted for the one rule that must refuse it.

use std::fs;
use std::path::{Path, PathBuf};

use forge::Mirror;
use forge::ingest::{self, Hostile, IngestError, Limits};

use crate::house::{House, attempt, authorship, git_in, run, snapshot};

/// A repository, its mirror, and a folder in which hostile objects are made.
struct Forgery {
    house: House,
    mirror: Mirror,
    workshop: PathBuf,
    base: String,
}

impl Forgery {
    async fn new() -> Self {
        let house = House::new().await;
        let place = house.repository("app");
        let (mirror, found) = house.refreshed(&place).await;
        let workshop = house.path("workshop");
        git_in(&place, &["clone", "-q", "--bare", ".", workshop.to_str().unwrap()]);
        Self { house, mirror, workshop, base: found.head.to_string() }
    }

    fn git(&self, args: &[&str]) -> String {
        git_in(&self.workshop, args)
    }

    /// Writes an object without any of git's own checks.
    fn object(&self, kind: &str, bytes: &[u8]) -> String {
        let file = self.house.path("object");
        fs::write(&file, bytes).unwrap();
        self.git(&["hash-object", "-w", "--literally", "-t", kind, file.to_str().unwrap()])
    }

    fn tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            let digits: Vec<u8> = id
                .bytes()
                .map(|b| u8::try_from(char::from(b).to_digit(16).unwrap()).unwrap())
                .collect();
            bytes.extend(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
        }
        self.object("tree", &bytes)
    }

    fn commit(&self, tree: &str, parents: &[&str]) -> String {
        let parents: String = parents.iter().map(|p| format!("parent {p}\n")).collect();
        let who = "eve <eve@example.invalid> 1700000000 +0000";
        let text = format!("tree {tree}\n{parents}author {who}\ncommitter {who}\n\nevil\n");
        self.object("commit", text.as_bytes())
    }

    /// A bundle whose header claims that `commit` is one commit on the base.
    fn bundle(&self, commit: &str) -> PathBuf {
        self.git(&["update-ref", "refs/heads/export", commit]);
        let file = self.house.path("evil.bundle");
        let path = file.to_str().unwrap();
        self.git(&[
            "bundle",
            "create",
            "-q",
            path,
            "refs/heads/export",
            &format!("^{}", self.base),
        ]);
        file
    }

    async fn ingest(&self, bundle: &Path, limits: Limits) -> Result<(), String> {
        let before = snapshot(&self.mirror.folder().join("git"));
        let base = self.base.parse().unwrap();
        let by = (&attempt(1), &authorship());
        let told = ingest::ingest(&self.mirror, bundle, &base, by, limits).await;
        if told.is_err() {
            assert_eq!(snapshot(&self.mirror.folder().join("git")), before);
        }
        match told {
            Ok(_) => Ok(()),
            Err(IngestError::Hostile(error)) => Err(error.to_string()),
            Err(error) => panic!("not the machine's fault: {error}"),
        }
    }

    /// Refuses a root tree with these entries; the refusal holds `word`.
    async fn refuses(&self, entries: &[(&str, &[u8], &str)], word: &str) {
        let bundle = self.bundle(&self.commit(&self.tree(entries), &[&self.base]));
        let told = self.ingest(&bundle, Limits::default()).await.unwrap_err();
        assert!(told.contains(word), "{entries:?}: {told}");
    }
}

#[tokio::test]
async fn paths_that_reach_out_of_the_repository_are_refused() {
    let forgery = Forgery::new().await;
    let blob = forgery.object("blob", b"evil");
    let inner = forgery.tree(&[("100755", b"post-checkout", &blob)]);
    for (mode, name, id, word) in [
        ("40000", b".git".as_slice(), &inner, "refuse"),
        ("40000", b".GIT", &inner, "refuse"),
        ("40000", b"..", &inner, "refuse"),
        ("40000", b".git ", &inner, ".git"),
        ("40000", b"git~1", &inner, "refuse"),
        ("40000", b"GIT~2", &inner, ".git"),
        ("40000", ".g\u{200c}it".as_bytes(), &inner, "refuse"),
        ("100644", b".git::$INDEX_ALLOCATION", &blob, "refuse"),
        ("100644", b"a/b", &blob, "refuse"),
        ("100644", b"..\\..\\x", &blob, "`..`"),
        ("100644", b"C:\\x", &blob, "absolute"),
        ("100644", b"a\nb", &blob, "control character"),
        ("100644", b"a\x1b[2J", &blob, "control character"),
        ("100644", b"a\xff", &blob, "not UTF-8"),
        ("100664", b"a", &blob, "refuse"),
        ("100777", b"a", &blob, "refuse"),
        ("120000", b".gitmodules", &blob, "refuse"),
    ] {
        forgery.refuses(&[(mode, name, id)], word).await;
    }
}

#[tokio::test]
async fn names_that_clash_without_case_are_refused() {
    let forgery = Forgery::new().await;
    let blob = forgery.object("blob", b"evil");
    forgery.refuses(&[("100644", b"A", &blob), ("100644", b"a", &blob)], "case or spelling").await;
    let accented = ["e\u{301}".as_bytes(), "\u{e9}".as_bytes()];
    let entries = accented.map(|name| ("100644", name, blob.as_str()));
    forgery.refuses(&entries, "case or spelling").await;
    let twice = [("100644", b"a".as_slice(), blob.as_str()), ("100755", b"a", &blob)];
    forgery.refuses(&twice, "refuse").await;
}

#[tokio::test]
async fn commits_that_are_not_one_on_top_of_the_base_are_refused() {
    let forgery = Forgery::new().await;
    let blob = forgery.object("blob", b"new");
    let tree = forgery.tree(&[("100644", b"a", &blob)]);
    let one = forgery.commit(&tree, &[&forgery.base]);
    let orphan = forgery.commit(&tree, &[]);
    for parents in [vec![], vec![one.as_str()], vec![forgery.base.as_str(), orphan.as_str()]] {
        let commit = forgery.commit(&tree, &parents);
        // `bundle create` writes no prerequisite for a commit that does not reach the base: written by hand.
        let pack = forgery.house.path("evil.pack");
        let list = forgery.house.path("list");
        fs::write(&list, format!("{commit}\n^{}\n", forgery.base)).unwrap();
        let script =
            format!("git pack-objects -q --revs --stdout <{} >{}", list.display(), pack.display());
        assert!(run(&forgery.workshop, &["sh", "-c", &script]).status.success());
        let mut bytes =
            format!("# v2 git bundle\n-{}\n{commit} refs/heads/export\n\n", forgery.base)
                .into_bytes();
        bytes.extend(fs::read(&pack).unwrap());
        let bundle = forgery.house.path("evil.bundle");
        fs::write(&bundle, bytes).unwrap();
        let told = forgery.ingest(&bundle, Limits::default()).await.unwrap_err();
        assert!(told.contains("only parent is the base"), "{told}");
    }
}

#[tokio::test]
async fn objects_that_are_cut_missing_or_altered_are_refused() {
    let forgery = Forgery::new().await;
    let blob = forgery.object("blob", b"new");
    let tree = forgery.tree(&[("100644", b"a", &blob)]);
    let bundle = forgery.bundle(&forgery.commit(&tree, &[&forgery.base]));
    let whole = fs::read(&bundle).unwrap();
    assert_eq!(forgery.ingest(&bundle, Limits::default()).await, Ok(()));
    fs::write(&bundle, &whole[..whole.len() - 30]).unwrap();
    assert!(forgery.ingest(&bundle, Limits::default()).await.is_err());
    let mut altered = whole.clone();
    let at = altered.len() - 25;
    altered[at] ^= 1;
    fs::write(&bundle, &altered).unwrap();
    assert!(forgery.ingest(&bundle, Limits::default()).await.is_err());
    fs::write(&bundle, b"").unwrap();
    assert!(forgery.ingest(&bundle, Limits::default()).await.is_err());

    let absent = "1234567890123456789012345678901234567890";
    let head = forgery.commit(&forgery.tree(&[("100644", b"a", absent)]), &[&forgery.base]);
    let header = format!("# v2 git bundle\n-{}\n{head} refs/heads/export\n\n", forgery.base);
    let script = format!("git pack-objects -q --stdout <{}", forgery.house.path("list").display());
    let tree = forgery.git(&["rev-parse", &format!("{head}^{{tree}}")]);
    fs::write(forgery.house.path("list"), format!("{head}\n{tree}\n")).unwrap();
    let packed = run(&forgery.workshop, &["sh", "-c", &script]);
    let mut bytes = header.into_bytes();
    bytes.extend(packed.stdout);
    fs::write(&bundle, bytes).unwrap();
    assert!(forgery.ingest(&bundle, Limits::default()).await.is_err());
}

#[tokio::test]
async fn every_limit_has_its_refusal() {
    let forgery = Forgery::new().await;
    let blobs: Vec<String> =
        (0..5).map(|n| forgery.object("blob", format!("file {n}").as_bytes())).collect();
    let names: Vec<String> = (0..5).map(|n| format!("f{n}")).collect();
    let entries: Vec<(&str, &[u8], &str)> = names
        .iter()
        .zip(&blobs)
        .map(|(name, id)| ("100644", name.as_bytes(), id.as_str()))
        .collect();
    let bundle = forgery.bundle(&forgery.commit(&forgery.tree(&entries), &[&forgery.base]));
    for (limits, word) in [
        (Limits { bundle_bytes: 100, ..Limits::default() }, "bytes for a bundle"),
        (Limits { objects: 3, ..Limits::default() }, "objects in a bundle"),
        (Limits { files: 3, ..Limits::default() }, "changed files"),
        (Limits { content_bytes: 10, ..Limits::default() }, "bytes of changed files"),
    ] {
        let told = forgery.ingest(&bundle, limits).await.unwrap_err();
        assert!(told.contains(word), "{told}");
    }
}

#[tokio::test]
async fn a_bundle_has_256_mib_and_not_a_byte_more() {
    assert_eq!(Limits::default().bundle_bytes, 256 * 1024 * 1024);
    let forgery = Forgery::new().await;
    let blob = forgery.object("blob", b"new");
    let tree = forgery.tree(&[("100644", b"a", &blob)]);
    let bundle = forgery.bundle(&forgery.commit(&tree, &[&forgery.base]));
    let bundle_bytes = fs::metadata(&bundle).unwrap().len();
    let limits = |bundle_bytes| Limits { bundle_bytes, ..Limits::default() };
    let told = forgery.ingest(&bundle, limits(bundle_bytes - 1)).await.unwrap_err();
    assert!(told.contains("bytes for a bundle"), "{told}");
    assert_eq!(forgery.ingest(&bundle, limits(bundle_bytes)).await, Ok(()));
}

#[tokio::test]
async fn a_tree_that_holds_itself_many_times_over_ends_at_a_limit() {
    let forgery = Forgery::new().await;
    let blob = forgery.object("blob", b"x");
    let names: Vec<String> = (0..64).map(|n| format!("d{n:02}")).collect();
    let mut tree = forgery.tree(&[("100644", b"x", &blob)]);
    for _ in 0..6 {
        let entries: Vec<(&str, &[u8], &str)> =
            names.iter().map(|name| ("40000", name.as_bytes(), tree.as_str())).collect();
        tree = forgery.tree(&entries);
    }
    let bundle = forgery.bundle(&forgery.commit(&tree, &[&forgery.base]));
    let told = forgery.ingest(&bundle, Limits::default()).await.unwrap_err();
    assert!(told.contains("over the limit"), "{told}");
}

#[tokio::test]
async fn a_file_that_unpacks_to_far_more_than_its_bundle_is_refused_by_its_size() {
    let forgery = Forgery::new().await;
    let zeros = forgery.object("blob", &vec![0_u8; 40 * 1024 * 1024]);
    let bundle = forgery
        .bundle(&forgery.commit(&forgery.tree(&[("100644", b"z", &zeros)]), &[&forgery.base]));
    assert!(fs::metadata(&bundle).unwrap().len() < 1024 * 1024);
    let limits = Limits { content_bytes: 16 * 1024 * 1024, ..Limits::default() };
    let told = forgery.ingest(&bundle, limits).await.unwrap_err();
    assert!(told.contains("bytes of changed files"), "{told}");
}

#[test]
fn a_hostile_word_is_never_shown_raw() {
    let error = Hostile::Path { path: b"a\x1b[2J".escape_ascii().to_string(), reason: "x".into() };
    assert!(!error.to_string().contains('\u{1b}'));
}
