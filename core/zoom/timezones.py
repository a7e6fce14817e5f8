"""Zoom's names of time zones."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Zoom's list says "SST" for the Solomon Islands. The IANA database does not know the name as a zone of
# that place, and PHP takes it for Samoa.
# https://developers.zoom.us/docs/api/references/abbreviations/#timezones
_ZOOMS_OWN = {"SST": "Pacific/Guadalcanal"}


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the IANA zone that Zoom means by `name`; UTC where the name is empty or unknown.

    Instant meetings come with an empty zone. An unknown name must not keep a meeting off the site: its
    instants are in UTC anyway, and the zone is for display.
    """
    try:
        return ZoneInfo(_ZOOMS_OWN.get(name, name) or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
