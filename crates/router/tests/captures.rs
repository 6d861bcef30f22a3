//! What names stand for: the groups that `[^{}/]+` finds, longest first, without a regular expression.

use quinde_router::{Named, NamedError};

fn captures<'p>(texts: &[&str], path: &'p str) -> Option<Vec<&'p str>> {
    let pattern = Named::new(texts).expect("a pattern of names");
    pattern.captures(path).map(|captures| captures.to_vec())
}

#[test]
fn a_name_takes_one_whole_segment() {
    assert_eq!(captures(&["/user/", ""], "/user/me"), Some(vec!["me"]));
    assert_eq!(captures(&["/user/", "/x"], "/user/me/x"), Some(vec!["me"]));
    assert_eq!(captures(&["/", "/", ""], "/a/b"), Some(vec!["a", "b"]));
    for path in [
        "/user",
        "/user/",
        "/user/a/b",
        "/user/a/",
        "user/a",
        "/user//a",
        "",
    ] {
        assert_eq!(captures(&["/user/", ""], path), None, "{path}");
    }
}

#[test]
fn a_name_takes_no_brace() {
    for path in ["/{a", "/a}", "/{a}"] {
        assert_eq!(captures(&["/", ""], path), None, "{path}");
        assert_eq!(captures(&["/", "-", ""], &format!("{path}-b")), None, "{path}");
    }
}

#[test]
fn text_beside_a_name_is_cut_off() {
    assert_eq!(captures(&["/v", ""], "/v2"), Some(vec!["2"]));
    assert_eq!(captures(&["/v", ""], "/v"), None);
    assert_eq!(captures(&["/", ".json"], "/a.json"), Some(vec!["a"]));
    assert_eq!(captures(&["/", ".json"], "/.json"), None);
    assert_eq!(captures(&["/aa", "aa"], "/aaaa"), None);
    assert_eq!(captures(&["/aa", "aa"], "/aaaaa"), Some(vec!["a"]));
}

#[test]
fn the_first_name_takes_as_much_as_it_can() {
    assert_eq!(captures(&["/", "-", ""], "/a-b-c"), Some(vec!["a-b", "c"]));
    assert_eq!(
        captures(&["/", "-", "-", ""], "/a-b-c-d"),
        Some(vec!["a-b", "c", "d"])
    );
    assert_eq!(captures(&["/", "-", ""], "/a--"), Some(vec!["a", "-"]));
    assert_eq!(captures(&["/", "-", ""], "/-a"), None);
}

#[test]
fn names_side_by_side_take_a_character_each() {
    assert_eq!(captures(&["/", "", ""], "/abc"), Some(vec!["ab", "c"]));
    assert_eq!(captures(&["/", "", ""], "/éa"), Some(vec!["é", "a"]));
    assert_eq!(captures(&["/", "", ""], "/é"), None);
    assert_eq!(captures(&["/", "", "", ""], "/aé🐦"), Some(vec!["a", "é", "🐦"]));
}

#[test]
fn a_pattern_has_a_name_and_starts_with_a_slash() {
    assert_eq!(Named::new(&["/fixed"]).unwrap_err(), NamedError::WithoutName);
    assert_eq!(Named::new::<&str>(&[]).unwrap_err(), NamedError::WithoutName);
    let error = Named::new(&["user/", ""]).unwrap_err();
    assert_eq!(error, NamedError::WithoutSlash);
    assert_eq!(error.to_string(), "a pattern starts with a slash");
}
