//! Known vulnerabilities, read from a folder that the user names, and matched against locked versions.
//!
//! Three formats are told apart file by file, so a folder may mix them: OSV (JSON; also inside zips such as
//! the ones that OSV publishes for each ecosystem), the RustSec layout (Markdown with TOML front matter) and
//! the PyPA layout (OSV written as YAML). No network is asked: a mirror is the user's own.
//!
//! The promise is **no false green**. A file that cannot be read is named in [`LoadReport::unreadable`] and
//! hides no other; a folder without a single advisory is an error; an advisory that names a package but
//! cannot be decided for a version is in [`Matching::undecided`]. Each of them makes a run incomplete.
//!
//! ```text
//! folder, zip, file --walk--> bytes --osv, rustsec--> Advisory --database (index, aliases)--> matching
//! ```

mod alias;
mod database;
mod evaluate;
mod matching;
mod name;
mod osv;
mod record;
mod rustsec;
mod skim;
mod walk;

pub use database::{Database, LoadError, LoadReport, Unreadable};
pub use evaluate::Compare;
pub use matching::{Match, Matching, Undecided};
pub use name::normalised;
pub use record::{Kind, Severity};

#[cfg(test)]
mod tests;
