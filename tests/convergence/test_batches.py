"""Events about many recordings at once, which name no meeting: whatever comes first, the meetings are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from core.model.instance_events import BATCHES
from core.pipeline.retention import Retention
from core.store.db.schema import events, recording_batch_items
from core.store.db.schema import recording_instances as instances_table
from core.store.events import log
from core.store.events import recordings as recording_files
from core.store.meetings import meetings
from tests.convergence.world import World
from tests.convergence.zoom_double import ACCOUNT
from tests.examples import BATCH_ORDERS, FIXED_SEED, SOAK, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer
    from core.store.events.recordings import Batch
    from tests.convergence.ground import Ground

DAY = 24 * 3600.0
FIRST = 1_767_603_600_000  # ms
NUMBERS = (91, 92)
UUIDS = ("u/1==", "u+2==", "u3==")
FILES = ("audio", "video")
SETTINGS = settings(
    deadline=None, derandomize=FIXED_SEED, suppress_health_check=list(HealthCheck), print_blob=True
)

Told = dict[str, Any]


def single(verb: str, at: int, number: int, uuid: str, files: tuple[str, ...] = FILES) -> Told:
    about = {"id": number, "uuid": uuid, "recording_files": [{"id": name} for name in files]}
    payload = {"account_id": ACCOUNT, "object": about}
    return {"event": f"recording.{verb}", "event_ts": FIRST + at, "payload": payload}


def batch(verb: str, at: int, *uuids: str, files: tuple[str, ...] | None = None) -> Told:
    """Make what Zoom sends: trashed recordings by their uuid alone, others with the files that are meant."""
    about: Told = {"meeting_uuids": list(uuids)}
    if files is not None:
        about = {"meetings": [{"meeting_uuid": uuid, "recording_file_ids": list(files)} for uuid in uuids]}
    payload = {"account_id": ACCOUNT, "operator": "admin@example.com", "object": about}
    return {"event": f"recording.batch_{verb}", "event_ts": FIRST + at, "payload": payload}


_SOME_FILES = st.sampled_from([FILES, FILES, FILES[:1], FILES[1:]])
_MOMENTS = st.integers(1, 6)
_SINGLES = st.builds(
    single,
    st.sampled_from(["completed", "completed", "trashed", "recovered", "deleted"]),
    _MOMENTS,
    st.sampled_from(NUMBERS),
    st.sampled_from(UUIDS),
    _SOME_FILES,
)
_BATCHES = st.builds(
    lambda verb, at, uuids, files: batch(verb, at, *uuids, files=files),
    st.sampled_from(["trashed", "recovered", "deleted"]),
    _MOMENTS,
    st.lists(st.sampled_from(UUIDS), min_size=1, max_size=3, unique=True),
    st.none() | _SOME_FILES,
)
HISTORIES = st.lists(_SINGLES | _BATCHES, min_size=2, max_size=8, unique_by=str)


def expected(told: list[Told], number: int) -> dict[str, dict[str, str]]:
    """Say what is there of a meeting's recordings, file by file: by the rule alone, with nothing of the bridge's."""
    ranks = (
        "completed",
        "trashed",
        "batch_trashed",
        "recovered",
        "batch_recovered",
        "deleted",
        "batch_deleted",
    )
    held: dict[str, dict[str, str]] = {}
    for one in sorted(told, key=lambda one: (one["event_ts"], ranks.index(one["event"].partition(".")[2]))):
        verb = one["event"].partition(".")[2].removeprefix("batch_")
        about = one["payload"]["object"]
        if "uuid" in about:
            if about["id"] != number:
                continue
            named = {about["uuid"]: [file["id"] for file in about["recording_files"]]}
            if verb in ("completed", "recovered"):
                files = held.setdefault(about["uuid"], {})
                files.update(dict.fromkeys(named[about["uuid"]], "available"))
                continue
        else:
            named = {uuid: [] for uuid in about.get("meeting_uuids", [])}
            named |= {item["meeting_uuid"]: item["recording_file_ids"] for item in about.get("meetings", [])}
        for uuid, names in named.items():
            for name in [name for name in names or FILES if name in held.get(uuid, {})]:
                held[uuid][name] = {"recovered": "available"}.get(verb, verb)
            left = {name: state for name, state in held.pop(uuid, {}).items() if state != "deleted"}
            if left:
                held[uuid] = left
    return held


def shown(world: World, number: int) -> dict[str, dict[str, str]]:
    with world.store.reading() as connection:
        found = meetings.load(connection, world.store.sealer, ACCOUNT, number)
    if found is None:
        return {}
    recordings = found[0].recordings
    for one in recordings.values():
        states = {file["state"] for file in one["files"].values()}
        assert one["state"] == ("available" if "available" in states else "trashed")
    return {
        uuid: {name: file["state"] for name, file in one["files"].items()} for uuid, one in recordings.items()
    }


def fold_all(world: World) -> None:
    while world.fold():
        pass


@pytest.fixture
def world(ground: Ground) -> Iterator[World]:
    made = World(ground)
    yield made
    made.close()


class TestAnyOrder:
    @pytest.mark.timeout(0 if SOAK else 900)
    def test_gives_the_same_meetings(self, ground: Ground, database_kind: str) -> None:
        progress = Progress(f"orders of batches on {database_kind}", BATCH_ORDERS[database_kind].now)

        @settings(SETTINGS, max_examples=BATCH_ORDERS[database_kind].now)
        @given(told=HISTORIES, chance=st.randoms(use_true_random=False))
        def gives_the_same(told: list[Told], chance: Random) -> None:
            progress.one_more()
            world = World(ground)
            try:
                self._in_some_order(world, told, chance)
            finally:
                world.close()

        gives_the_same()
        progress.over()

    @staticmethod
    def _in_some_order(world: World, told: list[Told], chance: Random) -> None:
        order = told + chance.choices(told, k=chance.randrange(3))
        chance.shuffle(order)
        for one in order:
            world.deliver(one)
            if chance.random() < 0.5:
                world.fold()
            if chance.random() < 0.2:
                world.crash()
            if world.is_shared and chance.random() < 0.3:
                world.turn()
        fold_all(world)
        for number in NUMBERS:
            assert shown(world, number) == expected(told, number)
        with world.store.reading() as connection:
            lines = log.latest(connection, 1000)
        for line in lines:
            assert line.outcome == ("ignored" if line.number is None else "applied")
            assert (line.number is None) <= (line.event in BATCHES)


class TestRecordingThatIsKnownLater:
    def test_is_never_shown_where_a_batch_had_taken_it_away(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not even for the moment between two steps of the fold: visitors would see it."""
        world.deliver(batch("trashed", 5, *UUIDS))
        fold_all(world)
        kept: list[str] = []
        save = meetings.save

        def noting(connection: Any, sealer: Any, meeting: Any, **more: Any) -> bool:
            kept.extend(one["state"] for one in meeting.recordings.values())
            return save(connection, sealer, meeting, **more)

        monkeypatch.setattr(meetings, "save", noting)
        world.deliver(single("completed", 1, NUMBERS[0], UUIDS[0]))
        fold_all(world)
        assert kept == ["trashed"]

    def test_is_told_of_at_the_batch(self, world: World) -> None:
        def reason() -> str | None:
            with world.store.reading() as connection:
                return next(line.reason for line in log.latest(connection, 9) if line.number is None)

        world.deliver(batch("trashed", 5, *UUIDS[:2]))
        fold_all(world)
        assert reason() == (
            "It names 2 recordings. 2 belong to no known meeting yet and are pending until Zoom sends those meetings."
        )
        world.deliver(single("completed", 1, NUMBERS[0], UUIDS[0]))
        fold_all(world)
        assert (reason() or "").startswith(
            "It names 2 recordings. 1 has an event of its own in the log of its meeting. 1 belongs to no known meeting"
        )
        world.deliver(single("completed", 1, NUMBERS[1], UUIDS[1]))
        fold_all(world)
        assert reason() == "It names 2 recordings. 2 have events of their own in the logs of their meetings."

    def test_the_order_shows_where_a_recording_does_not_look_for_batches(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """These tests can fail."""
        monkeypatch.setattr(recording_files, "add_instances", lambda *_, **__: False)
        told = [batch("trashed", 5, UUIDS[0]), single("completed", 1, NUMBERS[0], UUIDS[0])]
        for one in told:
            world.deliver(one)
            fold_all(world)
        assert shown(world, NUMBERS[0]) != expected(told, NUMBERS[0])


class TestRetention:
    def retention(self, world: World) -> Retention:
        return Retention(world.store, clock=world.clock, days=30, events=10**9)

    def rows(self, world: World, table: Any) -> list[Any]:
        with world.store.reading() as connection:
            return list(connection.execute(select(table)))

    def test_a_recording_is_found_when_its_events_are_gone(self, world: World) -> None:
        world.deliver(single("completed", 1, NUMBERS[0], UUIDS[0]))
        fold_all(world)
        world.clock.forward(400 * DAY)
        assert self.retention(world).drop() == 1
        world.deliver(batch("trashed", 5, UUIDS[0]))
        fold_all(world)
        assert shown(world, NUMBERS[0]) == {UUIDS[0]: dict.fromkeys(FILES, "trashed")}

    def test_what_a_batch_did_stays_when_it_is_gone(self, world: World) -> None:
        world.deliver(single("completed", 1, NUMBERS[0], UUIDS[0]))
        world.deliver(batch("trashed", 5, UUIDS[0]))
        fold_all(world)
        world.clock.forward(400 * DAY)
        assert self.retention(world).drop() == 3
        assert self.rows(world, recording_batch_items) == []
        world.deliver(batch("recovered", 6, UUIDS[0], files=FILES[:1]))
        fold_all(world)
        assert shown(world, NUMBERS[0]) == {UUIDS[0]: {"audio": "available", "video": "trashed"}}

    def test_what_is_deleted_for_good_is_not_remembered(self, world: World) -> None:
        world.deliver(single("completed", 1, NUMBERS[0], UUIDS[0]))
        world.deliver(single("completed", 2, NUMBERS[0], UUIDS[1]))
        world.deliver(batch("deleted", 5, UUIDS[0]))
        fold_all(world)
        world.clock.forward(400 * DAY)
        self.retention(world).drop()
        assert [row.uuid for row in self.rows(world, instances_table)] == [UUIDS[1]]


class TestFailure:
    def test_one_that_cannot_be_taken_apart_stops_no_other_and_no_meeting(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        split = recording_files.split_batch

        def split_but_one(connection: Connection, sealer: Sealer, one: Batch) -> list[log.Entry]:
            if one.at == FIRST + 5:
                raise ZeroDivisionError("a mistake of ours")
            return split(connection, sealer, one)

        monkeypatch.setattr(recording_files, "split_batch", split_but_one)
        world.deliver(batch("trashed", 5, UUIDS[0]))
        world.deliver(batch("trashed", 6, UUIDS[1]))
        world.deliver(batch("trashed", 7, UUIDS[2]))
        broken = update(events).where(events.c.at == FIRST + 6).values(request=b"of another key")
        world.store.write(lambda connection: connection.execute(broken))
        world.deliver(single("completed", 1, NUMBERS[0], UUIDS[0]))
        fold_all(world)
        with world.store.reading() as connection:
            lines = log.latest(connection, 9)
        assert [line.outcome for line in lines[::-1]] == ["failed", "failed", "ignored", "applied"]
        assert shown(world, NUMBERS[0]) == {UUIDS[0]: dict.fromkeys(FILES, "available")}

    @pytest.mark.parametrize("database_kind", ["sqlite"])
    def test_one_that_no_key_opens_stops_only_the_meeting_that_it_names(self, world: World) -> None:
        world.deliver(batch("trashed", 5, UUIDS[0]))
        fold_all(world)
        broken = update(events).values(request=b"of another key")
        world.store.write(lambda connection: connection.execute(broken))
        world.deliver(single("completed", 6, NUMBERS[0], UUIDS[0]))
        world.deliver(single("completed", 6, NUMBERS[1], UUIDS[1]))
        fold_all(world)
        with world.store.reading() as connection:
            lines = log.latest(connection, 9)
        assert {line.number: line.outcome for line in lines} == {
            None: "ignored", NUMBERS[0]: "failed", NUMBERS[1]: "applied",
        }  # fmt: skip
