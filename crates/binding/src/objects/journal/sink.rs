//! Where lines go: a bounded buffer before a descriptor. Never blocks, knows no Python.
//!
//! # Theory of operation
//!
//! Lines are gathered and written in batches. What cannot be written (the disk is full, the pipe's reader slow or gone)
//! stays in the buffer and is tried again with the next [`Sink::flush`]; when the buffer is full, new lines are dropped
//! whole and counted. So a line is never cut, and what was there first is kept.
//!
//! A regular file takes what it is given, at the speed of the disk. A socket is asked not to wait. Anything else (pipe,
//! terminal) is written to in pieces of at most `PIPE_BUF` bytes after poll(2) has said that there is room: to make it
//! non-blocking would change it for whoever shares it, and that is the caller's terminal as a rule.

use std::io;
use std::os::fd::RawFd;

/// What a pipe that polls as writable takes without waiting (POSIX: PIPE_BUF; Linux has 4096 everywhere).
const PIECE: usize = 4096;
/// A buffer that an outage made larger than this is given back.
const MAX_KEPT: usize = 256 * 1024;

/// What has become of the lines so far.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Lines taken into the buffer.
    pub lines: u64,
    /// Lines that found the buffer full.
    pub dropped: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Writes that failed, "try later" not counted.
    pub failures: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Socket,
    /// Pipes, terminals, devices.
    Polled,
}

pub struct Sink {
    target: Option<(RawFd, Kind)>,
    buffer: Vec<u8>,
    batch: usize,
    capacity: usize,
    /// The last write failed or had to stop: only `flush` tries again.
    stalled: bool,
    /// The last failure, until a write succeeds.
    pub failure: Option<i32>,
    pub counts: Counts,
}

impl Sink {
    /// `batch` bytes are written at once, `capacity` bytes are kept at most.
    pub fn new(batch: usize, capacity: usize) -> Self {
        Self {
            target: None,
            buffer: Vec::new(),
            batch,
            capacity,
            stalled: false,
            failure: None,
            counts: Counts::default(),
        }
    }

    /// Write to this descriptor from now on; None: keep the lines until somebody takes them.
    pub fn set_target(&mut self, descriptor: Option<RawFd>) -> io::Result<()> {
        self.target = descriptor
            .map(|fd| Ok::<_, io::Error>((fd, kind(fd)?)))
            .transpose()?;
        self.stalled = false;
        Ok(())
    }

    /// Add a line; its end is added here.
    pub fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.buffer.len();
        write(&mut self.buffer);
        self.buffer.push(b'\n');
        if self.buffer.len() > self.capacity {
            self.buffer.truncate(before);
            self.counts.dropped += 1;
            return;
        }
        self.counts.lines += 1;
        if self.buffer.len() >= self.batch && !self.stalled {
            self.flush(0);
        }
    }

    /// How many bytes wait.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Take what waits, for a target that is no descriptor; it counts as written.
    pub fn take(&mut self) -> Vec<u8> {
        self.counts.bytes += self.buffer.len() as u64;
        std::mem::take(&mut self.buffer)
    }

    /// What was taken could not be written.
    pub fn lose(&mut self, taken: &[u8]) {
        self.counts.bytes -= taken.len() as u64;
        self.counts.failures += 1;
        self.count_lost(taken);
    }

    /// Give up what waits, and drop all that comes.
    pub fn close(&mut self) {
        let given_up = std::mem::take(&mut self.buffer);
        self.count_lost(&given_up);
        self.capacity = 0;
        self.target = None;
    }

    fn count_lost(&mut self, text: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', text).count() as u64;
        self.counts.lines -= lines;
        self.counts.dropped += lines;
    }

    /// Drop what waits: after a fork it is the parent's to write.
    pub fn forget(&mut self) {
        self.buffer.clear();
    }

    /// Write what waits, as far as that goes; where it stops, wait for so many milliseconds at most.
    pub fn flush(&mut self, patience: i32) {
        let Some((fd, kind)) = self.target else { return };
        let mut written = 0;
        self.stalled = false;
        while written < self.buffer.len() {
            match write_some(fd, kind, &self.buffer[written..], patience) {
                Ok(0) => {
                    self.stalled = true;
                    break;
                }
                Ok(n) => {
                    written += n;
                    self.failure = None;
                }
                Err(error) => {
                    self.stalled = true;
                    self.failure = error.raw_os_error();
                    self.counts.failures += 1;
                    break;
                }
            }
        }
        self.counts.bytes += written as u64;
        if written < self.buffer.len() {
            self.buffer.drain(..written);
        } else if self.buffer.capacity() > MAX_KEPT {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }
}

fn kind(fd: RawFd) -> io::Result<Kind> {
    // SAFETY: all zeros is a value of this plain C structure.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: fstat(2) writes to the structure it is given, and checks the descriptor.
    if unsafe { libc::fstat(fd, &raw mut status) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(match status.st_mode & libc::S_IFMT {
        libc::S_IFREG => Kind::File,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Polled,
    })
}

/// Write the first part of some lines. Zero: not now.
fn write_some(fd: RawFd, kind: Kind, bytes: &[u8], patience: i32) -> io::Result<usize> {
    if kind != Kind::File && (kind == Kind::Polled || patience > 0) && !is_writable(fd, patience)? {
        return Ok(0);
    }
    let piece = if kind == Kind::Polled {
        whole_lines(bytes)
    } else {
        bytes
    };
    loop {
        let (start, length) = (piece.as_ptr().cast(), piece.len());
        let written = match kind {
            // SAFETY: pointer and length describe `piece`; the system checks the descriptor.
            Kind::Socket => unsafe { libc::send(fd, start, length, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) },
            // SAFETY: as above.
            Kind::File | Kind::Polled => unsafe { libc::write(fd, start, length) },
        };
        if let Ok(written) = usize::try_from(written) {
            return Ok(written);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => return Ok(0),
            _ => return Err(error),
        }
    }
}

/// The first lines that go into one piece, so that lines of several processes do not mix; else a piece of the first.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let piece = &bytes[..bytes.len().min(PIECE)];
    match memchr::memrchr(b'\n', piece) {
        Some(end) => &piece[..=end],
        None => piece,
    }
}

fn is_writable(fd: RawFd, patience: i32) -> io::Result<bool> {
    let mut asked = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one structure, as the count says, that lives through the call.
    let answered = unsafe { libc::poll(&raw mut asked, 1, patience) };
    if answered < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted {
            Ok(false)
        } else {
            Err(error)
        };
    }
    // A pipe without reader (POLLERR) is to be written to as well: the write says what is wrong.
    Ok(answered > 0)
}
