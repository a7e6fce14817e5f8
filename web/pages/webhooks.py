"""The Webhooks page: a site's endpoints, secret tokens, and status."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core.errors import TooManyTokensError, UnknownSiteError
from core.sites import secret_rotation
from core.store.events import quarantine
from core.store.posts import queue
from core.store.sites import sites, zoom_secrets
from core.zoom.signature import LONGEST_TOKEN, SHORTEST_TOKEN, Secret, is_token
from web.pages.page import PageHandler
from web.pages.subscription import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from babel.support import NullTranslations

    from core.bridge import Bridge
    from core.store.sites.sites import Site, SiteName
    from core.store.sites.zoom_secrets import SavedToken
    from web.pages.subscription import EventGroups

_FIELDS = (("secret_token", False), ("verification_token", True))


@dataclass(frozen=True, slots=True)
class WebhookStatus:
    """A site with its secret tokens, the number of quarantined requests that may be Zoom's, and withheld posts by reason."""

    site: Site
    tokens: list[SavedToken]
    held: int
    withheld: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class WebhooksView:
    """One site's endpoints, tokens and status. `mask` shortens a token; `errors` and `values` are by field.

    `confirm_token` is the ID of the token in use whose removal needs confirmation.
    """

    sites: list[SiteName]
    site: Site
    tokens: list[SavedToken]
    mask: Callable[[str], str]
    held: int
    withheld: list[tuple[str, int]]
    subscription: dict[str, EventGroups]
    done: str
    released: int
    errors: dict[str, str]
    values: dict[str, str]
    confirm_token: int | None


class WebhooksHandler(PageHandler):
    """`GET` shows the page; `POST` saves or removes a token, and rechecks the quarantine."""

    path = "/webhooks"

    async def get(self) -> None:
        await self._show(saved=self.get_query_argument("saved", ""), status=200, errors={}, values={})

    async def post(self) -> None:
        site_id = self.get_body_argument("site", None)
        site = (await self.select_site(site_id))[1]
        if site is None or site_id not in (None, site.id):
            self.go("/webhooks")  # the site that the form was for is gone: none other may be meant
        elif self.get_body_argument("remove", ""):
            await self._remove(site, self.get_body_argument("remove"))
        else:
            await self._save(site)

    async def _save(self, site: Site) -> None:
        values = {name: self.get_body_argument(name, "").strip() for name, _ in _FIELDS}
        errors = {
            name: problem
            for name, _ in _FIELDS
            if (problem := token_problem(self.words, values[name])) is not None
        }
        if not errors and not any(values.values()):
            errors["secret_token"] = secret_token_problem(self.words, "") or ""
        if errors:
            await self._show(saved="", status=422, errors=errors, values=values, site_id=site.id)
            return
        secrets = [Secret(values[name], is_token) for name, is_token in _FIELDS if values[name]]
        try:
            verified = await self.blocking(save_tokens, self.bridge, site.id, secrets)
        except TooManyTokensError as error:
            errors = {"secret_token": self.translated(error)}
            await self._show(saved="", status=422, errors=errors, values=values, site_id=site.id)
            return
        self.go("/webhooks", site=site.id, saved=f"token,{verified}")

    async def _remove(self, site: Site, token_id: str) -> None:
        if re.fullmatch(r"[0-9]{1,15}", token_id):
            rotation = await self.blocking(secret_rotation.load_rotation, self.bridge.store, site.id)
            if rotation.is_needed(int(token_id)) and not self.get_body_argument("sure", ""):
                await self._show(
                    saved="", status=422, errors={}, values={}, site_id=site.id, confirm_token=int(token_id)
                )
                return
            await self.blocking(remove_token, self.bridge, site.id, int(token_id))
        self.go("/webhooks", site=site.id, saved="removed")

    async def _show(
        self,
        *,
        saved: str,
        status: int,
        errors: dict[str, str],
        values: dict[str, str],
        site_id: str | None = None,
        confirm_token: int | None = None,
    ) -> None:
        every, site = await self.select_site(site_id or self.get_query_argument("site", None))
        if site is None:
            self.show("pages/no-sites.jinja")
            return
        state = await self.blocking(_status, self.bridge, site)
        done, _, count = saved.partition(",")
        view = WebhooksView(
            sites=every,
            site=state.site,
            tokens=state.tokens,
            mask=mask if self.viewer.may_change else hide,
            held=state.held,
            withheld=state.withheld,
            subscription=SUBSCRIPTION,
            done=done if done in ("token", "removed") else "",
            released=int(count) if re.fullmatch(r"[0-9]{1,6}", count) else 0,
            errors=errors,
            values=values,
            confirm_token=confirm_token,
        )
        self.show("pages/webhooks.jinja", view, status=status)


def mask(secret: str) -> str:
    """Mask a secret except for its last four characters."""
    return "•" * 8 + secret[-4:]


def hide(_secret: str) -> str:
    """Mask a secret entirely, for viewers."""
    return "•" * 8


def secret_token_problem(words: NullTranslations, value: str) -> str | None:
    """Return the error of a secret token as typed, where one is needed; None if it is valid."""
    return token_problem(words, value) if value else words.gettext("Paste the secret token from Zoom first.")


def token_problem(words: NullTranslations, value: str) -> str | None:
    """Return the error of a token as typed; None if it is valid or empty."""
    if not value:
        return None
    if is_token(value):
        return None
    if SHORTEST_TOKEN <= len(value) <= LONGEST_TOKEN or re.search(r"\s", value) or not value.isascii():
        return words.gettext(
            "A token contains no spaces or special characters. Copy it again from Zoom, and only the token."
        )
    return words.gettext("This is not a complete token. Copy it again from Zoom.")


def _status(bridge: Bridge, site: Site) -> WebhookStatus:
    with bridge.store.reading() as connection:
        try:
            site = sites.load(connection, site.id, bridge.store.sealer)
        except UnknownSiteError:
            return WebhookStatus(site, [], 0, [])  # removed since it was chosen; the next look says so
        return WebhookStatus(
            site,
            zoom_secrets.of_site(connection, site.id, bridge.store.sealer),
            quarantine.count_suspects(connection, site.id),
            queue.count_withheld(connection, site.id),
        )


def save_tokens(bridge: Bridge, site_id: str, secrets: Sequence[Secret]) -> int:
    """Save tokens of a site; returns how many quarantined requests they verify, which are accepted now.

    Raises: TooManyTokensError.
    """
    now = int(time.time() * 1000)
    for secret in secrets:
        keep = partial(zoom_secrets.save, site_id=site_id, secret=secret, sealer=bridge.store.sealer, now=now)
        bridge.store.write(keep)
    return bridge.ingest.recheck(site_id).verified


def remove_token(bridge: Bridge, site_id: str, token_id: int) -> None:
    """Remove a token of a site; requests that it signs are refused at once."""
    bridge.store.write(lambda connection: zoom_secrets.remove(connection, site_id, token_id))
    bridge.ingest.invalidate_secrets(site_id)
