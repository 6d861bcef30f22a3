//! The receive buffer that all connections of a loop share.
//!
//! What is not consumed at once is kept by a machine, or by `ssl`: so one is enough.

/// With less, large bodies over TLS cost more for system calls than for their bytes.
pub const SIZE: usize = 256 * 1024;

/// Empty before its first use, and while `ssl` reads from it.
#[derive(Default)]
pub struct Scratch(Box<[u8]>);

impl Scratch {
    pub fn room(&mut self) -> &mut [u8] {
        if self.0.is_empty() {
            self.0 = vec![0; SIZE].into_boxed_slice();
        }
        &mut self.0
    }

    pub fn first(&self, n: usize) -> &[u8] {
        &self.0[..n]
    }

    /// Gives the buffer away, with what was received into it.
    pub fn lend(&mut self) -> Box<[u8]> {
        std::mem::take(&mut self.0)
    }

    pub fn give_back(&mut self, buffer: Box<[u8]>) {
        self.0 = buffer;
    }
}
