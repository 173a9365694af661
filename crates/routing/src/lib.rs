//! Decides which events start which runs, when, and with which context. Pure: no tokio, no I/O, no clock of its own.
