"""Groups of requests: kept together, answered apart, in time, whatever one of them is."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Connection

from core.errors import StoreUnavailableError
from core.pipeline.ingest import Ingest
from core.store.db.engine import Store
from core.store.events import log
from core.store.sites import zoom_secrets
from core.store.sites.sites import Site
from core.wordpress import signing
from core.zoom import envelope as zoom_envelope
from tests.core.conftest import connected
from tests.core.events import SAMPLES, event, raw, signed
from tests.web.conftest import from_stub
from web.http.messages import LARGE_BODY_BYTES, InboundRequest, InboundResponse
from web.webhooks.dispatcher import Dispatcher

PATH = "/wp-json/vczapi/v1/meeting"
WITHIN = 300


@pytest.fixture
def ingest(store: Store, wp_site: Site) -> Ingest:
    return Ingest(store)


@dataclass
class Asking:
    """Gives groups to an `Dispatcher`, and gathers what comes back."""

    ingest: Ingest
    answer_seconds: float = 1.8
    strangers: Executor | None = None
    replies: dict[int, InboundResponse] = field(default_factory=dict)
    deliveries: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(
            self.ingest, answer_seconds=self.answer_seconds, strangers=self.strangers
        )
        self._came = asyncio.Event()

    def give(self, *group: InboundRequest) -> None:
        self.dispatcher.dispatch(list(enumerate(group)), self._deliver)

    async def answers(self, *group: InboundRequest) -> list[InboundResponse]:
        self.give(*group)
        return await self.all(len(group))

    async def all(self, count: int) -> list[InboundResponse]:
        while len(self.replies) < count:
            self._came.clear()
            await self._came.wait()
        replies, self.replies = self.replies, {}
        return [replies[number] for number in range(count)]

    def _deliver(self, replies: Any) -> None:
        came = list(replies)
        self.deliveries.append([number for number, _ in came])
        self.replies.update(came)
        self._came.set()


def request(target: str, headers: dict[str, str], body: bytes, *, at: float | None = None) -> InboundRequest:
    received_at = time.monotonic() if at is None else at
    return InboundRequest(
        "POST", target, "HTTP/1.1", [*headers.items()], body, "127.0.0.1", "http", received_at
    )


def header(reply: InboundResponse, name: str) -> str | None:
    return dict(reply.headers).get(name)


def direct(
    body: bytes,
    more: dict[str, str] | None = None,
    *,
    site_id: str = "s1",
    at: float | None = None,
) -> InboundRequest:
    headers = signed(body, at=time.time()) | (more or {})
    return request(f"/sites/{site_id}{PATH}", headers, body, at=at)


def stubs(site: Site, body: bytes) -> InboundRequest:
    headers = signed(body, at=time.time()) | from_stub(site, "POST", PATH, body, timestamp=1)
    return request(PATH, headers, body)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), WITHIN))


def logged(store: Store) -> int:
    with store.reading() as connection:
        return len(log.latest(connection, 1000))


class TestGroup:
    def test_is_kept_at_one_go(self, ingest: Ingest, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        appended: list[int] = []
        append = log.append

        def count(connection: Connection, entries: Any) -> list[bool]:
            appended.append(len(entries))
            return append(connection, entries)

        async def test() -> None:
            asking = Asking(ingest)
            await asking.answers(direct(raw(event(at=1))))
            monkeypatch.setattr(log, "append", count)
            replies = await asking.answers(*(direct(raw(event(at=at))) for at in range(2, 12)))
            assert {reply.status for reply in replies} == {204}
            assert appended == [10]
            assert asking.deliveries[-1] == list(range(10)), "and answered at one go"

        run(test)
        assert logged(store) == 11

    def test_each_gets_its_own_answer(self, ingest: Ingest, store: Store, wp_site: Site) -> None:
        connected(store, "s2")

        async def test() -> None:
            asking = Asking(ingest)
            body = raw(event())
            replies = await asking.answers(
                direct(body),
                direct(body, {"x-zm-signature": "v0=wrong"}),
                direct(b"{"),
                direct(body, {"content-type": "text/plain"}),
                direct(body, site_id="nowhere"),
                direct(body, site_id="s2"),
                stubs(wp_site, body),
                request(PATH, signed(body, at=time.time()), body),
                direct(body),
            )
            assert [reply.status for reply in replies] == [204, 401, 204, 204, 404, 503, 204, 404, 204]
            assert [bool(header(reply, signing.ANSWER_HEADER)) for reply in replies] == [False] * 6 + [
                True
            ] + [False] * 2

        run(test)
        assert logged(store) == 2

    def test_a_mistake_about_one_harms_no_other(
        self, ingest: Ingest, store: Store, wp_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        digest = zoom_envelope.digest

        def stumble(envelope: zoom_envelope.Envelope) -> str:
            if envelope.event_ts == 2:
                raise RuntimeError("secret of a traceback")
            return digest(envelope)

        monkeypatch.setattr(zoom_envelope, "digest", stumble)

        async def test() -> None:
            asking = Asking(ingest)
            for _ in range(2):
                replies = await asking.answers(*(direct(raw(event(at=at))) for at in (1, 2, 3)))
                assert [reply.status for reply in replies] == [204, 204, 204]

        run(test)
        with store.reading() as connection:
            outcomes = [line.outcome for line in log.latest(connection, 9)]
        assert sorted(outcomes) == ["pending", "pending", "unreadable"]

    def test_one_that_the_database_refuses_harms_no_other(
        self, ingest: Ingest, store: Store, wp_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append = log.append

        def refuse(connection: Connection, entries: Any) -> list[bool]:
            if any(entry.position.at == 2 for entry in entries):
                raise ValueError("not this one")
            return append(connection, entries)

        async def test() -> None:
            asking = Asking(ingest)
            await asking.answers(direct(raw(event(at=9))), stubs(wp_site, raw(event(at=9))))
            monkeypatch.setattr(log, "append", refuse)
            replies = await asking.answers(
                direct(raw(event(at=1))), stubs(wp_site, raw(event(at=2))), stubs(wp_site, raw(event(at=3)))
            )
            assert [reply.status for reply in replies] == [204, 500, 204]
            assert [bool(header(reply, signing.ANSWER_HEADER)) for reply in replies] == [False, True, True]

        run(test)
        assert logged(store) == 3


class TestKnowing:
    def test_one_look_serves_all_that_come_meanwhile(
        self, ingest: Ingest, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks: list[str] = []
        of_site = zoom_secrets.of_site

        def look(connection: Connection, site_id: str, sealer: Any) -> Any:
            looks.append(site_id)
            return of_site(connection, site_id, sealer)

        monkeypatch.setattr(zoom_secrets, "of_site", look)

        async def test() -> None:
            asking = Asking(ingest)
            asking.give(*(direct(raw(event(at=at))) for at in range(20)))
            asking.give(*(direct(raw(event(at=at))) for at in range(20)))
            assert {reply.status for reply in await asking.all(20)} == {204}

        run(test)
        assert looks == ["s1"]
        assert logged(store) == 20

    def test_a_stub_is_known_at_once_after_the_first(self, ingest: Ingest, wp_site: Site) -> None:
        async def test() -> None:
            asking = Asking(ingest)
            for at in (1, 2):
                asked = stubs(wp_site, raw(event(at=at)))
                (reply,) = await asking.answers(asked)
                expected = signing.sign_answer(
                    wp_site.key,
                    request_signature=dict(asked.headers)[signing.SIGNATURE_HEADER],
                    status=204,
                    location="",
                    body=b"",
                )
                assert (reply.status, header(reply, signing.ANSWER_HEADER)) == (204, expected)

        run(test)


class Full(Executor):
    """Takes nothing, as if strangers had used up their budget."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise StoreUnavailableError("Too many requests.")


