"""The Sites page, and the page of one site with its setup checklist and self-test."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tornado.web import Finish

from core import bulk, messages
from core.bulk import BulkAction
from core.errors import (
    SiteFaultError,
    SiteTagError,
    TooManyJobsError,
    TooManySitesError,
    TooManyTokensError,
    UnknownSiteError,
    ZoomBridgeError,
)
from core.model import rules
from core.monitoring import site_list
from core.monitoring.site_list import LONGEST_SEARCH, SiteFilter, SiteSort, SiteState
from core.selftest import job as selftest_job
from core.selftest.later_changes import LaterChanges, later_changes
from core.sites import health_check, new_address, pairing_codes
from core.sites.address_approval import allow
from core.sites.diagnosis import RefusedRequests, Stage
from core.sites.disconnect import disconnect
from core.sites.key_rotation import rotate
from core.sites.preview import MOST_MEETINGS, PreviewOutcome, preview_rules
from core.sites.setup_steps import SetupFacts, SetupStep, StepState, is_complete, setup_checklist
from core.store.db import clock as store_clock
from core.store.events import quarantine
from core.store.sites import health, rules_templates, sites, zoom_secrets
from core.zoom.probe import probe_account_id
from core.zoom.signature import Secret
from web.pages import address_offer
from web.pages.add_site import requester
from web.pages.page import PageHandler
from web.pages.server_login import read_server_login
from web.pages.subscription import SUBSCRIPTION
from web.pages.webhooks import save_tokens, secret_token_problem
from web.signin import cookie
from web.ui.audit_labels import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from core.bridge import Bridge
    from core.model.health_facts import FactName, HealthFact
    from core.monitoring.site_list import SiteList
    from core.sites.pairing import Pairing, PairingCode
    from core.sites.preview import Preview
    from core.sites.setup_steps import SetupItem
    from core.store.audit import Action
    from core.store.jobs import Job
    from core.store.sites.rules_templates import RulesTemplate
    from core.store.sites.sites import Site, SiteName
    from web.pages.address_offer import OfferView
    from web.pages.subscription import EventGroups

# Until the setup is complete, a site is checked often while its page is open, so that the checklist updates itself.
_CHECK_SECONDS = 15
ON_A_PAGE = 50
MOST_PREVIEWED = 5
"""Sites whose changes a preview of copied rules shows."""
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """A site's health facts, setup steps, quarantined requests that may be Zoom's (`held`) and latest self-test.

    `later`: what has happened since that.
    """

    site: Site
    health: Mapping[FactName, HealthFact]
    lines: list[SetupItem]
    refused: RefusedRequests
    held: int
    report: selftest_job.SelfTestReport | None
    later: LaterChanges


@dataclass(frozen=True, slots=True)
class SitesView:
    """A page of the list of sites, its filter, and the viewer's open pairing codes with what each became.

    `gone`: what became of the site that the viewer came from. `parameters` are those of the filter, `previous` and `next`
    those of the pages beside this one. `problem` is why a bulk action was not begun, `tag` and `address` what was typed for it.
    """

    listed: SiteList
    filter: SiteFilter
    parameters: dict[str, str]
    number: int
    first: dict[str, str] | None
    previous: dict[str, str] | None
    next: dict[str, str] | None
    codes: list[tuple[PairingCode, list[Pairing]]]
    gone: str
    states: type[SiteState]
    sorts: type[SiteSort]
    longest_tag: int
    problem: str
    tag: str
    address: str
    chosen: frozenset[str]
    sources: Sequence[SiteName]
    templates: Sequence[RulesTemplate]

    @property
    def template_choices(self) -> list[tuple[str, str]]:
        """The templates of rules to choose from."""
        return [(one.name, one.name) for one in self.templates]

    @property
    def is_narrowed(self) -> bool:
        """Whether sites are left out."""
        return replace(self.filter, sort=SiteSort.STATE) != SiteFilter()


@dataclass(frozen=True, slots=True)
class CopyRulesView:
    """What rules of a site or of a template would change at other sites: at the first ones, and the number of the others.

    `source` is None where it is a template, whose name is `template`. `previewed` is the digest of the rules, `chosen` are
    the ids of all sites.
    """

    source: Site | None
    template: str
    previews: list[tuple[Site, Preview]]
    others: int
    chosen: list[str]
    previewed: str
    outcomes: type[PreviewOutcome]
    limit: int


@dataclass(frozen=True, slots=True)
class SiteView:
    """One site: its setup checklist, connection and self-test.

    `asks_addresses`: the viewer may allow the addresses inside a network that the site has.
    `released` counts quarantined events that a token which was just saved has verified.
    `asks_login`: the web server asks for a password of its own. `login_errors` and `login_username` are of that form,
    `tags`, `shown_tags` (those that it was filled with) and `tags_problem` of the one for tags.
    """

    site: Site
    health: Mapping[FactName, HealthFact]
    lines: list[SetupItem]
    refused: RefusedRequests
    held: int
    steps: type[SetupStep]
    is_complete: bool
    is_checking: bool
    subscription: dict[str, EventGroups]
    report: selftest_job.SelfTestReport | None
    later: LaterChanges
    actions: Mapping[Action, str]
    stages: type[Stage]
    done: str
    asks_login: bool
    login_errors: dict[str, str]
    login_username: str
    key_problem: str
    token_error: str
    released: int
    steps_done: int
    tags: str
    shown_tags: str
    tags_problem: str
    asks_addresses: bool


@dataclass(frozen=True, slots=True)
class DisconnectView:
    """The site that is about to be disconnected."""

    site: Site


class SitesHandler(PageHandler):
    """`/sites`: `GET` shows the list of sites, `POST` begins a bulk action with some of them."""

    path = "/sites"

    async def get(self) -> None:
        """Show the list; redirect viewers of one site to that."""
        if self.site_id is not None:
            self.go(f"/sites/{self.site_id}")
            return
        await self._show({name: self.get_query_argument(name, "") for name in PARAMETERS})

    async def post(self) -> None:
        """Begin a bulk action with the sites that are chosen, or with all that match the filter."""
        parameters = {name: self.get_body_argument(name, "") for name in PARAMETERS}
        chosen = frozenset(self.get_body_arguments("site"))
        is_all = bool(self.get_body_argument("all", ""))
        tag = self.get_body_argument("new_tag", "")[:_LONGEST]
        try:
            action = BulkAction(self.get_body_argument("do", ""))
        except ValueError:
            self.go("/sites", **to_query(parse_query(parameters)))
            return
        if not chosen and not is_all:
            await self._show(parameters, problem=self._chose_none, tag=tag)
            return
        if self.site_id is not None and action in (BulkAction.FOLLOW, BulkAction.UNFOLLOW):
            self.forbid(self.words.gettext("Templates of rules are managed at the bridge's own address."))
        address = self.get_body_argument("new_address", "")[: address_offer.LONGEST_ADDRESS]
        if action is BulkAction.OFFER:
            address_offer.require_bridge(self)
            try:
                address = new_address.read_address(address)
            except ZoomBridgeError as error:
                await self._show(parameters, problem=self.translated(error), address=address, chosen=chosen)
                return
            if not self.get_body_argument("sure", ""):
                await self._confirm_offer(parameters, address, chosen, is_all=is_all)
                return
        source = await self.named_site(self.get_body_argument("source", "")[:_LONGEST])
        template = self.get_body_argument("template", "")[:_LONGEST] if action is BulkAction.FOLLOW else ""
        is_previewed = bool(self.get_body_argument("previewed", ""))
        if action in (BulkAction.COPY, BulkAction.FOLLOW) and not is_previewed:
            view = await self.blocking(
                partial(
                    _preview_copy,
                    self.bridge,
                    source,
                    template,
                    parse_query(parameters) if is_all else None,
                    chosen,
                    viewer_site=self.site_id,
                )
            )
            if view is None:
                problem = self.words.gettext(
                    "Nothing was done: choose the site whose rules are copied, or a template."
                )
                await self._show(parameters, problem=problem, chosen=chosen)
            else:
                self.show("pages/copy-rules.jinja", view)
            return
        begin = partial(
            _begin,
            self.bridge,
            action,
            parse_query(parameters) if is_all else None,
            chosen,
            tag=tag,
            source=template or source,
            address=address,
            previewed=self.get_body_argument("previewed", "")[:_LONGEST],
            requested_by=self.viewer.name,
            viewer_site=self.site_id,
        )
        try:
            job = await self.blocking(begin)
        except (SiteTagError, TooManySitesError, TooManyJobsError) as error:
            await self._show(parameters, problem=self.translated(error), tag=tag, chosen=chosen)
            return
        self.go(f"/jobs/{job.id}")

    @property
    def _chose_none(self) -> str:
        return self.words.gettext("Nothing was done: choose at least one site.")

    async def _confirm_offer(
        self, parameters: dict[str, str], address: str, chosen: frozenset[str], *, is_all: bool
    ) -> None:
        """Ask whether an address of the bridge is to be offered to these sites."""
        wanted = parse_query(parameters) if is_all else None
        offered = await self.blocking(_confirm_offer, self.bridge, address, wanted, chosen)
        if offered.chosen:
            self.show("pages/offer-address.jinja", offered)
        else:
            await self._show(parameters, problem=self._chose_none, address=address)

    async def _show(
        self,
        parameters: dict[str, str],
        *,
        problem: str = "",
        tag: str = "",
        address: str = "",
        chosen: frozenset[str] = frozenset(),
    ) -> None:
        wanted = parse_query(parameters)
        number = _page_number(self.get_argument("page", ""))
        listed = await self.blocking(
            partial(
                _listed,
                self.bridge,
                wanted,
                site_id=self.site_id,
                offset=(number - 1) * ON_A_PAGE,
            )
        )
        codes = []
        if self.viewer.may_change:
            codes = await self.blocking(pairing_codes.open_codes, self.bridge.store, requester(self.viewer))
        templates = await self.blocking(_templates, self.bridge)
        query = to_query(wanted)
        has_more = number * ON_A_PAGE < listed.total
        view = SitesView(
            listed=listed,
            filter=wanted,
            parameters=query,
            number=number,
            first=query if number > 1 else None,
            previous=_paged(query, number - 1) if number > 1 else None,
            next=_paged(query, number + 1) if has_more else None,
            codes=codes,
            gone=self.get_query_argument("gone", ""),
            states=SiteState,
            sorts=SiteSort,
            longest_tag=sites.LONGEST_TAG,
            problem=problem,
            tag=tag,
            address=address,
            chosen=chosen,
            sources=listed.names,
            templates=templates,
        )
        self.show("pages/sites.jinja", view, status=422 if problem else 200)


PARAMETERS = ("q", "state", "tag", "sort")


def parse_query(parameters: Mapping[str, str]) -> SiteFilter:
    """Parse the filter of a query; missing or invalid parameters do not filter."""
    state, sort = parameters.get("state", ""), parameters.get("sort", "")
    return SiteFilter(
        words=" ".join(parameters.get("q", "").split())[:LONGEST_SEARCH],
        state=SiteState(state) if state in SiteState.__members__.values() else None,
        tag=parameters.get("tag", "")[: sites.LONGEST_TAG],
        sort=SiteSort(sort) if sort in SiteSort.__members__.values() else SiteSort.STATE,
    )


def to_query(wanted: SiteFilter) -> dict[str, str]:
    """Return the query parameters of a filter; the inverse of `parse_query`."""
    query = {
        "q": wanted.words,
        "state": wanted.state or "",
        "tag": wanted.tag,
        "sort": "" if wanted.sort is SiteSort.STATE else wanted.sort,
    }
    return {name: str(value) for name, value in query.items() if value}


def _paged(query: dict[str, str], number: int) -> dict[str, str]:
    return query | ({"page": str(number)} if number > 1 else {})


def _page_number(text: str) -> int:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII) else 1


class SitePage(PageHandler):
    """Base of the pages of one site."""

    path = "/sites"

    async def _state(self, site_id: str) -> SiteStatus:
        """Load a site's status; redirect to the list if it does not exist or may not be seen."""
        if self.site_id in (None, site_id):
            try:
                return await self.blocking(_status, self.bridge, site_id)
            except UnknownSiteError:
                pass
        self.go("/sites", gone="yes")
        raise Finish


