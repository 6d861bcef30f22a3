//! `Service`: what a server tells the core once, and what the core counts for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use quinde_reactor::Token;

use super::connection::Connection;
use super::journal::Journal;
use super::request::IncomingRequest;
use super::tally::Counted;
use crate::driver::server::{Open, all_connections, open_statistics, stop_connections};
use crate::python::{TaskMaker, copy_context};

/// How requests are answered, and with which limits.
#[pyclass(frozen, weakref, module = "quinde._core")]
pub struct Service {
    serve: Py<PyAny>,
    event_loop: Py<PyAny>,
    context: Py<PyAny>,
    pub server_header: String,
    pub handler_cancellation: bool,
    pub tcp_keepalive: bool,
    on_bad_request: Option<Py<PyAny>>,
    on_refused: Option<Py<PyAny>>,
    on_failed_handshake: Option<Py<PyAny>>,
    /// Whether somebody will ask how long requests took.
    pub timed: bool,
    /// Where `respond` writes about its request.
    pub journal: Option<Py<Journal>>,
    on_full: Option<Py<PyAny>>,
    /// Names this service among those of the process.
    pub number: u64,
    tasks: TaskMaker,
    shared: Mutex<Shared>,
    requests: AtomicU64,
    connections: AtomicU64,
    /// Connections that came after the stop.
    connections_refused: AtomicU64,
}

#[derive(Default)]
struct Shared {
    /// Tasks whose handlers are suspended: asyncio itself holds them weakly.
    tasks: HashMap<u64, Py<PyAny>>,
    /// What closed connections had counted.
    finished: Counted,
    /// TLS handshakes that were made, and that were not.
    handshakes: u64,
    handshakes_failed: u64,
    /// Loops on which connections of this service were made.
    loops: Vec<u64>,
    stopped: bool,
}

/// The answer to a refused request.
pub struct Refusal {
    pub status: u16,
    pub body: Vec<u8>,
    pub server_header: String,
}

