//! Turns of the engine: what is ready is driven, what is due takes effect, what is said leaves.
//!
//! Fairness: a turn ends after 64 connections or a millisecond; the rest follows in the next one, which the loop
//! begins when its other work has had its chance.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use quinde_http::Machine;
use quinde_reactor::{Budget, Token};

use super::action::{Dropped, report};
use super::connection::{Io, Side, settle, teardown};
use super::stall::stalled;
use super::{Action, LoopState, Source, client, listener, perform, raw, server, with_loop};
use crate::errors::Failure;
use crate::python;

/// The poller is readable. A turn that is scheduled comes in this very round of the loop and polls too; a second one
/// beside it would schedule a third, and so on, until the loop did nothing else.
pub fn turn_by_reader(py: Python<'_>, serial: u64) -> PyResult<()> {
    if with_loop(serial, |state| state.turn_scheduled) == Some(true) {
        return Ok(());
    }
    turn(py, serial)
}

/// A turn that was scheduled.
pub fn scheduled_turn(py: Python<'_>, serial: u64) -> PyResult<()> {
    with_loop(serial, |state| state.turn_scheduled = false);
    turn(py, serial)
}

/// One turn: poll once, drive what is ready within the budget, leave the rest to the next turn.
pub fn turn(py: Python<'_>, serial: u64) -> PyResult<()> {
    let begun = with_loop(serial, |state| {
        if state.turning {
            return None;
        }
        state.turning = true;
        state.counters.turns += 1;
        let polled = state
            .reactor
            .poll(Some(Duration::ZERO), |source, readiness| match source {
                Source::Connection(connection) => {
                    if let Io::Socket(socket) = &mut connection.io {
                        socket.set_ready(readiness);
                    }
                }
                Source::Listener(listener) => listener.listener.set_ready(readiness),
                Source::Timer(..) => {}
            });
        Some((polled, state.handles.event_loop.clone_ref(py)))
    });
    let Some(Some((polled, event_loop))) = begun else {
        return Ok(());
    };
    let outcome = polled
        .map_err(PyErr::from)
        .and_then(|()| drive_ready(py, serial, &event_loop));
    finish_turn(py, serial);
    outcome
}

fn drive_ready(py: Python<'_>, serial: u64, event_loop: &Py<PyAny>) -> PyResult<()> {
    let factory = event_loop.call_method0(py, intern!(py, "get_task_factory"))?;
    let factory = !factory.is_none(py);
    let mut budget = Budget::default();
    while budget.take() {
        let Some(Some(token)) = with_loop(serial, |state| state.reactor.next_ready()) else {
            break;
        };
        let driven = catch_unwind(AssertUnwindSafe(|| drive(py, serial, token, factory)));
        match driven {
            Ok(outcome) => outcome?,
            Err(_) => contain_panic(py, serial, token),
        }
    }
    Ok(())
}

/// A panic ends one connection, never the process.
pub fn contain_panic(py: Python<'_>, serial: u64, token: Token) {
    with_loop(serial, |state| teardown(state, py, token, &Failure::Closed));
    perform(py, serial);
    let error = PyRuntimeError::new_err("a panic in quinde's core; the connection was closed");
    report(py, serial, "quinde: internal error", error);
}

enum Kind {
    Server,
    Client,
    Raw,
    Listener,
}

pub fn drive(py: Python<'_>, serial: u64, token: Token, factory: bool) -> PyResult<()> {
    let kind = with_loop(serial, |state| match state.reactor.get(token) {
        Some(Source::Connection(connection)) => {
            connection.panic_if_told();
            Some(match connection.side {
                Side::Server(_) => Kind::Server,
                Side::Client(_) => Kind::Client,
                Side::Raw(_) => Kind::Raw,
            })
        }
        Some(Source::Listener(_)) => Some(Kind::Listener),
        _ => None,
    });
    match kind.flatten() {
        Some(Kind::Server) => server::drive(py, serial, token, factory)?,
        Some(Kind::Client) => client::drive(py, serial, token),
        Some(Kind::Raw) => raw::drive(py, serial, token)?,
        Some(Kind::Listener) => listener::accept(py, serial, token),
        None => {}
    }
    Ok(())
}

