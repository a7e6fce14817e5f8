"""What went wrong with a test, and how to mend it: from what was observed at each stage to words. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from core.errors import Fault, SignatureError, StaleSignatureError
from core.wordpress.faults import page_title, shorten
from core.wordpress.signing import WINDOW_SECONDS
from core.zoom import signature
from core.zoom.probe import REQUEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.store.events.quarantine import QuarantinedRequest
    from core.store.events.request import Request
    from core.wordpress.faults import SiteResponse
    from core.zoom.signature import Secret

ZOOM_WAITS_MILLISECONDS = 3000


class Stage(StrEnum):
    """Where the test is on its way; they come in this order."""

    SENT = "sent"
    ANSWERED = "answered"
    ARRIVED = "arrived"  # at the bridge, with the same bytes
    LOGGED = "logged"
    FOLDED = "folded"
    WRITTEN = "written"
    SEEN = "seen"
    REMOVED = "removed"
    CLOCKS = "clocks"
    ZOOM = "zoom"  # whether Zoom's own events come through


class Cause(StrEnum):
    """What it was that went wrong."""

    NO_SECRET = "no_secret"  # noqa: S105 - a cause: nothing can be signed yet
    NOT_REACHED = "not_reached"  # the site, from the bridge
    BLOCKED = "blocked"
    REDIRECTED = "redirected"
    BROKEN = "broken"  # WordPress broke down
    STUB_MISSING = "stub_missing"
    UNREACHABLE = "unreachable"  # the bridge, from WordPress
    NOT_PAIRED = "not_paired"
    STORE = "store"  # the bridge's own database
    ALTERED = "altered"  # the body
    HEADERS = "headers"  # of Zoom's, lost or changed
    SLOW = "slow"
    SWALLOWED = "swallowed"  # something else answered in the bridge's place
    STUCK = "stuck"  # the bridge does not get on
    MISTAKE = "mistake"  # of the bridge
    PERMISSION = "permission"
    WRITE = "write"  # any other fault of a write
    HIDDEN = "hidden"  # from visitors
    CLOCK = "clock"
    SECRET = "secret"  # noqa: S105 - a cause: Zoom signs with another one


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What went wrong at which stage. `message` says what happened and what it means, `advice` what to do."""

    stage: Stage
    cause: Cause
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The event as it left. `headers` have lower-case names."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the endpoint answered; `status` is None where it did not, and `reason` says why.

    `code` is that of an error as WordPress writes them, `said` its message or the title of the page that came.
    """

    status: int | None
    milliseconds: int = 0
    reason: str = ""
    code: str = ""
    said: str = ""
    to: str = ""  # where it leads on to

    @classmethod
    def of(cls, answer: SiteResponse, milliseconds: int) -> Answered:
        """Read an answer."""
        try:
            document: Any = answer.json()
        except ValueError:
            document = None
        to = answer.header("Location").partition("?")[0][:200]
        if isinstance(document, dict):
            code, said = str(document.get("code") or ""), str(document.get("message") or "")
            return cls(answer.status, milliseconds, "", code[:100], shorten(said), to)
        return cls(answer.status, milliseconds, "", "", page_title(answer.body), to)


@dataclass(frozen=True, slots=True)
class Written:
    """How the page of the test stands on the site: the fault of the last attempt, or of the site as a whole."""

    is_there: bool = False
    fault: str = ""
    message: str = ""
    withheld: str = ""  # why there is to be none


@dataclass(frozen=True, slots=True)
class Visited:
    """What a visitor got at the page's address; `status` is None where nothing came, and `said` says why."""

    status: int | None
    has_topic: bool
    said: str = ""


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


def no_secret() -> Diagnosis:
    """Return the verdict where nothing can be signed yet."""
    return Diagnosis(
        Stage.SENT,
        Cause.NO_SECRET,
        "No secret token of Zoom's is saved for this site yet, so nothing could be signed, and nothing was sent.",
        "This is the next step: copy the Secret Token from your app in the Zoom App Marketplace (Features > Access) "
        "to the page Webhooks. Then test again.",
    )


_SENT_AGAIN = (
    "Zoom sends such an event again after 5, 20 and 60 minutes, so nothing is lost for an hour and a half."
)
_NEVER_AGAIN = "Zoom never sends again what is answered like this, so mend it soon."
_WHO_CHANGES = (
    "Look for what stands between Zoom and the plugin: a firewall or proxy that rewrites requests, or a plugin that "
    "changes REST requests. Have it leave /wp-json/vczapi/v1/ alone."
)

