//! `Engine`: one loop's turns, timers and listeners, and the way in for asyncio transports.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use quinde_http::Machine;
use quinde_http::h1::{ClientConnection, ServerConnection};
use quinde_reactor::{Accepted, Address, Budget, Reactor, Socket, Token};

use super::client::ClientSide;
use super::connection::{Connection, Endpoint, Io, Peers, Side, settle, teardown};
use super::server::ServerSide;
use super::{Action, Counters, LoopState, Source, client, perform, server, with_connection, with_loop};
use crate::errors::Failure;
use crate::objects::connection::Connection as Handle;
use crate::objects::limits::{Limits, milliseconds};
use crate::objects::service::Service;
use crate::python::{self, LoopHandles};

/// Room for what one receive may bring, unless it lands in its final place.
const SCRATCH: usize = 64 * 1024;
/// How long a listener rests when no descriptor is left (asyncio: 1 s).
const ACCEPT_PAUSE: u64 = 1_000;
/// How many connections one turn accepts from one listener.
const ACCEPTS_PER_DRIVE: usize = 64;

/// The native half of one event loop. When it is dropped, everything of that loop is closed.
#[pyclass(frozen, weakref, module = "quinde._core")]
pub struct Engine {
    #[pyo3(get)]
    serial: u64,
}

/// Calls back into an engine without keeping it alive.
#[pyclass(frozen, module = "quinde._core")]
struct Recall {
    serial: u64,
    expired: bool,
}

#[pymethods]
impl Recall {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        if self.expired {
            expire(py, self.serial)
        } else {
            turn(py, self.serial)
        }
    }
}

