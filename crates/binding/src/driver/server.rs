//! The server end of a connection: events become requests, a request becomes a Task, answers become bytes.
//!
//! # Theory of operation
//!
//! At most one request of a connection is `current`: from its head until both its handler has ended
//! (`IncomingRequest.done` or `respond`) and its answer is complete. The machine may parse the next head before
//! that; it waits in `peeked`. A refused request is answered here, without Python's help but for the text.

use std::collections::VecDeque;
use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use quinde_http::h1::{ResponseStart, ServerConnection};
use quinde_http::{BodyLength, Chunk, Error, Event, Machine, RequestHead, StreamId};
use quinde_reactor::Token;

use super::connection::{Connection, HIGH_WATER, Peers, Progress, Side, settle, teardown};
use super::raw::Handed;
use super::scratch::Scratch;
use super::turn::stop_driving;
use super::{Action, Link, LoopState, Source, perform, tls, with_loop};
use crate::errors::{Failure, Stage};
use crate::objects::body::{Body, Place};
use crate::objects::date;
use crate::objects::limits::Limits;
use crate::objects::request::IncomingRequest;
use crate::objects::service::Service;
use crate::objects::tally::Counted;
use crate::python;

/// An interim response (RFC 9110 §10.1.1) as programs write it to a transport.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

pub struct ServerSide {
    pub machine: ServerConnection,
    pub service: Py<Service>,
    /// Those of its site.
    pub limits: Py<Limits>,
    pub current: Option<Current>,
    peeked: Option<(StreamId, Event<RequestHead>)>,
}

/// The request that is being answered.
pub struct Current {
    pub stream: StreamId,
    pub body: Option<Py<Body>>,
    /// What comes after the protocol was switched.
    pub upgraded: Option<Py<Body>>,
    pub number: u64,
    pub head_sent: bool,
    pub answered: bool,
    pub sent: u64,
    /// Whether its Task was cancelled because the peer has gone.
    cancelled: bool,
}

/// What the driver has to do next, outside the borrow.
pub enum Step {
    /// Nothing more for now.
    Rest,
    /// Actions are pending; come again.
    Again,
    /// Decrypt what came, so many bytes.
    Open(usize),
    /// Start a request's Task.
    Start(Box<Start>),
    /// Answer a request that the machine refused.
    Refuse(StreamId, Error),
}

pub struct Start {
    pub link: Link,
    pub head: RequestHead,
    pub peers: Arc<Peers>,
    pub service: Py<Service>,
    pub limits: Py<Limits>,
    pub body: Option<Py<Body>>,
    pub number: u64,
}

impl ServerSide {
    pub fn new(machine: ServerConnection, service: Py<Service>, limits: Py<Limits>) -> Self {
        limits.get().count_opened();
        Self {
            machine,
            service,
            limits,
            current: None,
            peeked: None,
        }
    }

    pub fn is_answering(&self) -> bool {
        self.current.as_ref().is_some_and(|current| !current.answered)
    }

    /// Looks whether the machine has something whose turn has come: a head waits for the request before it.
    pub fn has_waiting(&mut self) -> bool {
        if self.peeked.is_none() {
            self.peeked = self.machine.next_event();
        }
        match &self.peeked {
            Some((_, Event::Head(_))) => self.may_begin(),
            other => other.is_some(),
        }
    }

    /// Whether a head waits and nothing stands before it any more.
    pub fn may_begin(&mut self) -> bool {
        matches!(self.peeked, Some((_, Event::Head(_)))) && self.current.is_none() && !self.is_behind()
    }

    /// Whether the peer takes answers more slowly than it asks: it gets the next one when it has taken these.
    fn is_behind(&mut self) -> bool {
        self.machine.output().len() > HIGH_WATER
    }

    /// Where received bytes go: the request's body, or after an upgrade whatever the new protocol reads.
    fn current_body(&self) -> Option<&Py<Body>> {
        self.current
            .as_ref()
            .and_then(|current| current.upgraded.as_ref().or(current.body.as_ref()))
    }

    /// Tells the machine whether somebody waits for the body.
    pub fn note_reader(&mut self) {
        let current = self.current.as_ref();
        let body = current.and_then(|current| current.body.as_ref());
        let awaited = body.is_some_and(|body| body.get().is_awaited());
        self.machine.body_awaited(awaited);
    }

