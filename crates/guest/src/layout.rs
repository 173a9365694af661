//! The machine's own folders: the only places that a command can write to.

/// The checkout; commands run here.
pub const CHECKOUT: &str = "/checkout";

/// The home folder of the machine's user.
pub const HOME: &str = "/home/hob";

/// Where bundles and other files of the host come in and go out; not part of the checkout.
pub const TRANSFER: &str = "/transfer";

/// Temporary files.
pub const TMP: &str = "/tmp";

/// The port on 127.0.0.1 where the forwarder listens for HTTP proxy requests.
pub const PROXY_PORT: u16 = 3128;

/// The virtio port that carries a virtual machine's stream.
pub const PORT: &str = "hob.0";

/// The name of the machine's user, and of the machine itself.
pub const USER: &str = "hob";

/// The number of the machine's user and group.
pub const USER_ID: u32 = 1000;
