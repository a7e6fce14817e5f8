"""Answers of Zoom's REST API about the account double, without HTTP: as `core.zoom.rest.ZoomRest` returns them.

Its errors are those of `tests.zoom.faults`, where each names its source: 404 with 3001 for what is gone, 400 with 3000
for a webinar. `tests.zoom.server` answers over HTTP, and has the others.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from core.errors import ZoomGoneError, ZoomUnreachableError, ZoomWebinarError
from core.model.meeting import MeetingState
from core.zoom.readings import Reading
from tests.convergence.zoom_double import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.convergence.zoom_double import Held, ZoomDouble


class RestDouble:
    """One account. `silent` counts how many of the next requests get no answer."""

    def __init__(self, zoom: ZoomDouble) -> None:
        self._zoom = zoom
        self.silent = 0

    def users(self) -> Iterator[dict[str, Any]]:
        """Yield the only user."""
        self._speak()
        yield {"id": HOST, "email": "host@example.org", "first_name": "Hedda", "last_name": "Host"}

    def meetings(self, user_id: str) -> Iterator[dict[str, Any]]:
        """Yield the user's meetings."""
        yield from self._of(user_id, "meeting")

    def webinars(self, user_id: str) -> Iterator[dict[str, Any]]:
        """Yield the user's webinars."""
        yield from self._of(user_id, "webinar")

    def meeting(self, number: int) -> Reading:
        """Return a meeting; a webinar is refused with code 3000 (`tests.zoom.faults.IS_WEBINAR`)."""
        held = self._held(number)
        if held.kind == "webinar":
            raise ZoomWebinarError("Cannot access webinar info.", status=400, code=3000)
        return self._reading(held)

    def webinar(self, number: int) -> Reading:
        """Return a webinar."""
        held = self._held(number)
        if held.kind == "meeting":
            raise self._gone(number)
        return self._reading(held)

    def _of(self, user_id: str, kind: str) -> Iterator[dict[str, Any]]:
        self._speak()
        assert user_id == HOST
        for held in self._zoom.held.values():
            if held.kind == kind and held.state is MeetingState.SCHEDULED:
                listed = (
                    "id",
                    "uuid",
                    "host_id",
                    "topic",
                    "type",
                    "start_time",
                    "duration",
                    "timezone",
                    "join_url",
                )
                yield {key: held.object[key] for key in listed if key in held.object}

    def _held(self, number: int) -> Held:
        self._speak()
        held = self._zoom.held.get(number)
        if held is None or held.state is not MeetingState.SCHEDULED:
            raise self._gone(number)
        return held

    def _reading(self, held: Held) -> Reading:
        document = {**copy.deepcopy(held.object), "start_url": "https://never", "status": "waiting"}
        return Reading(document, self._at())

    def _gone(self, number: int) -> ZoomGoneError:
        error = ZoomGoneError(f"Meeting {number} is not found or has expired.", status=404, code=3001)
        error.at = self._at()
        return error

    def _at(self) -> int:
        return (int(self._zoom.clock()) - 1) * 1000

    def _speak(self) -> None:
        if self.silent:
            self.silent -= 1
            raise ZoomUnreachableError("Zoom does not answer.")


class AccountsDouble:
    """Gives the one account that there is."""

    def __init__(self, rest: RestDouble) -> None:
        self._rest = rest

    def rest(self, account_id: str) -> RestDouble:
        """Return it."""
        return self._rest
