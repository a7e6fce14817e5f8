"""Prefetch meeting details from Zoom's REST API during the scan of an account.

One GET returns one meeting, so latency dominates. Up to 160 reads and 8 user lists are in flight, in the order in which
the scan consumes them; `RateLimiter` enforces Zoom's limits: https://developers.zoom.us/docs/api/rate-limits/
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.accounts.reader import CONCURRENT_REQUESTS
from core.model.meeting import WEBINARS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from core.accounts.reader import AccountReader, UserMeetings
    from core.zoom.readings import Absence, Reading, Unclear

    Answer = Reading | Absence | Unclear

MEETINGS = 160
LISTED = 100
LISTS = 8


@dataclass(slots=True)
class _User:
    """One user: their list, and the meetings of it that are being read."""

    id: str
    listed: Future[UserMeetings]
    after: int  # meetings up to this number are skipped
    waiting: deque[int] | None = None  # numbers not requested yet; None until the list has arrived
    reading: dict[int, Future[Answer]] = field(default_factory=dict)


class Prefetcher:
    """Prefetch users' meetings in the order in which one consumer thread reads them.

    `list_user` lists the meetings to read of a user. It is called in a private ThreadPoolExecutor, and its exceptions
    are raised by `meetings`. At most `meetings` are requested or read and not consumed, and `lists` lists are in flight;
    further lists are requested while fewer than `listed` meetings are known and not requested.
    """

    def __init__(
        self,
        reader: AccountReader,
        list_user: Callable[[AccountReader, str], UserMeetings],
        *,
        meetings: int = MEETINGS,
        listed: int = LISTED,
        lists: int = LISTS,
    ) -> None:
        self._reader = reader
        self._list_user = list_user
        self._most_meetings = meetings
        self._most_listed = listed
        self._most_lists = lists
        self._pool = ThreadPoolExecutor(CONCURRENT_REQUESTS, thread_name_prefix="zoom")
        self._users: deque[_User] = deque()
        self._following: deque[str] = deque()
        self._guard = threading.RLock()
        self._is_closed = False

    def meetings(self, user_id: str, following: Sequence[str], *, after: int) -> UserMeetings:
        """Return a user's list, and start to read its meetings with numbers above `after`.

        `following` are the ids of the next users. Blocks. Raises: ZoomRestError.
        """
        with self._guard:
            while self._users and self._users[0].id != user_id:
                self._users.popleft()
            if not self._users:
                self._add(user_id, after=after)
            started = {user.id for user in self._users}
            self._following = deque(user_id for user_id in following if user_id not in started)
            user = self._users[0]
        self._fill()
        return user.listed.result()

    def readings(self, numbers: Sequence[int]) -> dict[int, Answer]:
        """Return the readings of meetings of the user whose `meetings` were returned last, and drop them here.

        Blocks. Raises: ZoomRestError.
        """
        with self._guard:
            user = self._users[0]
            items = user.listed.result().items
            reading = {
                number: user.reading.pop(number) if number in user.reading else self._read(number, items)
                for number in numbers
            }
        self._fill()
        return {number: future.result() for number, future in reading.items()}

    def close(self) -> None:
        """Discard everything, without waiting for requests in flight."""
        with self._guard:
            self._is_closed = True
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _add(self, user_id: str, *, after: int = 0) -> None:
        user = _User(user_id, self._pool.submit(self._list_user, self._reader, user_id), after)
        self._users.append(user)
        user.listed.add_done_callback(lambda _: self._fill())

    def _read(self, number: int, items: dict[int, dict[str, Any]]) -> Future[Answer]:
        is_webinar = items[number].get("type") in WEBINARS
        return self._pool.submit(self._reader.read, number, is_webinar=is_webinar)

    def _fill(self) -> None:
        """Start requests up to the limits."""
        with self._guard:
            if self._is_closed:
                return
            room = self._most_meetings - sum(len(user.reading) for user in self._users)
            listed = 0
            for user in self._users:
                if not user.listed.done() or user.listed.exception() is not None:
                    break  # what follows is needed later
                items = user.listed.result().items
                if user.waiting is None:
                    user.waiting = deque(sorted(number for number in items if number > user.after))
                while user.waiting and room > 0:
                    number = user.waiting.popleft()
                    user.reading[number] = self._read(number, items)
                    room -= 1
                listed += len(user.waiting)
            lists = sum(user.waiting is None for user in self._users)
            while self._following and listed < self._most_listed and lists < self._most_lists:
                lists += 1
                self._add(self._following.popleft())