pub struct ListenerSource {
    listener: quinde_reactor::Listener,
    service: Py<Service>,
    paused: bool,
    /// Whether running out of descriptors has been reported since the last success.
    exhausted: bool,
}

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, r#loop: &Bound<'_, PyAny>, poll: bool) -> PyResult<Self> {
        let serial = super::next_serial();
        let recall = |expired| Py::new(py, Recall { serial, expired }).map(Py::into_any);
        let handles = LoopHandles::new(r#loop, recall(false)?, recall(true)?)?;
        let reactor = if poll {
            Reactor::new()?
        } else {
            Reactor::without_poller()
        };
        super::register(LoopState {
            serial,
            process: std::process::id(),
            reactor,
            handles,
            actions: std::collections::VecDeque::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            spare: Vec::new(),
            turning: false,
            unsettled: Vec::new(),
            turn_scheduled: false,
            alarm: None,
            counters: Counters::default(),
        });
        Ok(Self { serial })
    }

    /// The poller's descriptor, for `loop.add_reader`.
    fn fileno(&self) -> PyResult<RawFd> {
        with_loop(self.serial, |state| state.reactor.as_raw_fd())
            .flatten()
            .ok_or_else(|| PyValueError::new_err("this engine has no poller"))
    }

    /// Drains what is ready: the callback of `loop.add_reader`.
    fn turn(&self, py: Python<'_>) -> PyResult<()> {
        turn(py, self.serial)
    }

    /// Calls `callback()` after `delay` seconds, outside of any task.
    fn timer(&self, py: Python<'_>, delay: f64, callback: Py<PyAny>) -> PyResult<Py<Timer>> {
        let after = milliseconds(delay)?;
        let timer = Py::new(
            py,
            Timer {
                serial: self.serial,
                token: OnceLock::new(),
                fired: AtomicBool::new(false),
            },
        )?;
        let kept = timer.clone_ref(py);
        let token = with_loop(self.serial, |state| {
            let now = state.reactor.tick();
            let token = state.reactor.insert(Source::Timer(callback, kept));
            state.reactor.deadlines().set(token, Some(now + after));
            token
        });
        let token = token.ok_or_else(gone)?;
        // Made a moment ago: nobody has set it.
        let _ = timer.get().token.set(token);
        arm(py, self.serial)?;
        Ok(timer)
    }

    /// Takes over a listening socket and serves what it accepts.
    fn listen(&self, py: Python<'_>, fd: RawFd, service: Py<Service>) -> PyResult<Listener> {
        let listener = quinde_reactor::Listener::from_fd(own(fd)?)?;
        let serial = self.serial;
        let registered = with_loop(serial, |state| {
            let source = ListenerSource {
                listener,
                service,
                paused: false,
                exhausted: false,
            };
            let token = state.reactor.insert(Source::Listener(Box::new(source)));
            let done = state.reactor.register(token, &Fd(fd));
            if done.is_err() {
                let removed = state.reactor.remove(token);
                state
                    .actions
                    .extend(removed.map(|source| Action::Drop(super::action::Dropped::Source(source))));
            }
            done.map(|()| token)
        });
        perform(py, serial);
        let token = registered.ok_or_else(gone)??;
        Ok(Listener { serial, token })
    }

    /// Takes over a connected socket for requests.
    fn connect(
        &self,
        py: Python<'_>,
        fd: RawFd,
        limits: &Bound<'_, Limits>,
        on_idle: Option<Py<PyAny>>,
        on_lost: Option<Py<PyAny>>,
        body_window: usize,
    ) -> PyResult<Py<Handle>> {
        let socket = Socket::from_fd(own(fd)?)?;
        let peer = socket.peer_addr().unwrap_or(Address::Unix(None));
        let peers = Peers {
            peer: Endpoint::Native(peer),
            local: OnceLock::new(),
        };
        let side = client_side(self.serial, limits.get(), on_idle, on_lost, body_window)?;
        let registered = with_loop(self.serial, |state| {
            state.counters.connected += 1;
            let connection = Connection::new(Io::Socket(socket), Side::Client(side), Arc::new(peers));
            let token = state.reactor.insert(Source::Connection(Box::new(connection)));
            match state.reactor.register(token, &Fd(fd)) {
                Ok(()) => Ok(token),
                Err(error) => {
                    teardown(state, py, token, &Failure::Closed);
                    Err(error)
                }
            }
        });
        perform(py, self.serial);
        let token = registered.ok_or_else(gone)??;
        Handle::of(py, self.serial, token)?.ok_or_else(gone)
    }

    /// Plain counters of this loop.
    fn statistics(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let counted = with_loop(self.serial, |state| {
            let Counters {
                turns,
                accepted,
                connected,
                accept_pauses,
            } = state.counters;
            [
                ("turns", turns),
                ("accepted", accepted),
                ("connected", connected),
                ("accept_pauses", accept_pauses),
                ("open", state.reactor.len() as u64),
            ]
        });
        let into = PyDict::new(py);
        for (name, count) in counted.into_iter().flatten() {
            into.set_item(name, count)?;
        }
        Ok(into.unbind())
    }

    /// Closes every connection, listener and timer of the loop.
    fn close(&self, py: Python<'_>) {
        close(py, self.serial);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        Python::attach(|py| close(py, self.serial));
    }
}

fn close(py: Python<'_>, serial: u64) {
    let tokens: Vec<Token> = with_loop(serial, |state| {
        state.reactor.iter().map(|(token, _)| token).collect()
    })
    .unwrap_or_default();
    for token in tokens {
        with_loop(serial, |state| match state.reactor.get(token) {
            Some(Source::Connection(_)) => teardown(state, py, token, &Failure::Closed),
            _ => {
                let removed = state.reactor.remove(token);
                state
                    .actions
                    .extend(removed.map(|source| Action::Drop(super::action::Dropped::Source(source))));
            }
        });
    }
    perform_drops(py, serial);
    drop(super::unregister(serial));
}

/// At the end of a loop nobody can be woken any more: futures and callbacks are only let go.
fn perform_drops(_py: Python<'_>, serial: u64) {
    while let Some(Some(action)) = with_loop(serial, |state| state.actions.pop_front()) {
        drop(action);
    }
}

struct Fd(RawFd);

impl std::os::fd::AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

