//! What every kind of machine needs of the host: a folder with a mark, control groups, users, and a way to be
//! started, watched, taken away and found again.

pub(crate) mod cgroup;
pub(crate) mod demotion;
pub(crate) mod machine;
pub(crate) mod presence;
pub(crate) mod reclaim;
pub(crate) mod release;
pub(crate) mod removal;
pub(crate) mod scratch;
pub(crate) mod serve;
pub(crate) mod spawn;
pub(crate) mod staging;
pub(crate) mod usage;
pub(crate) mod watch;

pub use reclaim::abandoned;
