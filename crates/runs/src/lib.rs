//! Decides what happens next to a run: `(state, command) -> (state, actions)`. Pure.
