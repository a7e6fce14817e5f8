"""The door for the command line while `serve` holds the store. Opened by a token only its owner can read."""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import TYPE_CHECKING

from tornado.web import RequestHandler

from core.errors import ZoomBridgeError
from web.rpc import operations

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from core.bridge import Bridge


class ControlHandler(RequestHandler):
    """`POST /control/{operation}` with a bearer token and JSON arguments."""

    def initialize(self, bridge: Bridge, executor: Executor, token: str) -> None:
        """Take what it works with."""
        self._bridge = bridge
        self._executor = executor
        self._token = token

    async def post(self, name: str) -> None:
        """Run the operation; answer its result, or what went wrong."""
        given = self.request.headers.get("Authorization", "")
        expected = f"Bearer {self._token}"
        if not self._token or not hmac.compare_digest(given.encode(), expected.encode()):
            self.set_status(401)
            self.write({"error": "This address is for the command line on the bridge's own machine."})
            return
        try:
            arguments = json.loads(self.request.body)
        except ValueError:
            arguments = None
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._executor, operations.run, self._bridge, name, arguments)
        except ZoomBridgeError as error:
            self.set_status(422)
            self.write({"error": str(error)})
        else:
            self.write({"result": result})
