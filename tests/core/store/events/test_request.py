"""A request comes back as it was, byte for byte."""

from hypothesis import given
from hypothesis import strategies as st

from core.store.db.encryption import Sealer
from core.store.events.request import Request
from tests.core.conftest import KEYS

SEALER = Sealer(KEYS)


class TestSealed:
    @given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3), st.binary())
    def test_opens_to_the_same(self, headers: dict[str, str], body: bytes) -> None:
        request = Request(headers, body)
        assert Request.opened(request.sealed(SEALER), SEALER) == request

    def test_hides_headers_and_body(self) -> None:
        sealed = Request({"authorization": "token"}, b"body").sealed(SEALER)
        assert b"token" not in sealed
        assert b"body" not in sealed
