//! Which candidates a path has, and in which order they are offered.

use std::convert::Infallible;

use quinde_router::{Named, Pattern, Router};

fn fixed(path: &str) -> (String, Pattern) {
    let key = path.trim_end_matches('/');
    let key = if key.is_empty() { "/" } else { key };
    (key.to_owned(), Pattern::Fixed(path.to_owned()))
}

fn named(key: &str, texts: &[&str]) -> (String, Pattern) {
    (
        key.to_owned(),
        Pattern::Named(Named::new(texts).expect("a pattern of names")),
    )
}

fn foreign(key: &str, prefix: &str, suffix: &str) -> (String, Pattern) {
    let (prefix, suffix) = (prefix.to_owned(), suffix.to_owned());
    (key.to_owned(), Pattern::Foreign { prefix, suffix })
}

/// All candidates, as when each of them declines.
fn offered(router: &Router, path: &str) -> Vec<usize> {
    let mut indexes = Vec::new();
    let Ok(taken) = router.find(path, |candidate| {
        indexes.push(candidate.index());
        Ok::<Option<()>, Infallible>(None)
    });
    assert_eq!(taken, None);
    indexes
}

#[test]
fn fixed_comes_before_named_whichever_is_elder() {
    let elder = Router::new(vec![fixed("/user/me"), named("/user", &["/user/", ""])]);
    let younger = Router::new(vec![named("/user", &["/user/", ""]), fixed("/user/me")]);
    assert_eq!(offered(&elder, "/user/me"), [0, 1]);
    assert_eq!(offered(&younger, "/user/me"), [1, 0]);
}

#[test]
fn the_longer_key_comes_first_then_the_elder() {
    let router = Router::new(vec![
        named("/", &["/", "/", ""]),
        named("/a", &["/a/", ""]),
        named("/", &["/", "/b"]),
        named("/a", &["/a/b", ""]),
        foreign("/", "", ""),
    ]);
    assert_eq!(offered(&router, "/a/bc"), [1, 3, 0, 4]);
    assert_eq!(offered(&router, "/a/b"), [1, 0, 2, 4]);
    assert_eq!(offered(&router, "/x/b"), [0, 2, 4]);
}

#[test]
fn the_root_key_covers_everything_and_comes_last() {
    let router = Router::new(vec![foreign("/", "", ""), fixed("/"), foreign("/", "/", "")]);
    assert_eq!(offered(&router, "/"), [0, 1, 2]);
    assert_eq!(offered(&router, "/a/b"), [0, 2]);
    assert_eq!(offered(&router, "*"), [0]);
    assert_eq!(offered(&router, ""), []);
}

#[test]
fn a_foreign_pattern_with_the_same_key_competes_by_age() {
    let elder = Router::new(vec![foreign("/a", "/a/", ""), fixed("/a/")]);
    let younger = Router::new(vec![fixed("/a/"), foreign("/a", "/a/", "")]);
    assert_eq!(offered(&elder, "/a/"), [0, 1]);
    assert_eq!(offered(&younger, "/a/"), [0, 1]);
    assert_eq!(offered(&younger, "/a"), []);
}

#[test]
fn a_key_covers_whole_segments_only() {
    let router = Router::new(vec![foreign("/a", "", "")]);
    assert_eq!(offered(&router, "/a"), [0]);
    assert_eq!(offered(&router, "/a/b"), [0]);
    assert_eq!(offered(&router, "/ab"), []);
    assert_eq!(offered(&router, "/b/a"), []);
}

#[test]
fn a_foreign_pattern_is_offered_where_beginning_and_end_fit_without_overlap() {
    let router = Router::new(vec![foreign("/a", "/a/x", "xy"), foreign("/", "/é", "é")]);
    assert_eq!(offered(&router, "/a/x-xy"), [0]);
    assert_eq!(offered(&router, "/a/xxy"), [0]);
    assert_eq!(offered(&router, "/a/xy"), []);
    assert_eq!(offered(&router, "/éé"), [1]);
    assert_eq!(offered(&router, "/é"), []);
    // Byte lengths that end within a character.
    assert_eq!(offered(&router, "/\u{20ac}"), []);
}

#[test]
fn the_same_path_twice_gives_both_in_order() {
    let router = Router::new(vec![fixed("/a"), fixed("/b"), fixed("/a")]);
    assert_eq!(offered(&router, "/a"), [0, 2]);
}

#[test]
fn the_search_ends_with_the_one_that_takes_or_fails() {
    let router = Router::new(vec![fixed("/a"), named("/", &["/", ""]), foreign("/", "", "")]);
    let mut asked = Vec::new();
    let taken = router.find("/a", |candidate| {
        asked.push(candidate.index());
        Ok::<_, ()>((!candidate.is_foreign() && candidate.captures().is_some()).then_some("mine"))
    });
    assert_eq!(taken, Ok(Some("mine")));
    assert_eq!(asked, [0, 1]);

    let failed = router.find("/a", |candidate| {
        if candidate.index() == 1 {
            Err("no")
        } else {
            Ok(None::<()>)
        }
    });
    assert_eq!(failed, Err("no"));
}

#[test]
fn slashes_count() {
    let router = Router::new(vec![
        fixed("/a"),
        fixed("/a/"),
        fixed("/a//"),
        named("/", &["/", ""]),
        named("/", &["/", "/"]),
        named("/a", &["/a//", ""]),
    ]);
    assert_eq!(offered(&router, "/a"), [0, 3]);
    assert_eq!(offered(&router, "/a/"), [1, 4]);
    assert_eq!(offered(&router, "/a//"), [2]);
    assert_eq!(offered(&router, "/a//b"), [5]);
    assert_eq!(offered(&router, "//a"), []);
}
