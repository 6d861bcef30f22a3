//! `Window`: memory of the core that one call of `ssl` reads or fills, so that nothing is copied for it.
//!
//! It is made for that call and shown to nobody else; should anybody keep a view of it, the memory lives on with it.

use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::body::Place;

#[pyclass(frozen, module = "quinde._core")]
pub struct Window {
    memory: Memory,
    /// How many views there are.
    exports: AtomicUsize,
}

enum Memory {
    /// What was received, as many bytes of it as said; to be read.
    Received(Mutex<Box<[u8]>>, usize),
    /// Where bytes of a body belong; to be filled.
    Place(Place),
}

impl Window {
    pub fn of_received(py: Python<'_>, buffer: Box<[u8]>, length: usize) -> PyResult<Py<Self>> {
        Self::make(py, Memory::Received(Mutex::new(buffer), length))
    }

    /// The buffer again; empty where somebody looks at it still.
    pub fn reclaim(&self) -> Box<[u8]> {
        match &self.memory {
            Memory::Received(buffer, _) if self.exports.load(Ordering::Relaxed) == 0 => {
                std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner))
            }
            _ => Box::default(),
        }
    }

    pub fn of_place(py: Python<'_>, place: Place) -> PyResult<Py<Self>> {
        Self::make(py, Memory::Place(place))
    }

    fn make(py: Python<'_>, memory: Memory) -> PyResult<Py<Self>> {
        let exports = AtomicUsize::new(0);
        Py::new(py, Self { memory, exports })
    }
}

#[pymethods]
impl Window {
    #[expect(clippy::needless_pass_by_value, reason = "the signature of the slot")]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let window = slf.get();
        let (pointer, length, read_only) = match &window.memory {
            Memory::Received(buffer, length) => {
                let buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
                (buffer.as_ptr().cast_mut(), buffer.len().min(*length), 1)
            }
            Memory::Place(place) => (place.pointer(), place.room, 0),
        };
        let length = ffi::Py_ssize_t::try_from(length)?;
        // SAFETY: `view` is the caller's to fill; the memory is `length` bytes and lives as long as the object that
        // the view refers to.
        let filled =
            unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), pointer.cast(), length, read_only, flags) };
        if filled != 0 {
            return Err(PyErr::fetch(slf.py()));
        }
        window.exports.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.exports.fetch_sub(1, Ordering::Relaxed);
    }
}
