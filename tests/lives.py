"""Random lives of meetings in events as Zoom sends them, and the promises of pages and calendars about them.

The expectations are written from the promises, not from the code: the truth is kept beside the events, which are then
lost, doubled, delayed and encoded in all ways that were seen of Zoom.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from random import Random
from typing import TYPE_CHECKING, Any

from core.model.fold import SNAPSHOT, Change, position
from core.model.instances import end_of
from core.model.meeting import MeetingKind, MeetingState
from core.model.rules import Recordings, Rules
from core.render import Presence, SiteRules, render
from core.render.ical import CalendarEntry, UidKey, calendar
from core.zoom.envelope import digest, parse
from tests.calendar_rules import violations
from tests.core.events import ACCOUNT, NUMBER, raw

if TYPE_CHECKING:
    from core.model.meeting import Meeting

BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)
FIRST = datetime(2026, 12, 1, 18, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JOIN = f"https://zoom.us/j/{NUMBER}"
SITE = SiteRules(Rules(recordings=Recordings.EVERYBODY))
ROOM_NAME = "Anna's Personal Meeting Room"
UNDATED = 3
LIVE, MAY_RUN = "Live now", "may still be running"


@dataclass(slots=True)
class Date:
    """A scheduled date: start in UTC, duration in minutes."""

    id: str
    start: datetime
    minutes: int
    available: bool = True

    @property
    def end(self) -> datetime:
        return self.start + self.minutes * MINUTE


@dataclass(slots=True)
class Use:
    """One instance as it really was. `date` is the one that it was held for, None for another use of the number."""

    uuid: str
    start: datetime
    end: datetime
    date: Date | None
    is_start_told: bool = True
    is_end_told: bool = True
    is_practice: bool = False
    is_shown: bool | None = None  # its recording; None: either is right

    @property
    def is_known(self) -> bool:
        return self.is_start_told or self.is_end_told


@dataclass(slots=True)
class Life:
    """The truth about a meeting, and the events that tell it."""

    seed: int
    random: Random
    type: int
    is_room: bool
    is_dense: bool  # dates so near to each other that an instance may be of either
    topic: str = "Choir"
    passcode: str = "p0"
    token: str = "tok0"
    dates: list[Date] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    state: MeetingState = MeetingState.SCHEDULED
    events: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = BEGIN
    has_practice: bool = False
    has_another_clock: bool = False  # by which the changes right after the creation seem older
    has_other: bool = False  # another meeting of the personal meeting ID, after this one
    count: int = 0

    @property
    def is_series(self) -> bool:
        return self.type in (8, 9)

    @property
    def is_webinar(self) -> bool:
        return self.type in (5, 6, 9)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def one_of(self, *values: Any) -> Any:
        return values[self.random.randrange(len(values))]

    # --- how Zoom writes it -----------------------------------------------------------------------------

    def time(self, moment: datetime) -> str:
        written = (f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%dT%H:%M:%S.000Z}", moment.isoformat())
        return self.random.choice(written)

    def say(self, verb: str, object_: dict[str, Any], payload: dict[str, Any] | None = None) -> None:
        """Tell an event that happens now; the next one happens later."""
        self.now += MINUTE
        at = int(self.now.timestamp())
        subject = "webinar" if self.is_webinar else "meeting"
        if verb == "updated" and self.has_other:
            object_ = {"uuid": "A", **object_}
        event: dict[str, Any] = {
            "event": verb if "." in verb or verb == SNAPSHOT else f"{subject}.{verb}",
            "event_ts": self.one_of(at * 1000, str(at * 1000), at, float(at)),
            "payload": {
                "account_id": ACCOUNT,
                "object": {"id": self.one_of(NUMBER, str(NUMBER)), **object_},
                **(payload or {}),
            },
        }
        if verb == "updated" and self.chance(0.5):
            event["payload"]["time_stamp"] = self.one_of(at * 1000, at)
        self.events.append(event)

    def occurrence(self, date: Date, *, brief: bool = False) -> dict[str, Any]:
        fields: dict[str, Any] = {"occurrence_id": date.id, "start_time": f"{date.start:%Y-%m-%dT%H:%M:%SZ}"}
        return (
            fields
            if brief
            else fields | {"duration": date.minutes, "status": "available" if date.available else "deleted"}
        )

    def whole(self) -> dict[str, Any]:
        """Return the object as a creation or an answer over REST tells it."""
        fields: dict[str, Any] = {
            "uuid": "A",
            "host_id": "host",
            "topic": self.topic,
            "type": self.one_of(self.type, str(self.type)),
            "duration": self.one_of(self.dates[0].minutes, str(self.dates[0].minutes)) if self.dates else 60,
            "timezone": self.one_of("Europe/Berlin", "Asia/Calcutta", "", "Nowhere/At_All", None),
            "join_url": f"{JOIN}?pwd={self.token}" if self.token else JOIN,
            "password": self.passcode,
            "settings": {"use_pmi": self.is_room, "practice_session": self.has_practice},
        }
        if self.is_room:
            fields["pmi"] = str(NUMBER)
        if self.dates:
            fields["start_time"] = self.time(self.dates[0].start)
        if self.is_series:
            fields["occurrences"] = [self.occurrence(date) for date in self.dates]
            fields["recurrence"] = {"type": 1, "repeat_interval": 1, "end_times": len(self.dates)}
        return fields

    # --- what people do ---------------------------------------------------------------------------------

    def rename(self) -> None:
        self.count += 1
        self.topic = f"Topic {self.count}"
        self.say("updated", {"topic": self.topic}, self.one_of({}, {"scope": "all"}, {"scope": "single"}))

    def tell_nothing(self) -> None:
        """Zoom's updates hold nulls and blanks for what did not change."""
        empty = self.one_of(
            {"topic": None, "settings": None, "start_time": None},
            {"topic": "   ", "timezone": "", "occurrences": []},
            {"topic": "", "join_url": "", "recurrence": None},
            {"settings": {"host_video": True, "use_pmi": None}},
            {},
        )
        self.say("updated", empty, self.one_of({}, {"old_object": None, "scope": None}, {"scope": "all"}))

    def change_passcode(self) -> None:
        self.count += 1
        self.passcode = f"p{self.count}"
        fields = {"password": self.passcode}
        self.token = ""
        if self.chance(0.5):
            self.token = f"tok{self.count}"
            fields["join_url"] = f"{JOIN}?pwd={self.token}"
        self.say("updated", fields)

    def move(self) -> None:
        """Move the meeting, or one occurrence of a series, to another hour of its day."""
        if not self.dates or self.is_dense:
            return
        date = self.dates[self.random.randrange(len(self.dates))]
        before = self.occurrence(date, brief=True)
        date.start += self.one_of(-2, -1, 1, 2) * timedelta(hours=1)
        if self.chance(0.3):
            date.minutes = self.one_of(30, 90)
        if self.is_series:
            fields: dict[str, Any] = {"occurrences": [self.occurrence(date)]}
            if self.chance(0.3):
                fields |= {"start_time": self.time(date.start), "duration": date.minutes}
            scope = {"scope": "single"} if len(self.dates) == 1 else self.one_of({}, {"scope": "single"})
            self.say(
                "updated",
                fields,
                scope | self.one_of({}, {"old_object": {"id": NUMBER, "occurrences": [before]}}),
            )
        else:
            self.say("updated", {"start_time": self.time(date.start), "duration": date.minutes})

    def cancel_date(self) -> None:
        if not self.is_series:
            return
        date = self.dates[self.random.randrange(len(self.dates))]
        verb = "deleted" if date.available else "recovered"
        date.available = not date.available
        named = {"occurrences": [self.occurrence(date, brief=True)]}
        if self.chance(0.3):
            del named["occurrences"][0]["occurrence_id"]
        operation = (
            {"operation": "single"} if len(self.dates) == 1 else self.one_of({}, {"operation": "single"})
        )
        self.say(verb, named | self.one_of({}, {"type": self.type, "topic": self.topic}), operation)

    def delete_an_unnamed_date(self) -> None:
        """Zoom tells that one occurrence was deleted, but not which: the series must stay."""
        if self.is_series:
            verb = self.one_of("deleted", "permanently_deleted", "recovered")
            self.say(verb, self.one_of({}, {"type": self.type, "topic": self.topic}), {"operation": "single"})

    def extend(self) -> None:
        """Add a date to a series; only changed parts of its rule are sent."""
        if not self.is_series or len(self.dates) > 5:
            return
        last = self.dates[-1]
        step = (
            last.start - self.dates[-2].start if self.is_dense and len(self.dates) > 1 else timedelta(days=2)
        )
        self.dates.append(Date(f"17000000000{len(self.dates)}", last.start + step, last.minutes))
        fields = {
            "recurrence": {"end_times": len(self.dates)},
            "occurrences": [self.occurrence(date) for date in self.dates],
        }
        self.say("updated", fields, self.one_of({}, {"scope": "all"}))

    def become_single(self) -> None:
        if self.is_series:
            self.type = 5 if self.is_webinar else 2
            self.dates = [Date("", self.dates[0].start, self.dates[0].minutes)]
            fields = {
                "type": self.type,
                "start_time": self.time(self.dates[0].start),
                "duration": self.dates[0].minutes,
            }
            self.say("updated", fields | self.one_of({}, {"occurrences": []}), {"scope": "all"})

    def convert(self) -> None:
        if self.is_room or self.is_webinar:
            return
        webinar = {2: 5, 8: 9, 3: 6}[self.type]
        self.say("meeting.converted_to_webinar", {"type": webinar, "topic": self.topic})
        self.type = webinar

    def answer(self) -> None:
        """The connected account answers: with the number of a PMI that is its room."""
        if self.is_room:
            self.say(
                SNAPSHOT,
                {"type": 4, "topic": ROOM_NAME, "join_url": JOIN, "uuid": "room", "password": self.passcode},
            )
            self.token = ""
        else:
            for use in self.uses:
                use.is_end_told = True
            self.say(
                SNAPSHOT,
                self.whole() | {"status": "waiting", "agenda": "", "topic": self.one_of(self.topic, None)},
            )

    def repeat_creation(self) -> None:
        self.events.append({**self.events[0], "event_ts": int(self.now.timestamp() * 1000) + 1})

    def use_another_clock(self) -> None:
        """Date the changes right after the creation before it: when they were made, and it when it was told."""
        self.has_another_clock = True
        begun = int(self.events[0]["event_ts"])
        begun *= 1 if begun > 10**11 else 1000
        changes = takewhile(lambda event: event["event"].endswith(".updated"), self.events[1:])
        for place, event in enumerate(changes):
            event["payload"]["time_stamp"] = begun - 60_000 + place

    # --- instances --------------------------------------------------------------------------------------

    def hold(self, date: Date) -> None:
        """Hold a date: rehearsals before, early or late, once or twice, with other uses of the number around it."""
        start = date.start + self.random.randint(-20, 20) * MINUTE
        if self.chance(0.4):
            begun = date.start - self.random.randint(30, 55) * MINUTE
            over = begun + self.random.randint(3, 9) * MINUTE
            rehearsal = self.use(begun, over, date, is_shown=None if self.is_dense else False)
            rehearsal.is_practice = self.is_webinar and self.chance(0.5)
            self.happen(rehearsal)
        if self.chance(0.8):
            end = max(start, date.start) + self.random.randint(3, date.minutes + 50) * MINUTE
            is_shown: bool | None = True
            if self.is_room and not (date.start <= start and end <= date.end):
                is_shown = None
            self.happen(self.use(start, end, date, is_shown=is_shown))
            if end + 10 * MINUTE < date.end and self.chance(0.5):
                again = self.use(end + 2 * MINUTE, date.end - MINUTE, date, is_shown=True)
                self.happen(again)
        if self.chance(0.4) and not self.is_dense:
            begun = date.end + self.random.randint(3 * 60, 14 * 60) * MINUTE
            self.happen(self.use(begun, begun + 40 * MINUTE, None, is_shown=False))

    def use(self, start: datetime, end: datetime, date: Date | None, *, is_shown: bool | None) -> Use:
        self.count += 1
        return Use(f"u{self.count}==", start, end, date, is_shown=is_shown)

    def happen(self, use: Use) -> None:
        """Tell of an instance; Zoom may lose its start or its end, and a reading may show that it is over."""
        use.is_start_told, use.is_end_told = self.one_of(
            (True, True), (True, True), (True, False), (False, True)
        )
        topic, zoom_type = self.topic, self.type
        if self.is_room and (use.date is None or self.chance(0.5)):
            topic, zoom_type = ROOM_NAME, 4
        fields = {"uuid": use.uuid, "topic": topic, "type": zoom_type, "duration": 60, "host_id": "host"}
        if use.is_start_told:
            self.now = max(self.now, use.start)
            self.say(
                "started",
                fields | {"start_time": self.time(use.start)},
            )
        self.now = max(self.now, use.end)
        if use.is_end_told:
            more: dict[str, Any] = {"end_time": self.time(use.end)}
            if use.is_practice:
                more["practice_session"] = True
            self.say("ended", fields | {"start_time": self.time(use.start)} | more)
        elif self.chance(0.3) and not self.is_room:
            self.answer()
            use.is_end_told = True
        if self.chance(0.5):
            self.record(use, topic, zoom_type)
        if topic == ROOM_NAME and use.is_shown:
            use.is_shown = None  # a room's name tells nothing of its use, so its recording may be hidden
        self.uses.append(use)

    def record(self, use: Use, topic: str, zoom_type: int) -> None:
        minutes = max(int((use.end - use.start) / MINUTE) - 1, 1)
        fields = {
            "uuid": use.uuid,
            "topic": topic,
            "type": zoom_type,
            "start_time": self.time(use.start + MINUTE),
            "duration": self.one_of(minutes, str(minutes)),
            "share_url": f"https://zoom.us/rec/share/{use.uuid}",
            "recording_files": [{"id": f"f-{use.uuid}", "file_type": "MP4"}, {"file_type": "TIMELINE"}],
        }
        self.say("recording.completed", fields)
        if self.chance(0.2):
            self.say("recording.trashed", {"uuid": use.uuid, "recording_files": [{"id": f"f-{use.uuid}"}]})
            use.is_shown = False
            if self.chance(0.5):
                self.say("recording.batch_recovered", {"meetings": [{"meeting_uuid": use.uuid}]})
                use.is_shown = None

    def share_number(self) -> None:
        """Schedule another meeting with the same PMI, after this one, and perhaps delete it again."""
        if not self.is_room or self.has_other:
            return
        start = self.time(self.dates[-1].start + timedelta(days=40)) if self.dates else self.time(FIRST)
        self.count += 1
        uuid = f"B{self.count}"
        other = {
            "uuid": uuid,
            "topic": "Board",
            "type": 2,
            "start_time": start,
            "duration": 60,
            "join_url": JOIN,
        }
        self.say("created", other | {"host_id": "host", "pmi": str(NUMBER)})
        self.token = ""
        self.has_other = True
        if self.chance(0.6):
            self.say(
                "deleted",
                {"uuid": self.one_of(uuid, "another"), "topic": "Board", "start_time": start},
                {"operation": "single"},
            )
            self.has_other = False

    def end(self) -> None:
        """Delete the meeting, and perhaps recover it."""
        self.say(
            "deleted", {"uuid": "A", "type": self.type}, {"operation": "all" if self.is_series else "single"}
        )
        self.state = MeetingState.DELETED
        if self.chance(0.4):
            self.say(
                "recovered",
                {"uuid": "A", "type": self.type},
                {"operation": "all" if self.is_series else "single"},
            )
            self.state = MeetingState.SCHEDULED


