"""Diagnose a self-test: the stage that failed, the cause, and what to do about it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import Fault, SignatureError, StaleSignatureError
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
class PostStatus:
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
    """Counts of a site's quarantined requests by cause.

    `wrong` were signed with none of the saved secrets; `stale` with one of them, but `seconds` before (where
    negative: after) this machine's time. `newest_at` (Unix milliseconds, UTC) is the arrival of the newest; 0
    without any.
    """

    wrong: int = 0
    stale: int = 0
    seconds: int = 0
    newest_at: int = 0

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
        "No secret token of Zoom's is saved for this site yet, so nothing could be signed, and nothing was sent.",
        "This is the next step: copy the Secret Token from your app in the Zoom App Marketplace (Features > Access) "
        "to the page Webhooks. Then test again.",
    )


_RETRIED = (
    "Zoom sends such an event again after 5, 20 and 60 minutes, so nothing is lost for an hour and a half."
)
_NOT_RETRIED = "Zoom never sends again what is answered like this, so mend it soon."
_ADVICE_ALTERED = (
    "Look for what stands between Zoom and the plugin: a firewall or proxy that rewrites requests, or a plugin that "
    "changes REST requests. Have it leave /wp-json/vczapi/v1/ alone."
)

# Error codes of the plugin and of the bridge behind it: the cause, what it means, and what to do. `{said}` is the
# error's message.
_OWN_ERRORS: dict[str, tuple[Cause, str, str]] = {
    "zoombridge_unreachable": (
        Cause.UNREACHABLE,
        f"The event reached WordPress, but WordPress does not reach the bridge. {_RETRIED}",
        "Look at both sides again: the page of the site says what is wrong with the way.",
    ),
    "zoombridge_not_paired": (
        Cause.NOT_PAIRED,
        f"The plugin in WordPress is not paired with this bridge any more. {_RETRIED}",
        "Connect the site again.",
    ),
    "zoombridge_no_secret": (
        Cause.NO_SECRET,
        f"The event arrived, but the secret token of this site was removed while the test ran. {_RETRIED}",
        "Save it on the page Webhooks, and test again.",
    ),
    "zoombridge_unavailable": (
        Cause.STORE,
        f"The event arrived, but the bridge could not keep it: {{said}} {_RETRIED}",
        "Look after the bridge's database and its disk, then test again.",
    ),
    "zoombridge_content_type": (
        Cause.HEADERS,
        f"The event arrived without its header Content-Type, or with another one. {_NOT_RETRIED}",
        _ADVICE_ALTERED,
    ),
    "zoombridge_post_only": (
        Cause.REDIRECTED,
        (
            "The event was sent with POST and arrived as GET, without its body: something on the way sends on to another "
            f"address. {_NOT_RETRIED}"
        ),
        (
            "Connect the site again with the address that a browser shows in the end, or have the web server not redirect "
            "/wp-json/."
        ),
    ),
    "zoombridge_bad_request": (
        Cause.ALTERED,
        f"What arrived at the bridge is no event any more: the body was changed on the way. {_NOT_RETRIED}",
        _ADVICE_ALTERED,
    ),
    "zoombridge_error": (
        Cause.MISTAKE,
        f"The bridge made a mistake: {{said}} {_RETRIED}",
        "This is a fault of the bridge: report it with what its log says.",
    ),
    "rest_no_route": (
        Cause.STUB_MISSING,
        f"WordPress answers, but the plugin “Zoom WordPress Bridge” does not. {_NOT_RETRIED}",
        "Activate the plugin under Plugins in wp-admin, or install it again.",
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
            f"The endpoint gave no answer: {response.reason}.",
            "Look whether the site opens in a browser. If it does, something keeps the bridge's server from it; whether "
            "Zoom's, too, shows when Zoom validates the endpoint.",
        )
    if response.code in _OWN_ERRORS:
        cause, message, advice = _OWN_ERRORS[response.code]
        advised = plugin_advice if cause is Cause.UNREACHABLE and plugin_advice else advice
        return _response_diagnosis(cause, message.format(said=response.message), advised)
    if response.status in range(300, 400):
        to = f" to {response.location}" if response.location else ""
        return _response_diagnosis(
            Cause.REDIRECTED,
            f"The endpoint sends on{to} (HTTP {response.status}), and Zoom does not follow. {_NOT_RETRIED}",
            "Connect the site again with the address that a browser shows in the end (https, with or without www), and "
            "enter the endpoint in Zoom anew. Or have the web server not redirect /wp-json/.",
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
        f"The endpoint answered after {seconds:.1f} seconds. Zoom waits three, then takes the event for lost on the way "
        "and sends it again; after many such failures it switches the subscription off.",
        "WordPress itself is slow to begin: ask its host, switch off plugins that do work on every request, and test "
        "again at another time of the day.",
    )


def _diagnose_error_status(response: EndpointResponse, status: int) -> Diagnosis:
    """Diagnose an error status by the component that returned it."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _response_diagnosis(
            Cause.BROKEN,
            f"The site broke down on the request (HTTP {status}{_quote(response)}). {_RETRIED}",
            "Look into the site's own log of errors, and whether it is in maintenance. Often another plugin breaks "
            "down: switch off what was added last, and test again.",
        )
    if response.code:
        return _response_diagnosis(
            Cause.BLOCKED,
            f"WordPress refused the event before the plugin saw it (HTTP {status}{_quote(response)}). {_NOT_RETRIED}",
            "A plugin closes the REST API to those who are not signed in, as Zoom never is. Allow the address "
            "/wp-json/vczapi/v1/ for everybody in its settings: the bridge itself checks who sent each event.",
        )
    if status == HTTPStatus.NOT_FOUND:
        return _response_diagnosis(
            Cause.BLOCKED,
            f"There is nothing at the endpoint's address (HTTP 404{_quote(response)}). {_NOT_RETRIED}",
            "WordPress's REST API is switched off, or at another address: allow it in the security plugin, open Settings "
            "> Permalinks in wp-admin and press Save, then connect the site again.",
        )
    return _response_diagnosis(
        Cause.BLOCKED,
        f"A page came where the plugin should have answered (HTTP {status}{_quote(response)}). {_NOT_RETRIED}",
        "A firewall, a security plugin or the host blocks the request. Allow POST to /wp-json/vczapi/v1/ there, for "
        "every sender: Zoom's addresses change, and the bridge itself checks who sent each event.",
    )


