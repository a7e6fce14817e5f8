"""Forwarding: the bridge receives Zoom's requests unchanged, and Zoom receives the bridge's response or a 503."""

import socket
import time
from pathlib import Path

import pytest
import requests

from tests.plugin_stub.bridge_double import SITE, BridgeDouble, BridgeRequest, BridgeResponse, as_json
from tests.plugin_stub.pairing import connect, must_use
from tests.wordpress import WordPress

ZOOM = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Zoom Marketplace/1.0a",
    "x-zm-signature": "v0=" + "a1" * 32,
    "x-zm-request-timestamp": "1760000000",
    "x-zm-request-id": "a1b2_c3",
    "x-zm-trackingid": "WEB_1",
    "x-zm-anything-new": "also",
    "clientid": "an-id",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}

BODIES = {
    "an event": b'{"event":"meeting.created","payload":{"object":{"id":85393847045}}}',
    "emoji as escapes": rb'{"topic":"\uD83D\uDE92 \u00e9"}',
    "raw UTF-8": '{"topic":"🚒 \u2013 \u2019 é"}'.encode(),
    "slashes": rb'{"a":"http:\/\/x\\n","b":"c:\\\\d"}',
    "a BOM": b'\xef\xbb\xbf{"event":"x"}',
    "repeated keys": b'{"id":1,"id":2}',
    "malformed": b'{"event": ',
    "no JSON at all": b"<xml/>",
    "odd white space": b'\r\n\t{ "a" :\t1 ,\r\n "b":2.0 }\n\n ',
    "empty": b"",
    "NUL": b'{"a":"\x00"}\x00\x00',
    "not UTF-8": b'{"a":"\xff\xfe"}',
    "all bytes": bytes(range(256)) * 16,
    "1 MiB": b'"' + b"x" * (1024 * 1024 - 2) + b'"',
}


def send(
    site: WordPress, body: bytes = b"{}", *, to: str = "meeting", headers: dict[str, str] | None = None
) -> requests.Response:
    return requests.post(
        f"{site.rest_root}vczapi/v1/{to}",
        data=body,
        headers=ZOOM | (headers or {}),
        allow_redirects=False,
        timeout=600,
    )


class TestBytes:
    @pytest.mark.parametrize("name", BODIES)
    def test_are_forwarded_unchanged(self, paired: WordPress, bridge: BridgeDouble, name: str) -> None:
        assert send(paired, BODIES[name]).status_code == 204

        assert [request.body for request in bridge.requests] == [BODIES[name]]
        assert bridge.requests[0].is_signed

    @pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain"])
    def test_with_other_content_types(
        self, paired: WordPress, bridge: BridgeDouble, content_type: str
    ) -> None:
        send(paired, b"a=1&b=%7b", headers={"Content-Type": content_type})

        assert bridge.requests[0].body == b"a=1&b=%7b"
        assert bridge.requests[0].headers["Content-Type"] == content_type

    # The second one is over PHP's own limit too, so that PHP passes none of it.
    @pytest.mark.parametrize("size", [1024 * 1024 + 1, 9 * 1024 * 1024])
    def test_over_1_mib_are_refused_and_the_bridge_is_told(
        self, paired: WordPress, bridge: BridgeDouble, size: int
    ) -> None:
        """Whatever the bridge answers, unless it wants the event again."""
        answer = send(paired, b"x" * size, headers={"X-Zm-Request-Id": "r"})

        assert (answer.status_code, answer.json()["code"]) == (413, "zoombridge_too_large")
        (told,) = bridge.requests
        assert told.is_signed
        assert (told.body, told.context) == (b"", {"client": "127.0.0.1", "dropped_bytes": size})
        assert told.headers["X-Zm-Request-Id"] == "r"


