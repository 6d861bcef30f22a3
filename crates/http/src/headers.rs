//! Received fields: one byte block with an index, order and case kept.
//!
//! Knows how fields are looked up, not what they mean or how they were validated.

/// Where a field's name and value lie in the block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldIndex {
    pub name_start: u32,
    pub name_len: u32,
    pub value_start: u32,
    pub value_len: u32,
}

impl FieldIndex {
    fn bytes(self) -> [u8; ENTRY] {
        let mut entry = [0; ENTRY];
        entry[..4].copy_from_slice(&self.name_start.to_ne_bytes());
        entry[4..8].copy_from_slice(&self.name_len.to_ne_bytes());
        entry[8..12].copy_from_slice(&self.value_start.to_ne_bytes());
        entry[12..].copy_from_slice(&self.value_len.to_ne_bytes());
        entry
    }

    fn from_bytes(entry: [u8; ENTRY]) -> FieldIndex {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = entry;
        FieldIndex {
            name_start: u32::from_ne_bytes([a, b, c, d]),
            name_len: u32::from_ne_bytes([e, f, g, h]),
            value_start: u32::from_ne_bytes([i, j, k, l]),
            value_len: u32::from_ne_bytes([m, n, o, p]),
        }
    }
}

const ENTRY: usize = 16;

/// The fields of a head or of a trailer section, as they came.
///
/// One allocation: the bytes of the section, then the index of its fields.
#[derive(Clone, Default)]
pub struct Headers {
    block: Box<[u8]>,
    text_len: usize,
}

impl Headers {
    /// Keep `text` and what `fields` point to in it.
    pub(crate) fn new(text: &[u8], fields: &[FieldIndex]) -> Headers {
        let mut block = Vec::with_capacity(text.len() + fields.len() * ENTRY);
        block.extend_from_slice(text);
        for field in fields {
            block.extend_from_slice(&field.bytes());
        }
        Headers {
            block: block.into_boxed_slice(),
            text_len: text.len(),
        }
    }

    /// How many field lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.block.len() - self.text_len) / ENTRY
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Go through the fields in their order: raw name, and value without surrounding white space.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (text, index) = self.block.split_at(self.text_len);
        index.chunks_exact(ENTRY).map(move |entry| {
            let mut bytes = [0; ENTRY];
            bytes.copy_from_slice(entry);
            let field = FieldIndex::from_bytes(bytes);
            let part = |start: u32, len: u32| &text[start as usize..][..len as usize];
            (
                part(field.name_start, field.name_len),
                part(field.value_start, field.value_len),
            )
        })
    }

    /// The first value of a field; the name's case does not matter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// All values of a field in their order; the name's case does not matter.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// A part of the section's bytes, empty when out of range.
    pub(crate) fn text(&self, start: u32, end: u32) -> &[u8] {
        self.block[..self.text_len]
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = self
            .iter()
            .map(|(name, value)| (name.escape_ascii().to_string(), value.escape_ascii().to_string()));
        out.debug_map().entries(fields).finish()
    }
}

/// Two sections are equal when their fields are, byte by byte and in order.
impl PartialEq for Headers {
    fn eq(&self, other: &Headers) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}
