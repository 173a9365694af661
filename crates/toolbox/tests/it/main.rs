//! The toolbox with the real package managers.

#[cfg(test)]
mod cargo;
#[cfg(test)]
mod npm;
#[cfg(test)]
mod python;
