//! The checkout as a playbook has changed it so far: bumps go in, graphs come out, every step can be undone.
//!
//! Undoing writes the remembered bytes back; nothing here asks git for them, because the work tree's git
//! belongs to the repository under work. Only [`Checkout::scrub`], which cleans up behind checks, uses it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::RepoPath;
use domain::dependency::Why;
use domain::exec::{Exec, ExecResult, Exit};
use domain::limit::{QUOTE_MAX_CHARS, head_chars};
use toolbox::dependencies::{
    Bump, Ecosystem, Graph, PlanError, Project, ReadError, Refusal, RefusalKind, Source, Unresolved,
};
use toolbox::files::{Content, FileSet};

use super::memo::{Key, Memo, Question};
use crate::context::Context;
use crate::outcome::BrainError;
use crate::port::{Workspace, WorkspaceError};

/// How often a refused set of bumps may grow by what the package manager says is in its way.
const UNBLOCKS_MAX: usize = 8;

/// One project and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) ecosystem: &'a dyn Ecosystem,
    pub(crate) project: Project,
}

/// How requirements are moved to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// As they are written; where nothing locks, newer versions may be what is installed.
    Style,
    /// So that nothing newer is installed where nothing locks.
    Close,
}

/// Why bumps did not go in. The checkout is as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// hob cannot plan it: a requirement that it does not move.
    Immovable(String),
    /// The package manager says no.
    Resolver(Refusal),
    /// What came out is no readable lock or manifest.
    Unreadable(String),
    /// The package manager says what it said before anything moved.
    AsBefore(String),
}

impl Refused {
    /// The words for a person.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Immovable(words) | Self::Unreadable(words) | Self::AsBefore(words) => words,
            Self::Resolver(refusal) => &refusal.quote,
        }
    }

    /// The reason as a report has it. What the package manager failed for in words that nobody knows is no answer.
    pub(crate) const fn why(&self) -> Why {
        match self {
            Self::Immovable(_) | Self::AsBefore(_) => Why::RefusedByResolver,
            Self::Unreadable(_) => Why::Unreadable,
            Self::Resolver(refusal) => match refusal.kind {
                RefusalKind::NotInstallable => Why::NotInstallable,
                RefusalKind::Constraint if !refusal.held_by.is_empty() => Why::HeldByParent,
                RefusalKind::Constraint => Why::RefusedByResolver,
                RefusalKind::ToolMissing | RefusalKind::Network | RefusalKind::Other => {
                    Why::Unreadable
                }
            },
        }
    }
}

/// A state of the checkout to go back to.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    files: BTreeMap<RepoPath, Option<Content>>,
    graphs: Vec<Arc<Graph>>,
    added: BTreeSet<(usize, String, String)>,
}

impl Mark {
    /// About what it takes to keep it.
    pub(crate) fn bytes(&self) -> usize {
        let held = |content: &Option<Content>| match content {
            Some(Content::Bytes(bytes)) => bytes.len(),
            Some(_) | None => 0,
        };
        self.files.values().map(held).sum()
    }

    /// The graph of a place as it was.
    pub(crate) fn graph(&self, place: usize) -> &Graph {
        &self.graphs[place]
    }
}

/// The checkout with its changes.
#[derive(Clone)]
pub(crate) struct Checkout<'a> {
    workspace: &'a dyn Workspace,
    base: &'a FileSet,
    places: &'a [Place<'a>],
    files: FileSet,
    graphs: Vec<Arc<Graph>>,
    /// Why the package manager refuses a place as the base commit has it.
    refused: Vec<Option<Refused>>,
    touched: BTreeSet<RepoPath>,
    /// What moves only because something else could not move without it: project, package, version.
    added: BTreeSet<(usize, String, String)>,
    memo: &'a Memo,
}

impl std::fmt::Debug for Checkout<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkout").field("touched", &self.touched).finish_non_exhaustive()
    }
}

