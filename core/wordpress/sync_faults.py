"""Faults of the sync protocol: what a site refused or left undone, and what it means. Pure.

The protocol is specified in docs/sync.md.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from core import messages
from core.errors import Fault, SiteFaultError
from core.wordpress.faults import classify, page_title, shorten
from core.wordpress.sync_envelope import PROTOCOL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.wordpress.faults import SiteResponse
    from core.wordpress.sync_operations import ItemFault, Payload

_REFUSED = "zoombridge_sync_refused"
_ITEM_FAULTS: Mapping[str, tuple[Fault, str]] = {
    "missing": (Fault.POST_MISSING, messages.PAGE_MISSING),
    "exists": (Fault.EXISTS, messages.PAGE_EXISTS),
    "busy": (Fault.BUSY, messages.PAGE_BUSY),
    "stale": (Fault.STALE, messages.WRITE_STALE),
    "no_trash": (Fault.NO_TRASH, messages.TRASH_DISABLED),
    "column": (Fault.REFUSED, messages.DATABASE_REFUSED),
}


def of_item(item: ItemFault) -> SiteFaultError:
    """Return the fault of one operation."""
    # A refusal is WordPress's or another plugin's, in its own words.
    text = item.text if item.code == "refused" else f"{item.code}: {item.text}"
    evidence = shorten(" ".join(part for part in (text, item.file) if part))
    if item.code == "failed":
        return died(item.file, evidence=evidence)
    if item.code == "not_tried":
        return no_progress(evidence)
    fault, message = _ITEM_FAULTS.get(item.code, (Fault.REFUSED, messages.REQUEST_REJECTED))
    return SiteFaultError(
        message % {"evidence": evidence} if "%(evidence)s" in message else message,
        fault=fault,
        post_id=item.post,
        evidence=evidence,
    )


def died(file: str = "", *, evidence: str = "") -> SiteFaultError:
    """Return the fault of an operation at which PHP died, in `file` below wp-content where that is known."""
    message = messages.WRITE_DIED_IN % {"file": shorten(file)} if file else messages.WRITE_DIED
    return SiteFaultError(message, fault=Fault.SERVER, unsure=True, evidence=shorten(evidence))


def no_progress(evidence: str = "") -> SiteFaultError:
    """Return the fault of a site that comes to none of the operations within its limits."""
    return SiteFaultError(messages.SITE_BUSY, fault=Fault.THROTTLED, evidence=shorten(evidence))


def of_request(payload: Payload) -> SiteFaultError | None:
    """Return the fault of a request that was refused as a whole; None where it was not."""
    error = payload.error
    if error is None:
        return None
    evidence = shorten(f"{error.code}: {error.text}")
    fault, message = Fault.REFUSED, messages.REQUEST_REJECTED % {"evidence": evidence}
    match error.code:
        case "clock" | "replayed":
            fault, message = Fault.CLOCK, messages.SITE_CLOCK
        case "superseded":
            fault, message = Fault.SUPERSEDED, messages.BRIDGE_SUPERSEDED
        case "moved":
            fault, message = Fault.MOVED, _moved_to(error.data.get("home"))
        case "update" if payload.protocols[0] > PROTOCOL:
            fault, message = Fault.BRIDGE_OUTDATED, messages.BRIDGE_OUTDATED
        case "update":
            fault, message = Fault.STUB_OUTDATED, messages.PLUGIN_OUTDATED
    return SiteFaultError(message, fault=fault, evidence=evidence)


def outdated(evidence: str = "") -> SiteFaultError:
    """Return the fault of a plugin from before the sync protocol."""
    return SiteFaultError(messages.PLUGIN_OUTDATED, fault=Fault.STUB_OUTDATED, evidence=shorten(evidence))


def incomplete(evidence: str) -> SiteFaultError:
    """Return the fault of a signed answer whose result has an unexpected shape."""
    return SiteFaultError(
        messages.REQUEST_REJECTED % {"evidence": evidence},
        fault=Fault.REFUSED,
        unsure=True,
        evidence=evidence,
    )


def too_large() -> SiteFaultError:
    """Return the fault of an operation that does not fit into a request."""
    return SiteFaultError(messages.PAGE_TOO_LARGE, fault=Fault.REFUSED)


def refused_by_plugin(answer: SiteResponse) -> SiteFaultError | None:
    """Return the fault where the plugin itself refused a request unsigned; None for any other response."""
    try:
        told = answer.json()
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("code") != _REFUSED:
        return None
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return too_large()
    return SiteFaultError(
        messages.PAIRING_REFUSED, fault=Fault.CREDENTIALS, status=answer.status, evidence=_REFUSED
    )


def unanswered(answer: SiteResponse, *, now: datetime, wrote: bool) -> SiteFaultError:
    """Return the fault of a response without a signed answer. `now` is needed where `Retry-After` is a date."""
    if asks_for_password(answer):
        return SiteFaultError(
            messages.SERVER_ASKS_PASSWORD,
            fault=Fault.SERVER_PASSWORD,
            status=answer.status,
            evidence=page_title(answer.body),
        )
    fault = classify(answer, now=now, wrote=wrote)
    if fault.fault not in (Fault.CREDENTIALS, Fault.NOT_JSON, Fault.REFUSED):
        return fault
    page = page_title(answer.body) or messages.EMPTY_PAGE
    return SiteFaultError(
        messages.SYNC_BLOCKED % {"page": page, "status": answer.status},
        fault=Fault.NOT_JSON,
        status=answer.status,
        unsure=fault.unsure,
        evidence=fault.evidence,
    )


def asks_for_password(answer: SiteResponse) -> bool:
    """Whether a web server in front of WordPress asks for user and password (RFC 7617), or refuses those sent."""
    challenge = answer.header("WWW-Authenticate")
    return (
        answer.status == HTTPStatus.UNAUTHORIZED
        and re.search(r"\bbasic\b", challenge, re.IGNORECASE) is not None
    )


def _moved_to(home: object) -> str:
    if not isinstance(home, str) or not home:
        return messages.SITE_HOME_CHANGED
    return messages.SITE_HOME_CHANGED_TO % {"address": shorten(home)}
