//! All patterns together, and the order in which a path's candidates are offered.
//!
//! The order is a total one, fixed when the router is built: each pattern gets a rank, by the length of its key and
//! then by registration. The keys that fit one path begin each other, so no two of them are equally long, and the
//! rank alone says which comes first.

use crate::affix::Affixes;
use crate::hash::TextMap;
use crate::pattern::{Captures, Named, Pattern};
use crate::tree::{Ranks, Tree};

/// Patterns, found by path. It never changes after it was built.
#[derive(Debug)]
pub struct Router {
    fixed: TextMap<FixedPath>,
    tree: Tree,
    foreign: Affixes,
    /// By rank.
    entries: Vec<Entry>,
}

/// One path that fixed patterns are registered for.
#[derive(Debug, Default)]
struct FixedPath {
    ranks: Ranks,
    /// Whether the first of them comes before everything else that fits this path.
    leads: bool,
}

#[derive(Debug)]
struct Entry {
    index: usize,
    key: Box<str>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Fixed,
    Named(Named),
    Foreign,
}

/// A pattern that may take the request.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'r, 'p> {
    entry: &'r Entry,
    path: &'p str,
}

impl<'p> Candidate<'_, 'p> {
    /// Its place among the patterns that the router was made from.
    #[must_use]
    pub fn index(&self) -> usize {
        self.entry.index
    }

    /// Whether the caller has to test the path; the others are known to match.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.entry.kind, Kind::Foreign)
    }

    /// What the names of a [`Pattern::Named`] stand for, before [`decode_capture`](crate::decode_capture); else `None`.
    #[must_use]
    pub fn captures(&self) -> Option<Captures<'p>> {
        match &self.entry.kind {
            Kind::Named(pattern) => pattern.captures(self.path),
            Kind::Fixed | Kind::Foreign => None,
        }
    }
}

impl Router {
    /// Build the router from keys and patterns in order of registration.
    ///
    /// A key has no trailing slash, except that the root's is `/`.
    #[must_use]
    pub fn new(patterns: Vec<(String, Pattern)>) -> Self {
        let mut numbered: Vec<_> = patterns.into_iter().enumerate().collect();
        numbered.sort_by_key(|(_, (key, _))| std::cmp::Reverse(weight(key)));
        let mut router = Self {
            fixed: TextMap::default(),
            tree: Tree::new(),
            foreign: Affixes::default(),
            entries: Vec::with_capacity(numbered.len()),
        };
        for (index, (key, pattern)) in numbered {
            router.insert(index, key, pattern);
        }
        router.find_leaders();
        router
    }

    fn insert(&mut self, index: usize, key: String, pattern: Pattern) {
        // A table of four thousand million routes does not fit into memory.
        let rank = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let kind = match pattern {
            Pattern::Fixed(path) => {
                self.fixed
                    .entry(path.into_boxed_str())
                    .or_default()
                    .ranks
                    .push(rank);
                Kind::Fixed
            }
            Pattern::Named(named) => {
                self.tree.insert(&named, rank);
                Kind::Named(named)
            }
            Pattern::Foreign { prefix, suffix } => {
                // Nothing known of its beginning: the key stands for it.
                let root = if key == "/" { "" } else { &key };
                let prefix = if prefix.starts_with(root) { &prefix } else { root };
                self.foreign.insert(prefix, &suffix, rank);
                Kind::Foreign
            }
        };
        self.entries.push(Entry {
            index,
            key: key.into_boxed_str(),
            kind,
        });
    }

    /// Mark the fixed paths that need no look at anything else.
    fn find_leaders(&mut self) {
        let leaders: Vec<Box<str>> = self
            .fixed
            .iter()
            .filter(|(path, fixed)| self.ranks(path, Some(fixed)).0.first() == fixed.ranks.first())
            .map(|(path, _)| path.clone())
            .collect();
        for path in leaders {
            if let Some(fixed) = self.fixed.get_mut(&path) {
                fixed.leads = true;
            }
        }
    }

    /// Offer to `take` the candidates for a decoded path, in order, until it gives something.
    ///
    /// # Errors
    ///
    /// The first error of `take`, which ends the search.
    pub fn find<'r, 'p, T, E>(
        &'r self,
        path: &'p str,
        mut take: impl FnMut(Candidate<'r, 'p>) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let fixed = self.fixed.get(path);
        let leader = fixed
            .filter(|fixed| fixed.leads)
            .and_then(|fixed| fixed.ranks.first());
        if let Some(&rank) = leader {
            if let taken @ Some(_) = take(self.candidate(rank, path))? {
                return Ok(taken);
            }
        }
        // The leader, if any, is the first of all ranks and had its turn.
        for &rank in self
            .ranks(path, fixed)
            .0
            .iter()
            .skip(usize::from(leader.is_some()))
        {
            if let taken @ Some(_) = take(self.candidate(rank, path))? {
                return Ok(taken);
            }
        }
        Ok(None)
    }

    /// The work of a full look-up of `path`: table look-ups, tree nodes visited and candidates offered.
    ///
    /// It does not grow with the number of patterns that do not fit the path.
    #[must_use]
    pub fn effort(&self, path: &str) -> usize {
        let (ranks, effort) = self.ranks(path, self.fixed.get(path));
        effort + ranks.len()
    }

    fn candidate<'r, 'p>(&'r self, rank: u32, path: &'p str) -> Candidate<'r, 'p> {
        Candidate {
            entry: &self.entries[rank as usize],
            path,
        }
    }

    /// All that fits `path`, `fixed` among it, in order, and what it took to find them.
    fn ranks(&self, path: &str, fixed: Option<&FixedPath>) -> (Ranks, usize) {
        let found = self.tree.find(path);
        let mut ranks = found.ranks;
        let tables = self.foreign.find(path, |rank| {
            if covers(&self.entries[rank as usize].key, path) {
                ranks.push(rank);
            }
        });
        if let Some(fixed) = fixed {
            ranks.extend_from_slice(&fixed.ranks);
        }
        ranks.sort_unstable();
        (ranks, 1 + found.effort + tables)
    }
}

/// How much a key decides: its length, but nothing for the root, which covers every path.
fn weight(key: &str) -> usize {
    if key == "/" { 0 } else { key.len() }
}

/// Whether `path` is `key` or lies below it.
fn covers(key: &str, path: &str) -> bool {
    match path.strip_prefix(key) {
        Some(rest) => key == "/" || rest.is_empty() || rest.starts_with('/'),
        None => key == "/" && !path.is_empty(),
    }
}
