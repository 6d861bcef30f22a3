//! What requests and responses have in common: their fields, built for Python only when asked for.

use pyo3::exceptions::PyUnicodeDecodeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use quinde_http::{Headers, Version};

use crate::python;

/// The Python objects made of a head's fields so far.
pub struct FieldsCache {
    headers: PyOnceLock<Py<PyAny>>,
    raw: PyOnceLock<Py<PyTuple>>,
}

impl FieldsCache {
    pub fn new() -> Self {
        Self {
            headers: PyOnceLock::new(),
            raw: PyOnceLock::new(),
        }
    }

    /// The `CIMultiDictProxy`.
    pub fn headers(&self, py: Python<'_>, received: &Headers) -> PyResult<Py<PyAny>> {
        let made = self.headers.get_or_try_init(py, || {
            let mut items = Vec::with_capacity(received.len());
            for (name, value) in received.iter() {
                items.push((text(py, name)?, text(py, value)?));
            }
            let (dict, proxy) = python::multidict(py)?;
            proxy
                .call1((dict.call1((PyList::new(py, items)?,))?,))
                .map(Bound::unbind)
        })?;
        Ok(made.clone_ref(py))
    }

    /// `((name, value), …)` as bytes, order and case kept.
    pub fn raw(&self, py: Python<'_>, received: &Headers) -> PyResult<Py<PyTuple>> {
        let made = self.raw.get_or_try_init(py, || {
            let items: Vec<_> = received
                .iter()
                .map(|(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value)))
                .collect();
            PyTuple::new(py, items).map(Bound::unbind)
        })?;
        Ok(made.clone_ref(py))
    }
}

/// The first value of a field, without making anything else.
pub fn first<'py>(py: Python<'py>, received: &Headers, name: &str) -> PyResult<Option<Bound<'py, PyString>>> {
    received.get(name).map(|value| text(py, value)).transpose()
}

/// Header bytes as str: UTF-8, with the bytes that are not kept as lone surrogates (as aiohttp does).
pub fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    if let Ok(valid) = std::str::from_utf8(bytes) {
        return Ok(PyString::new(py, valid));
    }
    let length = ffi::Py_ssize_t::try_from(bytes.len())
        .map_err(|_| PyUnicodeDecodeError::new_err("field too long"))?;
    // SAFETY: pointer and length describe `bytes`; the handler's name is a C string; the GIL is held.
    let decoded =
        unsafe { ffi::PyUnicode_DecodeUTF8(bytes.as_ptr().cast(), length, c"surrogateescape".as_ptr()) };
    // SAFETY: the function gives a new reference or null with an exception set.
    let decoded = unsafe { Bound::from_owned_ptr_or_err(py, decoded) }?;
    Ok(decoded.cast_into::<PyString>()?)
}

pub fn version(version: Version) -> (u8, u8) {
    match version {
        Version::Http10 => (1, 0),
        Version::Http11 => (1, 1),
    }
}

/// `Content-Length` as announced.
pub fn content_length(headers: &Headers) -> Option<u64> {
    std::str::from_utf8(headers.get("Content-Length")?)
        .ok()?
        .parse()
        .ok()
}
