//! Bytes that have come but not been used up.
//!
//! Empty most of the time: the machines parse straight from the slice they are given and keep only
//! what is left of it.

/// An append-only buffer with a used-up front.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    used: usize,
}

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.used == self.bytes.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.used
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    /// Keep these bytes behind those that are there.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        // The used-up front goes once it is the larger part: then what is moved was paid for by what
        // was used up, and the work stays linear.
        if self.used > 0 && self.used >= self.len() {
            self.bytes.drain(..self.used);
            self.used = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The first `n` bytes were used up. An emptied buffer gives its memory back: it is needed only
    /// for a head that came in pieces and for pipelining.
    pub(crate) fn use_up(&mut self, n: usize) {
        self.used += n.min(self.len());
        if self.is_empty() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes = Vec::new();
        self.used = 0;
    }

    /// Take everything.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let used = std::mem::take(&mut self.used);
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.drain(..used);
        bytes
    }

    /// Take the buffer out to read from it while the owner is written to; `restore` puts it back.
    pub(crate) fn lend(&mut self) -> Inbox {
        std::mem::take(self)
    }

    /// Put a lent buffer back, `n` more bytes of it used up. What the owner kept in the meantime is
    /// dropped: the owner keeps nothing while the buffer is lent.
    pub(crate) fn restore(&mut self, lent: Inbox, n: usize) {
        *self = lent;
        self.use_up(n);
    }
}
