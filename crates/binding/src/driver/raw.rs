//! A connection that another protocol has taken over: its bytes go to an `asyncio.Protocol` of the user's, unchanged.
//!
//! # Theory of operation
//!
//! `CoreTransport.set_protocol` calls [`take_over`]: the HTTP side gives up what it had to send and what it has received
//! beyond its message, and stays only for its figures and for whom it tells of the end (`former`). From then on:
//!
//! ```text
//!   recv ─▶ inbox ─▶ data_received | get_buffer, buffer_updated        write ─▶ output ─▶ send
//!           FIN   ─▶ eof_received: true keeps this end's half open     above `high`: pause_writing
//!           the end of the connection, whatever it is ─▶ connection_lost, once, by `call_soon`
//! ```
//!
//! Bytes are given only within a drive, one piece at a time, and the state is looked at anew after each: a protocol may
//! pause, close, abort or name its successor from within. None of HTTP's deadlines holds any more, and none of its limits
//! but that of connections: how long to wait, and for what, is the protocol's to say, as on a transport of the loop's.
//!
//! The receiver ([`Sink`]) is all that a protocol spoken by the core itself would replace.

use std::collections::VecDeque;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use quinde_http::{Output, StreamId};
use quinde_reactor::Token;

use super::action::{Dropped, report_about};
use super::connection::{Connection, Ending, HIGH_WATER, Io, LOW_WATER, Progress, Side, settle};
use super::turn::stop_driving;
use super::{Action, Link, LoopState, Source, gather, perform, tls, with_connection, with_loop};
use crate::errors::{self, Failure};
use crate::python;

/// Who gets the bytes.
pub struct Sink {
    /// The transport as the protocol knows it.
    pub transport: Py<PyAny>,
    pub protocol: Py<PyAny>,
    /// Whether it is an `asyncio.BufferedProtocol`.
    pub buffered: bool,
}

impl Sink {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            transport: self.transport.clone_ref(py),
            protocol: self.protocol.clone_ref(py),
            buffered: self.buffered,
        }
    }
}

/// What an HTTP side gives up.
pub struct Handed {
    pub output: Output,
    /// What was received and belongs to no message, in order.
    pub rest: VecDeque<Py<PyBytes>>,
    /// The exchange in which the connection was taken over.
    pub stream: Option<StreamId>,
}

impl Handed {
    /// What a machine gives up, behind `rest`.
    pub fn new(
        py: Python<'_>,
        (output, unread): (Output, Vec<u8>),
        rest: Option<Py<PyBytes>>,
        stream: Option<StreamId>,
    ) -> Self {
        let unread = (!unread.is_empty()).then(|| PyBytes::new(py, &unread).unbind());
        Self {
            output,
            rest: rest.into_iter().chain(unread).collect(),
            stream,
        }
    }
}

pub struct RawSide {
    /// The side that spoke HTTP.
    pub former: Option<Side>,
    sink: Sink,
    pub output: Output,
    inbox: VecDeque<Py<PyBytes>>,
    stream: Option<StreamId>,
    /// The peer sends no more, and the protocol knows.
    eof: bool,
    eof_told: bool,
    /// This end sends no more than what is queued.
    pub ending: bool,
    /// The protocol was told to pause.
    paused: bool,
    high: usize,
    low: usize,
    /// Why the connection ends.
    failure: Option<Failure>,
    error: Option<PyErr>,
}

impl RawSide {
    fn new(sink: Sink, handed: Handed) -> Self {
        Self {
            former: None,
            sink,
            output: handed.output,
            inbox: handed.rest,
            stream: handed.stream,
            eof: false,
            eof_told: false,
            ending: false,
            paused: false,
            high: HIGH_WATER,
            low: LOW_WATER,
            failure: None,
            error: None,
        }
    }

    pub fn wants_read(&self) -> bool {
        !self.eof
    }

    pub fn feed(&mut self, py: Python<'_>, data: &[u8]) {
        if !data.is_empty() {
            self.inbox.push_back(PyBytes::new(py, data).unbind());
        }
    }

    pub fn end_of_input(&mut self, ending: Ending<'_>) {
        self.eof = true;
        if let Ending::Failed(error) = ending {
            self.failure = Some(Failure::os(error));
        }
    }

    /// Why the connection ends; the first reason counts.
    pub fn note_error(&mut self, error: PyErr) {
        self.error.get_or_insert(error);
    }

    /// Whether there is something to tell that was received before.
    pub fn has_untold(&self) -> bool {
        !self.inbox.is_empty() || (self.eof && !self.eof_told)
    }

