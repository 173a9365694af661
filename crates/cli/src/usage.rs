//! The command line as its user writes it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use domain::{Digest, ProposalId, RunId};

/// Background coding agents that end in a verified, scoped, audited proposal, or in an honest escalation.
#[derive(Debug, Parser)]
#[command(name = "hob", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The data folder (else `HOB_DATA`, else ~/.local/share/hob)
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What hob can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an agent on a repository, in the foreground
    Run(Run),
    /// Look at runs, cancel them, let them go on
    #[command(subcommand)]
    Runs(Runs),
    /// Look at proposals; approve, reject, merge them
    #[command(subcommand)]
    Review(Review),
    /// The audit log: verify, show, export, prove
    #[command(subcommand)]
    Ledger(Ledger),
    /// Definitions of agents
    #[command(subcommand)]
    Agents(Agents),
    /// What machines with a kernel of their own are made of: build, import, list, remove
    #[command(subcommand)]
    Image(Image),
    /// Say what this machine can do, what is missing and how to get it
    Doctor(Output),
}

/// How a command says what it found.
#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Output {
    /// As JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// One run.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The agent: a name in .hob/agents of the repository's default branch (the one HEAD names), a built-in name, or a file
    pub(crate) agent: String,
    /// The repository: a path or a URL
    #[arg(long, value_name = "PATH-or-URL", default_value = ".")]
    pub(crate) repo: String,
    /// The branch to work on (else the one that HEAD is on)
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Change a setting of the definition for this run
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// What makes machines
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) sandbox: SandboxChoice,
    /// A folder, zip or file of advisories: OSV, RustSec or PyPA
    #[arg(long, value_name = "DIR")]
    pub(crate) advisories: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What makes machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SandboxChoice {
    /// The strongest that boots here
    Auto,
    /// A microVM by Firecracker
    Firecracker,
    /// A microVM by QEMU
    Qemu,
    /// Linux namespaces
    Namespaces,
}

/// What can be asked about runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List runs, newest first
    List {
        /// Only those that are not over
        #[arg(long)]
        unfinished: bool,
        /// At most so many; 0 means 10000, and that there is more is said
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        output: Output,
    },
    /// Show one run as `hob run` reported it
    Show {
        /// The run
        run: RunId,
        #[command(flatten)]
        output: Output,
    },
    /// Show what happened in a run: its states, its commands with their output, what was refused
    Logs {
        /// The run
        run: RunId,
        /// Go on until the run is over or its proposal waits for people; with `--json`, a line each
        #[arg(long, short)]
        follow: bool,
        /// Also what is routine: each request to the network that was let through, how the change is taken out
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Ask a run to stop
    Cancel {
        /// The run
        run: RunId,
    },
    /// Run an ended run's work once more, with its own definition and settings
    Retry {
        /// The run
        run: RunId,
        /// What makes machines
        #[arg(long, value_enum, default_value = "auto")]
        sandbox: SandboxChoice,
        #[command(flatten)]
        output: Output,
    },
    /// Let unfinished runs go on, after a crash or an interruption (all of them where none is named)
    Resume {
        /// The run
        run: Option<RunId>,
        /// What makes machines
        #[arg(long, value_enum, default_value = "auto")]
        sandbox: SandboxChoice,
        #[command(flatten)]
        output: Output,
    },
}