fn own(fd: RawFd) -> PyResult<OwnedFd> {
    if fd < 0 {
        return Err(PyOSError::new_err((libc::EBADF, "not an open file descriptor")));
    }
    // SAFETY: the caller hands over a descriptor that it has detached from its Python socket.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn gone() -> PyErr {
    PyRuntimeError::new_err("the event loop of this object is closed")
}

/// One turn: poll once, drive what is ready within the budget, leave the rest to the next turn.
pub fn turn(py: Python<'_>, serial: u64) -> PyResult<()> {
    let begun = with_loop(serial, |state| {
        if state.turning {
            return None;
        }
        state.turning = true;
        state.turn_scheduled = false;
        state.counters.turns += 1;
        let polled = state
            .reactor
            .poll(Some(Duration::ZERO), |source, readiness| match source {
                Source::Connection(connection) => {
                    if let Io::Socket(socket) = &mut connection.io {
                        socket.set_ready(readiness);
                    }
                }
                Source::Listener(listener) => listener.listener.set_ready(readiness),
                Source::Timer(..) => {}
            });
        Some((polled, state.handles.event_loop.clone_ref(py)))
    });
    let Some(Some((polled, event_loop))) = begun else {
        return Ok(());
    };
    let outcome = polled
        .map_err(PyErr::from)
        .and_then(|()| drive_ready(py, serial, &event_loop));
    finish_turn(py, serial);
    outcome
}

fn drive_ready(py: Python<'_>, serial: u64, event_loop: &Py<PyAny>) -> PyResult<()> {
    let factory = event_loop.call_method0(py, intern!(py, "get_task_factory"))?;
    let factory = !factory.is_none(py);
    let mut budget = Budget::default();
    while budget.take() {
        let Some(Some(token)) = with_loop(serial, |state| state.reactor.next_ready()) else {
            break;
        };
        let driven = catch_unwind(AssertUnwindSafe(|| drive(py, serial, token, factory)));
        match driven {
            Ok(outcome) => outcome?,
            Err(_) => contain_panic(py, serial, token),
        }
    }
    Ok(())
}

/// A panic ends one connection, never the process.
fn contain_panic(py: Python<'_>, serial: u64, token: Token) {
    with_loop(serial, |state| teardown(state, py, token, &Failure::Closed));
    perform(py, serial);
    let error = PyRuntimeError::new_err("a panic in quinde's core; the connection was closed");
    super::action::report(py, serial, "quinde: internal error", error);
}

enum Kind {
    Server,
    Client,
    Listener,
}

fn drive(py: Python<'_>, serial: u64, token: Token, factory: bool) -> PyResult<()> {
    let kind = with_loop(serial, |state| match state.reactor.get(token) {
        Some(Source::Connection(connection)) => Some(match connection.side {
            Side::Server(_) => Kind::Server,
            Side::Client(_) => Kind::Client,
        }),
        Some(Source::Listener(_)) => Some(Kind::Listener),
        _ => None,
    });
    match kind.flatten() {
        Some(Kind::Server) => server::drive(py, serial, token, factory)?,
        Some(Kind::Client) => client::drive(py, serial, token),
        Some(Kind::Listener) => accept(py, serial, token),
        None => {}
    }
    Ok(())
}

/// Sends what the turn's connections have to say, one after the other.
///
/// Back to back: a send wakes a peer that sleeps, which costs more than the send itself. The first one does; those
/// that follow find the peer awake, where sending after each drive would let it fall asleep in between.
fn settle_turn(py: Python<'_>, serial: u64) {
    with_loop(serial, |state| {
        let mut tokens = std::mem::take(&mut state.unsettled);
        for token in tokens.drain(..) {
            settle(state, py, token);
        }
        // Nothing settles in between; the room is kept for the next turn.
        state.unsettled = tokens;
    });
}

fn finish_turn(py: Python<'_>, serial: u64) {
    settle_turn(py, serial);
    let more = with_loop(serial, |state| {
        state.turning = false;
        state.reactor.has_ready()
    });
    if more == Some(true) {
        with_loop(serial, |state| state.actions.push_back(Action::ScheduleTurn));
    }
    perform(py, serial);
    if let Err(error) = arm(py, serial) {
        super::action::report(py, serial, "quinde: a timer could not be set", error);
    }
}

