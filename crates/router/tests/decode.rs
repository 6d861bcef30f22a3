//! Percent-decoding for matching: what is decoded, what stays, and that nothing invalid is produced.

use quinde_router::{decode_capture, decode_path};

#[test]
fn escapes_of_ascii_and_utf8_are_decoded() {
    for (raw, decoded) in [
        ("", ""),
        ("/", "/"),
        ("/plain/path", "/plain/path"),
        ("/%41%7e", "/A~"),
        ("/caf%C3%A9/%e2%82%ac", "/café/€"),
        ("/%F0%9F%90%A6", "/🐦"),
        ("/a+b%2Bc", "/a+b+c"),
        ("/%00", "/\0"),
        ("/é%C3%A9", "/éé"),
    ] {
        assert_eq!(decode_path(raw), decoded, "{raw}");
    }
}

#[test]
fn slash_and_percent_stay_escaped_in_capitals() {
    assert_eq!(decode_path("/a%2fb%2Fc"), "/a%2Fb%2Fc");
    assert_eq!(decode_path("/100%25"), "/100%25");
    assert_eq!(decode_path("/%252f"), "/%252f");
}

#[test]
fn what_is_no_escape_or_no_utf8_stays_as_it_is() {
    for raw in [
        "/%",
        "/%4",
        "/%zz",
        "/%C3%a",
        "/%%",
        "/%ff",
        "/%80",
        "/%c3",
        "/%e2%82",
        "/%e2%82/%ac",
        "/%C0%AF",       // overlong slash
        "/%ed%a0%80",    // surrogate
        "/%f4%90%80%80", // past U+10FFFF
        "/%f0%80%80%80",
    ] {
        assert_eq!(decode_path(raw), raw, "{raw}");
    }
}

#[test]
fn a_broken_sequence_does_not_swallow_its_neighbours() {
    assert_eq!(decode_path("/%e2%82%41"), "/%e2%82A");
    assert_eq!(decode_path("/%e2%c3%a9"), "/%e2é");
    assert_eq!(decode_path("/%c3%%41"), "/%c3%A");
}

#[test]
fn captures_lose_the_escapes_that_matching_kept() {
    assert_eq!(decode_capture("plain"), "plain");
    assert_eq!(decode_capture("a%2Fb"), "a/b");
    assert_eq!(decode_capture("100%25"), "100%");
    // `%252F` on the wire is the text `%2F`, not a slash.
    assert_eq!(decode_capture(&decode_path("%252F")), "%2F");
}