def make_life(seed: int) -> Life:
    """Make one meeting from its creation to its last recording. The same seed gives the same life."""
    random = Random(seed)
    zoom_type = random.choice([2, 2, 3, 5, 8, 8, 8, 9])
    is_room = zoom_type in (2, 3) and random.random() < 0.5
    count = random.randint(1, 5) if zoom_type in (8, 9) else 1
    is_dense = count > 1 and random.random() < 0.25
    life = Life(seed, random, zoom_type, is_room, is_dense)
    minutes = random.choice([30, 60, 90, 180])
    step = minutes * MINUTE if is_dense else timedelta(days=random.choice([1, 2, 7]))
    if zoom_type != UNDATED:
        life.dates = [Date(f"17000000000{number}", FIRST + number * step, minutes) for number in range(count)]
    life.has_practice = life.is_webinar and random.random() < 0.5
    life.say("created", life.whole())
    changes = (
        life.rename,
        life.tell_nothing,
        life.change_passcode,
        life.move,
        life.cancel_date,
        life.delete_an_unnamed_date,
        life.extend,
        life.become_single,
        life.convert,
        life.answer,
        life.repeat_creation,
        life.share_number,
    )
    for _ in range(random.randint(0, 8)):
        random.choice(changes)()
    life.dates.sort(key=lambda date: date.start)
    for date in [date for date in life.dates if date.available]:
        life.hold(date)
        if life.chance(0.3):
            life.one_of(life.rename, life.tell_nothing, life.change_passcode)()
    if not life.dates:
        for day in range(random.randint(0, 2)):
            begun = FIRST + timedelta(days=2 * day)
            life.happen(life.use(begun, begun + 50 * MINUTE, None, is_shown=not life.is_room))
    if life.chance(0.2):
        life.end()
    if not life.is_room and life.chance(0.3):
        life.use_another_clock()
    return life


