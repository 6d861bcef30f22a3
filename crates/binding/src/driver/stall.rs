//! Output that waits for a peer that takes nothing of it: when it has waited long enough, the connection is reset.
//!
//! A send is progress. But the kernel calls a socket writable only when a good part of its buffer is free, and a slow peer
//! may need longer for that than it may take nothing; and a transport tells of nothing before its buffer is empty. So both
//! are asked what the peer has still to take, when the wait begins and when its time is over: less is progress.

use pyo3::prelude::*;
use quinde_reactor::Token;

use super::action::TransportCommand;
use super::connection::{Io, Side, teardown};
use super::{Action, LoopState};
use crate::errors::Failure;

/// Output has waited for as long as it may: a reset, unless the peer has taken some of it.
pub fn stalled(state: &mut LoopState, py: Python<'_>, token: Token) {
    let Some(connection) = state.connection(token) else {
        return;
    };
    match &connection.io {
        Io::Socket(socket) => {
            let size = socket.unsent().unwrap_or(usize::MAX);
            has_unsent(state, py, token, size);
        }
        Io::Transport { carrier, .. } => {
            let ask = Action::AskUnsent(carrier.clone_ref(py), token);
            state.actions.push_back(ask);
        }
    }
}

/// So much is left for the peer to take: less than before is progress, and the wait begins anew.
pub fn has_unsent(state: &mut LoopState, py: Python<'_>, token: Token, size: usize) {
    let now = state.reactor.now();
    let Some(connection) = state.connection(token) else {
        return;
    };
    let timeout = connection.write_timeout();
    if std::mem::replace(&mut connection.unsent, size) > size {
        connection.stall.note(true, true, now);
    }
    if connection.stall.is_over(timeout, now) {
        give_up_stalled(state, py, token);
    } else {
        let deadline = connection.deadline();
        state.reactor.deadlines().set(token, deadline);
    }
}

fn give_up_stalled(state: &mut LoopState, py: Python<'_>, token: Token) {
    let Some(connection) = state.connection(token) else {
        return;
    };
    connection.aborting = true;
    let forsake = match &connection.io {
        Io::Socket(socket) => {
            socket.reset_when_dropped();
            None
        }
        Io::Transport { carrier, .. } => Some(Action::Transport(
            carrier.clone_ref(py),
            TransportCommand::Forsake,
        )),
    };
    let failure = match &mut connection.side {
        Side::Server(server) => {
            server.machine.count_refusal("write_timeout");
            server.machine.count_timeout("write");
            Failure::Closed
        }
        Side::Client(client) => client.give_up(Failure::WriteTimeout),
        // It has no such deadline.
        Side::Raw(_) => Failure::Closed,
    };
    state.actions.extend(forsake);
    teardown(state, py, token, &failure);
}
