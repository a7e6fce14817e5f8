"""A new address of the bridge: offered by a signed request, used once an administrator has accepted it."""

import requests

from tests.plugin_stub.bridge_double import KEY, BridgeDouble, BridgeResponse, as_json
from tests.plugin_stub.conftest import password_of, sign_in
from tests.plugin_stub.pairing import Admin, Notice, connect, stored
from tests.plugin_stub.sync import SyncClient
from tests.wordpress import WordPress

ASKS = "asks to be called at"


def bridge_of(site: WordPress) -> str:
    return str((stored(site) or {}).get("bridge"))


def asked(admin: Admin) -> list[Notice]:
    return [notice for notice in admin.open() if ASKS in notice.text]


class TestOffer:
    def test_is_used_only_where_an_administrator_accepts_it(self, site: WordPress) -> None:
        with BridgeDouble() as old, BridgeDouble() as new, BridgeDouble() as stranger:
            old.respond = new.respond = lambda _: as_json({})
            stranger.respond = lambda _: BridgeResponse(200, b"{}", signed_with="ab" * 32)
            connect(site, old.url)
            sync, admin = SyncClient(site), Admin(site, sign_in(site))

            def offer(address: str) -> dict[str, object]:
                result = sync.send({"op": "address", "bridge": address}).result
                assert result["ok"], result
                return {"bridge": result["bridge"], "declined": result["declined"]}

            assert asked(admin) == []
            # Whoever has stolen the key can offer, and changes nothing by that.
            assert offer(new.url) == {"bridge": old.url, "declined": False}
            [notice] = asked(admin)
            assert (notice.kind, notice.buttons) == (
                "warning",
                {"use_address": f"Use {new.url}", "keep_address": f"Keep {old.url}"},
            )
            assert "Accept only if you know of it" in notice.text
            assert bridge_of(site) == old.url
            event = f"{site.rest_root}vczapi/v1/meeting"
            assert requests.post(event, data=b"{}", timeout=600).status_code == 200
            assert (len(old.requests), len(new.requests)) == (1, 0)

            password_of(site, "eva", "editor")
            editor = Admin(site, sign_in(site, "eva", "a-password"))
            assert ASKS not in editor.get("edit.php").text
            forged = editor.session.post(
                f"{site.url}/wp-admin/admin-post.php",
                data=notice.fields | {"zoombridge_do": "use_address"},
                timeout=600,
            )
            assert forged.status_code == 403
            assert bridge_of(site) == old.url

            # What the administrator has seen is what counts: another offer has come since.
            offer(stranger.url)
            admin.press(notice, "use_address")
            assert bridge_of(site) == old.url

            # Only a server that has the key is used.
            [notice] = asked(admin)
            tried = [one for one in admin.press(notice, "use_address") if ASKS in one.text]
            assert len(tried) == 1, "The address is used, whoever answers there."
            [failed] = tried
            assert "was tried, and is not used" in failed.text
            assert "without a valid signature" in failed.text
            assert bridge_of(site) == old.url

            # What was declined stays so, also if it is offered again.
            admin.press(failed, "keep_address")
            assert offer(stranger.url) == {"bridge": old.url, "declined": True}
            assert asked(admin) == []

            offer(new.url)
            [notice] = asked(admin)
            [done] = [one for one in admin.press(notice, "use_address") if "from now on" in one.text]
            assert (done.kind, new.url in done.text) == ("success", True)
            assert bridge_of(site) == new.url
            assert (stored(site) or {})["key"] == KEY
            [hello], [nudge] = new.requests, new.wait_for_nudges(1)
            assert (hello.target, hello.is_signed, nudge.is_signed) == ("/stub/hello", True, True)
            assert asked(admin) == []
            assert offer(new.url) == {"bridge": new.url, "declined": False}
            assert asked(admin) == []

    def test_leaves_what_became_of_the_pairing_while_the_address_was_tried(self, site: WordPress) -> None:
        with BridgeDouble() as old, BridgeDouble() as new:
            sync, admin = SyncClient(site), Admin(site, sign_in(site))
            changes = {
                # The key was renewed: it stays, with the new address.
                "renewed": ({"key": "ab" * 32}, new.url),
                # Another bridge was paired: it is called where it is.
                "paired anew": ({"name": "other.site", "key": "cd" * 32}, old.url),
            }
            for name, (given, called) in changes.items():
                connect(site, old.url)
                assert sync.send({"op": "address", "bridge": new.url}).codes == ["ok"], name
                [notice] = asked(admin)

                def respond(_: object, given: dict[str, str] = given) -> BridgeResponse:
                    if bridge_of(site) == old.url and (stored(site) or {})["key"] == KEY:
                        connect(site, old.url, **given)
                    return as_json({})

                new.respond = respond
                admin.press(notice, "use_address")
                after = stored(site) or {}
                assert (after["bridge"], after["key"]) == (called, given["key"]), name

    def test_counts_for_the_bridge_that_made_it_alone(self, site: WordPress) -> None:
        connect(site, "https://old.example.org")
        sync, admin = SyncClient(site), Admin(site, sign_in(site))
        assert sync.send({"op": "address", "bridge": "https://new.example.org/bridge"}).codes == ["ok"]
        assert len(asked(admin)) == 1
        connect(site, "https://old.example.org", name="other.site")
        assert asked(admin) == []
        connect(site, "https://other.example.org")
        assert asked(admin) == []
        for address in ADDRESSES:
            assert sync.send({"op": "address", "bridge": address}).codes == ["invalid"], address
        assert sync.send({"op": "address"}).codes == ["invalid"]


ADDRESSES = [
    "",
    "bridge.example.org",
    "ftp://bridge.example.org",
    "https://bridge.example.org/",
    "https://user@bridge.example.org",
    "https://bridge.example.org/?a=b",
    "https://bridge.example.org#a",
    'https://bridge.example.org"onclick="x',
    "https://bridge.example.org/<b>",
    "https://bridge.example.org\n",
    "https://" + "a" * 200,
    1,
    None,
]
"""What is no address of a bridge."""
