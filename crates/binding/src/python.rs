//! What the driver holds of Python: the loop's bound methods, looked up once, and calls without a tuple or dict.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

/// Bound methods and classes of one loop.
pub struct LoopHandles {
    pub event_loop: Py<PyAny>,
    pub create_future: Py<PyAny>,
    pub call_soon: Py<PyAny>,
    pub call_later: Py<PyAny>,
    /// `turn` and `expire` of the engine, callable without keeping the engine alive.
    pub turn: Py<PyAny>,
    pub expire: Py<PyAny>,
    /// A context with nothing in it: what the loop calls back must not leak a request's variables.
    pub empty_context: Py<PyAny>,
}

impl LoopHandles {
    pub fn new(event_loop: &Bound<'_, PyAny>, turn: Py<PyAny>, expire: Py<PyAny>) -> PyResult<Self> {
        let py = event_loop.py();
        let context = py
            .import(intern!(py, "contextvars"))?
            .getattr(intern!(py, "Context"))?
            .call0()?;
        Ok(Self {
            create_future: event_loop.getattr(intern!(py, "create_future"))?.unbind(),
            call_soon: event_loop.getattr(intern!(py, "call_soon"))?.unbind(),
            call_later: event_loop.getattr(intern!(py, "call_later"))?.unbind(),
            event_loop: event_loop.clone().unbind(),
            turn,
            expire,
            empty_context: context.unbind(),
        })
    }
}

/// Calls `callable(*args[..positional], **dict(zip(names, rest)))` by vectorcall.
pub fn vectorcall<'py>(
    callable: &Bound<'py, PyAny>,
    args: &[&Py<PyAny>],
    positional: usize,
    names: Option<&Py<PyTuple>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let mut raw = [std::ptr::null_mut(); 8];
    debug_assert!(args.len() < raw.len());
    // Slot 0 is left free, as PY_VECTORCALL_ARGUMENTS_OFFSET promises.
    for (slot, arg) in raw[1..].iter_mut().zip(args) {
        *slot = arg.as_ptr();
    }
    let names = names.map_or(std::ptr::null_mut(), |names| names.as_ptr());
    let flagged = positional | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: the arguments are borrowed for the call, their count is `positional` plus the names' length, the
    // slot before the first is ours to overwrite, and the GIL is held.
    let result = unsafe { ffi::PyObject_Vectorcall(callable.as_ptr(), raw[1..].as_ptr(), flagged, names) };
    // SAFETY: a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// A copy of a `contextvars.Context`.
pub fn copy_context(py: Python<'_>, context: &Py<PyAny>) -> PyResult<Py<PyAny>> {
    // SAFETY: PyContext_Copy checks the type and gives a new reference or an error; the GIL is held.
    let copied = unsafe { ffi::PyContext_Copy(context.as_ptr()) };
    // SAFETY: as said.
    unsafe { Bound::from_owned_ptr_or_err(py, copied) }.map(Bound::unbind)
}

fn names(py: Python<'_>, cell: &'static PyOnceLock<Py<PyTuple>>, which: &[&str]) -> PyResult<Py<PyTuple>> {
    let tuple = cell.get_or_try_init(py, || {
        PyTuple::new(
            py,
            which.iter().map(|name| pyo3::types::PyString::intern(py, name)),
        )
        .map(Bound::unbind)
    })?;
    Ok(tuple.clone_ref(py))
}

/// `call_soon(callback, context=context)`.
pub fn call_soon(
    py: Python<'_>,
    call_soon: &Py<PyAny>,
    callback: &Py<PyAny>,
    argument: Option<&Py<PyAny>>,
    context: &Py<PyAny>,
) -> PyResult<()> {
    static NAMES: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let names = names(py, &NAMES, &["context"])?;
    match argument {
        Some(argument) => vectorcall(
            call_soon.bind(py),
            &[callback, argument, context],
            2,
            Some(&names),
        )?,
        None => vectorcall(call_soon.bind(py), &[callback, context], 1, Some(&names))?,
    };
    Ok(())
}

/// `call_later(delay, callback, context=context)`: gives the TimerHandle.
pub fn call_later(
    py: Python<'_>,
    call_later: &Py<PyAny>,
    delay: f64,
    callback: &Py<PyAny>,
    context: &Py<PyAny>,
) -> PyResult<Py<PyAny>> {
    static NAMES: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let names = names(py, &NAMES, &["context"])?;
    let delay = pyo3::types::PyFloat::new(py, delay).into_any().unbind();
    vectorcall(call_later.bind(py), &[&delay, callback, context], 2, Some(&names)).map(Bound::unbind)
}

