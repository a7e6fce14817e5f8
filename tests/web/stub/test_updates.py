"""The answers of the bridge to a plugin that asks for its update."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import ZoomBridgeError
from core.store.sites.sites import Site
from tests import release
from tests.web.conftest import Http, from_stub, is_answered_by_the_bridge
from web.stub.plugin_zip import archive
from web.stub.updates import PluginUpdates, signed_message

KEY = Ed25519PrivateKey.generate()


def signed(folder: Path, package: bytes = b"") -> Path:
    file = folder / "release.json"
    file.write_text(release.signature(package or archive(), "1.2.3", KEY), encoding="utf-8")
    return file


def test_a_signed_plugin_is_offered_with_what_it_needs(tmp_path: Path) -> None:
    updates = PluginUpdates(signed(tmp_path))
    found = updates.release
    assert found is not None
    assert (found.version, found.requires, found.requires_php) == ("1.2.3", "5.8", "7.4")
    assert found.sha256 == hashlib.sha256(updates.package).hexdigest()
    KEY.public_key().verify(bytes.fromhex(found.signature), signed_message("1.2.3", found.sha256))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": "1", "sha256": "2"}'])
def test_a_file_that_is_no_signature_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "release.json").write_text(content)
    with pytest.raises(ZoomBridgeError, match="cannot be read"):
        _ = PluginUpdates(tmp_path / "release.json").release


def test_the_signature_of_another_plugin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ZoomBridgeError, match="another plugin"):
        _ = PluginUpdates(signed(tmp_path, b"another")).release


class TestRoutes:
    @pytest.mark.parametrize("path", ["/stub/update", "/stub/update/package"])
    def test_answer_paired_sites_only(self, http: Http, wp_site: Site, path: str) -> None:
        assert http("GET", path).code in (401, 404)
        headers = from_stub(wp_site, "GET", path, b"") | {"X-Zoombridge-Signature": "v1=" + 64 * "0"}
        assert http("GET", path, headers=headers).code == 401

    def test_say_that_nothing_is_signed(self, http: Http, wp_site: Site) -> None:
        headers = from_stub(wp_site, "GET", "/stub/update", b"")
        answer = http("GET", "/stub/update", headers=headers)
        assert (answer.code, json.loads(answer.body)["code"]) == (404, "zoombridge_no_update")
        assert is_answered_by_the_bridge(wp_site, headers, answer)
