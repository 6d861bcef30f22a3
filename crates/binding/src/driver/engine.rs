//! `Engine`: what Python holds of one loop's native half, and how that begins and ends.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use quinde_reactor::{Address, Reactor, Socket, Token};

use super::client::client_side;
use super::connection::{BorrowedRawFd, Connection, Endpoint, Io, Peers, Side, teardown};
use super::listener::{Listener, listen};
use super::scratch::Scratch;
use super::tls::Tls;
use super::traverse::traverse;
use super::turn::{arm, expire, scheduled_turn, turn_by_reader};
use super::{Counters, LoopState, Source, perform, with_loop};
use crate::errors::Failure;
use crate::objects::connection::Connection as Handle;
use crate::objects::limits::{Limits, milliseconds};
use crate::objects::service::Service;
use crate::objects::tally::Tally;
use crate::objects::tls::TlsSettings;
use crate::python::LoopHandles;

/// The native half of one event loop. When it is dropped, everything of that loop is closed.
#[pyclass(frozen, weakref, module = "quinde._core")]
pub struct Engine {
    #[pyo3(get)]
    pub serial: u64,
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
            scheduled_turn(py, self.serial)
        }
    }
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
            scratch: Scratch::default(),
            spare: Vec::new(),
            turning: false,
            unsettled: Vec::new(),
            turn_scheduled: false,
            alarm: None,
            counters: Counters::default(),
            full: Vec::new(),
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
        turn_by_reader(py, self.serial)
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
            // `now` has lost a part of a millisecond: a whole one more, and no delay comes out short.
            let lost = u64::from(after > 0);
            state.reactor.deadlines().set(token, Some(now + after + lost));
            token
        });
        let token = token.ok_or_else(gone)?;
        // Made a moment ago: nobody has set it.
        let _ = timer.get().token.set(token);
        arm(py, self.serial)?;
        Ok(timer)
    }

    /// Takes over a listening socket and serves what it accepts.
    #[pyo3(signature = (fd, service, limits, tls=None))]
    fn listen(
        &self,
        py: Python<'_>,
        fd: RawFd,
        service: Py<Service>,
        limits: Py<Limits>,
        tls: Option<Py<TlsSettings>>,
    ) -> PyResult<Listener> {
        let listener = quinde_reactor::Listener::from_fd(own(fd)?)?;
        listen(py, self.serial, listener, service, limits, tls)
    }

    /// Takes over a connected socket for requests; with `tls`, await `secure()` of what this gives.
    #[pyo3(signature = (fd, limits, on_idle, on_lost, body_window, tally=None, tls=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "one each for what a connection is made of"
    )]
    fn connect(
        &self,
        py: Python<'_>,
        fd: RawFd,
        limits: &Bound<'_, Limits>,
        on_idle: Option<Py<PyAny>>,
        on_lost: Option<Py<PyAny>>,
        body_window: usize,
        tally: Option<Py<Tally>>,
        tls: Option<Py<TlsSettings>>,
    ) -> PyResult<Py<Handle>> {
        let socket = Socket::from_fd(own(fd)?)?;
        let peer = socket.peer_addr().unwrap_or(Address::Unix(None));
        let peers = Peers {
            peer: Endpoint::Native(peer),
            local: OnceLock::new(),
            is_secure: tls.is_some(),
        };
        let side = client_side(self.serial, limits.get(), on_idle, on_lost, body_window, tally)?;
        let registered = with_loop(self.serial, |state| {
            state.counters.connected += 1;
            let tls = tls.map(|settings| Tls::new(settings, false, state.reactor.now()));
            let connection = Connection::new(Io::Socket(socket), tls, Side::Client(side), Arc::new(peers));
            let token = state.reactor.insert(Source::Connection(Box::new(connection)));
            match state.reactor.register(token, &BorrowedRawFd(fd)) {
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

    /// Whether connections wait for the next turn.
    fn has_ready(&self) -> bool {
        with_loop(self.serial, |state| state.reactor.has_ready()).unwrap_or(false)
    }

    /// Plain counters of this loop.
    fn statistics(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let counted = with_loop(self.serial, |state| {
            let Counters {
                turns,
                accepted,
                connected,
                accept_pauses,
                handshakes,
                handshakes_failed,
            } = state.counters;
            [
                ("turns", turns),
                ("accepted", accepted),
                ("connected", connected),
                ("accept_pauses", accept_pauses),
                ("handshakes", handshakes),
                ("handshakes_failed", handshakes_failed),
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

    // No `__clear__`: a loop that is collected is closed by its own finaliser, which drops this.
    #[expect(clippy::needless_pass_by_value, reason = "the signature of the slot")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        with_loop(self.serial, |state| traverse(state, &visit)).unwrap_or(Ok(()))
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
                state.discard(token);
            }
        });
    }
    perform_drops(serial);
    drop(super::unregister(serial));
}

/// At the end of a loop nobody can be woken any more: futures and callbacks are only let go.
fn perform_drops(serial: u64) {
    while let Some(Some(action)) = with_loop(serial, |state| state.actions.pop_front()) {
        drop(action);
    }
}

fn own(fd: RawFd) -> PyResult<OwnedFd> {
    // SAFETY: fcntl only looks at its arguments. To close what is not open would end the process.
    if fd < 0 || unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(PyOSError::new_err((libc::EBADF, "not an open file descriptor")));
    }
    // SAFETY: the caller hands over a descriptor that it has detached from its Python socket.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What whoever still holds an object of a loop that is closed gets.
pub fn gone() -> PyErr {
    PyRuntimeError::new_err("the event loop of this object is closed")
}

/// A callback on the loop's deadlines.
#[pyclass(frozen, module = "quinde._core")]
pub struct Timer {
    serial: u64,
    token: OnceLock<Token>,
    pub fired: AtomicBool,
}

#[pymethods]
impl Timer {
    /// Takes the timer back; nothing happens if it has fired.
    fn cancel(&self, py: Python<'_>) {
        let Some(&token) = self.token.get() else { return };
        with_loop(self.serial, |state| {
            state.discard(token);
        });
        perform(py, self.serial);
    }

    /// Whether the callback has been called.
    #[getter]
    fn fired(&self) -> bool {
        self.fired.load(Ordering::Relaxed)
    }
}