    /// Where the next body bytes may land directly.
    pub fn landing(&self, py: Python<'_>) -> Option<Place> {
        let want = self.machine.body_want();
        if want == 0 || self.peeked.is_some() {
            return None;
        }
        self.current_body()?.get().landing(py, want)
    }

    pub fn landed(&mut self, py: Python<'_>, n: usize, now: u64, actions: &mut VecDeque<Action>) {
        self.machine.body_landed(n, now);
        let Some(current) = &self.current else { return };
        if let Some(body) = &current.body {
            let taken = body.get().landed(py, n, actions);
            self.machine.consumed(current.stream, taken);
        }
    }

    /// Sends raw bytes after an upgrade; before the answer, what aiohttp's handlers of expectations write.
    pub fn send_raw(&mut self, chunk: Chunk<'_>) -> Result<(), Error> {
        let Some(current) = &self.current else {
            return self.machine.send_data(StreamId(0), chunk);
        };
        if !current.head_sent && chunk.as_slice() == CONTINUE {
            let none = std::iter::empty();
            return self.machine.send_informational(current.stream, 100, none);
        }
        self.machine.send_data(current.stream, chunk)
    }

    /// Lets go of the wire for another protocol. The body of the current request stays as far as it has come.
    pub fn hand_over(
        &mut self,
        py: Python<'_>,
        serial: u64,
        token: Token,
        create_future: &Py<PyAny>,
        actions: &mut VecDeque<Action>,
    ) -> Handed {
        while let Some((stream, event)) = self.peeked.take().or_else(|| self.machine.next_event()) {
            let link = Link {
                serial,
                token,
                stream,
            };
            self.take(py, link, event, create_future, actions);
        }
        let current = self.current.take();
        let stream = current.as_ref().map(|current| current.stream);
        let (body, upgraded) = current.map_or((None, None), |current| (current.body, current.upgraded));
        let rest = upgraded
            .as_ref()
            .and_then(|upgraded| upgraded.get().take_rest(py));
        for body in [body, upgraded].into_iter().flatten() {
            actions.push_back(Action::FailBody(body, Failure::Closed, Stage::ServerBody));
        }
        Handed::new(py, self.machine.hand_over(), rest, stream)
    }

    /// Shows what it holds of Python (`traverse.rs`).
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.service)?;
        if let Some(current) = &self.current {
            visit.call(&current.body)?;
            visit.call(&current.upgraded)?;
        }
        Ok(())
    }

    /// The connection is gone.
    pub fn lost(&mut self, py: Python<'_>, failure: &Failure, actions: &mut VecDeque<Action>) {
        let service = self.service.get();
        self.limits.get().count_closed();
        if let Some(mut current) = self.current.take() {
            current.cancel(py, service, actions);
            for body in [current.body, current.upgraded].into_iter().flatten() {
                actions.push_back(Action::FailBody(body, failure.clone(), Stage::ServerBody));
            }
        }
    }

    /// The peer sent FIN while a request is being answered: its Task learns it where that is wanted.
    pub fn note_disconnect(&mut self, py: Python<'_>, actions: &mut VecDeque<Action>) {
        if let Some(current) = self.current.as_mut().filter(|current| !current.answered) {
            current.cancel(py, self.service.get(), actions);
        }
    }
}

impl Current {
    /// Cancels the Task where that is wanted, once: FIN and the loss of the connection are one disconnect.
    fn cancel(&mut self, py: Python<'_>, service: &Service, actions: &mut VecDeque<Action>) {
        if !service.handler_cancellation || self.cancelled {
            return;
        }
        if let Some(task) = service.task(py, self.number) {
            self.cancelled = true;
            actions.push_back(Action::Cancel(task));
        }
    }
}

/// Drives one server connection until it has nothing more to do; `Err` is a `SystemExit` or `KeyboardInterrupt`.
pub fn drive(py: Python<'_>, serial: u64, token: Token, factory: bool) -> PyResult<()> {
    let mut spent = Spent::default();
    loop {
        let step = with_loop(serial, |state| advance(state, py, token, &mut spent)).unwrap_or(Step::Rest);
        match step {
            Step::Rest => break,
            Step::Again => perform(py, serial),
            Step::Open(sealed) => {
                tls::open(py, serial, token, sealed);
                perform(py, serial);
            }
            Step::Refuse(stream, error) => refuse(py, serial, token, stream, &error),
            Step::Start(start) => {
                let outcome = start_request(py, serial, *start, factory);
                if let Err(error) = outcome {
                    stop_driving(py, serial, token);
                    return Err(error);
                }
            }
        }
    }
    stop_driving(py, serial, token);
    Ok(())
}

