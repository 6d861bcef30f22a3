//! Patterns, and how names are cut out of a path.
//!
//! A name stands for one or more characters other than `/`, `{` and `}`, as many as leave the rest a match: the
//! groups that the regular expression `[^{}/]+` would find, without one.

use std::fmt;

use smallvec::SmallVec;

/// What the names of a pattern stand for in one path, in order of their appearance.
pub type Captures<'p> = SmallVec<[&'p str; 4]>;

/// What a route is registered for. Paths are compared after [`decode_path`](crate::decode_path).
#[derive(Debug, Clone)]
pub enum Pattern {
    /// This path and no other.
    Fixed(String),
    /// Names between fixed text.
    Named(Named),
    /// A pattern of the caller's, who tests it. Every path that it matches starts with `prefix`, ends with `suffix`
    /// and has no shorter length than both; either may be empty.
    Foreign {
        /// The fixed beginning.
        prefix: String,
        /// The fixed end.
        suffix: String,
    },
}

/// A pattern of names between fixed text, such as `/user/{id}/file-{name}.{kind}`.
#[derive(Debug, Clone)]
pub struct Named {
    segments: Vec<Segment>,
}

/// One part of a path between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Fixed(String),
    /// One name and nothing else: the common case, and the only one that needs no search.
    Name,
    Mixed(Mixed),
}

/// A segment of several parts: text, name, text, name, … text. Texts may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mixed {
    texts: Vec<String>,
}

/// Why fixed texts do not make a [`Named`] pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedError {
    /// There is no name: fewer than two texts.
    WithoutName,
    /// The first text does not start with a slash.
    WithoutSlash,
}

impl fmt::Display for NamedError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::WithoutName => "a pattern of names needs a text before and after each name",
            Self::WithoutSlash => "a pattern starts with a slash",
        })
    }
}

impl std::error::Error for NamedError {}

impl Named {
    /// Make the pattern from the fixed texts around its names: the one before the first name, those between, the one
    /// after the last.
    ///
    /// # Errors
    ///
    /// When there is no name or the pattern does not start with a slash.
    pub fn new<T: AsRef<str>>(texts: &[T]) -> Result<Self, NamedError> {
        let [first, others @ ..] = texts else {
            return Err(NamedError::WithoutName);
        };
        if others.is_empty() {
            return Err(NamedError::WithoutName);
        }
        let Some(first) = first.as_ref().strip_prefix('/') else {
            return Err(NamedError::WithoutSlash);
        };
        let mut segments = Vec::new();
        let mut open = split_text(first, Vec::new(), &mut segments);
        for text in others {
            open = split_text(text.as_ref(), open, &mut segments);
        }
        segments.push(Segment::new(open));
        Ok(Self { segments })
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Cut the names out of `path`, or `None` when it does not match.
    #[must_use]
    pub fn captures<'p>(&self, path: &'p str) -> Option<Captures<'p>> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut captures = Captures::new();
        for segment in &self.segments {
            if !segment.capture(parts.next()?, &mut captures) {
                return None;
            }
        }
        parts.next().is_none().then_some(captures)
    }
}

/// Add a text to the segment whose texts are `open`; close it, and those within, at slashes. Give the open one.
fn split_text(text: &str, mut open: Vec<String>, segments: &mut Vec<Segment>) -> Vec<String> {
    let mut parts = text.split('/');
    open.extend(parts.next().map(str::to_owned));
    for part in parts {
        segments.push(Segment::new(std::mem::replace(&mut open, vec![part.to_owned()])));
    }
    open
}

impl Segment {
    fn new(mut texts: Vec<String>) -> Self {
        match texts.as_mut_slice() {
            [] => Self::Fixed(String::new()),
            [text] => Self::Fixed(std::mem::take(text)),
            [before, after] if before.is_empty() && after.is_empty() => Self::Name,
            _ => Self::Mixed(Mixed { texts }),
        }
    }

    fn capture<'p>(&self, part: &'p str, captures: &mut Captures<'p>) -> bool {
        match self {
            Self::Fixed(text) => text == part,
            Self::Name => {
                captures.push(part);
                fits_name(part)
            }
            Self::Mixed(mixed) => mixed.capture(part, captures),
        }
    }
}

/// Whether a name may stand for all of `part`, which has no slash.
pub(crate) fn fits_name(part: &str) -> bool {
    !part.is_empty() && memchr::memchr2(b'{', b'}', part.as_bytes()).is_none()
}

impl Mixed {
    pub(crate) fn matches(&self, part: &str) -> bool {
        self.capture(part, &mut Captures::new())
    }

    /// The text before the first name and the one after the last.
    pub(crate) fn affixes(&self) -> (&str, &str) {
        match self.texts.as_slice() {
            [first, .., last] => (first, last),
            _ => ("", ""),
        }
    }

    /// Cut the names out of `part`.
    ///
    /// Each name takes as much as it can, the first one first. That is the same as to put each text as far to the
    /// right as it goes, the last one first: a text further right never leaves less room to those before it. So one
    /// pass from the end does what a backtracking search would do, and takes no longer on hostile paths.
    fn capture<'p>(&self, part: &'p str, captures: &mut Captures<'p>) -> bool {
        let [first, inner @ .., last] = self.texts.as_slice() else {
            return false;
        };
        let Some(rest) = part.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        let start = captures.len();
        for text in inner.iter().rev() {
            let Some(last_char) = rest.chars().next_back() else {
                return false;
            };
            // The name behind this text needs a character of its own.
            let Some(at) = rest[..rest.len() - last_char.len_utf8()].rfind(text.as_str()) else {
                return false;
            };
            captures.push(&rest[at + text.len()..]);
            rest = &rest[..at];
        }
        captures.push(rest);
        captures[start..].reverse();
        captures[start..].iter().all(|name| fits_name(name))
    }
}
