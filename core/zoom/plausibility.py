"""Tell whether a request that failed verification may be Zoom's all the same, so that a secret verifies it later. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from core.errors import BadRequestError
from core.zoom import envelope as zoom_envelope
from core.zoom import signature, validation
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BODY_BYTES = 64 * 1024
"""Zoom's events are a few kilobytes; a larger body is kept only once it is verified."""


class RefusalCause(StrEnum):
    """Why a refused request is not kept in quarantine."""

    UNSIGNED = "unsigned"  # it has no signature and timestamp of Zoom's form
    STALE = "stale"  # its timestamp is more than five minutes away
    TOO_LARGE = "too-large"  # for the quarantine
    NO_EVENT = "no-event"  # its body is no event of Zoom's form
    DISPLACED = "displaced"  # it was kept, and made room for others


def refusal_cause_of_headers(headers: Mapping[str, str], *, now: float) -> RefusalCause | None:
    """Return why no secret could ever verify a request with these headers at `now` (Unix seconds); else None."""
    if not signature.is_signature_of_zoom(headers):
        return RefusalCause.UNSIGNED
    return None if signature.is_fresh(headers, now=now) else RefusalCause.STALE


def refusal_cause(headers: Mapping[str, str], body: bytes, *, now: float) -> RefusalCause | None:
    """Return why no secret could ever verify a request of `now` (Unix seconds), or why it is too large; else None.

    A body that is too large is not parsed.
    """
    cause = refusal_cause_of_headers(headers, now=now)
    if cause is not None:
        return cause
    if len(body) > MOST_BODY_BYTES:
        return RefusalCause.TOO_LARGE
    try:
        event = zoom_envelope.parse(body).event
    except BadRequestError:
        return RefusalCause.NO_EVENT
    # A validation is answered within three seconds or not at all, so keeping it would be useless.
    return RefusalCause.NO_EVENT if event == validation.EVENT else None


def claimed_account(body: bytes) -> str:
    """Return the Zoom account that an unverified event names; empty where it names none, or that of a self-test."""
    if len(body) > MOST_BODY_BYTES:
        account_id = zoom_envelope.probable_account(body)
    else:
        try:
            account_id = zoom_envelope.parse(body).payload.account_id or ""
        except BadRequestError:
            return ""
    return "" if is_probe(account_id) else account_id
