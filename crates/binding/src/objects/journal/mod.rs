//! `Journal`: the access log that the core writes itself, without Python for each request.
//!
//! `piece` says what a format asks for, `line` how a request looks, `sink` how lines get out. Here they meet Python: the
//! policy (which file, when to flush, what to say about failures) is that of `web/journal.py`.

mod line;
mod piece;
mod sink;

use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};

pub use line::{Entry, Fields, Plain, Remote, RequestLine, ip_address, version_text};
pub use piece::{Piece, compile};

use line::Format;
use sink::Sink;

use super::request::IncomingRequest;

/// Gathers lines about requests and writes them in batches.
#[pyclass(frozen, module = "quinde._core")]
pub struct Journal {
    inner: Mutex<Inner>,
    /// Called when lines wait and nobody is known to come for them.
    on_pending: Py<PyAny>,
    interval: Duration,
}

struct Inner {
    format: Format,
    sink: Sink,
    /// Until when `on_pending` is trusted to have lines fetched.
    awaited: Option<Instant>,
}

/// A timer that is so late does not come any more: its loop is closed.
const GRACE: Duration = Duration::from_secs(1);

#[pymethods]
impl Journal {
    /// `pieces` are (kind, text): a kind of "" is plain text, the others are the format's letters.
    #[new]
    #[pyo3(signature = (pieces, *, on_pending, interval, batch, capacity))]
    fn new(
        pieces: Vec<(String, String)>,
        on_pending: Py<PyAny>,
        interval: f64,
        batch: usize,
        capacity: usize,
    ) -> PyResult<Self> {
        let interval = Duration::from_millis(super::limits::milliseconds(interval)?);
        let inner = Inner {
            format: Format::new(compile(pieces)?),
            sink: Sink::new(batch, capacity),
            awaited: None,
        };
        Ok(Self {
            inner: Mutex::new(inner),
            on_pending,
            interval,
        })
    }

    /// Writes to this descriptor from now on; None: lines wait for `take`.
    fn set_target(&self, descriptor: Option<RawFd>) -> PyResult<()> {
        Ok(self.lock().sink.set_target(descriptor)?)
    }

    /// Writes about a request of the core's.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are extracted into values"
    )]
    fn write(
        &self,
        py: Python<'_>,
        incoming: &Bound<'_, IncomingRequest>,
        status: u16,
        size: u64,
        elapsed: f64,
        fields: Vec<Option<PyBackedBytes>>,
    ) {
        let fields = borrowed(&fields);
        let response = Fields::Listed(&fields);
        let now = Instant::now();
        let elapsed = seconds(elapsed);
        let began = now.checked_sub(elapsed).unwrap_or(now);
        let incoming = incoming.get();
        let remote = incoming.remote_name(py);
        self.add(
            py,
            now,
            &incoming.entry(remote.as_deref(), status, size, began, elapsed, response),
        );
    }

    /// Writes about any request, all of it as text.
    #[expect(clippy::too_many_arguments, reason = "one each for what a line tells")]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are extracted into values"
    )]
    fn write_text(
        &self,
        py: Python<'_>,
        remote: &[u8],
        line: &[u8],
        status: u16,
        size: u64,
        elapsed: f64,
        request: Vec<Option<PyBackedBytes>>,
        response: Vec<Option<PyBackedBytes>>,
    ) {
        let (request, response) = (borrowed(&request), borrowed(&response));
        let now = Instant::now();
        let elapsed = seconds(elapsed);
        let entry = Entry {
            remote: Remote::Name(remote),
            line: RequestLine::Text(line),
            status,
            size,
            began: now.checked_sub(elapsed).unwrap_or(now),
            elapsed,
            request: Fields::Listed(&request),
            response: Fields::Listed(&response),
        };
        self.add(py, now, &entry);
    }

    /// Writes what waits as far as that goes without waiting, or with `patience` seconds of it.
    ///
    /// Returns the bytes that still wait.
    #[pyo3(signature = (patience=0.0))]
    fn flush(&self, py: Python<'_>, patience: f64) -> PyResult<usize> {
        let patience = i32::try_from(super::limits::milliseconds(patience)?).unwrap_or(i32::MAX);
        let flush = || {
            let mut inner = self.lock();
            inner.sink.flush(patience);
            inner.sink.pending()
        };
        // Other threads run while this one waits; whoever wants to write a line then waits for the lock.
        Ok(if patience > 0 { py.detach(flush) } else { flush() })
    }

    /// Somebody will come for the lines that wait, in so many seconds; None: `on_pending` is to be called.
    fn expect(&self, delay: Option<f64>) -> PyResult<()> {
        let delay = delay.map(super::limits::milliseconds).transpose()?;
        self.lock().awaited = delay.map(|delay| Instant::now() + Duration::from_millis(delay) + GRACE);
        Ok(())
    }

    /// Gives away what waits.
    fn take<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let taken = self.lock().sink.take();
        PyBytes::new(py, &taken)
    }

    /// Lines that were taken could not be written.
    fn lose(&self, lines: &[u8]) {
        self.lock().sink.lose(lines);
    }

    /// Gives up what waits, and drops all that comes.
    fn close(&self) {
        self.lock().sink.close();
    }

    /// This is the child of a fork: what waits is the parent's to write.
    fn forget(&self) {
        let mut inner = self.lock();
        inner.sink.forget();
        inner.format.learn_process();
        inner.awaited = None;
    }

    /// The system's number for the last failure; None after a write that succeeded.
    #[getter]
    fn failure(&self) -> Option<i32> {
        self.lock().sink.failure
    }

    /// Plain counters.
    fn statistics(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let (counts, pending) = {
            let inner = self.lock();
            (inner.sink.counts, inner.sink.pending())
        };
        let into = PyDict::new(py);
        into.set_item("lines", counts.lines)?;
        into.set_item("dropped", counts.dropped)?;
        into.set_item("bytes_written", counts.bytes)?;
        into.set_item("bytes_waiting", pending)?;
        into.set_item("failures", counts.failures)?;
        Ok(into.unbind())
    }
}

impl Journal {
    /// Adds a line. Nothing of what may go wrong is the request's concern.
    pub fn add(&self, py: Python<'_>, now: Instant, entry: &Entry<'_>) {
        let must_call = {
            let mut inner = self.lock();
            let Inner {
                format,
                sink,
                awaited,
            } = &mut *inner;
            sink.add(|out| format.fill(entry, out));
            let must_call = sink.pending() > 0 && awaited.is_none_or(|until| until < now);
            if must_call {
                *awaited = Some(now + self.interval + GRACE);
            }
            must_call
        };
        if must_call {
            if let Err(error) = self.on_pending.call0(py) {
                error.write_unraisable(py, Some(self.on_pending.bind(py)));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held left a buffer and counters: go on.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn borrowed(fields: &[Option<PyBackedBytes>]) -> Vec<Option<&[u8]>> {
    fields.iter().map(Option::as_deref).collect()
}

fn seconds(elapsed: f64) -> Duration {
    Duration::try_from_secs_f64(elapsed).unwrap_or_default()
}
