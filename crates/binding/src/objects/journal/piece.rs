//! The pieces of a format, as `Journal` and `LogLine` fill them for each request.
//!
//! Knows the letters of the format and nothing of how a value looks: the one escapes, the other does not.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A part of a format.
pub enum Piece {
    Text(Box<[u8]>),
    Remote,
    Started,
    Process,
    RequestLine,
    Status,
    Size,
    Seconds,
    Fraction,
    Microseconds,
    /// A field of the request: its name, and which of those it is.
    RequestField(Box<str>, usize),
    /// The same of the response.
    ResponseField(Box<str>, usize),
}

/// Make pieces of (kind, text): a kind of "" is plain text, the others are the format's letters.
pub fn compile(pieces: Vec<(String, String)>) -> PyResult<Vec<Piece>> {
    let (mut asked, mut answered) = (0, 0);
    let next = |counter: &mut usize| std::mem::replace(counter, *counter + 1);
    let compiled = pieces.into_iter().map(|(kind, text)| {
        Ok(match kind.as_str() {
            "" => Piece::Text(text.into_bytes().into_boxed_slice()),
            "a" => Piece::Remote,
            "t" => Piece::Started,
            "P" => Piece::Process,
            "r" => Piece::RequestLine,
            "s" => Piece::Status,
            "b" => Piece::Size,
            "T" => Piece::Seconds,
            "Tf" => Piece::Fraction,
            "D" => Piece::Microseconds,
            "i" => Piece::RequestField(text.into_boxed_str(), next(&mut asked)),
            "o" => Piece::ResponseField(text.into_boxed_str(), next(&mut answered)),
            _ => return Err(PyValueError::new_err(format!("unknown piece {kind:?}"))),
        })
    });
    compiled.collect()
}
