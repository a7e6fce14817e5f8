"""The plugin pairs its site by a code: docs/pairing.md, on a real WordPress with a double of the bridge."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from core.wordpress import pairing_envelope as envelope
from tests.plugin_stub.bridge_double import SITE, BridgeDouble, BridgeRequest, BridgeResponse
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.pairing import (
    Admin,
    PairingBridge,
    code_file,
    let_time_pass,
    must_use,
    stored,
    unsigned,
)
from tests.plugin_stub.sync import SyncClient, home_hash
from tests.sync_docs import PAIRING_DOCS, example
from tests.wordpress import WordPress


@pytest.fixture
def pairing(bridge: BridgeDouble) -> PairingBridge:
    return PairingBridge(bridge)


@pytest.fixture
def admin(site: WordPress) -> Admin:
    return Admin(site, sign_in(site))


def forge(pairing: PairingBridge, body: bytes, how: str) -> bytes:
    """Return an answer that is not the bridge's to this request."""
    asked = envelope.read_request(body)
    own = envelope.KeyPair(bytes(range(32)))
    answer = envelope.PairingAnswerDetails(pairing.site, own.public, 0)
    other = envelope.PairingRequest(asked.code, asked.data, "0" * 64)
    zero = envelope.PairingAnswerDetails(pairing.site, "A" * 43, 0)
    sealed = json.loads(envelope.seal_answer(pairing.secret, asked, answer))
    told = {"site": pairing.site, "e": own.public, "uses_left": 0}
    return {
        "another secret": envelope.seal_answer("0" * 32, asked, answer),
        "another request": envelope.seal_answer(pairing.secret, other, answer),
        "reflected": body,
        "request key": envelope.seal_request(pairing.secret, asked.code, told),
        "no signature": json.dumps({"d": sealed["d"]}).encode(),
        "zero key": envelope.seal_answer(pairing.secret, asked, zero),
        "list": json.dumps([sealed]).encode(),
    }[how]


