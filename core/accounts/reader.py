"""Read the lists and meetings of one account. What cannot be read is returned with its reason, and the rest goes on.

Only the limits of Zoom, and faults of the account itself, are raised: where a request fails without an answer of Zoom's
API, or with another one about the token, the list of users is read to tell the two apart.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from core import messages
from core.errors import (
    ZoomCredentialsError,
    ZoomGoneError,
    ZoomLimitError,
    ZoomPageError,
    ZoomRestError,
    ZoomScopeError,
    ZoomUnreachableError,
    ZoomWebinarError,
)
from core.model.meeting import MeetingKind
from core.zoom.readings import Absence, Reading, Unclear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from core.zoom.rest import ZoomRest

T = TypeVar("T")

# Concurrent requests for one account: enough to use the rate limit of the plan Business where a response takes half a
# second.
CONCURRENT_REQUESTS = 32
_CHECK_EXPIRY_SECONDS = 5.0
# After so many that lack the same scope, before any other answer, requests of this sort are not sent any more: Zoom may
# disable an app with a high share of errors.
_MOST_DENIED = 3
# Codes with which Zoom refuses to read webinars: no plan, no license, invalid webinar ID.
_NO_WEBINARS = frozenset({200, 300, 3161})


class _Sort(StrEnum):
    """A sort of request, for which the app needs a scope of its own."""

    MEETING = "meeting"
    WEBINAR = "webinar"
    MEETINGS = "list of meetings"
    WEBINARS = "list of webinars"


@dataclass(frozen=True, slots=True)
class SkippedList:
    """A user's list that could not be read, and why. `is_usual`: webinars, for which the user has no license."""

    kind: MeetingKind
    message: str
    is_usual: bool = False


@dataclass(frozen=True, slots=True)
class UserMeetings:
    """A user's meetings and webinars by number, which `type` tells apart, and the lists that could not be read."""

    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    skipped: tuple[SkippedList, ...] = ()


class AccountReader:
    """Reads one account. Thread-safe. Raises: ZoomLimitError, and ZoomRestError where the account cannot be read."""

    def __init__(self, rest: ZoomRest) -> None:
        self._rest = rest
        self._guard = threading.Lock()
        self._checking = threading.Lock()
        self._checked_at: float | None = None
        self._denied: dict[_Sort, int] = defaultdict(int)
        self._read: set[_Sort] = set()
        self._denials: dict[_Sort, ZoomScopeError] = {}

    def list_user(self, host_id: str) -> UserMeetings:
        """List a user's meetings and webinars. Those that are not listed may exist."""
        found: dict[int, dict[str, Any]] = {}
        skipped = []
        listed = self._answer(_Sort.MEETINGS, lambda: list(self._rest.meetings(host_id)))
        if isinstance(listed, ZoomRestError):
            skipped.append(SkippedList(MeetingKind.MEETING, str(listed)))
        else:
            found |= {number: item for item in listed if (number := _number(item)) is not None}
        listed = self._answer(_Sort.WEBINARS, lambda: list(self._rest.webinars(host_id)))
        if isinstance(listed, ZoomRestError):
            is_usual = isinstance(listed, ZoomScopeError) or listed.code in _NO_WEBINARS
            skipped.append(SkippedList(MeetingKind.WEBINAR, str(listed), is_usual=is_usual))
        else:
            found |= {number: {"type": 5, **item} for item in listed if (number := _number(item)) is not None}
        return UserMeetings(found, tuple(skipped))

    def read(self, number: int, *, is_webinar: bool) -> Reading | Absence | Unclear:
        """Read a meeting or webinar, which may have been converted to the other.

        It is absent where Zoom says so of this number, and nothing speaks for the other kind.
        """
        kinds = (_Sort.WEBINAR, _Sort.MEETING) if is_webinar else (_Sort.MEETING, _Sort.WEBINAR)
        first = self._read_as(kinds[0], number)
        if isinstance(first, Reading):
            return first
        if not isinstance(first, ZoomGoneError | ZoomWebinarError):
            return Unclear(str(first))
        second = self._read_as(kinds[1], number)
        if isinstance(second, Reading):
            return second
        if isinstance(first, ZoomWebinarError) or isinstance(second, ZoomWebinarError):
            return Unclear(messages.ZOOM_CONTRADICTION % {"reason": second})
        if isinstance(second, ZoomGoneError) or (kinds[1] is _Sort.WEBINAR and _denies_webinars(second)):
            return Absence(first.at or 0)
        return Unclear(str(second))

    def read_each(self, wanted: Iterable[tuple[int, bool]]) -> dict[int, Reading | Absence | Unclear]:
        """Read meetings by number, and webinars where the second value says so. Requests run concurrently."""
        numbers = list(wanted)
        with ThreadPoolExecutor(CONCURRENT_REQUESTS, thread_name_prefix="zoom") as pool:
            readings = pool.map(lambda one: self.read(one[0], is_webinar=one[1]), numbers)
            return {number: reading for (number, _), reading in zip(numbers, readings, strict=True)}

    def _read_as(self, sort: _Sort, number: int) -> Reading | ZoomRestError:
        read = self._rest.webinar if sort is _Sort.WEBINAR else self._rest.meeting
        return self._answer(sort, lambda: read(number))

    def _answer(self, sort: _Sort, request: Callable[[], T]) -> T | ZoomRestError:
        """Return the answer to a request, or the error that is about its item alone."""
        denial = self._denial(sort)
        if denial is not None:
            return denial
        try:
            return self._noted(sort, request())
        except ZoomLimitError:
            raise
        except (ZoomUnreachableError, ZoomCredentialsError, ZoomPageError):
            self._check_account()
        except ZoomRestError as error:
            return self._noted(sort, error)
        try:
            return self._noted(sort, request())
        except ZoomLimitError:
            raise
        except ZoomRestError as error:
            return self._noted(sort, error)

    def _check_account(self) -> None:
        """Read the list of users, unless it was read just now. Raises: ZoomRestError where that fails."""
        with self._checking:
            now = time.monotonic()
            if self._checked_at is not None and now - self._checked_at < _CHECK_EXPIRY_SECONDS:
                return
            next(iter(self._rest.users()), None)
            self._checked_at = now

    def _denial(self, sort: _Sort) -> ZoomScopeError | None:
        with self._guard:
            is_denied = sort not in self._read and self._denied[sort] >= _MOST_DENIED
            return self._denials.get(sort) if is_denied else None

    def _noted(self, sort: _Sort, answer: T) -> T:
        with self._guard:
            if isinstance(answer, ZoomScopeError):
                self._denied[sort] += 1
                self._denials[sort] = answer
            else:
                # Not "in a row": answers to concurrent requests come in any order.
                self._denied[sort] = 0
                if not isinstance(answer, ZoomRestError):
                    self._read.add(sort)
        return answer


def _denies_webinars(error: ZoomRestError) -> bool:
    """Tell whether webinars cannot be read at all: /meetings would have named this one a webinar (code 3000)."""
    return isinstance(error, ZoomScopeError) or error.code in _NO_WEBINARS


def _number(item: dict[str, Any]) -> int | None:
    value = item.get("id")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15 else None