    /// So much waits to be sent: the protocol may go on when it is little.
    pub fn note_queued(&mut self, py: Python<'_>, queued: usize, actions: &mut VecDeque<Action>) {
        if self.paused && queued <= self.low {
            self.paused = false;
            actions.push_back(Action::Resume(self.sink.clone_ref(py)));
        }
    }

    /// The connection is gone.
    pub fn lost(&mut self, py: Python<'_>, failure: &Failure, actions: &mut VecDeque<Action>) {
        let failure = self.failure.as_ref().unwrap_or(failure);
        let error = self.error.take().or_else(|| errors::lost(failure));
        actions.push_back(Action::Lost(self.sink.clone_ref(py), error));
    }

    /// Shows what it holds of Python (`traverse.rs`).
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.sink.transport)?;
        visit.call(&self.sink.protocol)
    }
}

/// Gives a connection to a protocol, or to another one. Nothing if it is gone.
pub fn take_over(py: Python<'_>, serial: u64, token: Token, sink: Sink) {
    with_loop(serial, |state| {
        let LoopState {
            reactor,
            actions,
            handles,
            ..
        } = state;
        let Some(Source::Connection(connection)) = reactor.get_mut(token) else {
            return;
        };
        let create_future = &handles.create_future;
        let handed = match &mut connection.side {
            Side::Raw(raw) => {
                let old = std::mem::replace(&mut raw.sink, sink);
                actions.push_back(Action::Drop(Dropped::Object(old.protocol)));
                actions.push_back(Action::Drop(Dropped::Object(old.transport)));
                return;
            }
            Side::Server(server) => server.hand_over(py, serial, token, create_future, actions),
            Side::Client(client) => {
                client.hand_over(py, serial, token, &connection.peers, create_future, actions)
            }
        };
        let mut raw = Box::new(RawSide::new(sink, handed));
        raw.eof = connection.peer_closed;
        let former = std::mem::replace(&mut connection.side, Side::Raw(raw));
        if let Side::Raw(raw) = &mut connection.side {
            raw.former = Some(former);
        }
        gather::stop(connection);
        // Never from within `set_protocol`: the protocol is told in a turn. Deadlines of HTTP end here as well.
        let deadline = connection.deadline();
        reactor.deadlines().set(token, deadline);
        reactor.queue(token);
        actions.push_back(Action::ScheduleTurn);
    });
    perform(py, serial);
}

/// Whether the connection of a request was taken over by its handler.
pub fn was_taken(link: Link) -> bool {
    let taken = with_connection(
        link.serial,
        link.token,
        |connection| matches!(&connection.side, Side::Raw(raw) if raw.stream == Some(link.stream)),
    );
    taken == Some(true)
}

/// What the drive has to do next, outside the borrow.
enum Step {
    Rest,
    Again,
    /// Decrypt what came, so many bytes.
    Open(usize),
    Deliver(Sink, Py<PyBytes>),
    End(Sink),
}

/// Drives one connection until it has nothing more to do; `Err` is a `SystemExit` or `KeyboardInterrupt`.
pub fn drive(py: Python<'_>, serial: u64, token: Token) -> PyResult<()> {
    let mut reads = 0;
    let outcome = loop {
        let step = with_loop(serial, |state| advance(state, py, token, &mut reads)).unwrap_or(Step::Rest);
        let told = match step {
            Step::Rest => break Ok(()),
            Step::Again => {
                perform(py, serial);
                Ok(())
            }
            Step::Open(sealed) => {
                tls::open(py, serial, token, sealed);
                perform(py, serial);
                Ok(())
            }
            Step::Deliver(sink, data) if sink.buffered => fill(py, serial, token, &sink, &data),
            Step::Deliver(sink, data) => {
                let name = intern!(py, "data_received");
                let told = sink.protocol.call_method1(py, name, (data,));
                unless_failed(py, serial, token, &sink, "data_received", told.map(drop))
            }
            Step::End(sink) => end(py, serial, token, &sink),
        };
        if told.is_err() {
            break told;
        }
    };
    stop_driving(py, serial, token);
    outcome
}

fn advance(state: &mut LoopState, py: Python<'_>, token: Token, reads: &mut usize) -> Step {
    let LoopState {
        reactor,
        actions,
        scratch,
        ..
    } = state;
    let now = reactor.now();
    let Some(Source::Connection(connection)) = reactor.get_mut(token) else {
        return Step::Rest;
    };
    connection.driving = true;
    loop {
        if connection.closing {
            let sealed = connection.receive_last(py, scratch, now, reads, actions);
            return sealed.map_or(Step::Rest, Step::Open);
        }
        if let Some(step) = next_news(connection, py) {
            return step;
        }
        match connection.receive(py, scratch, now, reads, actions) {
            Progress::None if actions.is_empty() => return Step::Rest,
            Progress::None => return Step::Again,
            Progress::Sealed(sealed) => return Step::Open(sealed),
            Progress::Some => {}
        }
    }
}

