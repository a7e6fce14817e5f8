"""Everything that can go wrong, in one tree. Each error carries its evidence and says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.wordpress.faults import Fault


class ZoomBridgeError(Exception):
    """The root of the tree. `str(error)` is a message for the person who can mend it."""


class BadRequestError(ZoomBridgeError):
    """What came in is not what it should be: not JSON, not an event."""


class SignatureError(ZoomBridgeError):
    """A request is not shown to come from whom it says."""


class NoSecretError(SignatureError):
    """No secret is saved yet, so nothing can be verified."""


class WrongSignatureError(SignatureError):
    """The signature is missing, or was made with another secret or over other bytes."""


class StaleSignatureError(SignatureError):
    """The signature's time is too far from the time at which it came. `seconds` says how far."""

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class StoreError(ZoomBridgeError):
    """The database cannot do what it was asked."""


class StoreUnavailableError(StoreError):
    """The database cannot be written now: disk full, locked, down, or its queue is full. Try again."""


class StoreInUseError(StoreError):
    """Another process has this SQLite database open."""


class UnknownSiteError(ZoomBridgeError):
    """No site of that name or address is connected."""


class SiteFaultError(ZoomBridgeError):
    """A WordPress site did not do what it was asked. `fault` says what kind of failure it was.

    It also says whether to try again, and whether the whole site is affected. `status` is the HTTP status,
    where there was an answer. `retry_after` is in seconds, where the site named a time. `unsure`: the
    request may have been carried out all the same, so look before writing again. `post_id` is the post that
    is there already (only for `exists`). `evidence` is what came back, some hundred characters of it at
    most, without credentials.
    """

    def __init__(
        self,
        message: str,
        *,
        fault: Fault,
        status: int | None = None,
        unsure: bool = False,
        retry_after: float | None = None,
        post_id: int | None = None,
        evidence: str = "",
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.status = status
        self.unsure = unsure
        self.retry_after = retry_after
        self.post_id = post_id
        self.evidence = evidence
