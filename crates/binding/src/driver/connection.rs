//! One connection: its wire, its protocol side, and what is alike for both ends: receiving, closing, deadlines.
//!
//! Called inside the borrow of the loop's state: nothing here calls into Python.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, OnceLock};

use pyo3::prelude::*;
use quinde_http::{Close, Machine, Output, Statistics, WriteStall};
use quinde_reactor::{Address, Received, Socket, Token};

use super::action::{Dropped, TransportCommand};
use super::client::ClientSide;
use super::flush::Flushed;
use super::gather::Gather;
use super::raw::RawSide;
use super::scratch::Scratch;
use super::server::ServerSide;
use super::tls::Tls;
use super::{Action, LoopState, gather};
use crate::errors::{Failure, Stage};
use crate::objects::body::Place;
use crate::objects::tally::Counted;

/// Unsent bytes above which `write` asks its caller to drain, and at which a drain ends (asyncio: 64 KiB, 16 KiB).
pub const HIGH_WATER: usize = 64 * 1024;
pub const LOW_WATER: usize = 16 * 1024;
/// What one connection may receive in one drive before the others have their turn: so many reads, and a large one counts
/// for as many as it could have been.
const READS_PER_DRIVE: usize = 16;
const READ: usize = 64 * 1024;

/// Where one end is.
pub enum Endpoint {
    Native(Address),
    /// What an asyncio transport said.
    Python(Py<PyAny>),
}

/// Addresses of both ends, kept by requests that outlive their connection.
pub struct Peers {
    pub peer: Endpoint,
    /// Asked of the system when somebody wants to know.
    pub local: OnceLock<Endpoint>,
    /// Whether the bytes are encrypted on the way.
    pub is_secure: bool,
}

/// Where the bytes go.
pub enum Io {
    /// The core owns the socket (reactor backend).
    Socket(Socket),
    /// An asyncio transport does (transport backend).
    Transport {
        transport: Py<PyAny>,
        /// The transport that sends: another one where TLS of asyncio's stands between.
        carrier: Py<PyAny>,
        writable: bool,
        reading: bool,
        eof: bool,
    },
}

/// Which end this is.
pub enum Side {
    Server(ServerSide),
    Client(ClientSide),
    /// Either, when another protocol has taken the connection over.
    Raw(Box<RawSide>),
}

pub struct Connection {
    pub io: Io,
    /// Encrypts between the socket and the machine; a transport does that by itself.
    pub tls: Option<Box<Tls>>,
    pub side: Side,
    pub peers: Arc<Peers>,
    /// The one Python object for this connection, once somebody asked for it.
    pub handle: Option<Py<crate::objects::connection::Connection>>,
    /// Set while this connection is being driven: commands queue, the drive flushes.
    pub driving: bool,
    /// Close when the output is empty, whatever the machine says.
    pub closing: bool,
    /// Close without waiting for what a transport still has to send.
    pub aborting: bool,
    /// The peer has sent FIN or is gone.
    pub peer_closed: bool,
    /// Paused by the user through the transport façade.
    pub user_paused: bool,
    write_shut: bool,
    pub stall: WriteStall,
    pub gather: Gather,
    /// What the peer had still to take when that was asked last; more than anything if it was not.
    pub unsent: usize,
    /// Bytes of the wire.
    pub received: u64,
    pub sent: u64,
    pub drains: Vec<Py<PyAny>>,
    /// Futures of who waits until all is sent, or the connection gone.
    pub emptied: Vec<Py<PyAny>>,
    /// Told to panic in its next drive, by a test: no release has this.
    #[cfg(debug_assertions)]
    pub panics: bool,
}

/// What a receive brought.
pub enum Progress {
    Some,
    None,
    /// Ciphertext, to be opened when the borrow has ended: so many bytes, beside what the filter has already.
    Sealed(usize),
}

/// How a peer's bytes ended.
#[derive(Clone, Copy)]
pub enum Ending<'a> {
    Clean,
    /// Without the goodbye that TLS wants: somebody in between may have cut something off.
    Cut,
    Failed(&'a io::Error),
}

impl Side {
    pub fn output(&mut self) -> &mut Output {
        match self {
            Self::Server(server) => server.machine.output(),
            Self::Client(client) => client.machine.output(),
            Self::Raw(raw) => &mut raw.output,
        }
    }

    /// As [`Self::http`].
    pub fn http_mut(&mut self) -> Option<&mut Self> {
        match self {
            Self::Raw(raw) => raw.former.as_mut(),
            Self::Server(_) | Self::Client(_) => Some(self),
        }
    }

