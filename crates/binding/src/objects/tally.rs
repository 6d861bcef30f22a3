//! What is counted of connections: each counts for itself, and adds its figures here when it is gone.
//!
//! So counting is a plain addition to a connection's own field, and costs nothing to nobody until somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use quinde_http::Statistics;

/// Figures of one connection, or of many.
#[derive(Clone, Default)]
pub struct Counted {
    /// Connections that these figures are of.
    pub connections: u64,
    pub protocol: Statistics,
    /// Bytes of the wire; where a transport does TLS, those that it gives and takes.
    pub received: u64,
    pub sent: u64,
}

impl Counted {
    pub fn absorb(&mut self, other: &Counted) {
        self.connections += other.connections;
        self.protocol.absorb(&other.protocol);
        self.received += other.received;
        self.sent += other.sent;
    }

    /// Fills in what both ends count.
    pub fn show(&self, into: &Bound<'_, PyDict>, waits: &[&str]) -> PyResult<()> {
        let protocol = &self.protocol;
        for (class, count) in (1..).zip(protocol.statuses) {
            into.set_item(format!("responses_{class}xx"), count)?;
        }
        into.set_item("bytes_received", self.received)?;
        into.set_item("bytes_sent", self.sent)?;
        into.set_item("body_bytes_received", protocol.body_bytes_received)?;
        into.set_item("body_bytes_sent", protocol.body_bytes_sent)?;
        for wait in waits {
            into.set_item(format!("timeouts_{wait}"), 0)?;
        }
        for (wait, count) in &protocol.timeouts {
            into.set_item(format!("timeouts_{wait}"), count)?;
        }
        for (reason, count) in &protocol.refusals {
            into.set_item(format!("refused_{reason}"), count)?;
        }
        Ok(())
    }
}

/// The figures of a connector's connections.
#[pyclass(frozen, module = "quinde._core")]
pub struct Tally {
    /// Names this tally among those of the process.
    pub number: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    finished: Counted,
    /// Connections that the other end or the network ended under a request.
    lost: u64,
    /// Loops on which connections were made.
    loops: Vec<u64>,
}

#[pymethods]
impl Tally {
    #[new]
    fn new() -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            inner: Mutex::default(),
        }
    }

    /// Plain counters.
    fn statistics(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let (lost, mut counted, loops) = {
            let inner = self.lock();
            (inner.lost, inner.finished.clone(), inner.loops.clone())
        };
        for serial in loops {
            counted.absorb(&crate::driver::client::open_statistics(serial, self.number));
        }
        let into = PyDict::new(py);
        into.set_item("connections_lost", lost)?;
        into.set_item("requests", counted.protocol.messages_sent)?;
        counted.show(&into, &["sock_read", "write", "total"])?;
        Ok(into.unbind())
    }
}

impl Tally {
    /// A connection of this tally is on a loop.
    pub fn note_loop(&self, serial: u64) {
        let mut inner = self.lock();
        if !inner.loops.contains(&serial) {
            inner.loops.push(serial);
        }
    }

    pub fn count_timeout(&self, wait: &'static str) {
        self.lock().finished.protocol.time_out(wait);
    }

    pub fn count_lost(&self) {
        self.lock().lost += 1;
    }

    pub fn absorb(&self, counted: &Counted) {
        self.lock().finished.absorb(counted);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held left plain counters: go on.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
