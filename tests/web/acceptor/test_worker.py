"""What an acceptor keeps apart on the way to the bridge."""

import time
from dataclasses import replace

from tornado.ioloop import IOLoop

from core.bridge import Bridge
from core.store.sites.sites import Site
from tests.core.events import event, raw, signed
from tests.web.acceptor.in_process import accepted
from web.app import make_app
from web.http.batcher import LARGE_EVENT_LIMITS
from web.http.messages import LARGE_BODY_BYTES
from web.webhooks.dispatcher import Dispatcher


def test_large_events_have_a_room_of_their_own(io_loop: IOLoop, bridge: Bridge, wp_site: Site) -> None:
    dispatcher = Dispatcher(bridge.ingest, answer_seconds=600.0)
    app = make_app(bridge, dispatcher=dispatcher)
    full = replace(LARGE_EVENT_LIMITS, max_requests=0)
    answers = []
    with accepted(io_loop, app, dispatcher, large_event_limits=full) as http:
        for topic in ("x" * LARGE_BODY_BYTES, "x"):
            body = raw(event(topic=topic))
            path = f"/sites/{wp_site.id}/wp-json/vczapi/v1/meeting"
            answers.append(http("POST", path, body, signed(body, at=time.time())).code)
    assert answers == [503, 204]
