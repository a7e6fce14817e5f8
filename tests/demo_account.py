"""The second part of the demo: an account that was there before the bridge, its import, and what a repair mends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.zoom import Account, Deliveries, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from tests.demo import Demo, Seen

COUNCIL, WRITING, TALK = "Parish council", "Writing circle, whoever comes", "The night sky in winter"
GUESTS, HALL = "Parish council, with guests", "Parish council, in the hall"


def shown_as(topic: str) -> Callable[[Seen], bool]:
    """Expect a page that a visitor can see, of this title."""
    return lambda seen: seen.is_shown and seen.title == topic


class AccountStory:
    """A Zoom account (a double that answers as Zoom's REST API does), and what the bridge makes of it."""

    def __init__(self, demo: Demo, stack: ExitStack) -> None:
        """Open the account. Nobody has told the bridge of what it holds."""
        self.demo = demo
        self.account = Account(account_id="DemoAccountThatWasThere")
        anna, bert = self.account.add_user("Anna"), self.account.add_user("Bert")
        self.council = self.account.make(anna, COUNCIL, quietly=True, agenda="The roof, and who pays for it.")
        self.writing = self.account.make(bert, WRITING, quietly=True, type=3)
        self.talk = self.account.make(bert, TALK, quietly=True, type=5, duration=90)
        del self.account.held[self.writing]["start_time"]  # it has no fixed time
        self.zoom = stack.enter_context(ZoomServer(self.account))

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the account held before."""
        return self.council, self.writing, self.talk

    def tell(self) -> None:
        """Let it all happen."""
        self._add()
        self._import()
        self._hear_of_a_change()
        self._miss_two()
        self._repair()

    def _add(self) -> None:
        self.demo.head("An account that was there before", "Zoom tells only what happens from now on")
        for number in self.numbers:
            seen = self.demo.look(number)
            self.demo.say(
                seen.post == "no post", f"{self.account.held[number]['topic']}: {seen.post} on the site"
            )
        self.demo.run(
            "account", "add",
            "--account-id", self.account.account_id,
            "--client-id", CLIENT_ID,
            "--client-secret", "-",
            "--name", "Demo account",
            "--plan", "business",
            "--oauth-url", self.zoom.oauth_url,
            typed=CLIENT_SECRET + "\n",
        )  # fmt: skip

    def _import(self) -> None:
        self.demo.run("import", "--dry-run")
        untouched = all(self.demo.look(number).post == "no post" for number in self.numbers)
        self.demo.say(
            untouched, f"the dry run changed nothing; the site: {'' if untouched else 'not '}as it was"
        )
        self.demo.run("import")
        for number in self.numbers:
            topic = self.account.held[number]["topic"]
            self.demo.expect(number, shown_as(topic), "imported")

    def _hear_of_a_change(self) -> None:
        self.demo.head("Zoom tells of a change", "the event arrives")
        self._deliver(self.demo.endpoint, lambda: self.account.change(self.council, topic=GUESTS))
        self.demo.expect(self.council, shown_as(GUESTS), "the page follows")

    def _miss_two(self) -> None:
        self.demo.head(
            "Two events are lost", "a firewall answers them, and after a 4xx Zoom never sends again"
        )
        elsewhere = self.demo.endpoint + "/behind-a-firewall"
        self._deliver(elsewhere, lambda: self.account.change(self.council, topic=HALL))
        self._deliver(elsewhere, lambda: self.account.delete(self.talk))
        for number, title in ((self.council, GUESTS), (self.talk, TALK)):
            self.demo.expect(
                number,
                shown_as(title),
                "the page is out of date",
            )

    def _repair(self) -> None:
        self.demo.run("reconcile")
        self.demo.expect(
            self.council,
            lambda seen: seen.is_shown and seen.title.endswith("in the hall"),
            "the page is right again",
        )
        self.demo.expect(
            self.talk, lambda seen: seen.post == "in the trash" and seen.page == 404, "deleted at Zoom"
        )

    def _deliver(self, endpoint: str, happens: Callable[[], None]) -> None:
        """Let something happen in the account; Zoom delivers what it has to tell of it, signed, to an endpoint."""
        told: list[str] = []
        deliveries = Deliveries(endpoint, self.demo.token, time.time)

        def tell(event: dict[str, Any]) -> None:
            told.append(event["event"])
            deliveries.add(event)

        self.account.tell = tell
        happens()
        deliveries.run()
        arrives = endpoint == self.demo.endpoint
        good = (deliveries.delivered, deliveries.given_up) == ((1, 0) if arrives else (0, 1))
        outcome = "delivered" if deliveries.delivered else "given up by Zoom"
        self.demo.say(good, f"{told[0]:32} {outcome}")