class TestStrangers:
    """What is not known to be authentic has a budget of its own."""

    @pytest.fixture
    def asking(self, ingest: Ingest) -> Asking:
        return Asking(ingest, strangers=Full())

    def test_over_their_budget_are_to_send_again(self, asking: Asking, wp_site: Site) -> None:
        body, large = raw(event()), raw(event(topic="x" * LARGE_BODY_BYTES))
        forged = stubs(replace(wp_site, key="ab" * 32), body)

        async def test() -> None:
            await asking.answers(direct(body))
            replies = await asking.answers(
                direct(body, {"x-zm-signature": "v0=wrong"}),
                direct(body, site_id="nowhere"),
                direct(large),
                direct(b"", {})._replace(dropped_bytes=2 * 1024 * 1024),
                forged,
                request(PATH, signed(body, at=time.time()), body),
            )
            assert [reply.status for reply in replies] == [503] * 6
            assert all(header(reply, "Retry-After") for reply in replies)

        run(test)

    def test_keep_no_authentic_event_waiting(
        self, asking: Asking, ingest: Ingest, store: Store, wp_site: Site
    ) -> None:
        """Also while secrets and key of the site have to be read again."""
        validation = (SAMPLES / "raw" / "validation.json").read_bytes()

        async def test() -> None:
            for at in (1, 3):
                ingest.invalidate_secrets()
                asking.dispatcher.keys._cache.clear()
                replies = await asking.answers(
                    direct(raw(event(at=at)), site_id="nowhere"),
                    direct(raw(event(at=at))),
                    direct(raw(event(at=9)), {"x-zm-signature": "v0=wrong"}),
                    stubs(wp_site, raw(event(at=at + 1))),
                    direct(validation),
                    stubs(wp_site, validation),
                )
                assert [reply.status for reply in replies] == [503, 204, 503, 204, 200, 200]

        run(test)
        assert logged(store) == 4


