//! `IncomingResponse`: a received response head and its body.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use quinde_http::{BodyLength, ResponseHead};

use super::body::Body;
use super::connection::Connection;
use super::head::{FieldsCache, content_length, first, text, version};
use crate::driver::Link;

#[pyclass(frozen, weakref, module = "quinde._core")]
pub struct IncomingResponse {
    link: Link,
    head: ResponseHead,
    cache: FieldsCache,
    body: Option<Py<Body>>,
}

impl IncomingResponse {
    pub fn new(link: Link, head: ResponseHead, body: Option<Py<Body>>) -> Self {
        Self {
            link,
            head,
            cache: FieldsCache::new(),
            body,
        }
    }
}

#[pymethods]
impl IncomingResponse {
    // No `__clear__`: every cycle through it has a Body or an object of Python's.
    #[expect(clippy::needless_pass_by_value, reason = "the signature of the slot")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.body)
    }

    #[getter]
    fn status(&self) -> u16 {
        self.head.status
    }

    /// The reason phrase as it came.
    #[getter]
    fn reason<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match self.head.reason() {
            b"OK" => Ok(intern!(py, "OK").clone()),
            other => text(py, other),
        }
    }

    #[getter]
    fn raw_headers(&self, py: Python<'_>) -> PyResult<Py<PyTuple>> {
        self.cache.raw(py, &self.head.headers)
    }

    #[getter]
    fn headers(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.cache.headers(py, &self.head.headers)
    }

    /// The first value of a field, without building `headers`.
    fn header<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyString>>> {
        first(py, &self.head.headers, name)
    }

    #[getter]
    fn http_version(&self) -> (u8, u8) {
        version(self.head.version)
    }

    /// Whether the connection can be used again after this response.
    #[getter]
    fn keep_alive(&self) -> bool {
        self.head.keep_alive
    }

    /// Whether the protocol is switched after this head.
    #[getter]
    fn upgrade(&self) -> bool {
        self.head.upgrade
    }

    #[getter]
    fn chunked(&self) -> bool {
        self.head.body == BodyLength::Chunked
    }

    #[getter]
    fn content_length(&self) -> Option<u64> {
        content_length(&self.head.headers)
    }

    #[getter]
    fn body(&self, py: Python<'_>) -> Option<Py<Body>> {
        self.body.as_ref().map(|body| body.clone_ref(py))
    }

    /// The connection; None when it is gone.
    #[getter]
    fn connection(&self, py: Python<'_>) -> PyResult<Option<Py<Connection>>> {
        Connection::of(py, self.link.serial, self.link.token)
    }
}