impl<'a> Checkout<'a> {
    /// A checkout as the base commit has it; graphs and refusals in the order of `places`.
    pub(crate) fn new(
        workspace: &'a dyn Workspace,
        context: &Context<'a>,
        places: &'a [Place<'a>],
        (graphs, refused): (Vec<Arc<Graph>>, Vec<Option<Refused>>),
    ) -> Self {
        Self {
            workspace,
            base: context.files,
            places,
            files: context.files.clone(),
            graphs,
            refused,
            touched: BTreeSet::new(),
            added: BTreeSet::new(),
            memo: context.memo,
        }
    }

    pub(crate) fn places(&self) -> &'a [Place<'a>] {
        self.places
    }

    /// The graph of a place as it is now.
    pub(crate) fn graph(&self, place: usize) -> Arc<Graph> {
        Arc::clone(&self.graphs[place])
    }

    pub(crate) fn workspace(&self) -> &'a dyn Workspace {
        self.workspace
    }

    /// What was moved only because a package manager said that something else could not move without it, as project,
    /// package and version.
    pub(crate) const fn added(&self) -> &BTreeSet<(usize, String, String)> {
        &self.added
    }

    /// The files that differ from the base.
    pub(crate) fn changed(&self) -> BTreeSet<RepoPath> {
        let differs = |path: &&RepoPath| self.files.content(path) != self.base.content(path);
        self.touched.iter().filter(differs).cloned().collect()
    }

    /// Moves packages of a place. What is in the way only because it is locked, in the package manager's own words,
    /// moves with them. On a refusal everything is as before, and the last answer is the one that counts: what
    /// the earlier ones named was cleared away.
    pub(crate) async fn apply(
        &mut self,
        at: usize,
        bumps: &[Bump],
        fit: Fit,
    ) -> Result<Result<(), Refused>, BrainError> {
        let graph = self.graph(at);
        let mut bumps: Vec<Bump> =
            bumps.iter().filter_map(|bump| self.open(at, &graph, bump)).collect();
        if bumps.is_empty() {
            return Ok(Ok(()));
        }
        let key = self.key(&self.places[at], (&bumps, fit));
        if let Some(known) = self.memo.moved(&key) {
            return match known {
                Ok(after) => self.back_to(&after).await.map(Ok),
                Err(refused) => Ok(Err(refused)),
            };
        }
        let mark = self.mark();
        let (mut unblocks_left, mut added) = (UNBLOCKS_MAX, BTreeSet::new());
        let answer = loop {
            let refused = match self.try_apply(at, &graph, (&bumps, fit)).await {
                Ok(()) => {
                    self.added.append(&mut added);
                    self.forget_added(at);
                    break Ok(self.mark());
                }
                Err(Stop::Refused(refused)) => refused,
                Err(Stop::Brain(error)) => return Err(error),
            };
            self.back_to(&mark).await?;
            let more = unblocking(self.places[at].ecosystem, &graph, &bumps, &refused);
            if more.is_empty() || unblocks_left == 0 {
                break Err(refused);
            }
            unblocks_left -= 1;
            added.extend(more.iter().map(|b| (at, b.package.clone(), b.to.clone())));
            bumps.extend(more);
        };
        self.memo.keep_moved(key, &answer);
        Ok(answer.map(|_| ()))
    }

    /// What there is to move for a bump. What went as far only as another needed, to make way, goes on from there.
    fn open(&self, at: usize, graph: &Graph, bump: &Bump) -> Option<Bump> {
        if is_open(graph, bump) {
            return Some(bump.clone());
        }
        let ecosystem = self.places[at].ecosystem;
        let here =
            |version: &String| graph.named(&bump.package).any(|(_, p)| p.version == *version);
        let made_way = self.added.iter().find(|(place, package, version)| {
            *place == at
                && *package == bump.package
                && here(version)
                && ecosystem.compare(version, &bump.to) == Some(Ordering::Less)
        });
        made_way.map(|(_, _, from)| Bump { from: from.clone(), ..bump.clone() })
    }

    /// The question that moving packages in the checkout as it is puts to a package manager.
    fn key(&self, place: &Place<'_>, (bumps, fit): (&[Bump], Fit)) -> Key {
        let mut question = question(place, &self.files);
        for path in self.changed() {
            question = question.file(&path, self.files.content(&path));
        }
        for (at, package, to) in &self.added {
            question = question.part(format!("{at} {package} {to}").as_bytes());
        }
        let moves = question.part(match fit {
            Fit::Style => b"moves",
            Fit::Close => b"moves closely",
        });
        let parts = bumps.iter().flat_map(|b| [&b.package, &b.from, &b.to]);
        parts.fold(moves, |question, part| question.part(part.as_bytes())).key()
    }

    /// What made way and has gone further since was asked for itself.
    fn forget_added(&mut self, at: usize) {
        let graph = self.graph(at);
        self.added.retain(|(place, package, version)| {
            *place != at || graph.named(package).any(|(_, p)| p.version == *version)
        });
    }

    /// The graph of a place as the files are now.
    async fn read(&self, at: usize) -> Result<Result<Arc<Graph>, Refused>, BrainError> {
        let place = &self.places[at];
        let changed = self.changed();
        let changed = changed.iter().map(|path| (path, self.files.content(path)));
        let answer = read_graph(place, &self.files, changed, (self.workspace, self.memo)).await?;
        Ok(answer
            .and_then(|graph| match newly_unresolved(&self.graphs[at], &graph) {
                Some(refused) => Err(refused),
                None => Ok(graph),
            })
            .map_err(|refused| match &self.refused[at] {
                Some(before) if before.words() == refused.words() => as_before(place, before),
                _ => refused,
            }))
    }

    async fn try_apply(
        &mut self,
        at: usize,
        graph: &Graph,
        (bumps, fit): (&[Bump], Fit),
    ) -> Result<(), Stop> {
        let Place { ecosystem, project } = &self.places[at];
        let plan = match fit {
            Fit::Style => ecosystem.plan(project, &self.files, graph, bumps)?,
            Fit::Close => ecosystem.plan_closely(project, &self.files, graph, bumps)?,
        };
        let place = &self.places[at];
        for edit in &plan.edits {
            self.touched.insert(edit.path.clone());
            self.write(&edit.path, edit.text.as_bytes()).await?;
        }
        self.touched.extend(plan.writes.iter().cloned());
        let mut result = Ok(());
        if !plan.commands.is_empty() {
            self.workspace.progress(&self.memo.count());
        }
        for command in &plan.commands {
            let done = self.workspace.exec(command).await.map_err(brain)?;
            if !done.success() {
                result = Err(refused(place.ecosystem, command, &done)?);
                break;
            }
        }
        for path in plan.writes.iter().chain(plan.edits.iter().map(|edit| &edit.path)) {
            self.reread(path).await?;
        }
        result.map_err(Stop::Refused)?;
        for path in &plan.writes {
            let texts = self.base.text(path).ok().zip(self.files.text(path).ok());
            let kept = texts.and_then(|(base, now)| place.ecosystem.restored(base, now));
            if let Some(kept) = kept {
                self.write(path, kept.as_bytes()).await?;
            }
        }
        self.graphs[at] = self.read(at).await??;
        // Projects may share files (included requirements): what the others lock may have moved too.
        let changed = |path: &RepoPath| {
            plan.writes.contains(path) || plan.edits.iter().any(|edit| edit.path == *path)
        };
        for (other, place) in self.places.iter().enumerate().filter(|(other, _)| *other != at) {
            let mut files = place.project.manifests.iter().chain(&place.project.lock);
            if files.any(changed) {
                self.graphs[other] = self.read(other).await??;
            }
        }
        Ok(())
    }

    async fn reread(&mut self, path: &RepoPath) -> Result<(), BrainError> {
        match self.workspace.read(path).await.map_err(brain)? {
            Some(bytes) => self.files.set(path.clone(), Content::Bytes(bytes)),
            None => self.files.remove(path),
        }
        Ok(())
    }

    async fn write(&mut self, path: &RepoPath, bytes: &[u8]) -> Result<(), BrainError> {
        self.workspace.write(path, bytes).await.map_err(brain)?;
        self.files.set(path.clone(), Content::Bytes(bytes.to_vec()));
        Ok(())
    }

    /// The state to go back to later.
    pub(crate) fn mark(&self) -> Mark {
        let content = |path: &RepoPath| (path.clone(), self.files.content(path).cloned());
        Mark {
            files: self.touched.iter().map(content).collect(),
            graphs: self.graphs.clone(),
            added: self.added.clone(),
        }
    }

    /// Makes the checkout what it was at `mark`.
    pub(crate) async fn back_to(&mut self, mark: &Mark) -> Result<(), BrainError> {
        self.touched.extend(mark.files.keys().cloned());
        for path in self.touched.clone() {
            let wanted = match mark.files.get(&path) {
                Some(content) => content.clone(),
                None => self.base.content(&path).cloned(),
            };
            if self.files.content(&path) == wanted.as_ref() {
                continue;
            }
            self.put(&path, wanted).await?;
        }
        self.graphs.clone_from(&mark.graphs);
        self.added.clone_from(&mark.added);
        Ok(())
    }

    async fn put(&mut self, path: &RepoPath, wanted: Option<Content>) -> Result<(), BrainError> {
        match wanted {
            Some(Content::Bytes(bytes)) => self.write(path, &bytes).await,
            // A plan never writes to what is no regular file of readable size: the write is refused.
            Some(Content::TooLarge(_) | Content::Symlink(_) | Content::Submodule) => Ok(()),
            None => {
                let remove = Exec::new(["rm", "-f", "--", path.as_str()], "undo a step");
                self.workspace.exec(&remove).await.map_err(brain)?;
                self.files.remove(path);
                Ok(())
            }
        }
    }

    /// Takes away what checks left behind in tracked files and beside them, and keeps the playbook's own changes.
    pub(crate) async fn scrub(&mut self) -> Result<(), BrainError> {
        for argv in [
            ["git", "checkout", "--quiet", "--force", "--", "."].as_slice(),
            ["git", "clean", "--quiet", "-ffd"].as_slice(),
        ] {
            let command = Exec::new(argv.iter().copied(), "clean up after checks");
            let done = self.workspace.exec(&command).await.map_err(brain)?;
            if !done.success() {
                return Err(BrainError::Failed(format!(
                    "`{}` failed: {}",
                    command.display(),
                    head_chars(done.stderr_text().trim(), QUOTE_MAX_CHARS)
                )));
            }
        }
        for path in self.changed() {
            let content = self.files.content(&path).cloned();
            self.put(&path, content).await?;
        }
        Ok(())
    }
}

