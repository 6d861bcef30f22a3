//! The client end of a connection: one exchange at a time.
//!
//! # Theory of operation
//!
//! `begin` sends a request and makes an `Exchange`; events give its future the response head and its body the bytes.
//! The exchange is over when the response has ended and the request is sent: then the pool hears of an idle
//! connection (`on_idle`), or of a lost one (`on_lost`, once, always) where it cannot be used again.
//! Deadlines are fields of the connection, not timers: who waits gets the exception, and the connection is closed.

use std::collections::VecDeque;
use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use quinde_http::h1::{ClientConnection, RequestStart};
use quinde_http::{BodyLength, Chunk, Event, Kind, Machine, ResponseHead, StreamId};
use quinde_reactor::Token;

use super::command::flush_queued;
use super::connection::{Ending, Io, Peers, Progress, Side, settle, teardown};
use super::exchange::{Exchange, Timeouts};
use super::raw::Handed;
use super::{Action, Link, LoopState, Source, gather, perform, tls, with_connection, with_loop};
use crate::errors::{Failure, refused};
use crate::objects::body::{Body, Place};
use crate::objects::connection::Connection as Handle;
use crate::objects::limits::Limits;
use crate::objects::tally::{Counted, Tally};

pub struct ClientSide {
    pub machine: ClientConnection,
    on_idle: Option<Py<PyAny>>,
    on_lost: Option<Py<PyAny>>,
    exchange: Option<Exchange>,
    /// Why input ended, for whoever still waits.
    ended: Option<Failure>,
    /// Where this connection's figures go.
    tally: Option<Py<Tally>>,
}

/// What a request is made of.
pub struct Outgoing<'a, F> {
    pub method: &'a str,
    pub target: &'a str,
    pub fields: F,
    pub length: BodyLength,
    pub expect_continue: bool,
    pub timeouts: Timeouts,
}

impl ClientSide {
    pub fn new(
        machine: ClientConnection,
        on_idle: Option<Py<PyAny>>,
        on_lost: Option<Py<PyAny>>,
        tally: Option<Py<Tally>>,
    ) -> Self {
        Self {
            machine,
            on_idle,
            on_lost,
            exchange: None,
            ended: None,
            tally,
        }
    }

    pub fn in_exchange(&self) -> bool {
        self.exchange.is_some() && self.ended.is_none()
    }

    pub fn is_usable(&self) -> bool {
        self.exchange.is_none() && self.ended.is_none() && self.machine.is_reusable()
    }

    /// An idle connection is read too: that is how its end is noticed. A large body waits for its reader.
    pub fn wants_read(&self) -> bool {
        self.machine.wants_read() && self.body().is_none_or(Body::is_wanted)
    }

    fn body(&self) -> Option<&Body> {
        self.exchange.as_ref()?.open_body()
    }

    /// How many bytes will come of a body of which all are waited for, by somebody patient; and when some came last.
    pub fn certain_input(&self) -> (usize, u64) {
        let Some(exchange) = &self.exchange else {
            return (0, 0);
        };
        if (1..=gather::PATIENCE).contains(&exchange.read_timeout) {
            return (0, 0);
        }
        let certain = self.body().map_or(0, Body::awaited_whole);
        (
            usize::try_from(certain).unwrap_or(usize::MAX),
            exchange.last_progress,
        )
    }

    pub fn landing(&self, py: Python<'_>) -> Option<Place> {
        let want = self.machine.body_want();
        if want == 0 {
            return None;
        }
        self.body()?.landing(py, want)
    }

    pub fn landed(&mut self, py: Python<'_>, n: usize, now: u64, actions: &mut VecDeque<Action>) {
        self.machine.body_landed(n, now);
        let taken = self.body().map_or(0, |body| body.landed(py, n, actions));
        if let Some(exchange) = &mut self.exchange {
            exchange.last_progress = now;
            self.machine.consumed(exchange.stream, taken);
        }
    }

    pub fn feed(&mut self, data: &[u8], now: u64) {
        if let Some(exchange) = &mut self.exchange {
            exchange.last_progress = now;
        }
        self.machine.receive_data(data, now);
    }

