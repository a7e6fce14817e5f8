"""Have a running bridge execute an operation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests
from pydantic import ValidationError

from core.errors import ZoomBridgeError
from web.rpc.caller import USER_HEADER, system_user

if TYPE_CHECKING:
    from pathlib import Path

    from web.rpc.api import Operation, RequestT, ResultT

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 120  # connecting a site takes several requests to WordPress


@dataclass(frozen=True, slots=True)
class RpcClient:
    """A client of the running bridge whose address and token are in `file`."""

    file: Path

    def call(self, operation: Operation[RequestT, ResultT], request: RequestT) -> ResultT:
        """Return the result of an operation. Blocks. Raises: ZoomBridgeError."""
        try:
            server = json.loads(self.file.read_text())
            with requests.Session() as session:
                # The bridge is on this machine: no proxy of the environment leads there, nor is one to see the token. And a
                # password of .netrc would replace it.
                session.trust_env = False
                answer = session.post(
                    f"{server['url']}/rpc/{operation.name}",
                    data=request.model_dump_json(),
                    headers={
                        "Authorization": f"Bearer {server['token']}",
                        "Content-Type": "application/json",
                        USER_HEADER: quote(system_user()),
                    },
                    timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                )
            document = answer.json()
        except requests.ReadTimeout as error:
            raise ZoomBridgeError(
                f"The running bridge has not answered within {_ANSWER_SECONDS} seconds. It may go on with it: look before you "
                "try again."
            ) from error
        except (OSError, ValueError, KeyError, requests.RequestException) as error:
            raise ZoomBridgeError(
                "A running bridge has the database open, but does not answer. Stop it and try again."
            ) from error
        if "error" in document:
            raise ZoomBridgeError(document["error"])
        try:
            return operation.load_result(document["result"])
        except (KeyError, ValidationError) as error:
            raise ZoomBridgeError("The running bridge is of another version. Restart it.") from error
