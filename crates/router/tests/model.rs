//! Random tables and paths, against a model that does what the documentation says in the plainest way.
#![allow(unreachable_pub, reason = "the model is shared")]

mod support;

use std::convert::Infallible;

use quinde_router::{Named, Pattern, Router};
use support::{Texts, expected, key, naive};

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
