//! A bundle from a machine becomes a change: hostile until each rule has looked at it.
//!
//! ```text
//! bundle -> header, read strictly -> pack -> quarantine (index-pack --strict, limits) -> its tree
//!        -> every changed path, mode and size -> a commit of the host's own -> pack -> mirror
//! ```
//!
//! Only the tree is taken over. Author, message, date and parent are the host's, and only objects that the tree
//! reaches get into the mirror.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::Path;

use domain::change::Change;
use domain::{CommitId, Fence, RunId, TreeId};

use crate::bundle;
pub use crate::bundle::InvalidBundle;
use crate::export::Authorship;
use crate::mirror::{Mirror, attempts_prefix};
use crate::path_rule::{self, Oddity};
use crate::tree::{self, Changed, ChangedFolder, RawEntry, Trees, folded, object_id};
use crate::view::{self, Format};
use crate::{fence, git, mirror};

/// The most memory that git may use on hostile objects, in bytes.
const MEMORY_MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// The largest single object that git may unpack in memory, in bytes; larger files are streamed.
const OBJECT_MAX_BYTES: &str = "256m";
/// What an old git only warns of, or writes off as history: an export of today has none of it.
const STRICT: &str = "--strict=badFilemode=error,zeroPaddedFilemode=error,emptyName=error,fullPathname=error,\
                      hasDot=error,hasDotdot=error,hasDotgit=error,nullSha1=error,\
                      gitmodulesParse=error,gitmodulesUrl=error,gitmodulesName=error,gitmodulesPath=error,\
                      gitmodulesSymlink=error,gitattributesLarge=error,gitattributesLineLength=error";
/// From this version on git also knows names that are too long; an older one stops at a word that it does not know.
const KNOWS_LARGE_PATHNAME: (u32, u32) = (2, 43);

/// How strict a git of this version is asked to be.
fn strict(version: (u32, u32)) -> String {
    let more = if version >= KNOWS_LARGE_PATHNAME { ",largePathname=error" } else { "" };
    format!("{STRICT}{more}")
}

/// How much a machine may hand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the bundle.
    pub bundle_bytes: u64,
    /// Objects in its pack.
    pub objects: u32,
    /// Changed files.
    pub files: usize,
    /// Bytes of all changed files together.
    pub content_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bundle_bytes: domain::limit::EXPORT_MAX_BYTES,
            objects: 200_000,
            files: tree::CHANGED_FILES_MAX,
            content_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// Which attempt's change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The run.
    pub run: RunId,
    /// Which try.
    pub number: u32,
    /// The fence of the action.
    pub fence: Fence,
}

/// What a machine handed out, taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// The change; it lies in the mirror.
    pub change: Change,
    /// What is odd about it, for a person.
    pub notes: Vec<String>,
}

/// Why a machine's bundle was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum Hostile {
    /// It is no bundle of ours.
    #[error(transparent)]
    Bundle(#[from] InvalidBundle),
    /// Git's own strict look at its objects found something.
    #[error("git refuses the objects of the bundle: {0}")]
    Objects(String),
    /// Its commit is not one commit on top of the base.
    #[error("the bundle's commit {0}")]
    Commit(String),
    /// A path that no change may bring in.
    #[error("the change holds `{path}`: {reason}")]
    Path {
        /// The path, made printable.
        path: String,
        /// Why it is refused.
        reason: String,
    },
    /// A limit was reached.
    #[error("the change is over the limit of {0}")]
    Limit(String),
}

