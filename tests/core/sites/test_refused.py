"""What the quarantine tells of who signed."""

from core.sites.refused import Refused, refused
from core.store.events.quarantine import QuarantinedRequest
from core.store.events.request import Request
from core.zoom.probe import REQUEST
from core.zoom.signature import Secret
from tests.core.events import NOW, SECRET, event, raw, signed

SAVED = [Secret(SECRET)]


def held(
    *, secret: str = SECRET, signed_at: float = NOW, came_at: float = NOW, request_id: str = "zoom-1"
) -> QuarantinedRequest:
    body = raw(event())
    headers = {**signed(body, secret=secret, at=signed_at), "x-zm-request-id": request_id}
    return QuarantinedRequest(1, "s1", "Site", int(came_at * 1000), "", Request(headers, body))


class TestRefused:
    def test_tells_another_secret_from_a_clock_that_is_off(self) -> None:
        found = refused([held(secret="another"), held(signed_at=NOW - 900), held(secret="third")], SAVED)
        assert (found.wrong, found.stale, found.seconds) == (2, 1, 900)

    def test_leaves_out_the_tests_own(self) -> None:
        assert refused([held(secret="another", request_id=f"{REQUEST}1")], SAVED) == Refused()

    def test_leaves_out_what_verifies_by_now(self) -> None:
        assert refused([held()], SAVED) == Refused()


class TestMatters:
    def test_only_what_came_after_all_went_well(self) -> None:
        """Anybody can post rubbish that looks like Zoom's."""
        found = refused([held(secret="another", came_at=NOW)], SAVED)
        assert found.matters(None, None)
        assert found.matters(NOW * 1000 - 1, None)
        assert not found.matters(None, NOW * 1000 + 1)
        assert not Refused().matters(None)
