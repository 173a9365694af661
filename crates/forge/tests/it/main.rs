//! The room at work on real repositories with the real `git`.

#[cfg(test)]
mod bad_sources;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod house;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod odd_owner;
#[cfg(test)]
mod odd_trees;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod story;
#[cfg(test)]
mod together;
#[cfg(test)]
mod traps;
