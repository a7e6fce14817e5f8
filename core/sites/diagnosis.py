"""Diagnose a self-test: the stage that failed, the cause, and what to do about it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from core import messages
from core.errors import Fault, SignatureError
from core.wordpress.faults import page_title, shorten
from core.wordpress.signing import WINDOW_SECONDS
from core.zoom import signature
from core.zoom.probe import REQUEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.wordpress.faults import SiteResponse
    from core.zoom.signature import Secret

ZOOM_TIMEOUT_MILLISECONDS = 3000


class Stage(StrEnum):
    """Stages of a self-test, in their order."""

    SENT = "sent"
    ANSWERED = "answered"
    ARRIVED = "arrived"  # at the bridge, byte for byte
    LOGGED = "logged"
    FOLDED = "folded"
    WRITTEN = "written"
    SEEN = "seen"
    REMOVED = "removed"
    CLOCKS = "clocks"
    ZOOM = "zoom"  # Zoom's own events pass verification


class Cause(StrEnum):
    """The cause of a failure."""

    NO_SECRET = "no_secret"  # noqa: S105 - a cause: no event can be signed yet
    NOT_REACHED = "not_reached"  # the bridge cannot reach the site
    BLOCKED = "blocked"
    REDIRECTED = "redirected"
    BROKEN = "broken"  # WordPress failed with an internal error
    STUB_MISSING = "stub_missing"
    UNREACHABLE = "unreachable"  # WordPress cannot reach the bridge
    NOT_PAIRED = "not_paired"
    STORE = "store"  # the bridge's own database
    ALTERED = "altered"  # the body was changed in transit
    HEADERS = "headers"  # Zoom's headers were lost or changed in transit
    SLOW = "slow"
    SWALLOWED = "swallowed"  # a success was returned, but not by the bridge
    STUCK = "stuck"  # the bridge makes no progress
    MISTAKE = "mistake"  # a bug of the bridge
    PERMISSION = "permission"
    WRITE = "write"  # any other failed write
    HIDDEN = "hidden"  # visitors cannot see the page
    CLOCK = "clock"
    SECRET = "secret"  # noqa: S105 - a cause: Zoom signs with another secret token


class ReceivedRequest(Protocol):
    """A request as the bridge received it."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by lower-case name."""

    @property
    def body(self) -> bytes:
        """The raw bytes."""


class RefusedRequest(Protocol):
    """A request in quarantine."""

    @property
    def request(self) -> ReceivedRequest:
        """The request itself."""

    @property
    def received_at(self) -> int:
        """The arrival in Unix milliseconds (UTC)."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The failed stage and its cause. `message` says what happened and what it means, `advice` what to do."""

    stage: Stage
    cause: Cause
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event as the self-test sent it. Header names are in lower case."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """The endpoint's response. Without one, `status` is None and `reason` says why.

    `code` is the code of a WordPress REST error, `message` its message or the title of an HTML page.
    """

    status: int | None
    milliseconds: int = 0
    reason: str = ""
    code: str = ""
    message: str = ""
    location: str = ""  # target of a redirect

    @classmethod
    def of(cls, response: SiteResponse, milliseconds: int) -> EndpointResponse:
        """Parse a response."""
        try:
            document: Any = response.json()
        except ValueError:
            document = None
        location = response.header("Location").partition("?")[0][:200]
        if isinstance(document, dict):
            code, message = str(document.get("code") or ""), str(document.get("message") or "")
            return cls(response.status, milliseconds, "", code[:100], shorten(message), location)
        return cls(response.status, milliseconds, "", "", page_title(response.body), location)


@dataclass(frozen=True, slots=True)
class ProbePost:
    """The status of the self-test's post: `fault` is that of the last attempt, or of the site as a whole."""

    is_there: bool = False
    fault: str = ""
    message: str = ""
    withheld: str = ""  # why the rules allow no post


@dataclass(frozen=True, slots=True)
class VisitorResponse:
    """The response that a visitor gets from the page. Without one, `status` is None and `detail` says why."""

    status: int | None
    has_topic: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RefusedRequests:
    """What a site's refused requests show of Zoom's own.

    The newest came at `newest_at` (Unix milliseconds, UTC; 0 without any). It was signed with none of the saved secrets;
    or, where `seconds` is not 0, with one of them, but so long before (where negative: after) this machine's time.
    """

    newest_at: int = 0
    seconds: int = 0

    def matters(self, *well_at: int | None) -> bool:
        """Whether the newest was refused after the last success, the latest of the given times.

        Anyone can post requests that look like Zoom's; what counts is whether Zoom's own still pass.
        """
        return self.newest_at > max((moment or 0 for moment in well_at), default=0)


