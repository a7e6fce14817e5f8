"""The HTTP end of the command line's API, which only the owner of the data folder can use."""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from core.errors import ZoomBridgeError
from core.store import audit
from web.http.handler import Handler
from web.rpc.caller import USER_HEADER, command_actor
from web.rpc.operations import REGISTRY

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from core.bridge import Bridge


class RpcHandler(Handler):
    """`POST /rpc/{operation}` with the token that `serve` writes to `rpc.json`, and a JSON request."""

    def initialize(self, bridge: Bridge, executor: Executor, token: str) -> None:
        self._bridge = bridge
        self._executor = executor
        self._token = token

    async def post(self, name: str) -> None:
        """Execute the operation; answer its result, or its error with 422. Without a token nothing is allowed."""
        given = self.request.headers.get("Authorization", "")
        expected = f"Bearer {self._token}"
        if not self._token or not hmac.compare_digest(given.encode(), expected.encode()):
            self.set_status(401)
            self.write({"error": "This address is for the command line on the bridge's own machine."})
            return
        # Only the owner of the data folder has the token, so this name is as good as theirs.
        audit.act(command_actor(unquote(self.request.headers.get(USER_HEADER, ""))))
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(
                self._executor, REGISTRY.execute_json, self._bridge, name, self.request.body
            )
        except ZoomBridgeError as error:
            self.set_status(422)
            self.write({"error": str(error)})
        else:
            self.write({"result": result})

    def write_error(self, status_code: int, **_: Any) -> None:
        """Answer as the client reads it: what went wrong is in the log."""
        self.finish(
            {"error": f"The bridge encountered an internal error ({status_code}). See its log for details."}
        )
