"""HTTP dates, RFC 9110 section 5.6.7."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from quinde.http.dates import format_http_date, parse_http_date

MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
TEXT = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("text", [TEXT, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_three_forms_are_read(text: str) -> None:
    assert parse_http_date(text) == MOMENT


@pytest.mark.parametrize("text", [None, "", "yesterday", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov"])
def test_what_is_no_date_is_none(text: str | None) -> None:
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    "moment",
    [
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT.astimezone(timezone(timedelta(hours=-5))),
        MOMENT.timestamp(),
        int(MOMENT.timestamp()),
        MOMENT - timedelta(microseconds=1),
        MOMENT.timestamp() - 0.5,
    ],
)
def test_written_in_one_form(moment: datetime | float) -> None:
    assert format_http_date(moment) == TEXT
