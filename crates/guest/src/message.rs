//! What the two ends say to each other: compact JSON inside frames.
//!
//! Unknown fields are refused: the guest travels inside the host's own binary, so both ends are always
//! of one version, and what does not fit is a mistake or an attack.

use serde::{Deserialize, Serialize};

/// The host's first words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostHello {
    /// [`crate::frame::PROTOCOL`].
    pub protocol: u32,
    /// What the guest has to prepare.
    pub setup: Setup,
}

/// What the guest prepares before the first command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The user and group that commands run as, where PID 1 is another.
    pub user: Option<(u32, u32)>,
    /// Variables of every command; there are no others.
    pub env: Vec<(String, String)>,
    /// The folders that commands may write to.
    pub writable: Vec<String>,
    /// The port of 127.0.0.1 to forward, where there is a way out.
    pub proxy_port: Option<u16>,
    /// The most processes and threads of all commands together, where the kernel counts them for this
    /// machine alone.
    pub processes_max: Option<u64>,
    /// The largest file in bytes that a command may write.
    pub file_max_bytes: u64,
    /// The most memory in bytes that one process may have of its own, where nobody counts them together.
    pub process_memory_max_bytes: Option<u64>,
    /// What else makes a virtual machine; none where bubblewrap has made the machine.
    pub vm: Option<VmSetup>,
}

/// What PID 1 of a virtual machine prepares besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VmSetup {
    /// The machine's name for itself.
    pub hostname: String,
    /// 64 bytes from the host's random numbers, in hexadecimal digits.
    pub entropy: String,
    /// The time, in milliseconds since 1970.
    pub time_ms: u64,
    /// The serial number of the disk with the image, a squashfs.
    pub root: String,
    /// The serial number of the machine's own disk, an ext4.
    pub scratch: String,
    /// Further disks, each a squashfs.
    pub layers: Vec<Layer>,
    /// Files to write: absolute path, text. Those below the home folder belong to the machine's user.
    pub files: Vec<(String, String)>,
    /// The most bytes in `/dev/shm`.
    pub shared_memory_bytes: u64,
}

/// A disk with folders that are shown, read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its serial number.
    pub serial: String,
    /// A folder or file of it, and where the machine sees it.
    pub folders: Vec<(String, String)>,
}

/// The guest's first words: it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestHello {
    /// [`crate::frame::PROTOCOL`].
    pub protocol: u32,
    /// Whether Landlock confines the commands: `fully`, `partially` or `not`.
    pub landlock: String,
    /// What could not be prepared, for a person.
    pub notes: Vec<String>,
}

/// What a channel is for: the payload of the frame that opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Open {
    /// Host to guest: runs a command.
    Exec(Exec),
    /// Host to guest: writes a file from what follows until the end of the host's stream.
    Put(Put),
    /// Host to guest: reads a file.
    Get(Get),
    /// Host to guest: how the machine fares.
    Metrics,
    /// Guest to host: a program of the machine has connected to the proxy.
    Connect,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The folder it runs in, absolute.
    pub cwd: String,
    /// Variables besides the machine's own.
    pub env: Vec<(String, String)>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// The machine's folder that it lies below, absolute.
    pub root: String,
    /// The path below it.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// The most bytes that it may come to.
    pub max_bytes: u64,
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// The machine's folder that it lies below, absolute.
    pub root: String,
    /// The path below it.
    pub path: String,
    /// The most bytes that it may hold.
    pub max_bytes: u64,
}

/// Something about an open channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Message {
    /// Host to guest: send the command's process group this signal.
    Signal(i32),
    /// Guest to host: the command has ended and nothing of it runs any more.
    Exited(Exited),
    /// Guest to host: the file was written, or is about to be sent whole.
    Done {
        /// Its size in bytes.
        bytes: u64,
    },
    /// Guest to host: there is no such file.
    Absent,
    /// Guest to host: it was refused.
    Refused(String),
    /// Guest to host: how the machine fares.
    Metrics(Metrics),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exited {
    /// The status it exited with, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was killed because its time was up.
    pub timed_out: bool,
    /// Whether the guest's kernel killed a process meanwhile because memory ran out; told by virtual machines only.
    pub out_of_memory: bool,
    /// Whether it was killed because the machine's disk was full; told by virtual machines only.
    pub disk_full: bool,
}

/// How the machine fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Processes in the machine, PID 1 not counted.
    pub processes: u64,
    /// Commands that the host is waiting for.
    pub commands: u64,
    /// Connections to the proxy.
    pub connections: u64,
    /// Processor time of everything that has ended, in milliseconds.
    pub cpu_ms: u64,
}

/// As compact JSON.
pub fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("our messages have only string keys")
}

/// From JSON; the error names what is wrong.
pub fn from_json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn garbage_is_refused_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(from_json::<HostHello>(&bytes).is_err());
            prop_assert!(from_json::<GuestHello>(&bytes).is_err());
            prop_assert!(from_json::<Message>(&bytes).is_err());
            prop_assert!(from_json::<Open>(&bytes).is_err());
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(from_json::<Open>(&b"[".repeat(60_000)).is_err());
    }

    #[test]
    fn a_message_survives_the_way() {
        let exited = Message::Exited(Exited {
            code: Some(3),
            signal: None,
            timed_out: false,
            out_of_memory: true,
            disk_full: false,
        });
        assert_eq!(from_json::<Message>(&to_json(&exited)).unwrap(), exited);
        assert_eq!(from_json::<Open>(&to_json(&Open::Connect)).unwrap(), Open::Connect);
    }
}
