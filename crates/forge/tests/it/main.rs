//! The room at work on real repositories with the real `git`.

mod bad_sources;
mod house;
mod story;
