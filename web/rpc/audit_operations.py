"""The operation on the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.store import audit
from core.store.audit import AuditFilter
from web.rpc import api
from web.rpc.registry import Implementation

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.store.audit import AuditEntry


def list_audit(bridge: Bridge, request: api.ListAudit) -> api.ListedAudit:
    """Return entries of the audit log, the newest first, and where to continue."""
    wanted = AuditFilter(request.action, request.who, request.site, request.since, request.until)
    with bridge.store.reading() as connection:
        found = audit.page(connection, wanted, limit=request.limit, before=request.before)
    return api.ListedAudit(
        entries=[_line(entry) for entry in found.entries],
        next=found.entries[-1].id if found.more_older else None,
    )


def _line(entry: AuditEntry) -> api.AuditLine:
    return api.AuditLine(
        id=entry.id,
        at=entry.at,
        action=entry.action,
        actor_kind=entry.actor.kind,
        actor=entry.actor.name,
        address=entry.actor.address,
        site_id=entry.site_id,
        site=entry.site,
        subject=entry.subject,
        detail=dict(entry.detail),
    )


IMPLEMENTATIONS = (Implementation(api.AUDIT_LIST, list_audit),)
