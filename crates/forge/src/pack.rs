//! What goes into a machine: a pack of all that a commit reaches, and the commands that make a checkout of it.
//!
//! The checkout has no remote, no hooks and no filters; tags of its history are there, so that `git describe` works.
//! A shallow mirror gives a shallow checkout.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use domain::CommitId;
use domain::exec::Exec;

use crate::git;
use crate::mirror::Mirror;

/// The largest pack that goes into a machine, in bytes.
pub const PACK_MAX_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// The index of the fresh checkout, in the transfer folder: the export need not read files again that nobody touched.
pub(crate) const INDEX_NAME: &str = "checkout.index";

/// How long unpacking may take in the machine, in milliseconds.
const UNPACK_TIMEOUT_MS: u64 = 30 * 60 * 1000;

/// The branch of the checkout where the target has none that can be used.
const BRANCH_FALLBACK: &str = "work";

/// Attributes that outrank those of the repository: a file's bytes are the commit's bytes, in and out. No filter, no line
/// ends, no keywords; else a file that its own attributes would normalise became part of every change.
const BYTE_EXACT: &str = "* -text !eol !ident !filter !working-tree-encoding";

/// Why a checkout could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The program failed.
    #[error(transparent)]
    Git(#[from] git::GitError),
    /// It is larger than a machine is given.
    #[error("the history of {commit} packs to more than {max_bytes} bytes, the limit")]
    TooLarge {
        /// Which commit.
        commit: CommitId,
        /// The limit.
        max_bytes: u64,
    },
    /// The host's own files failed.
    #[error("write `{file}`")]
    Io {
        /// Which file.
        file: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}

/// A file to be put in the machine's transfer folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferFile {
    /// Its plain name there.
    pub name: String,
    /// Where it lies on the host.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A checkout, ready to go into a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// What to put first.
    pub files: Vec<TransferFile>,
    /// What to run then, in the empty checkout folder.
    pub commands: Vec<Exec>,
}

/// Packs `commit` into files in the host's folder `into`, for a machine that has its transfer folder at
/// `transfer`. The checkout will be on `branch`.
pub async fn pack(
    mirror: &Mirror,
    commit: &CommitId,
    branch: Option<&str>,
    into: &Path,
    transfer: &str,
) -> Result<Checkout, PackError> {
    let tags = tags(mirror, commit).await?;
    let mut wanted = format!("{commit}\n");
    for tag in &tags {
        wanted.push_str(&tag.object);
        wanted.push('\n');
    }
    let mut files = Vec::new();
    let path = into.join("checkout.pack");
    let out = create(&path)?;
    let packed = mirror
        .on("pack-objects")
        .args(["--quiet", "--revs", "--stdout", "--delta-base-offset"])
        .input(wanted.into_bytes())
        .output_file(out, PACK_MAX_BYTES)
        .ok()
        .await
        .map_err(|error| match error {
            git::GitError::TooMuchOutput { bytes, .. } => {
                PackError::TooLarge { commit: commit.clone(), max_bytes: bytes }
            }
            error => error.into(),
        })?;
    files.push(TransferFile { name: "checkout.pack".into(), path, bytes: packed.file_bytes });

    let mut refs = String::from("# pack-refs with: peeled fully-peeled sorted \n");
    for Tag { name, object, peeled } in &tags {
        refs.extend([object, " ", name, "\n"]);
        if let Some(peeled) = peeled {
            refs.extend(["^", peeled, "\n"]);
        }
    }
    files.push(write(into, "checkout.refs", refs.as_bytes())?);
    if let Some(shallow) = mirror.shallow_file() {
        let bytes = fs::read(&shallow)
            .map_err(|source| PackError::Io { file: shallow.display().to_string(), source })?;
        files.push(write(into, "checkout.shallow", &bytes)?);
    }
    let commands = commands(commit, branch, transfer, files.len() > 2);
    Ok(Checkout { files, commands })
}

