"""Zoom's time zone names. Pure."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Zoom's list has "SST" for the Solomon Islands, a name that the IANA database lacks and that PHP reads as Samoa.
# https://developers.zoom.us/docs/api/references/abbreviations/#timezones
_ZOOMS_OWN = {"SST": "Pacific/Guadalcanal"}


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the IANA time zone of Zoom's `name`; UTC where it is empty or unknown.

    Instant meetings have an empty zone. An unknown name must not keep a meeting off the site: its times are in UTC, and
    the zone is for display.
    """
    try:
        name = name.strip()
        return ZoneInfo(_ZOOMS_OWN.get(name, name) or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