/// Sets the loop's timer to the earliest deadline, if that is earlier than the one it is set to.
pub fn arm(py: Python<'_>, serial: u64) -> PyResult<()> {
    let wanted = with_loop(serial, |state| {
        let next = state.reactor.deadlines().next()?;
        if state.alarm.as_ref().is_some_and(|(at, _)| *at <= next) {
            return None;
        }
        let old = state.alarm.take().map(|(_, handle)| handle);
        let handles = &state.handles;
        let delay = next.saturating_sub(state.reactor.now());
        Some((
            next,
            delay,
            old,
            handles.call_later.clone_ref(py),
            handles.expire.clone_ref(py),
            handles.empty_context.clone_ref(py),
        ))
    });
    let Some(Some((at, delay, old, call_later, callback, context))) = wanted else {
        return Ok(());
    };
    if let Some(old) = old {
        old.call_method0(py, intern!(py, "cancel"))?;
    }
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of at most some years")]
    let seconds = delay as f64 / 1000.0;
    let handle = python::call_later(py, &call_later, seconds, &callback, &context)?;
    with_loop(serial, |state| state.alarm = Some((at, handle)));
    Ok(())
}

/// The loop's timer fired: due deadlines take effect, then their connections are driven.
fn expire(py: Python<'_>, serial: u64) -> PyResult<()> {
    let alarm = with_loop(serial, |state| state.alarm.take());
    drop(alarm);
    while let Some(true) = with_loop(serial, |state| expire_one(state, py)) {
        perform(py, serial);
    }
    turn(py, serial)
}

fn expire_one(state: &mut LoopState, py: Python<'_>) -> bool {
    let now = state.reactor.tick();
    let Some(token) = state.reactor.deadlines().pop_due(now) else {
        return false;
    };
    match state.reactor.get_mut(token) {
        Some(Source::Timer(..)) => {
            if let Some(Source::Timer(callback, timer)) = state.reactor.remove(token) {
                timer.get().fired.store(true, Ordering::Relaxed);
                state.actions.push_back(Action::Call(callback, None));
                state
                    .actions
                    .push_back(Action::Drop(super::action::Dropped::Object(timer.into_any())));
            }
        }
        Some(Source::Listener(listener)) => {
            listener.listener.set_ready(quinde_reactor::Readiness {
                readable: true,
                writable: false,
                hup: false,
            });
            state.reactor.queue(token);
        }
        Some(Source::Connection(connection)) => match &mut connection.side {
            Side::Server(server) => {
                server.machine.handle_timeout(now);
                state.reactor.queue(token);
            }
            Side::Client(_) => client::expire(state, py, token, now),
        },
        None => {}
    }
    true
}

fn accept(py: Python<'_>, serial: u64, token: Token) {
    for _ in 0..ACCEPTS_PER_DRIVE {
        match with_loop(serial, |state| accept_one(state, py, token)) {
            Some(true) => {}
            _ => {
                perform(py, serial);
                return;
            }
        }
    }
    with_loop(serial, |state| state.reactor.queue(token));
}

/// Accepts one connection; false: no more for now.
fn accept_one(state: &mut LoopState, py: Python<'_>, token: Token) -> bool {
    let now = state.reactor.now();
    let Some(Source::Listener(source)) = state.reactor.get_mut(token) else {
        return false;
    };
    if source.paused || !source.listener.is_readable() {
        return false;
    }
    match source.listener.accept() {
        Accepted::Connection(socket, peer) => {
            source.exhausted = false;
            let service = source.service.clone_ref(py);
            admit(state, py, socket, peer, service);
            true
        }
        Accepted::Skip => true,
        Accepted::Blocked => false,
        Accepted::Exhausted(error) => {
            if !std::mem::replace(&mut source.exhausted, true) {
                state.actions.push_back(Action::Report(
                    "quinde: accept() is out of system resources",
                    error.into(),
                ));
            }
            state.counters.accept_pauses += 1;
            state.reactor.deadlines().set(token, Some(now + ACCEPT_PAUSE));
            false
        }
        Accepted::Failed(error) => {
            state
                .actions
                .push_back(Action::Report("quinde: a listening socket failed", error.into()));
            let removed = state.reactor.remove(token);
            state
                .actions
                .extend(removed.map(|source| Action::Drop(super::action::Dropped::Source(source))));
            false
        }
    }
}

