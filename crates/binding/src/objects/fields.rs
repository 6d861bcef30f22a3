//! `Fields`: header fields to be sent, checked and encoded once.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

/// Name and value as they go on the wire.
pub type Field = (Box<[u8]>, Box<[u8]>);

/// Fields in the order of the wire.
#[pyclass(frozen, module = "quinde._core", name = "Fields")]
pub struct Fields {
    pub items: Vec<Field>,
}

#[pymethods]
impl Fields {
    #[new]
    fn new(items: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            items: encode(items)?,
        })
    }

    fn __len__(&self) -> usize {
        self.items.len()
    }

    fn __contains__(&self, name: &str) -> bool {
        self.items
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut items = Vec::with_capacity(self.items.len());
        for (name, value) in &self.items {
            items.push((super::head::text(py, name)?, super::head::text(py, value)?));
        }
        PyTuple::new(py, items)?
            .into_any()
            .try_iter()
            .map(Bound::into_any)
    }
}

impl Fields {
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.items.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// Encodes an iterable of (name, value) strings; refuses what could change the message (RFC 9110 §5.5).
pub fn encode(items: &Bound<'_, PyAny>) -> PyResult<Vec<Field>> {
    let mut encoded = Vec::new();
    for item in items.try_iter()? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
        let name = name.cast_into::<PyString>()?;
        let value = value.cast_into::<PyString>().map_err(|error| {
            let kind = error.into_inner().get_type();
            PyTypeError::new_err(format!("the value of header {name:?} is of type {kind}, not str"))
        })?;
        let name: Box<[u8]> = bytes(&name)?.into();
        let value: Box<[u8]> = bytes(&value)?.into();
        if !is_token(&name) {
            return Err(PyValueError::new_err(format!(
                "header name {:?} is not a token (RFC 9110 section 5.1)",
                String::from_utf8_lossy(&name)
            )));
        }
        if value.iter().any(|&byte| is_control(byte)) {
            return Err(PyValueError::new_err(format!(
                "the value of header {:?} contains control characters (newlines, NUL or others)",
                String::from_utf8_lossy(&name)
            )));
        }
        encoded.push((name, value));
    }
    Ok(encoded)
}

/// UTF-8, with lone surrogates turned back into the bytes that they stand for.
pub fn bytes(text: &Bound<'_, PyString>) -> PyResult<Vec<u8>> {
    if let Ok(valid) = text.to_str() {
        return Ok(valid.as_bytes().to_vec());
    }
    let py = text.py();
    let encoded = text.call_method1(pyo3::intern!(py, "encode"), ("utf-8", "surrogateescape"))?;
    Ok(encoded.extract::<&[u8]>()?.to_vec())
}

fn is_token(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}
