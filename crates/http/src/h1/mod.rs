//! HTTP/1.1 (RFC 9112), and HTTP/1.0 where a peer speaks it.
//!
//! | file | knows |
//! |---|---|
//! | `syntax` | which bytes may stand where |
//! | `fields`, `request`, `response` | heads, line by line |
//! | `framing` | what fields say about length and connection |
//! | `chunked`, `body` | received bodies |
//! | `encode`, `outgoing` | sent heads and bodies |
//! | `inbox`, `events`, `clock` | what waits: bytes, events, the peer |
//! | `server`, `client` | the machines: who may do what when |

mod body;
mod chunked;
mod client;
mod clock;
mod encode;
mod events;
mod fields;
mod framing;
mod inbox;
mod outgoing;
mod request;
mod response;
mod server;
mod syntax;

pub use client::{ClientConnection, RequestStart};
pub use server::{ResponseStart, ServerConnection};
