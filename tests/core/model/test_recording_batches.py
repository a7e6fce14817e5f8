"""Batches: what one says of an instance, as an event of its meeting; and what the log says of the batch."""

import json

import pytest

from core.model import recording_batches
from core.model.fold import Change, fold, position
from core.model.instance_events import named_instances
from core.zoom.envelope import Envelope, digest, parse
from tests.core.events import ACCOUNT, NUMBER, raw

ABOUT = {"meetings": [{"meeting_uuid": "u", "recording_file_ids": ["f", "g"]}, {"meeting_uuid": "v"}]}


def batch(name: str = "recording.batch_deleted", **more: object) -> Envelope:
    payload = {"account_id": ACCOUNT, "operator": "admin@example.com", "object": ABOUT, **more}
    return parse(raw({"event": name, "event_ts": 5, "payload": payload}))


def part(one: Envelope, uuid: str = "u", number: int = NUMBER) -> bytes:
    return recording_batches.event_of_instance(one, digest(one), uuid=uuid, number=number, at=5)


class TestPart:
    def test_says_the_same_of_one_instance_of_one_meeting(self) -> None:
        said = parse(part(batch()))
        assert (said.event, said.happened_at, said.number) == ("recording.batch_deleted", 5, NUMBER)
        assert said.payload.account_id == ACCOUNT
        assert named_instances(said) == {"u": ["f", "g"]}
        assert named_instances(parse(part(batch(), "v"))) == {"v": []}

    def test_names_nobody(self) -> None:
        assert b"admin" not in part(batch())

    def test_is_one_event_however_often_it_is_made_and_another_for_all_else(self) -> None:
        one = batch()
        made = [part(one), part(one, "v"), part(one, number=7), part(batch(operation="other"))]
        assert digest(parse(part(one))) == digest(parse(made[0]))
        assert len({digest(parse(each)) for each in made}) == len(made)

    def test_takes_the_time_when_its_batch_happened(self) -> None:
        """Also where Zoom did not say when that was."""
        said = parse(recording_batches.event_of_instance(batch(), "d", uuid="u", number=NUMBER, at=77))
        assert position(said, digest(said), received_at=1).at == 77

    def test_is_folded_as_any_event_of_the_meeting(self) -> None:
        files = [{"id": "f"}, {"id": "g"}]
        payload = {"account_id": ACCOUNT, "object": {"id": NUMBER, "uuid": "u", "recording_files": files}}
        completed = parse(raw({"event": "recording.completed", "event_ts": 1, "payload": payload}))
        said = parse(part(batch()))
        told = [Change(position(one, digest(one), received_at=0), one) for one in (said, completed)]
        meeting = fold(ACCOUNT, NUMBER, told)
        assert meeting is not None
        assert meeting.recordings == {}

    def test_without_an_account_has_none(self) -> None:
        assert "account_id" not in json.loads(part(batch(account_id=None)))["payload"]


@pytest.mark.parametrize(
    ("every", "known", "said"),
    [
        (1, 1, "It names 1 recording. 1 has an event of its own in the log of its meeting."),
        (
            3,
            2,
            "2 have events of their own in the logs of their meetings. 1 belongs to no known meeting yet",
        ),
        (2, 0, "It names 2 recordings. 2 belong to no known meeting yet and are pending"),
    ],
)
def test_reason_tells_what_became_of_it(every: int, known: int, said: str) -> None:
    assert said in recording_batches.reason(every, known)
    assert ("pending" in recording_batches.reason(every, known)) is (known < every)
