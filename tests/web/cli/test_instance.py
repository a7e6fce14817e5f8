"""The instance that a command is for: opened here, or reached through its running server."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.store.sites.sites import Site
from tests.web.cli.conftest import Run
from web.cli.instance import Instance


class TestRunningServer:
    def test_that_does_not_answer_is_reported(self, run: Run, data: Path) -> None:
        store = Instance(data, None).open_store()
        try:
            for server in (None, "{", "{}", '{"url": "http://127.0.0.1:1", "token": "x"}'):
                if server is not None:
                    (data / "rpc.json").write_text(server)
                ran = run("site", "list")
                assert ran.status == 1
                assert "does not answer" in ran.err
        finally:
            store.close()

    def test_leaves_its_address_and_token_for_its_owner_only(self, data: Path) -> None:
        data.mkdir()
        instance = Instance(data, None)
        with instance.publish_rpc("http://127.0.0.1:9", "token"):
            assert instance.server_url() == "http://127.0.0.1:9"
            assert instance.rpc_file.stat().st_mode & 0o777 == 0o600
        assert instance.server_url() is None


class TestAnotherKey:
    def test_is_refused_before_anything_is_done_with_it(
        self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZOOMBRIDGE_KEY", Fernet.generate_key().decode())
        for command in (("site", "list"), ("serve", "--port", "0")):
            ran = run(*command)
            assert ran.status == 1
            assert "encrypted with another key" in ran.err
