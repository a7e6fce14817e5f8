"""`zoombridge serve`: what it prints when it starts."""

import os
import re
import signal
import threading

import pytest

from core.auth.service import AuthService
from core.errors import StoreUnavailableError
from core.store.db import settings
from core.store.db.engine import Store
from tests.web.cli.conftest import Run
from web.cli import serve
from web.cli.serve import sign_in_hint


class TestSignInHint:
    def test_is_a_link_until_there_is_a_user(self, auth_service: AuthService, store: Store) -> None:
        hint = sign_in_hint(store, "", "http://127.0.0.1:8765")
        found = re.search(r"works once\): http://127\.0\.0\.1:8765/first\?token=(\S+)$", hint)
        assert found
        auth_service.create_first(found[1], "anna", "four words in a row")
        assert sign_in_hint(store, "", "http://127.0.0.1:8765") == "Pages: http://127.0.0.1:8765/"

    def test_names_the_address_that_is_set_then_the_saved_one(
        self, auth_service: AuthService, store: Store
    ) -> None:
        store.write(lambda connection: settings.save_public_url(connection, "https://saved.example.org"))
        assert " https://saved.example.org/first" in sign_in_hint(store, "", "http://x")
        assert " https://set.example.org/first" in sign_in_hint(store, "https://set.example.org", "http://x")

    def test_does_not_need_a_store_that_can_be_written(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise StoreUnavailableError("The disk is full.")

        monkeypatch.setattr(store, "write", full)
        assert sign_in_hint(store, "", "http://x") == "Pages: http://x/ (not available: The disk is full.)"


def test_stops_while_the_database_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed = threading.Event()

    def hangs(*_: object) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        resumed.wait()
        return "Pages: late"

    monkeypatch.setattr(serve, "sign_in_hint", hangs)
    try:
        ran = run("serve", "--port", "0", "--acceptors", "0")
    finally:
        resumed.set()
    assert (ran.status, "late" in ran.out) == (0, False)
    assert "Stopping" in ran.err
