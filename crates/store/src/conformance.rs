//! What every backend has to pass, as functions over the port.
