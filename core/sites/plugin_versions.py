"""Compare the plugin's version with the bridge's: they are released together, under one number. Pure.

Different versions go on together as long as they have a version of the protocol in common (docs/sync.md); what to update is
said all the same.
"""

from __future__ import annotations

import re

from core import messages
from core.model.health_facts import FactName, HealthFinding


def plugin_finding(plugin: str, bridge: str) -> HealthFinding:
    """Return what is to be said of a plugin that answered, by both versions. One that is no number says nothing."""
    about = {"version": plugin, "bridge": bridge}
    ours, theirs = _parts(bridge), _parts(plugin)
    message = messages.PLUGIN_VERSION
    if theirs and theirs < ours:
        message = messages.PLUGIN_OLDER
    elif theirs > ours:
        message = messages.PLUGIN_NEWER
    return HealthFinding(FactName.PLUGIN, True, message % about)


def _parts(version: str) -> list[int]:
    parts = [int(part) for part in re.findall(r"\d{1,9}", version)[:4]]
    while parts and not parts[-1]:
        parts.pop()  # 1.0 is 1.0.0
    return parts
