"""Exceptions of the bridge, each with its evidence; the message says what to do. Pure."""

from __future__ import annotations

from enum import StrEnum


class ZoomBridgeError(Exception):
    """Base of all errors. `str(error)` is a message for the person who can fix it."""


class BadRequestError(ZoomBridgeError):
    """A malformed request: not JSON, or not an event."""


class SignatureError(ZoomBridgeError):
    """The sender of a request could not be verified."""


class NoSecretError(SignatureError):
    """No secret is saved yet, so nothing can be verified."""


class WrongSignatureError(SignatureError):
    """The signature is missing or wrong: made with another secret, or over other bytes."""


class StaleSignatureError(SignatureError):
    """The request was signed `seconds` before its arrival (negative: after), outside the tolerance."""

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class ReplayedRequestError(ZoomBridgeError):
    """An authentic request of a plugin was used before."""


class StoreError(ZoomBridgeError):
    """The database cannot be used as requested."""


class StoreUnavailableError(StoreError):
    """The database is temporarily unavailable: disk full, locked, down, or its queue is full. Retry."""


class StoreInUseError(StoreError):
    """Another process has this SQLite database open."""


class BackupError(StoreError):
    """A backup cannot be written, is damaged, or cannot be restored here."""


class DatabaseNotEmptyError(StoreError):
    """A database that is to be filled holds something already."""


class ExposedFileError(StoreError):
    """Others can read a file or folder of the bridge, and its mode cannot be changed."""


class UnknownSiteError(ZoomBridgeError):
    """No site of this ID or address is connected."""


class SiteTagError(ZoomBridgeError):
    """A tag that no site may have, or one more than a site may have."""


class TooManyTokensError(ZoomBridgeError):
    """A site has as many tokens of Zoom as it may have."""


class RulesTemplateError(ZoomBridgeError):
    """There is no template of rules with this name, or it cannot be saved under it."""


class SitePausedError(ZoomBridgeError):
    """The updates of the site are paused, and this needs one."""


class UnknownPairingError(ZoomBridgeError):
    """No pairing of this ID exists: its code was cancelled, or has expired."""


class PairingRefusedError(ZoomBridgeError):
    """A plugin's request for a pairing is refused. `status` is the HTTP status, `code` the code for the plugin."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class UnknownEventError(ZoomBridgeError):
    """No event of this number is in the log, or none that this user may see."""


class UnknownJobError(ZoomBridgeError):
    """No job of this number exists, or none that this user may see."""


class TooManyJobsError(ZoomBridgeError):
    """The queue of a kind of job is full."""


class TooManySitesError(ZoomBridgeError):
    """More sites than one job takes."""


class UserError(ZoomBridgeError):
    """A user cannot be created or changed like that. `field` is the invalid one: name, password, role."""

    def __init__(self, message: str, *, field: str = "name") -> None:
        super().__init__(message)
        self.field = field


class AlertChannelError(ZoomBridgeError):
    """An alert channel is unknown, or cannot be set so. `field` is the invalid one."""

    def __init__(self, message: str, *, field: str = "name") -> None:
        super().__init__(message)
        self.field = field


class AlertError(ZoomBridgeError):
    """An alert is not open, or cannot be handled so."""


class DeliveryError(ZoomBridgeError):
    """A message was not delivered. `is_final`: another attempt would fail, too."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


class LinkExpiredError(ZoomBridgeError):
    """A one-time link is unknown, used or expired."""


class CodeRequiredError(ZoomBridgeError):
    """A sign-in needs a code of the user's second factor. `pending` is the token with which it goes on."""

    def __init__(self, pending: str) -> None:
        super().__init__("A code is required.")
        self.pending = pending


class UnknownAccountError(ZoomBridgeError):
    """No credentials are saved for this Zoom account."""