fn admit(state: &mut LoopState, py: Python<'_>, socket: Socket, peer: Address, service: Py<Service>) {
    if !service.get().count_connection(state.serial) {
        return;
    }
    if matches!(peer, Address::Inet(_)) {
        // A peer that is gone already fails these; the first receive will tell.
        let _ = socket.set_nodelay(true);
        if service.get().tcp_keepalive {
            let _ = socket.set_keepalive(true);
        }
    }
    let now = state.reactor.now();
    let fd = Fd(std::os::fd::AsRawFd::as_raw_fd(&socket));
    let machine = ServerConnection::new(Arc::clone(&service.get().limits.get().shared), now);
    let peers = Peers {
        peer: Endpoint::Native(peer),
        local: OnceLock::new(),
    };
    let side = Side::Server(ServerSide::new(machine, service));
    let connection = Connection::new(Io::Socket(socket), side, Arc::new(peers));
    let token = state.reactor.insert(Source::Connection(Box::new(connection)));
    state.counters.accepted += 1;
    if state.reactor.register(token, &fd).is_err() {
        teardown(state, py, token, &Failure::Closed);
        return;
    }
    state.reactor.queue(token);
}

fn client_side(
    serial: u64,
    limits: &Limits,
    on_idle: Option<Py<PyAny>>,
    on_lost: Option<Py<PyAny>>,
    body_window: usize,
) -> PyResult<ClientSide> {
    let shared = &limits.shared;
    let shared = if shared.body_window == body_window {
        Arc::clone(shared)
    } else {
        Arc::new(quinde_http::Limits {
            body_window,
            ..(**shared).clone()
        })
    };
    let now = with_loop(serial, |state| state.reactor.tick()).ok_or_else(gone)?;
    Ok(ClientSide::new(
        ClientConnection::new(shared, now),
        on_idle,
        on_lost,
    ))
}

// The transport backend: an asyncio transport does the I/O and calls in here.

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
    let local = OnceLock::new();
    let _ = local.set(info(intern!(py, "sockname"))?);
    Ok(Peers {
        peer: info(intern!(py, "peername"))?,
        local,
    })
}

fn attach(py: Python<'_>, serial: u64, transport: &Bound<'_, PyAny>, side: Side) -> PyResult<Py<Handle>> {
    let peers = Arc::new(transport_peers(transport)?);
    let io = Io::Transport {
        transport: transport.clone().unbind(),
        writable: true,
        reading: true,
        eof: false,
    };
    let token = with_loop(serial, |state| {
        let token = state
            .reactor
            .insert(Source::Connection(Box::new(Connection::new(io, side, peers))));
        settle(state, py, token);
        token
    });
    perform(py, serial);
    arm(py, serial)?;
    Handle::of(py, serial, token.ok_or_else(gone)?)?.ok_or_else(gone)
}

pub fn attach_server(
    py: Python<'_>,
    transport: &Bound<'_, PyAny>,
    service: Py<Service>,
) -> PyResult<Py<Handle>> {
    let serial = running(py)?;
    let serving = service.get().count_connection(serial);
    let now = with_loop(serial, |state| state.reactor.tick()).ok_or_else(gone)?;
    let mut machine = ServerConnection::new(Arc::clone(&service.get().limits.get().shared), now);
    if !serving {
        machine.shutdown();
    }
    attach(
        py,
        serial,
        transport,
        Side::Server(ServerSide::new(machine, service)),
    )
}

