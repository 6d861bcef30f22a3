//! `OutgoingRequest`: a request whose body is still being sent.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::driver::{Link, action, client, command, with_loop};

#[pyclass(frozen, module = "quinde._core")]
pub struct OutgoingRequest {
    pub link: Link,
}

impl OutgoingRequest {
    fn future(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match with_loop(self.link.serial, |state| {
            state.handles.create_future.clone_ref(py)
        }) {
            Some(create) => create.call0(py),
            None => Err(crate::errors::closed(py)),
        }
    }
}

#[pymethods]
impl OutgoingRequest {
    /// A future of the response head.
    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let future = self.future(py)?;
        if let Some(response) = client::wait_head(py, self.link, &future)? {
            action::resolve(py, &future, response)?;
        }
        Ok(future)
    }

    /// A future that is True when 100 (Continue) comes, False when a final head comes first.
    fn wait_continue(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let future = self.future(py)?;
        if let Some(came) = client::wait_continue(py, self.link, &future)? {
            let value = PyBool::new(py, came).to_owned().into_any().unbind();
            action::resolve(py, &future, value)?;
        }
        Ok(future)
    }

    /// Sends a piece of the body. False: wait for `drain` before the next.
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<bool> {
        client::write(py, self.link, data)
    }

    /// A future that is done when enough was sent; None if there is nothing to wait for.
    fn drain(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        command::drain(py, self.link.serial, self.link.token)
    }

    /// Ends the body.
    fn write_eof(&self, py: Python<'_>) -> PyResult<()> {
        client::write_eof(py, self.link)
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> Bound<'py, pyo3::types::PyString> {
        intern!(py, "<OutgoingRequest>").clone()
    }
}
