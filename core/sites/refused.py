"""What the requests in quarantine tell of who signed them: another secret, or a clock that is off. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import SignatureError, StaleSignatureError
from core.zoom import signature
from core.zoom.probe import REQUEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.store.events.quarantine import QuarantinedRequest
    from core.zoom.signature import Secret


@dataclass(frozen=True, slots=True)
class Refused:
    """How many requests were refused lately, and why.

    `wrong` were signed with none of the secrets that are saved now; `stale` with one of them, but at a time that
    was `seconds` before (or, where negative, after) this machine's. `newest_at` (ms since 1970, UTC) is when the
    last of either came; 0 where there is none.
    """

    wrong: int = 0
    stale: int = 0
    seconds: int = 0
    newest_at: int = 0

    def matters(self, *well_at: int | None) -> bool:
        """Whether the last one was refused after all went well, at the last of the given moments.

        Anybody may post what looks like Zoom's; what counts is whether Zoom's own still comes through.
        """
        return self.newest_at > max((moment or 0 for moment in well_at), default=0)


def refused(held: Sequence[QuarantinedRequest], secrets: Sequence[Secret]) -> Refused:
    """Return what the requests that are held tell; those of the test are left out."""
    wrong = stale = seconds = newest = 0
    for item in held:
        if item.request.headers.get("x-zm-request-id", "").startswith(REQUEST):
            continue
        try:
            signature.verify(item.request.headers, item.request.body, secrets, now=item.received_at / 1000)
        except StaleSignatureError as error:
            stale += 1
            seconds = error.seconds
        except SignatureError:
            wrong += 1
        else:
            continue  # it verifies by now, and is about to be let out
        newest = max(newest, item.received_at)
    return Refused(wrong, stale, seconds, newest)