def diagnose_refusal(
    sent: SentEvent, held: ReceivedRequest | None, secrets: Sequence[Secret], *, at: float
) -> Diagnosis:
    """Diagnose an event that the bridge refused for its signature, from the request in quarantine.

    `at` is its arrival (Unix seconds).
    """
    if held is None:
        return Diagnosis(
            Stage.ARRIVED,
            Cause.HEADERS,
            "The event arrived without Zoom's headers (x-zm-signature, x-zm-request-timestamp), or was replaced on the "
            "way, so nobody can tell who sent it. Zoom never sends such an event again.",
            _ADVICE_ALTERED,
        )
    if held.body != sent.body:
        if _json_or_none(held.body) == _json_or_none(sent.body):
            how = (
                "It says the same, but was decoded and encoded again, and Zoom's signature counts every byte."
            )
        else:
            how = "Something was added, taken away or replaced."
        return Diagnosis(
            Stage.ARRIVED,
            Cause.ALTERED,
            f"The body of the event was changed on its way: {len(sent.body)} bytes left, {len(held.body)} arrived. {how} "
            "So the signature does not fit, and Zoom's own events are refused, too; they are kept.",
            _ADVICE_ALTERED,
        )
    for name in (signature.TIMESTAMP_HEADER, signature.SIGNATURE_HEADER):
        if held.headers.get(name) != sent.headers[name]:
            return Diagnosis(
                Stage.ARRIVED,
                Cause.HEADERS,
                f"Zoom's header {name} was changed on the way, so the signature does not fit any more. Zoom's own "
                "events are refused for it, and kept.",
                _ADVICE_ALTERED,
            )
    try:
        signature.verify(held.headers, held.body, secrets, now=at)
    except StaleSignatureError as error:
        return Diagnosis(
            Stage.ARRIVED,
            Cause.CLOCK,
            f"The event took {error.seconds} seconds by the bridge's clock, and {signature.WINDOW_SECONDS} are allowed: "
            "the clock jumped, or several bridges do not agree on the time.",
            "Have the clock of every machine that runs the bridge set by the network (NTP).",
        )
    except SignatureError:
        pass
    return Diagnosis(
        Stage.ARRIVED,
        Cause.SECRET,
        "The event arrived unchanged, but the secret tokens of this site were changed while the test ran.",
        "Test again.",
    )


