//! `IncomingRequest`: a received request and the channel for its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyString, PyTuple};
use quinde_http::{BodyLength, RequestHead, Version};
use quinde_reactor::Address;

use super::body::Body;
use super::connection::{Connection, address};
use super::head::{FieldsCache, content_length, first, version};
use super::journal::{Entry, Fields, Plain, Remote, RequestLine};
use super::limits::Limits;
use super::service::Service;
use crate::driver::connection::{Endpoint, Peers};
use crate::driver::{Link, answer, with_connection};

#[pyclass(frozen, weakref, module = "quinde._core")]
pub struct IncomingRequest {
    pub link: Link,
    pub service: Py<Service>,
    limits: Py<Limits>,
    pub head: RequestHead,
    cache: FieldsCache,
    pub peers: Arc<Peers>,
    body: Option<Py<Body>>,
    number: u64,
    ended: AtomicBool,
    /// Whether the service keeps the Task.
    kept: AtomicBool,
    /// The answer's size, kept for when its connection has gone.
    answer_size: AtomicU64,
    /// When it came, if its service is timed.
    began: Option<Instant>,
}

impl IncomingRequest {
    pub fn new(
        link: Link,
        head: RequestHead,
        peers: Arc<Peers>,
        service: Py<Service>,
        limits: Py<Limits>,
        body: Option<Py<Body>>,
        number: u64,
    ) -> Self {
        let began = service.get().timed.then(Instant::now);
        Self {
            link,
            service,
            limits,
            head,
            cache: FieldsCache::new(),
            peers,
            body,
            number,
            ended: AtomicBool::new(false),
            kept: AtomicBool::new(false),
            answer_size: AtomicU64::new(0),
            began,
        }
    }

    /// Whether the handler has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Has the service keep the Task of a handler that is suspended: asyncio itself holds it weakly.
    pub fn keep_task(&self, task: Py<PyAny>) {
        self.kept.store(true, Ordering::Relaxed);
        self.service.get().keep_task(self.number, task);
    }

    /// Notes the end; true the first time.
    fn end(&self) -> bool {
        let first_time = !self.ended.swap(true, Ordering::Relaxed);
        if self.kept.swap(false, Ordering::Relaxed) {
            drop(self.service.get().forget_task(self.number));
        }
        first_time
    }

    /// The peer's name where a transport knows it: what the address begins with, or all of it.
    pub fn remote_name(&self, py: Python<'_>) -> Option<PyBackedStr> {
        let Endpoint::Python(address) = &self.peers.peer else {
            return None;
        };
        let address = address.bind(py);
        let host = match address.cast::<PyTuple>() {
            Ok(parts) => parts.get_item(0).ok()?,
            Err(_) => address.clone(),
        };
        host.extract().ok()
    }

    /// What the access log says of this request.
    pub fn entry<'a>(
        &'a self,
        remote_name: Option<&'a str>,
        status: u16,
        size: u64,
        began: Instant,
        elapsed: Duration,
        response: Fields<'a>,
    ) -> Entry<'a> {
        let remote = match &self.peers.peer {
            Endpoint::Native(Address::Inet(address)) => Remote::Address(address.ip()),
            Endpoint::Native(Address::Unix(Some(path))) => Remote::Name(path.as_os_str().as_encoded_bytes()),
            _ => Remote::Name(remote_name.unwrap_or_default().as_bytes()),
        };
        Entry {
            remote,
            line: RequestLine::Head(&self.head),
            status,
            size,
            began,
            elapsed,
            request: Fields::Received(&self.head.headers),
            response,
        }
    }

    /// Writes to the service's journal, if there is one, about the answer that `respond` has sent.
    fn write_journal(
        &self,
        py: Python<'_>,
        status: u16,
        content_type: Option<&str>,
        length: usize,
        size: u64,
    ) {
        let service = self.service.get();
        let (Some(journal), Some(began)) = (&service.journal, self.began) else {
            return;
        };
        let now = Instant::now();
        let persistence = match (self.head.version, self.head.keep_alive) {
            (Version::Http11, false) => Some("close"),
            (Version::Http10, true) => Some("keep-alive"),
            _ => None,
        };
        let response = Fields::Plain(Plain {
            content_type,
            length,
            server: &service.server_header,
            persistence,
        });
        let elapsed = now.saturating_duration_since(began);
        let remote = self.remote_name(py);
        journal.get().add(
            py,
            now,
            &self.entry(remote.as_deref(), status, size, began, elapsed, response),
        );
    }
}

