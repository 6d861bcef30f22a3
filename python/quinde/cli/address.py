"""What addresses the commands take. Knows URLs and no library."""

from urllib.parse import urlsplit

__all__ = ("check_url",)


def check_url(url: str) -> str | None:
    """Return what is wrong with an address, or None if it is good."""
    if any(not character.isprintable() or character.isspace() for character in url):
        return "has a space or control character in it"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is no URL: {error}"
    if parts.scheme not in ("http", "https") or not host:
        return f"must be an http:// or https:// URL with a host, not {url!r}"
    return None
