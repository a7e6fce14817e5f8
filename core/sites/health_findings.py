"""The report of a site's health check. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """The result of one check: `message` says what is wrong and what to do, or what was found well."""

    name: str
    well: bool
    message: str


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Findings of a health check. `bridge` and `page` are the URLs of bridge and settings page, from the plugin."""

    findings: tuple[HealthFinding, ...] = ()
    bridge: str = ""
    page: str = ""

    def finding(self, name: str) -> HealthFinding | None:
        """Return a finding by name; None where it was not checked."""
        return next((found for found in self.findings if found.name == name), None)

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> HealthReport:
        """Parse the stored report of a site's last check; None, before the first, gives an empty report."""
        stored = stored or {}
        found = tuple(HealthFinding(**finding) for finding in stored.get("findings", ()))
        return cls(found, stored.get("bridge", ""), stored.get("page", ""))
