//! What Python code touches. Plain data: a connection is referred to by (loop serial, token, stream), never held.

pub mod body;
pub mod chunk_ends;
pub mod connection;
pub mod date;
pub mod fields;
pub mod head;
pub mod journal;
pub mod limits;
pub mod log_line;
pub mod outgoing;
pub mod plain;
pub mod request;
pub mod response;
pub mod router;
pub mod service;
pub mod tally;
pub mod tls;
pub mod window;
