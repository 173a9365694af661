//! The stream against hostile guests.