/// What can be asked about proposals.
#[derive(Debug, Subcommand)]
pub(crate) enum Review {
    /// List open proposals
    List {
        /// Those that were answered too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Show a proposal's text and standing
    Show {
        /// The proposal
        proposal: ProposalId,
        #[command(flatten)]
        output: Output,
    },
    /// Show a proposal's change
    Diff {
        /// The proposal
        proposal: ProposalId,
        #[command(flatten)]
        output: Output,
    },
    /// Approve exactly the bytes that were proposed
    Approve {
        /// The proposal
        proposal: ProposalId,
        /// The digest that was looked at; refused where the proposal has another
        #[arg(long)]
        digest: Option<Digest>,
        #[command(flatten)]
        output: Output,
    },
    /// Refuse a proposal
    Reject {
        /// The proposal
        proposal: ProposalId,
        /// Why, for the agent's next time
        #[arg(long, default_value = "no reason was given")]
        why: String,
        #[command(flatten)]
        output: Output,
    },
    /// Move the target branch to an approved proposal
    Merge {
        /// The proposal
        proposal: ProposalId,
        /// Make a merge commit of the base and the proposal instead of a fast-forward
        #[arg(long)]
        merge_commit: bool,
        #[command(flatten)]
        output: Output,
    },
}

/// What can be asked of the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Verify the whole log, an export of it, or a proof, offline
    Verify {
        /// An export instead of this host's log
        #[arg(long, value_name = "FILE", group = "offline")]
        export: Option<PathBuf>,
        /// A proof that `hob ledger prove` wrote, instead of this host's log
        #[arg(long, value_name = "FILE", group = "offline")]
        proof: Option<PathBuf>,
        /// The verifier key that the export or the proof must be signed with
        #[arg(long, value_name = "KEY", requires = "offline")]
        key: Option<String>,
        /// A signed checkpoint that was kept elsewhere: the log must go on from it
        #[arg(long, value_name = "FILE", conflicts_with = "proof")]
        checkpoint: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Show entries
    Show {
        /// Only those of one run
        run: Option<RunId>,
        /// The first entry
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// At most so many; 0 means 10000, and that there is more is said
        #[arg(long, default_value_t = 1000)]
        limit: usize,
        #[command(flatten)]
        output: Output,
    },
    /// Write the whole log to a file that verifies anywhere
    Export {
        /// The file (`-` for standard output)
        file: PathBuf,
    },
    /// Write a proof that one run's entries are in the log
    Prove {
        /// The run
        run: RunId,
        /// The file (`-` for standard output)
        #[arg(long, default_value = "-")]
        file: PathBuf,
    },
    /// Erase content that entries name, for good; the entries stay, and the log verifies as before
    Erase {
        /// The payload, by the digest that `hob ledger show --json` prints
        #[arg(required_unless_present = "run", conflicts_with = "run")]
        digest: Option<Digest>,
        /// Every payload of this run
        #[arg(long)]
        run: Option<RunId>,
        /// Why: it is in the log, beside who has asked
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// What can be asked about definitions.
#[derive(Debug, Subcommand)]
pub(crate) enum Agents {
    /// List the built-in agents and those of a repository
    List {
        /// The repository, whose default branch is read (else the one around the current folder)
        #[arg(long, value_name = "PATH-or-URL")]
        repo: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Print a definition, to read or to start from
    Show {
        /// A built-in name, a name in .hob/agents of the repository, or a file
        agent: String,
        /// The repository whose own definition counts, as its default branch (the one HEAD names) has it
        #[arg(long, value_name = "PATH-or-URL")]
        repo: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Read definitions strictly and say all that is wrong
    Check {
        /// A built-in name, a name in .hob/agents of the repository, or a file (else every one that `list` shows)
        agent: Option<String>,
        /// The repository whose own definition counts, as its default branch (the one HEAD names) has it
        #[arg(long, value_name = "PATH-or-URL")]
        repo: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Print the JSON Schema of definitions, for editors
    Schema,
}

/// What can be done with images.
#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// Make the default image from Debian packages and get a kernel; or only a kernel; or an image from a registry
    Build {
        /// Only a kernel: Debian's own, or one that is built here for guests alone
        #[arg(long, value_enum, conflicts_with_all = ["oci", "package"])]
        kernel: Option<KernelChoice>,
        /// An image from an OCI registry: `HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`
        #[arg(long, value_name = "REF", conflicts_with = "package")]
        oci: Option<String>,
        /// Ask that registry without TLS (one on this host's loopback is asked so anyway)
        #[arg(long, requires = "oci")]
        plain_http: bool,
        /// A further Debian package
        #[arg(long, value_name = "NAME")]
        package: Vec<String>,
        /// The image's name
        #[arg(long, default_value = "default")]
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Make an image of an OCI layout (a folder or a tar of it) or of a tar of a root file system
    Import {
        /// The folder or the tar
        path: PathBuf,
        /// The image's name
        #[arg(long, default_value = "default")]
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// List images and kernels
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Take an image away; machines that have it keep it until they end
    Remove {
        /// Its name, or its digest
        image: String,
    },
}

/// Which kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KernelChoice {
    /// Debian's kernel for virtual machines, with the modules that a guest needs
    Debian,
    /// Built from Debian's source with hob's configuration: boots faster, takes some minutes to build
    Own,
}

#[cfg(test)]
mod tests;
