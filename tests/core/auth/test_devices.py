"""Tokens by which a browser shows that a user has signed in in it before."""

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from core.auth import devices
from core.store.auth.users import NO_PASSWORD, Role, User
from core.store.db.encryption import Sealer
from tests.core.conftest import KEYS

SEALER = Sealer(KEYS)
ANNA = User("anna", Role.ADMINISTRATOR, "$argon2id$v=19$m=8,t=1,p=1$salt$hash", 1000, None)
NOW = 1_800_000_000_000


@pytest.fixture
def token() -> str:
    return devices.issue(SEALER, ANNA, now=NOW)


class TestIdentify:
    def test_knows_its_own(self, token: str) -> None:
        device = devices.identify(SEALER, ANNA, token, now=NOW)
        assert device
        assert devices.identify(SEALER, ANNA, token, now=NOW + devices.LIFETIME - 1) == device

    def test_tells_devices_apart(self, token: str) -> None:
        other = devices.issue(SEALER, ANNA, now=NOW)
        assert len({devices.identify(SEALER, ANNA, one, now=NOW) for one in (token, other)}) == 2

    @pytest.mark.parametrize(
        "user",
        [
            replace(ANNA, name="bert"),
            replace(ANNA, password="$argon2id$v=19$m=8,t=1,p=1$salt$other"),
            replace(ANNA, password=NO_PASSWORD),
            replace(ANNA, created_at=1001),
        ],
        ids=["another user", "another password", "no password", "a new user of the same name"],
    )
    def test_is_bound_to_user_and_password(self, token: str, user: User) -> None:
        assert devices.identify(SEALER, user, token, now=NOW) == ""

    def test_does_not_depend_on_what_may_change(self, token: str) -> None:
        changed = replace(ANNA, role=Role.VIEWER, last_seen_at=NOW)
        assert devices.identify(SEALER, changed, token, now=NOW)

    @pytest.mark.parametrize("now", [NOW + devices.LIFETIME, NOW - 1], ids=["expired", "of the future"])
    def test_ends(self, token: str, now: int) -> None:
        assert devices.identify(SEALER, ANNA, token, now=now) == ""

    def test_needs_the_key_of_the_database(self, token: str) -> None:
        other = Fernet.generate_key().decode()
        assert devices.identify(Sealer(other), ANNA, token, now=NOW) == ""
        assert devices.identify(Sealer(f"{other},{KEYS}"), ANNA, token, now=NOW), (
            "as long as the old key is there"
        )

    def test_takes_nothing_that_was_changed(self, token: str) -> None:
        for at in range(len(token)):
            changed = token[:at] + ("1" if token[at] != "1" else "2") + token[at + 1 :]
            assert devices.identify(SEALER, ANNA, changed, now=NOW) == ""

    @pytest.mark.parametrize("junk", ["", ".", "..", "x" * 10_000, "1.2.3", "é", "9" * 5000 + ".a.b", "\n"])
    def test_takes_no_junk(self, junk: str) -> None:
        assert devices.identify(SEALER, ANNA, junk, now=NOW) == ""

    def test_shows_neither_name_nor_hash(self, token: str) -> None:
        assert "anna" not in token
        assert "argon2" not in token
