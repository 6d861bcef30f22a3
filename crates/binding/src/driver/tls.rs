//! TLS of one connection: a filter between its socket and its machine, worked by Python's `ssl`.
//!
//! # Theory of operation
//!
//! The user's `SSLContext` makes an `SSLObject` over two `MemoryBIO`s: what the socket receives is written into the
//! incoming one, what the outgoing one holds is sent. Between them lie three phases:
//!
//! ```text
//!   Handshake ── done ──▶ Open ── this end says goodbye ──▶ Parted
//!       └ error, deadline ─┴─ error ──▶ the connection is torn down
//! ```
//!
//! Every call of an `SSLObject` is a call into Python (callbacks for SNI and keys run in it, and `ssl` lets other threads
//! run meanwhile), so none is made while the loop's state is borrowed: the drive takes ciphertext off the socket and has
//! [`open`] decrypt it between two borrows; `settle` queues [`Action::Seal`] where plaintext waits. `busy` keeps the two
//! out of each other's way if a callback comes back here.
//!
//! Bytes of a body are decrypted straight to where they belong, as recv puts them there without TLS (`take_in`); what is
//! not wanted yet stays sealed.
//!
//! Plaintext stays in the machine's output until the ciphertext before it has left: so what a slow peer makes this end
//! hold is one batch of records beside what the machine's marks allow.
//!
//! Knows `ssl`'s objects and nothing of HTTP.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};
use quinde_http::{Chunk, Output};
use quinde_reactor::Token;

use super::connection::{Connection, Ending, Side, settle, teardown};
use super::{Action, LoopState, Source, perform, with_connection, with_loop};
use crate::errors::Failure;
use crate::objects::body::Place;
use crate::objects::tls::TlsSettings;
use crate::objects::window::Window;

/// What one record carries at most (RFC 8446 §5.1).
const RECORD: usize = 16_384;
/// How many records are made at once: then they are sent before there are more.
const RECORDS_PER_BATCH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Open,
    /// This end's close_notify is being made.
    Parting,
    /// It has been made; the peer's may still come.
    Parted,
}

/// The `ssl` objects of one connection.
pub struct Session {
    /// The `ssl.SSLObject`, as users see it.
    pub object: Py<PyAny>,
    /// What does its work, without its frames of Python code.
    inner: Py<PyAny>,
    incoming: Py<PyAny>,
    outgoing: Py<PyAny>,
}

/// What a session gives.
enum Opened<'py> {
    /// Plaintext.
    Bytes(Bound<'py, PyBytes>),
    /// So much of it, in its place.
    Placed(Place, usize),
    /// The peer's goodbye.
    End,
}

pub struct Tls {
    pub settings: Py<TlsSettings>,
    is_server: bool,
    /// Whose connection it is: a forked child has a copy.
    process: u32,
    phase: Phase,
    /// Made for the first bytes of a client, and at once for a server: who connects and says nothing costs little.
    session: Option<Arc<Session>>,
    /// Ciphertext for the socket.
    sealed: Output,
    /// Plaintext that could not be encrypted before the peer has answered (renegotiation).
    held: VecDeque<Py<PyBytes>>,
    /// Whether one of the session's methods is running.
    busy: bool,
    /// More of what came can be opened, when the machine has done with what was.
    unopened: bool,
    /// Of the handshake; after the goodbye, of waiting for the peer's.
    pub deadline: Option<u64>,
    /// A client's connector waits for the end of the handshake.
    waiter: Option<Py<PyAny>>,
}

