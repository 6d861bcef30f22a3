//! Commands of a handler for its answer, by the link of its request.
//!
//! Each borrows the loop's state, tells the machine, and leaves what needs Python to `after`.

use std::sync::Arc;

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use quinde_http::h1::ResponseStart;
use quinde_http::{BodyLength, Chunk, Error, Limits, Machine, StreamId};

use super::command::{after_command, flush_queued};
use super::connection::Side;
use super::server::{Current, ServerSide};
use super::{Link, perform, with_loop};
use crate::errors;
use crate::objects::date;
use crate::objects::fields::Field;
use crate::objects::request::IncomingRequest;

/// From this size on, a bytes object is sent from where it is.
const SHARED: usize = 4096;

/// Runs a command on the request's answer. A connection that is gone, or serves another request by now, is "closed".
fn command<R>(
    py: Python<'_>,
    link: Link,
    f: impl FnOnce(&mut ServerSide, bool) -> Result<R, Error>,
) -> PyResult<R> {
    let outcome = with_loop(link.serial, |state| {
        let connection = state
            .connection(link.token)
            .filter(|connection| !connection.closing)?;
        let gone = connection.peer_closed;
        let Side::Server(server) = &mut connection.side else {
            return None;
        };
        let current = server.current.as_ref()?;
        if current.stream != link.stream {
            return None;
        }
        Some(f(server, gone))
    });
    match outcome.flatten() {
        Some(result) => result.map_err(|error| errors::refused(py, &error)),
        None => Err(errors::closed(py)),
    }
}

fn current(server: &mut ServerSide) -> Option<&mut Current> {
    server.current.as_mut()
}

fn count(server: &mut ServerSide, before: usize) {
    let now = server.machine.output().len();
    if let Some(current) = server.current.as_mut() {
        current.sent += now.saturating_sub(before) as u64;
    }
}

/// A handler that has given its connection to another protocol answers nothing any more: what it returns is dropped.
fn or_taken<R: Default>(link: Link, outcome: PyResult<R>) -> PyResult<R> {
    match outcome {
        Err(_) if super::raw::was_taken(link) => Ok(R::default()),
        outcome => outcome,
    }
}

/// The whole plain answer: Content-Type, Content-Length, Date, Server. Gives its size in bytes.
pub fn respond(
    py: Python<'_>,
    request: &IncomingRequest,
    status: u16,
    content_type: Option<&str>,
    body: &Bound<'_, PyBytes>,
) -> PyResult<u64> {
    let bytes = body.as_bytes();
    let date = date::now();
    let mut digits = itoa::Buffer::new();
    // RFC 9110 §8.6: no Content-Length with 1xx and 204; §15.4.5: a 304 has no body of its own.
    let bodiless = status == 204 || status == 304 || status < 200;
    let mut fields: [(&[u8], &[u8]); 4] = [(b"", b""); 4];
    let mut filled = 0;
    let mut add = |name, value| {
        fields[filled] = (name, value);
        filled += 1;
    };
    if let Some(content_type) = content_type.filter(|_| !bodiless) {
        add(b"Content-Type".as_slice(), content_type.as_bytes());
    }
    if !bodiless {
        add(b"Content-Length", digits.format(bytes.len()).as_bytes());
    }
    add(b"Date", &date);
    add(b"Server", request.service.get().server_header.as_bytes());
    let fields = &fields[..filled];
    let length = if bodiless {
        BodyLength::Empty
    } else {
        BodyLength::Known(bytes.len() as u64)
    };
    let chunk = (!bodiless).then(|| piece(body, bytes));
    let link = request.link;
    let outcome = with_loop(link.serial, |state| {
        let connection = state
            .connection(link.token)
            .filter(|connection| !connection.closing)?;
        let Side::Server(server) = &mut connection.side else {
            return None;
        };
        server
            .current
            .as_ref()
            .filter(|current| current.stream == link.stream)?;
        let sent = send_whole(server, link.stream, status, length, fields, chunk);
        if sent.is_ok() {
            end_request(state, link);
            after_command(state, py, link.token);
        }
        Some((sent, state.actions.is_empty()))
    });
    let Some((sent, quiet)) = outcome.flatten() else {
        return or_taken(link, Err(errors::closed(py)));
    };
    if !quiet {
        perform(py, link.serial);
    }
    sent.map_err(|error| errors::refused(py, &error))
}

fn send_whole(
    server: &mut ServerSide,
    stream: StreamId,
    status: u16,
    length: BodyLength,
    fields: &[(&[u8], &[u8])],
    chunk: Option<Chunk<'_>>,
) -> Result<u64, Error> {
    let before = server.machine.output().len();
    let start = ResponseStart {
        status,
        reason: None,
        close: false,
    };
    server
        .machine
        .send_head(stream, start, length, fields.iter().copied())?;
    if let Some(chunk) = chunk.filter(|chunk| !chunk.is_empty()) {
        server.machine.send_data(stream, chunk)?;
    }
    server.machine.finish(stream)?;
    if let Some(current) = current(server) {
        current.answered = true;
    }
    Ok((server.machine.output().len() - before) as u64)
}

/// A bytes object as a piece to send: large ones are shared, not copied.
pub fn piece<'a>(object: &Bound<'_, PyBytes>, bytes: &'a [u8]) -> Chunk<'a> {
    if bytes.len() < SHARED {
        return Chunk::Borrowed(bytes);
    }
    let backed = pyo3::pybacked::PyBackedBytes::from(object.clone());
    Chunk::Shared(bytes::Bytes::from_owner(backed))
}

