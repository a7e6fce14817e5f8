"""Error answers of Zoom's REST API, each with the source that shows it. Pure.

Where two sources differ, both are here. Nothing is here that no source shows; what the server and the account answer
beside this names its source there, or says that it is an assumption.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

# Zoom's own description of its REST API: the responses of each path.
_SPEC = "Zoom Meeting API 2.0.0 (OpenAPI), responses of GET {}"
# Facts of the protocol, collected with the project from Zoom's pages and from what others observed.
_FACTS = "zoom.md, Found later"
_HTML = (
    b"<!DOCTYPE html><html><head><title>%d</title></head><body><h1>The proxy has no answer</h1></body></html>"
)


class Place(StrEnum):
    """A path of the API that the bridge reads."""

    USERS = "/users"
    MEETINGS = "/users/{user}/meetings"
    WEBINARS = "/users/{user}/webinars"
    MEETING = "/meetings/{number}"
    WEBINAR = "/webinars/{number}"

    def path(self, *, user: str = "", number: int = 0) -> str:
        """Return the path of one user, meeting or webinar, without the API's version."""
        return self.format(user=user, number=number)


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that holds no data. `places` are those for which `source` shows it; `code` is None for HTML.

    `{user}`, `{number}`, `{account}` and `{scope}` in the message stand for what was asked.
    """

    name: str
    status: int
    code: int | None
    message: str
    places: tuple[Place, ...]
    source: str
    headers: tuple[tuple[str, str], ...] = ()

    def body(self, **asked: object) -> bytes:
        """Return the answer's body."""
        if self.code is None:
            return _HTML % self.status
        return json.dumps({"code": self.code, "message": self.message.format(**asked)}).encode()

    @property
    def content_type(self) -> str:
        """Return the answer's type."""
        return "text/html" if self.code is None else "application/json;charset=UTF-8"

    @property
    def says_gone(self) -> bool:
        """Whether it says that the meeting is gone or that its number expired: 404 with 3001, and nothing else."""
        return (self.status, self.code) == (404, 3001)


_LISTS = (Place.MEETINGS, Place.WEBINARS)
_DETAILS = (Place.MEETING, Place.WEBINAR)
_ALL = tuple(Place)

