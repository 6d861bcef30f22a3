//! A table whose keys are never reused: slots are, generations are not.
//!
//! It knows nothing of what it stores, and runs no code of it but, when it is dropped itself, its destructor.
//! Freed slots are taken again last-in first-out, so a busy table stays in the cache.

use std::mem;

/// The name of one value in a [`Slab`], unique for the life of that slab: slot and generation of the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    index: u32,
    generation: u32,
}

impl Token {
    /// The token as one number, as poller and foreign objects keep it.
    pub const fn as_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The token that [`Token::as_u64`] made `number` from.
    ///
    /// Any number gives a token; one that names nothing is found nowhere.
    #[allow(clippy::cast_possible_truncation)] // the lower half is meant
    pub const fn from_u64(number: u64) -> Self {
        Self {
            index: number as u32,
            generation: (number >> 32) as u32,
        }
    }

    /// The slot, for tables that run beside a slab.
    pub(crate) const fn index(self) -> usize {
        self.index as usize
    }

    /// How often the slot was freed before.
    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }
}

/// Says in `Slot::Vacant` that no other slot is free.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
enum Content<T> {
    Occupied(T),
    Vacant { next: u32 },
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

/// Values under [`Token`]s that are never given twice.
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slab<T> {
    /// Make an empty table. It allocates with the first value.
    pub const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// The token that the next [`Slab::insert`] will return, for values that must know their own name.
    pub fn vacant_token(&self) -> Token {
        match self.slots.get(self.free as usize) {
            Some(slot) => Token {
                index: self.free,
                generation: slot.generation,
            },
            None => Token {
                index: self.end(),
                generation: 0,
            },
        }
    }

    /// Store `value` and return its token.
    pub fn insert(&mut self, value: T) -> Token {
        let token = self.vacant_token();
        let content = Content::Occupied(value);
        match self.slots.get_mut(token.index()) {
            Some(slot) => {
                if let Content::Vacant { next } = mem::replace(&mut slot.content, content) {
                    self.free = next;
                }
            }
            None => self.slots.push(Slot {
                generation: 0,
                content,
            }),
        }
        self.len += 1;
        token
    }

    /// The value of `token`, if it is still here.
    pub fn get(&self, token: Token) -> Option<&T> {
        match self.slots.get(token.index()) {
            Some(Slot {
                generation,
                content: Content::Occupied(value),
            }) if *generation == token.generation => Some(value),
            _ => None,
        }
    }

    /// The value of `token` to change, if it is still here.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        match self.slots.get_mut(token.index()) {
            Some(Slot {
                generation,
                content: Content::Occupied(value),
            }) if *generation == token.generation => Some(value),
            _ => None,
        }
    }

    /// Take the value of `token` out. The token names nothing ever after.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let slot = self.slots.get_mut(token.index())?;
        if slot.generation != token.generation || matches!(slot.content, Content::Vacant { .. }) {
            return None;
        }
        // A slot whose generations are used up is left alone for ever: 32 bytes after four thousand million
        // connections are cheaper than one answer to the wrong peer.
        let retired = slot.generation == u32::MAX;
        let next = if retired { NONE } else { self.free };
        let Content::Occupied(value) = mem::replace(&mut slot.content, Content::Vacant { next }) else {
            return None;
        };
        if !retired {
            slot.generation += 1;
            self.free = token.index;
        }
        self.len -= 1;
        Some(value)
    }

    /// Whether `token` still names a value.
    pub fn contains(&self, token: Token) -> bool {
        self.get(token).is_some()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All values with their tokens, in the order of the slots.
    pub fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        self.slots
            .iter()
            .zip(0u32..)
            .filter_map(|(slot, index)| match &slot.content {
                Content::Occupied(value) => Some((
                    Token {
                        index,
                        generation: slot.generation,
                    },
                    value,
                )),
                Content::Vacant { .. } => None,
            })
    }

    /// Take all values out, in the order of the slots.
    ///
    /// The table is empty when this returns, so code that runs for a drained value may already insert new
    /// ones.
    pub fn drain(&mut self) -> std::vec::IntoIter<(Token, T)> {
        let tokens: Vec<Token> = self.iter().map(|(token, _)| token).collect();
        let values: Vec<(Token, T)> = tokens
            .into_iter()
            .filter_map(|token| Some((token, self.remove(token)?)))
            .collect();
        values.into_iter()
    }

    fn end(&self) -> u32 {
        // Each value holds a descriptor; no system has four thousand million.
        u32::try_from(self.slots.len()).unwrap_or(NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::{Slab, Token};

    #[test]
    fn a_slot_retires_when_its_generations_are_used_up() {
        let mut slab = Slab::new();
        slab.insert('a');
        slab.slots[0].generation = u32::MAX;
        let last = Token {
            index: 0,
            generation: u32::MAX,
        };
        assert_eq!(slab.remove(last), Some('a'));
        assert_eq!(
            slab.insert('b'),
            Token {
                index: 1,
                generation: 0
            }
        );
        assert_eq!(slab.get(last), None);
        assert_eq!(slab.remove(last), None);
        assert_eq!(slab.len(), 1);
    }
}
