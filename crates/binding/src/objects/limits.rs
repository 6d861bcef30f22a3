//! `Limits`: what one connection may cost, as Python sets it (seconds) and the core uses it (milliseconds).

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Sizes in bytes, counts, and times in seconds (0: off).
#[pyclass(frozen, module = "quinde._core")]
pub struct Limits {
    pub shared: Arc<quinde_http::Limits>,
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (*, max_line_size=8190, max_field_size=8190, max_headers=128, max_head_size=65536,
                        max_pipelined=32, body_window=524_288, head_timeout=10.0, keepalive_timeout=75.0,
                        body_timeout=60.0, linger_timeout=2.0))]
    #[allow(clippy::too_many_arguments, reason = "one keyword a limit")]
    fn new(
        max_line_size: usize,
        max_field_size: usize,
        max_headers: usize,
        max_head_size: usize,
        max_pipelined: usize,
        body_window: usize,
        head_timeout: f64,
        keepalive_timeout: f64,
        body_timeout: f64,
        linger_timeout: f64,
    ) -> PyResult<Self> {
        let limits = quinde_http::Limits {
            max_line_size,
            max_field_size,
            max_headers,
            max_head_size,
            max_pipelined,
            body_window,
            head_timeout: milliseconds(head_timeout)?,
            keepalive_timeout: milliseconds(keepalive_timeout)?,
            body_timeout: milliseconds(body_timeout)?,
            linger_timeout: milliseconds(linger_timeout)?,
            ..quinde_http::Limits::default()
        };
        Ok(Self {
            shared: Arc::new(limits),
        })
    }
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