def diagnose_interception(response: EndpointResponse) -> Diagnosis:
    """Return the diagnosis of a success response without an event at the bridge."""
    return Diagnosis(
        Stage.ARRIVED,
        Cause.SWALLOWED,
        f"HTTP {response.status} was answered, but nothing arrived at the bridge: something else answered in its place, "
        "and Zoom believes that all is well. Such events are lost.",
        "Look for another plugin that handles Zoom's events at the same address, or a cache that answers POST requests, "
        "and switch it off for /wp-json/vczapi/v1/.",
    )


def diagnose_fold(outcome: str, reason: str | None) -> Diagnosis:
    """Diagnose an event that was logged, but not folded in time."""
    if outcome == "pending":
        return Diagnosis(
            Stage.FOLDED,
            Cause.STUCK,
            "The event is kept, but the bridge does not get round to it. Nothing is lost.",
            "Many events may be waiting: look at the page Events, and test again when they are done. If that lasts, "
            "start the bridge anew; its log says more.",
        )
    return Diagnosis(
        Stage.FOLDED,
        Cause.MISTAKE,
        f"The event is kept, but the bridge could not make a meeting of it: {reason or outcome}",
        "This is a fault of the bridge: report it with what its log says.",
    )


def diagnose_write(written: PostStatus) -> Diagnosis:
    """Diagnose a post that was not written in time."""
    if written.withheld:
        return Diagnosis(
            Stage.WRITTEN,
            Cause.WRITE,
            f"Everything works up to here, but the site is to have no page for the test: {written.withheld}",
            "Look at the page Settings.",
        )
    if written.fault == Fault.CREDENTIALS:
        return Diagnosis(
            Stage.WRITTEN,
            Cause.PERMISSION,
            f"The event came through, but the bridge may not write to the site. {written.message}",
            "Nothing is lost: what waits is written as soon as the bridge may sign in again. Connect the site again, as "
            "an administrator.",
        )
    if written.fault:
        return Diagnosis(
            Stage.WRITTEN,
            Cause.WRITE,
            f"The event came through, but its page could not be written. {written.message}",
            "Nothing is lost: the bridge tries again by itself. Test again when that is mended.",
        )
    return Diagnosis(
        Stage.WRITTEN,
        Cause.STUCK,
        "The event came through, but its page was not written in time. Nothing is lost.",
        "Many pages may be waiting, or the site is slow to take them. Test again later; if that lasts, look into the "
        "bridge's log.",
    )


