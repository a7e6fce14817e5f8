"""The bridge's own handler with nothing behind it: HMAC and JSON, and no storage. `python -m bench.plain`.

What it leaves out is all that durability costs: the digest, sealing, the log, waiting for the commit, and the
fold beside it.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import click
from tornado.netutil import bind_sockets
from tornado.routing import URLSpec
from tornado.web import Application

from bench.events import SECRET
from core.errors import SignatureError
from core.ingest import ACCEPTED, Answer, refusal
from core.zoom.signature import Secret, verify
from web.app import make_server
from web.inflight import InFlight
from web.webhooks import WebhookHandler

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRETS = [Secret(SECRET)]


class PlainHandler(WebhookHandler):
    """Answers 204 to what Zoom signed, and forgets it."""

    async def _receive(self, site_id: str, headers: Mapping[str, str], body: bytes) -> Answer:  # noqa: ARG002
        try:
            verify(headers, body, _SECRETS, now=time.time())
            document = json.loads(body)
        except (SignatureError, ValueError):
            return refusal(401, "plain_signature", "Not signed, or not JSON.")
        if "event" in document and "payload" in document:
            return ACCEPTED
        return refusal(400, "plain_bad_request", "Not an event.")


async def _serve() -> None:
    route = r"/sites/([A-Za-z0-9_-]{1,64})/wp-json/vczapi/v1/(?:meeting|webinar|recording)/?"
    given = {"ingest": None, "keys": None, "executor": None, "in_flight": InFlight(), "waiting": None}
    app = Application([URLSpec(route, PlainHandler, given)], log_function=lambda _: None)
    sockets = bind_sockets(0, "127.0.0.1")
    make_server(app).add_sockets(sockets)
    click.echo(f"serves on http://127.0.0.1:{sockets[0].getsockname()[1]}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