/// What the protocol does not know yet, if it wants to hear it.
fn next_news(connection: &mut Connection, py: Python<'_>) -> Option<Step> {
    let Side::Raw(raw) = &mut connection.side else {
        return Some(Step::Rest);
    };
    if connection.user_paused {
        return None;
    }
    if let Some(data) = raw.inbox.pop_front() {
        return Some(Step::Deliver(raw.sink.clone_ref(py), data));
    }
    if raw.eof && !raw.eof_told {
        raw.eof_told = true;
        return Some(Step::End(raw.sink.clone_ref(py)));
    }
    None
}

/// Gives a piece to a `BufferedProtocol`, as much as its buffer takes; the rest is the next piece.
fn fill(py: Python<'_>, serial: u64, token: Token, sink: &Sink, data: &Py<PyBytes>) -> PyResult<()> {
    let bytes = data.as_bytes(py);
    let filled = sink
        .protocol
        .call_method1(py, intern!(py, "get_buffer"), (-1,))
        .and_then(|buffer| {
            let buffer = PyBuffer::<u8>::get(buffer.bind(py))?;
            let room = buffer.as_mut_slice(py).ok_or_else(|| {
                PyRuntimeError::new_err("get_buffer() returned a buffer that cannot be filled")
            })?;
            if room.is_empty() {
                return Err(PyRuntimeError::new_err("get_buffer() returned an empty buffer"));
            }
            for (cell, byte) in room.iter().zip(bytes) {
                cell.set(*byte);
            }
            Ok(room.len().min(bytes.len()))
        });
    let n = match filled {
        Ok(n) => n,
        Err(error) => return unless_failed(py, serial, token, sink, "get_buffer", Err(error)),
    };
    if n < bytes.len() {
        let rest = PyBytes::new(py, &bytes[n..]).unbind();
        with_connection(serial, token, |connection| {
            if let Side::Raw(raw) = &mut connection.side {
                raw.inbox.push_front(rest);
            }
        });
    }
    let told = sink
        .protocol
        .call_method1(py, intern!(py, "buffer_updated"), (n,));
    unless_failed(py, serial, token, sink, "buffer_updated", told.map(drop))
}

/// Tells of the peer's end. What the protocol returns decides whether this end may go on sending.
fn end(py: Python<'_>, serial: u64, token: Token, sink: &Sink) -> PyResult<()> {
    let told = sink
        .protocol
        .call_method0(py, intern!(py, "eof_received"))
        .and_then(|keep| keep.is_truthy(py));
    match told {
        Ok(keep) => {
            with_connection(serial, token, |connection| {
                // TLS has no half-close: asyncio's closes too.
                connection.closing |= !keep || connection.tls.is_some();
            });
            Ok(())
        }
        Err(error) => unless_failed(py, serial, token, sink, "eof_received", Err(error)),
    }
}

/// What a protocol raises while it is told something ends its connection, as on transports of asyncio's.
fn unless_failed(
    py: Python<'_>,
    serial: u64,
    token: Token,
    sink: &Sink,
    method: &str,
    outcome: PyResult<()>,
) -> PyResult<()> {
    let Err(error) = outcome else { return Ok(()) };
    if python::ends_process(py, &error) {
        return Err(error);
    }
    if !error.is_instance_of::<PyOSError>(py) {
        let message = format!("Fatal error: protocol.{method}() call failed.");
        report(py, serial, sink, &message, error.clone_ref(py));
    }
    give_up(py, serial, token, Some(error));
    Ok(())
}

/// Closes a connection at once; its protocol is told why.
pub fn give_up(py: Python<'_>, serial: u64, token: Token, error: Option<PyErr>) {
    // Kept beyond the borrow: to drop it may run code.
    let kept = error.as_ref().map(|error| error.clone_ref(py));
    with_connection(serial, token, |connection| {
        error.map(|error| connection.note_error(error))
    });
    drop(kept);
    super::command::close(py, serial, token, true);
}

/// Hands what a protocol raised to the loop's exception handler.
fn report(py: Python<'_>, serial: u64, sink: &Sink, message: &str, error: PyErr) {
    let about = [("transport", &sink.transport), ("protocol", &sink.protocol)];
    report_about(py, serial, message, error, &about);
}