/// How many requests of one connection are answered in a row before the others have their turn.
const REQUESTS_PER_DRIVE: usize = 32;

/// What one drive has used up.
#[derive(Default)]
struct Spent {
    reads: usize,
    requests: usize,
}

fn advance(state: &mut LoopState, py: Python<'_>, token: Token, spent: &mut Spent) -> Step {
    let serial = state.serial;
    let LoopState {
        reactor,
        actions,
        scratch,
        spare,
        handles,
        ..
    } = state;
    let now = reactor.now();
    let Some(Source::Connection(connection)) = reactor.get_mut(token) else {
        return Step::Rest;
    };
    connection.driving = true;
    loop {
        if connection.closing {
            let sealed = connection.receive_last(py, scratch, now, &mut spent.reads, actions);
            return sealed.map_or(Step::Rest, Step::Open);
        }
        let Side::Server(server) = &mut connection.side else {
            return Step::Rest;
        };
        match server.peeked.take().or_else(|| server.machine.next_event()) {
            Some((stream, Event::Head(head))) if server.current.is_some() || server.is_behind() => {
                server.peeked = Some((stream, Event::Head(head)));
                return rest_or_receive(connection, py, scratch, now, &mut spent.reads, actions);
            }
            Some((stream, Event::Head(head))) => {
                spent.requests += 1;
                if spent.requests > REQUESTS_PER_DRIVE {
                    server.peeked = Some((stream, Event::Head(head)));
                    reactor.queue(token);
                    return Step::Rest;
                }
                if let (true, Some(buffer)) = (server.machine.output().is_empty(), spare.pop()) {
                    server.machine.output().donate(buffer);
                }
                let peers = Arc::clone(&connection.peers);
                let link = Link {
                    serial,
                    token,
                    stream,
                };
                return Step::Start(Box::new(server.begin(
                    py,
                    link,
                    head,
                    peers,
                    &handles.create_future,
                )));
            }
            Some((stream, event)) => {
                let link = Link {
                    serial,
                    token,
                    stream,
                };
                if let Some(error) = server.take(py, link, event, &handles.create_future, actions) {
                    return Step::Refuse(stream, error);
                }
            }
            None => {
                let closed_before = connection.peer_closed;
                match connection.receive(py, scratch, now, &mut spent.reads, actions) {
                    Progress::None if actions.is_empty() => return Step::Rest,
                    Progress::None => return Step::Again,
                    Progress::Sealed(sealed) => return Step::Open(sealed),
                    Progress::Some => {}
                }
                if connection.peer_closed && !closed_before {
                    connection.note_disconnect(py, actions);
                }
            }
        }
        if !actions.is_empty() {
            return Step::Again;
        }
    }
}

impl ServerSide {
    /// Makes a request the current one.
    fn begin(
        &mut self,
        py: Python<'_>,
        link: Link,
        head: RequestHead,
        peers: Arc<Peers>,
        create_future: &Py<PyAny>,
    ) -> Start {
        let body = match head.body {
            BodyLength::Empty => None,
            length => {
                python::without_gc(|| Py::new(py, Body::of_message(py, create_future, link, length))).ok()
            }
        };
        let service = self.service.clone_ref(py);
        let number = service.get().count_request();
        self.current = Some(Current {
            stream: link.stream,
            body: body.as_ref().map(|body| body.clone_ref(py)),
            upgraded: None,
            number,
            head_sent: false,
            answered: false,
            sent: 0,
            cancelled: false,
        });
        Start {
            link,
            head,
            peers,
            service,
            limits: self.limits.clone_ref(py),
            body,
            number,
        }
    }

