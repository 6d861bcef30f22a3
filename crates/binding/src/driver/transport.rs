//! The transport backend: an asyncio transport does the I/O and calls in here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pyo3::exceptions::PyNotImplementedError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use quinde_http::h1::ServerConnection;
use quinde_reactor::Token;

use super::connection::{Connection, Ending, Endpoint, Io, Peers, Side, settle, teardown};
use super::engine::{Engine, gone};
use super::server::ServerSide;
use super::turn::{arm, contain_panic, drive};
use super::{Action, LoopState, Source, client, perform, with_connection, with_loop};
use crate::errors::Failure;
use crate::objects::connection::Connection as Handle;
use crate::objects::limits::Limits;
use crate::objects::service::Service;
use crate::objects::tally::Tally;
use crate::python;

/// The engine of the running loop, made if need be.
fn running(py: Python<'_>) -> PyResult<u64> {
    let running = py
        .import(intern!(py, "asyncio"))?
        .call_method0(intern!(py, "get_running_loop"))?;
    if let Some(serial) = super::find(|handles| handles.event_loop.bind(py).is(&running)) {
        return Ok(serial);
    }
    let engine = py
        .import(intern!(py, "quinde.net.reactor"))?
        .call_method0(intern!(py, "engine"))?;
    Ok(engine.cast::<Engine>()?.get().serial)
}

fn transport_peers(transport: &Bound<'_, PyAny>) -> PyResult<Peers> {
    let py = transport.py();
    let info = |name: &Bound<'_, pyo3::types::PyString>| {
        transport
            .call_method1(intern!(py, "get_extra_info"), (name,))
            .map(|value| Endpoint::Python(value.unbind()))
    };
    let context = transport.call_method1(intern!(py, "get_extra_info"), (intern!(py, "sslcontext"),))?;
    let local = OnceLock::new();
    let _ = local.set(info(intern!(py, "sockname"))?);
    Ok(Peers {
        peer: info(intern!(py, "peername"))?,
        local,
        is_secure: !context.is_none(),
    })
}

/// A transport to speak by, and the one that sends for it: TLS of asyncio's stands on another transport, and does not
/// tell what that has still to send.
pub struct Carried<'a, 'py> {
    pub transport: &'a Bound<'py, PyAny>,
    pub carrier: Option<Bound<'py, PyAny>>,
}

fn attach(py: Python<'_>, serial: u64, carried: &Carried<'_, '_>, side: Side) -> PyResult<Py<Handle>> {
    let transport = carried.transport;
    let carrier = carried.carrier.as_ref().unwrap_or(transport);
    let peers = Arc::new(transport_peers(transport)?);
    let io = Io::Transport {
        transport: transport.clone().unbind(),
        carrier: carrier.clone().unbind(),
        writable: true,
        reading: true,
        eof: false,
    };
    // Paused means that it has something to send at all: the core's own output is the buffer to write ahead to, and
    // whether the peer takes what it gets can be told. (Not 0: asyncio's TLS would never be done with that.)
    let limits = PyDict::new(py);
    limits.set_item(intern!(py, "high"), 1)?;
    limits.set_item(intern!(py, "low"), 0)?;
    match carrier.call_method(intern!(py, "set_write_buffer_limits"), (), Some(&limits)) {
        // A transport without flow control never says that it is paused.
        Err(error) if !error.is_instance_of::<PyNotImplementedError>(py) => return Err(error),
        _ => {}
    }
    let token = with_loop(serial, |state| {
        let connection = Connection::new(io, None, side, peers);
        state.reactor.insert(Source::Connection(Box::new(connection)))
    });
    let token = token.ok_or_else(gone)?;
    // Before it settles: a connection that came too late is closed by that.
    let handle = Handle::of(py, serial, token)?.ok_or_else(gone)?;
    with_loop(serial, |state| settle(state, py, token));
    perform(py, serial);
    arm(py, serial)?;
    Ok(handle)
}

pub fn attach_server(
    py: Python<'_>,
    carried: &Carried<'_, '_>,
    service: Py<Service>,
    limits: Py<Limits>,
) -> PyResult<Py<Handle>> {
    let serial = running(py)?;
    let serving = service.get().count_connection(serial);
    let on_full = service.get().on_full(py);
    let now = with_loop(serial, |state| state.reactor.tick()).ok_or_else(gone)?;
    let mut machine = ServerConnection::new(Arc::clone(&limits.get().shared), now);
    let has_room = limits.get().has_room();
    if !has_room {
        machine.count_refusal("too_many_connections");
    }
    let side = Side::Server(ServerSide::new(machine, service, limits));
    let handle = attach(py, serial, carried, side)?;
    if let Some(on_full) = on_full.filter(|_| serving && !has_room) {
        on_full.call1(py, (false,))?;
    }
    if !(serving && has_room) {
        // asyncio has accepted it already, and cannot be asked to wait.
        super::command::close(py, serial, handle.get().token, true);
    }
    Ok(handle)
}

