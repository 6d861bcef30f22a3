//! How a connection's output leaves: by the socket, through TLS, or as a transport's.
//!
//! Called inside the borrow of the loop's state: nothing here calls into Python.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use pyo3::prelude::*;
use quinde_http::Output;
use quinde_reactor::{Sent, Socket, Token};

use super::action::TransportCommand;
use super::connection::{Connection, Io, LOW_WATER, Side};
use super::{Action, keep_spare};

/// How far the output got.
pub enum Flushed {
    Clean,
    /// A transport gets all of it: when this is done, it tells whether it has something to send.
    Handed,
    Waiting,
    /// It waits for TLS, not for the socket.
    Unsealed,
    Failed(io::Error),
}

impl Connection {
    /// Sends what the socket or the transport takes.
    pub fn flush(
        &mut self,
        py: Python<'_>,
        token: Token,
        actions: &mut VecDeque<Action>,
        spare: &mut Vec<Vec<u8>>,
        now: u64,
    ) -> Flushed {
        let before = self.queued();
        let flushed = self.flush_output(py, token, actions, spare);
        let waits = matches!(flushed, Flushed::Waiting);
        let progress = waits && self.queued() < before;
        if self.stall.note(waits, progress, now) {
            if let Io::Socket(socket) = &self.io {
                self.unsent = socket.unsent().unwrap_or(usize::MAX);
            }
        }
        flushed
    }

    fn flush_output(
        &mut self,
        py: Python<'_>,
        token: Token,
        actions: &mut VecDeque<Action>,
        spare: &mut Vec<Vec<u8>>,
    ) -> Flushed {
        if matches!(self.io, Io::Transport { writable: false, .. }) && !self.aborting {
            // It has something to send as long as it says so (`transport::attach`).
            return Flushed::Waiting;
        }
        let output = self.side.output();
        if let (Some(tls), Io::Socket(socket)) = (&mut self.tls, &mut self.io) {
            let flushed = send_all(socket, tls.sealed(), &mut self.sent);
            if !matches!(flushed, Flushed::Clean) {
                return flushed;
            }
            if !output.is_empty() || tls.holds_plaintext() {
                if tls.can_seal() {
                    actions.push_back(Action::Seal(token));
                }
                return Flushed::Unsealed;
            }
        }
        if output.is_empty() {
            return Flushed::Clean;
        }
        match &mut self.io {
            Io::Transport {
                transport, carrier, ..
            } => {
                self.sent += output.len() as u64;
                let mut segments = Vec::new();
                while let Some(segment) = output.pop() {
                    segments.push(segment);
                }
                let command = TransportCommand::Write(token, carrier.clone_ref(py), segments);
                actions.push_back(Action::Transport(transport.clone_ref(py), command));
                Flushed::Handed
            }
            Io::Socket(socket) => {
                let flushed = send_all(socket, output, &mut self.sent);
                if let (Flushed::Clean, Some(buffer)) = (&flushed, output.recycle()) {
                    keep_spare(spare, buffer);
                }
                flushed
            }
        }
    }

    /// Sends what TLS has to say to a peer before the connection is torn down, as far as it goes at once.
    pub fn send_alert(&mut self) {
        if let (Some(tls), Io::Socket(socket)) = (&mut self.tls, &mut self.io) {
            // Nothing depends on it.
            let _ = send_all(socket, tls.sealed(), &mut self.sent);
        }
    }

    /// Wakes who waits for the output to become low.
    pub fn wake_drains(&mut self, actions: &mut VecDeque<Action>, py: Python<'_>) {
        if !self.drains.is_empty() && self.queued() <= LOW_WATER {
            for future in self.drains.drain(..) {
                actions.push_back(Action::Resolve(future, py.None()));
            }
        }
        let queued = match &self.side {
            // A transport that is not writable has more.
            Side::Raw(_) if !matches!(self.io, Io::Transport { writable: false, .. }) => self.queued(),
            _ => return,
        };
        if let Side::Raw(raw) = &mut self.side {
            raw.note_queued(py, queued, actions);
        }
    }
}

fn send_all(socket: &mut Socket, output: &mut Output, sent: &mut u64) -> Flushed {
    while !output.is_empty() {
        if !socket.is_writable() {
            return Flushed::Waiting;
        }
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = output.slices(&mut slices);
        match socket.send(&slices[..filled]) {
            Sent::Data(n) => {
                *sent += n as u64;
                output.advance(n);
            }
            Sent::Blocked => return Flushed::Waiting,
            Sent::Failed(error) => return Flushed::Failed(error),
        }
    }
    Flushed::Clean
}