    /// Hands an event to the current request. Gives the error of a request that is refused before it began.
    fn take(
        &mut self,
        py: Python<'_>,
        link: Link,
        event: Event<RequestHead>,
        create_future: &Py<PyAny>,
        actions: &mut VecDeque<Action>,
    ) -> Option<Error> {
        match event {
            Event::Data(data) => {
                if let Some(body) = self.current_body() {
                    let taken = body.get().push(py, &data, actions);
                    self.machine.consumed(link.stream, taken);
                }
            }
            Event::ChunkEnds(ends) => {
                if let Some(body) = self.current_body() {
                    body.get().end_chunks(py, &ends, actions);
                }
            }
            Event::End => {
                if let Some(body) = self.current_body() {
                    body.get().finish(py, actions);
                }
            }
            Event::Error(error) => {
                let Some(current) = self
                    .current
                    .as_ref()
                    .filter(|current| current.stream == link.stream)
                else {
                    return Some(error);
                };
                if let Some(body) = &current.body {
                    let failure = Failure::Protocol(error);
                    actions.push_back(Action::FailBody(body.clone_ref(py), failure, Stage::ServerBody));
                }
            }
            Event::Upgraded(rest) => {
                let upgraded = Body::of_message(py, create_future, link, BodyLength::UntilClose);
                if !rest.is_empty() {
                    upgraded.push(py, &rest, actions);
                }
                if let Some(current) = &mut self.current {
                    current.upgraded = python::without_gc(|| Py::new(py, upgraded)).ok();
                }
            }
            // Heads are the caller's; trailers are not shown to users; interim responses are a client's.
            Event::Head(_) | Event::Trailers(_) | Event::Informational(_) => {}
        }
        None
    }
}

/// With the next request waiting behind the current one: only look for the peer's FIN and more pipelined bytes.
fn rest_or_receive(
    connection: &mut Connection,
    py: Python<'_>,
    scratch: &mut Scratch,
    now: u64,
    reads: &mut usize,
    actions: &mut VecDeque<Action>,
) -> Step {
    loop {
        match connection.receive(py, scratch, now, reads, actions) {
            Progress::Some => {}
            Progress::None => return Step::Rest,
            Progress::Sealed(sealed) => return Step::Open(sealed),
        }
    }
}

/// Makes the request's Task. Exceptions of `serve` itself close the connection and are reported.
fn start_request(py: Python<'_>, serial: u64, start: Start, factory: bool) -> PyResult<()> {
    let Start {
        link,
        head,
        peers,
        service,
        limits,
        body,
        number,
    } = start;
    let incoming = IncomingRequest::new(link, head, peers, service.clone_ref(py), limits, body, number);
    let outcome = Py::new(py, incoming).and_then(|incoming| {
        let task = service.get().start_task(py, incoming.clone_ref(py), factory)?;
        if incoming.get().has_ended() {
            return Ok(());
        }
        keep_unfinished(py, serial, incoming.get(), &task)
    });
    let Err(error) = outcome else { return Ok(()) };
    give_up(py, serial, link.token);
    if python::ends_process(py, &error) {
        return Err(error);
    }
    super::action::report(py, serial, "quinde: a request could not be started", error);
    Ok(())
}

/// Keeps the Task of a handler that did not end in its first step.
fn keep_unfinished(
    py: Python<'_>,
    serial: u64,
    incoming: &IncomingRequest,
    task: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let token = incoming.link.token;
    if super::action::is_done(py, task.as_unbound())? {
        // It ended without an answer and without saying so.
        give_up(py, serial, token);
        return Ok(());
    }
    incoming.keep_task(task.clone().unbind());
    let open = with_loop(serial, |state| {
        let LoopState { reactor, actions, .. } = state;
        let Some(Source::Connection(connection)) = reactor.get_mut(token) else {
            return false;
        };
        if connection.peer_closed {
            connection.note_disconnect(py, actions);
        }
        true
    });
    perform(py, serial);
    if open != Some(true) && incoming.service.get().handler_cancellation {
        task.call_method0(pyo3::intern!(py, "cancel"))?;
    }
    Ok(())
}

/// Drops a connection whose answer cannot be completed.
pub fn give_up(py: Python<'_>, serial: u64, token: Token) {
    with_loop(serial, |state| teardown(state, py, token, &Failure::Closed));
    perform(py, serial);
}

