"""Passwords: what one must be, and what a comparison costs."""

from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from core.auth.passwords import LONGEST, Passwords, problem
from core.store.auth.users import NO_PASSWORD

RIGHT = "four words in a row"


class Counting(PasswordHasher):
    """Notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - its own name for it
        self.verified += str(hash).startswith("$argon2id$v=19$")  # what is no hash costs nothing
        return super().verify(hash, password)


class TestProblem:
    @pytest.mark.parametrize(
        "password",
        ["twelve chars", RIGHT, "ein sehr langer Satz", "密码密码密码密码密码密1", "x" * 499 + "y"],
    )
    def test_there_is_none(self, password: str) -> None:
        assert problem("anna", password) is None

    @pytest.mark.parametrize(
        "password", ["", "eleven char", "x" * LONGEST + "y", "annabella.smith", "aaaaaaaaaaaaaaa"]
    )
    def test_there_is_one(self, password: str) -> None:
        assert problem("annabella.smith", password)

    def test_asks_for_no_particular_characters(self) -> None:
        assert problem("anna", "only small letters") is None


class TestHash:
    def test_is_argon2id_as_its_rfc_recommends(self) -> None:
        kept = Passwords().hashed(RIGHT)
        recommended = RFC_9106_LOW_MEMORY
        assert kept.startswith(
            f"$argon2id$v=19$m={recommended.memory_cost},t={recommended.time_cost},p={recommended.parallelism}$"
        )
        assert RIGHT not in kept

    def test_differs_each_time(self) -> None:
        passwords = Passwords(Counting())
        assert passwords.hashed(RIGHT) != passwords.hashed(RIGHT)

    def test_is_outdated_where_it_was_cheaper(self) -> None:
        kept = Passwords(Counting()).hashed(RIGHT)
        assert not Passwords(Counting()).is_outdated(kept)
        assert Passwords().is_outdated(kept)


class TestMatches:
    def test_the_right_one_only(self) -> None:
        passwords = Passwords(Counting())
        kept = passwords.hashed(RIGHT)
        assert passwords.matches(kept, RIGHT)
        for wrong in ("", RIGHT + " ", RIGHT.upper(), NO_PASSWORD):
            assert not passwords.matches(kept, wrong)

    def test_however_the_keyboard_writes_it(self) -> None:
        passwords = Passwords(Counting())
        assert passwords.matches(passwords.hashed("caf\u00e9 au lait"), "cafe\u0301 au lait")

    @pytest.mark.parametrize("kept", [None, NO_PASSWORD, "", "$argon2id$nonsense", "plain text"])
    def test_nothing_where_there_is_no_password(self, kept: str | None) -> None:
        passwords = Passwords(Counting())
        for given in ("", RIGHT, NO_PASSWORD, "plain text"):
            assert not passwords.matches(kept, given)

    @pytest.mark.parametrize("kept", [None, NO_PASSWORD, "a hash"])
    def test_costs_the_same_for_who_does_not_exist(self, kept: str | None) -> None:
        hasher = Counting()
        passwords = Passwords(hasher)
        if kept == "a hash":
            kept = passwords.hashed("another")
        passwords.matches(kept, RIGHT)
        assert hasher.verified == 1
