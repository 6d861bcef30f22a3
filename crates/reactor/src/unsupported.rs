//! What stands for the poller where there is none: a type without values, that cannot be made.

use std::io;
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::readiness::Readiness;
use crate::slab::Token;

#[derive(Debug)]
pub(crate) enum Poller {}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn poll(&mut self, _: Option<Duration>, _: &mut Vec<(Token, Readiness)>) -> io::Result<()> {
        match *self {}
    }
}

#[cfg(unix)]
impl Poller {
    pub(crate) fn register(&self, _: &impl AsRawFd, _: Token) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn deregister(&self, _: &impl AsRawFd) -> io::Result<()> {
        match *self {}
    }
}

#[cfg(unix)]
impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        match *self {}
    }
}
