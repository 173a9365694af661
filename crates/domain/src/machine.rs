//! Words about machines that cross rooms.

/// How a machine is kept apart from the host.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// The host's kernel, own namespaces.
    Namespaces,
    /// A kernel of its own.
    Microvm,
}

/// What runs machines.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// Linux namespaces, by bubblewrap.
    Namespaces,
    /// QEMU.
    Qemu,
    /// Firecracker.
    Firecracker,
}

impl Backend {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Qemu => "qemu",
            Self::Firecracker => "firecracker",
        }
    }

    /// How far it keeps a machine apart.
    pub const fn isolation(self) -> Isolation {
        match self {
            Self::Namespaces => Isolation::Namespaces,
            Self::Qemu | Self::Firecracker => Isolation::Microvm,
        }
    }
}

/// One request of a machine to the network, as the egress proxy decided it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EgressRecord {
    /// The method.
    pub method: String,
    /// The host that was asked for.
    pub host: String,
    /// The port that was asked for; 0 where none could be read.
    pub port: u16,
    /// The path, without its query.
    pub path: String,
    /// The digest of the query, where there is one: it may hold what no ledger should keep.
    pub query: Option<crate::Digest>,
    /// Whether it was let through.
    pub allowed: bool,
    /// The rule that allowed or refused it.
    pub rule: String,
    /// The upstream's status, where it was asked.
    pub status: Option<u16>,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Whether the host's cache answered.
    pub cached: bool,
}