impl Tls {
    pub fn new(settings: Py<TlsSettings>, is_server: bool, now: u64) -> Self {
        let patience = settings.get().handshake_timeout;
        Self {
            settings,
            is_server,
            process: std::process::id(),
            phase: Phase::Handshake,
            session: None,
            sealed: Output::default(),
            held: VecDeque::new(),
            busy: false,
            unopened: false,
            deadline: (patience > 0).then(|| now + patience),
            waiter: None,
        }
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.settings)?;
        visit.call(&self.waiter)?;
        if let Some(session) = &self.session {
            for held in [
                &session.object,
                &session.inner,
                &session.incoming,
                &session.outgoing,
            ] {
                visit.call(held)?;
            }
        }
        Ok(())
    }

    pub fn is_shaking_hands(&self) -> bool {
        self.phase == Phase::Handshake
    }

    /// Whether this end has said goodbye.
    pub fn has_parted(&self) -> bool {
        self.phase == Phase::Parted
    }

    pub fn session(&self) -> Option<&Arc<Session>> {
        self.session.as_ref()
    }

    pub fn sealed(&mut self) -> &mut Output {
        &mut self.sealed
    }

    /// Bytes that wait in the filter.
    pub fn unsent(&self) -> usize {
        self.sealed.len()
    }

    pub fn take_waiter(&mut self) -> Option<Py<PyAny>> {
        self.waiter.take()
    }

    /// Whether plaintext may be encrypted now.
    pub fn can_seal(&self) -> bool {
        self.phase == Phase::Open && !self.busy
    }

    pub fn has_unopened(&self) -> bool {
        self.unopened
    }

    pub fn holds_plaintext(&self) -> bool {
        !self.held.is_empty()
    }

    /// Says goodbye before the connection closes, where that is wanted. True: there is nothing left to wait for.
    ///
    /// RFC 8446 §6.1: a server's peer learns from it that nothing was cut off. A client's need not know, and aiohttp's
    /// does not say it unless it is told how long it may wait for the answer.
    pub fn part(
        &mut self,
        token: Token,
        now: u64,
        peer_closed: bool,
        actions: &mut VecDeque<Action>,
    ) -> bool {
        let patience = self.settings.get().shutdown_timeout;
        match self.phase {
            Phase::Handshake => true,
            Phase::Open if !self.is_server && patience == 0 => true,
            // The record would take the place of the parent's next one.
            Phase::Open if self.process != std::process::id() => true,
            Phase::Open => {
                self.phase = Phase::Parting;
                self.deadline = (patience > 0).then(|| now + patience);
                actions.push_back(Action::Part(token));
                false
            }
            Phase::Parting => false,
            Phase::Parted => peer_closed || self.deadline.is_none_or(|at| at <= now),
        }
    }

    fn take_plaintext(&mut self, py: Python<'_>, output: &mut Output) -> Vec<Py<PyBytes>> {
        let mut pieces: Vec<_> = self.held.drain(..).collect();
        while pieces.len() < RECORDS_PER_BATCH && !output.is_empty() {
            pieces.push(take_record(py, output));
        }
        pieces
    }
}

/// As much plaintext as fits one record. Making bytes runs no code, so the state may be borrowed.
fn take_record(py: Python<'_>, output: &mut Output) -> Py<PyBytes> {
    let mut slices = [IoSlice::new(&[]); 16];
    let filled = output.slices(&mut slices);
    let piece = match &slices[..filled] {
        [only] => PyBytes::new(py, &only[..only.len().min(RECORD)]),
        several => {
            let mut joined = Vec::with_capacity(RECORD.min(output.len()));
            for slice in several {
                let room = RECORD - joined.len();
                joined.extend_from_slice(&slice[..slice.len().min(room)]);
            }
            PyBytes::new(py, &joined)
        }
    };
    output.advance(piece.as_bytes().len());
    piece.unbind()
}

/// Starts a client's handshake; gives the future of its end.
pub fn begin(py: Python<'_>, serial: u64, token: Token) -> PyResult<Py<PyAny>> {
    let create = with_loop(serial, |state| state.handles.create_future.clone_ref(py));
    let future = create.ok_or_else(super::engine::gone)?.call0(py)?;
    with_connection(serial, token, |connection| {
        if let Some(tls) = &mut connection.tls {
            tls.waiter = Some(future.clone_ref(py));
        }
    });
    open(py, serial, token, 0);
    with_loop(serial, |state| settle(state, py, token));
    perform(py, serial);
    super::turn::arm(py, serial)?;
    Ok(future)
}

/// Takes in what the socket gave, the first `sealed` bytes of the scratch buffer: a handshake goes on, plaintext goes to
/// the machine, answers are queued.
pub fn open(py: Python<'_>, serial: u64, token: Token, sealed: usize) {
    let outcome = enter(py, serial, token).and_then(|session| match session {
        Some(session) => {
            let outcome =
                hand_over(py, serial, &session, sealed).and_then(|()| take_in(py, serial, token, &session));
            // What OpenSSL has to say goes out also when it failed: the peer learns why from the alert.
            let answer = session.answer(py);
            leave(py, serial, token, answer, Vec::new());
            outcome
        }
        None => Ok(()),
    });
    if let Err(error) = outcome {
        fail(py, serial, token, &error);
    }
}

/// Encrypts a batch of what waits and sends it.
pub fn seal(py: Python<'_>, serial: u64, token: Token) {
    let taken = with_connection(serial, token, |connection| {
        let Connection { tls, side, .. } = connection;
        let tls = tls.as_mut().filter(|tls| tls.can_seal())?;
        let session = Arc::clone(tls.session.as_ref()?);
        let pieces = tls.take_plaintext(py, side.output());
        tls.busy = true;
        Some((session, pieces))
    });
    let Some(Some((session, pieces))) = taken else {
        return;
    };
    match session.write(py, pieces) {
        Ok(held) => {
            let answer = session.answer(py);
            leave(py, serial, token, answer, held);
        }
        Err(error) => {
            leave(py, serial, token, None, Vec::new());
            fail(py, serial, token, &error);
        }
    }
    settle_outside(py, serial, token);
}

