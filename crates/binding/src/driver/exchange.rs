//! One request and its response, as the client end of a connection keeps them.
//!
//! Knows who waits for what: for 100 (Continue), for the head, for the body's bytes. `driver/client` gives it what the
//! machine says.

use std::collections::VecDeque;
use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use quinde_http::{BodyLength, ResponseHead, StreamId};

use super::connection::Peers;
use super::{Action, Link};
use crate::errors::{Failure, Stage};
use crate::objects::body::Body;
use crate::objects::limits::milliseconds;
use crate::objects::response::IncomingResponse;
use crate::python;

/// How long a request may take, in milliseconds; 0: for ever.
#[derive(Clone, Copy)]
pub struct Timeouts {
    pub total: u64,
    pub read: u64,
    pub write: u64,
}

impl Timeouts {
    /// From seconds, as the API has them.
    ///
    /// # Errors
    /// ValueError for what is no time.
    pub fn of_seconds(total: f64, read: f64, write: f64) -> PyResult<Self> {
        Ok(Self {
            total: milliseconds(total)?,
            read: milliseconds(read)?,
            write: milliseconds(write)?,
        })
    }
}

/// One request and its response.
pub struct Exchange {
    pub stream: StreamId,
    /// Waits for the response head.
    pub future: Option<Py<PyAny>>,
    /// The head came before anybody asked for it (a streamed request).
    pub early: Option<Py<PyAny>>,
    /// Waits for 100 (Continue).
    pub continue_: Option<Py<PyAny>>,
    pub continued: bool,
    pub body: Option<Py<Body>>,
    pub head_seen: bool,
    /// The body ends with the connection.
    pub until_close: bool,
    /// What comes is no body, but the bytes of another protocol.
    pub switched: bool,
    pub response_ended: bool,
    pub request_ended: bool,
    pub total_at: Option<u64>,
    pub read_timeout: u64,
    pub write_timeout: u64,
    pub last_progress: u64,
}

impl Exchange {
    /// A request has been sent as far as it is known. Without a future its body comes in pieces, and nobody waits yet.
    pub fn new(stream: StreamId, future: Option<Py<PyAny>>, timeouts: Timeouts, now: u64) -> Self {
        Self {
            stream,
            request_ended: future.is_some(),
            future,
            early: None,
            continue_: None,
            continued: false,
            body: None,
            head_seen: false,
            until_close: false,
            switched: false,
            response_ended: false,
            total_at: (timeouts.total > 0).then(|| now + timeouts.total),
            read_timeout: timeouts.read,
            write_timeout: timeouts.write,
            last_progress: now,
        }
    }

    /// The body that is still being received.
    pub fn open_body(&self) -> Option<&Body> {
        self.body.as_ref().filter(|_| !self.response_ended).map(Py::get)
    }

    /// The response has begun.
    pub fn take_head(
        &mut self,
        py: Python<'_>,
        link: Link,
        head: ResponseHead,
        create_future: &Py<PyAny>,
        actions: &mut VecDeque<Action>,
    ) {
        self.head_seen = true;
        self.switched = head.upgrade;
        self.until_close = head.body == BodyLength::UntilClose && !head.upgrade;
        let length = match head.body {
            // The bytes of the protocol that is switched to are read like a body.
            _ if head.upgrade => Some(BodyLength::UntilClose),
            BodyLength::Empty => None,
            length => Some(length),
        };
        self.body = length.and_then(|length| {
            python::without_gc(|| Py::new(py, Body::of_message(py, create_future, link, length))).ok()
        });
        self.tell_continue(py, false, actions);
        let body = self.body.as_ref().map(|body| body.clone_ref(py));
        match self.future.take() {
            Some(future) => actions.push_back(Action::Respond {
                future,
                link,
                head: Box::new(head),
                body,
            }),
            None => {
                self.early = python::without_gc(|| Py::new(py, IncomingResponse::new(link, head, body)))
                    .ok()
                    .map(Py::into_any);
            }
        }
    }

    /// Whoever waits for 100 learns whether it came.
    pub fn tell_continue(&mut self, py: Python<'_>, came: bool, actions: &mut VecDeque<Action>) {
        if let Some(future) = self.continue_.take() {
            let came = pyo3::types::PyBool::new(py, came).to_owned().into_any().unbind();
            actions.push_back(Action::Resolve(future, came));
        }
    }

    /// It comes to nothing: whoever waits for the head or the body is told why.
    pub fn fail(self, failure: &Failure, peers: &Arc<Peers>, actions: &mut VecDeque<Action>) {
        for future in [self.future, self.continue_].into_iter().flatten() {
            let stage = Stage::ClientHead(Arc::clone(peers));
            actions.push_back(Action::Fail(future, failure.clone(), stage));
        }
        if let Some(body) = self.body.filter(|_| !self.response_ended) {
            let stage = Stage::ClientBody(Arc::clone(peers));
            actions.push_back(Action::FailBody(body, failure.clone(), stage));
        }
    }

    /// Shows what it holds of Python (`traverse.rs`).
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.future)?;
        visit.call(&self.early)?;
        visit.call(&self.continue_)?;
        visit.call(&self.body)
    }
}
