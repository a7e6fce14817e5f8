"""What the stub asks for itself."""

import base64
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from tornado.ioloop import IOLoop

from core.bridge import Bridge
from core.errors import BadRequestError, StoreUnavailableError
from core.store.db import settings
from core.store.db.engine import Store
from core.store.sites import sites
from core.store.sites.sites import Site
from core.wordpress import signing
from tests.core.events import event, raw, signed
from tests.web.conftest import CONTEXT, PAGE, Http, from_stub, is_answered_by_the_bridge, served
from web.app import make_app
from web.stub.auth import Context
from web.ui.shell import ASSETS_VERSION


class TestHello:
    def test_answers_signed(self, http: Http, wp_site: Site) -> None:
        headers = from_stub(wp_site, "GET", "/stub/hello")
        answer = http("GET", "/stub/hello", headers=headers)
        assert answer.code == 200
        assert is_answered_by_the_bridge(wp_site, headers, answer)

    @pytest.mark.parametrize("given", [{"key": "another"}, {"timestamp": time.time() - 400}])
    def test_refuses_who_cannot_sign(self, http: Http, wp_site: Site, given: dict[str, Any]) -> None:
        answer = http("GET", "/stub/hello", headers=from_stub(wp_site, "GET", "/stub/hello", **given))
        assert answer.code == 401
        assert signing.ANSWER_HEADER not in answer.headers
        assert json.loads(answer.body)["message"]

    def test_refuses_an_unsigned_request(self, http: Http, wp_site: Site) -> None:
        assert http("GET", "/stub/hello").code == 404
        assert http("GET", "/stub/hello", headers={signing.SITE_HEADER: "s1"}).code == 401


class TestReplay:
    @pytest.mark.parametrize(
        ("method", "target", "body"),
        [
            ("GET", "/stub/hello", None),
            ("POST", "/stub/changed", b""),
            ("POST", "/stub/goodbye", b'{"reason": "deactivated"}'),
            ("POST", "/stub/rotate", b""),
            ("POST", "/stub/moved", b"{}"),
            ("GET", "/stub/calendar", None),
        ],
    )
    def test_of_a_request_of_the_plugin_is_refused(
        self, http: Http, wp_site: Site, method: str, target: str, body: bytes | None
    ) -> None:
        headers = from_stub(wp_site, method, target, body or b"")
        first = http(method, target, body, headers)
        assert first.code != 409
        again = http(method, target, body, headers)
        assert (again.code, json.loads(again.body)["code"]) == (409, "zoombridge_replayed")
        assert http(method, target, body, from_stub(wp_site, method, target, body or b"")).code == first.code

    def test_of_a_page_is_refused(self, http: Http, wp_site: Site) -> None:
        headers = from_stub(wp_site, "GET", "/webhooks", context=CONTEXT)
        assert http("GET", "/webhooks", headers=headers).code == 200
        again = http("GET", "/webhooks", headers=headers)
        assert again.code == 409
        assert is_answered_by_the_bridge(wp_site, headers, again), "so that the plugin can show why"
        assert "came twice" in json.loads(again.body)["message"]

    def test_of_a_form_gives_no_second_session(self, http: Http, wp_site: Site, store: Store) -> None:
        _pair_with_address(store, wp_site)
        headers = from_stub(wp_site, "POST", "/bridge-link", context=CONTEXT)
        assert http("POST", "/bridge-link", b"", headers).code == 200
        again = http("POST", "/bridge-link", b"", headers)
        assert again.code == 409
        assert b"token" not in again.body

    def test_is_noticed_by_another_process_of_the_database(
        self, http: Http, wp_site: Site, store: Store, bridge: Bridge, io_loop: IOLoop
    ) -> None:
        headers = from_stub(wp_site, "GET", "/stub/hello")
        assert http("GET", "/stub/hello", headers=headers).code == 200
        with served(io_loop, lambda: make_app(bridge)) as another:
            assert another("GET", "/stub/hello", headers=headers).code == 409

    def test_of_a_plugin_that_sends_no_id_is_refused_where_it_may_change_something(
        self, http: Http, wp_site: Site, store: Store
    ) -> None:
        """Two people may open one page in the same second."""
        _pair_with_address(store, wp_site)
        context = {**CONTEXT, "request": ""}
        for method, target, expected in (("GET", "/webhooks", 200), ("POST", "/bridge-link", 409)):
            body = b"" if method == "POST" else None
            headers = from_stub(wp_site, method, target, context=context)
            assert http(method, target, body, headers).code == 200
            assert http(method, target, body, headers).code == expected

    def test_of_a_plugin_that_sends_no_id_only_asks_for_another_check(
        self, http: Http, wp_site: Site
    ) -> None:
        """Pages may change twice in one second."""
        headers = from_stub(wp_site, "POST", "/stub/changed", context={"request": ""})
        assert [http("POST", "/stub/changed", b"", headers).code for _ in range(2)] == [202, 202]

    def test_of_an_event_is_acknowledged(self, http: Http, wp_site: Site) -> None:
        """Zoom repeats events, and the log holds each once."""
        body = raw(event())
        target = "/wp-json/vczapi/v1/meeting"
        headers = signed(body, at=time.time()) | from_stub(wp_site, "POST", target, body)
        assert [http("POST", target, body, headers).code for _ in range(2)] == [204, 204]


