//! The small static program inside the machine, and the protocol it speaks.
