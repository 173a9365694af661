//! What comes out of a machine: the commands that put its work tree into a bundle.
//!
//! Nothing that a brain did to the checkout's own git folder counts: a second git folder with an index made from the
//! base commit looks at the files alone, and `.gitignore` files say what is left out. Files are taken byte for byte.
//!
//! The index that the fresh checkout had tells which files nobody has touched since, by all that `stat` says of them; in
//! a large repository reading them all again is most of an export. It lies where the brain's commands could reach it, so
//! nothing but those times is believed: every entry is made the base commit's. A forged one could only hide changes,
//! and what is not exported is not proposed.

use domain::exec::Exec;
use domain::{CommitId, Timestamp};

use crate::pack;

/// The file in the transfer folder that the commands leave behind.
pub const BUNDLE_NAME: &str = "change.bundle";

/// The one ref that a bundle may hold.
pub(crate) const BUNDLE_REF: &str = "refs/heads/export";

/// How long each command may take, in milliseconds.
const TIMEOUT_MS: u64 = 15 * 60 * 1000;

/// Who made a commit, when, and why: said by the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorship {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// The instant, for author and committer.
    pub at: Timestamp,
    /// The message.
    pub message: String,
}

impl Authorship {
    /// The message as git can keep it.
    pub(crate) fn text(&self) -> String {
        self.message.replace('\0', " ")
    }

    /// The variables that git takes them from.
    pub(crate) fn env(&self) -> [(&'static str, String); 6] {
        let plain = |text: &str| text.replace(['<', '>', '\n', '\0'], " ");
        let date = format!("@{} +0000", self.at.as_millis() / 1000);
        [
            ("GIT_AUTHOR_NAME", plain(&self.name)),
            ("GIT_AUTHOR_EMAIL", plain(&self.email)),
            ("GIT_AUTHOR_DATE", date.clone()),
            ("GIT_COMMITTER_NAME", plain(&self.name)),
            ("GIT_COMMITTER_EMAIL", plain(&self.email)),
            ("GIT_COMMITTER_DATE", date),
        ]
    }
}

/// The commands that leave [`BUNDLE_NAME`] in the transfer folder `transfer`, run in the checkout's root.
/// `shallow` says whether the checkout's history ends early.
pub fn commands(base: &CommitId, transfer: &str, shallow: bool) -> Vec<Exec> {
    let format = if base.as_str().len() == 64 { "sha256" } else { "sha1" };
    let format = format!("--object-format={format}");
    let folder = format!("{transfer}/export.git");
    let (kept, index) = (format!("{transfer}/{}", pack::INDEX_NAME), format!("{folder}/index"));
    let bundle = format!("{transfer}/{BUNDLE_NAME}");
    let git_dir = format!("--git-dir={folder}");
    let not_base = format!("^{base}");
    let on = |args: &[&str]| {
        let all: Vec<&str> =
            [git_dir.as_str(), "--work-tree=."].iter().chain(args).copied().collect();
        let mut exec = pack::git(&all)
            .with_env("GIT_ALTERNATE_OBJECT_DIRECTORIES", ".git/objects")
            .with_env("GIT_AUTHOR_NAME", "hob")
            .with_env("GIT_AUTHOR_EMAIL", "hob@invalid")
            .with_env("GIT_COMMITTER_NAME", "hob")
            .with_env("GIT_COMMITTER_EMAIL", "hob@invalid");
        if shallow {
            exec = exec.with_env("GIT_SHALLOW_FILE", ".git/shallow");
        }
        exec
    };
    let mut commands = vec![
        Exec::new(["rm", "-rf", &folder, &bundle], "export change"),
        pack::git(&[
            "init",
            "--quiet",
            "--bare",
            "--template=",
            "--initial-branch=export",
            &format,
            &folder,
        ]),
        on(&["update-ref", BUNDLE_REF, base.as_str()]),
        pack::byte_exact(&folder),
        pack::keep_index(&kept, &index),
        on(&["read-tree", "--reset", base.as_str()]),
        on(&[
            "-c",
            "advice.addEmbeddedRepo=false",
            "-c",
            "core.safecrlf=false",
            "add",
            "--all",
            "--",
            ".",
        ]),
        on(&[
            "commit",
            "--quiet",
            "--no-verify",
            "--no-gpg-sign",
            "--allow-empty",
            "--message=export",
        ]),
        on(&["bundle", "create", "--quiet", &bundle, BUNDLE_REF, &not_base]),
    ];
    for command in &mut commands {
        command.timeout_ms = TIMEOUT_MS;
        command.purpose = "export change".into();
    }
    commands
}