    /// The side that speaks HTTP, or did.
    pub fn http(&self) -> &Self {
        match self {
            Self::Raw(raw) => raw.former.as_ref().unwrap_or(self),
            Self::Server(_) | Self::Client(_) => self,
        }
    }
}

impl Connection {
    pub fn new(io: Io, tls: Option<Tls>, side: Side, peers: Arc<Peers>) -> Self {
        Self {
            io,
            tls: tls.map(Box::new),
            side,
            peers,
            handle: None,
            driving: false,
            closing: false,
            aborting: false,
            peer_closed: false,
            user_paused: false,
            write_shut: false,
            stall: WriteStall::default(),
            gather: Gather::default(),
            unsent: usize::MAX,
            received: 0,
            sent: 0,
            drains: Vec::new(),
            emptied: Vec::new(),
            #[cfg(debug_assertions)]
            panics: false,
        }
    }

    /// Bytes that wait to be sent.
    pub fn queued(&mut self) -> usize {
        self.side.output().len() + self.tls.as_ref().map_or(0, |tls| tls.unsent())
    }

    /// Gives up what waits to be sent.
    pub fn drop_output(&mut self) {
        self.side.output().advance(usize::MAX);
        if let Some(tls) = &mut self.tls {
            tls.sealed().advance(usize::MAX);
        }
    }

    /// Its figures so far.
    pub fn counted(&self) -> Counted {
        Counted {
            connections: 1,
            protocol: match self.side.http() {
                Side::Server(server) => server.machine.statistics(),
                Side::Client(client) => client.machine.statistics(),
                Side::Raw(_) => Statistics::default(),
            },
            received: self.received,
            sent: self.sent,
        }
    }

    fn machine_close(&self) -> Close {
        match &self.side {
            Side::Server(server) => server.machine.close(),
            Side::Client(client) => client.machine.close(),
            Side::Raw(_) => Close::No,
        }
    }

    pub fn wants_read(&self) -> bool {
        !self.user_paused
            && match &self.side {
                Side::Server(server) => server.machine.wants_read(),
                Side::Client(client) => client.wants_read(),
                Side::Raw(raw) => raw.wants_read(),
            }
    }

    /// Whether a receive would bring something that is wanted.
    fn has_unread(&self) -> bool {
        (self.has_unopened() || matches!(&self.io, Io::Socket(socket) if socket.is_readable()))
            && !self.peer_closed
            && (!self.closing || self.tls.as_ref().is_some_and(|tls| tls.has_parted()))
            && self.wants_read()
    }

