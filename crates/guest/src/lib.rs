//! The small static program inside the machine, and the protocol it speaks.
//!
//! One byte stream connects the host and PID 1 of a machine, whatever carries it. On it travel
//! [`frame`]s; [`mux`] keeps the books of the channels they belong to, the same on both ends; a
//! [`message`] says what a channel is for and how it went; [`layout`] names the machine's own folders.
//!
//! ```text
//!   host                                                    guest (PID 1)
//!    | <- Ready ------------------------------------------  |   virtual machines only: at rest
//!    | -- Hello { protocol, setup } ----------------------->  |
//!    | <- Hello { protocol, landlock, notes } --------------  |   ready
//!    | -- Open(3, Exec) ---> <- Data* Message(Exited) End --  |   odd channels are the host's
//!    | <- Open(2, Connect) -  -- Data* / Data* ------------>  |   even ones the guest's
//! ```
//!
//! Both ends treat each other's bytes as hostile: what does not fit the rules breaks the stream with a
//! [`mux::Violation`] that names the rule, and what is buffered is bounded by credit.

pub mod frame;
pub mod layout;
pub mod message;
pub mod mux;