def diagnose_missing_secret() -> Diagnosis:
    """Return the diagnosis of a site without a secret token: no event can be signed."""
    return Diagnosis(
        Stage.SENT,
        Cause.NO_SECRET,
        messages.TEST_NO_SECRET,
        messages.TEST_NO_SECRET_ADVICE,
    )


# Error codes of the plugin and of the bridge behind it: the cause, what it means, whether Zoom resends the event, and
# what to do. A message may hold the error's own as `reason`.
_OWN_ERRORS: dict[str, tuple[Cause, str, str, str]] = {
    "zoombridge_unreachable": (
        Cause.UNREACHABLE,
        messages.TEST_BRIDGE_UNREACHABLE,
        messages.RETRIED,
        messages.TEST_BRIDGE_UNREACHABLE_ADVICE,
    ),
    "zoombridge_not_paired": (
        Cause.NOT_PAIRED,
        messages.TEST_NOT_PAIRED,
        messages.RETRIED,
        messages.RECONNECT,
    ),
    "zoombridge_no_secret": (
        Cause.NO_SECRET,
        messages.TEST_SECRET_REMOVED,
        messages.RETRIED,
        messages.TEST_SECRET_REMOVED_ADVICE,
    ),
    "zoombridge_unavailable": (
        Cause.STORE,
        messages.TEST_NOT_STORED,
        messages.RETRIED,
        messages.TEST_NOT_STORED_ADVICE,
    ),
    "zoombridge_post_only": (
        Cause.REDIRECTED,
        messages.TEST_BECAME_GET,
        messages.NOT_RETRIED,
        messages.TEST_BECAME_GET_ADVICE,
    ),
    "zoombridge_error": (
        Cause.MISTAKE,
        messages.TEST_BRIDGE_ERROR,
        messages.RETRIED,
        messages.REPORT_BUG,
    ),
    "rest_no_route": (
        Cause.STUB_MISSING,
        messages.TEST_PLUGIN_MISSING,
        messages.NOT_RETRIED,
        messages.TEST_PLUGIN_MISSING_ADVICE,
    ),
}


def diagnose_response(response: EndpointResponse, *, plugin_advice: str = "") -> Diagnosis | None:
    """Diagnose the endpoint's response; None where Zoom would accept it.

    `plugin_advice` is the plugin's advice on its connection to the bridge, if it was requested. For events refused for
    their signature, see `diagnose_refusal`.
    """
    if response.status is None:
        return _response_diagnosis(
            Cause.NOT_REACHED,
            # A fault without a reason is a sentence of its own.
            messages.TEST_NO_ANSWER_FAULT % {"fault": response.reason}
            if response.reason.endswith(".")
            else messages.TEST_NO_ANSWER % {"reason": response.reason},
            messages.TEST_NO_ANSWER_ADVICE,
        )
    if response.code in _OWN_ERRORS:
        cause, message, retry, advice = _OWN_ERRORS[response.code]
        advised = plugin_advice if cause is Cause.UNREACHABLE and plugin_advice else advice
        return _response_diagnosis(cause, f"{message % {'reason': response.message}} {retry}", advised)
    if response.status in range(300, 400):
        status = response.status
        redirected = (
            messages.TEST_REDIRECTED_TO % {"address": response.location, "status": status}
            if response.location
            else messages.TEST_REDIRECTED % {"status": status}
        )
        return _response_diagnosis(
            Cause.REDIRECTED,
            f"{redirected} {messages.NOT_RETRIED}",
            messages.TEST_REDIRECTED_ADVICE,
        )
    return (
        _diagnose_slowness(response)
        if response.status in range(200, 300)
        else _diagnose_error_status(response, response.status)
    )


def _diagnose_slowness(response: EndpointResponse) -> Diagnosis | None:
    if response.milliseconds <= ZOOM_TIMEOUT_MILLISECONDS:
        return None
    seconds = response.milliseconds / 1000
    return _response_diagnosis(
        Cause.SLOW,
        messages.TEST_SLOW % {"seconds": f"{seconds:.1f}"},
        messages.TEST_SLOW_ADVICE,
    )


