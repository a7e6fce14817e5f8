"""What the tables hold after events with every excluded field filled: people and keys in the encrypted log alone."""

import json
from typing import Any

import pytest
from sqlalchemy import inspect, text

from core.errors import StoreError
from core.model.fold import acts_on
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.retention import Retention
from core.store.db.encryption import Sealer
from core.store.db.engine import Store
from core.store.events import log
from core.store.events.log import Outcome
from core.store.meetings import meetings
from tests.core.clock import Clock
from tests.core.events import ACCOUNT, NOW, NUMBER, event
from tests.core.model.test_state_fields import EXCLUDED, MARK, PERSON
from tests.core.store.entries import entry

LINK = f"https://us02web.zoom.us/j/{NUMBER}?pwd=opens-the-meeting"
SECRETS = (LINK, "opens-the-meeting", "singing4us", "rec/share/of-the-choir", "watch4us")
DAY = 24 * 3600


def whole_life() -> list[dict[str, Any]]:
    """Return a life of a meeting whose host pasted the invitation into topic and agenda."""
    at = (NOW - 40 * DAY) * 1000
    filled = {**EXCLUDED, "join_url": LINK, "password": "singing4us", "agenda": f"{LINK} singing4us"}
    recording: dict[str, Any] = {
        "uuid": "u",
        "start_time": "2026-03-01T10:00:00Z",
        "share_url": "https://zoom.us/rec/share/of-the-choir",
        "password": "watch4us",
        "recording_files": [{"id": "f", "play_url": MARK}],
        "participant_audio_files": [{"id": "p", "file_name": MARK}],
    }
    person: dict[str, Any] = {"user_name": MARK, "email": PERSON, "id": "p1"}
    topic = f"Choir {LINK} singing4us"
    operator: dict[str, Any] = {"operation": "all", "operator": PERSON}
    return [
        event("meeting.created", at, payload=operator, topic=topic, type=8, duration=60, **filled),
        event("meeting.updated", at + 1, payload={"scope": "all"}, **filled),
        event("snapshot", at + 2, topic=topic, type=8, duration=60, **filled),
        event("meeting.started", at + 3, uuid="u", topic=topic, type=8, **EXCLUDED),
        event("meeting.ended", at + 4, uuid="u", topic=topic, type=8, **EXCLUDED),
        event("meeting.registration_created", at + 5, registrant={**person, "status": "approved"}),
        event("meeting.sharing_started", at + 6, participant=person),
        event("meeting.summary_shared", at + 7, share_with_users=[{"user_email": PERSON}]),
        event("recording.completed", at + 8, **recording),
    ]


def columns(store: Store) -> dict[str, list[bytes]]:
    """Return the values of every column of every table, as bytes."""
    found: dict[str, list[bytes]] = {}
    with store.engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f"SELECT * FROM {table}")).mappings():
                for name, value in row.items():
                    found.setdefault(f"{table}.{name}", []).append(as_bytes(value))
    return found


def as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def opened(sealer: Sealer, value: bytes) -> bytes:
    try:
        return sealer.open(value)
    except StoreError:
        return value


@pytest.fixture
def filled(store: Store) -> Store:
    at = (NOW - 40 * DAY) * 1000
    entries = [
        entry(
            store,
            one,
            received_at=at,
            outcome=Outcome.PENDING if acts_on(one["event"]) else Outcome.IGNORED,
        )
        for one in whole_life()
    ]
    store.write(lambda connection: log.append(connection, entries))
    while FoldWorker(store, clock=Clock(NOW)).fold_pending():
        pass
    return store


@pytest.mark.parametrize("is_rebased", [False, True])
class TestTables:
    def test_hold_people_and_keys_in_the_log_alone(self, filled: Store, is_rebased: bool) -> None:
        if is_rebased:
            Retention(filled, days=30, clock=Clock(NOW)).drop()
        for name, values in columns(filled).items():
            for value in values:
                assert MARK.encode() not in value, name
                if name != "events.request":
                    assert MARK.encode() not in opened(filled.sealer, value), name

    def test_hold_links_and_passcodes_encrypted(self, filled: Store, is_rebased: bool) -> None:
        if is_rebased:
            Retention(filled, days=30, clock=Clock(NOW)).drop()
        for name, values in columns(filled).items():
            for secret in SECRETS:
                assert not [value for value in values if secret.encode() in value], (name, secret)
        with filled.reading() as connection:
            stored = meetings.load(connection, filled.sealer, ACCOUNT, NUMBER)
            assert (meetings.load_base(connection, filled.sealer, ACCOUNT, NUMBER) is not None) is is_rebased
        assert stored is not None
        assert (stored[0].join_url, stored[0].password) == (LINK, "singing4us")
        assert set(stored[0].secrets) >= {LINK, "singing4us", "watch4us"}


class TestLog:
    def test_loses_the_people_in_time(self, filled: Store) -> None:
        Retention(filled, names_days=30, clock=Clock(NOW)).drop()
        with filled.reading() as connection:
            changes, _ = log.changes_of(connection, filled.sealer, ACCOUNT, NUMBER, pending_only=False)
        bodies = [change.envelope.model_dump_json() for change in changes]
        assert len(bodies) > 5
        assert not [body for body in bodies if "meeting_invitees" in body or "contact_email" in body]
        assert not [body for body in bodies if "interpreters" in body or '"participants"' in body]
