//! Listening sockets that the core accepts from.

use std::sync::{Arc, OnceLock};

use pyo3::prelude::*;
use quinde_http::h1::ServerConnection;
use quinde_reactor::{Accepted, Address, Readiness, Socket, Token};

use super::connection::{BorrowedRawFd, Connection, Endpoint, Io, Peers, Side, teardown};
use super::engine::gone;
use super::server::ServerSide;
use super::tls::Tls;
use super::{Action, LoopState, Source, perform, with_loop};
use crate::errors::Failure;
use crate::objects::limits::Limits;
use crate::objects::service::Service;
use crate::objects::tls::TlsSettings;

/// How long a listener rests when no descriptor is left (asyncio: 1 s).
const ACCEPT_PAUSE: u64 = 1_000;
/// How often it is told that there is no room for another connection.
const FULL_QUIET: u64 = 60_000;
/// How many connections one turn accepts from one listener.
const ACCEPTS_PER_DRIVE: usize = 64;
/// How many of those that wait are let in when a listener is closed: a long backlog.
const ACCEPTS_AT_CLOSE: usize = 1024;

pub const READABLE: Readiness = Readiness {
    readable: true,
    writable: false,
    hup: false,
};

pub struct ListenerSource {
    pub listener: quinde_reactor::Listener,
    pub service: Py<Service>,
    limits: Py<Limits>,
    pub tls: Option<Py<TlsSettings>>,
    paused: bool,
    /// When being full may be told again.
    quiet_until: u64,
    /// Whether running out of descriptors has been reported since the last success.
    exhausted: bool,
}

/// Serves what a listening socket accepts.
pub fn listen(
    py: Python<'_>,
    serial: u64,
    listener: quinde_reactor::Listener,
    service: Py<Service>,
    limits: Py<Limits>,
    tls: Option<Py<TlsSettings>>,
) -> PyResult<Listener> {
    let registered = with_loop(serial, |state| {
        let source = ListenerSource {
            listener,
            service,
            limits,
            tls,
            paused: false,
            quiet_until: 0,
            exhausted: false,
        };
        let token = state.reactor.insert(Source::Listener(Box::new(source)));
        let done = match state.reactor.get(token) {
            Some(Source::Listener(source)) => state.reactor.register(token, &source.listener),
            _ => Ok(()),
        };
        if done.is_err() {
            state.discard(token);
        }
        done.map(|()| token)
    });
    perform(py, serial);
    let token = registered.ok_or_else(gone)??;
    Ok(Listener { serial, token })
}

pub fn accept(py: Python<'_>, serial: u64, token: Token) {
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
    if !source.limits.get().has_room() {
        wait_for_room(state, py, token, now);
        return false;
    }
    match source.listener.accept() {
        Accepted::Connection(socket, peer) => {
            source.exhausted = false;
            let service = source.service.clone_ref(py);
            let limits = source.limits.clone_ref(py);
            let tls = source.tls.as_ref().map(|tls| tls.clone_ref(py));
            admit(state, py, socket, peer, service, limits, tls);
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
            state.discard(token);
            false
        }
    }
}

/// Leaves whoever else comes in the backlog until a connection is closed.
fn wait_for_room(state: &mut LoopState, py: Python<'_>, token: Token, now: u64) {
    state.counters.accept_pauses += 1;
    state.full.push(token);
    // A connection of another loop may have had the place: look again, also when none is closed here.
    state.reactor.deadlines().set(token, Some(now + ACCEPT_PAUSE));
    let Some(Source::Listener(source)) = state.reactor.get_mut(token) else {
        return;
    };
    if source.quiet_until <= now {
        source.quiet_until = now + FULL_QUIET;
        if let Some(on_full) = source.service.get().on_full(py) {
            state.actions.push_back(Action::Call(on_full, None));
        }
    }
}

/// A connection was closed: listeners that waited for that look again.
pub fn wake_full(state: &mut LoopState) {
    if state.full.is_empty() {
        return;
    }
    while let Some(token) = state.full.pop() {
        state.reactor.queue(token);
    }
    state.actions.push_back(Action::ScheduleTurn);
}

fn admit(
    state: &mut LoopState,
    py: Python<'_>,
    socket: Socket,
    peer: Address,
    service: Py<Service>,
    limits: Py<Limits>,
    tls: Option<Py<TlsSettings>>,
) {
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
    let fd = BorrowedRawFd(std::os::fd::AsRawFd::as_raw_fd(&socket));
    let machine = ServerConnection::new(Arc::clone(&limits.get().shared), now);
    let peers = Peers {
        peer: Endpoint::Native(peer),
        local: OnceLock::new(),
        is_secure: tls.is_some(),
    };
    let tls = tls.map(|settings| Tls::new(settings, true, now));
    let side = Side::Server(ServerSide::new(machine, service, limits));
    let connection = Connection::new(Io::Socket(socket), tls, side, Arc::new(peers));
    let token = state.reactor.insert(Source::Connection(Box::new(connection)));
    state.counters.accepted += 1;
    if state.reactor.register(token, &fd).is_err() {
        teardown(state, py, token, &Failure::Closed);
        return;
    }
    state.reactor.queue(token);
}

/// A listening socket that the core accepts from.
#[pyclass(frozen, module = "quinde._core")]
pub struct Listener {
    serial: u64,
    token: Token,
}

#[pymethods]
impl Listener {
    /// Stops accepting and closes the socket. Who has connected by now is let in: the kernel would reset him.
    fn close(&self, py: Python<'_>) {
        with_loop(self.serial, |state| {
            if let Some(Source::Listener(source)) = state.reactor.get_mut(self.token) {
                // The poller may not have told of the last ones.
                source.listener.set_ready(READABLE);
            }
            if state.process == std::process::id() {
                let mut left = ACCEPTS_AT_CLOSE;
                while left > 0 && accept_one(state, py, self.token) {
                    left -= 1;
                }
                state.actions.push_back(Action::ScheduleTurn);
            }
        });
        perform(py, self.serial);
        with_loop(self.serial, |state| {
            if let Some(Source::Listener(source)) = state.reactor.get(self.token) {
                if state.process == std::process::id() {
                    // Its socket may have a duplicate, which would keep the watch alive (SockSite's user has one).
                    let _ = state.reactor.deregister(&source.listener);
                }
            }
            state.discard(self.token);
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
