//! The driver: socket → protocol machine → Python object, and back, for the connections of one loop.
//!
//! # Theory of operation
//!
//! Each event loop that uses quinde has one [`LoopState`], kept in a registry under a serial number.
//! Python objects refer to it by that number and a token: a loop that is gone and a slot that is reused look the
//! same to them, namely "the connection is closed". As with all of asyncio, calls from another thread than the one that
//! runs the loop are the caller's mistake; the GIL keeps them from doing more harm than there.
//!
//! **The re-entrancy rule.** User code may run at every call into Python and may call back on its own connection,
//! on others, or start new ones. So the state is borrowed only inside [`with_loop`], whose closures never call into
//! Python and never drop a Python object that could run code: what has to be called, woken or dropped is pushed to
//! `actions` and performed by [`perform`] when the borrow has ended. The connection is found again by its token
//! after every such call.
//!
//! **A turn** (`turn.rs`) polls once, then drives each ready connection: `server.rs` and `client.rs` receive, pull
//! events out of the protocol machine, and say what Python has to do; the output of all leaves at the end of the turn
//! (`unsettled`), each connection's in one write, pipelined answers too. Outside a turn, commands flush at once.
//!
//! May know: the protocol machines, the reactor, Python. Must not know: what an application, a session or a route is.

pub mod action;
pub mod answer;
pub mod client;
pub mod command;
pub mod connection;
pub mod engine;
pub mod exchange;
pub mod flush;
pub mod gather;
pub mod listener;
pub mod raw;
pub mod scratch;
pub mod server;
pub mod stall;
pub mod tls;
pub mod transport;
pub mod traverse;
pub mod turn;

use std::cell::{RefCell, UnsafeCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use quinde_http::StreamId;
use quinde_reactor::{Reactor, Token};

pub use action::{Action, perform};
use connection::Connection;
use scratch::Scratch;

use crate::python::LoopHandles;

/// Where a Python object finds its message: the loop, the connection and the stream on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub serial: u64,
    pub token: Token,
    pub stream: StreamId,
}

/// What a slot of the reactor holds.
pub enum Source {
    Connection(Box<Connection>),
    Listener(Box<listener::ListenerSource>),
    Timer(Py<PyAny>, Py<Timer>),
}

use engine::Timer;

/// Everything that belongs to one event loop.
pub struct LoopState {
    pub serial: u64,
    /// The process that made it. The child of a fork shares the poller's set of watches and must not change it.
    pub process: u32,
    pub reactor: Reactor<Source>,
    pub handles: LoopHandles,
    pub actions: VecDeque<Action>,
    pub scratch: Scratch,
    /// Output buffers that idle connections gave back.
    pub spare: Vec<Vec<u8>>,
    pub turning: bool,
    /// Connections driven in this turn whose output has not been sent yet.
    pub unsettled: Vec<Token>,
    pub turn_scheduled: bool,
    /// The loop's timer for the earliest deadline.
    pub alarm: Option<(u64, Py<PyAny>)>,
    pub counters: Counters,
    /// Listeners that wait until there is room for another connection.
    pub full: Vec<Token>,
}

/// Plain integers for `statistics()`.
#[derive(Default)]
pub struct Counters {
    pub turns: u64,
    pub accepted: u64,
    pub connected: u64,
    pub accept_pauses: u64,
    pub handshakes: u64,
    pub handshakes_failed: u64,
}

/// How many output buffers are kept for reuse, and up to which capacity.
const SPARE_BUFFERS: usize = 64;
const SPARE_CAPACITY: usize = 16 * 1024;

impl LoopState {
    pub fn connection(&mut self, token: Token) -> Option<&mut Connection> {
        match self.reactor.get_mut(token) {
            Some(Source::Connection(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Removes what a slot holds; it is dropped when the borrow has ended.
    pub fn discard(&mut self, token: Token) {
        let removed = self.reactor.remove(token);
        self.actions
            .extend(removed.map(|source| Action::Drop(action::Dropped::Source(source))));
    }

    /// Whether the loop's timer is later than the earliest deadline.
    pub fn needs_arming(&mut self) -> bool {
        let next = self.reactor.deadlines().next();
        next.is_some_and(|next| self.alarm.as_ref().is_none_or(|(at, _)| next < *at))
    }
}

pub fn keep_spare(spare: &mut Vec<Vec<u8>>, mut buffer: Vec<u8>) {
    if spare.len() < SPARE_BUFFERS && buffer.capacity() <= SPARE_CAPACITY {
        buffer.clear();
        spare.push(buffer);
    }
}

struct Registered {
    serial: u64,
    state: RefCell<LoopState>,
}

/// All loops of the process.
///
/// A static and not a thread-local: in a shared library each access to one is a call, and there are many a request.
struct Registry(UnsafeCell<Vec<Rc<Registered>>>);

// SAFETY: the module says `gil_used`, so the GIL is there, and every access holds it: all are made by functions that
// Python calls, and none of them gives the GIL away while it looks at the list (the rule of `with_loop`).
unsafe impl Sync for Registry {}

static LOOPS: Registry = Registry(UnsafeCell::new(Vec::new()));

impl Registry {
    /// Runs `f` on the list; `f` calls nothing that could come back here.
    fn with<R>(&self, f: impl FnOnce(&mut Vec<Rc<Registered>>) -> R) -> R {
        // SAFETY: see above; `f` is short and private to this file, so that no second borrow can begin.
        f(unsafe { &mut *self.0.get() })
    }
}

/// Runs `f` on the loop's state. None: the loop is gone, or it is being looked at already.
///
/// `f` must not call into Python (see the module's theory).
pub fn with_loop<R>(serial: u64, f: impl FnOnce(&mut LoopState) -> R) -> Option<R> {
    let found = LOOPS.with(|loops| {
        let found = loops.iter().find(|registered| registered.serial == serial)?;
        Some(Rc::clone(found))
    })?;
    let mut state = found.state.try_borrow_mut().ok()?;
    Some(f(&mut state))
}

/// The serial number of the loop whose handles are the wanted ones.
fn find(wanted: impl Fn(&LoopHandles) -> bool) -> Option<u64> {
    LOOPS.with(|loops| {
        let mut all = loops.iter();
        all.find(|registered| {
            registered
                .state
                .try_borrow()
                .is_ok_and(|state| wanted(&state.handles))
        })
        .map(|found| found.serial)
    })
}

/// Runs `f` on one connection of a loop. None: the connection is gone.
pub fn with_connection<R>(serial: u64, token: Token, f: impl FnOnce(&mut Connection) -> R) -> Option<R> {
    with_loop(serial, |state| state.connection(token).map(f)).flatten()
}

fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn register(state: LoopState) {
    let registered = Registered {
        serial: state.serial,
        state: RefCell::new(state),
    };
    LOOPS.with(|loops| loops.push(Rc::new(registered)));
}

/// Takes the state out of the registry; its owner drops it, outside every borrow.
fn unregister(serial: u64) -> Option<Rc<Registered>> {
    LOOPS.with(|loops| {
        let at = loops.iter().position(|registered| registered.serial == serial)?;
        Some(loops.swap_remove(at))
    })
}
