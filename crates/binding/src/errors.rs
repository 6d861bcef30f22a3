//! The one table from core errors to Python exceptions.

use std::io;
use std::sync::Arc;

use pyo3::create_exception;
use pyo3::exceptions::{
    PyConnectionResetError, PyException, PyOSError, PyRuntimeError, PyTimeoutError, PyValueError,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use quinde_http::{Error, Kind, Side};

use crate::driver::connection::Peers;
use crate::objects::connection::address;

create_exception!(
    quinde._core,
    BodyTooLarge,
    PyException,
    "A body is larger than its reader allows: (limit, size)."
);

/// Why an exchange or a connection ended.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The time for the whole exchange is over.
    Total,
    /// Nothing arrived for as long as `sock_read` allows.
    ReadTimeout,
    /// The peer took nothing for as long as `sock_write` allows.
    WriteTimeout,
    /// The peer closed before it answered.
    Disconnected,
    /// The system said so: errno and text.
    Os(i32, String),
    /// The peer broke the protocol or stopped too early.
    Protocol(Error),
    /// The TLS handshake took longer than so many milliseconds.
    HandshakeTimeout(u64),
    /// The connection ended without TLS's close_notify where that counts.
    Cut,
    /// This end closed the connection.
    Closed,
}

impl Failure {
    pub fn os(error: &io::Error) -> Self {
        // Rust writes the number behind the words; Python's exceptions write it before them.
        let text = error.to_string();
        let words = text.split(" (os error ").next().unwrap_or_default();
        Self::Os(error.raw_os_error().unwrap_or(0), words.to_owned())
    }
}

/// Who learns of a failure: the same cause has other names for other readers.
#[derive(Clone)]
pub enum Stage {
    /// The messages of these two end in the peer's address.
    ClientHead(Arc<Peers>),
    ClientBody(Arc<Peers>),
    ServerBody,
    Write,
    Handshake,
}

impl Stage {
    /// Whom the failure is about, for the end of a message.
    fn peer(&self, py: Python<'_>) -> PyResult<String> {
        let (Self::ClientHead(peers) | Self::ClientBody(peers)) = self else {
            return Ok(String::new());
        };
        let address = address(py, Some(&peers.peer))?;
        let address = address.bind(py);
        Ok(match address.extract::<Vec<Bound<'_, PyAny>>>() {
            Ok(parts) if address.is_instance_of::<PyTuple>() && parts.len() == 4 => {
                format!(" (peer [{}]:{})", parts[0], parts[1])
            }
            Ok(parts) if address.is_instance_of::<PyTuple>() && parts.len() == 2 => {
                format!(" (peer {}:{})", parts[0], parts[1])
            }
            _ if address.is_truthy()? => format!(" (peer {address})"),
            _ => String::new(),
        })
    }
}

/// The exception for a failure, as aiohttp names it.
pub fn exception(py: Python<'_>, failure: &Failure, stage: &Stage) -> PyErr {
    make(py, failure, stage).unwrap_or_else(|error| error)
}

fn make(py: Python<'_>, failure: &Failure, stage: &Stage) -> PyResult<PyErr> {
    let peer = stage.peer(py)?;
    let error = match (failure, stage) {
        (Failure::Total, _) => {
            PyTimeoutError::new_err("the whole request took longer than its total timeout")
        }
        (Failure::ReadTimeout, _) => {
            named(py, "SocketTimeoutError", ("Timeout on reading data from socket",))?
        }
        (_, Stage::Handshake) => handshake_error(failure),
        (Failure::WriteTimeout, _) => {
            named(py, "SocketTimeoutError", ("Timeout on writing data to socket",))?
        }
        (_, Stage::Write) => named(
            py,
            "ClientConnectionResetError",
            ("Cannot write to closing transport",),
        )?,
        (Failure::Protocol(error), Stage::ServerBody)
            if error.kind == Kind::Disconnected || is_cut(error) =>
        {
            PyConnectionResetError::new_err("Connection lost")
        }
        (Failure::Protocol(error), Stage::ClientHead(_)) if error.kind == Kind::Disconnected => {
            disconnected(py, "Server disconnected", &peer)?
        }
        (Failure::Protocol(error), Stage::ClientHead(_)) if is_cut(error) => {
            disconnected(py, &error.to_string(), &peer)?
        }
        (Failure::Protocol(error), Stage::ClientBody(_)) => {
            let cause = broken(py, error)?;
            let text = if is_cut(error) {
                let shown = cause.value(py).repr()?;
                format!("Response payload is not completed: {shown}{peer}")
            } else {
                format!("{error}{peer}")
            };
            caused(py, "ClientPayloadError", (text,), cause)?
        }
        (Failure::Protocol(error), Stage::ServerBody) => {
            let refused = broken(py, error)?;
            if let Some(status) = error.status {
                refused.value(py).setattr(intern!(py, "code"), status)?;
            }
            refused
        }
        (Failure::Protocol(error), _) => broken(py, error)?,
        (_, Stage::ServerBody) => PyConnectionResetError::new_err("Connection lost"),
        (Failure::Disconnected, Stage::ClientHead(_)) => disconnected(py, "Server disconnected", &peer)?,
        (Failure::Os(number, text), Stage::ClientHead(_)) => {
            let cause = PyOSError::new_err((*number, text.clone()));
            caused(py, "ClientOSError", (*number, format!("{text}{peer}")), cause)?
        }
        (Failure::Os(number, text), Stage::ClientBody(_)) => {
            let cause = PyOSError::new_err((*number, text.clone()));
            let text = format!("Response payload is not completed: {text}{peer}");
            caused(py, "ClientPayloadError", (text,), cause)?
        }
        (Failure::Disconnected, Stage::ClientBody(_)) => {
            let text = format!("Response payload is not completed{peer}");
            named(py, "ClientPayloadError", (text,))?
        }
        (Failure::Cut, _) => named(
            py,
            "ClientPayloadError",
            (format!(
                "Response payload is not completed: the connection ended without TLS close_notify{peer}"
            ),),
        )?,
        (Failure::Closed, Stage::ClientBody(_)) => {
            named(py, "_ClosedWhileReadError", ("Connection closed.",))?
        }
        (Failure::Closed | Failure::HandshakeTimeout(_), _) => {
            named(py, "ClientConnectionError", ("Connection closed",))?
        }
    };
    Ok(error)
}

