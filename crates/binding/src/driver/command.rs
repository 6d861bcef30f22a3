//! What users say to a connection, whichever its end: write, wait, pause, close; and what they took of a body.
//!
//! Each borrows the loop's state, tells the connection, and performs what came of it when the borrow has ended.

use pyo3::prelude::*;
use quinde_http::Machine;
use quinde_reactor::Token;

use super::connection::{HIGH_WATER, Io, Side, settle};
use super::{Action, Link, LoopState, perform, with_connection, with_loop};

/// After a command outside a drive: flush, and come back in a turn if there is more to do.
pub fn after_command(state: &mut LoopState, py: Python<'_>, token: Token) {
    if !state.turning {
        // The clock stood still since the last turn: deadlines that begin now would come too early.
        state.reactor.tick();
    }
    let Some(connection) = state.connection(token) else {
        return;
    };
    if connection.driving {
        return;
    }
    if !settle(state, py, token) {
        return;
    }
    let Some(connection) = state.connection(token) else {
        return;
    };
    let more = match &mut connection.side {
        Side::Server(server) => server.has_waiting(),
        Side::Client(_) => false,
        Side::Raw(raw) => raw.has_untold() && !connection.user_paused && !connection.closing,
    };
    if more {
        state.reactor.queue(token);
        state.actions.push_back(Action::ScheduleTurn);
    }
}

/// After output was queued: flushes outside a drive and performs what that leads to. False: above high water.
pub fn flush_queued(py: Python<'_>, serial: u64, token: Token) -> bool {
    let below = with_loop(serial, |state| {
        after_command(state, py, token);
        state
            .connection(token)
            .is_none_or(|connection| connection.queued() <= HIGH_WATER)
    });
    perform(py, serial);
    below.unwrap_or(true)
}

/// The user closes the connection: after the output, or at once.
pub fn close(py: Python<'_>, serial: u64, token: Token, at_once: bool) {
    with_loop(serial, |state| {
        let Some(connection) = state.connection(token) else {
            return;
        };
        connection.closing = true;
        if at_once {
            connection.aborting = true;
            connection.drop_output();
        }
        if !connection.driving {
            settle(state, py, token);
        }
    });
    perform(py, serial);
}

/// The user pauses or resumes reading.
pub fn set_user_paused(py: Python<'_>, serial: u64, token: Token, paused: bool) {
    with_loop(serial, |state| {
        if let Some(connection) = state.connection(token) {
            connection.user_paused = paused;
            after_command(state, py, token);
        }
    });
    perform(py, serial);
}

/// Sends raw bytes after an upgrade that this end speaks by itself. False: above high water.
pub fn write_raw(py: Python<'_>, serial: u64, token: Token, data: &Bound<'_, PyAny>) -> PyResult<bool> {
    super::answer::with_piece(data, |chunk| {
        let outcome = with_connection(serial, token, |connection| match &mut connection.side {
            Side::Server(server) => Some(server.send_raw(chunk)),
            Side::Client(client) => Some(client.send_raw(chunk)),
            // It was taken over by somebody else.
            Side::Raw(_) => None,
        });
        match outcome.flatten() {
            Some(result) => result.map_err(|error| crate::errors::refused(py, &error)),
            None => Err(crate::errors::closed(py)),
        }
    })?;
    Ok(flush_queued(py, serial, token))
}

/// A future that is done when the output is low again; None if it is not high.
pub fn drain(py: Python<'_>, serial: u64, token: Token) -> PyResult<Option<Py<PyAny>>> {
    let waiting = with_loop(serial, |state| {
        let create = state.handles.create_future.clone_ref(py);
        let connection = state.connection(token)?;
        (connection.queued() > HIGH_WATER).then_some(create)
    });
    match waiting {
        None => Err(crate::errors::closed(py)),
        Some(None) => Ok(None),
        Some(Some(create)) => {
            let future = create.call0(py)?;
            let kept = with_connection(serial, token, |connection| {
                connection.drains.push(future.clone_ref(py));
            });
            Ok(kept.map(|()| future))
        }
    }
}

/// A future that is done when all is sent or the connection gone; None if nothing waits to be sent.
pub fn sent(py: Python<'_>, serial: u64, token: Token) -> PyResult<Option<Py<PyAny>>> {
    let waiting = with_loop(serial, |state| {
        let create = state.handles.create_future.clone_ref(py);
        let connection = state.connection(token)?;
        let waits = connection.stall.is_waiting() || connection.queued() > 0;
        waits.then_some(create)
    });
    let Some(create) = waiting.flatten() else {
        return Ok(None);
    };
    let future = create.call0(py)?;
    let kept = with_connection(serial, token, |connection| {
        connection.emptied.push(future.clone_ref(py));
    });
    Ok(kept.map(|()| future))
}

/// The user took body bytes: the machine may want more.
pub fn consumed(py: Python<'_>, link: Link, n: usize) {
    if n == 0 {
        return;
    }
    with_loop(link.serial, |state| {
        let Some(connection) = state.connection(link.token) else {
            return;
        };
        let before = connection.wants_read();
        match &mut connection.side {
            Side::Server(server) => server.machine.consumed(link.stream, n),
            Side::Client(client) => client.machine.consumed(link.stream, n),
            Side::Raw(_) => {}
        }
        if !before && connection.wants_read() {
            after_command(state, py, link.token);
        }
    });
    perform(py, link.serial);
}

/// Somebody waits for the body now: a client connection is read at once, a server's in its turn.
pub fn pull(py: Python<'_>, link: Link) {
    let direct = with_loop(link.serial, |state| {
        if !state.turning {
            state.reactor.tick();
        }
        let connection = state.connection(link.token)?;
        if connection.driving {
            return None;
        }
        let direct = matches!(
            (&connection.side, &connection.io),
            (Side::Client(_), Io::Socket(_))
        );
        if !direct {
            after_command(state, py, link.token);
        }
        Some(direct)
    });
    perform(py, link.serial);
    if direct.flatten() == Some(true) {
        super::client::drive(py, link.serial, link.token);
    }
}
