"""The viewer of a page, and their permissions."""

from __future__ import annotations

from dataclasses import dataclass

from core.store.auth.users import Role

__all__ = ["Role", "Viewer"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """The viewer of a page. `site_id` is the only site that they see; None: every site.

    `site_name` is its name, for an administrator who came from its wp-admin to the bridge's own address.
    """

    name: str
    role: Role
    site_id: str | None = None
    site_name: str | None = None

    @property
    def may_change(self) -> bool:
        """Whether they may change anything."""
        return self.role is Role.ADMINISTRATOR

    @property
    def may_manage_users(self) -> bool:
        """Whether they may manage users: not administrators of one site."""
        return self.may_change and self.site_id is None