def _diagnose_error_status(response: EndpointResponse, status: int) -> Diagnosis:
    """Diagnose an error status by the component that returned it."""
    answer = {"status": status, "quoted": _quote(response)}
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _response_diagnosis(
            Cause.BROKEN,
            f"{messages.TEST_SITE_ERROR % answer} {messages.RETRIED}",
            messages.TEST_SITE_ERROR_ADVICE,
        )
    if response.code:
        return _response_diagnosis(
            Cause.BLOCKED,
            f"{messages.TEST_REST_CLOSED % answer} {messages.NOT_RETRIED}",
            messages.TEST_REST_CLOSED_ADVICE,
        )
    if status == HTTPStatus.NOT_FOUND:
        return _response_diagnosis(
            Cause.BLOCKED,
            f"{messages.TEST_NOT_FOUND % answer} {messages.NOT_RETRIED}",
            messages.TEST_NOT_FOUND_ADVICE,
        )
    return _response_diagnosis(
        Cause.BLOCKED,
        f"{messages.TEST_BLOCKED % answer} {messages.NOT_RETRIED}",
        messages.TEST_BLOCKED_ADVICE,
    )


def diagnose_refusal(sent: SentEvent, held: ReceivedRequest | None) -> Diagnosis:
    """Diagnose an event that the bridge refused for its signature, from the request in quarantine."""
    if held is None:
        return Diagnosis(
            Stage.ARRIVED,
            Cause.HEADERS,
            messages.TEST_HEADERS_MISSING,
            messages.TEST_ALTERED_ADVICE,
        )
    if held.body != sent.body:
        is_same = _json_or_none(held.body) == _json_or_none(sent.body)
        template = messages.TEST_BODY_REENCODED if is_same else messages.TEST_BODY_CHANGED
        return Diagnosis(
            Stage.ARRIVED,
            Cause.ALTERED,
            template % {"sent": len(sent.body), "received": len(held.body)},
            messages.TEST_ALTERED_ADVICE,
        )
    for name in (signature.TIMESTAMP_HEADER, signature.SIGNATURE_HEADER):
        if held.headers.get(name) != sent.headers[name]:
            return Diagnosis(
                Stage.ARRIVED,
                Cause.HEADERS,
                messages.TEST_HEADER_CHANGED % {"header": name},
                messages.TEST_ALTERED_ADVICE,
            )
    return Diagnosis(
        Stage.ARRIVED,
        Cause.SECRET,
        messages.TEST_SECRET_CHANGED,
        messages.TEST_AGAIN,
    )


def diagnose_interception(response: EndpointResponse) -> Diagnosis:
    """Return the diagnosis of a success response without an event at the bridge."""
    return Diagnosis(
        Stage.ARRIVED,
        Cause.SWALLOWED,
        messages.TEST_INTERCEPTED % {"status": response.status},
        messages.TEST_INTERCEPTED_ADVICE,
    )


def diagnose_fold(outcome: str, reason: str | None) -> Diagnosis:
    """Diagnose an event that was logged, but not folded in time."""
    if outcome == "pending":
        return Diagnosis(
            Stage.FOLDED,
            Cause.STUCK,
            messages.TEST_FOLD_PENDING,
            messages.TEST_FOLD_PENDING_ADVICE,
        )
    return Diagnosis(
        Stage.FOLDED,
        Cause.MISTAKE,
        messages.TEST_FOLD_FAILED % {"reason": reason or outcome},
        messages.REPORT_BUG,
    )


def diagnose_write(written: ProbePost) -> Diagnosis:
    """Diagnose a post that was not written in time."""
    if written.withheld:
        return Diagnosis(
            Stage.WRITTEN,
            Cause.WRITE,
            messages.TEST_WITHHELD % {"reason": written.withheld},
            messages.TEST_WITHHELD_ADVICE,
        )
    if written.fault in (Fault.CREDENTIALS, Fault.SUPERSEDED):
        return Diagnosis(
            Stage.WRITTEN,
            Cause.PERMISSION,
            messages.TEST_NO_PERMISSION % {"reason": written.message},
            messages.TEST_NO_PERMISSION_ADVICE,
        )
    if written.fault:
        return Diagnosis(
            Stage.WRITTEN,
            Cause.WRITE,
            messages.TEST_NOT_WRITTEN % {"reason": written.message},
            messages.TEST_NOT_WRITTEN_ADVICE,
        )
    return Diagnosis(
        Stage.WRITTEN,
        Cause.STUCK,
        messages.TEST_WRITE_PENDING,
        messages.TEST_WRITE_PENDING_ADVICE,
    )