/// What a protocol that has taken a connection over learns of its end; None for an ordinary one.
pub fn lost(failure: &Failure) -> Option<PyErr> {
    match failure {
        Failure::Os(number, text) => Some(PyOSError::new_err((*number, text.clone()))),
        _ => None,
    }
}

/// What a connector gets, which names the host.
fn handshake_error(failure: &Failure) -> PyErr {
    match failure {
        Failure::Os(number, text) => PyOSError::new_err((*number, text.clone())),
        Failure::HandshakeTimeout(after) => PyOSError::new_err((
            libc::ECONNABORTED,
            format!("TLS handshake took longer than {} s", *after as f64 / 1000.0),
        )),
        _ => PyOSError::new_err((
            libc::ECONNRESET,
            "the peer closed the connection during the TLS handshake",
        )),
    }
}

fn is_cut(error: &Error) -> bool {
    matches!(error.kind, Kind::UnexpectedEof { .. } | Kind::EofInHead)
}

fn disconnected(py: Python<'_>, words: &str, peer: &str) -> PyResult<PyErr> {
    named(py, "ServerDisconnectedError", (format!("{words}{peer}"),))
}

fn caused<'py, A>(py: Python<'py>, class: &str, arguments: A, cause: PyErr) -> PyResult<PyErr>
where
    A: pyo3::call::PyCallArgs<'py>,
{
    let error = named(py, class, arguments)?;
    error.set_cause(py, Some(cause));
    Ok(error)
}

/// An exception class of `quinde.errors`, made with these arguments.
fn named<'py, A>(py: Python<'py>, class: &str, arguments: A) -> PyResult<PyErr>
where
    A: pyo3::call::PyCallArgs<'py>,
{
    let module = py.import(intern!(py, "quinde.errors"))?;
    let instance = module.getattr(class)?.call1(arguments)?;
    Ok(PyErr::from_value(instance))
}

/// The exception for a broken rule. Some classes put words of their own around a line; here are more than a line.
fn broken(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let text = error.to_string();
    let broken = named(py, class_of(error.kind), (&text,))?;
    broken.value(py).setattr(intern!(py, "message"), text)?;
    Ok(broken)
}

/// aiohttp's class for a message that breaks the protocol.
fn class_of(kind: Kind) -> &'static str {
    match kind {
        Kind::BadStatusLine | Kind::BadRequestLine => "BadStatusLine",
        Kind::RequestLineTooLong | Kind::FieldTooLong => "LineTooLong",
        Kind::BadFieldName | Kind::BadFieldValue => "InvalidHeader",
        Kind::UnexpectedEof {
            expected: Some(_), ..
        } => "ContentLengthError",
        Kind::UnexpectedEof { expected: None, .. }
        | Kind::BadChunk
        | Kind::BadTrailer
        | Kind::ChunkExtensionsTooLong
        | Kind::TrailersTooLarge => "TransferEncodingError",
        _ => "BadHttpMessage",
    }
}

/// The exception for a command that was refused.
pub fn refused(py: Python<'_>, error: &Error) -> PyErr {
    match error.kind {
        Kind::InvalidFieldName
        | Kind::InvalidFieldValue
        | Kind::InvalidMethod
        | Kind::InvalidTarget
        | Kind::InvalidReason
        | Kind::InvalidStatus => PyValueError::new_err(error.to_string()),
        Kind::StreamClosed => closed(py),
        _ if error.side == Side::Local => PyRuntimeError::new_err(error.to_string()),
        _ => closed(py),
    }
}

/// Writing to a peer that is gone.
pub fn closed(py: Python<'_>) -> PyErr {
    exception(py, &Failure::Closed, &Stage::Write)
}