# What our own plugin answers, or the bridge behind it: the cause, what it means, and what to do. `{said}` is the
# message that came with it.
_OF_OUR_OWN: dict[str, tuple[Cause, str, str]] = {
    "zoombridge_unreachable": (
        Cause.UNREACHABLE,
        f"The event reached WordPress, but WordPress does not reach the bridge. {_SENT_AGAIN}",
        "Look at both sides again: the page of the site says what is wrong with the way.",
    ),
    "zoombridge_not_paired": (
        Cause.NOT_PAIRED,
        f"The plugin in WordPress is not paired with this bridge any more. {_SENT_AGAIN}",
        "Connect the site again.",
    ),
    "zoombridge_no_secret": (
        Cause.NO_SECRET,
        f"The event arrived, but the secret token of this site was removed while the test ran. {_SENT_AGAIN}",
        "Save it on the page Webhooks, and test again.",
    ),
    "zoombridge_unavailable": (
        Cause.STORE,
        f"The event arrived, but the bridge could not keep it: {{said}} {_SENT_AGAIN}",
        "Look after the bridge's database and its disk, then test again.",
    ),
    "zoombridge_content_type": (
        Cause.HEADERS,
        f"The event arrived without its header Content-Type, or with another one. {_NEVER_AGAIN}",
        _WHO_CHANGES,
    ),
    "zoombridge_post_only": (
        Cause.REDIRECTED,
        (
            "The event was sent with POST and arrived as GET, without its body: something on the way sends on to another "
            f"address. {_NEVER_AGAIN}"
        ),
        (
            "Connect the site again with the address that a browser shows in the end, or have the web server not redirect "
            "/wp-json/."
        ),
    ),
    "zoombridge_bad_request": (
        Cause.ALTERED,
        f"What arrived at the bridge is no event any more: the body was changed on the way. {_NEVER_AGAIN}",
        _WHO_CHANGES,
    ),
    "zoombridge_error": (
        Cause.MISTAKE,
        f"The bridge made a mistake: {{said}} {_SENT_AGAIN}",
        "This is a fault of the bridge: report it with what its log says.",
    ),
    "rest_no_route": (
        Cause.STUB_MISSING,
        f"WordPress answers, but the plugin “Zoom WordPress Bridge” does not. {_NEVER_AGAIN}",
        "Activate the plugin under Plugins in wp-admin, or install it again.",
    ),
}


def of_answer(answered: Answered, *, way_back: str = "") -> Diagnosis | None:
    """Judge what the endpoint answered; None where Zoom would be content.

    `way_back` is what the plugin says of the way to the bridge, where that was asked. What the bridge refuses over
    its signature is for `of_refusal`.
    """
    if answered.status is None:
        return _answer(
            Cause.NOT_REACHED,
            f"The endpoint gave no answer: {answered.reason}.",
            "Look whether the site opens in a browser. If it does, something keeps the bridge's server from it; whether "
            "Zoom's, too, shows when Zoom validates the endpoint.",
        )
    if answered.code in _OF_OUR_OWN:
        cause, message, advice = _OF_OUR_OWN[answered.code]
        advised = way_back if cause is Cause.UNREACHABLE and way_back else advice
        return _answer(cause, message.format(said=answered.said), advised)
    if answered.status in range(300, 400):
        to = f" to {answered.to}" if answered.to else ""
        return _answer(
            Cause.REDIRECTED,
            f"The endpoint sends on{to} (HTTP {answered.status}), and Zoom does not follow. {_NEVER_AGAIN}",
            "Connect the site again with the address that a browser shows in the end (https, with or without www), and "
            "enter the endpoint in Zoom anew. Or have the web server not redirect /wp-json/.",
        )
    return _slow(answered) if answered.status in range(200, 300) else _refused(answered, answered.status)


def _slow(answered: Answered) -> Diagnosis | None:
    if answered.milliseconds <= ZOOM_WAITS_MILLISECONDS:
        return None
    seconds = answered.milliseconds / 1000
    return _answer(
        Cause.SLOW,
        f"The endpoint answered after {seconds:.1f} seconds. Zoom waits three, then takes the event for lost on the way "
        "and sends it again; after many such failures it switches the subscription off.",
        "WordPress itself is slow to begin: ask its host, switch off plugins that do work on every request, and test "
        "again at another time of the day.",
    )


