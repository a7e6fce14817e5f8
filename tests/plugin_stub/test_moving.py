"""A site at another address than it was paired at: it has moved, or it is a copy. docs/pairing.md, on a real WordPress."""

import json
from typing import Any

import pytest
import requests

from tests.plugin_stub.bridge_double import BridgeDouble, BridgeRequest, BridgeResponse, as_json
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.pairing import (
    Admin,
    PairingBridge,
    code_file,
    let_time_pass,
    must_use,
    stored,
)
from tests.plugin_stub.posts import NUMBER, make
from tests.plugin_stub.sync import SyncClient, envelope, home_hash, verify
from tests.wordpress import WordPress

OLD = "https://production.example.org"


@pytest.fixture
def admin(paired: WordPress) -> Admin:
    return Admin(paired, sign_in(paired))


@pytest.fixture
def clone(paired: WordPress) -> WordPress:
    """A copy of a paired site at another address: search and replace follows plain addresses, and not a hash."""
    be_paired_at(paired, OLD)
    return paired


def be_paired_at(site: WordPress, home: str) -> None:
    site.php(
        """
        $connection = get_option( 'zoombridge_connection' );
        update_option( 'zoombridge_connection', array( 'home' => $home ) + $connection, false );
        """,
        home=home_hash(home),
    )


def reports(bridge: BridgeDouble) -> list[BridgeRequest]:
    assert all(request.is_signed for request in bridge.requests)
    return [request for request in bridge.requests if request.target == "/stub/moved"]


def event(site: WordPress) -> requests.Response:
    return requests.post(f"{site.rest_root}vczapi/v1/meeting", data=b"{}", timeout=600)


def is_settled(site: WordPress) -> bool:
    return bool((stored(site) or {})["home"] == home_hash(site.url))


