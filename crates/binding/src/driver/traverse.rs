//! What the garbage collector may see of a loop: the Python objects that its state holds.
//!
//! The engine shows them as its own. So a loop that is dropped without `close()` can be told from one in use, though
//! the registry of loops refers to it. What is left out only keeps the loop: actions, of which there are none between
//! turns, and addresses, which refer to nothing.

use pyo3::gc::{PyTraverseError, PyVisit};

use super::connection::{Connection, Io, Side};
use super::{LoopState, Source};

pub fn traverse(state: &LoopState, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    let handles = &state.handles;
    for held in [
        &handles.event_loop,
        &handles.create_future,
        &handles.call_soon,
        &handles.call_later,
        &handles.turn,
        &handles.expire,
        &handles.empty_context,
    ] {
        visit.call(held)?;
    }
    if let Some((_, alarm)) = &state.alarm {
        visit.call(alarm)?;
    }
    for (_, source) in state.reactor.iter() {
        match source {
            Source::Connection(connection) => traverse_connection(connection, visit)?,
            Source::Listener(listener) => {
                visit.call(&listener.service)?;
                visit.call(&listener.tls)?;
            }
            Source::Timer(callback, timer) => {
                visit.call(callback)?;
                visit.call(timer)?;
            }
        }
    }
    Ok(())
}

fn traverse_connection(connection: &Connection, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    if let Io::Transport {
        transport, carrier, ..
    } = &connection.io
    {
        visit.call(transport)?;
        visit.call(carrier)?;
    }
    if let Some(tls) = &connection.tls {
        tls.traverse(visit)?;
    }
    visit.call(&connection.handle)?;
    for future in connection.drains.iter().chain(&connection.emptied) {
        visit.call(future)?;
    }
    if let Side::Raw(raw) = &connection.side {
        raw.traverse(visit)?;
    }
    match connection.side.http() {
        Side::Server(server) => server.traverse(visit),
        Side::Client(client) => client.traverse(visit),
        Side::Raw(_) => Ok(()),
    }
}
