//! The tree of named patterns: one level a segment.
//!
//! A look-up follows every branch that fits the path, fixed text, name and mixed alike, and gives all patterns found;
//! the router puts them in order. So it visits no more nodes than fit the path, however many patterns there are.

use smallvec::SmallVec;

use crate::affix::Affixes;
use crate::hash::TextMap;
use crate::pattern::{Mixed, Named, Segment, fits_name};

/// Ranks of patterns: the lower comes first.
pub(crate) type Ranks = SmallVec<[u32; 4]>;

#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    fixed: TextMap<usize>,
    name: Option<usize>,
    /// Segments of text and names, and where their texts begin and end: places in `mixed`.
    mixed: Vec<(Mixed, usize)>,
    affixes: Affixes,
    /// Patterns that end here.
    ends: Ranks,
}

/// What a look-up found, and what it cost.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) ranks: Ranks,
    pub(crate) effort: usize,
}

const ROOT: usize = 0;

impl Tree {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }

    pub(crate) fn insert(&mut self, pattern: &Named, rank: u32) {
        let mut at = ROOT;
        for segment in pattern.segments() {
            at = self.child(at, segment);
        }
        self.nodes[at].ends.push(rank);
    }

    fn child(&mut self, at: usize, segment: &Segment) -> usize {
        let fresh = self.nodes.len();
        let node = &mut self.nodes[at];
        let child = match segment {
            Segment::Fixed(text) => *node.fixed.entry(text.as_str().into()).or_insert(fresh),
            Segment::Name => *node.name.get_or_insert(fresh),
            Segment::Mixed(mixed) => {
                let known = node
                    .mixed
                    .iter()
                    .find(|(other, _)| other == mixed)
                    .map(|&(_, child)| child);
                known.unwrap_or_else(|| {
                    let place = u32::try_from(node.mixed.len()).unwrap_or(u32::MAX);
                    let (beginning, end) = mixed.affixes();
                    node.affixes.insert(beginning, end, place);
                    node.mixed.push((mixed.clone(), fresh));
                    fresh
                })
            }
        };
        if child == fresh {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Find every pattern that matches `path`, in no order.
    pub(crate) fn find(&self, path: &str) -> Found {
        let mut found = Found::default();
        if let Some(path) = path.strip_prefix('/') {
            self.visit(ROOT, path, &mut found);
        }
        found
    }

    /// Follow the branches that fit the first segment of `path`. Recursion ends with the tree, which the program made.
    fn visit(&self, at: usize, path: &str, found: &mut Found) {
        found.effort += 1;
        let node = &self.nodes[at];
        let (part, rest) = match memchr::memchr(b'/', path.as_bytes()) {
            Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
            None => (path, None),
        };
        if let Some(&child) = node.fixed.get(part) {
            self.descend(child, rest, found);
        }
        if let Some(child) = node.name.filter(|_| fits_name(part)) {
            self.descend(child, rest, found);
        }
        let mut fitting = Ranks::new();
        found.effort += node.affixes.find(part, |place| fitting.push(place));
        for place in fitting {
            found.effort += 1;
            let (mixed, child) = &node.mixed[place as usize];
            if mixed.matches(part) {
                self.descend(*child, rest, found);
            }
        }
    }

    fn descend(&self, at: usize, rest: Option<&str>, found: &mut Found) {
        match rest {
            Some(path) => self.visit(at, path, found),
            None => found.ranks.extend_from_slice(&self.nodes[at].ends),
        }
    }
}