def _pair_with_address(store: Store, site: Site) -> None:
    """Store where the site looks for the bridge, as every pairing does."""
    paired = replace(site, bridge_url="https://bridge.example.org")
    store.write(lambda connection: sites.save(connection, paired, store.sealer))


class TestUseThatCannotBeNoted:
    @pytest.fixture(autouse=True)
    def full_disk(self, http: Http, wp_site: Site, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A database that can be read, but not written. The site's calendar was asked for before."""
        store.write(settings.make_calendar_secret)

        def full(*_: object) -> None:
            raise StoreUnavailableError("The disk is full.")

        for way in ("submit", "submit_to_group", "submit_each"):
            monkeypatch.setattr(store, way, full)

    @pytest.mark.parametrize("target", ["/", "/webhooks", "/meetings", "/stub/calendar", "/stub/hello"])
    def test_does_not_keep_what_is_read_from_being_shown(
        self, http: Http, wp_site: Site, target: str
    ) -> None:
        headers = from_stub(wp_site, "GET", target, context=CONTEXT)
        with capture_logs() as logs:
            answer = http("GET", target, headers=headers)
        assert answer.code == 200
        assert is_answered_by_the_bridge(wp_site, headers, answer)
        noted = [line for line in logs if line["event"] == "use_not_noted"]
        assert [(line["site"], line["reason"]) for line in noted] == [(wp_site.id, "The disk is full.")]

    @pytest.mark.parametrize("target", ["/webhooks", "/stub/changed", "/stub/goodbye", "/bridge-link"])
    def test_keeps_everything_else_from_being_done(self, http: Http, wp_site: Site, target: str) -> None:
        headers = from_stub(wp_site, "POST", target, context=CONTEXT)
        answer = http("POST", target, b"", headers)
        assert (answer.code, json.loads(answer.body)["code"]) == (503, "zoombridge_unavailable")

    def test_does_not_open_a_page_to_who_cannot_sign(self, http: Http, wp_site: Site) -> None:
        headers = from_stub(wp_site, "GET", "/webhooks", context=CONTEXT, key="another")
        assert http("GET", "/webhooks", headers=headers).code == 401


class TestContext:
    def header(self, told: Any) -> str:
        return base64.b64encode(json.dumps(told).encode()).decode()

    def test_is_read(self) -> None:
        context = Context.from_header(self.header(CONTEXT))
        assert context == Context(
            PAGE, "zoombridge", "_zoombridge_nonce", "n0nce", "en_US", "anna", ASSETS_VERSION
        )

    @pytest.mark.parametrize("assets", [None, "1", 1.5, [], float("inf")])
    def test_of_a_plugin_that_has_no_style_and_script(self, assets: Any) -> None:
        assert Context.from_header(self.header({**CONTEXT, "assets": assets})).assets == 0

    @pytest.mark.parametrize(
        "value",
        ["", "!", "e30=", "W10=", "bnVsbA==", "/w==", "eyJ", "MQ=="],
    )
    def test_is_a_bad_request_where_it_cannot_be(self, value: str) -> None:
        with pytest.raises(BadRequestError, match="zoombridge plugin"):
            Context.from_header(value)

    @pytest.mark.parametrize("page", ["javascript:alert(1)", "//x", "data:text/html,x", 5, None])
    def test_takes_only_addresses_of_the_web(self, page: Any) -> None:
        with pytest.raises(BadRequestError):
            Context.from_header(self.header({**CONTEXT, "page": page}))
