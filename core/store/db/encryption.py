"""Encryption at rest, for secrets and for Zoom's raw bytes.

AES-256-GCM. Its key is derived from one that is stored beside the database, not in it. Keys can be rotated: given
several, newest first, the first one encrypts and each of them decrypts. Keys are in Fernet's format. (Fernet itself
takes five times as long, and its output is a third larger.) Thread-safe.
https://cryptography.io/en/latest/hazmat/primitives/aead/
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import tempfile
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import StoreError
from core.store.db import private_files

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES = 32
_NONCE_BYTES = 12  # random: safe for 2**32 messages per key
_PURPOSE = b"zoombridge: sealed at rest"
_DIGEST_PURPOSE = b"zoombridge: digests of what is searched for"
_SIGNING_PURPOSE = b"zoombridge: signed by the bridge"


class Sealer:
    """Encrypt and decrypt bytes and text."""

    def __init__(self, keys: str) -> None:
        """Take one or more keys, separated by commas or white space. Raises: StoreError for an invalid key."""
        try:
            given = [_decoded(key) for key in keys.replace(",", " ").split()]
        except ValueError:
            given = []
        self._ciphers = [AESGCM(_derived(key, _PURPOSE)) for key in given]
        self._digest_keys = [_derived(key, _DIGEST_PURPOSE) for key in given]
        self._signing_keys = [_derived(key, _SIGNING_PURPOSE) for key in given]
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
        """Return `sealed` decrypted. Raises: StoreError if no key fits or the data was altered."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, rest, None)
            except (InvalidTag, ValueError):
                continue
        raise StoreError(
            "The database was encrypted with another key. Restore the key that it was created with: "
            "the file zoombridge.key beside the database, or ZOOMBRIDGE_KEY."
        )

    def seal_text(self, text: str) -> bytes:
        """Return `text` encrypted and authenticated, as UTF-8."""
        return self.seal(text.encode())

    def open_text(self, sealed: bytes) -> str:
        """Decrypt the result of `seal_text`. Raises: StoreError as `open` does."""
        return self.open(sealed).decode()

    def digests(self, text: str) -> list[str]:
        """Return digests by which a sealed text is found: one for each key, and stored is the first.

        They are equal for equal texts, and nobody without the key can try out texts.
        """
        return [hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for key in self._digest_keys]

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`, which should begin with what it is for."""
        return hmac.digest(self._signing_keys[0], data, "sha256")

    def is_signed(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` is that of `data` with one of the keys."""
        return any(
            hmac.compare_digest(hmac.digest(key, data, "sha256"), signature) for key in self._signing_keys
        )


def new_key() -> str:
    """Return a new random key."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


def key_from(path: Path) -> str:
    """Return the keys in a file, which is created with a new key, readable by its owner only, if it does not exist.

    Processes that start at the same time get the same key: a hard link makes the complete file appear at once.
    Raises: ExposedFileError if others can read it, and that cannot be changed.
    """
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(new_key() + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was quicker
                os.link(draft, path)
        finally:
            os.unlink(draft)  # noqa: PTH108 - it is a name, as `mkstemp` gave it
    private_files.tighten(path)
    return path.read_text()


def _decoded(key: str) -> bytes:
    """Return the bytes of a key. Raises: ValueError for an invalid one."""
    given = base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True)
    if len(given) != _KEY_BYTES:
        raise ValueError("not 32 bytes")
    return given


def _derived(key: bytes, purpose: bytes) -> bytes:
    """Derive the key for a purpose, by HKDF-SHA256."""
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=purpose).derive(key)