/// Why no change came of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The machine's fault.
    #[error(transparent)]
    Hostile(#[from] Hostile),
    /// An older action came back.
    #[error(transparent)]
    Fence(#[from] fence::FenceError),
    /// The mirror failed.
    #[error(transparent)]
    Mirror(#[from] mirror::MirrorError),
    /// The program failed.
    #[error(transparent)]
    Git(#[from] git::GitError),
    /// The mirror's objects failed.
    #[error(transparent)]
    Tree(#[from] tree::TreeError),
    /// The host's own files failed.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}

/// Takes over what the bundle at `file` changes on top of `base`; `None` where it changes nothing.
/// The same bundle and authorship give the same commit, so doing it twice is doing it once.
pub async fn ingest(
    mirror: &Mirror,
    file: &Path,
    base: &CommitId,
    by: (&Attempt, &Authorship),
    limits: Limits,
) -> Result<Option<Ingested>, IngestError> {
    let (attempt, authorship) = by;
    let lock = mirror.lock().await?;
    fence::raise(mirror, attempt.run, attempt.fence)?;
    let quarantine = Quarantine::make(mirror, base).await?;
    let head = quarantine.unpack(mirror, file, base, limits).await?;
    let Some((tree, files, notes)) = quarantine.judge(base, &head, limits)? else {
        return Ok(None);
    };
    let head = quarantine.commit(mirror, base, &tree, authorship).await?;
    quarantine.deliver(mirror, base, &head).await?;
    let name = format!("{}/{}", attempts_prefix(attempt.run), attempt.number);
    mirror.on("update-ref").args([&name, head.as_str()]).input_file(lock.file()?).ok().await?;
    let digest = Trees::digest(base, &tree, &authorship.text());
    let change = Change { base: base.clone(), head, tree, digest, files };
    Ok(Some(Ingested { change, notes }))
}

/// A git folder of its own that sees the mirror's objects and holds the hostile ones.
struct Quarantine {
    folder: tempfile::TempDir,
}

type Judged = (TreeId, Vec<domain::change::FileChange>, Vec<String>);

impl Quarantine {
    async fn make(mirror: &Mirror, base: &CommitId) -> Result<Self, IngestError> {
        let io = |source| IngestError::Io {
            action: "make a quarantine in the data folder".into(),
            source,
        };
        let folder = mirror.quarantine().map_err(io)?;
        let sha256 = base.as_str().len() == 64;
        let objects = if sha256 { "sha256" } else { "sha1" };
        let format = Format::plain(objects);
        let format_arg = format!("--object-format={}", format.objects);
        let call = mirror.git.on(folder.path(), "init");
        call.args(["--quiet", "--bare", "--template=", &format_arg]).ok().await?;
        let alternates = format!("{}\n", mirror.git_dir().join("objects").display());
        let at = |name: &str| folder.path().join(name);
        fs::write(at("config"), view::config_text(&format)).map_err(io)?;
        fs::create_dir_all(at("objects/info")).map_err(io)?;
        fs::write(at("objects/info/alternates"), alternates).map_err(io)?;
        if let Some(shallow) = mirror.shallow_file() {
            fs::copy(shallow, at("shallow")).map_err(io)?;
        }
        Ok(Self { folder })
    }

    /// Puts the bundle's objects in; tells the commit that it leads to.
    async fn unpack(
        &self,
        mirror: &Mirror,
        file: &Path,
        base: &CommitId,
        limits: Limits,
    ) -> Result<CommitId, IngestError> {
        let io = |source| IngestError::Io { action: format!("read `{}`", file.display()), source };
        let mut open = File::open(file).map_err(io)?;
        let size = open.metadata().map_err(io)?.len();
        if size > limits.bundle_bytes {
            return Err(over(&format!("{} bytes for a bundle", limits.bundle_bytes)).into());
        }
        let header = bundle::read(BufReader::new(&open), base).map_err(io)?;
        let header = header.map_err(Hostile::from)?;
        if header.objects > limits.objects {
            return Err(over(&format!("{} objects in a bundle", limits.objects)).into());
        }
        if header.objects > 0 {
            open.seek(SeekFrom::Start(header.pack_at)).map_err(io)?;
            let indexed = mirror
                .git
                .on(self.folder.path(), "index-pack")
                .args(["--stdin", "--fix-thin", "--threads=1"])
                .arg(strict(mirror.git.version()))
                .arg(format!("--max-input-size={}", limits.bundle_bytes))
                .env("GIT_ALLOC_LIMIT", OBJECT_MAX_BYTES)
                .memory_max_bytes(MEMORY_MAX_BYTES)
                .input_file(open)
                .run()
                .await?;
            if indexed.code != Some(0) {
                return Err(Hostile::Objects(git::last_lines(&indexed.stderr)).into());
            }
        }
        Ok(header.head)
    }

    /// Looks at every changed path; `None` where there is none.
    fn judge(
        &self,
        base: &CommitId,
        head: &CommitId,
        limits: Limits,
    ) -> Result<Option<Judged>, IngestError> {
        let trees = Trees::open(self.folder.path())?;
        let commit = trees.commit(head).map_err(|e| Hostile::Commit(format!("is broken: {e}")))?;
        if commit.parents != [base.clone()] {
            let reason = "is not one commit whose only parent is the base".to_owned();
            return Err(Hostile::Commit(reason).into());
        }
        let before = object_id(trees.commit(base)?.tree.as_str())?;
        let after = object_id(commit.tree.as_str())?;
        let changed = trees
            .changed::<Refused>(Some(&before), &after, &mut |folder| Ok(clashes(folder)?))
            .map_err(Refused::into_error)?;
        if changed.is_empty() {
            return Ok(None);
        }
        if changed.len() > limits.files {
            return Err(over(&format!("{} changed files", limits.files)).into());
        }
        let notes = look_at(&trees, &changed, limits)?;
        Ok(Some((commit.tree, trees.contents(changed)?, notes)))
    }

    /// The host's own commit of the tree.
    async fn commit(
        &self,
        mirror: &Mirror,
        base: &CommitId,
        tree: &TreeId,
        authorship: &Authorship,
    ) -> Result<CommitId, IngestError> {
        let mut call = mirror.git.on(self.folder.path(), "commit-tree");
        for (name, value) in authorship.env() {
            call = call.env(name, value);
        }
        let message = authorship.text().into_bytes();
        let args = [tree.as_str(), "-p", base.as_str(), "-F", "-"];
        let told = call.args(args).input(message).ok().await?.text();
        told.parse().map_err(|_| Hostile::Commit("could not be made again".into()).into())
    }

    /// Moves what the commit adds to the base, and nothing else, into the mirror.
    async fn deliver(
        &self,
        mirror: &Mirror,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<(), IngestError> {
        let io = |source| IngestError::Io { action: "move objects into the mirror".into(), source };
        let wanted = format!("{head}\n^{base}\n").into_bytes();
        let packed = self.folder.path().join("delivery.pack");
        let out = File::create(&packed).map_err(io)?;
        mirror
            .git
            .on(self.folder.path(), "pack-objects")
            .args(["--quiet", "--revs", "--thin", "--stdout", "--delta-base-offset"])
            .memory_max_bytes(MEMORY_MAX_BYTES)
            .input(wanted)
            .output_file(out, domain::limit::EXPORT_MAX_BYTES.saturating_mul(4))
            .ok()
            .await?;
        let pack = File::open(&packed).map_err(io)?;
        let call = mirror.on("index-pack").args(["--stdin", "--fix-thin"]).input_file(pack);
        call.ok().await?;
        Ok(())
    }
}

fn over(limit: &str) -> Hostile {
    Hostile::Limit(limit.to_owned())
}

/// What stops the walk over two trees.
enum Refused {
    Tree(tree::TreeError),
    Hostile(Hostile),
}

impl From<tree::TreeError> for Refused {
    fn from(error: tree::TreeError) -> Self {
        Self::Tree(error)
    }
}

impl From<Hostile> for Refused {
    fn from(error: Hostile) -> Self {
        Self::Hostile(error)
    }
}

impl Refused {
    fn into_error(self) -> IngestError {
        match self {
            Self::Hostile(error) => error.into(),
            Self::Tree(tree::TreeError::Path { path, reason }) => {
                Hostile::Path { path, reason }.into()
            }
            Self::Tree(tree::TreeError::Limit { limit }) => Hostile::Limit(limit).into(),
            Self::Tree(error) => error.into(),
        }
    }
}

/// Refuses a folder in which a new name is the same as another on a file system that ignores case.
/// Clashes that the base has already are the repository's own.
fn clashes(folder: &ChangedFolder) -> Result<(), Hostile> {
    let mut seen: HashMap<String, Vec<(&[u8], bool)>> = HashMap::new();
    for (name, (before, after)) in &folder.names {
        if after.is_some() {
            let key = folded(&String::from_utf8_lossy(name));
            seen.entry(key).or_default().push((name, before.is_none()));
        }
    }
    for names in seen.values().filter(|names| names.len() > 1) {
        if let Some((name, _)) = names.iter().find(|(_, new)| *new) {
            let path = tree::printable(&[folder.path.as_slice(), name].join(b"/".as_slice()));
            let reason = "another name differs from it in case or spelling only".to_owned();
            return Err(Hostile::Path { path, reason });
        }
    }
    Ok(())
}

/// Checks each changed path, its mode and the size of all; tells what is odd.
fn look_at(trees: &Trees, changed: &[Changed], limits: Limits) -> Result<Vec<String>, IngestError> {
    let mut notes = Vec::new();
    let mut bytes: u64 = 0;
    for Changed { path, after, .. } in changed {
        let Some(after) = after else { continue };
        let refuse = |reason: String| Hostile::Path { path: tree::printable(path), reason };
        match path_rule::check(path) {
            Ok(None) => {}
            Ok(Some(Oddity::NotOnWindows)) => {
                notes.push(format!("`{}` cannot be made on Windows", tree::printable(path)));
            }
            Err(refusal) => return Err(refuse(refusal.to_string()).into()),
        }
        mode(after).map_err(refuse)?;
        if after.mode != 0o160_000 {
            bytes = bytes.saturating_add(trees.blob_size(&after.id)?);
        }
        if bytes > limits.content_bytes {
            return Err(over(&format!("{} bytes of changed files", limits.content_bytes)).into());
        }
    }
    Ok(notes)
}

fn mode(entry: &RawEntry) -> Result<(), String> {
    match entry.mode {
        0o100_644 | 0o100_755 | 0o120_000 | 0o160_000 => Ok(()),
        mode => Err(format!("its mode {mode:o} is none that git writes today")),
    }
}
