"""HTTP dates (RFC 9110 section 5.6.7): read what peers send, write IMF-fixdate.

Pure functions of their arguments. The date of *now* is the core's (`_core.http_date`, one string a second).
"""

import datetime
import math

__all__ = ("format_http_date", "parse_http_date")

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_http_date(value: str | None) -> datetime.datetime | None:
    """Read a date header's value.

    Every form that mail and HTTP have used is taken, as recipients must (RFC 9110 section 5.6.7).

    Args:
        value: The field's value, or None when the field is absent.

    Returns:
        An aware datetime in UTC, or None when there is no value or it is no date.
    """
    if value is None:
        return None
    from email.utils import parsedate  # a third of this package's import time, for a rare header

    parts = parsedate(value)
    if parts is None:
        return None
    try:
        return datetime.datetime(*parts[:6], tzinfo=datetime.UTC)
    except ValueError:
        return None


def format_http_date(moment: float | datetime.datetime) -> str:
    """Write a moment as IMF-fixdate, independent of the locale.

    Fractions are rounded up: a validator must never be earlier than the change that it stands for.

    Args:
        moment: Seconds since the epoch, or a datetime (aware: converted to UTC; naive: taken as UTC).

    Returns:
        For example ``Sun, 06 Nov 1994 08:49:37 GMT``.
    """
    if isinstance(moment, datetime.datetime):
        if moment.microsecond:
            moment = moment.replace(microsecond=0) + datetime.timedelta(seconds=1)
        year, month, day, hour, minute, second, weekday, *_ = moment.utctimetuple()
    else:
        utc = datetime.datetime.fromtimestamp(math.ceil(moment), datetime.UTC)
        year, month, day, hour, minute, second, weekday, *_ = utc.timetuple()
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
