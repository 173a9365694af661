//! The playbooks on a small invented ecosystem, where every class of trouble can be written down in a few lines.

mod accompanying;
mod bisecting;
mod properties;
mod remediating;
mod siblings;
mod toy;
mod updating;
