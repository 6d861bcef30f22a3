//! `Response(text=…)` and `Response(body=…)` made without running the Python `__init__`.
//!
//! A class called with keywords costs CPython a tuple, a dict and a frame: together a sixth of what a small request
//! takes. So the class gets a vectorcall slot of its own, which makes the usual answers and leaves everything else to
//! the ordinary way. It steps back for good measure: a subclass does not inherit the slot, and a class whose
//! `__init__`, `__new__` or `__setattr__` has been replaced is made the ordinary way, so that patching works.
//!
//! May know: the names of the attributes that `Response.__init__` sets. The two are held together by a test.

use std::ffi::c_uint;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyInt, PyString, PyTuple, PyType};

struct Known {
    class: Py<PyType>,
    init: Py<PyAny>,
    /// The class's version when it was last found unchanged; any change of an attribute changes it.
    version: AtomicU32,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

/// Makes `Response(…)` fast. Called once, by the module that defines the class.
#[pyfunction]
pub fn make_plainly(class_: &Bound<'_, PyType>) -> PyResult<()> {
    let class = class_;
    let py = class.py();
    let init = class.getattr(intern!(py, "__init__"))?.unbind();
    let known = Known {
        class: class.clone().unbind(),
        init,
        version: AtomicU32::new(0),
    };
    KNOWN
        .set(py, known)
        .map_err(|_| PyRuntimeError::new_err("there is one such class"))?;
    // SAFETY: a type object that `KNOWN` keeps alive; the slot is read by calls of the class only, under the GIL.
    unsafe { (*class.as_type_ptr()).tp_vectorcall = Some(vectorcall) };
    Ok(())
}

unsafe extern "C" fn vectorcall(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    flagged: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a slot with the GIL held.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the callable is borrowed for the call.
    let class = unsafe { Bound::from_borrowed_ptr(py, callable) };
    // SAFETY: a tuple of str, or null; borrowed for the call.
    let names = unsafe { Bound::from_borrowed_ptr_or_opt(py, names) };
    let names = names.and_then(|names| names.cast_into::<PyTuple>().ok());
    // SAFETY: a function of the number alone.
    let positional = usize::try_from(unsafe { ffi::PyVectorcall_NARGS(flagged) }).unwrap_or(0);
    let count = positional + names.as_ref().map_or(0, |names| names.len());
    let mut values = Vec::new();
    for at in 0..count {
        // SAFETY: the caller gives as many arguments as it counts.
        let value = unsafe { args.add(at) };
        // SAFETY: as said: it points to an argument.
        let value = unsafe { *value };
        // SAFETY: each is borrowed for the call.
        values.push(unsafe { Bound::from_borrowed_ptr(py, value) });
    }
    let (values, named) = values.split_at(positional);
    let made = match make(&class, values, names.as_ref(), named) {
        Ok(Some(made)) => Ok(made),
        Ok(None) => make_ordinarily(&class, values, names.as_ref(), named),
        Err(error) => Err(error),
    };
    match made {
        Ok(object) => object.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

/// Makes the response if it is one of the usual ones.
fn make<'py>(
    class: &Bound<'py, PyAny>,
    positional: &[Bound<'py, PyAny>],
    names: Option<&Bound<'py, PyTuple>>,
    named: &[Bound<'py, PyAny>],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    let (Some(names), true) = (names, positional.is_empty()) else {
        return Ok(None);
    };
    let (mut text, mut body, mut content_type) = (None, None, None);
    for (name, value) in names.iter_borrowed().zip(named) {
        // Names of keywords are interned: the same text is the same object.
        if value.is_none() && is_none_by_default(&name) {
            continue;
        }
        if name.is(intern!(py, "text")) {
            text = Some(value);
        } else if name.is(intern!(py, "body")) {
            body = Some(value);
        } else if name.is(intern!(py, "content_type")) {
            content_type = Some(value);
        } else if !(name.is(intern!(py, "status")) && is_ok(value)) {
            return Ok(None);
        }
    }
    let content_type = match content_type.map(|value| value.cast_exact::<PyString>()) {
        None => None,
        Some(Ok(value)) if !value.to_str().is_ok_and(|value| value.contains("charset")) => Some(value),
        Some(_) => return Ok(None),
    };
    let (field, bytes) = match (text, body) {
        (Some(text), None) => {
            let Ok(text) = text.cast_exact::<PyString>() else {
                return Ok(None);
            };
            let field = match content_type {
                None => intern!(py, "text/plain; charset=utf-8").clone(),
                Some(value) => value
                    .add(intern!(py, "; charset=utf-8"))?
                    .cast_into::<PyString>()?,
            };
            // A lone surrogate is the ordinary way's to complain of.
            let Ok(text) = text.to_str() else { return Ok(None) };
            (Some(field), PyBytes::new(py, text.as_bytes()))
        }
        (None, Some(body)) => {
            let Ok(body) = body.cast_exact::<PyBytes>() else {
                return Ok(None);
            };
            (content_type.cloned(), body.clone())
        }
        _ => return Ok(None),
    };
    let Some(object) = allocate(class)? else {
        return Ok(None);
    };
    object.setattr(intern!(py, "_body"), bytes)?;
    if let Some(field) = field {
        object.setattr(intern!(py, "_content_type_field"), field)?;
    }
    Ok(Some(object))
}

/// Whether None as this keyword's value says as much as leaving the keyword out.
fn is_none_by_default(name: &Bound<'_, PyAny>) -> bool {
    let py = name.py();
    [
        intern!(py, "reason"),
        intern!(py, "headers"),
        intern!(py, "body"),
        intern!(py, "text"),
        intern!(py, "content_type"),
        intern!(py, "charset"),
    ]
    .iter()
    .any(|known| name.is(*known))
}

fn is_ok(status: &Bound<'_, PyAny>) -> bool {
    status
        .cast_exact::<PyInt>()
        .is_ok_and(|status| status.extract::<u16>().is_ok_and(|status| status == 200))
}

/// An instance without attributes; None if the class is not as it was made.
fn allocate<'py>(class: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    let Some(known) = KNOWN.get(py).filter(|known| class.is(&known.class)) else {
        return Ok(None);
    };
    let class = known.class.bind(py).as_type_ptr();
    // SAFETY: a type object that is alive; the GIL is held.
    let version: c_uint = unsafe { (*class).tp_version_tag };
    if version == 0 || version != known.version.load(Ordering::Relaxed) {
        if !is_unchanged(py, known)? {
            return Ok(None);
        }
        // Looking an attribute up has given the class a version if it had none.
        // SAFETY: as above.
        known
            .version
            .store(unsafe { (*class).tp_version_tag }, Ordering::Relaxed);
    }
    // SAFETY: a type that is ready; the object is new, or null with an exception set.
    let object = unsafe { ffi::PyType_GenericAlloc(class, 0) };
    // SAFETY: as said.
    unsafe { Bound::from_owned_ptr_or_err(py, object) }.map(Some)
}

/// Whether instances would be made and changed as when the class was defined.
fn is_unchanged(py: Python<'_>, known: &Known) -> PyResult<bool> {
    let class = known.class.bind(py);
    let object = py.get_type::<PyAny>();
    for name in [intern!(py, "__new__"), intern!(py, "__setattr__")] {
        if !class.getattr(name)?.is(&object.getattr(name)?) {
            return Ok(false);
        }
    }
    Ok(class.getattr(intern!(py, "__init__"))?.is(&known.init))
}

/// What the call would have done without this file.
fn make_ordinarily<'py>(
    class: &Bound<'py, PyAny>,
    positional: &[Bound<'py, PyAny>],
    names: Option<&Bound<'py, PyTuple>>,
    named: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let args = PyTuple::new(py, positional)?;
    let options = PyDict::new(py);
    for (name, value) in names.iter().flat_map(|names| names.iter()).zip(named) {
        options.set_item(name, value)?;
    }
    let metaclass = class.get_type().as_type_ptr();
    // SAFETY: the metaclass of a class is alive as long as the class.
    let call = unsafe { (*metaclass).tp_call };
    let call = call.ok_or_else(|| PyRuntimeError::new_err("a class cannot be called"))?;
    // PyObject_Call would come back here; the slot of the metaclass is where it goes without a vectorcall.
    // SAFETY: all three are alive and of the types that the slot takes.
    let made = unsafe { call(class.as_ptr(), args.as_ptr(), options.as_ptr()) };
    // SAFETY: a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, made) }
}