    pub fn end_of_input(&mut self, now: u64, ending: Ending<'_>) {
        // RFC 9112 §9.8: a body that the connection's end delimits is complete only if TLS said that this is the end.
        let is_cut = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.until_close && !exchange.response_ended);
        self.ended = Some(match ending {
            Ending::Failed(error) => Failure::os(error),
            Ending::Cut if is_cut => Failure::Cut,
            Ending::Cut | Ending::Clean => Failure::Disconnected,
        });
        if matches!(self.ended, Some(Failure::Disconnected)) {
            self.machine.receive_eof(now);
        }
    }

    /// Whoever waits will hear that the server has gone.
    pub fn hang_up(&mut self) {
        self.ended.get_or_insert(Failure::Disconnected);
    }

    pub fn ended(&self) -> Option<&Failure> {
        self.ended.as_ref()
    }

    /// Sends raw bytes after an upgrade.
    pub fn send_raw(&mut self, chunk: Chunk<'_>) -> Result<(), quinde_http::Error> {
        let stream = self
            .exchange
            .as_ref()
            .map_or(StreamId(0), |exchange| exchange.stream);
        self.machine.send_data(stream, chunk)
    }

    /// Lets go of the wire for another protocol: the exchange is over. The body of its response stays as far as it has
    /// come.
    pub fn hand_over(
        &mut self,
        py: Python<'_>,
        serial: u64,
        token: Token,
        peers: &Arc<Peers>,
        create_future: &Py<PyAny>,
        actions: &mut VecDeque<Action>,
    ) -> Handed {
        while let Some((stream, event)) = self.machine.next_event() {
            let link = Link {
                serial,
                token,
                stream,
            };
            self.take(py, link, event, create_future, actions);
        }
        let (mut rest, mut stream) = (None, None);
        if let Some(exchange) = self.exchange.take() {
            stream = Some(exchange.stream);
            if let Some(body) = exchange.body.as_ref().filter(|_| exchange.switched) {
                rest = body.get().take_rest(py);
            }
            exchange.fail(&Failure::Closed, peers, actions);
        }
        Handed::new(py, self.machine.hand_over(), rest, stream)
    }

    pub fn next_timeout(&self) -> Option<u64> {
        let exchange = self.exchange.as_ref()?;
        let read_at = (exchange.read_timeout > 0 && self.wants_read() && exchange.request_ended)
            .then(|| exchange.last_progress + exchange.read_timeout);
        [exchange.total_at, read_at, self.machine.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// How long output may wait for a server that takes nothing of it; 0: for ever.
    pub fn write_timeout(&self) -> u64 {
        self.exchange
            .as_ref()
            .map_or(0, |exchange| exchange.write_timeout)
    }

    /// Notes why the exchange ends before its time, and gives it back.
    pub fn give_up(&mut self, failure: Failure) -> Failure {
        if let Some(tally) = &self.tally {
            tally.get().count_timeout(match failure {
                Failure::Total => "total",
                Failure::WriteTimeout => "write",
                _ => "sock_read",
            });
        }
        self.ended = Some(failure.clone());
        failure
    }

    /// Which deadline is over, if one is.
    fn overdue(&self, now: u64) -> Option<Failure> {
        let exchange = self.exchange.as_ref()?;
        if exchange.total_at.is_some_and(|at| at <= now) {
            return Some(Failure::Total);
        }
        let read_over = exchange.read_timeout > 0
            && exchange.request_ended
            && self.wants_read()
            && exchange.last_progress + exchange.read_timeout <= now;
        read_over.then_some(Failure::ReadTimeout)
    }

    /// Shows what it holds of Python (`traverse.rs`).
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_idle)?;
        visit.call(&self.on_lost)?;
        self.exchange
            .as_ref()
            .map_or(Ok(()), |exchange| exchange.traverse(visit))
    }

    /// The connection is gone: its figures stay.
    pub fn forget(&self, counted: &Counted) {
        if let Some(tally) = &self.tally {
            tally.get().absorb(counted);
        }
    }

    /// The connection is gone.
    pub fn lost(
        &mut self,
        failure: &Failure,
        peers: &Arc<Peers>,
        handle: Option<Py<Handle>>,
        actions: &mut VecDeque<Action>,
    ) {
        if let Some(exchange) = self.exchange.take() {
            let failure = self.ended.as_ref().unwrap_or(failure);
            if let (Some(tally), Failure::Disconnected | Failure::Os(..) | Failure::Cut) =
                (&self.tally, failure)
            {
                tally.get().count_lost();
            }
            exchange.fail(failure, peers, actions);
        }
        if let (Some(on_lost), Some(handle)) = (self.on_lost.take(), handle) {
            actions.push_back(Action::Call(on_lost, Some(handle.into_any())));
        }
        if let Some(on_idle) = self.on_idle.take() {
            actions.push_back(Action::Drop(super::action::Dropped::Object(on_idle)));
        }
    }
}

