//! What the router has to answer, done in the plainest way: walk the keys of the path from the longest to the root, try
//! every pattern under each in order of registration. The fuzzer uses it too.

/// A pattern as the texts around its names; one text is a fixed path.
pub type Texts = Vec<String>;

/// Match by trying every length of every name, longest first: what a backtracking engine does.
pub fn naive<'p>(texts: &[String], path: &'p str) -> Option<Vec<&'p str>> {
    let rest = path.strip_prefix(texts[0].as_str())?;
    let [_, later @ ..] = texts else { return None };
    if later.is_empty() {
        return rest.is_empty().then(Vec::new);
    }
    let limit = rest.find(['/', '{', '}']).unwrap_or(rest.len());
    let mut ends: Vec<usize> = (1..=limit).filter(|&end| rest.is_char_boundary(end)).collect();
    ends.reverse();
    for end in ends {
        if let Some(mut others) = naive(later, &rest[end..]) {
            others.insert(0, &rest[..end]);
            return Some(others);
        }
    }
    None
}

/// The key that a pattern is registered under.
pub fn key(texts: &[String]) -> String {
    let key = if texts.len() == 1 {
        &texts[0]
    } else {
        &texts[0][..texts[0].rfind('/').unwrap_or(0)]
    };
    let key = key.trim_end_matches('/');
    if key.is_empty() {
        "/".to_owned()
    } else {
        key.to_owned()
    }
}

/// The keys that fit a path: itself, then up to each slash from the right, then the root.
fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![path.to_owned()];
    keys.extend(
        path.rmatch_indices('/')
            .map(|(at, _)| path[..at].to_owned())
            .filter(|key| !key.is_empty()),
    );
    keys.push("/".to_owned());
    keys.dedup();
    keys
}

/// All that fits a path, in order, with what the names stand for.
pub fn expected<'p>(table: &[Texts], path: &'p str) -> Vec<(usize, Vec<&'p str>)> {
    let mut matches = Vec::new();
    for wanted in keys(path) {
        for (index, texts) in table.iter().enumerate().filter(|(_, texts)| key(texts) == wanted) {
            matches.extend(naive(texts, path).map(|names| (index, names)));
        }
    }
    matches
}