/// Makes this end's close_notify and sends it.
pub fn part(py: Python<'_>, serial: u64, token: Token) {
    let session = with_connection(serial, token, |connection| {
        let tls = connection.tls.as_mut()?;
        tls.phase = Phase::Parted;
        let entered = !std::mem::replace(&mut tls.busy, true);
        tls.session.clone().filter(|_| entered)
    });
    let Some(Some(session)) = session else { return };
    // It says "want read" until the peer has answered; an error means that nobody can be told any more.
    let _ = session.object.call_method0(py, intern!(py, "unwrap"));
    let answer = session.answer(py);
    leave(py, serial, token, answer, Vec::new());
    settle_outside(py, serial, token);
}

fn settle_outside(py: Python<'_>, serial: u64, token: Token) {
    with_loop(serial, |state| {
        if state
            .connection(token)
            .is_some_and(|connection| !connection.driving)
        {
            settle(state, py, token);
        }
    });
}

/// Marks the session as busy, making it first if need be. None: the connection is gone.
fn enter(py: Python<'_>, serial: u64, token: Token) -> PyResult<Option<Arc<Session>>> {
    let found = with_connection(serial, token, |connection| {
        let tls = connection.tls.as_mut()?;
        let entered = !std::mem::replace(&mut tls.busy, true);
        Some((
            tls.session.clone(),
            tls.settings.clone_ref(py),
            tls.is_server,
            entered,
        ))
    });
    match found.flatten() {
        None => Ok(None),
        Some((.., false)) => Err(PyRuntimeError::new_err(
            "TLS callbacks must not run the event loop",
        )),
        Some((Some(session), ..)) => Ok(Some(session)),
        Some((None, settings, is_server, true)) => {
            let made = Arc::new(Session::new(py, settings.get(), is_server)?);
            with_connection(serial, token, |connection| {
                if let Some(tls) = &mut connection.tls {
                    tls.session = Some(Arc::clone(&made));
                }
            });
            Ok(Some(made))
        }
    }
}

/// Queues what the session said, and what it could not encrypt yet.
fn leave(py: Python<'_>, serial: u64, token: Token, answer: Option<Py<PyBytes>>, held: Vec<Py<PyBytes>>) {
    with_connection(serial, token, |connection| {
        if let Some(tls) = &mut connection.tls {
            tls.busy = false;
            tls.held.extend(held);
            if let Some(answer) = answer {
                let backed = PyBackedBytes::from(answer.into_bound(py));
                tls.sealed.push(Chunk::Shared(Bytes::from_owner(backed)));
            }
        }
    });
}

/// Gives the session what lies in the scratch buffer.
fn hand_over(py: Python<'_>, serial: u64, session: &Session, sealed: usize) -> PyResult<()> {
    if sealed == 0 {
        return Ok(());
    }
    let buffer = with_loop(serial, |state| state.scratch.lend()).unwrap_or_default();
    let window = Window::of_received(py, buffer, sealed)?;
    let outcome = session
        .incoming
        .call_method1(py, intern!(py, "write"), (&window,));
    let buffer = window.get().reclaim();
    with_loop(serial, |state| state.scratch.give_back(buffer));
    outcome.map(drop)
}

/// Opens what may be opened now: body that has a place goes there, of anything else one record at a time, as it may
/// make a place for what follows.
fn take_in(py: Python<'_>, serial: u64, token: Token, session: &Session) -> PyResult<()> {
    let shaking_hands = with_connection(serial, token, |connection| {
        connection.tls.as_ref().is_some_and(|tls| tls.is_shaking_hands())
    });
    if shaking_hands == Some(true) {
        if !session.shake_hands(py)? {
            return Ok(());
        }
        opened(py, serial, token);
    }
    let more = loop {
        let place = with_connection(serial, token, |connection| connection.landing(py)).flatten();
        let Some(opened) = session.read(py, place)? else {
            break false;
        };
        let landed = with_loop(serial, |state| {
            let now = state.reactor.now();
            let LoopState { reactor, actions, .. } = state;
            match reactor.get_mut(token) {
                Some(Source::Connection(connection)) => deliver(connection, py, &opened, now, actions),
                _ => false,
            }
        });
        match opened {
            Opened::End => break false,
            _ if landed != Some(true) => break session.pending(py)? > 0,
            _ => {}
        }
    };
    with_connection(serial, token, |connection| {
        if let Some(tls) = &mut connection.tls {
            tls.unopened = more;
        }
    });
    Ok(())
}

