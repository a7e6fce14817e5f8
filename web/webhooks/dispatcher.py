"""Decide what the endpoints answer: who sent a request, what it is, and whether it is durable.

Small requests to known sites are verified at once, by cached secrets, and stored in batches. All that is not
known to be authentic after that (a wrong signature, an unknown site, a body over 64 KiB, which takes long to
verify) has two threads of its own and a short queue. Beyond it, the response is 503, so that Zoom sends
again: requests that are not verified delay only each other.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from core.errors import SignatureError, StoreUnavailableError, UnknownSiteError
from core.pipeline.answers import ACCEPTED, TOO_LARGE, refusal, unavailable
from core.pipeline.ingest import log_not_stored
from core.store.events.request import Request
from core.wordpress import signing
from web.http.client_address import client_network
from web.http.executor import BlockingExecutor
from web.http.messages import LARGE_BODY_BYTES, InboundResponse
from web.http.overload_log import OverloadLog
from web.stub.auth import StubKeys, StubRequest
from web.webhooks.endpoint import dropped_bytes, is_stored, site_id_of, visitor_address

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from concurrent.futures import Executor, Future

    from core.pipeline.answers import WebhookResponse
    from core.pipeline.ingest import Ingest
    from core.store.events.log import Entry
    from web.http.batcher import Requests, Responses
    from web.http.messages import InboundRequest

    Deliver = Callable[[Responses], object]

_ANSWER_SECONDS = 1.8  # of the time that Zoom waits; the rest is for the ways to here and back
_LOOKUP_SECONDS = 1.0  # of that, for the secrets and the key of a site
_EVENT_THREADS = 2  # for secrets of known sites, and for validations
_STRANGER_THREADS, _STRANGER_QUEUE = 2, 32

logger = structlog.get_logger(__name__)


class Dispatcher:
    """Answers batches of requests. Those that can be verified at once are stored by one commit.

    Used by one event loop. Each request is answered within `answer_seconds` of its receipt. `executor` is for pages;
    `strangers` runs what is not known to be authentic.
    """

    def __init__(
        self,
        ingest: Ingest,
        *,
        answer_seconds: float = _ANSWER_SECONDS,
        strangers: Executor | None = None,
    ) -> None:
        self.executor = BlockingExecutor()
        self._events = BlockingExecutor(_EVENT_THREADS)
        self._strangers = strangers or BlockingExecutor(_STRANGER_THREADS, _STRANGER_QUEUE)
        self.keys = StubKeys(ingest.store, self.executor, self._strangers)
        self._ingest = ingest
        self._answer_seconds = answer_seconds
        self._outstanding: deque[_Commit] = deque()  # the earliest first
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = OverloadLog()
        self._held: dict[str, list[tuple[list[_Webhook], Deliver]]] = {}

    def dispatch(self, batch: Requests, deliver: Deliver) -> None:
        """Answer each request of a batch, by calling `deliver` with some of them, several times.

        Never blocks and never raises: one request that fails does not harm the others.
        """
        known: list[_Webhook] = []
        to_load: defaultdict[str, list[_Webhook]] = defaultdict(list)
        for number, request in batch:
            webhook = _Webhook(number, request)
            if webhook.is_large:
                self._start(self._process_alone(webhook, deliver))
            elif self._is_known(webhook.site_id):
                known.append(webhook)
            elif self._ingest.may_be_site(webhook.site_id):
                to_load[webhook.site_id].append(webhook)
            else:
                self._start(self._process_alone(webhook, deliver))
        if known:
            self._process(known, deliver)
        for site_id, webhooks in to_load.items():
            self._hold(site_id, webhooks, deliver)

    async def drain(self) -> None:
        """Wait until no thread handles a request any more, even if its sender has disconnected.

        Takes at most `answer_seconds`. What is being stored then is the ingest's to finish.
        """
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _is_known(self, site_id: str) -> bool:
        return self._ingest.has_secrets(site_id) and self.keys.has_key(site_id)

    def _hold(self, site_id: str, webhooks: list[_Webhook], deliver: Deliver) -> None:
        """Hold requests until the secrets of their site are read: one lookup serves all that come meanwhile."""
        held = self._held.get(site_id)
        if held is None:
            held = self._held[site_id] = []
            self._start(self._look_up(site_id))
        held.append((webhooks, deliver))

    async def _look_up(self, site_id: str) -> None:
        # Each request meets an error again by itself, and is answered accordingly.
        with suppress(Exception):
            lookup = asyncio.get_running_loop().run_in_executor(self._events, self._read, site_id)
            await asyncio.wait_for(lookup, _LOOKUP_SECONDS)
        for webhooks, deliver in self._held.pop(site_id):
            self._process(webhooks, deliver)

    def _read(self, site_id: str) -> None:
        self._ingest.load_secrets(site_id)
        self.keys.load_keys(site_id)

    def _process(self, webhooks: list[_Webhook], deliver: Deliver) -> None:
        now = time.monotonic()
        commit = _Commit(now, deliver, self._ingest.log_stored)
        for webhook in webhooks:
            if now - webhook.request.received_at > self._answer_seconds:
                continue  # it was answered 503: this process hung, and Zoom sends again
            try:
                entry = self._entry(webhook)
            except Exception:
                deliver([webhook.response(_FAILED)])
                logger.exception("webhook_failed")
                continue
            if entry is not None:
                commit.entries.append(entry)
                commit.webhooks.append(webhook)
            else:
                self._start(self._process_alone(webhook, deliver))
        if commit.entries:
            self._store(commit)

    def _entry(self, webhook: _Webhook) -> Entry | None:
        """Return the log entry of a request that cached secrets verify; None where something must be read."""
        if webhook.is_from_stub:
            webhook.key = self.keys.verify_cached(webhook.stub_request(), now=None)
            if webhook.key is None or webhook.dropped_by_wordpress:
                return None
        request = webhook.event_request()
        verification = self._ingest.verify(webhook.site_id, request)
        if verification is None or not verification.is_logged:
            webhook.is_authentic = verification is not None and verification.error is None
            return None
        return self._ingest.entry_of(webhook.site_id, request, verification, sender=webhook.sender)

    def _store(self, commit: _Commit) -> None:
        loop = asyncio.get_running_loop()
        try:
            future = self._ingest.append(commit.entries)
        except StoreUnavailableError as error:
            commit.answer_all(unavailable(str(error)), str(error))
            return
        self._outstanding.append(commit)
        if self._timer is None:
            self._timer = loop.call_later(self._answer_seconds, self._time_out, loop)
        future.add_done_callback(lambda done: _call_in(loop, lambda: commit.answer_each(done)))

    def _time_out(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer the requests whose commit takes too long, and wait for the next deadline."""
        limit = time.monotonic() - self._answer_seconds
        while self._outstanding and (
            not self._outstanding[0].webhooks or self._outstanding[0].began_at <= limit
        ):
            self._outstanding.popleft().answer_all(_TIMED_OUT, "The store took too long.")
        self._timer = None
        if self._outstanding:
            self._timer = loop.call_later(self._outstanding[0].began_at - limit, self._time_out, loop)

    def _start(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _process_alone(self, webhook: _Webhook, deliver: Deliver) -> None:
        """Answer a request for which the store has to be read, or written beyond the log."""
        webhook.key = None
        executor = self._events if webhook.is_authentic else self._strangers
        try:
            receiving = asyncio.get_running_loop().run_in_executor(executor, self._receive, webhook)
        except StoreUnavailableError:
            self._log.warning("unverified_requests_refused")
            deliver([webhook.response(_TOO_MANY)])
            return
        try:
            deadline = webhook.request.received_at + self._answer_seconds
            answer = await asyncio.wait_for(receiving, deadline - time.monotonic())
        except UnknownSiteError as error:
            answer = refusal(404, "zoombridge_unknown_site", str(error))
        except (SignatureError, StoreUnavailableError) as error:
            # A broken pairing is no fault of Zoom's: it shall send again.
            answer = unavailable(str(error))
        except TimeoutError:
            answer = _TIMED_OUT
        except Exception:
            answer = _FAILED
            logger.exception("webhook_failed")
        deliver([webhook.response(answer)])

    def _receive(self, webhook: _Webhook) -> WebhookResponse:
        """Return the response to a request, as secrets are stored. Blocks until what has to be is durable.

        Raises: UnknownSiteError, SignatureError (the plugin's), StoreUnavailableError.
        """
        request = webhook.event_request()
        dropped = webhook.request.dropped_bytes
        if webhook.is_from_stub:
            if dropped:
                # Without its body the plugin's signature cannot be verified, and the plugin forwards no such request.
                return TOO_LARGE
            if not webhook.site_id:
                raise UnknownSiteError(
                    "This address is for the bridge's plugin in WordPress. Zoom's address is the one that the page "
                    "Webhooks shows, on the WordPress site itself."
                )
            webhook.key = self.keys.verify_stored(webhook.stub_request(), now=None)
            dropped = webhook.dropped_by_wordpress
        if dropped:
            return self._ingest.receive_too_large(webhook.site_id, request.headers, dropped, webhook.sender)
        return self._ingest.receive(webhook.site_id, request, webhook.sender)


class _Webhook:
    """A request to an endpoint while it is answered.

    `key` is the key of the plugin that is known to have signed it; `is_authentic`: Zoom is known to have signed it.
    """

    __slots__ = ("headers", "is_authentic", "is_from_stub", "key", "number", "request", "site_id")

    def __init__(self, number: int, request: InboundRequest) -> None:
        self.number = number
        self.request = request
        self.headers = {name.lower(): value for name, value in request.headers}
        self.key: str | None = None
        self.is_authentic = False
        site_id = site_id_of(request.target)
        self.is_from_stub = site_id is None
        self.site_id = self.headers.get(signing.SITE_HEADER, "") if site_id is None else site_id

    @property
    def is_large(self) -> bool:
        """Whether its body takes long to verify, or was dropped."""
        return len(self.request.body) > LARGE_BODY_BYTES or bool(self.request.dropped_bytes)

    @property
    def dropped_by_wordpress(self) -> int:
        """The length of a body that the plugin did not forward, as its signed context says; 0 where it did."""
        return dropped_bytes(self.headers.get(signing.CONTEXT_HEADER, "")) if self.is_from_stub else 0

    @property
    def sender(self) -> str:
        """Where the request came from: as the plugin has signed it, which has to be verified; else of the connection."""
        address = visitor_address(self.headers.get(signing.CONTEXT_HEADER, "")) if self.is_from_stub else ""
        return client_network(address or self.request.remote_ip)

    def stub_request(self) -> StubRequest:
        """Return what the plugin signed of the request; its own clock does not matter, Zoom's timestamp does."""
        return StubRequest("POST", self.request.target, self.headers, self.request.body)

    def event_request(self) -> Request:
        """Return what is stored of the request."""
        headers = {name: value for name, value in self.headers.items() if is_stored(name)}
        return Request(headers, self.request.body)

    def response(self, answer: WebhookResponse) -> tuple[int, InboundResponse]:
        """Return the response with its number, signed where the plugin is to know whose it is."""
        response = _ACCEPTED if answer is ACCEPTED else InboundResponse.of(answer)
        if self.key is not None:
            signature = signing.sign_answer(
                self.key,
                request_signature=self.headers.get(signing.SIGNATURE_HEADER, ""),
                status=response.status,
                location="",
                body=response.body,
            )
            response = response._replace(headers=[*response.headers, (signing.ANSWER_HEADER, signature)])
        return self.number, response


class _Commit:
    """Requests of one batch that wait for one commit."""

    __slots__ = ("began_at", "deliver", "entries", "log_stored", "webhooks")

    def __init__(
        self,
        began_at: float,
        deliver: Deliver,
        log_stored: Callable[[Sequence[Entry], Sequence[bool | BaseException]], None],
    ) -> None:
        self.began_at = began_at
        self.deliver = deliver
        self.log_stored = log_stored
        self.entries: list[Entry] = []
        self.webhooks: list[_Webhook] = []

    def answer_all(self, answer: WebhookResponse, reason: str) -> None:
        """Answer all requests the same, unless they were answered."""
        webhooks, self.webhooks = self.webhooks, []
        if webhooks:
            log_not_stored(self.entries, reason)
            self.deliver([webhook.response(answer) for webhook in webhooks])

    def answer_each(self, done: Future[list[bool | Exception]]) -> None:
        """Answer each request with the result of its entry, unless they were answered."""
        error = done.exception()
        if isinstance(error, StoreUnavailableError):
            self.answer_all(unavailable(str(error)), str(error))
            return
        webhooks, self.webhooks = self.webhooks, []
        results = [error] * len(self.entries) if error is not None else done.result()
        if webhooks:
            self.deliver(
                [
                    webhook.response(_FAILED if isinstance(result, BaseException) else ACCEPTED)
                    for webhook, result in zip(webhooks, results, strict=True)
                ]
            )
        self.log_stored(self.entries, results)


def _call_in(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return  # the loop is closed, and with it every connection


_ACCEPTED = InboundResponse.of(ACCEPTED)
_FAILED = refusal(500, "zoombridge_error", "The request failed (500).")
_TOO_MANY = unavailable(
    "Too many requests that are not known to be Zoom's are waiting. Nothing is lost: Zoom sends again."
)
_TIMED_OUT = unavailable("The database took too long to answer. Nothing is lost: Zoom sends again.")
