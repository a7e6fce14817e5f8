"""Encryption at rest, for secrets and for Zoom's raw bytes.

AES-256-GCM, with a key made from one that lives beside the database, not in it. Several keys may be given,
newest first: the first seals, all open, so that keys can be changed. Keys are written as Fernet writes them.
(Fernet itself takes five times as long, for every event that comes, and makes a third more of it.)
https://cryptography.io/en/latest/hazmat/primitives/aead/
"""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES = 32
_NONCE_BYTES = 12  # random: good for four thousand million pieces under one key
_PURPOSE = b"zoombridge: sealed at rest"


class Sealer:
    """Seals bytes and text, and opens them again."""

    def __init__(self, keys: str) -> None:
        """Take one or more keys, separated by commas or white space. Raises `StoreError` for a bad one."""
        try:
            self._ciphers = [_cipher(key) for key in keys.replace(",", " ").split()]
        except ValueError:
            self._ciphers = []
        if not self._ciphers:
            raise StoreError(
                "ZOOMBRIDGE_KEY is not a key. Make one with: "
                "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
            )

    def seal(self, data: bytes) -> bytes:
        """Return `data` encrypted and authenticated."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, data, None)

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises `StoreError` where the key is another or the data was changed."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, rest, None)
            except (InvalidTag, ValueError):
                continue
        raise StoreError(
            "What the database holds was sealed with another key. Give the key of the time when it was "
            "made: the file zoombridge.key beside the database, or ZOOMBRIDGE_KEY."
        )

    def seal_text(self, text: str) -> bytes:
        """Seal text."""
        return self.seal(text.encode())

    def open_text(self, sealed: bytes) -> str:
        """Open what `seal_text` sealed."""
        return self.open(sealed).decode()


def key_from(path: Path) -> str:
    """Return the keys in this file, which is made with a new one if it is not there; only its owner reads it.

    Processes that start at the same time get the same key: the file is whole as soon as it is there.
    """
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode() + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was quicker
                os.link(draft, path)
        finally:
            os.unlink(draft)  # noqa: PTH108 - it is a name, as `mkstemp` gave it
    return path.read_text()


def _cipher(key: str) -> AESGCM:
    """Return what seals with a key. Raises `ValueError` for what is none."""
    given = base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True)
    if len(given) != _KEY_BYTES:
        raise ValueError("not 32 bytes")
    return AESGCM(HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(given))