/// Gives a connection what was opened; true if it is where it belongs already.
fn deliver(
    connection: &mut Connection,
    py: Python<'_>,
    opened: &Opened<'_>,
    now: u64,
    actions: &mut VecDeque<Action>,
) -> bool {
    match opened {
        Opened::Placed(place, n) => {
            if connection.landing(py).is_some_and(|next| next.is(place)) {
                connection.landed(py, *n, now, actions);
                return true;
            }
            // SAFETY: `ssl` has filled so many bytes.
            connection.feed(py, unsafe { place.filled(*n) }, now);
        }
        Opened::Bytes(data) => connection.feed(py, data.as_bytes(), now),
        // The peer's close_notify.
        Opened::End if !connection.peer_closed => {
            connection.end_of_input(now, Ending::Clean);
            connection.note_disconnect(py, actions);
        }
        Opened::End => {}
    }
    false
}

/// The handshake is done.
fn opened(py: Python<'_>, serial: u64, token: Token) {
    with_loop(serial, |state| {
        state.counters.handshakes += 1;
        let LoopState { reactor, actions, .. } = state;
        let Some(Source::Connection(connection)) = reactor.get_mut(token) else {
            return;
        };
        let Some(tls) = &mut connection.tls else { return };
        tls.phase = Phase::Open;
        tls.deadline = None;
        if let Side::Server(server) = &connection.side {
            server.service.get().count_handshake();
        }
        if let Some(waiter) = tls.waiter.take() {
            actions.push_back(Action::Resolve(waiter, py.None()));
        }
    });
}

/// Closes a connection on which TLS failed, and tells whoever waits for it.
fn fail(py: Python<'_>, serial: u64, token: Token, error: &PyErr) {
    let failure = failure_of(py, error);
    let service = with_loop(serial, |state| {
        let connection = state.connection(token)?;
        let shaking_hands = connection.tls.as_ref().is_some_and(|tls| tls.is_shaking_hands());
        let waiter = connection.tls.as_mut().and_then(|tls| tls.take_waiter());
        let service = match &connection.side {
            Side::Server(server) if shaking_hands => Some(server.service.clone_ref(py)),
            _ => None,
        };
        connection.send_alert();
        if let Some(waiter) = waiter {
            state
                .actions
                .push_back(Action::Raise(waiter, error.clone_ref(py)));
        }
        service
    });
    if let Some(Some(service)) = service {
        service.get().report_handshake(py, serial, token, error);
    }
    with_loop(serial, |state| teardown(state, py, token, &failure));
    perform(py, serial);
}

/// An error of `ssl` as what ended a connection: an OSError, as it is for aiohttp.
fn failure_of(py: Python<'_>, error: &PyErr) -> Failure {
    let value = error.value(py);
    let number = value
        .getattr(intern!(py, "errno"))
        .and_then(|number| number.extract::<i32>())
        .unwrap_or(libc::EIO);
    let text = value
        .getattr(intern!(py, "strerror"))
        .and_then(|text| text.extract::<String>())
        .unwrap_or_else(|_| value.to_string());
    Failure::Os(number, text)
}

impl Session {
    fn new(py: Python<'_>, settings: &TlsSettings, is_server: bool) -> PyResult<Self> {
        let memory_bio = class(py, &MEMORY_BIO, "MemoryBIO")?;
        let incoming = memory_bio.call0()?;
        let outgoing = memory_bio.call0()?;
        let options = PyDict::new(py);
        options.set_item(intern!(py, "server_side"), is_server)?;
        options.set_item(intern!(py, "server_hostname"), &settings.server_hostname)?;
        if let Some(session) = &settings.session {
            options.set_item(intern!(py, "session"), session)?;
        }
        let object = settings.context.bind(py).call_method(
            intern!(py, "wrap_bio"),
            (&incoming, &outgoing),
            Some(&options),
        )?;
        // The methods of SSLObject are Python code around this one's; other implementations may have none.
        let inner = object.getattr_opt(intern!(py, "_sslobj"))?;
        Ok(Self {
            inner: inner.unwrap_or_else(|| object.clone()).unbind(),
            object: object.unbind(),
            incoming: incoming.unbind(),
            outgoing: outgoing.unbind(),
        })
    }

