//! Percent-decoding of paths for matching.
//!
//! A path is matched decoded, so that `/caf%C3%A9` and a pattern written `/café` meet. Two escapes stay, as decoding
//! them would change the path's structure (RFC 3986 §2.2, §2.4): `%2F`, which is not the separator `/`, and `%25`,
//! which would make other escapes appear. They are undone in what a name captured, where structure has no meaning.

use std::borrow::Cow;

/// Decode `raw` for matching: every escape of valid UTF-8 but `%2F` and `%25`, which are given with capital letters.
///
/// Escapes that are no valid UTF-8, and `%` signs that start no escape, stay as they are.
#[must_use]
pub fn decode_path(raw: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'%', raw.as_bytes()) else {
        return Cow::Borrowed(raw);
    };
    let mut decoded = String::with_capacity(raw.len());
    decoded.push_str(&raw[..first]);
    let mut rest = &raw[first..];
    while !rest.is_empty() {
        let taken = decode_one(rest, &mut decoded);
        rest = &rest[taken..];
        let plain = memchr::memchr(b'%', rest.as_bytes()).unwrap_or(rest.len());
        decoded.push_str(&rest[..plain]);
        rest = &rest[plain..];
    }
    Cow::Owned(decoded)
}

/// Undo the two escapes that [`decode_path`] keeps, in the text that a name captured.
#[must_use]
pub fn decode_capture(value: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', value.as_bytes()).is_none() {
        return Cow::Borrowed(value);
    }
    // `%252F` was kept as `%25` and `2F`; slashes first, so that it becomes the text `%2F` and not a slash.
    Cow::Owned(value.replace("%2F", "/").replace("%25", "%"))
}

/// Write what `rest`, which starts with `%`, stands for up to the end of one character. Give the bytes read.
fn decode_one(rest: &str, decoded: &mut String) -> usize {
    let bytes = rest.as_bytes();
    let Some(lead) = escape(bytes) else {
        decoded.push('%');
        return 1;
    };
    match lead {
        b'/' => decoded.push_str("%2F"),
        b'%' => decoded.push_str("%25"),
        _ if lead.is_ascii() => decoded.push(char::from(lead)),
        _ => return decode_sequence(rest, lead, decoded),
    }
    3
}

/// Decode the escapes of one multi-byte character, or keep those that belong together and form none.
fn decode_sequence(rest: &str, lead: u8, decoded: &mut String) -> usize {
    let mut sequence = [lead, 0, 0, 0];
    let wanted = match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    for have in 1..wanted {
        let Some(next) = escape(&rest.as_bytes()[have * 3..]) else {
            return keep(rest, have, decoded);
        };
        sequence[have] = next;
        // Not the length alone, but also whether this byte may follow: overlong forms and surrogates end here.
        let so_far = &sequence[..=have];
        match std::str::from_utf8(so_far) {
            Ok(character) => {
                decoded.push_str(character);
                return (have + 1) * 3;
            }
            Err(error) if error.error_len().is_none() => {}
            Err(_) => return keep(rest, have, decoded),
        }
    }
    keep(rest, 1, decoded)
}

fn keep(rest: &str, escapes: usize, decoded: &mut String) -> usize {
    decoded.push_str(&rest[..escapes * 3]);
    escapes * 3
}

/// The byte that the escape at the start of `bytes` stands for, if there is one.
fn escape(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'%', high, low, ..] => Some(hex(*high)? << 4 | hex(*low)?),
        _ => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