MEETING_GONE = Fault(
    "meeting gone or expired", 404, 3001, "Meeting {number} is not found or has expired.", (Place.MEETING,),
    _SPEC.format(Place.MEETING),
)  # fmt: skip
WEBINAR_GONE = Fault(
    "webinar gone or expired", 404, 3001, "Webinar {number} not found or has expired.", (Place.WEBINAR,),
    _SPEC.format(Place.WEBINAR),
)  # fmt: skip
NOT_PERMITTED = Fault(
    "no permission", 403, 3001, "Meeting does not exist: {number}.", _DETAILS,
    _FACTS + ": 403 with 3001 says nothing of the meeting. ASSUMPTION: its message",
)  # fmt: skip
USER_UNKNOWN_LIST = Fault(
    "user unknown, in a list", 404, 1001, "User {user} not exist or not belong to this account.", _LISTS,
    _SPEC.format(Place.MEETINGS),
)  # fmt: skip
USER_UNKNOWN_MEETING = Fault(
    "user unknown, in a meeting", 404, 1001, "User not exist: {user}.", (Place.MEETING,),
    _SPEC.format(Place.MEETING),
)  # fmt: skip
USER_UNKNOWN_WEBINAR = Fault(
    "user unknown, in a webinar", 404, 1001, "User {user} does not exist or does not belong to this account.",
    (Place.WEBINAR,), _SPEC.format(Place.WEBINAR),
)  # fmt: skip
USER_ELSEWHERE = Fault(
    "user of another account", 400, 1010, "User not found on this account: {account}.", (Place.MEETING,),
    _SPEC.format(Place.MEETING) + "; https://github.com/jrchamp/moodle-mod_zoom/issues/64",
)  # fmt: skip
USER_ELSEWHERE_WEBINAR = Fault(
    "user of another account, in a webinar", 400, 1010, "User does not belong to this account:{account}.",
    (Place.WEBINAR,), _SPEC.format(Place.WEBINAR),
)  # fmt: skip
IS_WEBINAR = Fault(
    "meeting is a webinar", 400, 3000, "Cannot access webinar info.", (Place.MEETING,),
    _SPEC.format(Place.MEETING),
)  # fmt: skip
NO_MEETINGS_LICENCE = Fault(
    "no Meetings licence", 400, 3161,
    "Meeting hosting and scheduling capabilities are not allowed for your user account.",
    (Place.MEETINGS, Place.MEETING),
    f"{_SPEC.format(Place.MEETINGS)} and GET {Place.MEETING}; {_FACTS}; "
    "https://devforum.zoom.us/t/api-error-code-3161-on-get-users-userid-meetings-v2-zoom-endpoint/136447",
)  # fmt: skip
NO_WEBINAR_PLAN = Fault(
    "no webinar plan", 400, 200,
    "Webinar plan is missing. You must subscribe to the webinar plan and enable webinars for this user in order to "
    "perform this action.",
    (Place.WEBINARS, Place.WEBINAR),
    _FACTS + "; the message as in Zoom's description of PATCH /webinars/{webinarId}",
)  # fmt: skip
INVALID_WEBINAR = Fault(
    "invalid webinar id", 400, 300, "Invalid webinar ID.", (Place.WEBINAR,),
    _SPEC.format(Place.WEBINAR) + "; the status 400: " + _FACTS,
)  # fmt: skip
STALE_PAGE = Fault(
    "page token too old", 400, 300, "The next page token is either invalid or expired.",
    (Place.USERS, *_LISTS),
    "zoom.md, REST: 300 for a stale page token, which lives 15 minutes. ASSUMPTION: its message",
)  # fmt: skip
NO_SCOPE = Fault(
    "scope missing", 400, 4711, "Invalid access token, does not contain scopes:[{scope}].", _ALL,
    "zoom.md, REST: 4711 names the missing scope; https://developers.zoom.us/docs/api/errors/ has the words",
)  # fmt: skip
NO_SCOPE_UNNAMED = Fault(
    "scope missing, without its name", 400, 4700, "Invalid access token, does not contain scopes.", _ALL,
    "https://developers.zoom.us/docs/api/errors/",
)  # fmt: skip
TOKEN_REJECTED = Fault(
    "token rejected", 401, 124, "Invalid access token.", _ALL,
    "zoom.md, REST: error 124 once a newer token was given; "
    "https://devforum.zoom.us/t/zoom-api-invalid-access-token-behavior-change/114327",
)  # fmt: skip
TOKEN_REJECTED_400 = Fault(
    "token rejected, with 400", 400, 124, "Invalid access token.", _ALL,
    "https://devforum.zoom.us/t/zoom-api-invalid-access-token-behavior-change/114327",
)  # fmt: skip
UNKNOWN_ENDPOINT = Fault(
    "endpoint not recognised", 404, 2300, "This API endpoint is not recognized.", _ALL,
    _FACTS + "; https://github.com/zoom/rivet-javascript/issues/12",
)  # fmt: skip
OUTAGE = Fault(
    "internal error", 500, 500, "Internal server error.", _ALL,
    "https://developers.zoom.us/docs/api/errors/: 5XX is an error. ASSUMPTION: its code and message",
)  # fmt: skip
PER_SECOND = Fault(
    "limit per second", 429, 429,
    "You have reached the maximum per-second rate limit for this API. Try again later.", _ALL,
    "https://devforum.zoom.us/t/zoom-api-create-meeting-api-rate-limit-sample-error-when-breaching-limit/18928 has the "
    "message; https://developers.zoom.us/docs/api/rate-limits/ and zoom.md, Found later: `QPS`, and no Retry-After",
    (("X-RateLimit-Type", "QPS"),),
)  # fmt: skip
PER_DAY = Fault(
    "limit per day", 429, 429,
    "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you "
    "can make another request.", _ALL,
    "https://developers.zoom.us/docs/api/rate-limits/ (its example has a date: 2020-05-31T00:00:00Z); " + _FACTS,
    (("X-RateLimit-Type", "Daily-limit"),),
)  # fmt: skip
PER_DAY_BARE = Fault(
    "limit per day, without headers", 429, 429,
    "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular "
    "user. You may resume these requests at GMT 00:00:00.", _ALL,
    "https://devforum.zoom.us/t/zoom-api-create-meeting-api-rate-limit-sample-error-when-breaching-limit/18928",
)  # fmt: skip


def _proxy(status: int) -> Fault:
    source = _FACTS + ": a proxy's HTML"
    if status != 404:
        source += f". ASSUMPTION: with {status} as with 404"
    return Fault(f"a proxy's HTML with {status}", status, None, "", _ALL, source)


PROXIES = tuple(_proxy(status) for status in (200, 403, 404, 502, 503))
FAULTS = (
    MEETING_GONE, WEBINAR_GONE, NOT_PERMITTED, USER_UNKNOWN_LIST, USER_UNKNOWN_MEETING, USER_UNKNOWN_WEBINAR,
    USER_ELSEWHERE, USER_ELSEWHERE_WEBINAR, IS_WEBINAR, NO_MEETINGS_LICENCE, NO_WEBINAR_PLAN, INVALID_WEBINAR,
    STALE_PAGE, NO_SCOPE, NO_SCOPE_UNNAMED, TOKEN_REJECTED, TOKEN_REJECTED_400, UNKNOWN_ENDPOINT, OUTAGE, PER_SECOND,
    PER_DAY, PER_DAY_BARE, *PROXIES,
)  # fmt: skip


def faults_of(place: Place) -> list[Fault]:
    """Return the faults that the sources show for a path."""
    return [fault for fault in FAULTS if place in fault.places]