/// The client end of a new connection.
pub fn client_side(
    serial: u64,
    limits: &Limits,
    on_idle: Option<Py<PyAny>>,
    on_lost: Option<Py<PyAny>>,
    body_window: usize,
    tally: Option<Py<Tally>>,
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
    let now = with_loop(serial, |state| state.reactor.tick()).ok_or_else(super::engine::gone)?;
    if let Some(tally) = &tally {
        tally.get().note_loop(serial);
    }
    Ok(ClientSide::new(
        ClientConnection::new(shared, now),
        on_idle,
        on_lost,
        tally,
    ))
}

/// What the open connections of a tally on a loop have counted.
pub fn open_statistics(serial: u64, tally: u64) -> Counted {
    let mut counted = Counted::default();
    with_loop(serial, |state| {
        for (_, source) in state.reactor.iter() {
            let Source::Connection(connection) = source else {
                continue;
            };
            let Side::Client(client) = connection.side.http() else {
                continue;
            };
            if client
                .tally
                .as_ref()
                .is_some_and(|known| known.get().number == tally)
            {
                counted.absorb(&connection.counted());
            }
        }
    });
    counted
}

/// Drives one client connection until it has nothing more to do.
pub fn drive(py: Python<'_>, serial: u64, token: Token) {
    let mut reads = 0;
    loop {
        let next = with_loop(serial, |state| advance(state, py, token, &mut reads)).unwrap_or(Next::Rest);
        perform(py, serial);
        match next {
            Next::Rest => break,
            Next::Again => {}
            Next::Open(sealed) => tls::open(py, serial, token, sealed),
        }
    }
    with_loop(serial, |state| {
        if let Some(connection) = state.connection(token) {
            connection.driving = false;
            settle(state, py, token);
        }
    });
    perform(py, serial);
}

/// What the drive has to do next, outside the borrow.
enum Next {
    /// Nothing more comes for now.
    Rest,
    /// Actions are pending; come again.
    Again,
    /// Decrypt what came, so many bytes.
    Open(usize),
}

/// Pulls events and receives, until nothing more comes or something is to be done in Python.
fn advance(state: &mut LoopState, py: Python<'_>, token: Token, reads: &mut usize) -> Next {
    let serial = state.serial;
    let LoopState {
        reactor,
        actions,
        scratch,
        handles,
        ..
    } = state;
    let now = reactor.now();
    let Some(Source::Connection(connection)) = reactor.get_mut(token) else {
        return Next::Rest;
    };
    connection.driving = true;
    loop {
        if connection.closing {
            let sealed = connection.receive_last(py, scratch, now, reads, actions);
            return sealed.map_or(Next::Rest, Next::Open);
        }
        let Side::Client(client) = &mut connection.side else {
            return Next::Rest;
        };
        let Some((stream, event)) = client.machine.next_event() else {
            match connection.receive(py, scratch, now, reads, actions) {
                Progress::Some => continue,
                Progress::None => break,
                Progress::Sealed(sealed) => return Next::Open(sealed),
            }
        };
        let link = Link {
            serial,
            token,
            stream,
        };
        match client.take(py, link, event, &handles.create_future, actions) {
            Taken::GoOn => {}
            Taken::Ended => {
                if !end_exchange(connection, py, actions) {
                    return Next::Rest;
                }
            }
            Taken::Failed => {
                connection.closing = true;
                // What was not sent of the request is of no use.
                connection.aborting = true;
                return Next::Rest;
            }
        }
    }
    let Side::Client(client) = &mut connection.side else {
        return Next::Rest;
    };
    if client.ended.is_some() {
        connection.closing = true;
        connection.aborting = true;
        return Next::Rest;
    }
    if actions.is_empty() {
        Next::Rest
    } else {
        Next::Again
    }
}

