//! The queue of connections that have something to do: first in, first out, each at most once.
//!
//! A doubly linked list through a table that runs beside the slab. So push, pop and remove from the middle
//! are all O(1), a duplicate cannot exist, and the memory is that of the table.

use crate::slab::Token;

const END: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    generation: u32,
    is_queued: bool,
    previous: u32,
    next: u32,
}

const LOOSE: Link = Link {
    generation: 0,
    is_queued: false,
    previous: END,
    next: END,
};

/// A first-in first-out queue of [`Token`]s of one slab, without duplicates.
#[derive(Debug)]
pub struct ReadyQueue {
    links: Vec<Link>,
    head: u32,
    tail: u32,
    len: usize,
}

impl Default for ReadyQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl ReadyQueue {
    /// Make an empty queue.
    pub const fn new() -> Self {
        Self {
            links: Vec::new(),
            head: END,
            tail: END,
            len: 0,
        }
    }

    /// Put `token` at the end unless it is in the queue; return whether it was put there.
    ///
    /// An older connection of the same slot is gone, so it leaves the queue; the token of one older than what
    /// the queue holds is refused.
    pub fn push(&mut self, token: Token) -> bool {
        let index = token.index();
        if index >= self.links.len() {
            self.links.resize(index + 1, LOOSE);
        }
        let link = self.links[index];
        if link.is_queued {
            if link.generation >= token.generation() {
                return false;
            }
            self.unlink(index);
        }
        let (slot, tail) = (slot_number(index), self.tail);
        self.links[index] = Link {
            generation: token.generation(),
            is_queued: true,
            previous: tail,
            next: END,
        };
        match self.links.get_mut(tail as usize) {
            Some(last) => last.next = slot,
            None => self.head = slot,
        }
        self.tail = slot;
        self.len += 1;
        true
    }

    /// Take the token at the front.
    pub fn pop(&mut self) -> Option<Token> {
        let head = self.head;
        let link = *self.links.get(head as usize)?;
        self.unlink(head as usize);
        Some(Token::from_u64(
            u64::from(link.generation) << 32 | u64::from(head),
        ))
    }

    /// Take `token` out, wherever it stands; return whether it was there.
    pub fn remove(&mut self, token: Token) -> bool {
        let is_there = self.contains(token);
        if is_there {
            self.unlink(token.index());
        }
        is_there
    }

    /// Whether `token` is in the queue.
    pub fn contains(&self, token: Token) -> bool {
        self.links
            .get(token.index())
            .is_some_and(|link| link.is_queued && link.generation == token.generation())
    }

    /// How many tokens wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Take all tokens out.
    pub fn clear(&mut self) {
        while self.pop().is_some() {}
    }

    fn unlink(&mut self, index: usize) {
        let Link { previous, next, .. } = self.links[index];
        match self.links.get_mut(previous as usize) {
            Some(link) => link.next = next,
            None => self.head = next,
        }
        match self.links.get_mut(next as usize) {
            Some(link) => link.previous = previous,
            None => self.tail = previous,
        }
        self.links[index] = LOOSE;
        self.len -= 1;
    }
}

/// The inverse of [`Token::index`].
fn slot_number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(END)
}
