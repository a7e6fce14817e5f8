"""What the stub asks for itself."""

import base64
import json
import time
from typing import Any

import pytest

from core.errors import BadRequestError
from core.store.sites.sites import Site
from core.wordpress import signing
from tests.web.conftest import CONTEXT, PAGE, Http, from_stub, is_answered_by_the_bridge
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
