//! `LogLine`: one line of the access log for Python's `logging`, which wants a message and each value beside it.
//!
//! Knows the core's requests; others are for `web/log.py`, as is what becomes of a line. Nothing is escaped: aiohttp's
//! log shows what came.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple};
use quinde_http::RequestHead;
use quinde_reactor::Address;

use super::connection::address;
use super::head::text;
use super::journal::{Piece, compile, ip_address, version_text};
use super::request::IncomingRequest;
use crate::driver::connection::Endpoint;

/// A format, filled once for each request.
#[pyclass(frozen, module = "quinde._core")]
pub struct LogLine {
    pieces: Vec<Piece>,
    /// Those of the request's fields, in the order in which the format asks for them.
    names: Vec<Py<PyString>>,
    /// Gives the text of a moment, in whole seconds.
    show_second: Py<PyAny>,
    /// The last that it gave: most requests begin in the same second as the one before.
    second: Mutex<Option<(i64, Py<PyString>)>>,
}

#[pymethods]
impl LogLine {
    /// `pieces` are (kind, text): a kind of "" is plain text, the others are letters of the format, `o` and `e` not.
    #[new]
    fn new(py: Python<'_>, pieces: Vec<(String, String)>, show_second: Py<PyAny>) -> PyResult<Self> {
        let pieces = compile(pieces)?;
        let names = pieces.iter().filter_map(|piece| match piece {
            Piece::RequestField(name, _) => Some(Ok(PyString::new(py, name).unbind())),
            // It would take the response, of which only numbers come here.
            Piece::ResponseField(..) => Some(Err(PyValueError::new_err("a response's fields are not known"))),
            _ => None,
        });
        Ok(Self {
            names: names.collect::<PyResult<_>>()?,
            pieces,
            show_second,
            second: Mutex::new(None),
        })
    }

    /// Puts the values into `into` by their names and gives the line.
    ///
    /// None, with some values in there or not: it takes Python to say how this request looks.
    #[expect(clippy::too_many_arguments, reason = "one each for what a line tells")]
    fn fill<'py>(
        &self,
        py: Python<'py>,
        into: &Bound<'py, PyDict>,
        incoming: &Bound<'py, IncomingRequest>,
        status: &Bound<'py, PyAny>,
        size: &Bound<'py, PyAny>,
        elapsed: f64,
        now: f64,
    ) -> PyResult<Option<Bound<'py, PyString>>> {
        let incoming = incoming.get();
        let mut line = Line {
            bytes: Vec::with_capacity(256),
        };
        let mut fields: Option<Bound<'py, PyDict>> = None;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => line.bytes.extend_from_slice(text),
                Piece::Remote => into.set_item(intern!(py, "remote_address"), line.remote(py, incoming)?)?,
                Piece::Started => {
                    #[expect(clippy::cast_possible_truncation, reason = "whole seconds, as Python's int()")]
                    let text = self.second(py, (now - elapsed) as i64)?;
                    line.add(&text);
                    into.set_item(intern!(py, "request_start_time"), text)?;
                }
                Piece::Process => {
                    let process = line.format(py, format_args!("<{}>", std::process::id()));
                    into.set_item(intern!(py, "process_id"), process)?;
                }
                Piece::RequestLine => {
                    let Some(written) = line.request_line(py, &incoming.head) else {
                        return Ok(None);
                    };
                    into.set_item(intern!(py, "first_request_line"), written)?;
                }
                Piece::Status => {
                    line.number(status)?;
                    into.set_item(intern!(py, "response_status"), status)?;
                }
                Piece::Size => {
                    line.number(size)?;
                    into.set_item(intern!(py, "response_size"), size)?;
                }
                // Half to even, as Python rounds.
                Piece::Seconds => {
                    let seconds = line.format(py, format_args!("{:.0}", elapsed.round_ties_even()));
                    into.set_item(intern!(py, "request_time"), seconds)?;
                }
                Piece::Fraction => {
                    let seconds = line.format(py, format_args!("{elapsed:.6}"));
                    into.set_item(intern!(py, "request_time_frac"), seconds)?;
                }
                Piece::Microseconds => {
                    let micros = line.format(py, format_args!("{:.0}", (elapsed * 1e6).round_ties_even()));
                    into.set_item(intern!(py, "request_time_micro"), micros)?;
                }
                Piece::RequestField(name, index) => {
                    let fields = fields.get_or_insert_with(|| PyDict::new(py));
                    fields.set_item(
                        &self.names[*index],
                        line.field(py, incoming.head.headers.get(name))?,
                    )?;
                }
                Piece::ResponseField(..) => {} // `new` takes none
            }
        }
        if let Some(fields) = fields {
            into.set_item(intern!(py, "request_header"), fields)?;
        }
        // A field that is no UTF-8 makes a line that Python alone can join.
        Ok(std::str::from_utf8(&line.bytes)
            .ok()
            .map(|line| PyString::new(py, line)))
    }
}

