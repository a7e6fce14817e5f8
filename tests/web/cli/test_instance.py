"""The instance that a command is for: opened here, or reached through its running server."""

import os
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


@pytest.mark.parametrize("umask", [0o000, 0o022])
class TestFiles:
    def test_of_every_command_are_their_owners(
        self, run: Run, data: Path, tmp_path: Path, umask: int
    ) -> None:
        zipped = tmp_path / "plugin.zip"
        before = os.umask(umask)
        try:
            assert run("site", "list").status == 0
            assert run("site", "add", "--no-wait", "-o", str(zipped)).status == 0
            with Instance(data, None).publish_rpc("http://127.0.0.1:9", "token"):
                found = {path: path.stat().st_mode & 0o777 for path in (zipped, *data.iterdir())}
        finally:
            os.umask(before)
        assert {path.name for path in found} >= {"zoombridge.db", "zoombridge.key", "rpc.json", "plugin.zip"}
        assert set(found.values()) == {0o600}, found
        assert data.stat().st_mode & 0o777 == 0o700

    def test_that_others_can_read_are_tightened_which_standard_error_says(
        self, run: Run, data: Path, umask: int
    ) -> None:
        run("site", "list")
        data.chmod(0o755)
        (data / "zoombridge.key").chmod(0o644)
        ran = run("site", "list")
        assert ran.status == 0
        assert (data / "zoombridge.key").stat().st_mode & 0o777 == 0o600
        assert data.stat().st_mode & 0o777 == 0o700
        assert ran.err.count("made_private") == 2
        assert "made_private" not in ran.out, "what a command prints is its result alone"

    def test_that_others_can_read_for_ever_are_refused(self, run: Run, data: Path, umask: int) -> None:
        data.mkdir()
        (data / "zoombridge.key").symlink_to(
            "/proc/self/status"
        )  # its mode cannot be changed, not even by root
        for command in (("site", "list"), ("db", "upgrade"), ("serve", "--port", "0")):
            ran = run(*command)
            assert ran.status == 1
            assert f"can read {data / 'zoombridge.key'} (mode 0444)" in ran.err
            assert "nothing is lost" in ran.err
            assert "chmod 600" in ran.err
            assert "Traceback" not in ran.err


class TestAnotherKey:
    def test_is_refused_before_anything_is_done_with_it(
        self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZOOMBRIDGE_KEY", Fernet.generate_key().decode())
        for command in (("site", "list"), ("serve", "--port", "0")):
            ran = run(*command)
            assert ran.status == 1
            assert "encrypted with another key" in ran.err
