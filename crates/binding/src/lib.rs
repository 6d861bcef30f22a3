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

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::wrap_pyfunction;

/// The module relies on the GIL for its per-loop state, and says so: a free-threaded build turns the GIL on.
///
/// A function and not a list of exports: the refusal comes before any class is made.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    refuse_sub_interpreters(module.py())?;
    module.add_class::<driver::engine::Engine>()?;
    module.add_class::<driver::engine::Timer>()?;
    module.add_class::<driver::listener::Listener>()?;
    module.add("BodyTooLarge", module.py().get_type::<errors::BodyTooLarge>())?;
    module.add_class::<objects::body::Body>()?;
    module.add_class::<objects::connection::Connection>()?;
    module.add_function(wrap_pyfunction!(objects::date::http_date, module)?)?;
    module.add_class::<objects::fields::Fields>()?;
    module.add_class::<objects::journal::Journal>()?;
    module.add_class::<objects::limits::Limits>()?;
    module.add_class::<objects::log_line::LogLine>()?;
    module.add_class::<objects::outgoing::OutgoingRequest>()?;
    module.add_function(wrap_pyfunction!(objects::plain::make_plainly, module)?)?;
    module.add_class::<objects::request::IncomingRequest>()?;
    module.add_class::<objects::response::IncomingResponse>()?;
    module.add_class::<objects::router::Router>()?;
    module.add_class::<objects::service::Service>()?;
    module.add_class::<objects::tally::Tally>()?;
    module.add_class::<objects::tls::TlsSettings>()
}

/// Classes and the list of loops are statics of the process: made in one interpreter, they would be used in another.
///
/// Those with a GIL of their own CPython refuses by itself.
fn refuse_sub_interpreters(_py: Python<'_>) -> PyResult<()> {
    // SAFETY: this thread is attached to an interpreter (`_py`).
    let current = unsafe { ffi::PyInterpreterState_Get() };
    // SAFETY: there is a main interpreter as long as there is any.
    if current == unsafe { ffi::PyInterpreterState_Main() } {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "quinde._core cannot be used in a sub-interpreter: import quinde in the main interpreter, \
         or start another process",
    ))
}
