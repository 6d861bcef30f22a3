//! Which bytes may stand where: tokens, field values, targets, hosts (RFC 9110 §5, RFC 9112 §2–3).
//!
//! Pure predicates on byte strings, shared by what is read and what is written.

/// The first byte of TLS records that a client begins with, and by which a server refuses what is none (RFC 8446 §5.1).
pub(super) const TLS_HANDSHAKE: u8 = 0x16;
pub(super) const TLS_ALERT: u8 = 0x15;

/// A byte of a token (RFC 9110 §5.6.2).
const TOKEN: u8 = 1;
/// A byte of a registered name or of a pct-encoded triplet, comma left out (RFC 3986 §3.2.2): a
/// comma in Host is what remains of two fields that somebody joined.
const NAME: u8 = 2;
/// A byte between the brackets of an IP literal (RFC 3986 §3.2.2, RFC 6874).
const LITERAL: u8 = 4;
/// A visible byte that does not end the path or the query of a target.
const PLAIN: u8 = 8;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        let alphanumeric = c.is_ascii_alphanumeric();
        if alphanumeric || contains(b"!#$%&'*+-.^_`|~", c) {
            table[byte] |= TOKEN;
        }
        if alphanumeric || contains(b"-._~!$&'()*+;=%", c) {
            table[byte] |= NAME;
        }
        if alphanumeric || contains(b":.%-_~", c) {
            table[byte] |= LITERAL;
        }
        if c.is_ascii_graphic() && c != b'?' && c != b'#' {
            table[byte] |= PLAIN;
        }
        byte += 1;
    }
    table
}

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

/// How many bytes at the start are of a class.
fn run(bytes: &[u8], class: u8) -> usize {
    bytes
        .iter()
        .position(|&byte| CLASSES[byte as usize] & class == 0)
        .unwrap_or(bytes.len())
}

fn all(bytes: &[u8], class: u8) -> bool {
    run(bytes, class) == bytes.len()
}

/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Bit 7 of each zero byte of the word; above the first one there may be more.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(eight(1)) & !word & eight(0x80)
}

/// Where the first LF is. Lines are short: eight bytes at a time beat a call of `memchr` there, and
/// the rest of a long one is left to it.
pub(crate) fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let found = zeros(u64::from_le_bytes(*word) ^ eight(b'\n'));
        if found != 0 {
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = after;
        if bytes.len() - rest.len() >= 64 {
            break;
        }
    }
    let start = bytes.len() - rest.len();
    if rest.len() < 8 {
        return rest.iter().position(|&byte| byte == b'\n').map(|at| start + at);
    }
    memchr::memchr(b'\n', rest).map(|at| start + at)
}

/// Whether the byte may be part of a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TOKEN != 0
}

/// Whether the bytes are a token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TOKEN)
}

/// How many bytes at the start of the line are token bytes.
pub(crate) fn token_len(line: &[u8]) -> usize {
    run(line, TOKEN)
}

/// How many bytes at the start of a target come before `?`, `#` or a byte that no target has.
pub(crate) fn plain_len(target: &[u8]) -> usize {
    run(target, PLAIN)
}

/// Whether the bytes are a field value or a reason phrase (RFC 9110 §5.5): no control byte but
/// tab; bytes from 0x80 on are opaque.
pub(crate) fn is_field_text(bytes: &[u8]) -> bool {
    // The last eight bytes may overlap the word before: cheaper than the rest one by one.
    let Some(last) = bytes.last_chunk::<8>() else {
        return is_text_slowly(bytes);
    };
    let mut suspect = suspects(last);
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        suspect |= suspects(word);
        rest = after;
    }
    suspect == 0 || is_text_slowly(bytes)
}

/// Not zero if a byte of the word is below 0x20, tab among them, or DEL.
fn suspects(word: &[u8; 8]) -> u64 {
    let word = u64::from_ne_bytes(*word);
    (word.wrapping_sub(eight(0x20)) & !word & eight(0x80)) | zeros(word ^ eight(0x7f))
}

fn is_text_slowly(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|&byte| byte >= 0x20 && byte != 0x7f || byte == b'\t')
}

/// What is demanded of the fields of a response: only the bytes that end lines and strings are bad.
pub(crate) fn is_lenient_field_text(bytes: &[u8]) -> bool {
    !bytes.iter().fold(false, |bad, &byte| {
        bad | (byte == 0) | (byte == b'\r') | (byte == b'\n')
    })
}

