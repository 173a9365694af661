//! The toolbox with the real package managers.

#[cfg(test)]
mod cargo;
mod npm;
