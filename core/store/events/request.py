"""A request as it is kept: its headers and its raw bytes in one sealed piece."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.store.db.encryption import Sealer


@dataclass(frozen=True, slots=True)
class Request:
    """What came in: header names in lower case, and the bytes as Zoom sent them."""

    headers: Mapping[str, str]
    body: bytes

    def sealed(self, sealer: Sealer) -> bytes:
        """Return it as one encrypted piece."""
        return sealer.seal(json.dumps(dict(self.headers)).encode("ascii") + b"\n" + self.body)

    @classmethod
    def opened(cls, sealed: bytes, sealer: Sealer) -> Request:
        """Return what `sealed` made. Raises `StoreError` where the key is another."""
        headers, _, body = sealer.open(sealed).partition(b"\n")
        return cls(json.loads(headers), body)

    @classmethod
    def opened_or_none(cls, sealed: bytes, sealer: Sealer) -> Request | None:
        """Return the same; None where no key opens it any more, so that it keeps back no other."""
        try:
            return cls.opened(sealed, sealer)
        except StoreError:
            return None