/// Whether all bytes are visible ASCII, as in a request target (RFC 9112 §3.2).
pub(crate) fn is_visible(bytes: &[u8]) -> bool {
    !bytes
        .iter()
        .fold(false, |bad, &byte| bad | !(0x21..0x7f).contains(&byte))
}

/// The bytes without optional white space around them (RFC 9110 §5.6.3).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list, empty ones too (RFC 9110 §5.6.1).
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

/// A decimal number as in Content-Length (RFC 9110 §8.6): ASCII digits alone, below 2⁶⁴.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether the bytes are a host with an optional port (RFC 9110 §7.2, RFC 3986 §3.2). An empty host
/// is none: it is valid grammar, but names no resource of `http` or `https` (RFC 9110 §4.2.1).
pub(crate) fn is_host(bytes: &[u8]) -> bool {
    match after_host(bytes) {
        Some([]) => true,
        Some([b':', port @ ..]) => port.is_empty() || is_port(port),
        _ => false,
    }
}

/// Whether the bytes are a host with a port, as in the target of CONNECT (RFC 9112 §3.2.3).
pub(crate) fn is_host_with_port(bytes: &[u8]) -> bool {
    matches!(after_host(bytes), Some([b':', port @ ..]) if is_port(port) && decimal(port) != Some(0))
}

fn is_port(digits: &[u8]) -> bool {
    decimal(digits).is_some_and(|port| port <= 0xffff)
}

/// What comes after a valid host.
fn after_host(bytes: &[u8]) -> Option<&[u8]> {
    let [b'[', literal @ ..] = bytes else {
        let len = run(bytes, NAME);
        return (len > 0).then(|| &bytes[len..]);
    };
    let len = run(literal, LITERAL);
    match &literal[len..] {
        [b']', rest @ ..] if literal[..len].contains(&b':') => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in [
            "a",
            "a.b-c_d",
            "a:80",
            "a:",
            "1.2.3.4:65535",
            "[::1]",
            "[::1]:8",
            "[fe80::1%25eth0]",
            "%41",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a,b", "u@a", "a/x", "a?", "a:x", "a:65536", "a:-1", "[::1", "[]", "[a]",
            "::1", "a:80:80", "é", "[::1]x",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn connect_targets_need_a_port() {
        assert!(is_host_with_port(b"a:443") && is_host_with_port(b"[::1]:443"));
        for bad in ["a", "a:", "a:0", "a:x", ":443", "*", "/x", "http://a/", "u@a:1"] {
            assert!(!is_host_with_port(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn decimals() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"0018"), Some(18));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for bad in ["", "18446744073709551616", "+1", "-1", "0x1", "1 ", "1,1", "١"] {
            assert_eq!(decimal(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn line_feeds_are_found_wherever_they_are() {
        for len in 0..200 {
            let mut bytes = vec![b'\x0b'; len];
            assert_eq!(find_line_feed(&bytes), None);
            for at in (0..len).rev() {
                bytes[at] = b'\n';
                assert_eq!(find_line_feed(&bytes), Some(at), "of {len}");
            }
        }
    }

    #[test]
    fn bad_bytes_are_found_wherever_they_are() {
        for len in 1..40 {
            for at in 0..len {
                for (byte, good) in [
                    (0x1f, false),
                    (0x7f, false),
                    (0, false),
                    (b'\t', true),
                    (0xff, true),
                    (0x80, true),
                ] {
                    let mut bytes = vec![b' '; len];
                    bytes[at] = byte;
                    assert_eq!(is_field_text(&bytes), good, "{byte:#x} at {at} of {len}");
                    bytes[(at + 3) % len] = b'\t';
                    assert_eq!(
                        is_field_text(&bytes),
                        good || len == 1 || (at + 3) % len == at,
                        "{byte:#x} and a tab"
                    );
                }
            }
        }
    }

    #[test]
    fn text_takes_tabs_and_opaque_bytes_only() {
        for byte in 0..=255u8 {
            let good = byte == b'\t' || byte == b' ' || (byte > 0x20 && byte != 0x7f);
            assert_eq!(is_field_text(&[b'a', byte, b'b']), good, "{byte:#x}");
            assert_eq!(
                is_lenient_field_text(&[b'a', byte]),
                !matches!(byte, 0 | b'\r' | b'\n'),
                "{byte:#x}"
            );
            assert_eq!(is_visible(&[byte]), byte.is_ascii_graphic(), "{byte:#x}");
        }
    }
}
