"""An account that is new to the bridge, the posts that a site should have for it, and those that it has."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.model.snapshots import of_reading
from core.pipeline.post_plan import PlanTask
from core.render import SiteRules, render
from core.store.posts.queue import Written
from core.zoom.rate_limit import Plan
from core.zoom.readings import Reading
from tests.wordpress.meetings import read_posts
from tests.zoom import Account, ZoomServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wordpress import WordPress

PLAN = Plan.BUSINESS
_ACCOUNT = "ImportedAccount0000000"
_LATENCY_SECONDS = 0.1  # of each of Zoom's answers: they come from far away


def account(meetings: int, hosts: int) -> Account:
    """Make an account that is new to the bridge: meetings of all kinds, shared evenly by its users."""
    made = Account(account_id=_ACCOUNT)
    users = [made.add_user(f"Host {number}") for number in range(hosts)]
    first = (datetime.now(UTC) + timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
    for index in range(meetings):
        starts = first + timedelta(hours=index % 500)
        given: dict[str, Any] = {
            "start_time": _z(starts),
            "agenda": f"Bring part {index}.\nAnd a <pencil> & paper.",
        }
        match index % 10:
            case 0:
                given["type"] = 5  # a webinar
            case 1:
                given["type"] = 8  # a series
                given["occurrences"] = [
                    {
                        "occurrence_id": str(1_000_000_000 * number + index),
                        "start_time": _z(starts + timedelta(weeks=number)),
                        "duration": 60,
                        "status": "available",
                    }
                    for number in range(4)
                ]
            case 2:
                given["type"] = 3  # without a fixed time
                del given["start_time"]
        made.make(users[index % hosts], f"Rehearsal {index}: “Ode” & more", quietly=True, **given)
    return made


class Truth:
    """What a site should show of an account."""

    def __init__(self, account_: Account) -> None:
        """Hold the account."""
        self._account = account_

    @cached_property
    def numbers(self) -> list[int]:
        """The numbers of its meetings."""
        return sorted(self._account.held)

    def task(self, number: int, *, as_number: int | None = None) -> PlanTask:
        """Return a meeting and its post as the bridge makes them of what Zoom holds; under another number, if given."""
        named = as_number or number
        reading = Reading({**self._account.held[number], "id": named}, int(time.time() * 1000))
        meeting = of_reading(_ACCOUNT, named, None, reading).after
        assert meeting is not None
        return PlanTask(meeting, render(meeting, SiteRules(), datetime.now(UTC)), Written(), 1)

    def read_again(self, zoom: ZoomServer) -> int:
        """Return how many times a meeting was read that had been read before."""
        paths = Counter(path.partition("?")[0] for path in zoom.behaviour.requests)
        return sum(times - 1 for path, times in paths.items() if path.rpartition("/")[2].isdigit())


@dataclass(frozen=True, slots=True)
class Compared:
    """How many meetings have no post, more than one, or one that does not show what Zoom holds."""

    absent: int
    doubled: int
    wrong: int

    @property
    def faults(self) -> int:
        """All of it."""
        return self.absent + self.doubled + self.wrong

    def __str__(self) -> str:
        return f"{self.absent} absent, {self.doubled} doubled, {self.wrong} wrong"


def compare(site: WordPress, truth: Truth) -> Compared:
    """Compare what a site shows of an account, post by post, with what it should."""
    shown: dict[int, list[Any]] = defaultdict(list)
    for post in read_posts(site):
        shown[int(post["zoombridge_test"]["number"])].append(post)
    return Compared(
        absent=sum(number not in shown for number in truth.numbers),
        doubled=sum(len(shown[number]) > 1 for number in truth.numbers if number in shown),
        wrong=sum(
            not any(_is_right(post, truth.task(number)) for post in shown[number])
            for number in truth.numbers
            if number in shown
        ),
    )


def _is_right(post: dict[str, Any], task: PlanTask) -> bool:
    wanted, told = task.wanted, post["zoombridge_test"]
    details, given = json.loads(told["details"] or "{}"), json.loads(wanted.field["details"])
    return (
        (post["title"]["raw"], post["content"]["raw"], post["status"])
        == (wanted.title, wanted.content, wanted.status)
        and all(
            told[name] == wanted.field[name]
            for name in ("number", "kind", "join_url", "start_date_utc", "html")
        )
        and _holds(details, given)
    )


def _holds(found: Any, given: Any) -> bool:
    """Tell whether an object holds what was laid over it; None removes a key."""
    if isinstance(given, dict) and isinstance(found, dict):
        return all(_holds(found.get(name), value) for name, value in given.items())
    return bool(found == given)


@contextmanager
def double(meetings: int, hosts: int) -> Iterator[ZoomServer]:
    """Give an account of which the bridge has heard nothing."""
    with ZoomServer(account(meetings, hosts)) as zoom:
        zoom.behaviour.plan = PLAN
        zoom.behaviour.latency = _LATENCY_SECONDS
        yield zoom


def _z(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