/// Reads the graph of a place, whose files are those of the base but for the `changed`; the inner error says why
/// the package manager or the files refuse.
pub(crate) async fn read_graph<'c>(
    place: &Place<'_>,
    files: &FileSet,
    changed: impl Iterator<Item = (&'c RepoPath, Option<&'c Content>)>,
    (workspace, memo): (&dyn Workspace, &Memo),
) -> Result<Result<Arc<Graph>, Refused>, BrainError> {
    let Some(command) = place.ecosystem.resolve(&place.project, files) else {
        return Ok(understood(place, files, None));
    };
    let question = changed.fold(question(place, files), |q, (path, content)| q.file(path, content));
    let key = question.part(b"graph").key();
    if let Some(known) = memo.graph(&key) {
        return Ok(known);
    }
    workspace.progress(&memo.count());
    let done = workspace.exec(&command).await.map_err(brain)?;
    let answer: Result<Arc<Graph>, Refused> = if !done.success() {
        Err(refused(place.ecosystem, &command, &done)?)
    } else if done.dropped_bytes > 0 {
        let shown = command.display();
        Err(Refused::Unreadable(format!("`{shown}` printed more than hob keeps")))
    } else {
        understood(place, files, Some(&done.stdout))
    };
    let parts = answer.iter().flat_map(|graph| &graph.unresolved).map(|part| &part.refusal);
    if let Some(lost) = parts.into_iter().find(|refusal| refusal.kind == RefusalKind::Network) {
        return Err(BrainError::Infrastructure(lost.quote.clone()));
    }
    memo.keep_graph(key, &answer);
    Ok(answer)
}