fn commands(commit: &CommitId, branch: Option<&str>, transfer: &str, shallow: bool) -> Vec<Exec> {
    let branch = branch.unwrap_or(BRANCH_FALLBACK);
    let format = if commit.as_str().len() == 64 { "sha256" } else { "sha1" };
    let format = format!("--object-format={format}");
    let from = |name: &str| format!("{transfer}/{name}");
    let pack = ".git/objects/pack/pack-checkout.pack";
    let mut commands = vec![
        git(&["init", "--quiet", "--template=", "--initial-branch=hob-empty", &format]),
        Exec::new(["mkdir", "-p", ".git/objects/pack"], "set up checkout"),
        byte_exact(".git"),
        Exec::new(["mv", &from("checkout.pack"), pack], "set up checkout"),
        Exec::new(["mv", &from("checkout.refs"), ".git/packed-refs"], "set up checkout"),
    ];
    if shallow {
        let shallow = from("checkout.shallow");
        commands.push(Exec::new(["mv", shallow.as_str(), ".git/shallow"], "set up checkout"));
    }
    commands.push(git(&["index-pack", pack]));
    commands.push(git(&[
        "checkout",
        "--quiet",
        "--force",
        "--no-track",
        "-B",
        branch,
        commit.as_str(),
    ]));
    commands.push(keep_index(".git/index", &from(INDEX_NAME)));
    for command in &mut commands {
        command.timeout_ms = UNPACK_TIMEOUT_MS;
    }
    commands
}

/// Copies an index, where there is one, with its own time: what git compares files' times with.
pub(crate) fn keep_index(from: &str, to: &str) -> Exec {
    let script = "if test -f \"$1\"; then cp -p \"$1\" \"$2\"; fi";
    Exec::new(["sh", "-c", script, "sh", from, to], "set up checkout")
}

/// Makes a git folder of the machine take files as they are.
pub(crate) fn byte_exact(git_dir: &str) -> Exec {
    let script = "mkdir -p \"$1/info\" && printf '%s\\n' \"$2\" >\"$1/info/attributes\"";
    Exec::new(["sh", "-c", script, "sh", git_dir, BYTE_EXACT], "set up checkout")
}

/// A call of the machine's own `git`, without the settings of anybody.
pub(crate) fn git(args: &[&str]) -> Exec {
    const SETTINGS: [&str; 7] = [
        "core.autocrlf=false",
        "core.attributesFile=/dev/null",
        "core.excludesFile=/dev/null",
        "core.fsmonitor=false",
        "core.hooksPath=/dev/null",
        "gc.auto=0",
        "safe.directory=*",
    ];
    let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
    let argv = std::iter::once("git").chain(settings).chain(args.iter().copied());
    Exec::new(argv, "set up checkout")
        .with_env("GIT_CONFIG_NOSYSTEM", "1")
        .with_env("GIT_CONFIG_GLOBAL", "/dev/null")
        .with_env("GIT_ATTR_NOSYSTEM", "1")
        .with_env("GIT_TERMINAL_PROMPT", "0")
        .with_env("LC_ALL", "C")
}

struct Tag {
    name: String,
    object: String,
    peeled: Option<String>,
}

/// The tags in the history of a commit.
async fn tags(mirror: &Mirror, commit: &CommitId) -> Result<Vec<Tag>, git::GitError> {
    let merged = format!("--merged={commit}");
    let listed = mirror
        .on("for-each-ref")
        .args([merged.as_str(), "--format=%(objectname) %(*objectname) %(refname)", "refs/tags"])
        .ok()
        .await?
        .text();
    Ok(listed
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ' ');
            let (object, peeled, name) = (parts.next()?, parts.next()?, parts.next()?);
            let peeled = (!peeled.is_empty()).then(|| peeled.to_owned());
            Some(Tag { name: name.to_owned(), object: object.to_owned(), peeled })
        })
        .collect())
}

fn create(path: &Path) -> Result<File, PackError> {
    File::create(path).map_err(|source| PackError::Io { file: path.display().to_string(), source })
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<TransferFile, PackError> {
    let path = folder.join(name);
    fs::write(&path, bytes)
        .map_err(|source| PackError::Io { file: path.display().to_string(), source })?;
    Ok(TransferFile { name: name.into(), path, bytes: bytes.len() as u64 })
}
