//! `Limits`: what one connection may cost, as Python sets it (seconds) and the core uses it (milliseconds).
//!
//! One object for each site that has limits of its own, and one for the server's other sites: it counts the open
//! connections of those that share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Sizes in bytes, counts, and times in seconds (0: off).
#[pyclass(frozen, module = "quinde._core")]
pub struct Limits {
    pub shared: Arc<quinde_http::Limits>,
    /// 0: as many as there are descriptors for.
    max_connections: usize,
    descriptors: usize,
    open: AtomicUsize,
    origin: Option<Py<PyAny>>,
}

/// Connections that the servers of this process have open.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// What is left for files, clients and the rest of the process.
const SPARE_DESCRIPTORS: usize = 64;

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (*, max_line_size=8190, max_field_size=8190, max_headers=128, max_head_size=65536,
                        max_trailers_size=8192, max_trailers=32, max_chunk_extensions=4096, max_pipelined=32,
                        max_discard=16_777_216, body_window=524_288, head_timeout=10.0, handshake_timeout=10.0,
                        first_timeout=75.0, keepalive_timeout=75.0, body_timeout=60.0, min_body_rate=0, write_timeout=60.0,
                        linger_timeout=2.0, max_connections=0, origin=None))]
    #[allow(clippy::too_many_arguments, reason = "one keyword a limit")]
    fn new(
        max_line_size: usize,
        max_field_size: usize,
        max_headers: usize,
        max_head_size: usize,
        max_trailers_size: usize,
        max_trailers: usize,
        max_chunk_extensions: usize,
        max_pipelined: usize,
        max_discard: u64,
        body_window: usize,
        head_timeout: f64,
        handshake_timeout: f64,
        first_timeout: f64,
        keepalive_timeout: f64,
        body_timeout: f64,
        min_body_rate: u64,
        write_timeout: f64,
        linger_timeout: f64,
        max_connections: usize,
        origin: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let limits = quinde_http::Limits {
            max_line_size,
            max_field_size,
            max_headers,
            max_head_size,
            max_trailers_size,
            max_trailers,
            max_chunk_extensions,
            max_pipelined,
            max_discard,
            body_window,
            head_timeout: milliseconds(head_timeout)?,
            handshake_timeout: milliseconds(handshake_timeout)?,
            first_timeout: milliseconds(first_timeout)?,
            keepalive_timeout: milliseconds(keepalive_timeout)?,
            body_timeout: milliseconds(body_timeout)?,
            min_body_rate,
            write_timeout: milliseconds(write_timeout)?,
            linger_timeout: milliseconds(linger_timeout)?,
        };
        Ok(Self {
            shared: Arc::new(limits),
            max_connections,
            descriptors: usable_descriptors(),
            open: AtomicUsize::new(0),
            origin,
        })
    }
}

impl Limits {
    /// What Python made it of.
    pub fn origin(&self, py: Python<'_>) -> Py<PyAny> {
        self.origin
            .as_ref()
            .map_or_else(|| py.None(), |origin| origin.clone_ref(py))
    }

    /// Whether another connection may be opened.
    pub fn has_room(&self) -> bool {
        match self.max_connections {
            0 => OPEN.load(Ordering::Relaxed) < self.descriptors,
            most => self.open.load(Ordering::Relaxed) < most,
        }
    }

    pub fn count_opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
        OPEN.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// For how many connections there are descriptors: all but a few of those that the process may have open.
fn usable_descriptors() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live rlimit.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return usize::MAX;
    }
    let all = usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX);
    // Where there are very few, half of them.
    all.saturating_sub(SPARE_DESCRIPTORS).max(all / 2)
}

/// Seconds as whole milliseconds, rounded up, so that a timeout never fires early.
pub fn milliseconds(seconds: f64) -> PyResult<u64> {
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(PyValueError::new_err(format!(
            "a timeout is a number of seconds from 0 on, not {seconds}"
        )));
    }
    // A year is as good as for ever; larger numbers would overflow sums with the clock.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: finite, from 0 to a year"
    )]
    let whole = (seconds.min(31_536_000.0) * 1000.0).ceil() as u64;
    Ok(whole)
}
