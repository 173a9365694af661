//! PID 1 of a virtual machine: makes, out of a kernel with an initramfs, the machine that bubblewrap makes out of
//! namespaces. Then it is a machine like any other.
//!
//! ```text
//!   kernel -> /init -> rest():  proc, sysfs, devtmpfs; modules; the stream; Ready
//!                      ...      at rest: nothing of this machine alone has happened; a template is made here
//!   Hello  ----------> enter(): clock, entropy, name; root, scratch, layers; own folders; files
//! ```

mod disks;
mod files;
mod identity;
mod modules;
mod root;
mod stream;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use guest::frame::{self, Kind};
use guest::message::{Setup, VmSetup};
use rustix::mount::MountFlags;
use rustix::system::RebootCommand;

/// Whether this process has booted a virtual machine.
static BOOTED: AtomicBool = AtomicBool::new(false);

/// Whether nobody has prepared the file systems of the kernel: then nobody was there before us.
pub(crate) fn is_wanted() -> bool {
    !Path::new("/proc/self").exists()
}

/// Boots to the point where everything is ready that is the same for all machines, says so, and gives the stream.
pub(crate) fn rest() -> Result<File, String> {
    BOOTED.store(true, Ordering::Relaxed);
    let safe = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", safe | MountFlags::NODEV, "")?;
    mount("sysfs", "/sys", "sysfs", safe | MountFlags::NODEV, "")?;
    mount("devtmpfs", "/dev", "devtmpfs", safe, "mode=0755")?;
    quiet_stdio()?;
    modules::load()?;
    let mut stream = stream::find()?;
    let ready = frame::encode(0, Kind::Ready, &[]);
    stream.write_all(&ready).map_err(|e| format!("saying that the guest is ready: {e}"))?;
    Ok(stream)
}

/// Makes this the machine that the host asks for. What fails here fails the machine.
pub(crate) fn enter(vm: &VmSetup, setup: &Setup) -> Result<(), String> {
    identity::set_clock(vm.time_ms)?;
    identity::add_entropy(&vm.entropy)?;
    identity::set_name(&vm.hostname)?;
    root::enter(vm, setup)?;
    files::write(&vm.files, setup.user)
}

/// Ends a virtual machine, if this is one: the VMM is told not to start again.
pub(crate) fn power_off() {
    if BOOTED.load(Ordering::Relaxed) {
        // Refused only where this is not PID 1; then its end is a panic of the kernel, which ends the VMM too.
        let _refused = rustix::system::reboot(RebootCommand::Restart);
    }
}

/// Mounts a file system at a place that is made where it is not there.
fn mount(what: &str, at: &str, kind: &str, flags: MountFlags, data: &str) -> Result<(), String> {
    make_folder(at)?;
    let data = std::ffi::CString::new(data).map_err(|e| format!("mounting {at}: {e}"))?;
    rustix::mount::mount(what, at, kind, flags, data.as_c_str())
        .map_err(|e| format!("mounting {kind} at {at}: {e}"))
}

fn make_folder(path: &str) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(|e| format!("making {path}: {e}"))
}

/// Commands inherit neither the console nor anything else; only complaints go there.
fn quiet_stdio() -> Result<(), String> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|e| format!("opening /dev/null: {e}"))?;
    rustix::stdio::dup2_stdin(&null).map_err(|e| format!("closing the console: {e}"))?;
    rustix::stdio::dup2_stdout(&null).map_err(|e| format!("closing the console: {e}"))
}
