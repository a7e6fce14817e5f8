"""What a site's owner decided: which meetings are published, and that anything that is kept can be read."""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.model import rules
from core.model.meeting import Meeting, MeetingKind
from core.model.rules import Author, JoinLink, NewPostStatus, Passcode, Rules, matches, read
from tests.core.events import JSON

HOST = "x1yCzABCDEfg23HiJKl4mN"
KEYS = [
    "kinds", "instant", "personal_rooms", "hosts", "only", "never", "status", "authors", "meeting_category",
    "webinar_category", "passcode", "join_link", "show_host",
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=20)
RULES = st.builds(
    Rules,
    kinds=st.frozensets(st.sampled_from(MeetingKind)),
    instant=st.booleans(),
    personal_rooms=st.booleans(),
    hosts=st.none() | st.lists(TEXTS, max_size=4, unique=True).map(tuple),
    only=st.lists(TEXTS, max_size=3, unique=True).map(tuple),
    never=st.lists(TEXTS, max_size=3, unique=True).map(tuple),
    status=st.sampled_from(NewPostStatus),
    authors=st.lists(
        st.builds(Author, TEXTS, st.integers(1, 10**6), TEXTS), max_size=3, unique_by=lambda one: one.host
    ).map(tuple),
    meeting_category=st.none() | st.integers(1, 10**6),
    webinar_category=st.none() | st.integers(1, 10**6),
    passcode=st.sampled_from(Passcode),
    join_link=st.sampled_from(JoinLink),
    show_host=st.booleans(),
    unknown=st.dictionaries(st.text().filter(lambda key: key not in KEYS), JSON, max_size=2),
)


def meeting(kind: MeetingKind = MeetingKind.MEETING, **object_: Any) -> Meeting:
    told = {"topic": "Choir practice", "type": 2, "host_id": HOST, **object_}
    return Meeting("account", 7, kind=kind, object={key: value for key, value in told.items() if value})


class TestRead:
    def test_nothing_kept_is_what_the_bridge_did_before_there_were_rules(self) -> None:
        nothing: list[Any] = [None, {}]
        for kept in nothing:
            found = read(kept)
            assert found.rules == Rules()
            assert found.notes == ()
        assert Rules().why_not(meeting()) == ""
        assert Rules().why_not(meeting(MeetingKind.WEBINAR, type=5)) == ""

    @given(RULES)
    def test_what_was_written_is_read_again(self, decided: Rules) -> None:
        kept = json.loads(json.dumps(decided.written()))
        assert read(kept) == rules.ReadRules(decided)

    @given(JSON | st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))
    @example({"kinds": [[]], "hosts": {}, "authors": [{"host": 1}, {"host": "a", "user": True}]})
    @example({"status": ["draft"], "meeting_category": 1e300, "only": ["\x00", "a" * 300]})
    def test_anything_that_is_kept_gives_rules_that_can_be_kept(self, kept: Any) -> None:
        found = read(kept)
        assert read(json.loads(json.dumps(found.rules.written()))) == rules.ReadRules(found.rules)
        found.rules.why_not(meeting())
        found.rules.author_of(meeting())

    def test_what_it_does_not_know_is_kept(self) -> None:
        """A newer version of the bridge wrote it, and may come back."""
        kept = {"of tomorrow": {"show": True}, "status": "draft"}
        assert read(kept).rules.written()["of tomorrow"] == {"show": True}

    def test_what_cannot_be_read_is_said_and_shows_less_rather_than_more(self) -> None:
        found = read(
            {"passcode": "to friends", "join_link": 7, "status": {}, "show_host": "yes", "instant": 1}
        )
        assert found.rules.passcode is Passcode.HIDDEN
        assert found.rules.join_link is JoinLink.NOBODY
        assert found.rules.status is NewPostStatus.DRAFT
        assert not found.rules.show_host
        assert not found.rules.instant
        assert len(found.notes) == 5
        assert any("“join_link”" in note for note in found.notes)

    def test_what_can_be_read_of_a_list_counts(self) -> None:
        found = read({"never": ["secret*", 7, " secret* "], "kinds": ["webinar", "party"]})
        assert found.rules.never == ("secret*",)
        assert found.rules.kinds == {MeetingKind.WEBINAR}
        assert len(found.notes) == 2

    def test_is_bounded(self) -> None:
        found = read(
            {
                "never": [f"a{number}" for number in range(1000)] + ["x" * 201],
                "hosts": [f"h{number}" for number in range(1000)],
                "authors": [{"host": f"h{number}", "user": 1, "name": "n" * 999} for number in range(1000)],
            }
        ).rules
        assert len(found.never) == rules.MOST_PATTERNS
        assert found.hosts is not None
        assert len(found.hosts) == rules.MOST_HOSTS
        assert len(found.authors) == rules.MOST_HOSTS
        assert len(found.authors[0].name) == rules.LONGEST_NAME

    def test_a_host_has_one_author(self) -> None:
        told = [{"host": "a", "user": 1}, {"host": "b", "user": 2}, {"host": "a", "user": 3}]
        assert [(one.host, one.user) for one in read({"authors": told}).rules.authors] == [("a", 1), ("b", 2)]


