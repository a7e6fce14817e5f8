"""The status of a page on its site, as the site tells it, and who last changed it. Pure."""

from __future__ import annotations

from enum import StrEnum


class PageStatus(StrEnum):
    """The status of a page on its site. Only a published one is shown to every visitor."""

    PUBLISHED = "published"
    PROTECTED = "protected"  # published, but visitors have to enter a password
    DRAFT = "draft"  # or waiting for review
    PRIVATE = "private"
    SCHEDULED = "scheduled"
    TRASHED = "trashed"
    GONE = "gone"  # deleted permanently
    OTHER = "other"  # a status of another plugin


class ChangedBy(StrEnum):
    """Who changed a page."""

    BRIDGE = "bridge"
    USER = "user"
    PLUGIN = "plugin"  # any code but that of people and scheduled tasks
    CRON = "cron"  # a scheduled task of WordPress, such as emptying the trash


_STATUSES = {
    "publish": PageStatus.PUBLISHED,
    "draft": PageStatus.DRAFT,
    "auto-draft": PageStatus.DRAFT,
    "pending": PageStatus.DRAFT,
    "private": PageStatus.PRIVATE,
    "future": PageStatus.SCHEDULED,
    "trash": PageStatus.TRASHED,
    "deleted": PageStatus.GONE,
}


def page_status(status: str, *, password: bool) -> PageStatus:
    """Return the status of a page by that of its post in WordPress, `deleted` for none."""
    found = _STATUSES.get(status, PageStatus.OTHER)
    return PageStatus.PROTECTED if password and found is PageStatus.PUBLISHED else found


def changed_by(name: str | None) -> ChangedBy | None:
    """Return who changed a page, by the name on the wire; None where that is unknown."""
    return ChangedBy(name) if name in set(ChangedBy) else None