/// Answers what the machine refused: a plain text whose words Python may choose.
fn refuse(py: Python<'_>, serial: u64, token: Token, stream: StreamId, error: &Error) {
    let Some(status) = error.status else {
        give_up(py, serial, token);
        return;
    };
    let service = super::with_connection(serial, token, |connection| match &connection.side {
        Side::Server(server) => Some(server.service.clone_ref(py)),
        Side::Client(_) | Side::Raw(_) => None,
    });
    let Some(Some(service)) = service else { return };
    let answer = service
        .get()
        .refusal(py, serial, token, status, &error.to_string());
    let date = date::now();
    let length = itoa::Buffer::new().format(answer.body.len()).to_owned();
    let answered = with_loop(serial, |state| {
        let Some(connection) = state.connection(token) else {
            return Ok(None);
        };
        let Side::Server(server) = &mut connection.side else {
            return Ok(None);
        };
        let before = server.machine.output().len();
        let fields: [(&[u8], &[u8]); 4] = [
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Content-Length", length.as_bytes()),
            (b"Date", &date),
            (b"Server", answer.server_header.as_bytes()),
        ];
        let start = ResponseStart {
            status: answer.status,
            reason: None,
            close: true,
        };
        let known = BodyLength::Known(answer.body.len() as u64);
        server
            .machine
            .send_head(stream, start, known, fields.into_iter())?;
        server.machine.send_data(stream, Chunk::Borrowed(&answer.body))?;
        server.machine.finish(stream)?;
        Ok::<_, Error>(Some(server.machine.output().len() - before))
    });
    match answered {
        Some(Ok(Some(size))) => {
            service
                .get()
                .report_refusal(py, serial, token, answer.status, size);
        }
        Some(Err(_)) => give_up(py, serial, token),
        _ => {}
    }
}

/// The connections of a service on a loop.
pub fn all_connections(serial: u64, service: u64) -> Vec<Token> {
    with_loop(serial, |state| {
        of_service(state, service).map(|(token, _)| token).collect()
    })
    .unwrap_or_default()
}

/// What is known of the open connections of a service.
#[derive(Default)]
pub struct Open {
    pub counted: Counted,
    /// Requests that are being answered.
    pub in_flight: usize,
    /// Requests that came behind one that is being answered.
    pub waiting: usize,
}

/// Adds what the open connections of a service on a loop have counted.
pub fn open_statistics(serial: u64, service: u64, open: &mut Open) {
    with_loop(serial, |state| {
        for (_, source) in state.reactor.iter() {
            let Source::Connection(connection) = source else {
                continue;
            };
            let Side::Server(server) = connection.side.http() else {
                continue;
            };
            if server.service.get().number == service {
                open.counted.absorb(&connection.counted());
                open.in_flight += usize::from(server.current.is_some());
                open.waiting += server.machine.waiting().max(usize::from(server.peeked.is_some()));
            }
        }
    });
}

fn of_service(state: &LoopState, service: u64) -> impl Iterator<Item = (Token, &ServerSide)> {
    state
        .reactor
        .iter()
        .filter_map(move |(token, source)| match source {
            Source::Connection(connection) => match connection.side.http() {
                Side::Server(server) if server.service.get().number == service => Some((token, server)),
                _ => None,
            },
            _ => None,
        })
}

/// Ends the connections of a service: gracefully, or at once.
pub fn stop_connections(py: Python<'_>, serial: u64, service: u64, at_once: bool) {
    if at_once {
        abort_connections(py, serial, service);
        return;
    }
    with_loop(serial, |state| {
        let tokens: Vec<Token> = of_service(state, service).map(|(token, _)| token).collect();
        for token in tokens {
            let Some(connection) = state.connection(token) else {
                continue;
            };
            if let Side::Server(server) = &mut connection.side {
                server.machine.shutdown();
            }
            if !connection.driving {
                settle(state, py, token);
            }
        }
    });
    perform(py, serial);
}

fn abort_connections(py: Python<'_>, serial: u64, service: u64) {
    // The last words of another protocol leave as far as they go at once.
    for token in all_connections(serial, service) {
        let taken_over = super::with_connection(serial, token, |connection| {
            matches!(connection.side, Side::Raw(_))
        });
        if taken_over == Some(true) {
            super::command::close(py, serial, token, false);
        }
    }
    for token in all_connections(serial, service) {
        give_up(py, serial, token);
    }
}
