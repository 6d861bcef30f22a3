//! The one table from core errors to Python exceptions.

use std::io;

use pyo3::create_exception;
use pyo3::exceptions::{
    PyConnectionResetError, PyException, PyOSError, PyRuntimeError, PyTimeoutError, PyValueError,
};
use pyo3::intern;
use pyo3::prelude::*;
use quinde_http::{Error, Kind, Side};

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
    /// The peer closed before it answered.
    Disconnected,
    /// The system said so: errno and text.
    Os(i32, String),
    /// The peer broke the protocol or stopped too early.
    Protocol(Error),
    /// This end closed the connection.
    Closed,
}

impl Failure {
    pub fn os(error: &io::Error) -> Self {
        Self::Os(error.raw_os_error().unwrap_or(0), error.to_string())
    }
}

/// Who learns of a failure: the same cause has other names for other readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    ClientHead,
    ClientBody,
    ServerBody,
    Write,
}

/// The exception for a failure, as aiohttp names it.
pub fn exception(py: Python<'_>, failure: &Failure, stage: Stage) -> PyErr {
    make(py, failure, stage).unwrap_or_else(|error| error)
}

fn make(py: Python<'_>, failure: &Failure, stage: Stage) -> PyResult<PyErr> {
    let error = match (failure, stage) {
        (Failure::Total, _) => PyTimeoutError::new_err(()),
        (Failure::ReadTimeout, _) => {
            named(py, "SocketTimeoutError", ("Timeout on reading data from socket",))?
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
        (Failure::Protocol(error), Stage::ClientHead) if error.kind == Kind::Disconnected => {
            named(py, "ServerDisconnectedError", ())?
        }
        (Failure::Protocol(error), Stage::ClientHead) if is_cut(error) => {
            named(py, "ServerDisconnectedError", (error.to_string(),))?
        }
        (Failure::Protocol(error), Stage::ClientBody) => {
            let cause = named(py, class_of(error.kind), (error.to_string(),))?;
            let text = if is_cut(error) {
                format!("Response payload is not completed: {}", cause.value(py).repr()?)
            } else {
                error.to_string()
            };
            let payload = named(py, "ClientPayloadError", (text,))?;
            payload.set_cause(py, Some(cause));
            payload
        }
        (Failure::Protocol(error), Stage::ServerBody) => {
            let refused = named(py, class_of(error.kind), (error.to_string(),))?;
            if let Some(status) = error.status {
                refused.value(py).setattr(intern!(py, "code"), status)?;
            }
            refused
        }
        (Failure::Protocol(error), _) => named(py, class_of(error.kind), (error.to_string(),))?,
        (_, Stage::ServerBody) => PyConnectionResetError::new_err("Connection lost"),
        (Failure::Disconnected, Stage::ClientHead) => named(py, "ServerDisconnectedError", ())?,
        (Failure::Os(number, text), Stage::ClientHead) => {
            named(py, "ClientOSError", (*number, text.as_str()))?
        }
        (Failure::Os(number, text), Stage::ClientBody) => {
            let cause = PyOSError::new_err((*number, text.clone()));
            let payload = named(
                py,
                "ClientPayloadError",
                (format!("Response payload is not completed: {text}"),),
            )?;
            payload.set_cause(py, Some(cause));
            payload
        }
        (Failure::Disconnected, Stage::ClientBody) => {
            named(py, "ClientPayloadError", ("Response payload is not completed",))?
        }
        (Failure::Closed, _) => named(py, "ClientConnectionError", ("Connection closed",))?,
    };
    Ok(error)
}

fn is_cut(error: &Error) -> bool {
    matches!(error.kind, Kind::UnexpectedEof { .. } | Kind::EofInHead)
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
    exception(py, &Failure::Closed, Stage::Write)
}
