"""Name versions of the plugin *Video Conferencing with Zoom* (VCZAPI) that the bridge has not been tried with. Pure."""

from __future__ import annotations

import re

from core import messages
from core.model.health_facts import FactName, HealthFinding

TRIED = "4.6.7"
"""The version of VCZAPI that the tests have run beside; `ZOOMBRIDGE_VCZAPI_TRIED` in the plugin is the same.

None of its PRO add-on: it cannot be obtained for tests.
"""


def vczapi_findings(version: str | None, pro: str | None) -> list[HealthFinding]:
    """Return what is to be said of VCZAPI and its PRO add-on. None: not active; an empty version is not known.

    That a version has not been tried does not stop any write.
    """
    found = [] if version is None else [_vczapi(version)]
    if pro is not None:
        about = {"version": pro or messages.VCZAPI_PRO_VERSION_UNKNOWN}
        found.append(HealthFinding(FactName.VCZAPI_PRO, True, messages.VCZAPI_PRO_UNTRIED % about))
    return found


def _vczapi(version: str) -> HealthFinding:
    about = {"version": version, "tried": TRIED}
    if version == TRIED:
        return HealthFinding(FactName.VCZAPI, True, messages.VCZAPI_TRIED % about)
    is_older = _parts(version) < _parts(TRIED)
    return HealthFinding(
        FactName.VCZAPI, False, (messages.VCZAPI_OLDER if is_older else messages.VCZAPI_NEWER) % about
    )


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]
