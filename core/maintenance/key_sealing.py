"""Encrypt the bridge's keys with a passphrase: scrypt and AES-256-GCM.

https://cryptography.io/en/latest/hazmat/primitives/key-derivation-functions/#scrypt
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from core.errors import BackupError

SHORTEST_PASSPHRASE = 12
_PURPOSE = b"zoombridge: key in a backup"
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32


class SealedKey(BaseModel):
    """Keys, encrypted. The costs of scrypt are bounded, to 256 MiB: they come from a file that anybody may have changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(default=2**17, ge=2**14, le=2**18)
    r: int = Field(default=8, ge=1, le=8)
    p: int = Field(default=1, ge=1, le=4)
    salt: Base64Bytes
    nonce: Base64Bytes
    sealed: Base64Bytes


def seal_key(keys: str, passphrase: str) -> SealedKey:
    """Encrypt keys. Takes 128 MiB and about half a second. Raises: BackupError for a short passphrase."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise BackupError(f"The passphrase must have at least {SHORTEST_PASSPHRASE} characters.")
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    made = SealedKey.model_construct(salt=salt, nonce=nonce, sealed=b"")
    sealed = AESGCM(_derived(made, passphrase)).encrypt(nonce, keys.encode(), _PURPOSE)
    return made.model_copy(update={"sealed": sealed})


def open_key(sealed: SealedKey, passphrase: str) -> str:
    """Decrypt keys. Raises: BackupError for a wrong passphrase."""
    try:
        return AESGCM(_derived(sealed, passphrase)).decrypt(sealed.nonce, sealed.sealed, _PURPOSE).decode()
    except (InvalidTag, ValueError) as error:
        raise BackupError(
            "The passphrase does not open the key in the backup. Nothing was changed."
        ) from error


def _derived(made: SealedKey, passphrase: str) -> bytes:
    return Scrypt(salt=made.salt, length=_KEY_BYTES, n=made.n, r=made.r, p=made.p).derive(passphrase.encode())