pub fn attach_client(
    py: Python<'_>,
    transport: &Bound<'_, PyAny>,
    limits: &Limits,
    on_idle: Option<Py<PyAny>>,
    on_lost: Option<Py<PyAny>>,
    body_window: usize,
) -> PyResult<Py<Handle>> {
    let serial = running(py)?;
    let side = client_side(serial, limits, on_idle, on_lost, body_window)?;
    attach(py, serial, transport, Side::Client(side))
}

pub fn data_received(py: Python<'_>, serial: u64, token: Token, data: &[u8]) -> PyResult<()> {
    let fed = with_loop(serial, |state| {
        let now = state.reactor.tick();
        state
            .connection(token)
            .map(|connection| connection.feed(data, now))
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
            connection.end_of_input(now, None);
            connection.note_disconnect(py, actions);
        }
    });
    perform(py, serial);
    drive_transport(py, serial, token)?;
    Ok(with_connection(serial, token, |_| ()).is_some())
}

pub fn connection_lost(py: Python<'_>, serial: u64, token: Token, exc: Option<Bound<'_, PyAny>>) {
    let failure = exc.map_or(Failure::Disconnected, |exc| {
        let number = exc
            .getattr(intern!(py, "errno"))
            .and_then(|number| number.extract::<i32>());
        match number {
            Ok(number) => Failure::Os(number, exc.to_string()),
            Err(_) => Failure::Disconnected,
        }
    });
    with_loop(serial, |state| teardown(state, py, token, &failure));
    perform(py, serial);
}

pub fn set_writable(py: Python<'_>, serial: u64, token: Token, now_writable: bool) {
    with_loop(serial, |state| {
        let Some(connection) = state.connection(token) else {
            return;
        };
        if let Io::Transport { writable, .. } = &mut connection.io {
            *writable = now_writable;
        }
        super::connection::after_command(state, py, token);
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
    outcome
}

/// A listening socket that the core accepts from.
#[pyclass(frozen, module = "quinde._core")]
pub struct Listener {
    serial: u64,
    token: Token,
}

#[pymethods]
impl Listener {
    /// Stops accepting and closes the socket.
    fn close(&self, py: Python<'_>) {
        with_loop(self.serial, |state| {
            if let Some(Source::Listener(source)) = state.reactor.get(self.token) {
                if state.process == std::process::id() {
                    // Its socket may have a duplicate, which would keep the watch alive (SockSite's user has one).
                    let _ = state.reactor.deregister(&source.listener);
                }
            }
            let removed = state.reactor.remove(self.token);
            state
                .actions
                .extend(removed.map(|source| Action::Drop(super::action::Dropped::Source(source))));
        });
        perform(py, self.serial);
    }

    /// Leaves new connections in the backlog.
    fn pause(&self) {
        self.set_paused(true);
    }

    /// Accepts again.
    fn resume(&self, py: Python<'_>) {
        self.set_paused(false);
        with_loop(self.serial, |state| {
            state.reactor.queue(self.token);
            state.actions.push_back(Action::ScheduleTurn);
        });
        perform(py, self.serial);
    }
}

impl Listener {
    fn set_paused(&self, paused: bool) {
        with_loop(self.serial, |state| {
            if let Some(Source::Listener(listener)) = state.reactor.get_mut(self.token) {
                listener.paused = paused;
            }
        });
    }
}

/// A callback on the loop's deadlines.
#[pyclass(frozen, module = "quinde._core")]
pub struct Timer {
    serial: u64,
    token: OnceLock<Token>,
    fired: AtomicBool,
}

#[pymethods]
impl Timer {
    /// Takes the timer back; nothing happens if it has fired.
    fn cancel(&self, py: Python<'_>) {
        let Some(&token) = self.token.get() else { return };
        with_loop(self.serial, |state| {
            let removed = state.reactor.remove(token);
            state
                .actions
                .extend(removed.map(|source| Action::Drop(super::action::Dropped::Source(source))));
        });
        perform(py, self.serial);
    }

    /// Whether the callback has been called.
    #[getter]
    fn fired(&self) -> bool {
        self.fired.load(Ordering::Relaxed)
    }
}
