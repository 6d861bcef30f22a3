//! `Connection`: what Python holds of one connection, of either end and on either backend.

use std::sync::{Mutex, PoisonError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use quinde_reactor::{Address, Token};

use super::fields::Fields;
use super::limits::Limits;
use super::outgoing::OutgoingRequest;
use super::service::Service;
use super::tally::Tally;
use crate::driver::client::{self, Outgoing};
use crate::driver::connection::{self as wire, Endpoint, Side};
use crate::driver::exchange::Timeouts;
use crate::driver::raw::{self, Sink};
use crate::driver::transport::{self, Carried};
use crate::driver::{Link, answer, command, tls, with_connection, with_loop};
use quinde_http::BodyLength;

#[pyclass(frozen, weakref, module = "quinde._core")]
pub struct Connection {
    pub serial: u64,
    pub token: Token,
    #[pyo3(get)]
    is_server: bool,
    facade: Mutex<Option<Py<PyAny>>>,
}

impl Connection {
    /// Lets go of the façade: the connection is gone.
    pub fn take_facade(&self) -> Option<Py<PyAny>> {
        self.facade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The one Python object of a connection; None when the connection is gone.
    pub fn of(py: Python<'_>, serial: u64, token: Token) -> PyResult<Option<Py<Self>>> {
        let known = with_connection(serial, token, |connection| {
            let is_server = matches!(connection.side.http(), Side::Server(_));
            (
                connection.handle.as_ref().map(|handle| handle.clone_ref(py)),
                is_server,
            )
        });
        match known {
            None => Ok(None),
            Some((Some(handle), _)) => Ok(Some(handle)),
            Some((None, is_server)) => {
                let made = Py::new(
                    py,
                    Self {
                        serial,
                        token,
                        is_server,
                        facade: Mutex::new(None),
                    },
                )?;
                with_connection(serial, token, |connection| {
                    connection.handle = Some(made.clone_ref(py));
                });
                Ok(Some(made))
            }
        }
    }
}

#[pymethods]
impl Connection {
    #[expect(clippy::needless_pass_by_value, reason = "the signature of the slot")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Locked only by code that makes no Python call meanwhile.
        self.facade
            .try_lock()
            .map_or(Ok(()), |facade| visit.call(&*facade))
    }

    fn __clear__(&self) {
        drop(self.take_facade());
    }

    /// Serves the requests that an asyncio transport receives.
    ///
    /// The carrier is the transport that sends, where another one stands between; so with a client's.
    #[staticmethod]
    #[pyo3(signature = (transport, service, limits, carrier=None))]
    fn attach_server(
        py: Python<'_>,
        transport: &Bound<'_, PyAny>,
        service: Py<Service>,
        limits: Py<Limits>,
        carrier: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<Self>> {
        transport::attach_server(py, &Carried { transport, carrier }, service, limits)
    }

    /// Sends requests over an asyncio transport.
    #[staticmethod]
    #[pyo3(signature = (transport, limits, on_idle, on_lost, body_window, tally=None, carrier=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "settings of a connection, most of them by name"
    )]
    fn attach_client(
        py: Python<'_>,
        transport: &Bound<'_, PyAny>,
        limits: &Bound<'_, Limits>,
        on_idle: Option<Py<PyAny>>,
        on_lost: Option<Py<PyAny>>,
        body_window: usize,
        tally: Option<Py<Tally>>,
        carrier: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<Self>> {
        let carried = Carried { transport, carrier };
        transport::attach_client(py, &carried, limits.get(), on_idle, on_lost, body_window, tally)
    }

    /// `asyncio.Protocol.data_received`.
    fn data_received(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(bytes) = data.cast::<PyBytes>() {
            return transport::data_received(py, self.serial, self.token, bytes.as_bytes());
        }
        let copied = pyo3::buffer::PyBuffer::<u8>::get(data)?.to_vec(py)?;
        transport::data_received(py, self.serial, self.token, &copied)
    }

    /// `asyncio.Protocol.eof_received`: true keeps the transport open until the answer is sent.
    fn eof_received(&self, py: Python<'_>) -> PyResult<bool> {
        transport::eof_received(py, self.serial, self.token)
    }

    /// `asyncio.Protocol.connection_lost`.
    fn connection_lost(&self, py: Python<'_>, exc: Option<Bound<'_, PyAny>>) {
        transport::connection_lost(py, self.serial, self.token, exc);
    }

    /// `asyncio.Protocol.pause_writing`.
    fn pause_writing(&self, py: Python<'_>) {
        transport::set_writable(py, self.serial, self.token, false);
    }

    /// `asyncio.Protocol.resume_writing`.
    fn resume_writing(&self, py: Python<'_>) {
        transport::set_writable(py, self.serial, self.token, true);
    }

    /// The asyncio transport; None on the reactor backend and when the connection is gone.
    #[getter]
    fn transport(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        with_connection(self.serial, self.token, |connection| match &connection.io {
            wire::Io::Transport { transport, .. } => Some(transport.clone_ref(py)),
            wire::Io::Socket(_) => None,
        })
        .flatten()
    }

    /// Begins the TLS handshake of a client: gives a future that is done when it is.
    fn secure(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        tls::begin(py, self.serial, self.token)
    }

    /// The `ssl.SSLObject`; None where there is no TLS, or asyncio does it.
    #[getter]
    fn ssl_object(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        with_connection(self.serial, self.token, |connection| {
            let session = connection.tls.as_ref()?.session()?;
            Some(session.object.clone_ref(py))
        })
        .flatten()
    }

    /// The `ssl.SSLContext`; None where there is no TLS, or asyncio does it.
    #[getter]
    fn ssl_context(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        with_connection(self.serial, self.token, |connection| {
            let tls = connection.tls.as_ref()?;
            Some(tls.settings.get().context.clone_ref(py))
        })
        .flatten()
    }

    /// One cached Python object for this connection; None at first.
    #[getter]
    fn facade(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let facade = self.facade.lock().unwrap_or_else(PoisonError::into_inner);
        facade.as_ref().map(|facade| facade.clone_ref(py))
    }

    #[setter]
    fn set_facade(&self, facade: Option<Py<PyAny>>) {
        let old = std::mem::replace(
            &mut *self.facade.lock().unwrap_or_else(PoisonError::into_inner),
            facade,
        );
        drop(old);
    }

    /// Has the core panic when it drives this connection next; only builds for tests have this.
    #[cfg(debug_assertions)]
    fn panic_when_driven(&self) {
        with_connection(self.serial, self.token, |connection| connection.panics = true);
    }

    fn is_closing(&self) -> bool {
        with_connection(self.serial, self.token, |connection| connection.is_closing()).unwrap_or(true)
    }

    /// What is still to come is taken for lost, as if the peer had gone: so ends who closes a transport by hand.
    fn hang_up(&self) {
        with_connection(self.serial, self.token, |connection| connection.hang_up());
    }

    /// Closes once the queued output is sent.
    fn close(&self, py: Python<'_>) {
        command::close(py, self.serial, self.token, false);
    }

    /// Closes at once; queued output is lost.
    fn abort(&self, py: Python<'_>) {
        command::close(py, self.serial, self.token, true);
    }

    /// What the `Limits` of its site were made of; None for a client's, or when it is gone.
    #[getter]
    fn limits(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        with_connection(self.serial, self.token, |connection| {
            match connection.side.http() {
                Side::Server(server) => Some(server.limits.get().origin(py)),
                Side::Client(_) | Side::Raw(_) => None,
            }
        })
        .flatten()
    }

    #[getter]
    fn peername(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let peers = with_connection(self.serial, self.token, |connection| {
            std::sync::Arc::clone(&connection.peers)
        });
        address(py, peers.as_ref().map(|peers| &peers.peer))
    }

    #[getter]
    fn sockname(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let peers = with_connection(self.serial, self.token, |connection| {
            connection.learn_local();
            std::sync::Arc::clone(&connection.peers)
        });
        address(py, peers.as_ref().and_then(|peers| peers.local.get()))
    }

    /// The socket's descriptor; -1 when there is none.
    fn fileno(&self) -> i32 {
        with_connection(self.serial, self.token, |connection| connection.fileno()).unwrap_or(-1)
    }

    /// Sends raw bytes, after an upgrade.
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<bool> {
        command::write_raw(py, self.serial, self.token, data)
    }

    fn pause_reading(&self, py: Python<'_>) {
        command::set_user_paused(py, self.serial, self.token, true);
    }

    fn resume_reading(&self, py: Python<'_>) {
        command::set_user_paused(py, self.serial, self.token, false);
    }

    /// Bytes that wait to be sent.
    #[getter]
    fn write_buffer_size(&self, py: Python<'_>) -> PyResult<usize> {
        raw::unsent(py, self.serial, self.token)
    }

    /// A future that is done when enough was sent; None if there is nothing to wait for.
    fn drain(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        command::drain(py, self.serial, self.token)
    }

    /// A future that is done when all is sent or the connection gone; None if nothing waits to be sent.
    fn sent(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        command::sent(py, self.serial, self.token)
    }

    /// Whether a request may be sent: open, idle, keep-alive.
    fn is_usable(&self) -> bool {
        with_connection(self.serial, self.token, |connection| match &connection.side {
            Side::Client(client) => client.is_usable() && !connection.closing && !connection.peer_closed,
            Side::Server(_) | Side::Raw(_) => false,
        })
        .unwrap_or(false)
    }

    /// Gives the connection to an `asyncio.Protocol`, which knows it by that transport, or to another one.
    fn take_over(
        &self,
        py: Python<'_>,
        transport: Bound<'_, PyAny>,
        protocol: Bound<'_, PyAny>,
        buffered: bool,
    ) {
        let sink = Sink {
            transport: transport.unbind(),
            protocol: protocol.unbind(),
            buffered,
        };
        raw::take_over(py, self.serial, self.token, sink);
    }

    /// Whether another protocol has the connection.
    #[getter]
    fn taken_over(&self) -> bool {
        with_connection(self.serial, self.token, |connection| {
            matches!(connection.side, Side::Raw(_))
        })
        .unwrap_or(false)
    }

    /// Sends bytes of the protocol that has the connection; they are dropped when it is gone.
    fn send(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        raw::write(py, self.serial, self.token, data)
    }

    /// Closes the writing half behind them.
    fn send_eof(&self, py: Python<'_>) {
        raw::write_eof(py, self.serial, self.token);
    }

    /// Closes at once; the protocol that has the connection is told why.
    fn fail(&self, py: Python<'_>, exc: Option<Bound<'_, PyAny>>) {
        raw::give_up(py, self.serial, self.token, exc.map(PyErr::from_value));
    }

    /// Whether it is open and not paused.
    fn is_reading(&self) -> bool {
        with_connection(self.serial, self.token, |connection| {
            !connection.is_closing() && !connection.user_paused
        })
        .unwrap_or(false)
    }

    /// The marks below and above which writers go on and wait.
    #[getter]
    fn write_buffer_limits(&self) -> (usize, usize) {
        raw::marks(self.serial, self.token)
    }

    /// Other marks for the protocol that has the connection.
    fn set_write_buffer_limits(&self, py: Python<'_>, high: usize, low: usize) -> PyResult<()> {
        raw::set_marks(py, self.serial, self.token, high, low)
    }

    /// Sends a whole request; gives a future of its response head.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call a request: an options object would cost more"
    )]
    fn request(
        &self,
        py: Python<'_>,
        method: &str,
        target: &str,
        fields: &Bound<'_, Fields>,
        extra: Option<&Bound<'_, Fields>>,
        body: Option<&Bound<'_, PyBytes>>,
        timeout: f64,
        read_timeout: f64,
        write_timeout: f64,
    ) -> PyResult<Py<PyAny>> {
        let create = with_loop(self.serial, |state| state.handles.create_future.clone_ref(py))
            .ok_or_else(|| crate::errors::closed(py))?;
        let future = create.call0(py)?;
        let length = match body {
            Some(body) => BodyLength::Known(body.as_bytes().len() as u64),
            None if matches!(method, "POST" | "PUT" | "PATCH") => BodyLength::Known(0),
            None => BodyLength::Empty,
        };
        let extra = extra
            .map(|extra| extra.get().items.as_slice())
            .unwrap_or_default();
        let outgoing = Outgoing {
            method,
            target,
            fields: fields
                .get()
                .iter()
                .chain(extra.iter().map(|(name, value)| (&**name, &**value))),
            length,
            expect_continue: false,
            timeouts: Timeouts::of_seconds(timeout, read_timeout, write_timeout)?,
        };
        let whole = body.map(|body| answer::piece(body, body.as_bytes()));
        client::begin(
            py,
            self.serial,
            self.token,
            outgoing,
            whole,
            Some(future.clone_ref(py)),
        )?;
        Ok(future)
    }

    /// Begins a request whose body follows in pieces; `length` None: chunked.
    #[allow(clippy::too_many_arguments, reason = "see request")]
    fn start(
        &self,
        py: Python<'_>,
        method: &str,
        target: &str,
        fields: &Bound<'_, Fields>,
        extra: Option<&Bound<'_, Fields>>,
        length: Option<u64>,
        expect_continue: bool,
        timeout: f64,
        read_timeout: f64,
        write_timeout: f64,
    ) -> PyResult<OutgoingRequest> {
        let extra = extra
            .map(|extra| extra.get().items.as_slice())
            .unwrap_or_default();
        let outgoing = Outgoing {
            method,
            target,
            fields: fields
                .get()
                .iter()
                .chain(extra.iter().map(|(name, value)| (&**name, &**value))),
            length: length.map_or(BodyLength::Chunked, BodyLength::Known),
            expect_continue,
            timeouts: Timeouts::of_seconds(timeout, read_timeout, write_timeout)?,
        };
        let stream = client::begin(py, self.serial, self.token, outgoing, None, None)?;
        Ok(OutgoingRequest {
            link: Link {
                serial: self.serial,
                token: self.token,
                stream,
            },
        })
    }
}

/// An address as asyncio's `get_extra_info` gives it.
pub fn address(py: Python<'_>, endpoint: Option<&Endpoint>) -> PyResult<Py<PyAny>> {
    let native = match endpoint {
        None => return Ok(py.None()),
        Some(Endpoint::Python(object)) => return Ok(object.clone_ref(py)),
        Some(Endpoint::Native(address)) => address,
    };
    let object = match native {
        Address::Inet(std::net::SocketAddr::V4(v4)) => {
            (v4.ip().to_string(), v4.port()).into_pyobject(py)?.into_any()
        }
        Address::Inet(std::net::SocketAddr::V6(v6)) => PyTuple::new(
            py,
            [
                v6.ip().to_string().into_pyobject(py)?.into_any(),
                v6.port().into_pyobject(py)?.into_any(),
                u32::from_be(v6.flowinfo()).into_pyobject(py)?.into_any(),
                v6.scope_id().into_pyobject(py)?.into_any(),
            ],
        )?
        .into_any(),
        Address::Unix(None) => intern!(py, "").clone().into_any(),
        Address::Unix(Some(path)) => PyString::new(py, &path.to_string_lossy()).into_any(),
    };
    Ok(object.unbind())
}
