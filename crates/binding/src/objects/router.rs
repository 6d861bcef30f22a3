//! `Router`: the routes of one application, looked up by method and raw path.
//!
//! A thin face over `quinde_router`: it adds what that crate must not know, the Python objects. For each resource it
//! holds the dict of its routes by method, *the resource's own*, so that a route added later is found, and for
//! patterns beyond plain names the callable that tests them. It never changes after it was made and borrows nothing
//! across a call into Python, so that a callable may do whatever it likes.

use super::request::IncomingRequest;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyNotImplemented, PySet, PyString, PyTuple};
use quinde_router::{Candidate, Named, Pattern, Router as Patterns, decode_capture, decode_path};

/// Any method: the key of routes that take whatever has no route of its own.
const ANY: &str = "*";

/// Routes by pattern and method. Private to quinde: `web/routing/dispatcher.py` makes it.
#[pyclass(frozen, module = "quinde._core")]
pub(crate) struct Router {
    patterns: Patterns,
    /// In order of registration, as the patterns were given.
    resources: Box<[Resource]>,
}

struct Resource {
    routes: Py<PyDict>,
    /// For patterns of Python's: path → captured values or None. None for a resource that only Python can ask.
    capture: Option<Py<PyAny>>,
}

/// What `Router` is made from, a tuple: key, pattern, routes, foreign, capture.
///
/// The pattern is a str (a fixed path), a tuple of the fixed texts around names, or, when Python tests it (`foreign`),
/// the tuple `(prefix, suffix)`.
#[derive(FromPyObject)]
struct Entry(String, Text, Py<PyDict>, bool, Option<Py<PyAny>>);

#[derive(FromPyObject)]
enum Text {
    Fixed(String),
    Texts(Vec<String>),
}

/// What a candidate gives, beside "not I".
enum Found<'py> {
    Route(Bound<'py, PyTuple>),
    /// A resource comes first that only Python can ask.
    AskPython,
}

#[pymethods]
impl Router {
    /// Make the router of all resources, in order of registration.
    #[new]
    fn new(entries: Vec<Entry>) -> PyResult<Self> {
        let mut patterns = Vec::with_capacity(entries.len());
        let mut resources = Vec::with_capacity(entries.len());
        for Entry(key, text, routes, foreign, capture) in entries {
            patterns.push((key, pattern(text, foreign)?));
            resources.push(Resource { routes, capture });
        }
        Ok(Self {
            patterns: Patterns::new(patterns),
            resources: resources.into_boxed_slice(),
        })
    }

    /// Find the route for a request.
    ///
    /// Gives `(route, values)`, values being a tuple of str or None when the pattern has no names; None when no
    /// pattern fits the path; a set of the methods that would do when some fits but has no route for this method;
    /// and NotImplemented when a resource comes first that only Python can ask.
    fn resolve<'py>(
        &self,
        py: Python<'py>,
        method: &Bound<'py, PyString>,
        raw_path: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.look_up(py, method, raw_path)
    }

    /// The same for a received request, whose method and path need not become Python objects.
    ///
    /// One that waits for 100 (Continue) gives NotImplemented as well: its route has a say in that.
    fn find<'py>(&self, py: Python<'py>, incoming: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let Ok(received) = incoming.cast_exact::<IncomingRequest>() else {
            return self.find_for_stand_in(py, incoming);
        };
        let received = received.get();
        if received.expect_continue() {
            return Ok(PyNotImplemented::get(py).to_owned().into_any());
        }
        self.look_up(py, &received.method(py), received.raw_path())
    }

    /// Count the work of a look-up, for tests: it must not grow with the number of routes that do not fit.
    fn effort(&self, raw_path: &str) -> usize {
        self.patterns.effort(&decode_path(raw_path))
    }

    // No `__clear__`: a frozen object cannot drop its parts, and every cycle through it has one of the dicts.
    #[expect(clippy::needless_pass_by_value, reason = "the signature of the slot")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for resource in &self.resources {
            visit.call(&resource.routes)?;
            visit.call(&resource.capture)?;
        }
        Ok(())
    }
}

impl Router {
    /// `find` for an object that only has the attributes of a received request.
    fn find_for_stand_in<'py>(
        &self,
        py: Python<'py>,
        incoming: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if incoming.getattr(intern!(py, "expect_continue"))?.is_truthy()? {
            return Ok(PyNotImplemented::get(py).to_owned().into_any());
        }
        let method = incoming.getattr(intern!(py, "method"))?.cast_into::<PyString>()?;
        let raw_path: String = incoming.getattr(intern!(py, "raw_path"))?.extract()?;
        self.look_up(py, &method, &raw_path)
    }

    fn look_up<'py>(
        &self,
        py: Python<'py>,
        method: &Bound<'py, PyString>,
        raw_path: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let path = decode_path(raw_path);
        let mut allowed = None;
        let found = self.patterns.find(&path, |candidate| {
            self.ask(&candidate, method, &path, &mut allowed)
        })?;
        Ok(match (found, allowed) {
            (Some(Found::Route(found)), _) => found.into_any(),
            (Some(Found::AskPython), _) => PyNotImplemented::get(py).to_owned().into_any(),
            (None, Some(allowed)) => allowed.into_any(),
            (None, None) => py.None().into_bound(py),
        })
    }

    /// Let one candidate take the request, or leave its methods in `allowed`.
    fn ask<'py>(
        &self,
        candidate: &Candidate<'_, '_>,
        method: &Bound<'py, PyString>,
        path: &str,
        allowed: &mut Option<Bound<'py, PySet>>,
    ) -> PyResult<Option<Found<'py>>> {
        let py = method.py();
        let resource = &self.resources[candidate.index()];
        let mut values = py.None().into_bound(py);
        if candidate.is_foreign() {
            let Some(capture) = &resource.capture else {
                return Ok(Some(Found::AskPython));
            };
            values = capture.bind(py).call1((path,))?;
            if values.is_none() {
                return Ok(None);
            }
        }
        let routes = resource.routes.bind(py);
        let route = match routes.get_item(method)? {
            Some(route) => route,
            None => match routes.get_item(intern!(py, ANY))? {
                Some(route) => route,
                None => return allow(routes, allowed),
            },
        };
        if let Some(captures) = candidate.captures() {
            values = PyTuple::new(py, captures.iter().map(|value| decode_capture(value)))?.into_any();
        }
        Ok(Some(Found::Route((route, values).into_pyobject(py)?)))
    }
}

/// Note the methods of a resource that has none for this request.
fn allow<'py, T>(
    routes: &Bound<'py, PyDict>,
    allowed: &mut Option<Bound<'py, PySet>>,
) -> PyResult<Option<T>> {
    let known = match allowed.take() {
        Some(known) => known,
        None => PySet::empty(routes.py())?,
    };
    for method in routes.keys() {
        known.add(method)?;
    }
    *allowed = Some(known);
    Ok(None)
}

fn pattern(text: Text, foreign: bool) -> PyResult<Pattern> {
    match text {
        Text::Fixed(path) => Ok(Pattern::Fixed(path)),
        Text::Texts(texts) if !foreign => Named::new(&texts)
            .map(Pattern::Named)
            .map_err(|error| PyValueError::new_err(error.to_string())),
        Text::Texts(texts) => match <[String; 2]>::try_from(texts) {
            Ok([prefix, suffix]) => Ok(Pattern::Foreign { prefix, suffix }),
            Err(_) => Err(PyValueError::new_err(
                "a pattern that Python tests has a prefix and a suffix",
            )),
        },
    }
}
