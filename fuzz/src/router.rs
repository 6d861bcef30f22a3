//! Tables of patterns and paths, against the model that the router's own tests use; and the decoding of paths against
//! a plain one.

use std::convert::Infallible;

use quinde_router::{Named, Pattern, Router, decode_capture, decode_path};

#[path = "../../crates/router/tests/support/mod.rs"]
mod model;

use model::{Texts, expected, key, naive};

/// More than this the model takes too long for: it tries every length of every name.
const MAX_TABLE: usize = 12;
const MAX_NAMES: usize = 4;
const MAX_PATH: usize = 40;

/// The input is lines: patterns, in which `*` is a name, then an empty line, then paths as they are on the wire.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (patterns, paths) = text.split_once("\n\n").unwrap_or((&text, ""));
    let table: Vec<Texts> = patterns.lines().take(MAX_TABLE).filter_map(pattern).collect();
    let router = Router::new(
        table
            .iter()
            .enumerate()
            .map(|(index, texts)| registered(index, texts))
            .collect(),
    );
    for raw in paths.lines().take(MAX_TABLE) {
        let path = decoded(raw);
        if path.len() <= MAX_PATH {
            resolve(&router, &table, &path);
        }
    }
}

/// The texts around the names of a pattern.
fn pattern(line: &str) -> Option<Texts> {
    let texts: Texts = line.split('*').map(str::to_owned).collect();
    let fits = line.starts_with('/') && line.len() <= MAX_PATH && texts.len() <= MAX_NAMES + 1;
    // Braces are what names are written with, so no text has any.
    (fits && !line.contains(['{', '}'])).then_some(texts)
}

/// Every third pattern with a name is the caller's to test, as one with a regular expression would be.
fn registered(index: usize, texts: &Texts) -> (String, Pattern) {
    let pattern = match texts.as_slice() {
        [path] => Pattern::Fixed(path.clone()),
        [prefix, .., suffix] if index % 3 == 2 => Pattern::Foreign {
            prefix: prefix.clone(),
            suffix: suffix.clone(),
        },
        _ => Pattern::Named(Named::new(texts).expect("a pattern of names")),
    };
    (key(texts), pattern)
}

fn resolve(router: &Router, table: &[Texts], path: &str) {
    let mut found = Vec::new();
    let Ok(none) = router.find(path, |candidate| {
        let index = candidate.index();
        if candidate.is_foreign() {
            found.extend(naive(&table[index], path).map(|names| (index, names)));
        } else {
            found.push((index, candidate.captures().unwrap_or_default().to_vec()));
        }
        Ok::<Option<()>, Infallible>(None)
    });
    assert_eq!(none, None);
    assert_eq!(found, expected(table, path), "{path:?} in {table:?}");
    for (_, names) in found {
        for name in names {
            assert_eq!(decode_capture(name), name.replace("%2F", "/").replace("%25", "%"));
        }
    }
    let most = 64 * (1 + path.len()) * (1 + table.len());
    assert!(router.effort(path) <= most, "the effort is out of proportion");
}

/// A path decoded, which a plain decoder has to agree with.
fn decoded(raw: &str) -> String {
    let path = decode_path(raw);
    assert_eq!(path, plain(raw));
    // Only what was not decoded is left to be.
    assert!(path.len() <= raw.len());
    path.into_owned()
}

/// Decode runs of escapes by what std makes of their bytes.
fn plain(raw: &str) -> String {
    let mut decoded = String::new();
    let mut rest = raw;
    while !rest.is_empty() {
        let run: Vec<u8> = rest.as_bytes().chunks_exact(3).map_while(escape).collect();
        let mut at = 0;
        for chunk in run.utf8_chunks() {
            for letter in chunk.valid().chars() {
                match letter {
                    '/' => decoded.push_str("%2F"),
                    '%' => decoded.push_str("%25"),
                    _ => decoded.push(letter),
                }
            }
            let start = at + chunk.valid().len();
            at = start + chunk.invalid().len();
            decoded.push_str(&rest[start * 3..at * 3]);
        }
        rest = &rest[run.len() * 3..];
        let plain = rest.chars().next().map_or(0, char::len_utf8);
        decoded.push_str(&rest[..plain]);
        rest = &rest[plain..];
    }
    decoded
}

fn escape(three: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(three.strip_prefix(b"%")?).ok()?;
    let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| hex)
}
