//! What has to be done in Python, and how: the only place of the driver that wakes, calls and drops.

use pyo3::exceptions::{PyNotImplementedError, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use quinde_http::{ResponseHead, Segment};
use quinde_reactor::Token;

use super::connection::Connection;
use super::raw::{self, Sink};
use super::{Link, Source, tls, with_connection, with_loop};
use crate::errors::{Failure, Stage, exception};
use crate::objects::body::Body;
use crate::objects::response::IncomingResponse;
use crate::python;

/// One thing to do when the borrow of the loop's state has ended.
pub enum Action {
    /// A future has its result.
    Resolve(Py<PyAny>, Py<PyAny>),
    /// A future fails.
    Fail(Py<PyAny>, Failure, Stage),
    /// A future fails with this very exception.
    Raise(Py<PyAny>, PyErr),
    /// A body ends in an error; whoever waits for it learns so.
    FailBody(Py<Body>, Failure, Stage),
    /// A response head came: its future gets an `IncomingResponse`.
    Respond {
        future: Py<PyAny>,
        link: Link,
        head: Box<ResponseHead>,
        body: Option<Py<Body>>,
    },
    /// `callable()` or `callable(argument)`; what it raises goes to the loop's exception handler.
    Call(Py<PyAny>, Option<Py<PyAny>>),
    /// `task.cancel()`.
    Cancel(Py<PyAny>),
    /// A command for an asyncio transport.
    Transport(Py<PyAny>, TransportCommand),
    /// Close a connection if it is time, now that its transport has what there was to send.
    Settle(Token),
    /// Ask a transport how much it still has to send.
    AskUnsent(Py<PyAny>, Token),
    /// Plaintext of a TLS connection waits to be encrypted.
    Seal(Token),
    /// A TLS connection is to tell its peer that it ends.
    Part(Token),
    /// A protocol that has taken a connection over may go on writing.
    Resume(Sink),
    /// Its connection is gone, and perhaps why.
    Lost(Sink, Option<PyErr>),
    /// Something that nobody can catch goes to the loop's exception handler.
    Report(&'static str, PyErr),
    /// Set the loop's timer to an earlier deadline.
    Arm,
    /// Schedule a turn of the engine.
    ScheduleTurn,
    /// Drop what may run code when it is dropped.
    Drop(Dropped),
}

pub enum TransportCommand {
    /// With the transport that carries it.
    Write(Token, Py<PyAny>, Vec<Segment>),
    WriteEof,
    PauseReading,
    ResumeReading,
    Close,
    Abort,
    /// Have it end by a reset when it is closed.
    Forsake,
}

/// Values that are only dropped; the fields are never read.
#[allow(dead_code, reason = "held for their destructors")]
pub enum Dropped {
    Object(Py<PyAny>),
    Connection(Box<Connection>),
    Source(Source),
}

/// Performs every pending action of a loop, in order. Actions that come up meanwhile are performed too.
pub fn perform(py: Python<'_>, serial: u64) {
    while let Some(Some(action)) = with_loop(serial, |state| state.actions.pop_front()) {
        let outcome = run(py, serial, action);
        if let Err(error) = outcome {
            report(py, serial, "quinde: a callback failed", error);
        }
    }
}

/// Hands an exception that no caller can get to the loop's exception handler, or to whoever runs the loop if it is
/// meant to end the process.
pub fn report(py: Python<'_>, serial: u64, message: &str, error: PyErr) {
    report_about(py, serial, message, error, &[]);
}

/// As [`report`], and says by name what it is about.
pub fn report_about(py: Python<'_>, serial: u64, message: &str, error: PyErr, about: &[(&str, &Py<PyAny>)]) {
    if python::ends_process(py, &error) {
        if let Err(error) = super::transport::reraise(py, serial, error) {
            error.write_unraisable(py, None);
        }
        return;
    }
    match with_loop(serial, |state| state.handles.event_loop.clone_ref(py)) {
        Some(event_loop) => python::report(py, &event_loop, message, error, about),
        None => error.write_unraisable(py, None),
    }
}

fn run(py: Python<'_>, serial: u64, action: Action) -> PyResult<()> {
    match action {
        Action::Resolve(future, value) => resolve(py, &future, value),
        Action::Fail(future, failure, stage) => fail(py, &future, &failure, &stage),
        Action::Raise(future, error) => fail_with(py, &future, &error),
        Action::FailBody(body, failure, stage) => body.get().fail(py, &exception(py, &failure, &stage)),
        Action::Respond {
            future,
            link,
            head,
            body,
        } => {
            let response = Py::new(py, IncomingResponse::new(link, *head, body))?;
            resolve(py, &future, response.into_any())
        }
        Action::Call(callable, None) => callable.call0(py).map(drop),
        Action::Call(callable, Some(argument)) => callable.call1(py, (argument,)).map(drop),
        Action::Cancel(task) => task.call_method0(py, intern!(py, "cancel")).map(drop),
        Action::Transport(transport, command) => command_transport(py, serial, &transport, command),
        Action::Settle(token) => {
            with_loop(serial, |state| super::connection::settle(state, py, token));
            Ok(())
        }
        Action::AskUnsent(transport, token) => ask_unsent(py, serial, &transport, token),
        Action::Seal(token) => {
            tls::seal(py, serial, token);
            Ok(())
        }
        Action::Part(token) => {
            tls::part(py, serial, token);
            Ok(())
        }
        Action::Resume(sink) => raw::resume(py, serial, &sink),
        Action::Lost(sink, error) => raw::tell_lost(py, serial, &sink, error),
        Action::Report(message, error) => {
            report(py, serial, message, error);
            Ok(())
        }
        Action::Arm => super::turn::arm(py, serial),
        Action::ScheduleTurn => schedule_turn(py, serial),
        Action::Drop(dropped) => {
            drop(dropped);
            Ok(())
        }
    }
}

pub fn is_done(py: Python<'_>, future: &Py<PyAny>) -> PyResult<bool> {
    future.call_method0(py, intern!(py, "done"))?.is_truthy(py)
}

/// Sets a future's result unless it was cancelled meanwhile.
pub fn resolve(py: Python<'_>, future: &Py<PyAny>, value: Py<PyAny>) -> PyResult<()> {
    if !is_done(py, future)? {
        future.call_method1(py, intern!(py, "set_result"), (value,))?;
    }
    Ok(())
}

/// Sets a future's exception unless it was cancelled meanwhile.
pub fn fail_with(py: Python<'_>, future: &Py<PyAny>, error: &PyErr) -> PyResult<()> {
    if !is_done(py, future)? {
        future.call_method1(py, intern!(py, "set_exception"), (error.value(py),))?;
    }
    Ok(())
}

fn fail(py: Python<'_>, future: &Py<PyAny>, failure: &Failure, stage: &Stage) -> PyResult<()> {
    if is_done(py, future)? {
        return Ok(());
    }
    fail_with(py, future, &exception(py, failure, stage))
}

fn command_transport(
    py: Python<'_>,
    serial: u64,
    transport: &Py<PyAny>,
    command: TransportCommand,
) -> PyResult<()> {
    let name = match command {
        TransportCommand::Write(token, carrier, segments) => {
            return write_transport(py, serial, token, transport, &carrier, &segments);
        }
        TransportCommand::WriteEof => return end_transport(py, transport),
        TransportCommand::PauseReading => intern!(py, "pause_reading"),
        TransportCommand::ResumeReading => intern!(py, "resume_reading"),
        TransportCommand::Close => intern!(py, "close"),
        TransportCommand::Abort => intern!(py, "abort"),
        TransportCommand::Forsake => {
            with_socket(py, transport, quinde_reactor::reset_when_closed);
            return Ok(());
        }
    };
    transport.call_method0(py, name).map(drop)
}

/// Sends bytes by a transport, unless it has failed or was closed.
///
/// It would drop them, and tells of its end only in a later turn of the loop: a writer that nothing makes wait would go
/// on until then, and the loop would wait for it.
fn write_transport(
    py: Python<'_>,
    serial: u64,
    token: Token,
    transport: &Py<PyAny>,
    carrier: &Py<PyAny>,
    segments: &[Segment],
) -> PyResult<()> {
    if is_closing(py, transport)? || (!carrier.is(transport) && is_closing(py, carrier)?) {
        with_connection(serial, token, |connection| connection.peer_closed = true);
        return Ok(());
    }
    let bytes = join(py, segments)?;
    transport
        .call_method1(py, intern!(py, "write"), (bytes,))
        .map(drop)
}

fn is_closing(py: Python<'_>, transport: &Py<PyAny>) -> PyResult<bool> {
    transport
        .call_method0(py, intern!(py, "is_closing"))?
        .is_truthy(py)
}

/// Shuts the writing side of a transport down, where it can.
fn end_transport(py: Python<'_>, transport: &Py<PyAny>) -> PyResult<()> {
    let can = transport.call_method0(py, intern!(py, "can_write_eof"))?;
    if !can.is_truthy(py)? {
        return Ok(());
    }
    match transport.call_method0(py, intern!(py, "write_eof")) {
        // ENOTCONN: the peer has reset the connection, of which the transport will tell in its turn.
        Err(error) if error.is_instance_of::<PyOSError>(py) => Ok(()),
        other => other.map(drop),
    }
}

/// What the socket of a transport still holds, if there is one.
fn unsent_by_kernel(py: Python<'_>, transport: &Py<PyAny>) -> Option<usize> {
    with_socket(py, transport, quinde_reactor::unsent).flatten()
}

/// Lends the socket of a transport; None if it shows none.
fn with_socket<T>(
    py: Python<'_>,
    transport: &Py<PyAny>,
    ask: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> T,
) -> Option<T> {
    let name = intern!(py, "socket");
    let socket = transport
        .call_method1(py, intern!(py, "get_extra_info"), (name,))
        .ok()?;
    let descriptor = socket.call_method0(py, intern!(py, "fileno")).ok()?;
    let descriptor: i32 = descriptor.extract(py).ok().filter(|number| *number >= 0)?;
    // SAFETY: the socket object is alive, has just said that it has this descriptor open, and nothing runs in between.
    Some(ask(unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) }))
}