class TestRequest:
    def test_headers_of_zoom_are_forwarded(self, paired: WordPress, bridge: BridgeDouble) -> None:
        send(paired, headers={"Authorization": "a-verification-token", "X-Other": "stays", "Cookie": "a=b"})

        headers = bridge.requests[0].headers
        for name, value in (ZOOM | {"Authorization": "a-verification-token"}).items():
            assert headers.get_all(name) == [value]
        assert "X-Other" not in headers
        assert "Cookie" not in headers
        assert "Expect" not in headers
        assert headers["Accept-Encoding"] == "identity"

    def test_missing_headers_stay_missing(self, paired: WordPress, bridge: BridgeDouble) -> None:
        requests.post(f"{paired.rest_root}vczapi/v1/meeting", data=b"{}", timeout=600)

        assert "Content-Type" not in bridge.requests[0].headers
        assert "Authorization" not in bridge.requests[0].headers

    @pytest.mark.parametrize(
        "authorization", ["Basic garbage", "Basic YWRtaW46d3Jvbmc=", "Bearer x.y.z", "token"]
    )
    def test_authorization_is_not_for_wordpress(
        self, paired: WordPress, bridge: BridgeDouble, authorization: str
    ) -> None:
        assert send(paired, headers={"Authorization": authorization}).status_code == 204

        assert bridge.requests[0].headers["Authorization"] == authorization

    def test_signature(self, paired: WordPress, bridge: BridgeDouble) -> None:
        before = int(time.time())
        send(paired)

        [request] = bridge.requests
        assert request.method == "POST"
        assert request.target == "/wp-json/vczapi/v1/meeting"
        assert request.headers["X-Zoombridge-Site"] == SITE
        assert before <= int(request.headers["X-Zoombridge-Timestamp"]) <= time.time()
        assert request.context == {"client": "127.0.0.1"}
        assert request.is_signed

    @pytest.mark.parametrize("endpoint", ["meeting", "webinar", "recording"])
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_each_endpoint(self, paired: WordPress, bridge: BridgeDouble, endpoint: str, slash: str) -> None:
        assert send(paired, to=endpoint + slash).status_code == 204

        assert bridge.requests[0].target == f"/wp-json/vczapi/v1/{endpoint}"

    def test_plain_permalinks(self, paired: WordPress, bridge: BridgeDouble) -> None:
        for route in ("/vczapi/v1/meeting", "/vczapi/v1/meeting/"):
            url = f"{paired.url}/?rest_route={route}"
            headers = ZOOM | {"Authorization": "Basic YWRtaW46d3Jvbmc="}
            assert requests.post(url, data=b"{", headers=headers, timeout=600).status_code == 204

        assert [request.body for request in bridge.requests] == [b"{", b"{"]

    def test_endpoint_as_rest_url_gives_it(self, paired: WordPress, bridge: BridgeDouble) -> None:
        endpoints = paired.php("return zoombridge_endpoints();")

        assert requests.post(endpoints["webinar"], data=b"{}", timeout=600).status_code == 204
        assert bridge.requests[0].target == "/wp-json/vczapi/v1/webinar"

    def test_bridge_below_a_folder(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """The signature excludes "the bridge's own address", which includes the folder."""
        connect(paired, bridge.url + "/zoom")

        send(paired)

        [request] = bridge.requests
        assert request.target == "/zoom/wp-json/vczapi/v1/meeting"
        inside = BridgeRequest(
            request.method, request.target.removeprefix("/zoom"), request.headers, request.body
        )
        assert inside.is_signed


class TestResponse:
    def test_204(self, paired: WordPress) -> None:
        response = send(paired)

        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["Cache-Control"] == "no-store"

    def test_validation(self, paired: WordPress, bridge: BridgeDouble) -> None:
        answer = {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": "ab" * 32}
        bridge.respond = lambda _: as_json(answer)

        response = send(paired)

        assert response.status_code == 200
        assert response.json() == answer
        assert response.headers["Content-Type"].startswith("application/json")

    def test_errors_and_retry_after(self, paired: WordPress, bridge: BridgeDouble) -> None:
        error = {"code": "no_secret", "message": "Save a secret.", "data": {}}
        bridge.respond = lambda _: as_json(error, 503, **{"Retry-After": "17"})

        response = send(paired)

        assert response.status_code == 503
        assert response.json() == error
        assert response.headers["Retry-After"] == "17"

    @pytest.mark.parametrize("status", [400, 401, 413])
    def test_errors_without_retry_after(self, paired: WordPress, bridge: BridgeDouble, status: int) -> None:
        bridge.respond = lambda _: as_json({"code": "no", "message": "No."}, status)

        response = send(paired)

        assert response.status_code == status
        assert "Retry-After" not in response.headers

    def test_no_redirect_is_followed(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """Only the server at the bridge's own address is the bridge."""
        bridge.respond = lambda _: BridgeResponse(
            302, headers={"Location": bridge.url + "/other"}, signed_with=None
        )

        assert send(paired).status_code == 503
        assert len(bridge.requests) == 1


def unreachable(response: requests.Response, code: str = "zoombridge_unreachable") -> bool:
    return (
        response.status_code == 503
        and response.json()["code"] == code
        and bool(response.json()["message"])
        and response.headers["Retry-After"] == "300"
        and response.headers["Cache-Control"] == "no-store"
    )


class TestNoResponse:
    def test_not_paired(self, site: WordPress) -> None:
        assert unreachable(send(site), "zoombridge_not_paired")

    def test_bridge_is_down(self, paired: WordPress) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            connect(paired, f"http://127.0.0.1:{nobody.getsockname()[1]}")
            response = send(paired)

        assert unreachable(response)
        assert "127.0.0.1" not in response.text

    def test_bridge_hangs(self, paired: WordPress, bridge: BridgeDouble, tmp_path: Path) -> None:
        """Zoom waits for three seconds. The double does not respond before the test has ended."""
        bridge.hang()
        noted = tmp_path / "timeout"
        plugin = paired.directory / "wp-content/mu-plugins/timeout.php"
        plugin.write_text(
            "<?php add_filter( 'http_request_args', static function ( $args ) {"
            f" file_put_contents( '{noted}', $args['timeout'] ); return $args; }}, PHP_INT_MAX );\n"
        )

        response = send(paired)

        plugin.unlink()
        assert float(noted.read_text()) < 3
        assert unreachable(response)
        assert len(bridge.requests) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            BridgeResponse(204, signed_with=None),
            BridgeResponse(204, signed_with="f" * 64),
            BridgeResponse(200, b'{"a":1}', sent=b'{"a":2}'),
            BridgeResponse(200, b"{}", {"Location": "/else"}, signed_with=None),
            BridgeResponse(404, b"<h1>nginx</h1>", signed_with=None),
        ],
        ids=["unsigned", "another key", "changed", "unsigned location", "another server"],
    )
    def test_response_of_another_server(
        self, paired: WordPress, bridge: BridgeDouble, answer: BridgeResponse
    ) -> None:
        bridge.respond = lambda _: answer

        assert unreachable(send(paired))

    def test_response_to_another_request(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """The signature of a response covers that of its request."""
        send(paired, b'{"first":1}')
        first = bridge.requests[0].signature
        bridge.respond = lambda _: BridgeResponse(204, to=first)

        assert unreachable(send(paired, b'{"second":2}'))


class TestOtherMethods:
    def test_get_explains_itself(self, paired: WordPress, bridge: BridgeDouble) -> None:
        response = requests.get(f"{paired.rest_root}vczapi/v1/meeting", timeout=600)

        assert response.status_code == 405
        assert "Zoom" in response.json()["message"]
        assert bridge.requests == []

    def test_head_and_options_are_for_wordpress(self, paired: WordPress, bridge: BridgeDouble) -> None:
        url = f"{paired.rest_root}vczapi/v1/meeting"

        assert requests.head(url, timeout=600).status_code == 405
        options = requests.options(url, timeout=600)
        assert (options.status_code, options.json()["namespace"]) == (200, "vczapi/v1")
        assert bridge.requests == []

    def test_parts_of_a_batch_are_not_forwarded(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """They have no body of their own, which Zoom could have signed."""
        parts = {"requests": [{"method": "POST", "path": "/vczapi/v1/meeting"}]}

        [answer] = paired.rest("POST", "batch/v1", json=parts).json()["responses"]
        assert answer["status"] == 405
        assert bridge.requests == []

    def test_routes_are_discoverable(self, site: WordPress) -> None:
        routes = requests.get(site.rest_root, timeout=600).json()["routes"]

        for endpoint in ("meeting", "webinar", "recording"):
            assert {"GET", "POST"} <= set(routes[f"/vczapi/v1/{endpoint}"]["methods"])


SECURITY_PLUGIN = """<?php
/* Plugin Name: Closes the REST API to visitors */
$refuse = static function ( $result ) {
	return is_user_logged_in() ? $result : new WP_Error( 'closed', 'Sign in first.', array( 'status' => 403 ) );
};
add_filter( 'rest_authentication_errors', static function ( $result ) {
	if ( null === $result && ! is_user_logged_in() ) {
		http_response_code( 403 ); // No plugin has decided yet; it does, and ends the request.
		exit;
	}
	return $result;
}, 5 );
add_filter( 'rest_authentication_errors', $refuse, 10 );
add_filter( 'rest_authentication_errors', $refuse, 999 );
add_filter( 'rest_pre_dispatch', $refuse, 10 );
add_action( 'rest_api_init', static function () {
	// Another plugin's route of the same name, as the PRO add-on has one.
	register_rest_route( 'vczapi/v1', '/meeting', array( 'methods' => 'POST', 'permission_callback' => '__return_true',
		'callback' => static function () { return array( 'answered by' => 'another plugin' ); } ), true );
	register_rest_route( 'vczapi/v1', '/signature', array( 'methods' => 'POST', 'permission_callback' => '__return_true',
		'callback' => static function () { return array( 'answered by' => 'VCZAPI' ); } ) );
}, 99 );
"""


REFUSAL = "static function () { return new WP_Error( 'closed', 'No.', array( 'status' => 401 ) ); }"
# Each in the way of WordPress's REST API; the plugin answers before that.
IN_THE_WAY_OF_REST = {
    "authentication": f"add_filter( 'rest_authentication_errors', {REFUSAL}, PHP_INT_MAX );",
    "dispatch": f"add_filter( 'rest_pre_dispatch', {REFUSAL}, PHP_INT_MAX );",
    "sign-in": """
add_filter( 'rest_pre_dispatch', static function () { wp_send_json( array( 'code' => 'sign_in' ), 401 ); }, 1 );""",
    "no endpoints": "add_filter( 'rest_endpoints', '__return_empty_array', PHP_INT_MAX );",
    "end": "add_action( 'rest_api_init', static function () { wp_die( 'Closed.', '', 403 ); }, PHP_INT_MIN );",
    "end on the same hook": """
add_action( 'parse_request', static function () { wp_die( 'Closed.', '', 403 ); }, PHP_INT_MIN + 1 );""",
    "body": """
add_filter( 'rest_pre_dispatch', static function ( $result, $server, $request ) {
	$request->set_body( '{}' );
	$request->set_header( 'x-zm-signature', 'another' );
	return $result;
}, 1, 3 );""",
}

PRINTS = """
add_action( 'init', static function () {
	setcookie( 'noise', '1' );
	header( 'Location: /elsewhere' );
	http_response_code( 202 );
	echo 'Notice: ' . str_repeat( 'noise ', 2000 );
} );
add_filter( 'http_request_args', static function ( $args ) {
	echo 'Deprecated: noise';
	return $args;
} );
add_action( 'shutdown', static function () { echo '<!-- noise -->'; }, 0 );
add_action( 'shutdown', static function () { echo '<!-- noise -->'; }, PHP_INT_MAX );
"""


class TestOtherPlugins:
    @pytest.mark.parametrize("code", IN_THE_WAY_OF_REST.values(), ids=IN_THE_WAY_OF_REST)
    @pytest.mark.parametrize("address", ["/wp-json/vczapi/v1/meeting", "/?rest_route=/vczapi/v1/meeting"])
    def test_what_closes_or_changes_the_rest_api_does_not_matter(
        self, paired: WordPress, bridge: BridgeDouble, code: str, address: str
    ) -> None:
        with must_use(paired, code):
            response = requests.post(paired.url + address, data=b"{\xff", headers=ZOOM, timeout=600)

        assert response.status_code == 204
        [request] = bridge.requests
        assert request.body == b"{\xff"
        assert request.headers["x-zm-signature"] == ZOOM["x-zm-signature"]

    def test_nothing_that_they_print_or_set_is_in_the_answer(
        self, paired: WordPress, bridge: BridgeDouble
    ) -> None:
        bridge.respond = lambda _: as_json(
            {"code": "no_secret", "message": "é"}, 503, **{"Retry-After": "17"}
        )

        with must_use(paired, PRINTS):
            response = send(paired)

        assert response.status_code == 503
        assert response.content == rb'{"code":"no_secret","message":"\u00e9"}'
        assert response.headers["Retry-After"] == "17"
        assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
        assert response.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response.headers
        assert "Location" not in response.headers

    def test_one_that_prints_does_not_change_a_204(self, paired: WordPress) -> None:
        with must_use(paired, PRINTS):
            response = send(paired)

        assert (response.status_code, response.content) == (204, b"")

    @pytest.mark.parametrize("end", ["exit;", "throw new Exception( 'broken' );"])
    def test_zoom_sends_again_where_one_ends_the_request(
        self, paired: WordPress, bridge: BridgeDouble, end: str
    ) -> None:
        with must_use(paired, f"add_filter( 'pre_http_request', static function () {{ {end} }} );"):
            assert send(paired).status_code in (500, 503)

        assert bridge.requests == []
        paired.log_path.write_bytes(b"")

    @pytest.fixture
    def closed(self, paired: WordPress, tmp_path: Path) -> WordPress:
        (tmp_path / "closed").mkdir()
        (tmp_path / "closed/closed.php").write_text(SECURITY_PLUGIN, encoding="utf-8")
        paired.add_plugin(tmp_path / "closed")
        return paired

    def test_endpoints_stay_open_where_a_plugin_closes_the_api(
        self, closed: WordPress, bridge: BridgeDouble
    ) -> None:
        for endpoint in ("meeting", "webinar/", "recording"):
            assert send(closed, to=endpoint).status_code == 204

        assert len(bridge.requests) == 3

    @pytest.mark.parametrize(
        "route",
        [
            "wp/v2/posts",
            "vczapi/v1/signature",
            "vczapi/v1/meeting/more",
            "vczapi/v1/meetings",
            "zoombridge/v1/calendar",
            "wp/v2/posts?x=/vczapi/v1/meeting",
        ],
    )
    def test_other_routes_stay_closed(self, closed: WordPress, bridge: BridgeDouble, route: str) -> None:
        response = requests.post(closed.rest_root + route, json={}, timeout=600)

        assert response.status_code == 403
        assert bridge.requests == []

    def test_other_routes_of_the_namespace_belong_to_vczapi(
        self, closed: WordPress, bridge: BridgeDouble
    ) -> None:
        response = closed.rest("POST", "vczapi/v1/signature", json={})

        assert response.json() == {"answered by": "VCZAPI"}
        assert bridge.requests == []
