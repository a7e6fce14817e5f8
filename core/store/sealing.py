"""Encryption at rest, for secrets and for Zoom's raw bytes.

Fernet (AES-128-CBC with HMAC-SHA256) under a key that lives beside the database, not in it. Several keys
may be given, newest first: the first seals, all open, so that keys can be changed.
https://cryptography.io/en/latest/fernet/
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path


class Sealer:
    """Seals bytes and text, and opens them again."""

    def __init__(self, keys: str) -> None:
        """Take one or more keys, separated by commas or white space. Raises `StoreError` for a bad one."""
        try:
            fernets = [Fernet(key) for key in keys.replace(",", " ").split()]
            self._fernet = MultiFernet(fernets)
        except ValueError as error:
            raise StoreError(
                "ZOOMBRIDGE_KEY is not a key. Make one with: "
                "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
            ) from error

    def seal(self, data: bytes) -> bytes:
        """Return `data` encrypted and authenticated."""
        return self._fernet.encrypt(data)

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises `StoreError` where the key is another or the data was changed."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise StoreError(
                "What the database holds was sealed with another key. Give the key of the time when it was "
                "made: the file zoombridge.key beside the database, or ZOOMBRIDGE_KEY."
            ) from error

    def seal_text(self, text: str) -> bytes:
        """Seal text."""
        return self.seal(text.encode())

    def open_text(self, sealed: bytes) -> str:
        """Open what `seal_text` sealed."""
        return self.open(sealed).decode()


def key_from(path: Path) -> str:
    """Return the keys in this file, which is made with a new one if it is not there; only its owner reads it."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text()
    key = Fernet.generate_key().decode()
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key
