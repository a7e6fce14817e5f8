"""What a site has to choose from: asked for once in a while, and never in the way."""

from dataclasses import dataclass, field

from core.errors import Fault
from core.sites.options import Choice, OptionsCache
from core.store.sites.sites import Site
from core.wordpress.sync_client import SyncClient
from tests.core.clock import Clock
from tests.core.site_double import fault

SITE = Site("s1", "https://s1", "S", "https://s1/wp-json/", "u", "p", "k", {})


@dataclass
class Client(SyncClient):
    """Counts how often it was asked."""

    down: bool = False
    requests: int = 0
    closed: int = 0
    names: list[str] = field(default_factory=lambda: ["Anna"])

    def authors(self) -> list[Choice]:
        self.requests += 1
        if self.down:
            raise fault(Fault.NETWORK)
        return [Choice(number, name) for number, name in enumerate(self.names, 1)]

    def categories(self) -> list[Choice]:
        return [Choice(4, "Courses")]

    def close(self) -> None:
        self.closed += 1


def choices(client: Client) -> tuple[OptionsCache, Clock]:
    clock = Clock()
    return OptionsCache(connect=lambda _: client, clock=clock), clock


class TestChoices:
    def test_are_asked_for_once_a_minute(self) -> None:
        client = Client()
        asked, clock = choices(client)
        for seconds, times in ((0, 1), (59, 1), (2, 2)):
            clock.now += seconds
            found = asked.of(SITE)
            assert (found.authors, found.categories) == ((Choice(1, "Anna"),), (Choice(4, "Courses"),))
            assert client.requests == times
        assert client.closed == client.requests

    def test_of_a_site_that_is_down_say_why_and_are_asked_for_again_soon(self) -> None:
        client = Client(down=True)
        asked, clock = choices(client)
        assert asked.of(SITE).problem == "network happened"
        clock.now += 10
        assert asked.of(SITE).problem
        assert client.requests == 1
        client.down = False
        clock.now += 6
        assert asked.of(SITE).problem == ""

    def test_are_asked_for_anew_where_they_were_forgotten(self) -> None:
        client = Client()
        asked, _ = choices(client)
        asked.of(SITE)
        client.names.append("Bert")
        asked.forget("s1")
        assert len(asked.of(SITE).authors) == 2