impl LogLine {
    fn second<'py>(&self, py: Python<'py>, second: i64) -> PyResult<Bound<'py, PyString>> {
        if let Some((of, text)) = &*self.lock() {
            if *of == second {
                return Ok(text.bind(py).clone());
            }
        }
        let text = self
            .show_second
            .bind(py)
            .call1((second,))?
            .cast_into::<PyString>()?;
        let before = self.lock().replace((second, text.clone().unbind()));
        drop(before);
        Ok(text)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(i64, Py<PyString>)>> {
        self.second.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line as far as it is written.
struct Line {
    bytes: Vec<u8>,
}

impl Line {
    fn add(&mut self, text: &Bound<'_, PyString>) {
        match text.to_str() {
            Ok(text) => self.bytes.extend_from_slice(text.as_bytes()),
            // Lone surrogates: no UTF-8, and here neither.
            Err(_) => self.bytes.push(0xff),
        }
    }

    fn number(&mut self, number: &Bound<'_, PyAny>) -> PyResult<()> {
        match number.cast_exact::<PyInt>().map(|exact| exact.extract::<u64>()) {
            Ok(Ok(number)) => self
                .bytes
                .extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            _ => self.add(&number.str()?),
        }
        Ok(())
    }

    /// Adds, and gives what was added.
    fn format<'py>(&mut self, py: Python<'py>, text: std::fmt::Arguments<'_>) -> Bound<'py, PyString> {
        let start = self.bytes.len();
        // Writing to a vector cannot fail.
        drop(self.bytes.write_fmt(text));
        self.since(py, start)
    }

    /// What was added since then, which was text.
    fn since<'py>(&self, py: Python<'py>, start: usize) -> Bound<'py, PyString> {
        PyString::new(py, &String::from_utf8_lossy(&self.bytes[start..]))
    }

    fn remote<'py>(&mut self, py: Python<'py>, incoming: &IncomingRequest) -> PyResult<Bound<'py, PyString>> {
        if let Endpoint::Native(Address::Inet(peer)) = &incoming.peers.peer {
            let start = self.bytes.len();
            ip_address(&mut self.bytes, peer.ip());
            return Ok(self.since(py, start));
        }
        let peername = address(py, Some(&incoming.peers.peer))?.into_bound(py);
        let remote = if peername.is_none() {
            intern!(py, "-").clone()
        } else if let Ok(parts) = peername.cast::<PyTuple>() {
            parts.get_item(0)?.str()?
        } else {
            peername.str()?
        };
        self.add(&remote);
        Ok(remote)
    }

    /// `GET /path HTTP/1.1`; None where the target is not shown as it came.
    fn request_line<'py>(&mut self, py: Python<'py>, head: &RequestHead) -> Option<Bound<'py, PyString>> {
        let target = head.target();
        let is_plain = target.starts_with('/')
            && !target.starts_with("//")
            && !target.ends_with('?')
            && !target.contains('#');
        if !is_plain {
            return None;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(head.method().as_bytes());
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(target.as_bytes());
        self.bytes.extend_from_slice(version_text(head.version));
        Some(self.since(py, start))
    }

    fn field<'py>(&mut self, py: Python<'py>, value: Option<&[u8]>) -> PyResult<Bound<'py, PyString>> {
        match value {
            Some(value) => {
                self.bytes.extend_from_slice(value);
                text(py, value)
            }
            None => {
                self.bytes.push(b'-');
                Ok(intern!(py, "-").clone())
            }
        }
    }
}