def changes_of(events: list[dict[str, Any]]) -> list[Change]:
    """Return events as the log holds them."""
    found = []
    for event in events:
        envelope = parse(raw(event))
        found.append(Change(position(envelope, digest(envelope), received_at=0), envelope))
    return found


# --- what is promised -------------------------------------------------------------------------------------


def check(life: Life, meeting: Meeting) -> None:
    """Check every promise about a meeting that was folded from all events of a life."""
    assert meeting.state is (MeetingState.SCHEDULED if life.has_other else life.state)
    if meeting.state is not MeetingState.SCHEDULED:
        return
    if life.state is MeetingState.SCHEDULED and not life.has_other:
        assert meeting.topic == life.topic
        assert meeting.type == life.type
        assert meeting.kind is (MeetingKind.WEBINAR if life.is_webinar else MeetingKind.MEETING)
        check_dates(life, meeting)
        check_calendar(life, meeting)
    assert meeting.password == life.passcode
    if life.state is MeetingState.SCHEDULED:
        for now in moments(life):
            check_page(life, meeting, now)


def check_dates(life: Life, meeting: Meeting) -> None:
    found = sorted((date.start_time, date.duration, date.available) for date in meeting.dates)
    assert found == sorted((date.start, date.minutes, date.available) for date in life.dates)


