//! `TlsSettings`: how the connections of one listener, or one connection of a client, are to be secured.

use pyo3::prelude::*;

use super::limits::milliseconds;

/// A context of Python's `ssl` and what it is to be used with. Times are in seconds; 0 is off.
#[pyclass(frozen, module = "quinde._core")]
pub struct TlsSettings {
    #[pyo3(get)]
    pub context: Py<PyAny>,
    #[pyo3(get)]
    pub server_hostname: Option<String>,
    pub session: Option<Py<PyAny>>,
    pub handshake_timeout: u64,
    pub shutdown_timeout: u64,
}

#[pymethods]
impl TlsSettings {
    #[new]
    #[pyo3(signature = (context, *, server_hostname=None, session=None, handshake_timeout=10.0, shutdown_timeout=0.0))]
    fn new(
        context: Py<PyAny>,
        server_hostname: Option<String>,
        session: Option<Py<PyAny>>,
        handshake_timeout: f64,
        shutdown_timeout: f64,
    ) -> PyResult<Self> {
        Ok(Self {
            context,
            server_hostname,
            session,
            handshake_timeout: milliseconds(handshake_timeout)?,
            shutdown_timeout: milliseconds(shutdown_timeout)?,
        })
    }
}
