"""What both ends of HTTP say: streams, content codings, dates, media types, entity tags, versions.

Knows neither sockets nor sides: `client` and `web` stand on it. Nothing is re-exported here.
"""

__all__ = ()