def diagnose_visit(visited: VisitorResponse) -> Diagnosis | None:
    """Diagnose a visitor's response from the page; None where it shows the meeting."""
    if visited.status == HTTPStatus.OK and visited.has_topic:
        return None
    what = f"HTTP {visited.status}" if visited.status else "no answer"
    said = f": “{visited.detail}”" if visited.detail else ""
    if visited.status == HTTPStatus.NOT_FOUND:
        advice = "Open Settings > Permalinks in wp-admin, and press Save: WordPress then learns the address of meetings."
    elif visited.status == HTTPStatus.OK:
        advice = (
            "The theme does not show the title of a meeting, or visitors are shown something else: a page that says "
            "“coming soon”, or one to sign in at. Open a meeting's page in a private window to see it."
        )
    else:
        advice = (
            "The site keeps visitors out: it is in maintenance, private, or asks them to sign in. If that is meant, all "
            "is well otherwise."
        )
    return Diagnosis(
        Stage.SEEN,
        Cause.HIDDEN,
        f"The page was written, but a visitor does not see it ({what}{said}).",
        advice,
    )


def diagnose_removal() -> Diagnosis:
    """Return the diagnosis of a page that was not deleted in time."""
    return Diagnosis(
        Stage.REMOVED,
        Cause.WRITE,
        "The page of the test was made, but is not deleted yet.",
        "The bridge goes on with that by itself. If the page stays, delete it in wp-admin.",
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
    seconds = round(abs(ahead))
    apart = f"{seconds // 60} minutes" if seconds >= 2 * 60 else f"{seconds} seconds"
    which = "ahead of" if ahead > 0 else "behind"
    message = (
        f"The clock of the site's server is {apart} {which} that of the bridge's machine, and {WINDOW_SECONDS // 60} "
        "minutes are allowed. If it is the bridge's that is wrong, Zoom's events are refused, and kept; if it is the "
        "site's, wp-admin shows no pages of the bridge."
    )
    return message, "Look which of the two is wrong, and have it set by the network (NTP)."


def count_refused(held: Sequence[RefusedRequest], secrets: Sequence[Secret]) -> RefusedRequests:
    """Count quarantined requests by cause, without those of self-tests and those that verify by now."""
    wrong = stale = seconds = newest = 0
    for item in held:
        if item.request.headers.get("x-zm-request-id", "").startswith(REQUEST):
            continue
        try:
            signature.verify(item.request.headers, item.request.body, secrets, now=item.received_at / 1000)
        except StaleSignatureError as error:
            stale += 1
            seconds = error.seconds
        except SignatureError:
            wrong += 1
        else:
            continue  # verifies by now, and is about to be accepted
        newest = max(newest, item.received_at)
    return RefusedRequests(wrong, stale, seconds, newest)


def diagnose_zoom(
    refused: RefusedRequests, *, validated_at: int | None, event_at: int | None
) -> Diagnosis | None:
    """Diagnose Zoom's own events by the requests refused since the last success.

    The self-test signs with the saved token, so it cannot show whether Zoom signs with the same one.
    """
    if not refused.matters(validated_at, event_at):
        return None
    if refused.wrong:
        return Diagnosis(
            Stage.ZOOM,
            Cause.SECRET,
            "Zoom's own events are refused, although the way works: Zoom signs them with another secret token than the "
            "one saved here. Nothing is lost: they are kept, and taken when the right one is saved.",
            "Copy the Secret Token again from your app in the Zoom App Marketplace (Features > Access) to the page "
            "Webhooks. If you have several apps, take the one whose event subscription has this endpoint.",
        )
    ago = "behind" if refused.seconds < 0 else "ahead of"
    return Diagnosis(
        Stage.ZOOM,
        Cause.CLOCK,
        f"Zoom's own events are refused, although the way works: the bridge's clock is {abs(refused.seconds)} seconds "
        f"{ago} the time at which Zoom signed them. Nothing is lost: they are kept.",
        "Have the clock of the bridge's machine set by the network (NTP), then let the events in: zoombridge quarantine "
        "recheck",
    )


def _response_diagnosis(cause: Cause, message: str, advice: str) -> Diagnosis:
    return Diagnosis(Stage.ANSWERED, cause, message, advice)


def _quote(response: EndpointResponse) -> str:
    said = " ".join(part for part in (response.code, response.message) if part)
    return f": “{shorten(said)}”" if said else ""


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