#[pymethods]
impl Service {
    // No `__clear__`: a frozen object cannot drop its parts, and every cycle through it has an object of Python's.
    #[expect(clippy::needless_pass_by_value, reason = "the signature of the slot")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for held in [&self.serve, &self.event_loop, &self.context] {
            visit.call(held)?;
        }
        visit.call(&self.on_bad_request)?;
        visit.call(&self.on_refused)?;
        visit.call(&self.on_full)?;
        visit.call(&self.on_failed_handshake)?;
        self.tasks.traverse(&visit)?;
        // While it is locked, what it holds counts as in use.
        let Ok(shared) = self.shared.try_lock() else {
            return Ok(());
        };
        shared.tasks.values().try_for_each(|task| visit.call(task))
    }

    #[new]
    #[pyo3(signature = (serve, *, r#loop, server_header, context=None, handler_cancellation=false,
                        tcp_keepalive=true, on_bad_request=None, on_failed_handshake=None, on_full=None,
                        on_refused=None, timed=false, journal=None))]
    #[allow(clippy::too_many_arguments, reason = "one keyword an option")]
    fn new(
        py: Python<'_>,
        serve: Py<PyAny>,
        r#loop: Bound<'_, PyAny>,
        server_header: String,
        context: Option<Py<PyAny>>,
        handler_cancellation: bool,
        tcp_keepalive: bool,
        on_bad_request: Option<Py<PyAny>>,
        on_failed_handshake: Option<Py<PyAny>>,
        on_full: Option<Py<PyAny>>,
        on_refused: Option<Py<PyAny>>,
        timed: bool,
        journal: Option<Py<Journal>>,
    ) -> PyResult<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let context = match context {
            Some(context) => context,
            None => py
                .import(intern!(py, "contextvars"))?
                .call_method0(intern!(py, "copy_context"))?
                .unbind(),
        };
        let debug = r#loop.call_method0(intern!(py, "get_debug"))?.is_truthy()?;
        let event_loop = r#loop.unbind();
        Ok(Self {
            serve,
            context,
            server_header,
            handler_cancellation,
            tcp_keepalive,
            on_bad_request,
            on_refused,
            on_failed_handshake,
            timed: timed || journal.is_some(),
            journal,
            on_full,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            tasks: TaskMaker::new(py, &event_loop, debug)?,
            event_loop,
            shared: Mutex::default(),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
        })
    }

    /// The open connections.
    #[getter]
    fn connections(slf: &Bound<'_, Self>) -> PyResult<Py<PyList>> {
        let py = slf.py();
        let mut handles: Vec<Py<Connection>> = Vec::new();
        let (number, loops) = (slf.get().number, slf.get().lock().loops.clone());
        for serial in loops {
            for token in all_connections(serial, number) {
                if let Some(handle) = Connection::of(py, serial, token)? {
                    handles.push(handle);
                }
            }
        }
        PyList::new(py, handles).map(Bound::unbind)
    }

    /// Requests begun so far.
    #[getter]
    fn requests_count(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The Tasks of handlers that have not ended.
    #[getter]
    fn tasks(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        let tasks: Vec<_> = self
            .lock()
            .tasks
            .values()
            .map(|task| task.clone_ref(py))
            .collect();
        PyList::new(py, tasks).map(Bound::unbind)
    }

    /// Ends service gracefully: idle connections close now, the others after their answer.
    fn stop(&self, py: Python<'_>) {
        self.lock().stopped = true;
        let loops = self.lock().loops.clone();
        for serial in loops {
            stop_connections(py, serial, self.number, false);
        }
    }

    /// Closes every connection at once.
    fn abort(&self, py: Python<'_>) {
        self.lock().stopped = true;
        let loops = self.lock().loops.clone();
        for serial in loops {
            stop_connections(py, serial, self.number, true);
        }
    }

    /// Plain counters; `Server.statistics` says what each is.
    fn statistics(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let (mut counted, loops, handlers, [made, failed]) = {
            let shared = self.lock();
            let handshakes = [shared.handshakes, shared.handshakes_failed];
            (
                shared.finished.clone(),
                shared.loops.clone(),
                shared.tasks.len(),
                handshakes,
            )
        };
        let mut open = Open::default();
        for serial in loops {
            open_statistics(serial, self.number, &mut open);
        }
        counted.absorb(&open.counted);
        let into = PyDict::new(py);
        into.set_item("connections", self.connections.load(Ordering::Relaxed))?;
        into.set_item("connections_open", open.counted.connections)?;
        into.set_item(
            "connections_refused",
            self.connections_refused.load(Ordering::Relaxed),
        )?;
        into.set_item("handshakes", made)?;
        into.set_item("handshakes_failed", failed)?;
        into.set_item("requests", self.requests.load(Ordering::Relaxed))?;
        into.set_item("requests_in_flight", open.in_flight)?;
        into.set_item("requests_waiting", open.waiting)?;
        into.set_item("handlers", handlers)?;
        counted.show(
            &into,
            &["head", "body", "discard", "idle", "linger", "write", "handshake"],
        )?;
        Ok(into.unbind())
    }

    /// A TLS handshake has been made, by whoever made it.
    pub fn count_handshake(&self) {
        self.lock().handshakes += 1;
    }

    /// A connection was accepted, and its TLS handshake came to nothing; for who does both without the core.
    fn count_failed_handshake(&self, too_long: bool) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.handshake_failed(too_long);
    }

    /// A body was larger than its handler takes.
    fn count_large_body(&self) {
        self.lock().finished.protocol.refuse("body_too_large");
    }
}

