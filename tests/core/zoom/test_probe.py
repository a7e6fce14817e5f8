"""The meeting of the test: it is read as any other, and can be none."""

import json
from datetime import UTC, datetime

from core.model.meeting import Meeting
from core.zoom import envelope
from core.zoom.probe import FIRST_NUMBER, LAST_NUMBER, ProbeEvents, is_probe, probe_account_id

AT = datetime(2026, 3, 3, 18, tzinfo=UTC)
TRIAL = ProbeEvents("s1", FIRST_NUMBER + 7, "5f3c9a1b")


class TestTrial:
    def test_is_read_as_any_event(self) -> None:
        told = envelope.parse(TRIAL.created(AT))
        assert (told.event, told.number) == ("meeting.created", TRIAL.number)
        assert told.payload.object is not None
        assert Meeting("a", 1, object=told.payload.object).is_complete
        for body, name in (
            (TRIAL.deleted(AT), "meeting.deleted"),
            (TRIAL.permanently_deleted(AT), "meeting.permanently_deleted"),
        ):
            told = envelope.parse(body)
            assert (told.event, told.number) == (name, TRIAL.number)
            assert told.payload.account_id == TRIAL.account_id

    def test_is_the_same_when_it_is_made_again(self) -> None:
        """After a restart it is not kept what was sent, but what it was made of."""
        again = ProbeEvents("s1", TRIAL.number, TRIAL.token)
        assert again.created(AT) == TRIAL.created(AT)

    def test_has_a_number_that_zoom_never_gives(self) -> None:
        assert len(str(FIRST_NUMBER)) == len(str(LAST_NUMBER)) == 15
        assert LAST_NUMBER < 10**15, "what the envelope and the plugin take"

    def test_belongs_to_an_account_of_its_own(self) -> None:
        assert is_probe(probe_account_id("s1"))
        assert probe_account_id("s1") != probe_account_id("s2")
        for real in ("SampleAccount0000000AA", "", None):
            assert not is_probe(real)

    def test_bytes_do_not_survive_being_decoded_and_encoded_again(self) -> None:
        """So whatever does that on the way is found."""
        body = TRIAL.created(AT)
        document = json.loads(body)
        for ascii_only in (True, False):
            for separators in ((",", ":"), (", ", ": ")):
                again = json.dumps(document, ensure_ascii=ascii_only, separators=separators).encode()
                assert again != body
        assert b"\\uD83D\\uDE92" in body
        assert "…".encode() in body