/// How a loop makes the Task of a request (design: always a real `asyncio.Task`).
pub struct TaskMaker {
    class: Py<PyAny>,
    /// `{"loop": …, "eager_start": True, "context": …}`, used again and again: a class called with keywords by
    /// vectorcall would make such a dict each time.
    options: Mutex<Option<Py<PyDict>>>,
    event_loop: Py<PyAny>,
    eager: bool,
}

impl TaskMaker {
    /// `eager` is refused by interpreters that lack it (before 3.12) and by loops in debug mode.
    pub fn new(py: Python<'_>, event_loop: &Py<PyAny>, debug: bool) -> PyResult<Self> {
        let class = py
            .import(intern!(py, "asyncio"))?
            .getattr(intern!(py, "Task"))?
            .unbind();
        let eager = py.version_info() >= (3, 12) && !debug;
        Ok(Self {
            class,
            options: Mutex::new(None),
            event_loop: event_loop.clone_ref(py),
            eager,
        })
    }

    /// Makes the Task; an eager one has run up to its first suspension (or its end) when this returns.
    ///
    /// Errors: `SystemExit` and `KeyboardInterrupt` raised by the coroutine's first step leave through here.
    pub fn make<'py>(
        &self,
        py: Python<'py>,
        coroutine: Py<PyAny>,
        context: Py<PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // Taken while in use: a Task that starts another one finds none and makes its own.
        let kept = self.lock().take();
        let options = match kept {
            Some(options) => options,
            None => self.make_options(py)?,
        };
        options.bind(py).set_item(intern!(py, "context"), context)?;
        let task = self.class.bind(py).call((coroutine,), Some(options.bind(py)));
        *self.lock() = Some(options);
        task
    }

    /// Shows what it holds to the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.class)?;
        visit.call(&self.event_loop)?;
        self.options
            .try_lock()
            .map_or(Ok(()), |options| visit.call(&*options))
    }

    /// Whether a Task has begun when it is made.
    pub fn is_eager(&self) -> bool {
        self.eager
    }

    fn make_options(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let options = PyDict::new(py);
        options.set_item(intern!(py, "loop"), &self.event_loop)?;
        if self.eager {
            options.set_item(intern!(py, "eager_start"), true)?;
        }
        Ok(options.unbind())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Py<PyDict>>> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `make` without garbage collection, for containers that are made while a loop's state is borrowed.
///
/// Before 3.12 making one may collect garbage, and finalisers may call anything.
pub fn without_gc<R>(make: impl FnOnce() -> R) -> R {
    // SAFETY: called by a thread that holds the GIL, as all of this crate; no preconditions otherwise.
    let was_enabled = unsafe { ffi::PyGC_Disable() } != 0;
    let made = make();
    if was_enabled {
        // SAFETY: as above.
        unsafe { ffi::PyGC_Enable() };
    }
    made
}

/// `multidict.CIMultiDict` and `CIMultiDictProxy`.
pub fn multidict(py: Python<'_>) -> PyResult<(&Bound<'_, PyAny>, &Bound<'_, PyAny>)> {
    static CLASSES: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    let (dict, proxy) = CLASSES.get_or_try_init(py, || -> PyResult<_> {
        let module = py.import(intern!(py, "multidict"))?;
        Ok((
            module.getattr(intern!(py, "CIMultiDict"))?.unbind(),
            module.getattr(intern!(py, "CIMultiDictProxy"))?.unbind(),
        ))
    })?;
    Ok((dict.bind(py), proxy.bind(py)))
}

/// Reports an exception that nobody can catch to the loop's exception handler, and by name what it is about.
pub fn report(
    py: Python<'_>,
    event_loop: &Py<PyAny>,
    message: &str,
    error: PyErr,
    about: &[(&str, &Py<PyAny>)],
) {
    let context = PyDict::new(py);
    let filled = context
        .set_item(intern!(py, "message"), message)
        .and_then(|()| context.set_item(intern!(py, "exception"), error.value(py)))
        .and_then(|()| {
            about
                .iter()
                .try_for_each(|(name, object)| context.set_item(name, object))
        });
    let called =
        filled.and_then(|()| event_loop.call_method1(py, intern!(py, "call_exception_handler"), (context,)));
    if called.is_err() {
        error.write_unraisable(py, None);
    }
}

/// Whether an exception is meant to end the process: such ones pass through everything.
pub fn ends_process(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<pyo3::exceptions::PySystemExit>(py)
        || error.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py)
}
