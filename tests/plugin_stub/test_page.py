"""The Webhooks page in wp-admin: what the bridge made, shown with and without the plugin VCZAPI."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.plugin_stub.bridge_double import KEY, SITE, Answer, Asked, BridgeDouble, as_json, html
from tests.plugin_stub.conftest import VCZAPI, sign_in
from tests.wordpress import WordPress

PIECE = '<form method="post" id="from-the-bridge"><script>"as it is"</script></form>'


@pytest.fixture(params=["alone", "with VCZAPI"])
def hosted(request: pytest.FixtureRequest, paired: WordPress, bridge: BridgeDouble) -> WordPress:
    """A site that is paired, in both ways that the page can stand there."""
    if request.param == "with VCZAPI":
        paired.add_plugin(VCZAPI)
    bridge.answer = lambda _: html(PIECE)
    return paired


def page_of(site: WordPress) -> str:
    page: str = site.rest("GET", "zoombridge/v1/connection").json()["page"]
    return page


def nonce(bridge: BridgeDouble) -> dict[str, str]:
    told = bridge.asked[-1].context["nonce"]
    return {told["name"]: told["value"]}


def notices(text: str) -> list[str]:
    return re.findall(r'<div class="notice notice-error inline"><p>(.*?)</p></div>', text)


class TestShown:
    def test_inside_wp_admin(self, hosted: WordPress, bridge: BridgeDouble) -> None:
        response = sign_in(hosted).get(page_of(hosted), timeout=30)

        assert response.status_code == 200
        assert PIECE in response.text
        assert 'id="adminmenu"' in response.text
        assert re.search(r'<a href="[^"]*" class="nav-tab nav-tab-active">Webhooks</a>', response.text)
        assert len(bridge.asked) == 1

    def test_request(self, hosted: WordPress, bridge: BridgeDouble) -> None:
        hosted.php("wp_update_user( array( 'ID' => 1, 'display_name' => 'Änne 🚒', 'locale' => '' ) );")
        sign_in(hosted).get(page_of(hosted), timeout=30)

        [asked] = bridge.asked
        assert (asked.method, asked.target, asked.body) == ("GET", "/webhooks", b"")
        assert asked.is_signed
        assert asked.headers["X-Zoombridge-Site"] == SITE
        context = asked.context
        assert context["nonce"].pop("value")
        assert context == {
            "user": {"login": "admin", "name": "Änne 🚒"},
            "locale": "en_US",
            "page": page_of(hosted),
            "parameter": "zoombridge",
            "nonce": {"name": "_zoombridge_nonce"},
            "endpoints": hosted.rest("GET", "zoombridge/v1/connection").json()["endpoints"],
            "version": "0.1.0",
        }

    @pytest.mark.parametrize(
        ("path", "target"),
        [
            ("/", "/"),
            ("/sites/a-b_c", "/sites/a-b_c"),
            ("/events?after=a%20b&x=%C3%A9%2f%7e", "/events?after=a%20b&x=%C3%A9%2F~"),
            ("//evil.example", "/webhooks"),
            ("https://evil.example", "/webhooks"),
            ("@evil.example/", "/webhooks"),
            ("/../x", "/webhooks"),
            ("/x/../y", "/webhooks"),
            ("/a b", "/webhooks"),
            ("/a\r\nX: y", "/webhooks"),
            ("/a#b", "/webhooks"),
            ("/a\\b", "/webhooks"),
            ("", "/webhooks"),
        ],
    )
    def test_other_pages(self, paired: WordPress, bridge: BridgeDouble, path: str, target: str) -> None:
        """What is signed is what is asked for, to the letter."""
        bridge.answer = lambda _: html(PIECE)
        response = sign_in(paired).get(page_of(paired), params={"zoombridge": path}, timeout=30)

        assert PIECE in response.text
        assert bridge.asked[0].target == target
        assert bridge.asked[0].is_signed

    def test_parameter_that_is_no_text(self, paired: WordPress, bridge: BridgeDouble) -> None:
        sign_in(paired).get(page_of(paired), params={"zoombridge[]": "/x"}, timeout=30)

        assert bridge.asked[0].target == "/webhooks"

    def test_in_the_menu(self, hosted: WordPress) -> None:
        response = sign_in(hosted).get(f"{hosted.url}/wp-admin/", timeout=30)

        # VCZAPI links to its settings; the tab is there.
        link = page_of(hosted).removeprefix(f"{hosted.url}/wp-admin/").replace("&tab=zoombridge", "")
        assert response.text.replace("&#038;", "&").replace("&amp;", "&").count(f"'{link}'") == 1

    def test_other_tabs_of_vczapi_ask_nothing(self, paired: WordPress, bridge: BridgeDouble) -> None:
        paired.add_plugin(VCZAPI)
        page = page_of(paired).replace("&tab=zoombridge", "")
        response = sign_in(paired).get(page, timeout=30)

        assert "Connect your Zoom account" in response.text
        assert re.search(r'class="nav-tab">Webhooks</a>', response.text)
        assert bridge.asked == []


class TestForm:
    def post(
        self,
        site: WordPress,
        bridge: BridgeDouble,
        form: str,
        path: str = "",
        session: requests.Session | None = None,
    ) -> requests.Response:
        session = session or sign_in(site)
        page = page_of(site)
        if not bridge.asked:
            session.get(page, timeout=30)
        [(name, value)] = nonce(bridge).items()
        return session.post(
            page + (f"&zoombridge={path}" if path else ""),
            data=f"{name}={value}&{form}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            allow_redirects=False,
            timeout=30,
        )

    def test_fields_pass_without_the_stubs_own(self, hosted: WordPress, bridge: BridgeDouble) -> None:
        form = "secret=a%26b+c&events=1&events=2&a.b=%C3%A9&list[]=x&empty="
        response = self.post(
            hosted, bridge, f"{form}&_wp_http_referer=%2Fwp-admin&zoombridge=%2Fx", path="/sites/1"
        )

        assert response.status_code == 200
        assert PIECE in response.text
        asked = bridge.asked[-1]
        assert (asked.method, asked.target) == ("POST", "/sites/1")
        assert asked.body == form.encode()
        assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert asked.is_signed
        assert asked.context["page"] == page_of(hosted)

    def test_what_was_wrong_is_shown(self, hosted: WordPress, bridge: BridgeDouble) -> None:
        bridge.answer = lambda asked: html("<p>Too short.</p>", 422 if asked.method == "POST" else 200)

        response = self.post(hosted, bridge, "secret=a")

        assert response.status_code == 422
        assert "<p>Too short.</p>" in response.text
        assert 'id="adminmenu"' in response.text

    def test_redirect(self, hosted: WordPress, bridge: BridgeDouble) -> None:
        bridge.answer = lambda asked: (
            Answer(303, headers={"Location": "/webhooks?saved=1&x=a%20b"})
            if asked.method == "POST"
            else html(PIECE)
        )

        response = self.post(hosted, bridge, "secret=a")

        assert response.status_code == 303
        location = response.headers["Location"]
        assert location.startswith(page_of(hosted) + "&zoombridge=")
        assert parse_qs(urlsplit(location).query)["zoombridge"] == ["/webhooks?saved=1&x=a%20b"]
        # And there it leads.
        session = sign_in(hosted)
        assert PIECE in session.get(location, timeout=30).text
        assert bridge.asked[-1].target == "/webhooks?saved=1&x=a%20b"

    def test_redirect_stays_here(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.answer = lambda _: Answer(303, headers={"Location": "https://evil.example/"})

        response = sign_in(paired).get(page_of(paired), allow_redirects=False, timeout=30)

        assert response.headers["Location"] == page_of(paired) + "&zoombridge=%2Fwebhooks"

    @pytest.mark.parametrize(
        "form", ["secret=a", "secret=a&_zoombridge_nonce=wrong", "_zoombridge_nonce[]=x"]
    )
    def test_without_a_nonce(self, hosted: WordPress, bridge: BridgeDouble, form: str) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        response = sign_in(hosted).post(page_of(hosted), data=form, headers=headers, timeout=30)

        assert response.status_code == 403
        [notice] = notices(response.text)
        assert "Nothing was changed" in notice
        assert bridge.asked == []

    def test_nonce_of_somebody_else(self, hosted: WordPress, bridge: BridgeDouble) -> None:
        hosted.php(
            "wp_insert_user( array( 'user_login' => 'ada', 'user_pass' => 'a-password', 'role' => 'administrator' ) );"
        )
        sign_in(hosted).get(page_of(hosted), timeout=30)

        response = self.post(hosted, bridge, "a=b", session=sign_in(hosted, "ada", "a-password"))

        assert response.status_code == 403
        assert [asked.method for asked in bridge.asked] == ["GET"]


class TestWho:
    @pytest.mark.parametrize("role", ["editor", "subscriber"])
    def test_only_who_may_manage_options(self, hosted: WordPress, bridge: BridgeDouble, role: str) -> None:
        hosted.php(
            "wp_insert_user( array( 'user_login' => 'eve', 'user_pass' => 'a-password', 'role' => $role ) );",
            role=role,
        )
        page = page_of(hosted)
        session = sign_in(hosted, "eve", "a-password")

        for response in (session.get(page, timeout=30), session.post(page, data={"a": "b"}, timeout=30)):
            assert response.status_code == 403
            assert PIECE not in response.text
        assert bridge.asked == []

    def test_not_strangers(self, hosted: WordPress, bridge: BridgeDouble) -> None:
        response = requests.get(page_of(hosted), allow_redirects=False, timeout=30)

        assert response.status_code == 302
        assert "wp-login.php" in response.headers["Location"]
        assert bridge.asked == []


class TestNotice:
    def notice(self, site: WordPress) -> str:
        response = sign_in(site).get(page_of(site), timeout=30)
        assert 'id="adminmenu"' in response.text
        [notice] = notices(response.text)
        return notice

    def test_not_paired(self, hosted: WordPress) -> None:
        hosted.rest("DELETE", "zoombridge/v1/connection")

        notice = self.notice(hosted)
        assert "not connected to a bridge yet" in notice
        assert f"zoombridge site add {hosted.url}" in notice

    def test_not_reached(self, hosted: WordPress) -> None:
        told = {"bridge": "http://127.0.0.1:1", "site": SITE, "key": KEY}
        hosted.rest("POST", "zoombridge/v1/connection", json=told)

        assert "The bridge at http://127.0.0.1:1 could not be reached" in self.notice(hosted)

    @pytest.mark.parametrize("key", [None, "f" * 64])
    def test_not_the_bridge(self, hosted: WordPress, bridge: BridgeDouble, key: str | None) -> None:
        bridge.answer = lambda _: Answer(200, PIECE.encode(), signed_with=key)

        response = sign_in(hosted).get(page_of(hosted), timeout=30)
        assert PIECE not in response.text
        [notice] = notices(response.text)
        assert "connect the site again" in notice

    def test_message_of_the_bridges(self, hosted: WordPress, bridge: BridgeDouble) -> None:
        bridge.answer = lambda _: as_json({"code": "x", "message": "No <b>page</b> here."}, 404)

        assert self.notice(hosted) == "No &lt;b&gt;page&lt;/b&gt; here."

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"message":["x"]}', b"<h1>"])
    def test_no_message(self, paired: WordPress, bridge: BridgeDouble, body: bytes) -> None:
        bridge.answer = lambda _: Answer(500, body)

        assert "status 500" in self.notice(paired)

    def test_slow_page_is_waited_for(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """A page may take longer than an event: pages read and count."""

        def slowly(asked: Asked) -> Answer:
            bridge.given_up.wait(2.8)  # longer than the stub waits where Zoom waits, too
            return html(PIECE)

        bridge.answer = slowly

        assert PIECE in sign_in(paired).get(page_of(paired), timeout=30).text