class SiteHandler(SitePage):
    """`/sites/ID`: the setup checklist and the connection."""

    async def get(self, site_id: str) -> None:
        """Show the site. Until its setup is complete, start a health check if the last one is old."""
        state = await self._state(site_id)
        is_old = (state.site.checked_at or 0) < (time.time() - _CHECK_SECONDS) * 1000
        if is_old and not is_complete(state.lines):
            self.bridge.health_worker.begin(site_id)
        self._show(state)

    async def post(self, site_id: str) -> None:
        """Check the connection; before, do what a button asks for: about the web server's password, or addresses."""
        state = await self._state(site_id)
        do = self.get_body_argument("do", "")
        if do == "login":
            username, password, errors = read_server_login(self)
            if errors:
                self._show(state, login_errors=errors, login_username=username)
                return
            await self.blocking(_save_login, self.bridge, site_id, username, password)
        elif do == "no-login":
            await self.blocking(_save_login, self.bridge, site_id, "", "")
        elif do == "renew-key":
            await self._renew_key(state)
            return
        elif do == "token":
            await self._save_token(state)
            return
        elif do in ("pause", "resume"):
            await self.blocking(_pause, self.bridge, site_id, do == "pause")
            self.go(f"/sites/{site_id}", done="paused" if do == "pause" else "resumed")
            return
        elif do == "tags":
            await self._save_tags(state)
            return
        done = "login" if do in ("login", "no-login") else "checked"
        if do == "allow" and self.site_id is None:
            shown = self.get_body_arguments("address")
            allowed = await self.blocking(allow, self.bridge.store, site_id, shown)
            done = "address" if allowed else "checked"
        await self.blocking(_check, self.bridge, site_id)
        self.go(f"/sites/{site_id}", done=done)

    async def _save_token(self, state: SiteStatus) -> None:
        value = self.get_body_argument("secret_token", "").strip()
        problem = secret_token_problem(self.words, value)
        if problem is not None:
            self._show(state, token_error=problem)
            return
        try:
            released = await self.blocking(save_tokens, self.bridge, state.site.id, [Secret(value)])
        except TooManyTokensError as error:
            self.forbid(
                self.translated(error)
            )  # the form is there only while a site has no token, or a wrong one
        self.go(f"/sites/{state.site.id}", done=f"token,{released}")

    async def _renew_key(self, state: SiteStatus) -> None:
        try:
            renew = partial(rotate, session_token=cookie.read_token(self))
            is_renewed = await self.blocking(renew, self.bridge.store, state.site.id)
        except SiteFaultError as error:
            self._show(state, key_problem=self.translated(error))
            return
        self.go(f"/sites/{state.site.id}", done="key" if is_renewed else "same-key")

    async def _save_tags(self, state: SiteStatus) -> None:
        typed = self.get_body_argument("tags", "")[: _LONGEST * sites.MOST_TAGS]
        # Those that the form was filled with: what others have changed since stays.
        shown = self.get_body_argument("shown_tags", ", ".join(state.site.tags))
        try:
            wanted = [sites.read_tag(tag) for tag in typed.split(",") if tag.strip()]
            await self.blocking(_change_tags, self.bridge, state.site, wanted, _split(shown))
        except SiteTagError as error:
            self._show(state, tags_problem=self.translated(error), tags=typed, shown_tags=shown)
            return
        self.go(f"/sites/{state.site.id}", done="tags")

    def _show(
        self,
        state: SiteStatus,
        *,
        login_errors: dict[str, str] | None = None,
        login_username: str = "",
        key_problem: str = "",
        token_error: str = "",
        tags_problem: str = "",
        tags: str | None = None,
        shown_tags: str | None = None,
    ) -> None:
        done, _, count = self.get_query_argument("done", "").partition(",")
        underway = self.bridge.health_worker.is_underway(state.site.id)
        view = SiteView(
            site=state.site,
            health=state.health,
            lines=state.lines,
            refused=state.refused,
            held=state.held,
            steps=SetupStep,
            is_complete=is_complete(state.lines),
            is_checking=underway,
            subscription=SUBSCRIPTION,
            report=state.report,
            later=state.later,
            actions=ACTIONS,
            stages=Stage,
            done=done,
            asks_login=any(fact.message == messages.SERVER_ASKS_PASSWORD for fact in state.health.values()),
            login_errors=login_errors or {},
            login_username=login_username,
            key_problem=key_problem,
            token_error=token_error,
            released=int(count) if re.fullmatch(r"[0-9]{1,6}", count) else 0,
            steps_done=sum(line.state is StepState.DONE for line in state.lines),
            tags=", ".join(state.site.tags) if tags is None else tags,
            shown_tags=", ".join(state.site.tags) if shown_tags is None else shown_tags,
            tags_problem=tags_problem,
            # Where a name leads inside the bridge's network is for the bridge's administrators only.
            asks_addresses=bool(state.site.asked_addresses)
            and self.site_id is None
            and self.viewer.may_change,
        )
        problem = login_errors or key_problem or token_error or tags_problem
        self.show("pages/site.jinja", view, status=422 if problem else 200)


