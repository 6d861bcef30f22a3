//! An index of things that need a text with a certain beginning and end.
//!
//! A table of beginnings, each with a table of ends. A look-up asks both tables once for each length that occurs in
//! them, of which a program has a handful, instead of comparing with every entry.

use crate::hash::TextMap;

#[derive(Debug, Default)]
pub(crate) struct Affixes {
    beginnings: Lengths<Lengths<Vec<u32>>>,
}

/// Texts and the lengths they have.
#[derive(Debug)]
struct Lengths<V> {
    lengths: Vec<usize>,
    texts: TextMap<V>,
}

impl<V> Default for Lengths<V> {
    fn default() -> Self {
        Self {
            lengths: Vec::new(),
            texts: TextMap::default(),
        }
    }
}

impl<V: Default> Lengths<V> {
    fn entry(&mut self, text: &str) -> &mut V {
        if !self.lengths.contains(&text.len()) {
            self.lengths.push(text.len());
        }
        self.texts.entry(text.into()).or_default()
    }
}

impl Affixes {
    pub(crate) fn insert(&mut self, beginning: &str, end: &str, value: u32) {
        self.beginnings.entry(beginning).entry(end).push(value);
    }

    /// Give to `found` the values whose beginning and end `text` has, without overlap. Return the look-ups made.
    pub(crate) fn find(&self, text: &str, mut found: impl FnMut(u32)) -> usize {
        let mut effort = 0;
        for &length in &self.beginnings.lengths {
            effort += 1;
            let Some((beginning, rest)) = text.split_at_checked(length) else {
                continue;
            };
            let Some(ends) = self.beginnings.texts.get(beginning) else {
                continue;
            };
            for &length in &ends.lengths {
                effort += 1;
                let end = rest.len().checked_sub(length).and_then(|at| rest.get(at..));
                let values = end.and_then(|end| ends.texts.get(end));
                values.into_iter().flatten().for_each(|&value| found(value));
            }
        }
        effort
    }
}
