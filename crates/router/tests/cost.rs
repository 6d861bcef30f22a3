//! The work of a look-up, counted: it depends on what fits the path and not on how many patterns there are.

use quinde_router::{Named, Pattern, Router};

/// A table of `count` routes of each kind that differ where only an index helps.
fn table(count: usize) -> Router {
    let named = |texts: &[&str]| Pattern::Named(Named::new(texts).expect("a pattern of names"));
    let mut patterns = Vec::new();
    for i in 1000..1000 + count {
        patterns.push((format!("/fixed/{i}"), Pattern::Fixed(format!("/fixed/{i}"))));
        patterns.push((format!("/first{i}"), named(&[&format!("/first{i}/"), ""])));
        patterns.push(("/last".to_owned(), named(&["/last/", &format!("/{i}")])));
        patterns.push(("/begin".to_owned(), named(&[&format!("/begin/{i}-"), ""])));
        patterns.push(("/end".to_owned(), named(&["/end/", &format!(".{i}")])));
        let (prefix, suffix) = ("/foreign/".to_owned(), format!("/{i}"));
        patterns.push(("/foreign".to_owned(), Pattern::Foreign { prefix, suffix }));
    }
    Router::new(patterns)
}

#[test]
fn a_thousand_routes_cost_what_ten_cost() {
    let (small, large) = (table(10), table(1000));
    for path in [
        "/fixed/1007",
        "/first1007/x",
        "/last/x/1007",
        "/begin/1007-x",
        "/end/x.1007",
        "/foreign/x/1007",
        "/nowhere",
        "/last/x/1",
        "/foreign/x",
        "/",
    ] {
        assert_eq!(small.effort(path), large.effort(path), "{path}");
        assert!(large.effort(path) <= 12, "{path}: {}", large.effort(path));
    }
}

#[test]
fn only_the_fitting_foreign_pattern_is_offered() {
    let router = table(1000);
    let mut offered = 0;
    let found = router.find("/foreign/x/1007", |candidate| {
        offered += 1;
        Ok::<_, ()>(candidate.is_foreign().then(|| candidate.index()))
    });
    assert_eq!(found, Ok(Some(7 * 6 + 5)));
    assert_eq!(offered, 1);
}

#[test]
fn hostile_paths_cost_no_more_than_the_tree_is_deep() {
    let router = table(1000);
    let flood = "/".repeat(8000);
    assert!(router.effort(&flood) <= 12);
    assert!(router.effort(&format!("/first1000/{}", "a/".repeat(4000))) <= 12);
    let dashes = format!("/begin/1000-{}", "-".repeat(8000));
    assert!(router.effort(&dashes) <= 12);
}

#[test]
fn branches_that_both_fit_are_both_followed_once() {
    // Fixed and name at each of ten levels: one pattern per level, so a chain of nodes and not 2¹⁰ of them.
    let named = |texts: &[&str]| Pattern::Named(Named::new(texts).expect("a pattern of names"));
    let patterns = (0..10).map(|depth| {
        let start = "/a".repeat(depth) + "/";
        let key = start.trim_end_matches('/').to_owned();
        (
            if key.is_empty() { "/".to_owned() } else { key },
            named(&[&start, ""]),
        )
    });
    let router = Router::new(patterns.collect());
    assert!(router.effort(&"/a".repeat(10)) <= 24);
}