class TestHandler(SitePage):
    """`POST /sites/ID/test`: start a self-test."""

    async def post(self, site_id: str) -> None:
        """Enqueue the self-test, and redirect to its progress. Nothing is written to a site that is paused."""
        state = await self._state(site_id)
        if state.site.paused_at is not None:
            self.go(f"/sites/{site_id}", done="still-paused")
            return
        await self.blocking(
            partial(selftest_job.enqueue, self.bridge.job_runner, site_id, requested_by=self.viewer.name)
        )
        self.go(f"/sites/{site_id}", done="asked")


class DisconnectHandler(SitePage):
    """`/sites/ID/disconnect`: ask for confirmation, then disconnect the site."""

    async def get(self, site_id: str) -> None:
        state = await self._state(site_id)
        self.show("pages/disconnect.jinja", DisconnectView(state.site))

    async def post(self, site_id: str) -> None:
        await self._state(site_id)
        site, problem = await self.blocking(disconnect, self.bridge.store, site_id)
        self.bridge.ingest.invalidate_secrets(site.id)
        self.go("/sites", gone="trouble" if problem else "done")


def _listed(bridge: Bridge, wanted: SiteFilter, *, site_id: str | None, offset: int) -> SiteList:
    week = bridge.throughput.latest()
    with bridge.store.reading() as connection:
        return site_list.list_sites(
            connection, bridge.store, week, wanted, site_id=site_id, limit=ON_A_PAGE, offset=offset
        )


