"""Encryption at rest."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.errors import StoreError
from core.store.db.encryption import Sealer, key_from
from tests.core.conftest import KEYS

OTHER = Fernet.generate_key().decode()


class TestSealer:
    def test_opens_what_it_sealed(self) -> None:
        sealer = Sealer(KEYS)
        assert sealer.open_text(sealer.seal_text("zürich")) == "zürich"
        assert b"secret" not in sealer.seal(b"secret")

    @pytest.mark.parametrize("keys", [f"{OTHER},{KEYS}", f" {OTHER}\n{KEYS}\n"], ids=["comma", "lines"])
    def test_opens_with_any_of_its_keys_and_seals_with_the_first(self, keys: str) -> None:
        both = Sealer(keys)
        assert both.open(Sealer(KEYS).seal(b"old")) == b"old"
        assert Sealer(OTHER).open(both.seal(b"new")) == b"new"

    def test_refuses_what_another_key_sealed(self) -> None:
        with pytest.raises(StoreError, match="another key"):
            Sealer(OTHER).open(Sealer(KEYS).seal(b"secret"))

    def test_refuses_what_was_changed(self) -> None:
        sealed = bytearray(Sealer(KEYS).seal(b"secret"))
        sealed[20] ^= 1
        with pytest.raises(StoreError):
            Sealer(KEYS).open(bytes(sealed))

    @pytest.mark.parametrize("keys", ["", " ", "short", "é" * 44, f"{KEYS},short"])
    def test_says_how_to_make_a_key_where_one_is_none(self, keys: str) -> None:
        with pytest.raises(StoreError, match="generate_key"):
            Sealer(keys)


class TestDigests:
    def test_are_equal_for_equal_texts_and_need_the_key(self) -> None:
        one, other = (Fernet.generate_key().decode() for _ in range(2))
        assert Sealer(one).digests("anna") == Sealer(one).digests("anna")
        assert Sealer(one).digests("anna") != Sealer(other).digests("anna")
        assert Sealer(one).digests("anna") != Sealer(one).digests("Anna")

    def test_are_one_for_each_key_of_which_the_newest_is_stored(self) -> None:
        old, new = (Fernet.generate_key().decode() for _ in range(2))
        assert Sealer(f"{new} {old}").digests("anna") == [
            *Sealer(new).digests("anna"),
            *Sealer(old).digests("anna"),
        ]


class TestSignature:
    def test_is_of_these_bytes_with_one_of_the_keys(self) -> None:
        signature = Sealer(KEYS).sign(b"data")
        assert Sealer(KEYS).is_signed(b"data", signature)
        assert Sealer(f"{OTHER},{KEYS}").is_signed(b"data", signature)
        assert not Sealer(KEYS).is_signed(b"date", signature)
        assert not Sealer(OTHER).is_signed(b"data", signature)
        assert not Sealer(KEYS).is_signed(b"data", b"")

    def test_is_made_with_the_first_key(self) -> None:
        assert Sealer(f"{OTHER},{KEYS}").sign(b"data") == Sealer(OTHER).sign(b"data")


class TestKeyFrom:
    def test_makes_a_key_once(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        assert key_from(path).strip() == key_from(path).strip()
        assert path.stat().st_mode & 0o777 == 0o600
        Sealer(key_from(path))

    def test_is_the_same_for_all_that_start_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "zoombridge.key"
        together = threading.Barrier(8)

        def read() -> str:
            together.wait(600)
            return key_from(path)

        with ThreadPoolExecutor(8) as pool:
            keys = {future.result(600) for future in [pool.submit(read) for _ in range(8)]}
        assert keys == {path.read_text()}
        Sealer(keys.pop())
        assert path.stat().st_mode & 0o777 == 0o600
        assert list(tmp_path.iterdir()) == [path]
