"""The Held pages page: what a run would move to the trash, and an administrator decides about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core.accounts import held_decisions
from core.errors import TooManyJobsError
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import removals
from core.store.sites import sites
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.store.accounts.removals import Removal
    from core.store.db.settings import TrashLimits

_MOST = 1000
_MOST_DECISIONS = 50
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class HeldMeeting:
    """A meeting whose pages are held, with the names of their sites. `found_at` is in Unix milliseconds (UTC)."""

    number: int
    topic: str
    site_names: list[str]
    found_at: int


@dataclass(frozen=True, slots=True)
class HeldAccount:
    """The held meetings of an account."""

    id: str
    name: str
    meetings: list[HeldMeeting]


@dataclass(frozen=True, slots=True)
class Decision:
    """A removal that an administrator decided, with the name of its site."""

    removal: Removal
    site_name: str


@dataclass(frozen=True, slots=True)
class HeldPagesView:
    """The held meetings by account, and the latest decisions.

    `done`: dismissed; decided, where some of them were not held any more; or none, where nothing was selected.
    """

    accounts: list[HeldAccount]
    decisions: list[Decision]
    limits: TrashLimits
    has_more: bool
    done: str
    problem: str


class HeldPagesHandler(PageHandler):
    """`GET /accounts/held` lists held pages; `POST` trashes the selected ones, or leaves them."""

    path = "/accounts"

    async def prepare(self) -> None:
        """Allow viewers of every site only."""
        await super().prepare()
        self.require_every_site()

    async def get(self) -> None:
        await self._show(done=self.get_query_argument("done", ""))

    async def post(self) -> None:
        """Decide about the selected meetings of one account."""
        account_id = self.get_body_argument("account", "")[:_LONGEST]
        selected = self.get_body_arguments("meeting")[:_MOST]
        numbers = {int(one) for one in selected if re.fullmatch(r"[0-9]{1,15}", one)}
        decision = self.get_body_argument("do", "")
        if not numbers or decision not in ("approve", "dismiss"):
            self.go("/accounts/held", done="none")
            return
        bridge, name = self.bridge, self.viewer.name
        if decision == "dismiss":
            dismissed = await self.blocking(
                partial(held_decisions.dismiss, bridge.store, bridge.job_runner, account_id, numbers, by=name)
            )
            self.go("/accounts/held", done="dismissed" if dismissed == len(numbers) else "decided")
            return
        try:
            job = await self.blocking(
                partial(held_decisions.approve, bridge.store, bridge.job_runner, account_id, numbers, by=name)
            )
        except TooManyJobsError as error:
            await self._show(status=422, problem=self.translated(error))
            return
        self.go(f"/jobs/{job.id}")

    async def _show(self, *, status: int = 200, done: str = "", problem: str = "") -> None:
        view = await self.blocking(partial(_view, self.bridge, done=done, problem=problem))
        self.show("pages/held-pages.jinja", view, status=status)


def _view(bridge: Bridge, *, done: str, problem: str) -> HeldPagesView:
    with bridge.store.reading() as connection:
        names = {site.id: site.name for site in sites.list_all(connection, bridge.store.sealer)}
        accounts = zoom_credentials.names(connection)
        held = removals.held(connection, limit=_MOST + 1)
        decided = removals.latest_decisions(connection, limit=_MOST_DECISIONS)
        limits = bridge.trash_limits.limits(connection)
        found = [
            HeldAccount(account_id, accounts.get(account_id, account_id), _meetings(held, account_id, names))
            for account_id in dict.fromkeys(one.account_id for one in held)
        ]
    return HeldPagesView(
        accounts=found,
        decisions=[Decision(one, names.get(one.site_id, "")) for one in decided],
        limits=limits,
        has_more=len(held) > _MOST,
        done=done if done in ("dismissed", "decided", "none") else "",
        problem=problem,
    )


def _meetings(held: list[Removal], account_id: str, names: dict[str, str]) -> list[HeldMeeting]:
    grouped: dict[int, list[Removal]] = {}
    for one in held[:_MOST]:
        if one.account_id == account_id:
            grouped.setdefault(one.number, []).append(one)
    return [
        HeldMeeting(
            number,
            some[0].topic,
            [names.get(one.site_id, "") for one in some],
            min(one.found_at for one in some),
        )
        for number, some in grouped.items()
    ]