/// What no versions are found for any more.
fn newly_unresolved(before: &Graph, now: &Graph) -> Option<Refused> {
    let is_new =
        |one: &&Unresolved| !before.unresolved.iter().any(|before| before.part == one.part);
    let one = now.unresolved.iter().find(is_new)?;
    let quote = format!("{}: {}", one.part, one.refusal.quote);
    Some(Refused::Resolver(Refusal { quote, ..one.refusal.clone() }))
}

fn as_before(place: &Place<'_>, before: &Refused) -> Refused {
    let files: Vec<String> =
        place.project.manifests.iter().map(|path| format!("`{path}`")).collect();
    let last = before.words().lines().last().unwrap_or_default().trim();
    Refused::AsBefore(format!(
        "{} asks for what cannot be installed together here, before anything is moved: {last}",
        files.join(", ")
    ))
}

fn understood(
    place: &Place<'_>,
    files: &FileSet,
    resolved: Option<&[u8]>,
) -> Result<Arc<Graph>, Refused> {
    let graph = place.ecosystem.graph(&place.project, files, resolved).map(Arc::new);
    graph.map_err(|error: ReadError| Refused::Unreadable(error.to_string()))
}

/// What every question about a project starts with: whose it is, and its own files as they are.
fn question(place: &Place<'_>, files: &FileSet) -> Question {
    let Project { ecosystem, root, tool, manifests, lock } = &place.project;
    let question = Question::default().part(ecosystem.name().as_bytes());
    let question = question.part(root.as_str().as_bytes()).part(tool.as_bytes());
    let own = manifests.iter().chain(lock);
    own.fold(question, |question, path| question.file(path, files.content(path)))
}