pub fn attach_client(
    py: Python<'_>,
    carried: &Carried<'_, '_>,
    limits: &Limits,
    on_idle: Option<Py<PyAny>>,
    on_lost: Option<Py<PyAny>>,
    body_window: usize,
    tally: Option<Py<Tally>>,
) -> PyResult<Py<Handle>> {
    let serial = running(py)?;
    let side = client::client_side(serial, limits, on_idle, on_lost, body_window, tally)?;
    attach(py, serial, carried, Side::Client(side))
}

pub fn data_received(py: Python<'_>, serial: u64, token: Token, data: &[u8]) -> PyResult<()> {
    let fed = with_loop(serial, |state| {
        let now = state.reactor.tick();
        state.connection(token).map(|connection| {
            connection.received += data.len() as u64;
            connection.feed(py, data, now);
        })
    });
    if fed.flatten().is_none() {
        return Ok(());
    }
    drive_transport(py, serial, token)
}

pub fn eof_received(py: Python<'_>, serial: u64, token: Token) -> PyResult<bool> {
    with_loop(serial, |state| {
        let now = state.reactor.tick();
        let LoopState { reactor, actions, .. } = state;
        if let Some(Source::Connection(connection)) = reactor.get_mut(token) {
            if let Io::Transport { eof, .. } = &mut connection.io {
                *eof = true;
            }
            connection.end_of_input(now, Ending::Clean);
            connection.note_disconnect(py, actions);
        }
    });
    perform(py, serial);
    drive_transport(py, serial, token)?;
    // TLS of asyncio's cannot stay half open, and logs a warning each time that it is asked to.
    Ok(with_connection(serial, token, |connection| !connection.peers.is_secure).unwrap_or(false))
}

pub fn connection_lost(py: Python<'_>, serial: u64, token: Token, exc: Option<Bound<'_, PyAny>>) {
    let error = exc.clone().map(PyErr::from_value);
    let failure = exc.map_or(Failure::Disconnected, |exc| {
        let number = exc
            .getattr(intern!(py, "errno"))
            .and_then(|number| number.extract::<i32>());
        let words = exc
            .getattr(intern!(py, "strerror"))
            .map(|words| words.to_string());
        match number {
            Ok(number) => Failure::Os(number, words.unwrap_or_else(|_| exc.to_string())),
            Err(_) => Failure::Disconnected,
        }
    });
    with_loop(serial, |state| {
        if let (Some(error), Some(connection)) = (error, state.connection(token)) {
            connection.note_error(error);
        }
        teardown(state, py, token, &failure);
    });
    perform(py, serial);
}

pub fn set_writable(py: Python<'_>, serial: u64, token: Token, now_writable: bool) {
    with_loop(serial, |state| {
        let Some(connection) = state.connection(token) else {
            return;
        };
        if let Io::Transport {
            carrier, writable, ..
        } = &mut connection.io
        {
            *writable = now_writable;
            connection.unsent = usize::MAX;
            if !now_writable {
                // What it has now is what progress is measured by.
                let ask = Action::AskUnsent(carrier.clone_ref(py), token);
                state.actions.push_back(ask);
            }
        }
        if now_writable {
            // Not here: a transport that is closed while it says so closes twice (asyncio's selector transport).
            state.reactor.queue(token);
            state.actions.push_back(Action::ScheduleTurn);
        } else {
            super::command::after_command(state, py, token);
        }
    });
    perform(py, serial);
}

fn drive_transport(py: Python<'_>, serial: u64, token: Token) -> PyResult<()> {
    let busy = with_connection(serial, token, |connection| connection.driving).unwrap_or(true);
    if busy {
        return Ok(());
    }
    let factory = with_loop(serial, |state| state.handles.event_loop.clone_ref(py));
    let factory = match factory {
        Some(event_loop) => !event_loop
            .call_method0(py, intern!(py, "get_task_factory"))?
            .is_none(py),
        None => false,
    };
    let driven = catch_unwind(AssertUnwindSafe(|| drive(py, serial, token, factory)));
    let outcome = driven.unwrap_or_else(|_| {
        contain_panic(py, serial, token);
        Ok(())
    });
    with_loop(serial, |state| {
        if state.reactor.has_ready() {
            state.actions.push_back(Action::ScheduleTurn);
        }
    });
    perform(py, serial);
    arm(py, serial)?;
    match outcome {
        Err(error) if python::ends_process(py, &error) => reraise(py, serial, error),
        other => other,
    }
}

/// Raises what ends the process where every loop lets it through: uvloop logs what a protocol's method raises.
pub fn reraise(py: Python<'_>, serial: u64, error: PyErr) -> PyResult<()> {
    let handles = with_loop(serial, |state| {
        (
            state.handles.call_soon.clone_ref(py),
            state.handles.empty_context.clone_ref(py),
        )
    });
    let Some((call_soon, context)) = handles else {
        return Err(error);
    };
    let raiser = Py::new(py, Reraise(Mutex::new(Some(error))))?.into_any();
    python::call_soon(py, &call_soon, &raiser, None, &context)
}

/// Raises an exception when it is called.
#[pyclass(frozen, module = "quinde._core")]
struct Reraise(Mutex<Option<PyErr>>);

#[pymethods]
impl Reraise {
    fn __call__(&self) -> PyResult<()> {
        let error = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or(Ok(()), Err)
    }
}