def _refused(answered: Answered, status: int) -> Diagnosis:
    """Judge a refusal by who knows what on the way."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer(
            Cause.BROKEN,
            f"The site broke down on the request (HTTP {status}{_quoted(answered)}). {_SENT_AGAIN}",
            "Look into the site's own log of errors, and whether it is in maintenance. Often another plugin breaks "
            "down: switch off what was added last, and test again.",
        )
    if answered.code:
        return _answer(
            Cause.BLOCKED,
            f"WordPress refused the event before the plugin saw it (HTTP {status}{_quoted(answered)}). {_NEVER_AGAIN}",
            "A plugin closes the REST API to those who are not signed in, as Zoom never is. Allow the address "
            "/wp-json/vczapi/v1/ for everybody in its settings: the bridge itself checks who sent each event.",
        )
    if status == HTTPStatus.NOT_FOUND:
        return _answer(
            Cause.BLOCKED,
            f"There is nothing at the endpoint's address (HTTP 404{_quoted(answered)}). {_NEVER_AGAIN}",
            "WordPress's REST API is switched off, or at another address: allow it in the security plugin, open Settings "
            "> Permalinks in wp-admin and press Save, then connect the site again.",
        )
    return _answer(
        Cause.BLOCKED,
        f"A page came where the plugin should have answered (HTTP {status}{_quoted(answered)}). {_NEVER_AGAIN}",
        "A firewall, a security plugin or the host blocks the request. Allow POST to /wp-json/vczapi/v1/ there, for "
        "every sender: Zoom's addresses change, and the bridge itself checks who sent each event.",
    )


def of_refusal(sent: Sent, held: Request | None, secrets: Sequence[Secret], *, at: float) -> Diagnosis:
    """Judge an event that the bridge refused over its signature, by what was kept of it.

    `at` is when it came (seconds since 1970).
    """
    if held is None:
        return Diagnosis(
            Stage.ARRIVED,
            Cause.HEADERS,
            "The event arrived without Zoom's headers (x-zm-signature, x-zm-request-timestamp), or was replaced on the "
            "way, so nobody can tell who sent it. Zoom never sends such an event again.",
            _WHO_CHANGES,
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
            _WHO_CHANGES,
        )
    for name in (signature.TIMESTAMP_HEADER, signature.SIGNATURE_HEADER):
        if held.headers.get(name) != sent.headers[name]:
            return Diagnosis(
                Stage.ARRIVED,
                Cause.HEADERS,
                f"Zoom's header {name} was changed on the way, so the signature does not fit any more. Zoom's own "
                "events are refused for it, and kept.",
                _WHO_CHANGES,
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


def swallowed(answered: Answered) -> Diagnosis:
    """Return the verdict where a success was answered, and nothing came to the bridge."""
    return Diagnosis(
        Stage.ARRIVED,
        Cause.SWALLOWED,
        f"HTTP {answered.status} was answered, but nothing arrived at the bridge: something else answered in its place, "
        "and Zoom believes that all is well. Such events are lost.",
        "Look for another plugin that handles Zoom's events at the same address, or a cache that answers POST requests, "
        "and switch it off for /wp-json/vczapi/v1/.",
    )


def of_fold(outcome: str, reason: str | None) -> Diagnosis:
    """Judge an event that was kept, and did not become a part of its meeting in time."""
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


def of_writing(written: Written) -> Diagnosis:
    """Judge a page that was not written in time."""
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


def of_visit(visited: Visited) -> Diagnosis | None:
    """Judge what a visitor of the page got; None where it was the page."""
    if visited.status == HTTPStatus.OK and visited.has_topic:
        return None
    what = f"HTTP {visited.status}" if visited.status else "no answer"
    said = f": “{visited.said}”" if visited.said else ""
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


def not_removed() -> Diagnosis:
    """Return the verdict where the test's page did not go in time."""
    return Diagnosis(
        Stage.REMOVED,
        Cause.WRITE,
        "The page of the test was made, but is not deleted yet.",
        "The bridge goes on with that by itself. If the page stays, delete it in wp-admin.",
    )


def of_clocks(ahead: float | None) -> Diagnosis | None:
    """Judge how far the site's clock is ahead of this machine's."""
    if ahead is None or abs(ahead) <= WINDOW_SECONDS:
        return None
    return Diagnosis(Stage.CLOCKS, Cause.CLOCK, *clocks_apart(ahead))


def clocks_apart(ahead: float) -> tuple[str, str]:
    """Say that the clocks differ too much and what follows, and what to do.

    `ahead` is how many seconds the site's is ahead of the bridge's.
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


def count_refused(held: Sequence[QuarantinedRequest], secrets: Sequence[Secret]) -> RefusedRequests:
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


def of_zoom(refused: RefusedRequests, *, validated_at: int | None, event_at: int | None) -> Diagnosis | None:
    """Judge whether Zoom's own events come through, by what was refused since the last one did.

    The test is signed with the token that is saved, so it cannot tell whether Zoom has the same one.
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


def _answer(cause: Cause, message: str, advice: str) -> Diagnosis:
    return Diagnosis(Stage.ANSWERED, cause, message, advice)


def _quoted(answered: Answered) -> str:
    said = " ".join(part for part in (answered.code, answered.said) if part)
    return f": “{shorten(said)}”" if said else ""


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