#[pymethods]
impl IncomingRequest {
    // No `__clear__`: every cycle through it has a Body or an object of Python's.
    #[expect(clippy::needless_pass_by_value, reason = "the signature of the slot")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.service)?;
        visit.call(&self.body)
    }

    #[getter]
    pub fn method<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        match self.head.method() {
            "GET" => intern!(py, "GET").clone(),
            "POST" => intern!(py, "POST").clone(),
            other => PyString::new(py, other),
        }
    }

    /// The target as it came.
    #[getter]
    fn target(&self) -> &str {
        self.head.target()
    }

    /// The target up to `?` or `#`.
    #[getter]
    pub fn raw_path(&self) -> &str {
        self.head.path()
    }

    /// The target after `?` and up to `#`.
    #[getter]
    fn raw_query(&self) -> &str {
        self.head.query()
    }

    /// Whether the peer waits for 100 before it sends the body.
    #[getter]
    pub fn expect_continue(&self) -> bool {
        self.head.expect_continue
    }

    /// The value of Expect.
    #[getter]
    fn expect<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        first(py, &self.head.headers, "Expect")
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

    /// Whether the peer wants to use the connection again.
    #[getter]
    fn keep_alive(&self) -> bool {
        self.head.keep_alive
    }

    /// Whether another protocol is offered.
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

    /// After a 101 (Switching Protocols): the bytes of the new protocol, read like a body; None before.
    ///
    /// They are answered by `connection.write`; `done` closes the connection.
    #[getter]
    fn upgraded(&self, py: Python<'_>) -> Option<Py<Body>> {
        answer::upgraded(py, self.link)
    }

    /// The connection; None when it is gone.
    #[getter]
    fn connection(&self, py: Python<'_>) -> PyResult<Option<Py<Connection>>> {
        Connection::of(py, self.link.serial, self.link.token)
    }

    /// What its site's `Limits` were made of.
    #[getter]
    fn limits(&self, py: Python<'_>) -> Py<PyAny> {
        self.limits.get().origin(py)
    }

    /// Has other limits for the rest of this request.
    fn change_limits(&self, py: Python<'_>, limits: &Bound<'_, Limits>) {
        answer::change_limits(py, self.link, &limits.get().shared);
    }

    #[getter]
    fn peername(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        address(py, Some(&self.peers.peer))
    }

    #[getter]
    fn sockname(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        with_connection(self.link.serial, self.link.token, |connection| {
            connection.learn_local();
        });
        address(py, self.peers.local.get())
    }

    /// Whether the connection is encrypted.
    #[getter]
    fn secure(&self) -> bool {
        self.peers.is_secure
    }

    /// Whether the peer has gone, or the connection is closed from this end.
    #[getter]
    fn disconnected(&self) -> bool {
        with_connection(self.link.serial, self.link.token, |connection| {
            connection.peer_closed || connection.closing
        })
        .unwrap_or(true)
    }

    /// Whether a final head has been sent.
    #[getter]
    fn started(&self) -> bool {
        answer::is_started(self.link)
    }

    /// Seconds since it came; 0.0 where the service is not timed.
    #[getter]
    fn elapsed(&self) -> f64 {
        self.began.map_or(0.0, |began| began.elapsed().as_secs_f64())
    }

    /// The Task of the handler while it is suspended.
    #[getter]
    fn task(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.service.get().task(py, self.number)
    }

    /// Sends the whole plain answer and ends the handler's part.
    #[pyo3(signature = (status, content_type, body))]
    fn respond(
        &self,
        py: Python<'_>,
        status: u16,
        content_type: Option<&str>,
        body: &Bound<'_, PyBytes>,
    ) -> PyResult<()> {
        let size = answer::respond(py, self, status, content_type, body)?;
        self.end();
        self.answer_size.store(size, Ordering::Relaxed);
        self.write_journal(py, status, content_type, body.as_bytes().len(), size);
        Ok(())
    }

    /// Sends an interim response (1xx).
    fn informational(&self, py: Python<'_>, status: u16, items: &Bound<'_, PyAny>) -> PyResult<()> {
        answer::informational(py, self.link, status, &super::fields::encode(items)?)?;
        answer::after(py, self.link, false);
        Ok(())
    }

    /// Sends the head: fields in the order given. `length` None and not `chunked`: the body ends with the connection.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call a response: an options object would cost more"
    )]
    fn start(
        &self,
        py: Python<'_>,
        status: u16,
        reason: Option<&str>,
        items: &Bound<'_, PyAny>,
        length: Option<u64>,
        chunked: bool,
        close: bool,
    ) -> PyResult<()> {
        let body = match (length, chunked) {
            (_, true) => BodyLength::Chunked,
            (Some(length), false) => BodyLength::Known(length),
            (None, false) => BodyLength::UntilClose,
        };
        answer::start(
            py,
            self.link,
            status,
            reason,
            &super::fields::encode(items)?,
            body,
            close,
        )
    }

    /// Sends what waits, as a head whose body does not follow at once; in a turn its end does that.
    fn flush(&self, py: Python<'_>) {
        answer::after(py, self.link, false);
    }

    /// Sends a piece of the body. False: wait for `drain` before the next.
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<bool> {
        answer::write(py, self.link, data)?;
        Ok(answer::after(py, self.link, false))
    }

    /// A future that is done when enough was sent; None if there is nothing to wait for.
    fn drain(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        answer::drain(py, self.link)
    }

    /// Sends a last piece and ends the body.
    #[pyo3(signature = (data=None))]
    fn write_eof(&self, py: Python<'_>, data: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        answer::write_eof(py, self.link, data)?;
        // Outside a turn the answer leaves now, and with `close` its connection goes too.
        self.answer_size.store(self.output_size(), Ordering::Relaxed);
        answer::after(py, self.link, false);
        Ok(())
    }

    /// The handler has ended; an incomplete answer closes the connection.
    fn done(&self, py: Python<'_>) {
        if self.end() {
            answer::after(py, self.link, true);
        }
    }

    /// The Task has ended, perhaps before its coroutine began.
    fn task_ended(&self, py: Python<'_>, _task: &Bound<'_, PyAny>) {
        self.done(py);
    }

    /// Bytes of this answer handed to the connection so far.
    #[getter]
    fn output_size(&self) -> u64 {
        answer::output_size(self.link).unwrap_or_else(|| self.answer_size.load(Ordering::Relaxed))
    }
}