class TestInTime:
    def test_what_waited_too_long_on_the_way_is_left_alone(self, ingest: Ingest, store: Store) -> None:
        """The process stood still: Zoom has had its answer, and sends again."""

        async def test() -> None:
            asking = Asking(ingest)
            asking.give(direct(raw(event(at=1)), at=time.monotonic() - 100), direct(raw(event(at=2))))
            while 1 not in asking.replies:
                await asking._came.wait()
                asking._came.clear()
            assert 0 not in asking.replies

        run(test)
        assert logged(store) == 1

    def test_a_database_that_hangs(self, ingest: Ingest, store: Store, wp_site: Site) -> None:
        """Each is answered all the same, the stub so that it knows by whom; what is kept later does no harm."""
        go, began = threading.Event(), threading.Event()

        def hang(_: Connection) -> None:
            began.set()
            assert go.wait(WITHIN)

        async def test() -> None:
            asking = Asking(ingest, answer_seconds=0.3)
            first = direct(raw(event(at=1)))
            await asking.answers(first, stubs(wp_site, first.body))
            hanging = store.submit(hang)
            assert began.wait(WITHIN)
            quick, slow = (
                stubs(wp_site, raw(event(at=2))),
                direct(raw(event(at=3)), {"x-zm-signature": "v0=" + "0" * 64}),
            )
            replies = await asking.answers(quick, slow, direct(raw(event(at=4))))
            assert [reply.status for reply in replies] == [503, 503, 503]
            assert [bool(header(reply, signing.ANSWER_HEADER)) for reply in replies] == [True, False, False]
            assert all(header(reply, "Retry-After") for reply in replies)
            go.set()
            await asyncio.wrap_future(hanging)
            # With time enough, also where the machine is busy.
            (again,) = await Asking(ingest, answer_seconds=WITHIN).answers(stubs(wp_site, raw(event(at=2))))
            assert again.status == 204

        run(test)
        assert logged(store) == 3, "what was refused only because it took too long is there, once"


class TestDrain:
    def test_waits_for_the_requests_that_threads_look_into(self, ingest: Ingest, wp_site: Site) -> None:
        """The first to a site waits for its secrets; one that they do not verify, for a thread once more."""

        async def test() -> None:
            asking = Asking(ingest, answer_seconds=WITHIN)
            wrong = {"x-zm-signature": "v0=wrong"}
            asking.give(direct(raw(event(at=1)), wrong), direct(b" " * (LARGE_BODY_BYTES + 1), wrong))
            assert not asking.replies
            await asking.dispatcher.drain()
            assert set(asking.replies) == {0, 1}

        run(test)