/// Has the connection judge whether its transport makes progress.
pub fn ask_unsent(py: Python<'_>, serial: u64, transport: &Py<PyAny>, token: Token) -> PyResult<()> {
    let size = match transport.call_method0(py, intern!(py, "get_write_buffer_size")) {
        Ok(size) => size.extract::<usize>(py)? + unsent_by_kernel(py, transport).unwrap_or(0),
        // A transport that cannot tell makes no progress that anybody sees.
        Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => usize::MAX,
        Err(error) => return Err(error),
    };
    with_loop(serial, |state| {
        super::stall::has_unsent(state, py, token, size);
    });
    Ok(())
}

/// One bytes object of all segments: a transport sends it in one call.
fn join<'py>(py: Python<'py>, segments: &[Segment]) -> PyResult<Bound<'py, PyBytes>> {
    if let [segment] = segments {
        return Ok(PyBytes::new(py, bytes_of(segment)));
    }
    let length = segments.iter().map(|segment| bytes_of(segment).len()).sum();
    PyBytes::new_with(py, length, |mut room| {
        for segment in segments.iter().map(bytes_of) {
            let (here, rest) = room.split_at_mut(segment.len());
            here.copy_from_slice(segment);
            room = rest;
        }
        Ok(())
    })
}

fn bytes_of(segment: &Segment) -> &[u8] {
    match segment {
        Segment::Owned(bytes) => bytes,
        Segment::Shared(bytes) => bytes,
    }
}

fn schedule_turn(py: Python<'_>, serial: u64) -> PyResult<()> {
    let wanted = with_loop(serial, |state| {
        if state.turning || state.turn_scheduled {
            return None;
        }
        state.turn_scheduled = true;
        let handles = &state.handles;
        Some((
            handles.call_soon.clone_ref(py),
            handles.turn.clone_ref(py),
            handles.empty_context.clone_ref(py),
        ))
    });
    if let Some(Some((call_soon, turn, context))) = wanted {
        let called = python::call_soon(py, &call_soon, &turn, None, &context);
        if called.is_err() {
            with_loop(serial, |state| state.turn_scheduled = false);
        }
        return called;
    }
    Ok(())
}
