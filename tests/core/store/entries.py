"""Lines of the log, made for tests."""

from typing import Any

from core.model.fold import position
from core.model.identity import own_account_id
from core.store.db.engine import Store
from core.store.events.log import Entry, Outcome
from core.store.events.request import Request
from core.zoom.envelope import digest, parse
from tests.core.events import event, raw


def entry(
    store: Store,
    payload: dict[str, Any] | None = None,
    *,
    site_id: str | None = "s1",
    received_at: int = 1000,
    outcome: Outcome = Outcome.PENDING,
) -> Entry:
    body = raw(payload or event())
    envelope = parse(body)
    mark, account_id = digest(envelope), envelope.payload.account_id
    if account_id is None and site_id is not None:
        mark, account_id = f"{site_id}:{mark}", own_account_id(site_id)
    return Entry(
        digest=mark,
        account_id=account_id or "",
        number=envelope.number,
        event=envelope.event,
        position=position(envelope, mark, received_at=received_at),
        received_at=received_at,
        site_id=site_id,
        request_id="r",
        request=Request({"x-zm-request-id": "r"}, body).sealed(store.sealer),
        outcome=outcome,
    )
