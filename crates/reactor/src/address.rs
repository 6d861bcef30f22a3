//! Where a socket is bound or connected. Plain data; resolves no names.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

#[cfg(unix)]
use socket2::SockAddr;

/// The address of one end of a stream socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP. A version 6 address keeps its scope id and its flow information, the latter in network byte order
    /// as the system gives it.
    Inet(SocketAddr),
    /// A Unix socket; `None` for an unnamed one, as clients have. A path that begins with a NUL byte is a
    /// name in Linux's abstract namespace.
    Unix(Option<PathBuf>),
}

impl Address {
    /// What the system says, or `None` for a family that is neither.
    #[cfg(unix)]
    pub(crate) fn from_system(address: &SockAddr) -> Option<Self> {
        if let Some(inet) = address.as_socket() {
            return Some(Self::Inet(inet));
        }
        address.is_unix().then(|| Self::Unix(name(address)))
    }

    /// The TCP address, if it is one.
    pub fn as_inet(&self) -> Option<&SocketAddr> {
        match self {
            Self::Inet(address) => Some(address),
            Self::Unix(_) => None,
        }
    }
}

#[cfg(unix)]
fn name(address: &SockAddr) -> Option<PathBuf> {
    address
        .as_pathname()
        .map(PathBuf::from)
        .or_else(|| abstract_name(address))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(address: &SockAddr) -> Option<PathBuf> {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let name = address.as_abstract_namespace()?;
    let mut bytes = Vec::with_capacity(1 + name.len());
    bytes.push(0);
    bytes.extend_from_slice(name);
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn abstract_name(_address: &SockAddr) -> Option<PathBuf> {
    None
}

impl fmt::Display for Address {
    /// Write `127.0.0.1:80`, `[fe80::1%2]:80`, `unix:/run/app.sock`, `unix:@abstract` or `unix:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(None) => f.write_str("unix:"),
            Self::Unix(Some(path)) => {
                let text = path.to_string_lossy();
                match text.strip_prefix('\0') {
                    Some(name) => write!(f, "unix:@{name}"),
                    None => write!(f, "unix:{text}"),
                }
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
    use std::path::PathBuf;

    use socket2::SockAddr;

    use super::Address;

    #[test]
    fn a_version_6_address_keeps_scope_and_flow() {
        let address = SocketAddrV6::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), 8080, 9, 2);
        let from_system = Address::from_system(&SockAddr::from(address)).unwrap();
        assert_eq!(from_system, Address::Inet(SocketAddr::V6(address)));
        assert_eq!(from_system.to_string(), "[fe80::1%2]:8080");
        let Some(SocketAddr::V6(back)) = from_system.as_inet() else {
            panic!("version 6")
        };
        assert_eq!((back.scope_id(), back.flowinfo()), (2, 9));
    }

    #[test]
    fn each_kind_has_its_spelling() {
        let inet: SocketAddr = "127.0.0.1:80".parse().unwrap();
        for (address, spelling) in [
            (Address::Inet(inet), "127.0.0.1:80"),
            (Address::Unix(None), "unix:"),
            (
                Address::Unix(Some(PathBuf::from("/run/app.sock"))),
                "unix:/run/app.sock",
            ),
            (Address::Unix(Some(PathBuf::from("\0app"))), "unix:@app"),
        ] {
            assert_eq!(address.to_string(), spelling);
            assert_eq!(address.as_inet().is_some(), address == Address::Inet(inet));
        }
    }

    #[test]
    fn a_path_stays_a_path() {
        let system = SockAddr::unix("/run/app.sock").unwrap();
        assert_eq!(
            Address::from_system(&system),
            Some(Address::Unix(Some(PathBuf::from("/run/app.sock"))))
        );
    }
}
