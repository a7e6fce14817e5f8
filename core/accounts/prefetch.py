"""Reading ahead: what comes next of an account is on its way from Zoom while the last piece is still compared and kept.

Zoom's answers come from far away, and one request tells of one meeting. So some are always under way, in the order
in which they will be needed, and as many as `Pace` lets through.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.accounts.clients import AT_ONCE, read_one
from core.model.meeting import WEBINARS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from core.zoom.readings import Absence, Reading
    from core.zoom.rest import ZoomRest

    Items = dict[int, dict[str, Any]]

_MEETINGS = 160  # read, or about to be, and not taken yet
# Known by their lists, and not about to be read: the next lists must come before these are used up.
_LISTED = 100
_LISTS = 8  # on their way at the same time


@dataclass(slots=True)
class _User:
    """One user: the list of what they have, and what is being read of it."""

    id: str
    items: Future[Items]
    after: int  # the number that comes before what is to be read
    waiting: deque[int] | None = None  # numbers that nobody reads yet; None until the list is there
    reading: dict[int, Future[Reading | Absence]] = field(default_factory=dict)


class Prefetcher:
    """Reads an account's users in the order in which they are asked for. For one thread that asks.

    `current` reads what is to be read of a user's list. It is called in other threads, and what it raises comes out
    where the list is asked for.
    """

    def __init__(self, rest: ZoomRest, current: Callable[[ZoomRest, str], Items]) -> None:
        self._rest = rest
        self._current = current
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="zoom")
        self._users: deque[_User] = deque()
        self._following: deque[str] = deque()
        self._guard = threading.RLock()
        self._is_closed = False

    def items(self, user_id: str, following: Sequence[str], *, after: int) -> Items:
        """Return what is current of a user's list, and begin to read what comes after a number of it.

        `following` are the users who come next. Raises `ZoomRestError`.
        """
        with self._guard:
            while self._users and self._users[0].id != user_id:
                self._users.popleft()
            if not self._users:
                self._add(user_id, after=after)
            begun = {user.id for user in self._users}
            self._following = deque(one for one in following if one not in begun)
            user = self._users[0]
        self._fill()
        return user.items.result()

    def take(self, numbers: Sequence[int]) -> dict[int, Reading | Absence]:
        """Return what Zoom says of meetings of the user whose list was asked for last. Raises `ZoomRestError`."""
        with self._guard:
            user = self._users[0]
            items = user.items.result()
            reading = {
                number: user.reading.pop(number) if number in user.reading else self._read(number, items)
                for number in numbers
            }
        self._fill()
        return {number: future.result() for number, future in reading.items()}

    def close(self) -> None:
        """Forget everything; what is under way is not waited for."""
        with self._guard:
            self._is_closed = True
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _add(self, user_id: str, *, after: int = 0) -> None:
        user = _User(user_id, self._pool.submit(self._current, self._rest, user_id), after)
        self._users.append(user)
        user.items.add_done_callback(lambda _: self._fill())

    def _read(self, number: int, items: Items) -> Future[Reading | Absence]:
        is_webinar = items[number].get("type") in WEBINARS
        return self._pool.submit(read_one, self._rest, number, is_webinar=is_webinar)

    def _fill(self) -> None:
        """Begin to read as much as there is room for."""
        with self._guard:
            if self._is_closed:
                return
            room = _MEETINGS - sum(len(user.reading) for user in self._users)
            listed = 0
            for user in self._users:
                if not user.items.done() or user.items.exception() is not None:
                    break  # nothing that comes after it is needed sooner
                items = user.items.result()
                if user.waiting is None:
                    user.waiting = deque(sorted(number for number in items if number > user.after))
                while user.waiting and room > 0:
                    number = user.waiting.popleft()
                    user.reading[number] = self._read(number, items)
                    room -= 1
                listed += len(user.waiting)
            coming = sum(user.waiting is None for user in self._users)
            while self._following and listed < _LISTED and coming < _LISTS:
                coming += 1
                self._add(self._following.popleft())
