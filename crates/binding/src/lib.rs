//! `quinde._core`: the only crate that knows Python.
//!
//! `driver/` turns readiness into events and events into Python calls: the hot path, in one folder.
//! `objects/` are what Python code touches: plain data that refers to a connection by (loop serial, token).
//! `errors` is the one table from core errors to Python exceptions; nobody else maps.
//!
//! What is absent: threads, locks that are held over a Python call, policy. Every decision (options, routing
//! semantics, redirects, pools) is Python's.

#![allow(
    unreachable_pub,
    reason = "a cdylib has no face in Rust: `pub` says what a module shows to its siblings"
)]

mod driver;
mod errors;
mod objects;
mod python;

use pyo3::prelude::*;

/// The module relies on the GIL for its per-loop state, and says so: a free-threaded build turns the GIL on.
#[pymodule(gil_used = true)]
mod _core {
    #[pymodule_export]
    use crate::driver::engine::{Engine, Timer};
    #[pymodule_export]
    use crate::driver::listener::Listener;
    #[pymodule_export]
    use crate::errors::BodyTooLarge;
    #[pymodule_export]
    use crate::objects::body::Body;
    #[pymodule_export]
    use crate::objects::connection::Connection;
    #[pymodule_export]
    use crate::objects::date::http_date;
    #[pymodule_export]
    use crate::objects::fields::Fields;
    #[pymodule_export]
    use crate::objects::journal::Journal;
    #[pymodule_export]
    use crate::objects::limits::Limits;
    #[pymodule_export]
    use crate::objects::log_line::LogLine;
    #[pymodule_export]
    use crate::objects::outgoing::OutgoingRequest;
    #[pymodule_export]
    use crate::objects::plain::make_plainly;
    #[pymodule_export]
    use crate::objects::request::IncomingRequest;
    #[pymodule_export]
    use crate::objects::response::IncomingResponse;
    #[pymodule_export]
    use crate::objects::router::Router;
    #[pymodule_export]
    use crate::objects::service::Service;
    #[pymodule_export]
    use crate::objects::tally::Tally;
    #[pymodule_export]
    use crate::objects::tls::TlsSettings;
}