    fn has_unopened(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unopened())
    }

    /// Receives once into the scratch buffer or, where the body's final place is known, straight into it.
    pub fn receive(
        &mut self,
        py: Python<'_>,
        scratch: &mut Scratch,
        now: u64,
        reads: &mut usize,
        actions: &mut VecDeque<Action>,
    ) -> Progress {
        if self.peer_closed || !self.wants_read() {
            return Progress::None;
        }
        let has_unopened = self.has_unopened();
        if !has_unopened {
            // Also when this drive has had its reads: the next may not come before the kernel says so.
            gather::prepare(self);
        }
        if *reads >= READS_PER_DRIVE {
            return Progress::None;
        }
        if has_unopened {
            return Progress::Sealed(0);
        }
        let place = if self.tls.is_some() {
            None
        } else {
            self.landing(py)
        };
        let Io::Socket(socket) = &mut self.io else {
            return Progress::None;
        };
        if !socket.is_readable() {
            return Progress::None;
        }
        let received = match &place {
            // SAFETY: the place is the unfilled part of a bytes object that only its Body knows; nothing else reads or
            // writes it while the GIL is held.
            Some(place) => socket.recv_uninit(unsafe {
                std::slice::from_raw_parts_mut(place.pointer().cast::<MaybeUninit<u8>>(), place.room)
            }),
            None => socket.recv(scratch.room()),
        };
        *reads += 1;
        if let Received::Data(n) = received {
            *reads += n / READ;
            self.received += n as u64;
        }
        match received {
            Received::Data(n) if self.tls.is_some() => {
                return Progress::Sealed(n);
            }
            Received::Data(n) if place.is_some() => self.landed(py, n, now, actions),
            Received::Data(n) => self.feed(py, scratch.first(n), now),
            // Perhaps fewer bytes are worth reading now.
            Received::Blocked => {}
            Received::Closed if self.tls.is_some() => self.end_of_input(now, Ending::Cut),
            Received::Closed => self.end_of_input(now, Ending::Clean),
            Received::Failed(error) => self.end_of_input(now, Ending::Failed(&error)),
        }
        // A handshake that the peer has left is over.
        self.closing |= self.peer_closed && self.tls.as_ref().is_some_and(|tls| tls.is_shaking_hands());
        Progress::Some
    }

    /// On a connection that closes nothing but the peer's TLS goodbye is still waited for: gives how many bytes of
    /// ciphertext are to be opened.
    pub fn receive_last(
        &mut self,
        py: Python<'_>,
        scratch: &mut Scratch,
        now: u64,
        reads: &mut usize,
        actions: &mut VecDeque<Action>,
    ) -> Option<usize> {
        if !self.tls.as_ref().is_some_and(|tls| tls.has_parted()) {
            return None;
        }
        match self.receive(py, scratch, now, reads, actions) {
            Progress::Sealed(sealed) => Some(sealed),
            Progress::Some | Progress::None => None,
        }
    }

    pub fn feed(&mut self, py: Python<'_>, data: &[u8], now: u64) {
        match &mut self.side {
            Side::Server(server) => server.machine.receive_data(data, now),
            Side::Client(client) => client.feed(data, now),
            // Nobody gets it any more, and nothing would bound it while TLS's goodbye is waited for.
            Side::Raw(_) if self.closing => {}
            Side::Raw(raw) => raw.feed(py, data),
        }
    }

    /// Where the next bytes of a body belong, if there is such a place.
    pub fn landing(&self, py: Python<'_>) -> Option<Place> {
        match &self.side {
            Side::Server(server) => server.landing(py),
            Side::Client(client) => client.landing(py),
            Side::Raw(_) => None,
        }
    }

    pub fn landed(&mut self, py: Python<'_>, n: usize, now: u64, actions: &mut VecDeque<Action>) {
        match &mut self.side {
            Side::Server(server) => server.landed(py, n, now, actions),
            Side::Client(client) => client.landed(py, n, now, actions),
            Side::Raw(_) => {}
        }
    }

    pub fn end_of_input(&mut self, now: u64, ending: Ending<'_>) {
        self.peer_closed = true;
        if let (Side::Server(_) | Side::Raw(_), Ending::Failed(_)) = (&self.side, ending) {
            self.closing = true;
            self.drop_output();
        }
        match &mut self.side {
            Side::Server(server) => server.machine.receive_eof(now),
            Side::Client(client) => client.end_of_input(now, ending),
            Side::Raw(raw) => raw.end_of_input(ending),
        }
    }

    /// Asks the system for this end's address, once.
    pub fn learn_local(&self) {
        if let (Io::Socket(socket), None) = (&self.io, self.peers.local.get()) {
            if let Some(address) = socket.local_addr() {
                // Another caller cannot have come between: one thread.
                let _ = self.peers.local.set(Endpoint::Native(address));
            }
        }
    }

    /// Why the peer's bytes ended, as far as a client keeps that.
    fn ended(&self) -> Option<&Failure> {
        match &self.side {
            Side::Client(client) => client.ended(),
            Side::Server(_) | Side::Raw(_) => None,
        }
    }

    /// Keeps what a transport failed with for the protocol that has taken it over.
    pub fn note_error(&mut self, error: PyErr) {
        if let Side::Raw(raw) = &mut self.side {
            raw.note_error(error);
        }
    }

    pub fn note_disconnect(&mut self, py: Python<'_>, actions: &mut VecDeque<Action>) {
        if let Side::Server(server) = &mut self.side {
            server.note_disconnect(py, actions);
        }
    }

    /// What a mistake in the core would do, where a test asks for it.
    pub fn panic_if_told(&self) {
        #[cfg(debug_assertions)]
        assert!(!self.panics, "a test told this connection to panic");
    }

    pub fn fileno(&self) -> i32 {
        match &self.io {
            Io::Socket(socket) => socket.as_raw_fd(),
            Io::Transport { .. } => -1,
        }
    }

    pub fn is_closing(&self) -> bool {
        // One half of a connection that was taken over may be open alone.
        let half_open = matches!(self.side, Side::Raw(_));
        self.closing || (self.peer_closed && !half_open) || self.machine_close() != Close::No
    }

    /// Commands carry no time: their deadlines count from here. True: one was due, its events want to be driven.
    fn tell_time(&mut self, now: u64) -> bool {
        let Side::Server(server) = &mut self.side else {
            return false;
        };
        server.note_reader();
        let due = server.machine.next_timeout().is_some_and(|at| at <= now);
        server.machine.handle_timeout(now);
        due
    }

    /// The earliest deadline of this connection.
    pub fn deadline(&self) -> Option<u64> {
        let of_side = match &self.side {
            Side::Server(server) => server.machine.next_timeout(),
            Side::Client(client) => client.next_timeout(),
            Side::Raw(_) => None,
        };
        let of_output = self.stall.deadline(self.write_timeout());
        let of_tls = self.tls.as_ref().and_then(|tls| tls.deadline);
        [of_side, of_output, of_tls, self.gather.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// How long output may wait for a peer that takes nothing of it; 0: for ever.
    pub fn write_timeout(&self) -> u64 {
        match &self.side {
            Side::Server(server) => server.machine.limits().write_timeout,
            Side::Client(client) => client.write_timeout(),
            Side::Raw(_) => 0,
        }
    }

    /// Nothing more is expected of a server; requests are not concerned.
    pub fn hang_up(&mut self) {
        if let Side::Client(client) = &mut self.side {
            client.hang_up();
        }
    }

    /// What ends a connection whose TLS takes too long.
    pub fn overdue(&self, now: u64) -> Option<Failure> {
        let tls = self.tls.as_ref()?;
        tls.deadline.filter(|&at| at <= now)?;
        Some(if tls.is_shaking_hands() {
            Failure::HandshakeTimeout(tls.settings.get().handshake_timeout)
        } else {
            Failure::Closed
        })
    }

    /// Whether what ends this connection ends a handshake, but for this end's own wish.
    fn has_failed_handshake(&self, failure: &Failure) -> bool {
        let willed = matches!(failure, Failure::Closed) && !self.peer_closed;
        !willed && self.tls.as_ref().is_some_and(|tls| tls.is_shaking_hands())
    }
}

/// Ends a drive or a command outside one: sends, closes when it is time, sets the deadline.
///
/// Returns false when the connection is gone.
pub fn settle(state: &mut LoopState, py: Python<'_>, token: Token) -> bool {
    let LoopState {
        reactor,
        actions,
        spare,
        ..
    } = state;
    let now = reactor.now();
    let Some(super::Source::Connection(connection)) = reactor.get_mut(token) else {
        return false;
    };
    let due = connection.tell_time(now);
    let flushed = connection.flush(py, token, actions, spare, now);
    if let Flushed::Failed(error) = flushed {
        teardown(state, py, token, &Failure::os(&error));
        return false;
    }
    let starved =
        matches!((&flushed, &connection.io), (Flushed::Waiting, Io::Socket(socket)) if socket.is_writable());
    // A drive may end before the socket is drained, and no event tells a second time of what is there already.
    let unread = connection.has_unread();
    // Output was too high for the next request, and is not any more.
    let held_back = match &mut connection.side {
        Side::Server(server) => !connection.closing && server.may_begin(),
        Side::Client(_) | Side::Raw(_) => false,
    };
    connection.wake_drains(actions, py);
    if matches!(flushed, Flushed::Clean) {
        tell_sent(connection, actions, py);
    }
    if matches!(flushed, Flushed::Clean | Flushed::Handed) && connection.should_close(py, token, now, actions)
    {
        if matches!(flushed, Flushed::Clean) {
            teardown(state, py, token, &Failure::Closed);
            return false;
        }
        actions.push_back(Action::Settle(token));
    }
    connection.steer_transport(actions, py);
    let deadline = connection.deadline();
    reactor.deadlines().set(token, deadline);
    if starved || due || unread || held_back {
        // Starved: the system has no buffers (ENOBUFS), no event will tell when it has some again.
        reactor.queue(token);
        actions.push_back(Action::ScheduleTurn);
    }
    if !state.turning && state.needs_arming() {
        state.actions.push_back(Action::Arm);
    }
    true
}

impl Connection {
    /// With the output empty: whether to close now. Shuts the writing side down where the machine lingers.
    fn should_close(
        &mut self,
        py: Python<'_>,
        token: Token,
        now: u64,
        actions: &mut VecDeque<Action>,
    ) -> bool {
        let close = match &self.side {
            Side::Raw(raw) if !self.closing => {
                if raw.ending {
                    self.shut_write(py, actions);
                }
                Close::No
            }
            // An answer that is still being made is attempted, as long as nobody gave the connection up.
            Side::Server(server) if server.is_answering() && !self.closing => Close::No,
            Side::Client(client) if client.in_exchange() && !self.closing => Close::No,
            _ if self.closing => Close::AfterFlush,
            _ => self.machine_close(),
        };
        match close {
            Close::No => false,
            Close::AfterFlush => self.part(token, now, actions),
            Close::Linger if self.peer_closed => true,
            Close::Linger => {
                if !self.write_shut && self.part(token, now, actions) {
                    self.shut_write(py, actions);
                }
                false
            }
        }
    }

    /// Shuts the writing side down, once.
    fn shut_write(&mut self, py: Python<'_>, actions: &mut VecDeque<Action>) {
        if std::mem::replace(&mut self.write_shut, true) {
            return;
        }
        match &self.io {
            Io::Socket(socket) => socket.shutdown_write(),
            Io::Transport { transport, .. } => {
                let command = TransportCommand::WriteEof;
                actions.push_back(Action::Transport(transport.clone_ref(py), command));
            }
        }
    }

    /// Says TLS's goodbye; true when there is nothing left to say.
    fn part(&mut self, token: Token, now: u64, actions: &mut VecDeque<Action>) -> bool {
        match &mut self.tls {
            Some(tls) if !self.aborting => tls.part(token, now, self.peer_closed, actions),
            _ => true,
        }
    }

    /// Tells a transport to pause or resume reading, as back-pressure wants it.
    fn steer_transport(&mut self, actions: &mut VecDeque<Action>, py: Python<'_>) {
        let wanted = self.wants_read();
        if let Io::Transport {
            transport,
            reading,
            eof: false,
            ..
        } = &mut self.io
        {
            if *reading != wanted {
                *reading = wanted;
                let command = if wanted {
                    TransportCommand::ResumeReading
                } else {
                    TransportCommand::PauseReading
                };
                actions.push_back(Action::Transport(transport.clone_ref(py), command));
            }
        }
    }
}

/// Removes a connection: its socket is closed, whoever waits on it learns why.
pub fn teardown(state: &mut LoopState, py: Python<'_>, token: Token, failure: &Failure) {
    let descriptor = state.connection(token).map(|connection| connection.fileno());
    if let Some(descriptor) = descriptor.filter(|&descriptor| descriptor >= 0) {
        if state.process == std::process::id() {
            // Failing means that the poller never knew it.
            let _ = state.reactor.deregister(&BorrowedRawFd(descriptor));
        }
    }
    let Some(super::Source::Connection(mut connection)) = state.reactor.remove(token) else {
        return;
    };
    if connection.has_failed_handshake(failure) {
        state.counters.handshakes_failed += 1;
        if let Side::Server(server) = &connection.side {
            let too_long = matches!(failure, Failure::HandshakeTimeout(_));
            server.service.get().handshake_failed(too_long);
        }
    }
    let actions = &mut state.actions;
    tell_sent(&mut connection, actions, py);
    if let Some(waiter) = connection.tls.as_mut().and_then(|tls| tls.take_waiter()) {
        let why = connection.ended().unwrap_or(failure);
        actions.push_back(Action::Fail(waiter, why.clone(), Stage::Handshake));
    }
    for future in connection.drains.drain(..) {
        actions.push_back(Action::Fail(future, failure.clone(), Stage::Write));
    }
    if let Io::Transport {
        transport, writable, ..
    } = &connection.io
    {
        let command = match failure {
            // Closed, a transport would wait without end for a peer that takes nothing.
            Failure::Closed if *writable && !connection.aborting => TransportCommand::Close,
            _ => TransportCommand::Abort,
        };
        actions.push_back(Action::Transport(transport.clone_ref(py), command));
    }
    let handle = connection.handle.as_ref().map(|handle| handle.clone_ref(py));
    // The façade and the handle refer to each other, which no garbage collector sees.
    if let Some(facade) = handle.as_ref().and_then(|handle| handle.get().take_facade()) {
        actions.push_back(Action::Drop(Dropped::Object(facade)));
    }
    let counted = connection.counted();
    if let Side::Raw(raw) = &mut connection.side {
        raw.lost(py, failure, actions);
    }
    match connection.side.http_mut() {
        Some(Side::Server(server)) => {
            server.service.get().forget_connection(&counted);
            server.lost(py, failure, actions);
        }
        Some(Side::Client(client)) => {
            client.forget(&counted);
            client.lost(failure, &connection.peers, handle, actions);
        }
        Some(Side::Raw(_)) | None => {}
    }
    actions.push_back(Action::Drop(Dropped::Connection(connection)));
    super::listener::wake_full(state);
}

fn tell_sent(connection: &mut Connection, actions: &mut VecDeque<Action>, py: Python<'_>) {
    for future in connection.emptied.drain(..) {
        actions.push_back(Action::Resolve(future, py.None()));
    }
}

/// A descriptor by its number, to name it to the poller while its owner is borrowed.
pub struct BorrowedRawFd(pub RawFd);

impl AsRawFd for BorrowedRawFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}
