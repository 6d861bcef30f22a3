"""A certificate for the embedded server, made when it starts and gone when it ends.

`trustme` makes it: an authority that nobody else knows, and a certificate of this machine's loopback that it
has signed. The private keys never leave the server's process.
"""

import ssl
from importlib.util import find_spec

__all__ = ("REMEDY", "can_make", "make")

REMEDY = 'trustme is not installed: pip install "quinde[race]"'
"""Why there is none, and what to do about it."""


def can_make() -> bool:
    """Tell whether `make` will work, at the cost of a look and not of an import."""
    return find_spec("trustme") is not None


def make() -> tuple[ssl.SSLContext, str]:
    """Make one.

    Returns:
        The server's context, for TLS 1.3, and the authority's certificate as PEM, for clients.
    """
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # One round trip for a handshake, as it says in the table's title.
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context, authority.cert_pem.bytes().decode("ascii")