def _begin(
    bridge: Bridge,
    action: BulkAction,
    wanted: SiteFilter | None,
    chosen: Iterable[str],
    *,
    viewer_site: str | None,
    **more: Any,
) -> Job:
    """Begin a bulk action with chosen sites, or with all that match `wanted`."""
    found = _chosen(bridge, wanted, chosen, viewer_site=viewer_site)
    return bulk.enqueue(bridge.job_runner, action, found, viewer_site=viewer_site, **more)


def _chosen(
    bridge: Bridge, wanted: SiteFilter | None, chosen: Iterable[str], *, viewer_site: str | None
) -> list[str]:
    if wanted is None:
        return list(chosen)
    week = bridge.throughput.latest()
    with bridge.store.reading() as connection:
        found = site_list.list_sites(connection, bridge.store, week, wanted, site_id=viewer_site)
    return [line.site.id for line in found.lines]


def _preview_copy(
    bridge: Bridge,
    source_id: str,
    template: str,
    wanted: SiteFilter | None,
    chosen: Iterable[str],
    *,
    viewer_site: str | None,
) -> CopyRulesView | None:
    """Preview what the rules of a template, or else of another site, would change.

    None where that does not exist, or may not be seen.
    """
    ids = set(_chosen(bridge, wanted, chosen, viewer_site=viewer_site)) - {source_id}
    with bridge.store.reading() as connection:
        every = sites.list_all(connection, bridge.store.sealer)
        named = {one.name: one for one in rules_templates.list_all(connection)}.get(template)
    visible = {site.id: site for site in every if viewer_site in (None, site.id)}
    source = visible.get(source_id)
    chosen_rules = named if template else source
    if chosen_rules is None:
        return None
    decided = rules.read(chosen_rules.rules).rules
    targets = sorted((visible[one] for one in ids if one in visible), key=lambda site: site.name.casefold())
    previews = [
        (site, preview_rules(bridge.store, site, rules.copied(decided, rules.read(site.rules).rules)))
        for site in targets[:MOST_PREVIEWED]
    ]
    return CopyRulesView(
        None if template else source,
        template,
        previews,
        max(len(targets) - MOST_PREVIEWED, 0),
        [site.id for site in targets],
        rules.digest(decided),
        PreviewOutcome,
        MOST_MEETINGS,
    )