/// What an event means for the exchange.
enum Taken {
    GoOn,
    Ended,
    Failed,
}

impl ClientSide {
    /// Hands an event to the exchange that it belongs to.
    fn take(
        &mut self,
        py: Python<'_>,
        link: Link,
        event: Event<ResponseHead>,
        create_future: &Py<PyAny>,
        actions: &mut VecDeque<Action>,
    ) -> Taken {
        let Some(exchange) = self
            .exchange
            .as_mut()
            .filter(|exchange| exchange.stream == link.stream)
        else {
            // What an idle peer sends makes the connection useless; the machine knows.
            return Taken::GoOn;
        };
        match event {
            Event::Head(head) => exchange.take_head(py, link, head, create_future, actions),
            Event::Informational(head) if head.status == 100 => {
                exchange.continued = true;
                exchange.tell_continue(py, true, actions);
            }
            Event::Data(data) | Event::Upgraded(data) if !data.is_empty() => {
                if let Some(body) = &exchange.body {
                    let taken = body.get().push(py, &data, actions);
                    self.machine.consumed(link.stream, taken);
                }
            }
            Event::ChunkEnds(ends) => {
                if let Some(body) = &exchange.body {
                    body.get().end_chunks(py, &ends, actions);
                }
            }
            Event::End => {
                exchange.response_ended = true;
                if let Some(body) = exchange.body.take() {
                    body.get().finish(py, actions);
                    actions.push_back(Action::Drop(super::action::Dropped::Object(body.into_any())));
                }
                return Taken::Ended;
            }
            Event::Error(error) => {
                self.ended = Some(match (self.ended.take(), error.kind) {
                    (Some(os @ Failure::Os(..)), _) => os,
                    (_, Kind::Disconnected) => Failure::Disconnected,
                    _ => Failure::Protocol(error),
                });
                return Taken::Failed;
            }
            // Trailers and other interim responses are not shown to users.
            Event::Trailers(_) | Event::Informational(_) | Event::Data(_) | Event::Upgraded(_) => {}
        }
        Taken::GoOn
    }
}

/// The response has ended: the connection is idle, or of no more use. False: it is to be closed.
fn end_exchange(
    connection: &mut super::connection::Connection,
    py: Python<'_>,
    actions: &mut VecDeque<Action>,
) -> bool {
    let Side::Client(client) = &mut connection.side else {
        return false;
    };
    client.exchange = None;
    let is_reusable = client.machine.is_reusable();
    let unsent = !client.machine.output().is_empty();
    // A transport that is not writable has bytes of the request as well.
    let unsent = unsent || matches!(connection.io, Io::Transport { writable: false, .. });
    if unsent || !is_reusable {
        connection.closing = true;
        if unsent {
            // The rest of the request is not wanted any more: a peer that does not read would never get it.
            connection.aborting = true;
            connection.drop_output();
        }
        return false;
    }
    if let (Some(on_idle), Some(handle)) = (&client.on_idle, &connection.handle) {
        let handle = handle.clone_ref(py).into_any();
        actions.push_back(Action::Call(on_idle.clone_ref(py), Some(handle)));
    }
    true
}

/// Sends a request. `whole`: the body, if it is there already. Gives the stream.
///
/// # Errors
/// ValueError for what must not be sent; the connection-closed error when it cannot be used.
pub fn begin<'f, F>(
    py: Python<'_>,
    serial: u64,
    token: Token,
    outgoing: Outgoing<'_, F>,
    whole: Option<Chunk<'_>>,
    future: Option<Py<PyAny>>,
) -> PyResult<StreamId>
where
    F: Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
{
    let streamed = future.is_none();
    let outcome = with_loop(serial, |state| {
        let now = state.reactor.tick();
        let spare = state.spare.pop();
        let connection = state.connection(token)?;
        let Side::Client(client) = &mut connection.side else {
            return None;
        };
        if !client.is_usable() {
            return None;
        }
        if let Some(buffer) = spare {
            client.machine.output().donate(buffer);
        }
        let stream = client.machine.open();
        let start = RequestStart {
            method: outgoing.method,
            target: outgoing.target,
            expect_continue: outgoing.expect_continue,
        };
        let sent = client
            .machine
            .send_head(stream, start, outgoing.length, outgoing.fields)
            .and_then(|()| {
                if streamed {
                    return Ok(());
                }
                if let Some(chunk) = whole.filter(|chunk| !chunk.is_empty()) {
                    client.machine.send_data(stream, chunk)?;
                }
                client.machine.finish(stream)
            });
        if let Err(error) = sent {
            connection.closing = true;
            return Some(Err(error));
        }
        client.exchange = Some(Exchange::new(stream, future, outgoing.timeouts, now));
        Some(Ok(stream))
    });
    with_loop(serial, |state| super::command::after_command(state, py, token));
    perform(py, serial);
    match outcome.flatten() {
        None => Err(crate::errors::closed(py)),
        Some(Err(error)) => Err(refused(py, &error)),
        Some(Ok(stream)) => Ok(stream),
    }
}