def check_calendar(life: Life, meeting: Meeting) -> None:
    entry = CalendarEntry(meeting, 1, "https://example.org/choir", 7)
    data = calendar([entry], SITE.rules, name="Choir", key=UidKey(b"secret", "example.org"), now=BEGIN)
    assert violations(data) == []
    assert all(end_of(date) > date.start_time for date in meeting.dates)
    assert (b"BEGIN:VEVENT" in data) is bool(life.dates)


def moments(life: Life) -> list[datetime]:
    """Return the moments at which something may change, and those just before and after."""
    edges = [BEGIN, life.now + timedelta(days=3)]
    for date in life.dates:
        edges += [date.start - timedelta(hours=1), date.start, date.end, date.end + 30 * MINUTE]
    for use in life.uses:
        edges += [use.start, use.end, use.start + timedelta(hours=24)]
    near = sorted({edge + step * MINUTE for edge in edges for step in (-1, 0, 1)})
    return sorted(life.random.sample(near, min(len(near), 24)))


def check_page(life: Life, meeting: Meeting, now: datetime) -> None:
    held = [date for date in life.dates if date.available]
    if life.has_other and (not held or now >= max(date.end for date in held)):
        return  # the page is that of the other meeting
    post = render(meeting, SITE, now)
    assert post.presence is Presence.SHOWN
    assert post.title == life.topic
    page = post.field["html"]
    running, may_run = expected_running(life, now)
    if not life.is_dense:
        assert (LIVE in page, MAY_RUN in page) == (running, may_run), now
    else:
        check_live_bounds(life, now, page)
    if held and now < max(date.end for date in held):
        assert JOIN in page, now
    if (not life.dates and not life.is_room) or LIVE in page or MAY_RUN in page:
        assert JOIN in page, now
    tokens = {part.partition('"')[0].partition("&")[0] for part in page.split("pwd=")[1:]}
    assert tokens <= {life.token}
    for use in life.uses:
        if use.is_shown is False:
            assert f"rec/share/{use.uuid}" not in page
        recorded = any(
            one["event"] == "recording.completed" and one["payload"]["object"]["uuid"] == use.uuid
            for one in life.events
        )
        if use.is_shown and recorded and not life.is_dense:
            assert f"rec/share/{use.uuid}" in page
    if post.until is not None:
        assert post.until > now
        between = now + (post.until - now) / 2
        assert render(meeting, SITE, between) == post


