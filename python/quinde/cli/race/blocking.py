"""Contestants that block: requests, without and with a session."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from quinde.cli.race.contestant import Arrived, Contestant, no_answer, not_ok, too_slow
from quinde.cli.race.course import Course

__all__ = ("RequestsGet", "RequestsSession")


class _Requests(Contestant):
    library = "requests"
    remedy = 'pip install "quinde[race]"'

    @abstractmethod
    def _getter(self) -> AbstractContextManager[Callable[..., Any]]:
        """Give what is called for each address."""

    def run(self, course: Course, arrived: Arrived) -> None:
        """Fetch the course by one blocking call after the other."""
        with self._getter() as get:
            for number, url in course.stops():
                arrived(number, self._fetch(get, url, course))

    def _fetch(self, get: Callable[..., Any], url: str, course: Course) -> bytes:
        verify = True if course.authority is None else course.authority
        try:
            # requests knows no limit for a whole request: this one is for connecting and for each silence.
            response = get(url, timeout=course.timeout, verify=verify)
        except self._module.Timeout:
            raise too_slow(url, course) from None
        except self._module.RequestException as error:
            raise no_answer(url, error) from error
        if response.status_code != 200:
            raise not_ok(url, response.status_code, response.reason)
        body: bytes = response.content
        return body


class RequestsGet(_Requests):
    """`requests.get` for each address, one after the other: a new connection for every call."""

    name = "requests.get"

    def _getter(self) -> AbstractContextManager[Callable[..., Any]]:
        return nullcontext(self._module.get)


class RequestsSession(_Requests):
    """One `requests.Session` for all addresses, one after the other: one connection, kept."""

    name = "requests.Session"

    @contextmanager
    def _getter(self) -> Iterator[Callable[..., Any]]:
        with self._module.Session() as session:
            yield session.get
