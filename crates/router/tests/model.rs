//! Random tables and paths, against a model that does what the documentation says in the plainest way: walk the keys
//! of the path from the longest to the root, try every pattern under each in order of registration.

use std::convert::Infallible;

use quinde_router::{Named, Pattern, Router};

/// A small generator, seeded: the same cases on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// A pattern as the texts around its names; one text is a fixed path.
type Texts = Vec<String>;

fn last(texts: &mut Texts) -> &mut String {
    texts.last_mut().expect("one text at least")
}

fn random_texts(dice: &mut Dice) -> Texts {
    let mut texts = vec![String::new()];
    for _ in 0..=dice.roll(3) {
        last(&mut texts).push('/');
        for _ in 0..dice.roll(3) {
            if dice.roll(2) == 0 {
                last(&mut texts).push_str(dice.pick(&["a", "b", "-", "é"]));
            } else {
                texts.push(String::new());
            }
        }
    }
    texts
}

/// A path that often fits: the texts of a pattern, with something in place of the names.
fn random_path(dice: &mut Dice, table: &[Texts]) -> String {
    if dice.roll(4) == 0 {
        return (0..1 + dice.roll(9))
            .map(|_| dice.pick(&["/", "a", "b", "-", "é", "{", "/a"]))
            .collect();
    }
    let [first, others @ ..] = table[dice.roll(table.len())].as_slice() else {
        return String::new();
    };
    others.iter().fold(first.clone(), |path, text| {
        path + dice.pick(&["a", "b", "-", "aé-", "a-b", "é", "{", "/"]) + text
    })
}

/// Match by trying every length of every name, longest first: what a backtracking engine does.
fn naive<'p>(texts: &[String], path: &'p str) -> Option<Vec<&'p str>> {
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

fn key(texts: &[String]) -> String {
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

fn expected<'p>(table: &[Texts], path: &'p str) -> Vec<(usize, Vec<&'p str>)> {
    let mut matches = Vec::new();
    for wanted in keys(path) {
        for (index, texts) in table.iter().enumerate().filter(|(_, texts)| key(texts) == wanted) {
            matches.extend(naive(texts, path).map(|names| (index, names)));
        }
    }
    matches
}

#[test]
fn every_table_answers_as_the_model() {
    let mut dice = Dice(0x51_4E_44_45);
    let (mut matched, mut mixed) = (0, 0);
    for _ in 0..300 {
        let table: Vec<Texts> = (0..1 + dice.roll(12)).map(|_| random_texts(&mut dice)).collect();
        // Every third pattern is the caller's to test, as one with a regular expression would be.
        let foreign = |index: usize, texts: &Texts| index % 3 == 2 && texts.len() > 1;
        let patterns = table.iter().enumerate().map(|(index, texts)| {
            let pattern = match texts.as_slice() {
                [path] => Pattern::Fixed(path.clone()),
                [prefix, .., suffix] if foreign(index, texts) => Pattern::Foreign {
                    prefix: prefix.clone(),
                    suffix: suffix.clone(),
                },
                _ => Pattern::Named(Named::new(texts).expect("a pattern of names")),
            };
            (key(texts), pattern)
        });
        let router = Router::new(patterns.collect());
        for _ in 0..40 {
            let path = random_path(&mut dice, &table);
            let mut found = Vec::new();
            let Ok(none) = router.find(&path, |candidate| {
                let index = candidate.index();
                if candidate.is_foreign() {
                    found.extend(naive(&table[index], &path).map(|names| (index, names)));
                } else {
                    found.push((index, candidate.captures().unwrap_or_default().to_vec()));
                }
                Ok::<Option<()>, Infallible>(None)
            });
            assert_eq!(none, None);
            assert_eq!(found, expected(&table, &path), "{path:?} in {table:?}");
            matched += usize::from(!found.is_empty());
            mixed += usize::from(found.len() > 1);
        }
    }
    assert!(
        matched > 1000 && mixed > 200,
        "too few hits to mean anything: {matched}, {mixed}"
    );
}
