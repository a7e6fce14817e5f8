"""The status of a meeting's post on a site. Pure."""

from __future__ import annotations

from enum import StrEnum


class PostStatus(StrEnum):
    """The status of a post on a site: the most important of those that apply."""

    DETACHED = "detached"  # a person deleted it permanently
    FAILING = "failing"  # the last attempt to write it failed
    PENDING = "pending"  # a newer revision is to be written
    WITHHELD = "withheld"  # the rules allow no post, or not yet
    SYNCED = "synced"
    TRASHED = "trashed"
    DELETED = "deleted"  # permanently deleted, as the meeting was
    NONE = "none"
