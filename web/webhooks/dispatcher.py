"""Where it is decided what the endpoints answer: who sent a request, what it is, and whether it is durable."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from core.errors import SignatureError, StoreUnavailableError, UnknownSiteError
from core.pipeline.answers import ACCEPTED, refusal, unavailable
from core.store.events.request import Request
from core.wordpress import signing
from web.http.executor import BlockingExecutor
from web.stub.auth import StubKeys
from web.webhooks.messages import InboundResponse, is_zooms

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from core.pipeline.answers import WebhookResponse
    from core.pipeline.ingest import Ingest
    from core.store.events.log import Entry
    from web.webhooks.batcher import Group, Replies
    from web.webhooks.messages import InboundRequest

    Deliver = Callable[[Replies], None]

# Of the time in which a request must be answered; the rest is for the ways to here and back.
_DECIDE_SECONDS = 1.8
_LOOK_SECONDS = 1.0  # of that, for what a site may sign with

logger = structlog.get_logger(__name__)


class Dispatcher:
    """Answers groups of requests. What is simply an event of Zoom's is kept together with the others of its group."""

    def __init__(self, ingest: Ingest) -> None:
        """Take who keeps the events."""
        self.executor = BlockingExecutor()
        self.keys = StubKeys(ingest.store, self.executor)
        self._ingest = ingest
        self._outstanding: deque[_Kept] = deque()  # the first began first
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[str, list[tuple[Group, Deliver]]] = {}

    def take(self, group: Group, deliver: Deliver) -> None:
        """Answer each request of a group in time, by calling `deliver` with some of them, again and again.

        Never blocks, and never raises: one request that goes wrong does not harm the others.
        """
        ready: list[tuple[int, InboundRequest]] = []
        unknown: defaultdict[str, list[tuple[int, InboundRequest]]] = defaultdict(list)
        for request in group:
            site_id = _site_of(request[1])
            (ready if self._knows(site_id) else unknown[site_id]).append(request)
        if ready:
            self._take(ready, deliver)
        for site_id, requests in unknown.items():
            self._hold(site_id, requests, deliver)

    def _knows(self, site_id: str) -> bool:
        return not site_id or (self._ingest.knows(site_id) and self.keys.knows(site_id))

    def _hold(self, site_id: str, requests: Group, deliver: Deliver) -> None:
        """Let requests wait until it is known who may sign for their site: one look-up serves all that come meanwhile."""
        held = self._held.get(site_id)
        if held is None:
            held = self._held[site_id] = []
            self._run(self._look_up(site_id))
        held.append((requests, deliver))

    async def _look_up(self, site_id: str) -> None:
        # Whatever goes wrong, each of them meets it again by itself, and is answered so.
        with suppress(Exception):
            looking = asyncio.get_running_loop().run_in_executor(self.executor, self._read, site_id)
            await asyncio.wait_for(looking, _LOOK_SECONDS)
        for requests, deliver in self._held.pop(site_id):
            self._take(requests, deliver)

    def _read(self, site_id: str) -> None:
        self._ingest.look_up(site_id)
        self.keys.look_up(site_id)

    def _take(self, group: Group, deliver: Deliver) -> None:
        began = time.monotonic()
        kept = _Kept(began, deliver)
        entries: list[Entry] = []
        for number, asked in group:
            if began - asked.at > _DECIDE_SECONDS:
                continue  # nobody waits for it any more: this process stood still, and Zoom sends again
            try:
                entry = self._entry(number, asked, kept)
            except Exception:
                deliver([(number, InboundResponse.of(_MISTAKE))])
                logger.exception("answering_failed")
                continue
            if entry is not None:
                entries.append(entry)
            else:
                self._run(self._slowly(number, asked, deliver))
        if entries:
            self._keep(entries, kept)

    def _entry(self, number: int, asked: InboundRequest, kept: _Kept) -> Entry | None:
        """Return what a request becomes in the log, where what is known already allows it."""
        site_id, key = asked.site_id, None
        if not _is_json(asked):
            return None
        if site_id is None:
            site_id = asked.headers.get(signing.SITE_HEADER, "")
            key = self.keys.known(
                site_id, asked.headers, method="POST", target=asked.target, body=asked.body, now=None
            )
            if key is None:
                return None
        entry = self._ingest.read_quickly(site_id, _request(asked))
        if entry is not None:
            kept.waiting.append((number, asked, key))
        return entry

    def _keep(self, entries: list[Entry], kept: _Kept) -> None:
        loop = asyncio.get_running_loop()
        try:
            future = self._ingest.keep(entries)
        except StoreUnavailableError as error:
            kept.answer_all(unavailable(str(error)))
            return
        self._outstanding.append(kept)
        if self._timer is None:
            self._timer = loop.call_later(_DECIDE_SECONDS, self._look, loop)
        future.add_done_callback(lambda done: _call_in(loop, lambda: kept.answer_each(done)))

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer those whose time is up, and look again when the next one's will be."""
        limit = time.monotonic() - _DECIDE_SECONDS
        while self._outstanding and (not self._outstanding[0].waiting or self._outstanding[0].began <= limit):
            self._outstanding.popleft().answer_all(_TOO_SLOW)
        self._timer = None
        if self._outstanding:
            self._timer = loop.call_later(self._outstanding[0].began - limit, self._look, loop)

    def _run(self, doing: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _slowly(self, number: int, asked: InboundRequest, deliver: Deliver) -> None:
        """Answer a request for which something has to be looked up, or written, by itself."""
        key = None
        try:
            site_id = asked.site_id
            if site_id is None:
                site_id, key = await self._from_stub(asked)
            answer = await self._receive(site_id, asked)
        except UnknownSiteError as error:
            answer = refusal(404, "zoombridge_unknown_site", str(error))
        except (SignatureError, StoreUnavailableError) as error:
            # Where the pairing is broken, that is no fault of Zoom's: it shall send again.
            answer = unavailable(str(error))
        except TimeoutError:
            answer = _TOO_SLOW
        except Exception:
            deliver([(number, _reply(_MISTAKE, asked, key))])
            logger.exception("answering_failed")
            return
        deliver([(number, _reply(answer, asked, key))])

    async def _from_stub(self, asked: InboundRequest) -> tuple[str, str]:
        """Return the site whose stub sent this, and its key."""
        site_id = asked.headers.get(signing.SITE_HEADER)
        if site_id is None:
            raise UnknownSiteError(
                "This address is for the bridge's plugin in WordPress. Zoom's address is the one that the page "
                "Webhooks shows, on the WordPress site itself."
            )
        verified = self.keys.verified(
            site_id, asked.headers, method="POST", target=asked.target, body=asked.body, now=None
        )
        return site_id, await asyncio.wait_for(verified, _LOOK_SECONDS)

    async def _receive(self, site_id: str, asked: InboundRequest) -> WebhookResponse:
        if not _is_json(asked):
            return _NOT_JSON
        loop = asyncio.get_running_loop()
        receiving = loop.run_in_executor(self.executor, self._ingest.receive, site_id, _request(asked))
        return await asyncio.wait_for(receiving, asked.at + _DECIDE_SECONDS - time.monotonic())


class _Kept:
    """Requests of one group that wait for one commit."""

    __slots__ = ("began", "deliver", "waiting")

    def __init__(self, began: float, deliver: Deliver) -> None:
        self.began = began
        self.deliver = deliver
        self.waiting: list[tuple[int, InboundRequest, str | None]] = []

    def answer_all(self, answer: WebhookResponse) -> None:
        """Answer all of them the same."""
        waiting, self.waiting = self.waiting, []
        if waiting:
            self.deliver([(number, _reply(answer, asked, key)) for number, asked, key in waiting])

    def answer_each(self, done: Future[list[bool | Exception]]) -> None:
        """Answer what came of the commit."""
        error = done.exception()
        if isinstance(error, StoreUnavailableError):
            self.answer_all(unavailable(str(error)))
            return
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return  # their time was up
        results = [error] * len(waiting) if error is not None else done.result()
        replies = []
        for (number, asked, key), result in zip(waiting, results, strict=True):
            answer = _MISTAKE if isinstance(result, BaseException) else ACCEPTED
            replies.append((number, _reply(answer, asked, key)))
        self.deliver(replies)
        for result in results:
            if isinstance(result, BaseException):
                logger.error("answering_failed", exc_info=result)


def _call_in(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more


def _site_of(asked: InboundRequest) -> str:
    """Return the site that is meant; nothing where the stub should say so, and nobody does."""
    return asked.headers.get(signing.SITE_HEADER, "") if asked.site_id is None else asked.site_id


def _is_json(asked: InboundRequest) -> bool:
    return asked.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def _request(asked: InboundRequest) -> Request:
    return Request({name: value for name, value in asked.headers.items() if is_zooms(name)}, asked.body)


def _reply(answer: WebhookResponse, asked: InboundRequest, key: str | None) -> InboundResponse:
    reply = _ACCEPTED if answer is ACCEPTED else InboundResponse.of(answer)
    return reply if key is None else reply.signed(key, asked)


_ACCEPTED = InboundResponse.of(ACCEPTED)
_MISTAKE = refusal(500, "zoombridge_error", "The request failed (500).")
_NOT_JSON = refusal(400, "zoombridge_content_type", "Zoom's events are of content type application/json.")
_TOO_SLOW = unavailable("The database took too long to answer. Nothing is lost: Zoom sends again.")