/// `pause_writing` and `resume_writing`: what they raise is reported, and that is all.
fn tell_pressure(py: Python<'_>, serial: u64, sink: &Sink, method: &str) -> PyResult<()> {
    match sink.protocol.call_method0(py, method) {
        Err(error) if python::ends_process(py, &error) => Err(error),
        Err(error) => {
            report(py, serial, sink, &format!("protocol.{method}() failed"), error);
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

pub fn resume(py: Python<'_>, serial: u64, sink: &Sink) -> PyResult<()> {
    tell_pressure(py, serial, sink, "resume_writing")
}

/// Schedules `connection_lost`: never from within what closed the connection.
pub fn tell_lost(py: Python<'_>, serial: u64, sink: &Sink, error: Option<PyErr>) -> PyResult<()> {
    let handles = with_loop(serial, |state| {
        let handles = &state.handles;
        (
            handles.call_soon.clone_ref(py),
            handles.empty_context.clone_ref(py),
        )
    });
    let Some((call_soon, context)) = handles else {
        return Ok(());
    };
    let method = sink.protocol.getattr(py, intern!(py, "connection_lost"))?;
    let error = error.map_or_else(|| py.None(), |error| error.into_value(py).into_any());
    python::call_soon(py, &call_soon, &method, Some(&error), &context)
}

/// Queues bytes and sends them; the transport takes none after `write_eof`. What comes after the end of the connection is
/// dropped, as asyncio does.
pub fn write(py: Python<'_>, serial: u64, token: Token, data: &Bound<'_, PyAny>) -> PyResult<()> {
    super::answer::with_piece(data, |chunk| {
        with_connection(serial, token, |connection| {
            let over = connection.aborting || (connection.closing && connection.queued() == 0);
            if let (Side::Raw(raw), false) = (&mut connection.side, over) {
                raw.output.push(chunk);
            }
        });
        Ok(())
    })?;
    flush(py, serial, token);
    note_pressure(py, serial, token)
}

/// Closes this end's half when what is queued has been sent.
pub fn write_eof(py: Python<'_>, serial: u64, token: Token) {
    with_connection(serial, token, |connection| {
        if let Side::Raw(raw) = &mut connection.side {
            raw.ending = true;
        }
    });
    flush(py, serial, token);
}

/// Within a drive output waits for its end, unless there is much of it.
fn flush(py: Python<'_>, serial: u64, token: Token) {
    with_loop(serial, |state| {
        let Some(connection) = state.connection(token) else {
            return;
        };
        let queued = connection.queued();
        match &connection.side {
            Side::Raw(raw) if connection.driving && queued > raw.high => {
                settle(state, py, token);
            }
            _ => super::command::after_command(state, py, token),
        }
    });
    perform(py, serial);
}

/// Other marks: above the first the protocol is told to pause, from the second on to go on.
pub fn set_marks(py: Python<'_>, serial: u64, token: Token, high: usize, low: usize) -> PyResult<()> {
    with_connection(serial, token, |connection| {
        if let Side::Raw(raw) = &mut connection.side {
            (raw.high, raw.low) = (high, low);
        }
    });
    note_pressure(py, serial, token)
}

pub fn marks(serial: u64, token: Token) -> (usize, usize) {
    let known = with_connection(serial, token, |connection| match &connection.side {
        Side::Raw(raw) => (raw.low, raw.high),
        Side::Server(_) | Side::Client(_) => (LOW_WATER, HIGH_WATER),
    });
    known.unwrap_or((LOW_WATER, HIGH_WATER))
}

/// Bytes that wait to be sent, those in a transport as well.
pub fn unsent(py: Python<'_>, serial: u64, token: Token) -> PyResult<usize> {
    let known = with_connection(serial, token, |connection| {
        let carrier = match &connection.io {
            Io::Transport { carrier, .. } => Some(carrier.clone_ref(py)),
            Io::Socket(_) => None,
        };
        (connection.queued(), carrier)
    });
    match known {
        None => Ok(0),
        Some((queued, None)) => Ok(queued),
        Some((queued, Some(carrier))) => {
            let size = carrier.call_method0(py, intern!(py, "get_write_buffer_size"))?;
            Ok(queued + size.extract::<usize>(py)?)
        }
    }
}

/// Tells the protocol to pause if more waits to be sent than its mark allows.
fn note_pressure(py: Python<'_>, serial: u64, token: Token) -> PyResult<()> {
    let high = with_connection(serial, token, |connection| match &connection.side {
        Side::Raw(raw) if !raw.paused && !connection.aborting => Some(raw.high),
        _ => None,
    });
    let Some(Some(high)) = high else { return Ok(()) };
    if unsent(py, serial, token)? <= high {
        return Ok(());
    }
    let sink = with_connection(serial, token, |connection| match &mut connection.side {
        Side::Raw(raw) => {
            raw.paused = true;
            Some(raw.sink.clone_ref(py))
        }
        Side::Server(_) | Side::Client(_) => None,
    });
    match sink.flatten() {
        Some(sink) => tell_pressure(py, serial, &sink, "pause_writing"),
        None => Ok(()),
    }
}
