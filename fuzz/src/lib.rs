//! What must hold for any bytes and any commands, as one function a target: `check(data)` panics when it does not.
//!
//! Knows the crates' public faces alone, and judges by readings of its own. The programs in `fuzz_targets/` hand
//! libFuzzer's inputs over; `tests/replay.rs` does the same with the seeds, without libFuzzer.
//!
//! | file | is |
//! |---|---|
//! | `script` | an input: settings, commands, what the peer sends and how that is cut |
//! | `record` | what a machine told, to be compared |
//! | `order`, `watch`, `memory` | what holds after each step: the order of events, who may write output, the cost |
//! | `request_head` … `router` | the targets |

pub mod chunked_body;
pub mod client_connection;
pub mod differential;
pub mod request_head;
pub mod response_head;
pub mod round_trip;
pub mod router;
pub mod server_connection;

mod feed;
mod memory;
mod order;
mod record;
mod script;
mod watch;

/// A target by its name, for what replays inputs.
#[must_use]
pub fn target(name: &str) -> Option<fn(&[u8])> {
    Some(match name {
        "request_head" => request_head::check,
        "response_head" => response_head::check,
        "chunked_body" => chunked_body::check,
        "server_connection" => server_connection::check,
        "client_connection" => client_connection::check,
        "round_trip" => round_trip::check,
        "differential" => differential::check,
        "router" => router::check,
        _ => return None,
    })
}