class TestMute:
    def test_sends_nothing(self, clone: WordPress, bridge: BridgeDouble) -> None:
        response = event(clone)
        assert response.status_code == 503
        assert response.json()["code"] == "zoombridge_moved"
        assert response.headers["Retry-After"] == "300"
        assert "bridge" not in response.json()["message"].lower()
        assert requests.get(f"{clone.rest_root}zoombridge/v1/calendar.ics", timeout=600).status_code == 503
        page = Admin(clone, sign_in(clone)).get("edit.php?post_type=zoom-meetings&page=zoombridge-settings")
        assert "nothing is sent to the bridge" in page.text

        assert bridge.requests == []

    def test_requests_of_the_bridge(self, clone: WordPress) -> None:
        """For the old address: it learns the new one. The copy carries out nothing."""
        signed = envelope(OLD, b'{"quiet":false,"operations":[{"i":0,"op":"unpair"}]}')
        answer = verify(SyncClient(clone).post(signed), signed["n"])

        assert answer.error == "moved"
        assert answer.inner["error"]["home"] == clone.url
        assert stored(clone)
        assert event(clone).status_code == 503

    def test_a_greeting_at_the_new_address_ends_nothing(self, clone: WordPress) -> None:
        assert SyncClient(clone).send({"op": "hello"}).codes == ["ok"]

        assert not is_settled(clone)

    def test_operations_at_the_new_address_end_it(self, clone: WordPress) -> None:
        """The bridge has recorded the move, and its answer was lost."""
        sync = SyncClient(clone)
        assert sync.send({"op": "hello"}, sync.write("1", title="x")).codes == ["ok", "ok"]

        assert is_settled(clone)
        assert event(clone).status_code == 204

    def test_connection_of_an_earlier_version(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """It is taken to be at its present address, from its first use on."""
        assert event(paired).status_code == 204
        assert is_settled(paired)
        paired.php("update_option( 'home', $home );", home=paired.url.replace("127.0.0.1", "localhost"))

        assert event(paired).json()["code"] == "zoombridge_moved"
        assert len(bridge.requests) == 1

    def test_address_in_the_configuration(self, paired: WordPress, bridge: BridgeDouble) -> None:
        assert event(paired).status_code == 204
        with must_use(paired, "define( 'WP_HOME', 'http://127.0.0.1:1/blog' );"):
            assert event(paired).json()["code"] == "zoombridge_moved"
        assert event(paired).status_code == 204
        assert len(bridge.requests) == 2

    def test_filtered_address(self, paired: WordPress) -> None:
        assert event(paired).status_code == 204
        code = "add_filter( 'home_url', static function ( $url ) { return $url . '/en/'; } );"
        with must_use(paired, code):
            assert event(paired).status_code == 204


class TestQuestion:
    def test_on_every_page(self, clone: WordPress, bridge: BridgeDouble) -> None:
        admin = Admin(clone, sign_in(clone))
        for page in ("index.php", "options-reading.php", "plugins.php"):
            [notice] = admin.open(page)
            assert list(notice.buttons.values()) == ["This site has moved here", "This is a copy"]
            assert f"at another address than {clone.url}" in notice.text
        assert bridge.requests == []

    def test_only_administrators_see_it(self, clone: WordPress) -> None:
        clone.php(
            "wp_insert_user( array( 'user_login' => 'editor', 'user_pass' => 'a-password', 'role' => 'editor' ) );"
        )

        assert Admin(clone, sign_in(clone, "editor", "a-password")).open("edit.php") == []

    def test_moved_while_the_key_was_renewed_or_the_pairing_ended(
        self, clone: WordPress, bridge: BridgeDouble
    ) -> None:
        admin = Admin(clone, sign_in(clone))

        def move(meanwhile: str) -> dict[str, Any] | None:
            def respond(request: BridgeRequest) -> BridgeResponse:
                if request.target == "/stub/moved":
                    clone.php(meanwhile, key="ab" * 32)
                return as_json({})

            bridge.respond = respond
            [notice] = admin.open()
            admin.press(notice, "moved")
            return stored(clone)

        renewed = move(
            """
            $connection = get_option( 'zoombridge_connection' );
            update_option( 'zoombridge_connection', array( 'next' => array( 'key' => $key ) ) + $connection, false );
            """
        )
        assert (renewed or {})["next"] == {"key": "ab" * 32}
        be_paired_at(clone, OLD)
        assert move("delete_option( 'zoombridge_connection' );") is None

    def test_moved(self, clone: WordPress, bridge: BridgeDouble) -> None:
        admin = Admin(clone, sign_in(clone))
        bridge.respond = lambda _: as_json({})
        [notice] = admin.open()
        [told] = admin.press(notice, "moved")

        assert told.text == f"The bridge at {bridge.url} knows the new address of this site."
        [request] = reports(bridge)
        assert (request.method, request.headers["Content-Type"]) == ("POST", "application/json")
        assert json.loads(request.body) == {
            "home": clone.url,
            "name": "A WordPress for tests",
            "rest": clone.rest_root,
            "endpoints": clone.php("return zoombridge_endpoints();"),
            "page": clone.php("return zoombridge_page_url();"),
            "place": clone.php("return zoombridge_place();"),
        }
        assert is_settled(clone)
        assert admin.open() == []

    def test_copy(self, paired: WordPress, bridge: BridgeDouble) -> None:
        sync = SyncClient(paired, epoch=3)
        post = make(paired)["id"]
        assert sync.send(sync.write(NUMBER, post, title="A meeting")).codes == ["ok"]
        be_paired_at(paired, OLD)
        admin = Admin(paired, sign_in(paired))
        [notice] = admin.open()
        [told] = admin.press(notice, "copy")

        assert "not connected to a bridge any more" in told.text
        assert bridge.requests == []
        assert stored(paired) is None
        assert paired.php(
            "return array( zoombridge_sync_epoch(), get_post_meta( $post, '_zoombridge_seq' ) );", post=post
        ) == [0, []]
        assert paired.php("return get_the_title( $post );", post=post) == "A meeting"
        assert admin.open() == []

    def test_paired_anew_with_a_code(self, clone: WordPress, bridge: BridgeDouble) -> None:
        pairing = PairingBridge(bridge)
        admin = Admin(clone, sign_in(clone))
        with code_file(clone, pairing.text):
            question, connect = admin.open()
            assert list(question.buttons) == ["moved", "copy"]
            admin.press(connect, "accept")

        assert pairing.told[0].former
        assert is_settled(clone)
        assert admin.open() == []

    def test_buttons_of_an_old_page_harm_no_site_that_is_not_mute(
        self, clone: WordPress, bridge: BridgeDouble
    ) -> None:
        admin = Admin(clone, sign_in(clone))
        [notice] = admin.open()
        be_paired_at(clone, clone.url)
        for does in ("copy", "moved"):
            admin.press(notice, does)

        assert is_settled(clone)
        assert bridge.requests == []


class TestReport:
    def test_bridge_still_calling(self, clone: WordPress, bridge: BridgeDouble) -> None:
        answers = iter([BridgeResponse(202), as_json({})])
        bridge.respond = lambda _: next(answers)
        admin = Admin(clone, sign_in(clone))
        [notice] = admin.open()
        [notice] = admin.press(notice, "moved")
        assert "does not know the new address of this site yet" in notice.text
        admin.open()
        assert len(reports(bridge)) == 1
        let_time_pass(clone)
        admin.open()

        assert len(reports(bridge)) == 2
        assert is_settled(clone)

    def test_old_address_still_answers(self, clone: WordPress, bridge: BridgeDouble) -> None:
        message = "It answers at <b>https://production.example.org</b>, too."
        bridge.respond = lambda _: as_json({"code": "zoombridge_copy", "message": message}, 409)
        admin = Admin(clone, sign_in(clone))
        [notice] = admin.open()
        [notice] = admin.press(notice, "moved")
        let_time_pass(clone)
        admin.open()

        assert len(reports(bridge)) == 1
        assert message in notice.text
        assert "<b>" not in notice.raw
        assert list(notice.buttons) == ["copy", "moved"]
        assert not is_settled(clone)
        assert admin.press(notice, "copy")
        assert stored(clone) is None

    @pytest.mark.parametrize(
        "response",
        [
            BridgeResponse(503, b'{"message":"Soon"}'),
            BridgeResponse(200, signed_with="0" * 64),
            BridgeResponse(200, signed_with=None),
            BridgeResponse(429),
            as_json({"code": "zoombridge_home_unreachable", "message": "Timeout"}, 422),
        ],
        ids=["unavailable", "another key", "unsigned", "too many", "not reached"],
    )
    def test_tried_again(self, clone: WordPress, bridge: BridgeDouble, response: BridgeResponse) -> None:
        bridge.respond = lambda _: response
        admin = Admin(clone, sign_in(clone))
        [notice] = admin.open()
        [notice] = admin.press(notice, "moved")
        assert not is_settled(clone)
        assert "It is tried again" in notice.text
        bridge.respond = lambda _: as_json({})
        let_time_pass(clone)
        admin.open()

        assert is_settled(clone)

    def test_another_move_is_asked_about_again(self, clone: WordPress, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: BridgeResponse(503)
        admin = Admin(clone, sign_in(clone))
        [notice] = admin.open()
        admin.press(notice, "moved")
        with must_use(clone, f"define( 'WP_HOME', '{clone.url}/blog' );"):
            [notice] = admin.open()

        assert list(notice.buttons.values()) == ["This site has moved here", "This is a copy"]
        assert len(reports(bridge)) == 1


class TestSamePlace:
    @pytest.mark.parametrize("old", ["https://{host}", "http://www.{host}", "https://www.{host}"])
    def test_scheme_and_www_are_reported_by_themselves(
        self, paired: WordPress, bridge: BridgeDouble, old: str
    ) -> None:
        be_paired_at(paired, old.format(host=paired.url.removeprefix("http://")))
        bridge.respond = lambda _: as_json({})
        [notice] = Admin(paired, sign_in(paired)).open()

        assert "knows the new address" in notice.text
        assert len(reports(bridge)) == 1
        assert is_settled(paired)

    @pytest.mark.parametrize(
        "old", ["http://{host}/blog", "http://127.0.0.1:1", "https://staging.{host}", "ftp://{host}"]
    )
    def test_everything_else_is_asked(self, paired: WordPress, bridge: BridgeDouble, old: str) -> None:
        be_paired_at(paired, old.format(host=paired.url.removeprefix("http://")))
        [notice] = Admin(paired, sign_in(paired)).open()

        assert list(notice.buttons) == ["moved", "copy"]
        assert bridge.requests == []

    def test_only_when_an_administrator_opens_a_page(self, paired: WordPress, bridge: BridgeDouble) -> None:
        be_paired_at(paired, paired.url.replace("http:", "https:"))
        assert event(paired).json()["code"] == "zoombridge_moved"

        assert bridge.requests == []

    @pytest.mark.parametrize(
        ("home", "variants"),
        [
            (
                "https://www.example.org/blog",
                [
                    "http://example.org/blog",
                    "http://www.example.org/blog",
                    "https://example.org/blog",
                    "https://www.example.org/blog",
                ],
            ),
            ("ftp://example.org", ["ftp://example.org"]),
            ("", [""]),
        ],
    )
    def test_variants(self, site: WordPress, home: str, variants: list[str]) -> None:
        assert site.php("return zoombridge_home_variants( $home );", home=home) == variants
