//! The toolbox with the real package managers.

mod npm;
