"""Text as it is sent to PostgreSQL."""

from __future__ import annotations

from typing import Any

from psycopg.types.string import StrDumper


class WithoutNul(StrDumper):
    """Sends text as PostgreSQL can keep it: all of Unicode but U+0000, which SQLite takes and a site may send."""

    def dump(self, obj: str) -> Any:
        """Return the bytes to send."""
        return super().dump(obj.replace("\0", "\ufffd"))