class TestFile:
    """A code that came with the zip."""

    def test_pairs_when_an_administrator_opens_a_page(
        self, site: WordPress, pairing: PairingBridge, admin: Admin
    ) -> None:
        with code_file(site, pairing.text) as is_there:
            [notice] = admin.open()

            assert not is_there()
        assert notice.kind == "success"
        assert notice.text == f"Connected to {pairing.bridge.url}. Go on there"
        assert f'href="{pairing.bridge.url}/sites/add/{pairing.code}"' in notice.raw
        connection = stored(site)
        assert connection
        assert abs(connection.pop("since") - time.time()) < 600
        assert connection == {
            "bridge": pairing.bridge.url,
            "site": pairing.site,
            "key": pairing.key,
            "home": home_hash(site.url),
        }
        assert admin.open() == []  # told once
        assert len(pairing.bridge.requests) == 1

    def test_both_sides_have_the_key(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        with code_file(site, pairing.text):
            admin.open()

        assert pairing.client(site).send({"op": "hello"}).result["version"] == "0.2.0"
        assert SyncClient(site, name=pairing.site).post(b"{}").status_code == 401

    def test_what_the_site_tells(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        site.php("update_option( 'blogname', 'Ännes <Haus> & \"Hof\" 🚒' );")
        with code_file(site, pairing.text):
            admin.open()

        [told] = pairing.told
        assert abs(told.time - time.time()) < 600
        assert told.home == site.url
        assert told.name == 'Ännes <Haus> & "Hof" 🚒'
        assert told.rest_root == site.rest_root
        assert told.endpoints == {
            name: f"{site.rest_root}vczapi/v1/{name}" for name in ("meeting", "webinar", "recording")
        }
        assert told.page == f"{site.url}/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge-settings"
        assert told.stub == "0.2.0"
        assert told.wordpress == site.version
        assert (told.epoch, told.vczapi, told.vczapi_pro, told.former) == (0, None, False, None)
        assert told.place == site.php('return hash( "sha256", ABSPATH . "\\n" . DB_NAME );')
        [request] = pairing.requests
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["User-Agent"] == "meetings-bridge-for-zoom/0.2.0"

    @pytest.mark.parametrize("pro", [False, True])
    def test_what_the_site_tells_of_vczapi(
        self, with_vczapi: WordPress, pairing: PairingBridge, pro: bool
    ) -> None:
        if pro:
            with_vczapi.php(
                """
                update_option( 'active_plugins', array_merge( get_option( 'active_plugins' ),
                    array( 'vczapi-pro/vczapi-pro.php' ) ) );
                """
            )
        with code_file(with_vczapi, pairing.text):
            with_vczapi.php("zoombridge_try_code( $id, 10.0 );", id=pairing.code)

        [told] = pairing.told
        assert (told.vczapi, told.vczapi_pro) == ("4.6.7", pro)
        assert told.page.endswith("page=zoom-video-conferencing-settings&tab=zoombridge")

    def test_only_for_administrators_pages(
        self, site: WordPress, pairing: PairingBridge, admin: Admin
    ) -> None:
        site.php(
            "wp_insert_user( array( 'user_login' => 'editor', 'user_pass' => 'a-password', 'role' => 'editor' ) );"
        )
        editor = Admin(site, sign_in(site, "editor", "a-password"))
        with code_file(site, pairing.text):
            requests.get(site.url, timeout=600)
            assert editor.open("edit.php") == []
            admin.session.get(f"{site.url}/wp-admin/admin-ajax.php?action=x", timeout=600)
            admin.session.get(f"{site.url}/wp-admin/admin-post.php", timeout=600)
            admin.session.post(f"{site.url}/wp-admin/options-reading.php", data={"x": "y"}, timeout=600)

        assert pairing.bridge.requests == []
        assert stored(site) is None

    def test_file_that_cannot_be_deleted(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        keep = "add_filter( 'wp_delete_file', '__return_empty_string' );"
        with must_use(site, keep), code_file(site, pairing.text) as is_there:
            admin.open()
            site.php("delete_option( 'zoombridge_connection' );")
            let_time_pass(site)

            assert admin.open() == []
            assert is_there()
        assert len(pairing.requests) == 1

    @pytest.mark.parametrize("text", ["", "https://bridge.example.org", "x#zb1.0.0"])
    def test_file_without_a_code(self, site: WordPress, admin: Admin, text: str) -> None:
        with code_file(site, text):
            assert admin.open() == []

    def test_file_shows_nothing_to_visitors(self, site: WordPress, pairing: PairingBridge) -> None:
        with code_file(site, pairing.text):
            url = f"{site.url}/wp-content/plugins/meetings-bridge-for-zoom/pairing-code.php"

            assert requests.get(url, timeout=600).content == b""


class TestOtherWays:
    def test_pasted(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        notices = admin.paste(f"  {pairing.text[:40]}\n {pairing.text[40:]} ")

        assert any(notice.text.startswith("Connected to") for notice in notices)
        assert (stored(site) or {})["key"] == pairing.key

    @pytest.mark.parametrize(
        "text",
        [
            "x",
            "ftp://bridge.example.org#zb1.{id}.{secret}",
            "https://user:password@bridge.example.org#zb1.{id}.{secret}",
            "https://bridge.example.org/#zb1.{id}.{secret}",
            "https://bridge.example.org/?a#zb1.{id}.{secret}",
            "https://bridge.example.org#zb2.{id}.{secret}",
            "https://bridge.example.org#zb1.{id}.{secret}0",
        ],
    )
    def test_pasted_text_that_is_no_code(self, site: WordPress, admin: Admin, text: str) -> None:
        [notice] = [
            notice
            for notice in admin.paste(text.format(id="0" * 16, secret="0" * 32))
            if notice.kind == "error" and "pairing code" in notice.text
        ]

        assert "This is not a pairing code" in notice.text
        assert site.php("return zoombridge_pairing_state()['codes'];") == []

    def test_constant(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        with must_use(site, f"define( 'ZOOMBRIDGE_PAIRING_CODE', '{pairing.text}' );"):
            admin.open()
            assert (stored(site) or {})["key"] == pairing.key
            assert admin.open() == []

        assert len(pairing.requests) == 1

    def test_a_forged_form_changes_nothing(
        self, site: WordPress, pairing: PairingBridge, admin: Admin
    ) -> None:
        form = {
            "action": "zoombridge",
            "zoombridge_do": "paste",
            "zoombridge_pairing_code": pairing.text,
            "_zoombridge_nonce": "0123456789",
        }
        url = f"{site.url}/wp-admin/admin-post.php"

        assert admin.session.post(url, data=form, timeout=600).status_code == 403
        requests.post(url, data=form, timeout=600)
        assert pairing.requests == []

    def test_one_that_does_not_answer_does_not_hold_up_the_others(
        self, site: WordPress, pairing: PairingBridge, admin: Admin
    ) -> None:
        lost = envelope.code_text("http://127.0.0.1:9", "0" * 16, "0" * 32)
        with must_use(site, f"define( 'ZOOMBRIDGE_PAIRING_CODE', '{pairing.text}' );"), code_file(site, lost):
            [notice] = admin.open()
            assert "http://127.0.0.1:9" in notice.text
            admin.open()

        assert (stored(site) or {})["key"] == pairing.key


class TestMeanwhile:
    """What an administrator decides in another tab while the bridge is asked."""

    @pytest.mark.parametrize("is_answered", [True, False])
    def test_a_code_that_is_removed_stays_so(
        self, site: WordPress, pairing: PairingBridge, admin: Admin, is_answered: bool
    ) -> None:
        def respond(request: BridgeRequest) -> BridgeResponse:
            site.php("zoombridge_remove_code( $id );", id=pairing.code)
            return pairing.respond(request) if is_answered else unsigned(500, b"")

        pairing.bridge.respond = respond
        with code_file(site, pairing.text):
            assert admin.open() == []
            let_time_pass(site)
            assert admin.open() == []

        assert len(pairing.requests) == 1
        assert stored(site) is None

    def test_a_code_that_is_accepted_stays_so(
        self, site: WordPress, pairing: PairingBridge, admin: Admin
    ) -> None:
        def respond(request: BridgeRequest) -> BridgeResponse:
            site.php("zoombridge_try_code_again( $id, true );", id=pairing.code)
            return unsigned(500, b"")

        pairing.bridge.respond = respond
        with code_file(site, pairing.text):
            admin.open()

        [entry] = site.php("return zoombridge_pairing_state()['codes'];").values()
        assert (entry["accepted"], entry["body"] != "") == (True, True)


class TestAnswers:
    def test_lost_answer(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        """The same bytes come again, get the same answer, and give the same key."""
        answers: list[bytes] = []

        def lose_the_first(request: BridgeRequest) -> BridgeResponse:
            answers.append(pairing.answer(request.body))
            return unsigned(200, answers[-1] if len(answers) > 1 else b"")

        pairing.bridge.respond = lose_the_first
        with code_file(site, pairing.text) as is_there:
            [notice] = admin.open()
            assert (notice.kind, stored(site), is_there()) == ("warning", None, True)
            assert "answered with status 200, but not as the bridge does" in notice.text
            admin.open()
            assert len(pairing.requests) == 1  # waits
            let_time_pass(site)
            admin.open()

        first, second = pairing.requests
        assert first.body == second.body
        assert answers[0] == answers[1]
        assert len(pairing.told) == 1
        assert (stored(site) or {})["key"] == pairing.key
        assert pairing.client(site).send({"op": "hello"}).codes == ["ok"]

    def test_update_of_the_plugin_while_an_answer_is_awaited(
        self, site: WordPress, pairing: PairingBridge, admin: Admin
    ) -> None:
        """An update replaces the folder, and with it the file."""
        pairing.bridge.respond = lambda request: unsigned(502, b"")
        with code_file(site, pairing.text):
            admin.open()
        pairing.bridge.respond = pairing.respond
        let_time_pass(site)
        admin.open()

        assert (stored(site) or {})["key"] == pairing.key

    @pytest.mark.parametrize(
        "forged",
        ["another secret", "another request", "reflected", "request key", "no signature", "zero key", "list"],
    )
    def test_forged_answer(self, site: WordPress, pairing: PairingBridge, admin: Admin, forged: str) -> None:
        pairing.bridge.respond = lambda request: unsigned(200, forge(pairing, request.body, forged))
        with code_file(site, pairing.text) as is_there:
            [notice] = admin.open()
            assert is_there()

        assert notice.kind == "warning"
        assert stored(site) is None
        let_time_pass(site)
        pairing.bridge.respond = pairing.respond
        admin.open()
        assert (stored(site) or {})["key"] == pairing.key

    def test_redirects_are_not_followed(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        pairing.bridge.respond = lambda request: unsigned(
            307, b"", Location=f"{pairing.bridge.url}/stub/pair?again"
        )
        with code_file(site, pairing.text):
            [notice] = admin.open()

        assert "answered with status 307" in notice.text
        assert len(pairing.bridge.requests) == 1

    def test_one_request_at_a_time(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        arrived, may_answer = threading.Event(), threading.Event()

        def answer_late(request: BridgeRequest) -> BridgeResponse:
            arrived.set()
            may_answer.wait(600)
            return pairing.respond(request)

        pairing.bridge.respond = answer_late
        other = Admin(site, sign_in(site))
        with code_file(site, pairing.text), ThreadPoolExecutor() as pool:
            first = pool.submit(admin.open)
            assert arrived.wait(600)
            let_time_pass(site)
            other.open()
            may_answer.set()
            first.result()

        assert len(pairing.requests) == 1

    def test_waiting_times(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        pairing.bridge.respond = lambda request: unsigned(
            503, {"code": "zoombridge_unavailable", "message": "Soon"}
        )
        waits = []
        with code_file(site, pairing.text):
            for _ in range(5):
                began = time.time()
                [notice] = admin.open()
                [entry] = site.php("return array_values( zoombridge_pairing_state()['codes'] );")
                waits.append(min(w for w in (10, 60, 300, 900) if entry["next"] <= time.time() + w))
                assert entry["next"] >= int(began) + waits[-1]
                let_time_pass(site)

        assert waits == [10, 60, 300, 900, 900]
        assert "Soon" in notice.text


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (400, "zoombridge_bad_request"),
            (401, "zoombridge_pairing_signature"),
            (404, "zoombridge_pairing_unknown"),
            (410, "zoombridge_pairing_expired"),
            (410, "zoombridge_pairing_spent"),
        ],
    )
    def test_waits_for_a_person(
        self, site: WordPress, pairing: PairingBridge, admin: Admin, status: int, code: str
    ) -> None:
        hostile = "Spent <script>alert(1)</script> & <b>bold</b>"
        pairing.bridge.respond = lambda request: unsigned(status, {"code": code, "message": hostile})
        with code_file(site, pairing.text) as is_there:
            [notice] = admin.open()
            let_time_pass(site)
            assert admin.open() == [notice] or len(pairing.requests) == 1

            assert is_there()
            assert len(pairing.requests) == 1
            assert notice.kind == "error"
            assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;bold&lt;/b&gt;" in notice.raw
            assert list(notice.buttons) == ["again", "remove"]

            pairing.bridge.respond = pairing.respond
            [notice] = admin.press(notice, "again")
            assert notice.text.startswith("Connected to")

    def test_removed_by_a_person(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        pairing.bridge.respond = lambda request: unsigned(
            410, {"code": "zoombridge_pairing_spent", "message": "It has been used."}
        )
        with code_file(site, pairing.text) as is_there:
            [notice] = admin.open()

            assert admin.press(notice, "remove") == []
            assert not is_there()
        assert admin.open() == []
        assert len(pairing.requests) == 1

    def test_a_web_server_that_is_no_bridge(
        self, site: WordPress, pairing: PairingBridge, admin: Admin
    ) -> None:
        """It says nothing about the code: the plugin tries again by itself."""
        pairing.bridge.respond = lambda request: unsigned(404, b"<h1>Not found</h1>")
        with code_file(site, pairing.text):
            [notice] = admin.open()
            assert "answered with status 404" in notice.text
            pairing.bridge.respond = pairing.respond
            let_time_pass(site)
            admin.open()

        assert (stored(site) or {})["key"] == pairing.key


class TestPairedSite:
    """A site with a connection asks before it changes."""

    @pytest.mark.parametrize("way", ["file", "constant", "pasted"])
    def test_asks(self, paired: WordPress, pairing: PairingBridge, way: str) -> None:
        admin = Admin(paired, sign_in(paired))
        former = stored(paired)
        if way == "pasted":
            notices = admin.paste(pairing.text)
        elif way == "file":
            with code_file(paired, pairing.text):
                notices = admin.open()
        else:
            with must_use(paired, f"define( 'ZOOMBRIDGE_PAIRING_CODE', '{pairing.text}' );"):
                notices = admin.open()

        [notice] = [notice for notice in notices if notice.buttons]
        assert list(notice.buttons) == ["accept", "remove"]
        assert "is connected to" in notice.text
        assert pairing.requests == []
        assert {**(stored(paired) or {}), "home": ""} == {**(former or {}), "home": ""}

    def test_accepted(self, paired: WordPress, pairing: PairingBridge) -> None:
        admin = Admin(paired, sign_in(paired))
        sync = SyncClient(paired, epoch=7)
        assert sync.send(sync.write("1", title="x")).codes == ["ok"]
        former = stored(paired) or {}
        with code_file(paired, pairing.text):
            [notice] = admin.open()
            [told] = admin.press(notice, "accept")

        assert told.text.startswith("Connected to")
        [details] = pairing.told
        assert details.epoch == 7
        assert details.former
        assert (details.former.site, details.former.bridge) == (SITE, pairing.bridge.url)
        assert envelope.is_former(former["key"], envelope.read_request(pairing.requests[0].body), details)
        assert (stored(paired) or {})["site"] == pairing.site
        # Another name on the bridge: the order of operations begins anew.
        client = pairing.client(paired)
        assert client.send({"op": "hello"}).inner["highest"] == {"epoch": 0, "seq": 0}
        assert sync.post(sync.envelope({"op": "hello"})).status_code == 401

    def test_same_name_on_the_bridge(self, paired: WordPress, pairing: PairingBridge) -> None:
        pairing.site = SITE
        admin = Admin(paired, sign_in(paired))
        sync = SyncClient(paired, epoch=7)
        assert sync.send(sync.write("1", title="x")).codes == ["ok"]
        with code_file(paired, pairing.text):
            [notice] = admin.open()
            admin.press(notice, "accept")

        assert paired.php("return zoombridge_sync_highest();") == {"epoch": 7, "seq": 1}

    def test_kept(self, paired: WordPress, pairing: PairingBridge) -> None:
        admin = Admin(paired, sign_in(paired))
        with code_file(paired, pairing.text) as is_there:
            [notice] = admin.open()

            assert admin.press(notice, "remove") == []
            assert not is_there()
        assert admin.open() == []
        assert pairing.requests == []
        assert (stored(paired) or {})["site"] == SITE


class TestPlainPermalinks:
    def test_tells_its_addresses(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        site.php("update_option( 'permalink_structure', '' );")
        with code_file(site, pairing.text):
            admin.open()

        [told] = pairing.told
        assert told.rest_root == f"{site.url}/index.php?rest_route=/"
        assert told.endpoints["meeting"] == f"{site.url}/index.php?rest_route=/vczapi/v1/meeting"


class TestFilteredHome:
    def test_the_raw_address_counts(self, site: WordPress, pairing: PairingBridge, admin: Admin) -> None:
        """Plugins for several languages filter home_url() and the option."""
        code = """
        add_filter( 'home_url', static function ( $url ) { return $url . '/de/'; } );
        add_filter( 'option_home', static function ( $url ) { return $url . '/de'; } );
        """
        with must_use(site, code), code_file(site, pairing.text):
            admin.open()

        assert pairing.told[0].home == site.url
        assert (stored(site) or {})["home"] == home_hash(site.url)
        assert pairing.client(site).send({"op": "hello"}).codes == ["ok"]


EXAMPLE = """
$code = zoombridge_parse_pairing_code( 'https://bridge.example.org#zb1.0123456789abcdef.00112233445566778899aabbccddeeff' );
$own  = zoombridge_encode_base64url( implode( '', array_map( 'chr', range( 0, 31 ) ) ) );
$body = zoombridge_sign_pairing_request( $code, $details );
$answer = zoombridge_read_pairing_answer( $code, $body, wp_json_encode( $answer ) );
$key  = zoombridge_derive_pairing_key( $code, $own, $details['e'], $answer['e'] );
return array(
    'request' => json_decode( $body ),
    'answer'  => $answer,
    'keys'    => array(
        'pair-request' => bin2hex( hash_hkdf( 'sha256', $code['secret'], 32, 'zoombridge pair-request' ) ),
        'pair-answer'  => bin2hex( hash_hkdf( 'sha256', $code['secret'], 32, 'zoombridge pair-answer' ) ),
        'key'          => $key,
        'next'         => zoombridge_derive_next_key( $key, $own, $details['e'], $answer['e'] ),
    ),
);
"""


class TestExample:
    """The example of docs/pairing.md, computed by the plugin; tests of the bridge compute it, too."""

    def test_messages_and_keys(self, site: WordPress) -> None:
        made = site.php(
            EXAMPLE, details=example('{"t":', PAIRING_DOCS), answer=example('{"d":', PAIRING_DOCS)
        )

        assert made["request"] == example('{"zb":2', PAIRING_DOCS)
        assert made["answer"] == example('{"site":', PAIRING_DOCS)
        for name, key in made["keys"].items():
            assert re.search(rf"^    {name} +{key}$", PAIRING_DOCS, re.MULTILINE)

    def test_without_the_extension(self, site: WordPress) -> None:
        """WordPress's own functions in PHP give the same."""
        agreed = site.php(
            """
            require_once ABSPATH . WPINC . '/sodium_compat/autoload.php';
            $private = random_bytes( 32 );
            $public  = ParagonIE_Sodium_Compat::crypto_scalarmult_base( $private );
            $other   = zoombridge_create_key_pair();
            $theirs  = zoombridge_decode_base64url( $other['e'] );
            $own     = ParagonIE_Sodium_Crypto::scalarmult( $private, $theirs );
            return array(
                bin2hex( $own ),
                bin2hex( zoombridge_shared_secret( $other['private'], zoombridge_encode_base64url( $public ) ) ),
            );
            """
        )

        assert agreed[0] == agreed[1]
