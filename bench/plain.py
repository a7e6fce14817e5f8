"""The bridge's own handler without storage: HMAC and JSON only. `python -m bench.plain`.

What it leaves out is all that durability costs: another process, the digest, sealing, the log, waiting for the
commit, and the fold beside it.
"""

from __future__ import annotations

import asyncio
import json
import time

import click
from tornado.netutil import bind_sockets
from tornado.routing import URLSpec
from tornado.web import Application

from bench.events import SECRET
from core.errors import SignatureError
from core.pipeline.answers import ACCEPTED, refusal
from core.zoom.signature import Secret, verify
from web.http.inflight import InFlight
from web.http.messages import InboundRequest, InboundResponse
from web.http.server import make_server
from web.webhooks.endpoint import ROUTE
from web.webhooks.handler import WebhookHandler

_SECRETS = [Secret(SECRET)]
_ACCEPTED = InboundResponse.of(ACCEPTED)


class Plain:
    """Answers 204 to what Zoom signed, and forgets it."""

    async def respond(self, request: InboundRequest) -> InboundResponse:
        """Answer at once."""
        try:
            headers = {name.lower(): value for name, value in request.headers}
            verify(headers, request.body, _SECRETS, now=time.time())
            document = json.loads(request.body)
        except (SignatureError, ValueError):
            return InboundResponse.of(refusal(401, "plain_signature", "Not signed, or not JSON."))
        if "event" in document and "payload" in document:
            return _ACCEPTED
        return InboundResponse.of(refusal(400, "plain_bad_request", "Not an event."))


async def _serve() -> None:
    options = {"responder": Plain(), "in_flight": InFlight()}
    app = Application(
        [URLSpec(ROUTE, WebhookHandler, options)],
        cross_origin_protection=True,
        log_function=lambda _: None,
    )
    sockets = bind_sockets(0, "127.0.0.1")
    make_server(app).add_sockets(sockets)
    click.echo(f"serves on http://127.0.0.1:{sockets[0].getsockname()[1]}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