/// The end of a drive: in a turn the output waits for that of the turn's other connections ([`settle_turn`]).
pub fn stop_driving(py: Python<'_>, serial: u64, token: Token) {
    let quiet = with_loop(serial, |state| {
        if let Some(connection) = state.connection(token) {
            connection.driving = false;
            if state.turning {
                state.unsettled.push(token);
            } else {
                settle(state, py, token);
            }
        }
        state.actions.is_empty()
    });
    if quiet == Some(false) {
        perform(py, serial);
    }
}

/// Sends what the turn's connections have to say, one after the other.
///
/// Back to back: a send wakes a peer that sleeps, which costs more than the send itself. The first one does; those
/// that follow find the peer awake, where sending after each drive would let it fall asleep in between.
fn settle_turn(py: Python<'_>, serial: u64) {
    with_loop(serial, |state| {
        let mut tokens = std::mem::take(&mut state.unsettled);
        for token in tokens.drain(..) {
            settle(state, py, token);
        }
        // Nothing settles in between; the room is kept for the next turn.
        state.unsettled = tokens;
    });
}

fn finish_turn(py: Python<'_>, serial: u64) {
    settle_turn(py, serial);
    let more = with_loop(serial, |state| {
        state.turning = false;
        state.reactor.has_ready()
    });
    if more == Some(true) {
        with_loop(serial, |state| state.actions.push_back(Action::ScheduleTurn));
    }
    perform(py, serial);
    if let Err(error) = arm(py, serial) {
        report(py, serial, "quinde: a timer could not be set", error);
    }
}

/// Sets the loop's timer to the earliest deadline, if that is earlier than the one it is set to.
pub fn arm(py: Python<'_>, serial: u64) -> PyResult<()> {
    let wanted = with_loop(serial, |state| {
        let next = state.reactor.deadlines().next()?;
        if state.alarm.as_ref().is_some_and(|(at, _)| *at <= next) {
            return None;
        }
        let old = state.alarm.take().map(|(_, handle)| handle);
        let handles = &state.handles;
        let delay = next.saturating_sub(state.reactor.now());
        Some((
            next,
            delay,
            old,
            handles.call_later.clone_ref(py),
            handles.expire.clone_ref(py),
            handles.empty_context.clone_ref(py),
        ))
    });
    let Some(Some((at, delay, old, call_later, callback, context))) = wanted else {
        return Ok(());
    };
    if let Some(old) = old {
        old.call_method0(py, intern!(py, "cancel"))?;
    }
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of at most some years")]
    let seconds = delay as f64 / 1000.0;
    let handle = python::call_later(py, &call_later, seconds, &callback, &context)?;
    with_loop(serial, |state| state.alarm = Some((at, handle)));
    Ok(())
}

/// The loop's timer fired: due deadlines take effect, then their connections are driven.
pub fn expire(py: Python<'_>, serial: u64) -> PyResult<()> {
    let alarm = with_loop(serial, |state| state.alarm.take());
    drop(alarm);
    while let Some(true) = with_loop(serial, |state| expire_one(state, py)) {
        perform(py, serial);
    }
    turn(py, serial)
}

fn expire_one(state: &mut LoopState, py: Python<'_>) -> bool {
    let now = state.reactor.tick();
    let Some(token) = state.reactor.deadlines().pop_due(now) else {
        return false;
    };
    match state.reactor.get_mut(token) {
        Some(Source::Timer(..)) => {
            if let Some(Source::Timer(callback, timer)) = state.reactor.remove(token) {
                timer.get().fired.store(true, Ordering::Relaxed);
                state.actions.push_back(Action::Call(callback, None));
                state
                    .actions
                    .push_back(Action::Drop(Dropped::Object(timer.into_any())));
            }
        }
        Some(Source::Listener(source)) => {
            source.listener.set_ready(listener::READABLE);
            state.reactor.queue(token);
        }
        Some(Source::Connection(connection)) if connection.stall.is_over(connection.write_timeout(), now) => {
            stalled(state, py, token);
        }
        Some(Source::Connection(connection)) => {
            if let Some(failure) = connection.overdue(now) {
                teardown(state, py, token, &failure);
                return true;
            }
            match &mut connection.side {
                Side::Server(server) => {
                    server.machine.handle_timeout(now);
                    state.reactor.queue(token);
                }
                Side::Client(_) => client::expire(state, py, token, now),
                Side::Raw(_) => {}
            }
        }
        None => {}
    }
    true
}
