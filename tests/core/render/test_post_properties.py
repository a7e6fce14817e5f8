"""What holds for every meeting, whatever Zoom puts into it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote_plus, urlencode

from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.model.meeting import Meeting, MeetingKind, MeetingState
from core.model.rules import Author, JoinLink, Passcode, Rules
from core.render import Post, Presence, SiteRules, render

KEYS = [
    "topic",
    "agenda",
    "type",
    "start_time",
    "duration",
    "timezone",
    "join_url",
    "password",
    "host_id",
    "settings",
    "recurrence",
    "occurrences",
    "uuid",
    "id",
    "start_url",
    "tracking_fields",
    "pmi",
    "status",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Calcutta", "Pacific/Chatham", "SST", "", "?"]
)
# Close together, so that dates overlap and moments fall into them; clocks in Europe move on the 29th.
NEAR = st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 30), timezones=st.just(UTC))  # noqa: DTZ001
TIMES = (MOMENTS | NEAR).map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}")
MINUTES = st.integers(0, 3000)
DECIDED = st.builds(
    Rules,
    instant=st.booleans(),
    personal_rooms=st.booleans(),
    never=st.lists(st.text("a*? ", min_size=1), max_size=2).map(tuple),
    authors=st.lists(st.builds(Author, st.text(min_size=1), st.just(7), st.text()), max_size=2).map(tuple),
    passcode=st.sampled_from(Passcode),
    join_link=st.sampled_from(JoinLink),
    show_host=st.booleans(),
    cancelled_days=st.sampled_from([0, 1, 90]),
)
RULES = st.builds(SiteRules, DECIDED, vczapi=st.booleans(), vczapi_pro=st.booleans())
STATES = st.sampled_from(list(MeetingState))
KINDS = st.sampled_from(list(MeetingKind))


def meetings(objects: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Meeting]:
    return st.builds(
        Meeting,
        st.just("account"),
        st.integers(1, 10**11),
        kind=KINDS,
        state=STATES,
        object=objects,
        deleted_at=st.just(0) | MOMENTS.map(lambda moment: int(moment.timestamp() * 1000)) | st.just(2**62),
    )


OCCURRENCES = st.lists(
    st.fixed_dictionaries(
        {"occurrence_id": st.text(max_size=5), "start_time": TIMES, "duration": MINUTES},
        optional={"status": st.sampled_from(["available", "deleted"])},
    ),
    max_size=6,
)
LIKELY = meetings(
    st.fixed_dictionaries(
        {
            "topic": st.text(min_size=1),
            "join_url": st.sampled_from(["https://zoom.us/j/1?pwd=x", "javascript:alert(1)"]),
            "type": st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99]),
            "timezone": ZONES,
        },
        optional={
            "start_time": TIMES,
            "duration": MINUTES,
            "occurrences": OCCURRENCES,
            "recurrence": JSON,
            "settings": JSON,
            "agenda": st.text(),
            "password": st.text(),
        },
    )
)
ARBITRARY = meetings(
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON))
    | st.fixed_dictionaries(
        {"topic": st.text(), "join_url": st.text(), "type": st.integers(0, 10), "start_time": TIMES},
        optional=dict.fromkeys(
            ["occurrences", "recurrence", "settings", "duration", "timezone", "agenda"], JSON
        ),
    )
)


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [
            value or "" for name, value in attrs if name == "href" and value != "#zoombridge-calendar"
        ]


def check(post: Post, now: datetime) -> None:
    assert post.until is None or post.until > now
    assert post.presence is Presence.SHOWN or post.reason
    page = Tags(post.field.get("html", ""))
    assert page.tags <= {
        "section",
        "p",
        "dl",
        "dt",
        "dd",
        "ul",
        "ol",
        "li",
        "a",
        "strong",
        "time",
        "span",
        "h2",
    }
    content = Tags(post.content)
    assert content.tags <= {"p", "br", "a"}
    links = [link for link in page.links if link != "#zoombridge-sign-in"] + content.links
    assert all(link.lower().startswith(("http://", "https://")) for link in links)
    assert Tags(post.title).tags == set()
    assert "[" not in post.content + post.field.get("html", "")
    json.dumps(dict(post.field), allow_nan=False).encode()
    if "details" in post.field:
        told = json.loads(post.field["details"])
        assert isinstance(told, dict)
        assert "start_url" not in told
        assert len(post.field["details"]) < 262_144


@settings(deadline=None)
@given(ARBITRARY, RULES, MOMENTS)
@example(
    Meeting("a", 1, object={"type": 8, "occurrences": 7, "topic": "t", "join_url": "x"}),
    SiteRules(),
    datetime(2026, 1, 1, tzinfo=UTC),
)
@example(
    Meeting(
        "a", 1, object={"type": 8, "start_time": "0001-01-01T00:00:00+14:00", "topic": "t", "join_url": "x"}
    ),
    SiteRules(),
    datetime(2026, 1, 1, tzinfo=UTC),
)
@example(
    Meeting(
        "a",
        1,
        object={
            "type": 2,
            "start_time": "9999-12-31T23:59:59Z",
            "duration": 10**30,
            "topic": "\ud800",
            "join_url": "x",
        },
    ),
    SiteRules(),
    datetime(2026, 1, 1, tzinfo=UTC),
)
def test_nothing_that_zoom_could_send_breaks_it(meeting: Meeting, site: SiteRules, now: datetime) -> None:
    check(render(meeting, site, now), now)


@settings(deadline=None)
@given(LIKELY, RULES, NEAR, st.floats(0, 1))
def test_a_post_stays_the_same_until_its_until(
    meeting: Meeting, site: SiteRules, now: datetime, share: float
) -> None:
    """Walks from `until` to `until`, as a mirror does: nothing changes in between, and it comes to rest."""
    for _ in range(4 * 7):  # at most four changes for each date
        post = render(meeting, site, now)
        check(post, now)
        if post.until is None:
            break
        between = now + (post.until - now) * share
        for moment in (between, post.until - timedelta(seconds=1), post.until - timedelta(microseconds=1)):
            assert (
                render(meeting, site, min(max(moment, now), post.until - timedelta(microseconds=1))) == post
            )
        now = post.until
    assert post.until is None
    assert render(meeting, site, now + timedelta(days=36_500 * share)) == post


@settings(deadline=None)
@given(LIKELY, MOMENTS)
def test_the_join_link_is_never_shown_once_the_meeting_is_deleted(meeting: Meeting, now: datetime) -> None:
    post = render(replace(meeting, state=MeetingState.DELETED), SiteRules(), now)
    assert Tags(post.field["html"]).links == []


@settings(deadline=None)
@given(LIKELY, DECIDED, MOMENTS, st.sampled_from(["sing4us", "ü~4&<", "sing 4us"]))
def test_a_hidden_passcode_is_nowhere_in_what_visitors_are_shown(
    meeting: Meeting, decided: Rules, now: datetime, passcode: str
) -> None:
    url = f"https://zoom.us/j/1?a=b&{urlencode({'pwd': 'aBc.1', 'x': passcode})}"
    meeting = replace(meeting, object={**meeting.object, "topic": "t", "agenda": "", "password": passcode, "join_url": url})  # fmt: skip
    site = SiteRules(replace(decided, passcode=Passcode.HIDDEN, authors=()), vczapi=True)
    post = render(meeting, site, now)
    told = unescape(post.field.get("html", "")) + str(
        json.loads(post.field.get("details", "{}")).get("join_url")
    )
    for secret in (passcode, quote_plus(passcode), "aBc.1"):
        assert secret not in told