    /// True when the handshake is done, false when the peer has to say something first.
    fn shake_hands(&self, py: Python<'_>) -> PyResult<bool> {
        let outcome = self.inner.call_method0(py, intern!(py, "do_handshake"));
        if unless_wanted(py, outcome)?.is_none() {
            return Ok(false);
        }
        let chosen = self
            .inner
            .call_method0(py, intern!(py, "selected_alpn_protocol"))?;
        match chosen.extract::<Option<String>>(py)? {
            Some(protocol) if !protocol.starts_with("http/1.") => Err(ssl_error(
                py,
                &format!("ALPN chose {protocol:?}, which is not spoken yet: offer http/1.1 alone"),
            )),
            _ => Ok(true),
        }
    }

    /// How many bytes there are to be opened, or were and have not been read.
    fn pending(&self, py: Python<'_>) -> PyResult<usize> {
        let incoming = self.incoming.bind(py).getattr(intern!(py, "pending"))?;
        match incoming.extract::<usize>()? {
            // Part of a record may have come before this one, so it can be larger than what is in the BIO.
            0 => self
                .inner
                .bind(py)
                .call_method0(intern!(py, "pending"))?
                .extract::<usize>(),
            waiting => Ok(waiting),
        }
    }

    /// The next plaintext, put into a place if there is one; None when there is none yet.
    fn read<'py>(&self, py: Python<'py>, place: Option<Place>) -> PyResult<Option<Opened<'py>>> {
        let waiting = self.pending(py)?;
        if waiting == 0 {
            // To ask would cost an exception.
            return Ok(None);
        }
        let read = intern!(py, "read");
        // Never less than the plaintext, and no more memory than the ciphertext took.
        let room = waiting.min(RECORD);
        let outcome = match &place {
            Some(place) => {
                let window = Window::of_place(py, place.clone_ref(py))?;
                self.inner.call_method1(py, read, (room.min(place.room), window))
            }
            None => self.inner.call_method1(py, read, (room,)),
        };
        if let Err(error) = &outcome {
            // What its end is called when this end has said goodbye before.
            if error.is_instance(py, class(py, &ZERO_RETURN, "SSLZeroReturnError")?) {
                return Ok(Some(Opened::End));
            }
        }
        let Some(outcome) = unless_wanted(py, outcome)? else {
            return Ok(None);
        };
        let outcome = outcome.into_bound(py);
        let opened = match place {
            Some(place) => match outcome.extract::<usize>()? {
                0 => Opened::End,
                n => Opened::Placed(place, n),
            },
            None => match outcome.cast_into::<PyBytes>()? {
                data if data.as_bytes().is_empty() => Opened::End,
                data => Opened::Bytes(data),
            },
        };
        Ok(Some(opened))
    }

    /// Encrypts pieces; gives those that have to wait for the peer.
    fn write(&self, py: Python<'_>, pieces: Vec<Py<PyBytes>>) -> PyResult<Vec<Py<PyBytes>>> {
        let mut pieces = VecDeque::from(pieces);
        while let Some(piece) = pieces.front() {
            let outcome = self.inner.call_method1(py, intern!(py, "write"), (piece,));
            let Some(written) = unless_wanted(py, outcome)? else {
                break;
            };
            let written = written.extract::<usize>(py)?;
            let rest = piece.as_bytes(py).get(written..).unwrap_or_default();
            if rest.is_empty() {
                pieces.pop_front();
            } else {
                pieces[0] = PyBytes::new(py, rest).unbind();
            }
        }
        Ok(pieces.into())
    }

    /// What waits to be sent to the peer.
    fn answer(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        let answer = self.outgoing.call_method0(py, intern!(py, "read")).ok()?;
        let answer = answer.into_bound(py).cast_into::<PyBytes>().ok()?;
        (!answer.as_bytes().is_empty()).then(|| answer.unbind())
    }
}

static MEMORY_BIO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static WANT_READ: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static ZERO_RETURN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static SSL_ERROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn class<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    let class = cell.get_or_try_init(py, || {
        py.import(intern!(py, "ssl"))?.getattr(name).map(Bound::unbind)
    })?;
    Ok(class.bind(py))
}

/// None in place of `SSLWantReadError`.
fn unless_wanted(py: Python<'_>, outcome: PyResult<Py<PyAny>>) -> PyResult<Option<Py<PyAny>>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance(py, class(py, &WANT_READ, "SSLWantReadError")?) => Ok(None),
        Err(error) => Err(error),
    }
}

fn ssl_error(py: Python<'_>, text: &str) -> PyErr {
    // 1 is SSL_ERROR_SSL: a failure of the library or the protocol.
    class(py, &SSL_ERROR, "SSLError")
        .and_then(|class| class.call1((1, text)))
        .map_or_else(|error| error, PyErr::from_value)
}
