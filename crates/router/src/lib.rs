//! From a request's path to the route that was registered for it.
//!
//! Three kinds of pattern, cheapest first: a fixed path; names between fixed text (`/user/{id}`), matched here; and
//! everything else, which the caller tests with an engine of its own when its turn comes. A [`Router`] is built once
//! from all patterns and never changes; a look-up borrows it and hands over candidates one by one, in order, until
//! the caller takes one. Methods, handlers and what a route is are the caller's matters.
//!
//! May know: paths as they are on the wire (RFC 3986) and how they are decoded for matching ([`decode_path`]).
//! Must not know: sockets, HTTP messages, Python, a regular-expression engine.
//!
//! # Order
//!
//! Each pattern is filed under a key, a path without trailing slash that every path it matches starts with. For one
//! request the patterns with the longest key come first, and those under the same key in order of registration.
//! So `/user/me` wins over `/user/{id}`, whichever was registered first, and of `/{a}` and `/{b}` the elder wins.
//!
//! # Cost
//!
//! A fixed path is one hash look-up. Named patterns sit in a tree of segments, so that a look-up visits the branches
//! that fit the path, not the patterns. Of the foreign ones, only those are offered whose key and whose fixed
//! beginning and end fit the path. [`Router::effort`] counts this work, and the tests hold it to a bound.
#![forbid(unsafe_code)]

mod affix;
mod decode;
mod hash;
mod pattern;
mod router;
mod tree;

pub use decode::{decode_capture, decode_path};
pub use pattern::{Captures, Named, NamedError, Pattern};
pub use router::{Candidate, Router};
