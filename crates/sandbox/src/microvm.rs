//! Virtual machines, each with a kernel of its own and without a network card: what is the same for all VMMs.
//!
//! ```text
//!   hob -- socket pair (stream), socket pair (console) ------------------------+
//!    '- spawner thread: fork, join control groups, (as root: stage the files,   |
//!        become an unprivileged user), exec                                     |
//!         '- VMM: kernel, initramfs, disks: image, layers, a fresh scratch      |
//!             '- hob-guest, PID 1 of the virtual machine, a virtio port --------+
//!                 '- commands: another user, Landlock, rlimits, sessions
//! ```

pub(crate) mod console;
pub(crate) mod disks;
pub(crate) mod files;
pub(crate) mod initramfs;
pub(crate) mod kernel_line;
pub(crate) mod probes;
pub(crate) mod programs;

use crate::image::{Kernel, Layer, Root};
use crate::namespaces::Toolchains;

/// What virtual machines are made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What they boot.
    pub kernel: Kernel,
    /// The images to choose from; the first is the default.
    pub roots: Vec<Root>,
    /// What is shown in all of them.
    pub layers: Vec<Layer>,
    /// The search path and the variables that the layers need.
    pub toolchains: Toolchains,
}

/// The name of the image where none was chosen.
const DEFAULT_IMAGE: &str = "default";

impl Parts {
    /// The image of this name or digest.
    pub(crate) fn root(&self, image: &str) -> Option<&Root> {
        let named = |root: &&Root| root.name == image || root.digest.to_string() == image;
        let found = self.roots.iter().find(named);
        found.or_else(|| self.roots.first().filter(|_| image == DEFAULT_IMAGE))
    }
}
