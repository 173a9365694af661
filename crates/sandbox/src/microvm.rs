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

use std::collections::BTreeMap;
use std::path::Path;

use crate::image::{self, ImageError, Images, Kernel, Layer, Root, Watcher};
use crate::namespaces::{Toolchains, toolchains};

/// What virtual machines are made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What they boot.
    pub kernel: Kernel,
    /// The images to choose from.
    pub roots: Vec<Root>,
    /// What is shown in all of them.
    pub layers: Vec<Layer>,
    /// The search path and the variables that the layers need.
    pub toolchains: Toolchains,
}

impl Parts {
    /// What there is below a state folder, without the toolchains; the error says what has to be made first. Blocks.
    pub fn find(state_dir: &Path) -> Result<Self, ImageError> {
        let images = Images::open(state_dir)?;
        let kernel = images.kernel()?;
        images.find(image::DEFAULT)?;
        let roots = images.list()?.roots;
        Ok(Self { kernel, roots, layers: Vec::new(), toolchains: Toolchains::default() })
    }

    /// The same with the toolchains of this host, which are packed where they have changed. Blocks, perhaps for minutes.
    pub fn with_toolchains(
        self,
        state_dir: &Path,
        variables: &BTreeMap<String, String>,
        watcher: &Watcher,
    ) -> Result<Self, ImageError> {
        let toolchains = toolchains::find(variables, &[], state_dir);
        let layers = Images::open(state_dir)?.toolchains(&toolchains, watcher)?;
        Ok(Self { layers, toolchains, ..self })
    }

    /// The image of this name or digest.
    pub(crate) fn root(&self, image: &str) -> Option<&Root> {
        let named = |root: &&Root| root.name == image || root.digest.to_string() == image;
        self.roots.iter().find(named)
    }
}