/// A command for a streamed request.
fn command<R>(
    py: Python<'_>,
    link: Link,
    f: impl FnOnce(&mut ClientSide) -> Result<R, quinde_http::Error>,
) -> PyResult<R> {
    let outcome = with_loop(link.serial, |state| {
        let connection = state.connection(link.token)?;
        let Side::Client(client) = &mut connection.side else {
            return None;
        };
        client
            .exchange
            .as_ref()
            .filter(|exchange| exchange.stream == link.stream)?;
        Some(f(client))
    });
    match outcome.flatten() {
        Some(result) => result.map_err(|error| refused(py, &error)),
        None => Err(crate::errors::closed(py)),
    }
}

pub fn write(py: Python<'_>, link: Link, data: &Bound<'_, PyAny>) -> PyResult<bool> {
    let gone = with_connection(link.serial, link.token, |connection| connection.peer_closed);
    if gone == Some(true) {
        return Err(crate::errors::closed(py));
    }
    super::answer::with_piece(data, |chunk| {
        command(py, link, |client| client.machine.send_data(link.stream, chunk))
    })?;
    Ok(flush_queued(py, link.serial, link.token))
}

pub fn write_eof(py: Python<'_>, link: Link) -> PyResult<()> {
    let now = with_loop(link.serial, |state| state.reactor.tick()).unwrap_or(0);
    command(py, link, |client| {
        client.machine.finish(link.stream)?;
        if let Some(exchange) = &mut client.exchange {
            exchange.request_ended = true;
            exchange.last_progress = now;
        }
        Ok(())
    })?;
    flush_queued(py, link.serial, link.token);
    Ok(())
}

/// Whether a head or 100 came before somebody waits; else the future is kept.
pub fn wait_head(py: Python<'_>, link: Link, future: &Py<PyAny>) -> PyResult<Option<Py<PyAny>>> {
    command(py, link, |client| {
        let Some(exchange) = &mut client.exchange else {
            return Ok(None);
        };
        if let Some(early) = exchange.early.take() {
            return Ok(Some(early));
        }
        exchange.future = Some(future.clone_ref(py));
        Ok(None)
    })
}

/// Whether 100 (Some(true)) or a final head (Some(false)) came already; else the future is kept.
pub fn wait_continue(py: Python<'_>, link: Link, future: &Py<PyAny>) -> PyResult<Option<bool>> {
    command(py, link, |client| {
        let Some(exchange) = &mut client.exchange else {
            return Ok(Some(false));
        };
        if exchange.continued || exchange.head_seen {
            return Ok(Some(exchange.continued));
        }
        exchange.continue_ = Some(future.clone_ref(py));
        Ok(None)
    })
}

/// A deadline of this connection is due: tells whether it is really over, and closes the connection if so.
pub fn expire(state: &mut LoopState, py: Python<'_>, token: Token, now: u64) {
    let Some(connection) = state.connection(token) else {
        return;
    };
    if gather::expire(connection, now) {
        // The drive sets the next deadline, by what it has read.
        state.reactor.queue(token);
        return;
    }
    let Side::Client(client) = &mut connection.side else {
        return;
    };
    if let Some(failure) = client.overdue(now) {
        let failure = client.give_up(failure);
        teardown(state, py, token, &failure);
        return;
    }
    client.machine.handle_timeout(now);
    let deadline = connection.deadline();
    state.reactor.deadlines().set(token, deadline);
    state.reactor.queue(token);
}