def newest_unended(life: Life, now: datetime) -> Use | None:
    known = [use for use in life.uses if use.is_known and use.start <= now]
    newest = max(known, key=lambda use: (use.start, use.uuid), default=None)
    return None if newest is None or newest.is_end_told else newest


def expected_running(life: Life, now: datetime) -> tuple[bool, bool]:
    """Return whether the page says Live, and whether it says that the meeting may still be running."""
    use = newest_unended(life, now)
    if use is None:
        return False, False
    limit = use.start + timedelta(hours=24)
    if not life.dates:
        live_until = use.start + 90 * MINUTE
        return (False, False) if life.is_room else (now < live_until, live_until <= now < limit)
    held = [date for date in life.dates if date.available]
    if use.date is None or use.date not in held:
        return False, False
    if (life.is_room or (life.is_webinar and life.has_practice)) and now < use.date.start:
        return False, False
    following = [date.start - timedelta(hours=1) for date in held if date.start > use.date.start]
    live_until = use.date.end + 30 * MINUTE
    return now < live_until, live_until <= now < min([limit, *following])


def check_live_bounds(life: Life, now: datetime, page: str) -> None:
    """Check what holds even where an instance may be of either of two dates."""
    use = newest_unended(life, now)
    if LIVE in page or MAY_RUN in page:
        assert use is not None
        assert now < use.start + timedelta(hours=24)
        assert now < max(date.end for date in life.dates) + 30 * MINUTE or MAY_RUN in page
    elif use is not None and use.date is not None and use.date.start <= use.start and not life.has_practice:
        assert now < use.start or now >= use.date.end