def _confirm_offer(
    bridge: Bridge, address: str, wanted: SiteFilter | None, chosen: Iterable[str]
) -> OfferView:
    return address_offer.confirmation(bridge, address, _chosen(bridge, wanted, chosen, viewer_site=None))


def _templates(bridge: Bridge) -> list[RulesTemplate]:
    with bridge.store.reading() as connection:
        return rules_templates.list_all(connection)


def _status(bridge: Bridge, site_id: str) -> SiteStatus:
    store = bridge.store
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
        tokens = zoom_secrets.of_site(connection, site_id, store.sealer)
        held = quarantine.suspects(connection, site_id, store.sealer, health_check.MOST_QUARANTINED)
        count = quarantine.count_suspects(connection, site_id)
        report = selftest_job.latest_report(connection, site_id)
        later = later_changes(connection, site_id, report)
        has_page = sites.has_page(connection, site_id, but_of=probe_account_id(site_id))
        stored = health.facts(connection, site_id)
    facts = stored | {fact.name: fact for fact in health_check.zoom_facts(site, tokens, held)}
    refused = health_check.refused_by(site, tokens, held)
    setup = SetupFacts(
        health=facts,
        has_secret=bool(tokens),
        validated_at=site.validated_at,
        event_at=site.last_event_at,
        refused=refused,
        has_page=has_page,
    )
    return SiteStatus(site, facts, setup_checklist(setup), refused, count, report, later)


