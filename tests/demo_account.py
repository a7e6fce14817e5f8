"""The second part of the demo: an existing account, its import, and its reconciliation after lost events."""

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
    """A Zoom account (a double of Zoom's REST API), and the pages that the bridge makes for it."""

    def __init__(self, demo: Demo, stack: ExitStack) -> None:
        """Open the account, whose meetings the bridge does not know yet."""
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
        """The numbers of the meetings that exist before the import."""
        return self.council, self.writing, self.talk

    def tell(self) -> None:
        """Play every scene."""
        self._add()
        self._import()
        self._change()
        self._lose_two_events()
        self._reconcile()

    def _add(self) -> None:
        self.demo.head("An existing account", "Zoom's events only cover changes from now on")
        for number in self.numbers:
            seen = self.demo.look(number)
            self.demo.say(
                seen.post == "no post", f"{self.account.held[number]['topic']}: {seen.post} on the site"
            )
        self.demo.run(
            "account", "add",
            "--account-id", self.account.account_id,
            "--client-id", CLIENT_ID,
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

    def _change(self) -> None:
        self.demo.head("A change in Zoom", "its event arrives")
        self._deliver(self.demo.endpoint, lambda: self.account.change(self.council, topic=GUESTS))
        self.demo.expect(self.council, shown_as(GUESTS), "the page is updated")

    def _lose_two_events(self) -> None:
        self.demo.head(
            "Two events are lost", "a firewall answers them with 4xx, and Zoom does not send them again"
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

    def _reconcile(self) -> None:
        self.demo.run("reconcile")
        self.demo.expect(
            self.council,
            lambda seen: seen.is_shown and seen.title.endswith("in the hall"),
            "the page is up to date again",
        )
        self.demo.expect(
            self.talk, lambda seen: seen.post == "in the trash" and seen.page == 404, "deleted in Zoom"
        )

    def _deliver(self, endpoint: str, happens: Callable[[], None]) -> None:
        """Change something in the account, and deliver Zoom's signed events about it to an endpoint."""
        sent: list[str] = []
        deliveries = Deliveries(endpoint, self.demo.token, time.time)

        def tell(event: dict[str, Any]) -> None:
            sent.append(event["event"])
            deliveries.add(event)

        self.account.tell = tell
        happens()
        deliveries.run()
        arrives = endpoint == self.demo.endpoint
        good = (deliveries.delivered, deliveries.given_up) == ((1, 0) if arrives else (0, 1))
        outcome = "delivered" if deliveries.delivered else "given up by Zoom"
        self.demo.say(good, f"{sent[0]:32} {outcome}")