def diagnose_visit(visited: VisitorResponse) -> Diagnosis | None:
    """Diagnose a visitor's response from the page; None where it shows the meeting."""
    if visited.status == HTTPStatus.OK and visited.has_topic:
        return None
    quoted = messages.QUOTED % {"text": visited.detail} if visited.detail else ""
    if visited.status == HTTPStatus.NOT_FOUND:
        advice = messages.TEST_PERMALINKS_ADVICE
    elif visited.status == HTTPStatus.OK:
        advice = messages.TEST_THEME_ADVICE
    else:
        advice = messages.TEST_CLOSED_ADVICE
    return Diagnosis(
        Stage.SEEN,
        Cause.HIDDEN,
        messages.TEST_HIDDEN % {"status": visited.status, "quoted": quoted}
        if visited.status
        else messages.TEST_HIDDEN_NO_ANSWER % {"quoted": quoted},
        advice,
    )


def diagnose_removal() -> Diagnosis:
    """Return the diagnosis of a page that was not deleted in time."""
    return Diagnosis(
        Stage.REMOVED,
        Cause.WRITE,
        messages.TEST_NOT_REMOVED,
        messages.TEST_NOT_REMOVED_ADVICE,
    )


def diagnose_clocks(ahead: float | None) -> Diagnosis | None:
    """Diagnose the clock skew: the seconds by which the site's clock is ahead; None where it is tolerable."""
    if ahead is None or abs(ahead) <= WINDOW_SECONDS:
        return None
    return Diagnosis(Stage.CLOCKS, Cause.CLOCK, *describe_clock_skew(ahead))


def describe_clock_skew(ahead: float) -> tuple[str, str]:
    """Return message and advice for clocks that differ too much.

    `ahead` is by how many seconds the site's clock is ahead of the bridge's.
    """
    template = messages.CLOCK_MINUTES_AHEAD if ahead > 0 else messages.CLOCK_MINUTES_BEHIND
    message = template % {"count": round(abs(ahead)) // 60, "allowed": WINDOW_SECONDS // 60}
    return message, messages.CLOCK_ADVICE


def newest_refused(
    held: Sequence[RefusedRequest],
    secrets: Sequence[Secret],
    *,
    stale_at: int | None = None,
    stale_seconds: int | None = None,
) -> RefusedRequests:
    """Return the newest refused request of Zoom's, without those of self-tests and those that verify by now.

    `held` are in quarantine; `stale_at` and `stale_seconds` tell of the last one that was refused for its time.
    """
    newest = 0
    for item in held:
        if item.request.headers.get("x-zm-request-id", "").startswith(REQUEST):
            continue
        try:
            signature.verify(item.request.headers, item.request.body, secrets, now=item.received_at / 1000)
        except SignatureError:
            newest = max(newest, item.received_at)
    if stale_at is not None and stale_at > newest:
        return RefusedRequests(stale_at, stale_seconds or 0)
    return RefusedRequests(newest)


def diagnose_zoom(
    refused: RefusedRequests, *, validated_at: int | None, event_at: int | None
) -> Diagnosis | None:
    """Diagnose Zoom's own events by the requests refused since the last success.

    The self-test signs with the saved token, so it cannot show whether Zoom signs with the same one.
    """
    if not refused.matters(validated_at, event_at):
        return None
    if not refused.seconds:
        return Diagnosis(
            Stage.ZOOM,
            Cause.SECRET,
            messages.TEST_ZOOM_SECRET,
            messages.TEST_ZOOM_SECRET_ADVICE,
        )
    template = messages.TEST_ZOOM_CLOCK_BEHIND if refused.seconds < 0 else messages.TEST_ZOOM_CLOCK_AHEAD
    return Diagnosis(
        Stage.ZOOM,
        Cause.CLOCK,
        template % {"seconds": abs(refused.seconds)},
        messages.TEST_ZOOM_CLOCK_ADVICE,
    )


def _response_diagnosis(cause: Cause, message: str, advice: str) -> Diagnosis:
    return Diagnosis(Stage.ANSWERED, cause, message, advice)


def _quote(response: EndpointResponse) -> str:
    quoted = " ".join(part for part in (response.code, response.message) if part)
    return messages.QUOTED % {"text": shorten(quoted)} if quoted else ""


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
