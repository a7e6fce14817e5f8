"""The key of the pairing is renewed: the operation `rotate` of docs/pairing.md, and the button that begins it."""

import secrets
import time

import pytest
import requests

from core.wordpress import pairing_envelope as envelope
from tests.plugin_stub.bridge_double import KEY, BridgeDouble, BridgeRequest, BridgeResponse, as_json
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.pairing import Admin, Notice, must_use, stored, unsigned
from tests.plugin_stub.sync import SyncClient
from tests.wordpress import WordPress

HELLO = {"op": "hello"}


class Rotation:
    """The bridge's side of one renewal."""

    def __init__(self, sync: SyncClient) -> None:
        self.sync = sync
        self.own = envelope.KeyPair(secrets.token_bytes(32))

    @property
    def operation(self) -> dict[str, str]:
        return {"op": "rotate", "e": self.own.public}

    def send(self) -> str:
        """Send the operation; return the next key."""
        result = self.sync.send(self.operation).result
        assert set(result) == {"i", "ok", "e"}
        return envelope.rotated_key(self.sync.key, self.own, bridge=self.own.public, plugin=result["e"])


@pytest.fixture
def sync(paired: WordPress) -> SyncClient:
    return SyncClient(paired)


def status(sync: SyncClient, key: str) -> int:
    """Return the HTTP status of a greeting that is signed with a key, and not repeated."""
    return sync.post(sync.envelope(HELLO, key=key)).status_code


class TestRotate:
    def test_both_keys_hold_until_the_next_is_used(self, sync: SyncClient) -> None:
        next_key = Rotation(sync).send()
        assert sync.send(HELLO).codes == ["ok"]
        assert sync.send(HELLO).codes == ["ok"]

        assert SyncClient(sync.site, key=next_key).send(HELLO).codes == ["ok"]
        assert status(sync, KEY) == 401
        connection = stored(sync.site) or {}
        assert connection["key"] == next_key
        assert "next" not in connection

    def test_what_the_site_sends_is_signed_with_the_present_key(
        self, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        next_key = Rotation(sync).send()
        event = f"{sync.site.rest_root}vczapi/v1/meeting"
        requests.post(event, data=b"{}", timeout=600)
        assert bridge.requests[-1].is_signed
        SyncClient(sync.site, key=next_key).send(HELLO)
        bridge.respond = lambda _: BridgeResponse(signed_with=next_key)

        assert requests.post(event, data=b"{}", timeout=600).status_code == 204
        assert not bridge.requests[-1].is_signed

    def test_lost_answer(self, sync: SyncClient) -> None:
        """The same public key gets the same answer."""
        rotation = Rotation(sync)
        assert rotation.send() == rotation.send()

    def test_begun_anew(self, sync: SyncClient) -> None:
        """A bridge that has forgotten its private key begins with another one."""
        first, second = Rotation(sync).send(), Rotation(sync).send()

        assert status(sync, first) == 401
        assert SyncClient(sync.site, key=second).send(HELLO).codes == ["ok"]

    def test_renewed_twice(self, sync: SyncClient) -> None:
        key = Rotation(sync).send()
        following = SyncClient(sync.site, key=key)
        assert following.send(HELLO).codes == ["ok"]
        last = Rotation(following).send()

        assert SyncClient(sync.site, key=last).send(HELLO).codes == ["ok"]
        assert [status(sync, old) for old in (KEY, key)] == [401, 401]

    def test_a_message_that_is_refused_does_not_use_the_next_key(self, sync: SyncClient) -> None:
        following = SyncClient(sync.site, key=Rotation(sync).send())

        assert following.send(HELLO, t=int(time.time()) - 4000).error == "clock"
        assert sync.send(HELLO).codes == ["ok"]

    @pytest.mark.parametrize(
        "e", ["A" * 43, "A" * 42, "A" * 44, "A" * 42 + "=", "", 1, None], ids=["zero", *"123456"]
    )
    def test_key_with_which_no_secret_can_be_shared(self, sync: SyncClient, e: object) -> None:
        assert sync.send({"op": "rotate", "e": e}).codes == ["invalid"]
        assert "next" not in (stored(sync.site) or {})

    def test_keeps_what_has_changed_during_the_operations_before_it(self, sync: SyncClient) -> None:
        """WordPress caches the connection in each process."""
        accept = """
            add_action( 'save_post', function () {
                $connection = array( 'bridge' => 'https://new.example.org' ) + zoombridge_stored_connection();
                zoombridge_write_option_row( 'zoombridge_connection', serialize( $connection ) );
            } );
        """
        rotation = Rotation(sync)
        with must_use(sync.site, accept):
            write = sync.write("7", title="x", status="draft")
            assert sync.send(write, rotation.operation).codes == ["ok", "ok"]

        connection = stored(sync.site) or {}
        assert (connection["bridge"], connection["next"]["bridge_e"]) == (
            "https://new.example.org",
            rotation.own.public,
        )

    def test_goes_with_the_pairing(self, sync: SyncClient) -> None:
        next_key = Rotation(sync).send()
        assert sync.send({"op": "unpair"}).codes == ["ok"]

        assert status(sync, next_key) == 401


class TestButton:
    def test_asks_the_bridge(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.respond = lambda request: BridgeResponse(202) if request.method == "POST" else as_json({})
        [notice] = renew(paired)

        assert (notice.kind, notice.text) == (
            "success",
            "The bridge is renewing the key. Nothing is interrupted.",
        )
        [request] = posts(bridge)
        assert (request.target, request.body) == ("/stub/rotate", b"{}")
        assert request.is_signed

    @pytest.mark.parametrize(
        ("response", "message"),
        [
            (as_json({"code": "x", "message": "Not <b>now</b>"}, 503), "Not <b>now</b>"),
            (BridgeResponse(200, signed_with=None), "without a valid signature"),
            (unsigned(404, {"code": "zoombridge_unknown_site"}), "does not know this site. If you have just"),
            (unsigned(401, {"code": "zoombridge_signature"}), "check this server's clock"),
        ],
        ids=["refused", "unsigned", "unknown site", "another key"],
    )
    def test_failure(
        self, paired: WordPress, bridge: BridgeDouble, response: BridgeResponse, message: str
    ) -> None:
        bridge.respond = lambda request: response if request.method == "POST" else as_json({})
        [notice] = renew(paired)

        assert notice.kind == "error"
        assert notice.text.startswith("The key was not renewed, and stays valid.")
        assert message in notice.text
        assert "<b>" not in notice.raw


def renew(site: WordPress) -> list[Notice]:
    admin = Admin(site, sign_in(site))
    return [found for found in admin.press_on_page("renew") if "key" in found.text]


def posts(bridge: BridgeDouble) -> list[BridgeRequest]:
    return [request for request in bridge.requests if request.method == "POST"]