/// What a command that failed says. Only one that ended by itself has an answer to give: what killed it says nothing
/// of the versions. A refusal for want of a network is nobody's answer either: the attempt is tried again.
pub(super) fn refused(
    ecosystem: &dyn Ecosystem,
    command: &Exec,
    done: &ExecResult,
) -> Result<Refused, BrainError> {
    let shown = || command.display();
    match done.exit {
        Exit::Signal(signal) => {
            let words = format!("`{}` was ended by signal {signal}", shown());
            return Err(BrainError::Infrastructure(words));
        }
        Exit::TimedOut => {
            return Err(BrainError::Budget(format!("`{}` did not end in its time", shown())));
        }
        Exit::OutOfMemory => {
            let words = format!("`{}` used up the machine's memory", shown());
            return Err(BrainError::Budget(words));
        }
        Exit::Code(_) => {}
    }
    let refusal = ecosystem.refusal(command, done);
    match refusal.kind {
        RefusalKind::Network => Err(BrainError::Infrastructure(refusal.quote)),
        RefusalKind::Constraint
        | RefusalKind::NotInstallable
        | RefusalKind::ToolMissing
        | RefusalKind::Other => Ok(Refused::Resolver(refusal)),
    }
}

/// What else has to move for refused bumps to fit: locked packages of the registry that do not move yet.
fn unblocking(
    ecosystem: &dyn Ecosystem,
    graph: &Graph,
    bumps: &[Bump],
    refused: &Refused,
) -> Vec<Bump> {
    let Refused::Resolver(refusal) = refused else { return Vec::new() };
    let is_locked = |bump: &Bump| {
        let mut named = graph.named(&bump.package);
        named.any(|(_, p)| p.version == bump.from && p.source == Source::Registry)
    };
    let moves =
        |bump: &Bump| bumps.iter().any(|b| b.package == bump.package && b.from == bump.from);
    let more = ecosystem.unblock(refusal).into_iter();
    more.filter(|bump| is_locked(bump) && !moves(bump)).collect()
}

/// Whether there is still something to move for a bump.
fn is_open(graph: &Graph, bump: &Bump) -> bool {
    graph.named(&bump.package).any(|(_, package)| package.version == bump.from)
}

/// What a workspace's failure means to a brain.
pub(crate) fn brain(error: WorkspaceError) -> BrainError {
    match error {
        WorkspaceError::Lost(reason) => BrainError::Infrastructure(reason),
        WorkspaceError::Stopped => BrainError::Stopped,
        WorkspaceError::Refused(_) | WorkspaceError::OverLimit(_) => {
            BrainError::Failed(error.to_string())
        }
    }
}

/// What ends an application: an answer, or a failure.
enum Stop {
    Refused(Refused),
    Brain(BrainError),
}

impl From<BrainError> for Stop {
    fn from(error: BrainError) -> Self {
        Self::Brain(error)
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<PlanError> for Stop {
    fn from(error: PlanError) -> Self {
        Self::Refused(match error {
            PlanError::Immovable { .. } => Refused::Immovable(error.to_string()),
            PlanError::Read(error) => Refused::Unreadable(error.to_string()),
        })
    }
}
