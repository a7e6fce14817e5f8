"""The application's responses to requests that an acceptor has received."""

import asyncio
import marshal
from http import HTTPStatus

from tornado.web import Application, RequestHandler

from web.acceptor import app_requests
from web.http.messages import InboundRequest


class Handler(RequestHandler):
    """Answers with a status as Python's own library names it."""

    def get(self) -> None:
        self.set_status(HTTPStatus.ACCEPTED)


def test_can_be_sent_to_the_acceptor() -> None:
    app = Application([("/", Handler)])
    request = InboundRequest("GET", "/", "HTTP/1.1", [("Host", "bridge")], b"", "127.0.0.1", "http", 0.0)
    response = asyncio.run(app_requests.respond(app, request))
    assert marshal.loads(marshal.dumps(response.status)) == HTTPStatus.ACCEPTED


def test_that_are_malformed_are_the_clients_fault() -> None:
    app = Application([("/", Handler)])
    headers = [("Host", "bridge"), ("Content-Type", "multipart/form-data")]
    request = InboundRequest("POST", "/", "HTTP/1.1", headers, b"a=b", "127.0.0.1", "http", 0.0)
    assert asyncio.run(app_requests.respond(app, request)).status == HTTPStatus.BAD_REQUEST
