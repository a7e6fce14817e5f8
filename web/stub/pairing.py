"""Requests by which a plugin pairs its site, and reports that it has moved, ends, or wants another key."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from core import messages
from core.errors import PairingRefusedError, StoreUnavailableError
from core.sites import pairing, plugin_reports
from core.store import audit
from core.store.audit import Actor, ActorKind
from web.http.client_address import client_address
from web.http.handler import Handler
from web.stub.auth import REFUSALS, StubRequest, answer_signed, refuse_unsigned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from core.bridge import Bridge
    from web.stub.auth import StubKeys

T = TypeVar("T")

MOST_PAIRINGS = 8
"""Requests for a pairing that are handled at once; anybody may send them."""

MOST_MOVES = 2
"""Reports of moves that are waited for at once."""

_MOVE_SECONDS = 3.0  # the plugin asks again where the bridge needs longer


@dataclass(slots=True)
class Gate:
    """Lets a number of requests in at once. Used by one event loop."""

    room: int

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Hold a place. Raises: StoreUnavailableError where none is free; the plugin tries again."""
        if self.room <= 0:
            raise StoreUnavailableError(messages.STORE_UNAVAILABLE % {"reason": messages.STORE_QUEUE_FULL})
        self.room -= 1
        try:
            yield
        finally:
            self.room += 1


class PairHandler(Handler):
    """`POST /stub/pair`: a plugin uses a pairing code. Its request is signed with the code's secret."""

    def initialize(self, bridge: Bridge, executor: Executor, gate: Gate) -> None:
        self._bridge = bridge
        self._executor = executor
        self._gate = gate

    async def post(self) -> None:
        """Answer a verified request with the bridge's key, and call the site back; refuse any other."""
        audit.act(Actor(ActorKind.PLUGIN, address=client_address(self.request)))
        try:
            with self._gate.passing():
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(
                    self._executor, pairing.answer_request, self._bridge.store, self.request.body
                )
        except PairingRefusedError as error:
            self.set_status(error.status)
            self.write({"code": error.code, "message": str(error)})
        except StoreUnavailableError as error:
            refuse_unsigned(self, error)
        else:
            self.set_header("Content-Type", "application/json; charset=utf-8")
            self.finish(answer.body)
            self._bridge.pairing_caller.begin(answer.pairing_id)


class ReportHandler(Handler):
    """Base of the reports of a paired plugin: signed with its key, answered signed.

    `changes_nothing`: whether it does no harm where one is sent twice.
    """

    changes_nothing = False

    def initialize(self, bridge: Bridge, keys: StubKeys, executor: Executor, gate: Gate) -> None:
        self._bridge = bridge
        self._keys = keys
        self._executor = executor
        self._gate = gate

    async def post(self) -> None:
        """Verify the raw body, then handle it."""
        audit.act(Actor(ActorKind.PLUGIN, address=client_address(self.request)))
        request = StubRequest.of(self.request)
        try:
            key = await self._keys.verify(request, now=time.time())
            await self._keys.use(request, changes_nothing=self.changes_nothing)
        except REFUSALS as error:
            refuse_unsigned(self, error)
            return
        try:
            with self._gate.passing():
                status, code = await self.handle(request.site_id, request.body)
        except PairingRefusedError as error:
            answer_signed(self, key, error.status, {"code": error.code, "message": str(error)})
        except REFUSALS as error:
            refuse_unsigned(self, error)
        else:
            answer_signed(self, key, status, {"code": code, "message": ""})

    async def handle(self, site_id: str, body: bytes) -> tuple[int, str]:
        """Return the status and the code of the answer. Raises: PairingRefusedError, one of `REFUSALS`."""
        raise NotImplementedError

    async def blocking(self, function: Callable[[], T]) -> T:
        """Call a function that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)


class MovedHandler(ReportHandler):
    """`POST /stub/moved`: the site has another home. The bridge calls it there first; meanwhile it answers 202."""

    async def handle(self, site_id: str, body: bytes) -> tuple[int, str]:
        check = partial(self._bridge.move_checker.check, site_id, body, within=_MOVE_SECONDS)
        if await self.blocking(check):
            return HTTPStatus.OK, "zoombridge_moved"
        return HTTPStatus.ACCEPTED, "zoombridge_calling"


class GoodbyeHandler(ReportHandler):
    """`POST /stub/goodbye`: the plugin is deactivated or uninstalled."""

    async def handle(self, site_id: str, body: bytes) -> tuple[int, str]:
        await self.blocking(partial(plugin_reports.say_goodbye, self._bridge.store, site_id, body))
        self._bridge.health_worker.wake()
        return HTTPStatus.OK, "zoombridge_goodbye"


class ChangedHandler(ReportHandler):
    """`POST /stub/changed`: others have changed pages of the site. The bridge fetches it after its answer."""

    changes_nothing = True  # it only has the site checked

    async def handle(self, site_id: str, body: bytes) -> tuple[int, str]:
        del body  # it says nothing
        await self.blocking(partial(plugin_reports.note_change, self._bridge.store, site_id))
        self._bridge.health_worker.wake()
        return HTTPStatus.ACCEPTED, "zoombridge_fetching"


class RotateHandler(ReportHandler):
    """`POST /stub/rotate`: an administrator of the site wants another key. The bridge renews it after its answer."""

    async def handle(self, site_id: str, body: bytes) -> tuple[int, str]:
        del body  # it says nothing
        self._bridge.key_rotator.begin(site_id)
        return HTTPStatus.ACCEPTED, "zoombridge_rotating"