impl Service {
    /// A TLS handshake came to nothing, perhaps as it took too long.
    pub fn handshake_failed(&self, too_long: bool) {
        let mut shared = self.lock();
        shared.handshakes_failed += 1;
        if too_long {
            shared.finished.protocol.time_out("handshake");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic while it was held left plain counters: go on.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn count_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A connection was made on a loop; false: the service has been stopped, refuse it.
    pub fn count_connection(&self, serial: u64) -> bool {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut shared = self.lock();
        if !shared.loops.contains(&serial) {
            shared.loops.push(serial);
        }
        if shared.stopped {
            self.connections_refused.fetch_add(1, Ordering::Relaxed);
        }
        !shared.stopped
    }

    pub fn forget_connection(&self, counted: &Counted) {
        self.lock().finished.absorb(counted);
    }

    pub fn task(&self, py: Python<'_>, number: u64) -> Option<Py<PyAny>> {
        self.lock().tasks.get(&number).map(|task| task.clone_ref(py))
    }

    pub fn keep_task(&self, number: u64, task: Py<PyAny>) {
        self.lock().tasks.insert(number, task);
    }

    /// The Task of an ended handler; the caller drops it, outside the lock.
    #[must_use]
    pub fn forget_task(&self, number: u64) -> Option<Py<PyAny>> {
        self.lock().tasks.remove(&number)
    }

    /// Who is told that there is no room for another connection.
    pub fn on_full(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.on_full.as_ref().map(|on_full| on_full.clone_ref(py))
    }

    /// Calls `serve` and makes the Task, by the loop's task factory if there is one.
    pub fn start_task<'py>(
        &self,
        py: Python<'py>,
        incoming: Py<IncomingRequest>,
        factory: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let context = copy_context(py, &self.context)?;
        if self.tasks.is_eager() && !factory {
            let coroutine = self.serve.call1(py, (incoming,))?;
            return self.tasks.make(py, coroutine, context);
        }
        let ended = incoming.getattr(py, intern!(py, "task_ended"))?;
        let coroutine = self.serve.call1(py, (incoming,))?;
        let task = if factory {
            let options = PyDict::new(py);
            options.set_item(intern!(py, "context"), context)?;
            let event_loop = self.event_loop.bind(py);
            event_loop.call_method(intern!(py, "create_task"), (coroutine,), Some(&options))?
        } else {
            self.tasks.make(py, coroutine, context)?
        };
        // A Task that is cancelled before its first step never runs the coroutine, which else tells the end.
        task.call_method1(intern!(py, "add_done_callback"), (ended,))?;
        Ok(task)
    }

    /// Tells Python of a peer with which no TLS came about.
    pub fn report_handshake(&self, py: Python<'_>, serial: u64, token: Token, error: &PyErr) {
        let Some(hook) = &self.on_failed_handshake else {
            return;
        };
        let told = Connection::of(py, serial, token)
            .and_then(|connection| hook.call1(py, (connection, error.value(py))));
        if let Err(error) = told {
            crate::driver::action::report(py, serial, "quinde: on_failed_handshake failed", error);
        }
    }

    /// Tells Python of a refusal, and how many bytes its answer has.
    pub fn report_refusal(&self, py: Python<'_>, serial: u64, token: Token, status: u16, size: usize) {
        let Some(hook) = &self.on_refused else { return };
        let told = Connection::of(py, serial, token)
            .and_then(|connection| hook.call1(py, (connection, status, size)));
        if let Err(error) = told {
            crate::driver::action::report(py, serial, "quinde: on_refused failed", error);
        }
    }

    /// What to answer to a refused request; Python may choose the words.
    pub fn refusal(&self, py: Python<'_>, serial: u64, token: Token, status: u16, message: &str) -> Refusal {
        let chosen = self.on_bad_request.as_ref().and_then(|hook| {
            let connection = Connection::of(py, serial, token).ok().flatten();
            let result = hook.call1(py, (connection, status, message));
            let extracted = result.and_then(|result| result.extract::<(u16, String, Vec<u8>)>(py));
            match extracted {
                Ok((status, _, body)) => Some((status, body)),
                Err(error) => {
                    crate::driver::action::report(py, serial, "quinde: on_bad_request failed", error);
                    None
                }
            }
        });
        let (status, body) = chosen.unwrap_or_else(|| {
            let reason = quinde_http::reason_phrase(status).unwrap_or("Error");
            (status, format!("{status}: {reason}\n\n{message}\n").into_bytes())
        });
        Refusal {
            status,
            body,
            server_header: self.server_header.clone(),
        }
    }
}
