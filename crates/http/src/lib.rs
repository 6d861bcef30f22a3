//! HTTP messages and the machines that read and write them, without I/O.
//!
//! ```text
//!   bytes of the peer ──receive_data──▶ ┌─────────┐ ──next_event──▶ heads, body pieces, errors
//!                                       │ Machine │
//!   bytes for the peer ◀────output───── └─────────┘ ◀─send_head,… ── commands, per stream
//! ```
//!
//! Knows bytes and, as an argument, what time it is. Knows no socket, no clock, no thread and no
//! Python: a reactor, an asyncio transport, a blocking loop and a test all drive the same machines.
//! [`Machine`] is the face that every protocol version and both ends show; [`h1`] is HTTP/1.1.
//!
//! References are to RFC 9110 (semantics) and RFC 9112 (HTTP/1.1) unless another one is named.

#![forbid(unsafe_code)]

pub mod h1;

mod error;
mod head;
mod headers;
mod limits;
mod machine;
mod output;
mod stall;
mod status;

pub use error::{Error, Kind, Side};
pub use head::{BodyLength, RequestHead, ResponseHead, TargetForm, Version};
pub use headers::Headers;
pub use limits::Limits;
pub use machine::{Close, Event, Instant, Machine, Statistics, StreamId};
pub use output::{Chunk, Output, Segment};
pub use stall::WriteStall;
pub use status::reason_phrase;