class Fault(StrEnum):
    """Kinds of failures of a site."""

    NETWORK = "network"  # not reached: refused, no such name, timed out
    TLS = "tls"  # reached, but its certificate is not to be trusted
    SERVER = "server"  # the site broke down on the request (5xx)
    THROTTLED = "throttled"  # the site asks to come later
    CREDENTIALS = "credentials"  # the key of the pairing, or a password that version 0.1.0 stored
    SERVER_PASSWORD = "server_password"  # noqa: S105 - the web server in front of WordPress asks for a password
    NOT_JSON = "not_json"  # an HTML page where JSON was due: a firewall's, a maintenance page
    MOVED = "moved"  # the site is at another address
    CLOCK = "clock"  # the site's clock jumps: it takes our requests for old ones
    SUPERSEDED = "superseded"  # another bridge has taken over the site
    STUB_MISSING = "stub_missing"  # WordPress is there, our plugin is not
    STUB_OUTDATED = "stub_outdated"  # our plugin there is too old for this bridge
    BRIDGE_OUTDATED = "bridge_outdated"  # our plugin there is too new for this bridge
    POST_MISSING = "post_missing"  # a person deleted the post for good
    BUSY = "busy"  # a person is saving a meeting there, perhaps this one; in a moment it is known which
    EXISTS = "exists"  # the meeting has a post already
    STALE = "stale"  # a later write has reached the post first
    NO_TRASH = "no_trash"  # the trash is disabled, so the post was left as it is
    REFUSED = "refused"  # this one request is not accepted

    @property
    def retry(self) -> bool:
        """Whether the same request may succeed later, without any action by a person."""
        return self in _PASSING

    @property
    def stops_site(self) -> bool:
        """Whether it affects all posts of the site."""
        return self in _OF_THE_SITE


_PASSING = frozenset(
    {
        Fault.NETWORK,
        Fault.TLS,
        Fault.SERVER,
        Fault.THROTTLED,
        Fault.SERVER_PASSWORD,
        Fault.NOT_JSON,
        Fault.CLOCK,
        Fault.STUB_MISSING,
        Fault.STUB_OUTDATED,
        Fault.BRIDGE_OUTDATED,
        Fault.BUSY,
    }
)
# A site that breaks down (5xx) may do so over one post alone, which must not harm the others.
_OF_THE_POST = {
    Fault.SERVER,
    Fault.POST_MISSING,
    Fault.BUSY,
    Fault.EXISTS,
    Fault.STALE,
    Fault.NO_TRASH,
    Fault.REFUSED,
}
_OF_THE_SITE = frozenset(Fault) - _OF_THE_POST


class SiteFaultError(ZoomBridgeError):
    """A WordPress site did not do what it was asked. `fault` says what kind of failure it was.

    It also says whether to try again, and whether the whole site is affected. `status` is the HTTP status,
    where there was an answer. `retry_after` is in seconds, where the site named a time. `unsure`: the
    request may have been carried out all the same, so look before writing again. `post_id` is the post that
    is there already (only for `exists`). `evidence` is what came back, some hundred characters of it at
    most, without credentials. `reason` is why a site gave no answer, as the middle of a sentence.
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
        reason: str = "",
        asks: tuple[tuple[str, int, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.status = status
        self.unsure = unsure
        self.retry_after = retry_after
        self.post_id = post_id
        self.evidence = evidence
        self.reason = reason
        self.asks = asks

    def reworded(
        self, message: str, *, asks: tuple[tuple[str, int, str], ...] | None = None
    ) -> SiteFaultError:
        """Return the error with another message, as it is known not to have had any effect."""
        return SiteFaultError(
            message,
            fault=self.fault,
            status=self.status,
            retry_after=self.retry_after,
            evidence=self.evidence,
            reason=self.reason,
            asks=self.asks if asks is None else asks,
        )


class ZoomRestError(ZoomBridgeError):
    """Zoom's REST API did not do what it was asked. Only `ZoomGoneError` says that a meeting does not exist.

    `status` is the HTTP status and `code` Zoom's own number of the error, where there was an answer; `at` is a
    moment just before it by Zoom's clock (ms since 1970, UTC).
    """

    at: int | None = None

    def __init__(self, message: str, *, status: int | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ZoomUnreachableError(ZoomRestError):
    """There was no answer, or none of Zoom's API (5xx, a proxy's page). It tells nothing of any meeting: try again."""


class ZoomLimitError(ZoomRestError):
    """Too much was asked. `wait` is how many seconds to leave it alone; `daily`: the day's share is used up."""

    def __init__(self, message: str, *, wait: float, daily: bool, code: int | None = None) -> None:
        super().__init__(message, status=429, code=code)
        self.wait = wait
        self.daily = daily


class ZoomCredentialsError(ZoomRestError):
    """Zoom does not take the client id and secret, or the app is not active any more."""


class ZoomScopeError(ZoomRestError):
    """The app may not ask this. `scopes` names what it lacks, as Zoom names them."""

    def __init__(
        self, message: str, *, scopes: tuple[str, ...], status: int | None = None, code: int | None = None
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.scopes = scopes


class ZoomGoneError(ZoomRestError):
    """Zoom says of this meeting or webinar that it does not exist. It need not have been deleted: numbers expire."""


class ZoomWebinarError(ZoomRestError):
    """What was asked for as a meeting is a webinar."""


class ZoomPageError(ZoomRestError):
    """The token of the next page is too old: read the list from its start again."""