def is_set_up(bridge: Bridge, site_id: str) -> bool:
    """Whether the setup of a site was completed once: an event has arrived, and a meeting has its page."""
    with bridge.store.reading() as connection:
        site = sites.load(connection, site_id, bridge.store.sealer)
        return bool(site.last_event_at) and sites.has_page(
            connection, site_id, but_of=probe_account_id(site_id)
        )


def _save_login(bridge: Bridge, site_id: str, username: str, password: str) -> None:
    store = bridge.store
    store.write(
        lambda connection: sites.save_server_login(connection, site_id, username, password, store.sealer)
    )


def _check(bridge: Bridge, site_id: str) -> None:
    health_check.check(bridge.store, site_id)
    bridge.health_worker.on_checked(site_id)


def _pause(bridge: Bridge, site_id: str, paused: bool) -> None:
    def change(connection: Connection) -> bool:
        if paused:
            return sites.pause(connection, site_id, now=store_clock.now(connection))
        return sites.resume(connection, site_id)

    bridge.store.write(change)
    bridge.mirror_worker.wake()


def _split(tags: str) -> list[str]:
    return [tag.strip() for tag in tags.split(",") if tag.strip()]


def _change_tags(bridge: Bridge, site: Site, wanted: list[str], shown: list[str]) -> None:
    """Add the tags of a site that are new in a form, and remove those that are there no more."""
    add = [tag for tag in wanted if tag not in shown]
    remove = [tag for tag in shown if tag not in wanted]
    bridge.store.write(partial(sites.change_tags, site_id=site.id, add=add, remove=remove))