class TestPublishes:
    @pytest.mark.parametrize(
        ("decided", "about", "reason"),
        [
            (Rules(kinds=frozenset({MeetingKind.WEBINAR})), meeting(), "exclude meetings"),
            (
                Rules(kinds=frozenset({MeetingKind.MEETING})),
                meeting(MeetingKind.WEBINAR),
                "exclude webinars",
            ),
            (Rules(), meeting(type=1), "instant meeting"),
            (Rules(), meeting(type=4), "personal meeting room"),
            (Rules(hosts=("somebody else",)), meeting(), "host"),
            (Rules(hosts=()), meeting(), "host"),
            (Rules(hosts=(HOST,)), meeting(host_id=""), "host"),
            (Rules(never=("rehearsal", "choir*")), meeting(), "“choir*”"),
            (Rules(only=("orchestra*", "*band*")), meeting(), "none of the patterns"),
            (Rules(only=("*",), never=("*practice",)), meeting(), "“*practice”"),
        ],
    )
    def test_not_and_says_why(self, decided: Rules, about: Meeting, reason: str) -> None:
        assert reason in decided.why_not(about)

    @pytest.mark.parametrize(
        ("decided", "about"),
        [
            (Rules(instant=True), meeting(type=1)),
            (Rules(personal_rooms=True), meeting(type=4)),
            (Rules(hosts=(HOST,)), meeting()),
            (Rules(hosts=("Anna@Example.org",)), meeting(host_email="anna@example.ORG")),
            (Rules(never=("rehearsal",)), meeting()),
            (Rules(only=("*practice", "x")), meeting()),
            (Rules(only=("x",)), meeting(topic="")),
        ],
    )
    def test(self, decided: Rules, about: Meeting) -> None:
        assert decided.why_not(about) == ""

    def test_an_id_of_a_host_in_other_letters_is_another_host(self) -> None:
        assert Rules(hosts=(HOST.lower(),)).why_not(meeting())

    def test_nobody_is_no_host(self) -> None:
        assert Rules(hosts=("",)).why_not(meeting(host_id="", host_email=""))


class TestAuthor:
    def test_is_found_by_id_or_by_address(self) -> None:
        decided = Rules(authors=(Author("anna@example.org", 3), Author(HOST, 4)))
        assert decided.author_of(meeting()) == Author(HOST, 4)
        assert decided.author_of(meeting(host_email="Anna@example.org")) == Author("anna@example.org", 3)
        assert decided.author_of(meeting(host_id="other")) is None


class TestCategory:
    def test_is_each_kinds_own(self) -> None:
        decided = Rules(webinar_category=5)
        assert decided.category_of(MeetingKind.WEBINAR) == 5
        assert decided.category_of(MeetingKind.MEETING) is None


class TestMatches:
    @pytest.mark.parametrize(
        ("pattern", "topic"),
        [
            ("choir", "Choir"),
            ("CHOIR*", "choir practice"),
            ("*practice", "Choir  practice"),
            ("*oir*ice*", "Choir practice"),
            ("ch?ir practice", "Choir\tpractice"),
            ("[internal] *", "[Internal] Budget"),
            ("straße*", "STRASSE 7"),
            ("Übung", "Übung"),
            ("*", ""),
            ("**", "x"),
            ("?", "♫"),
            ("a*b*c", "a-b-b-c"),
        ],
    )
    def test(self, pattern: str, topic: str) -> None:
        assert matches(pattern, topic)

    @pytest.mark.parametrize(
        ("pattern", "topic"),
        [
            ("choir", "choir practice"),
            ("practice", "choir practice"),
            ("[ab]", "a"),
            ("?", ""),
            ("", "x"),
            ("a*b", "a-c"),
            ("a.c", "abc"),
        ],
    )
    def test_not(self, pattern: str, topic: str) -> None:
        assert not matches(pattern, topic)

    @given(st.text("ab*?", max_size=8), st.text("ab", max_size=12))
    def test_as_the_usual_wildcards_do(self, pattern: str, topic: str) -> None:
        known = "".join({"*": ".*", "?": "."}.get(sign, sign) for sign in pattern)
        assert matches(pattern, topic) == bool(re.fullmatch(known, topic))

    def test_no_pattern_hangs(self) -> None:
        """What a regular expression would take longer for than the world stands."""
        assert not matches("*a" * 100 + "b", "a" * 100_000)
