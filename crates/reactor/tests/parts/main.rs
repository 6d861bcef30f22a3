//! The parts of the crate, one file each, in one binary: eight small ones would take longer to link than to
//! run.
#![cfg(all(unix, target_pointer_width = "64"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

mod budget;
mod deadlines;
mod listener;
mod pairs;
mod poller;
mod reactor;
mod ready;
mod slab;
mod socket;
mod turn;