/// Bytes of any bytes-like object; what is not `bytes` is copied.
pub fn with_piece<R>(data: &Bound<'_, PyAny>, f: impl FnOnce(Chunk<'_>) -> PyResult<R>) -> PyResult<R> {
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return f(piece(bytes, bytes.as_bytes()));
    }
    let buffer = PyBuffer::<u8>::get(data)?;
    f(Chunk::Shared(bytes::Bytes::from(buffer.to_vec(data.py())?)))
}

pub fn informational(py: Python<'_>, link: Link, status: u16, fields: &[Field]) -> PyResult<()> {
    let outcome = command(py, link, |server, _| {
        let before = server.machine.output().len();
        server
            .machine
            .send_informational(link.stream, status, pairs(fields))?;
        count(server, before);
        Ok(())
    });
    or_taken(link, outcome)
}

fn pairs(fields: &[Field]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    fields.iter().map(|(name, value)| (&**name, &**value))
}

pub fn start(
    py: Python<'_>,
    link: Link,
    status: u16,
    reason: Option<&str>,
    fields: &[Field],
    body: BodyLength,
    close: bool,
) -> PyResult<()> {
    let outcome = command(py, link, |server, _| {
        let before = server.machine.output().len();
        let start = ResponseStart {
            status,
            reason: reason.map(str::as_bytes),
            close,
        };
        server
            .machine
            .send_head(link.stream, start, body, pairs(fields))?;
        count(server, before);
        if let Some(current) = current(server) {
            current.head_sent = true;
        }
        Ok(())
    });
    or_taken(link, outcome)
}

pub fn write(py: Python<'_>, link: Link, data: &Bound<'_, PyAny>) -> PyResult<()> {
    with_piece(data, |chunk| {
        let gone = command(py, link, |server, gone| {
            if !gone {
                let before = server.machine.output().len();
                server.machine.send_data(link.stream, chunk)?;
                count(server, before);
            }
            Ok(gone)
        })?;
        if gone { Err(errors::closed(py)) } else { Ok(()) }
    })
}

pub fn write_eof(py: Python<'_>, link: Link, data: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let end = |chunk: Option<Chunk<'_>>| {
        command(py, link, |server, _| {
            let before = server.machine.output().len();
            if let Some(chunk) = chunk.filter(|chunk| !chunk.is_empty()) {
                server.machine.send_data(link.stream, chunk)?;
            }
            server.machine.finish(link.stream)?;
            count(server, before);
            if let Some(current) = current(server) {
                current.answered = true;
            }
            Ok(())
        })
    };
    let outcome = match data {
        None => end(None),
        Some(data) => with_piece(data, |chunk| end(Some(chunk))),
    };
    or_taken(link, outcome)
}

/// After a command: ends the request if its handler has, flushes outside a drive. False: above high water.
pub fn after(py: Python<'_>, link: Link, ended: bool) -> bool {
    if ended {
        with_loop(link.serial, |state| end_request(state, link));
    }
    flush_queued(py, link.serial, link.token)
}

fn end_request(state: &mut super::LoopState, link: Link) {
    let Some(connection) = state.connection(link.token) else {
        return;
    };
    let Side::Server(server) = &mut connection.side else {
        return;
    };
    let Some(current) = server.current.take_if(|current| current.stream == link.stream) else {
        return;
    };
    if !current.answered {
        server.machine.reset(link.stream);
    }
    for body in [current.body, current.upgraded].into_iter().flatten() {
        state
            .actions
            .push_back(super::Action::Drop(super::action::Dropped::Object(
                body.into_any(),
            )));
    }
}

/// Other limits for the rest of this request; nothing if it is over.
pub fn change_limits(py: Python<'_>, link: Link, limits: &Arc<Limits>) {
    with_loop(link.serial, |state| {
        let Some(connection) = state.connection(link.token) else {
            return;
        };
        if let Side::Server(server) = &mut connection.side {
            server.machine.change_limits(link.stream, Arc::clone(limits));
        }
        after_command(state, py, link.token);
    });
    perform(py, link.serial);
}

pub fn drain(py: Python<'_>, link: Link) -> PyResult<Option<Py<PyAny>>> {
    super::command::drain(py, link.serial, link.token)
}

/// The bytes of the protocol that was switched to.
pub fn upgraded(py: Python<'_>, link: Link) -> Option<Py<crate::objects::body::Body>> {
    peek(link, |current| {
        current.upgraded.as_ref().map(|body| body.clone_ref(py))
    })
    .flatten()
}

pub fn is_started(link: Link) -> bool {
    peek(link, |current| current.head_sent).unwrap_or(true)
}

/// None: the connection has gone, or serves another request.
pub fn output_size(link: Link) -> Option<u64> {
    peek(link, |current| current.sent)
}

fn peek<R>(link: Link, f: impl FnOnce(&Current) -> R) -> Option<R> {
    let found = super::with_connection(link.serial, link.token, |connection| {
        let Side::Server(server) = &connection.side else {
            return None;
        };
        server
            .current
            .as_ref()
            .filter(|current| current.stream == link.stream)
            .map(f)
    });
    found.flatten()
}
