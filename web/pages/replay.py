"""The page of a replay before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core.errors import TooManyJobsError, UnknownEventError
from core.pipeline import replay
from core.store.db import clock as store_clock
from web.pages.events import PARAMETERS, EventQuery, parse_query
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.pipeline.replay import ReplayPreview
    from core.store.jobs import Job


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A replay before it starts. `problem`: why it was not started; `fields` are the hidden fields of the form."""

    preview: ReplayPreview
    query: EventQuery
    event_id: int | None
    parameters: dict[str, str]
    fields: dict[str, str]
    problem: str


class ReplayHandler(PageHandler):
    """`GET /events/replay` previews a replay; `POST` starts it."""

    path = "/events"

    async def get(self) -> None:
        await self._show({name: self.get_query_argument(name, "") for name in (*PARAMETERS, "id")})

    async def post(self) -> None:
        """Start the job, and redirect to its page."""
        values = {name: self.get_body_argument(name, "") for name in (*PARAMETERS, "id")}
        requested = parse_query(values, of_site=self.site_id)
        if requested.errors:
            await self._show(values)
            return
        try:
            job = await self.blocking(
                partial(
                    _enqueue, self.bridge, requested, _id(values), of_site=self.site_id, name=self.viewer.name
                )
            )
        except TooManyJobsError as error:
            await self._show(values, problem=str(error))
        except UnknownEventError:
            self.go("/events", gone="yes")
        else:
            self.go(f"/jobs/{job.id}")

    async def _show(self, values: dict[str, str], *, problem: str = "") -> None:
        requested = parse_query(values, of_site=self.site_id)
        if requested.errors:
            self.go(
                "/events", **{name: value for name, value in values.items() if name in PARAMETERS and value}
            )
            return
        event_id = _id(values)
        try:
            preview = await self.blocking(partial(_preview, self.bridge, requested, event_id))
        except UnknownEventError:
            self.go("/events", gone="yes")
            return
        query = requested.query(of_site=self.site_id)
        view = ReplayView(
            preview=preview,
            query=requested,
            event_id=event_id,
            parameters=query,
            fields={"id": str(event_id)} if event_id is not None else query,
            problem=problem,
        )
        self.show("pages/replay.jinja", view, status=422 if problem else 200)


def _id(values: dict[str, str]) -> int | None:
    text = values.get("id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None  # noqa: PLR2004 (digits)


def _preview(bridge: Bridge, requested: EventQuery, event_id: int | None) -> ReplayPreview:
    with bridge.store.reading() as connection:
        return replay.preview(
            connection, wanted=requested.wanted, event_id=event_id, refused=requested.refused
        )


def _enqueue(
    bridge: Bridge, requested: EventQuery, event_id: int | None, *, of_site: str | None, name: str
) -> Job:
    _preview(bridge, requested, event_id)  # raises if a single event may not be seen
    with bridge.store.reading() as connection:
        now = store_clock.now(connection)
    return replay.enqueue_replay(
        bridge.job_runner,
        wanted=requested.wanted,
        event_id=event_id,
        refused=requested.refused,
        now=now,
        site_id=of_site,
        requested_by=name,
    )
