"""The Settings page: a site's rules and secret tokens, and event retention."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from core import bulk, messages
from core.errors import RulesTemplateError, TooManyJobsError, TooManyTokensError, UnknownSiteError
from core.model import rules
from core.model.rules import MOST_CANCELLED_DAYS, JoinLink, NewPostStatus, Passcode
from core.sites import apply_rules, secret_rotation
from core.sites import preview as rules_preview
from core.sites.options import OptionsCache, SiteOptions
from core.sites.preview import PostPart, PreviewOutcome
from core.store.accounts import users as zoom_users
from core.store.db import settings
from core.store.db.settings import (
    FEWEST_EVENTS,
    LONGEST_DAYS,
    MOST_EVENTS,
    MOST_PERCENT,
    MOST_TRASHED,
    RetentionSettings,
    TrashLimits,
)
from core.store.sites import rules_templates, sites
from core.wordpress.sync_operations import MOST_CHOICES
from core.zoom.signature import Secret
from web.http.cache import application_cache
from web.pages import rules_form, rules_template
from web.pages.page import PageHandler
from web.pages.rules_form import AuthorRow, FormValues, Reading
from web.pages.webhooks import mask, remove_token, save_tokens, secret_token_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.bridge import Bridge
    from core.model.rules import Rules
    from core.sites.preview import Preview
    from core.sites.secret_rotation import SecretRotation
    from core.store.accounts.users import KnownHost
    from core.store.jobs import Job
    from core.store.sites.rules_templates import RulesTemplate
    from core.store.sites.sites import Site, SiteName
    from web.pages.rules_template import FoundTemplate

_HOSTS_SECONDS = 60.0
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """A site's rules, hosts and options, and the latest job that applied its rules."""

    site: Site
    decided: rules.ReadRules
    hosts: list[KnownHost]
    found: SiteOptions
    review: Job | None


@dataclass(frozen=True, slots=True)
class RulesView:
    """The form of the rules. `previewed` is the digest of the previewed rules.

    `has_changed`: the form or the saved rules changed since the preview; `unknown`: e-mail addresses of no known host.
    `is_returning`: the preview is that of the site's template, to which it may return. `seen` is the mark of the saved rules
    that the form was filled with; `replaces_others`: others have been saved since.
    """

    values: FormValues
    errors: dict[str, str]
    preview: Preview | None = None
    previewed: str = ""
    has_changed: bool = False
    is_saved_already: bool = False
    unknown: tuple[str, ...] = ()
    is_returning: bool = False
    seen: str = ""
    replaces_others: bool = False


@dataclass(frozen=True, slots=True)
class RetentionView:
    """Event retention: the values, which of them options fix, and the bounds: most days, fewest and most events."""

    values: RetentionSettings
    fixed: _Fixed
    bounds: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class TrashView:
    """The limits of trashing: the values, which of them options fix, and the most pages and percent."""

    values: TrashLimits
    posts_fixed: bool
    percent_fixed: bool
    bounds: tuple[int, int] = (MOST_TRASHED, MOST_PERCENT)


@dataclass(frozen=True, slots=True)
class SiteSettingsView:
    """One site's rules and secret tokens.

    `job` applied the rules last; `rotation` is None if the viewer may not see tokens; `confirm_token` is the ID of
    the token in use whose removal needs confirmation.
    """

    site: Site
    notes: Sequence[str]
    hosts: list[KnownHost]
    label: Callable[[KnownHost], str]
    options: SiteOptions
    most_options: int
    most_cancelled_days: int
    job: Job | None
    form: RulesView
    author_rows: list[AuthorRow]
    author_names: dict[str, str]
    choices: tuple[type[NewPostStatus], type[Passcode], type[JoinLink]]
    outcomes: type[PreviewOutcome]
    parts: type[PostPart]
    limit: int
    rotation: SecretRotation | None
    confirm_token: int | None
    mask: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class SettingsView:
    """The page of all settings. `errors` and `values` are by field of the forms for tokens and retention.

    `retention`, `trash` and `templates` (of rules) are None if the viewer sees one site only, `of_site` if no site is
    connected.
    """

    sites: list[SiteName]
    done: str
    errors: dict[str, str]
    values: dict[str, str]
    retention: RetentionView | None
    trash: TrashView | None
    templates: list[RulesTemplate] | None
    of_site: SiteSettingsView | None


@dataclass(frozen=True, slots=True)
class TemplateRulesView:
    """The form of the rules of a template: the parts of the page show it in place of a site's."""

    form: RulesView
    most_cancelled_days: int
    choices: tuple[type[NewPostStatus], type[Passcode], type[JoinLink]]
    limit: int
    site: None = None
    hosts: tuple[KnownHost, ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateView:
    """The page of a template of rules. `typed` is the name of a new one."""

    found: FoundTemplate
    typed: str
    done: str
    outcomes: type[PreviewOutcome]
    of_site: TemplateRulesView


class SettingsPage(PageHandler):
    """Base of the page's three forms."""

    path = "/settings"

    @property
    def _choices(self) -> OptionsCache:
        """The cache of the sites' users and categories, for as long as the application lives."""
        found = self.application.settings.setdefault("choices", OptionsCache())
        assert isinstance(found, OptionsCache)  # noqa: S101 - nobody else takes this name
        return found

    async def _meant(self) -> Site | None:
        """Return the site that a form names; redirect if it no longer exists, and use no other."""
        site_id = self.get_body_argument("site", None)
        site = (await self.select_site(site_id))[1]
        if site is None or site.id != site_id:
            self.go("/settings")
            return None
        return site

    async def _show(
        self,
        site_id: str | None,
        *,
        form: RulesView | None = None,
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
        confirm_token: int | None = None,
    ) -> None:
        """Show the page. `errors` and `values` are those of the forms for tokens and retention.

        `confirm_token` is the ID of the token in use whose removal needs confirmation.
        """
        every, site = await self.select_site(site_id)
        retention = await self.blocking(self._retention) if self.site_id is None else None
        trash = await self.blocking(_trash_view, self.bridge) if self.site_id is None else None
        bounds = (LONGEST_DAYS, FEWEST_EVENTS, MOST_EVENTS)
        view = SettingsView(
            sites=every,
            done=self.get_query_argument("done", ""),
            errors=errors or {},
            values=values or {},
            retention=None if retention is None else RetentionView(retention, _fixed(self.bridge), bounds),
            trash=trash,
            templates=None if self.site_id is not None else await self.blocking(_templates, self.bridge),
            of_site=None if site is None else await self._site_view(site, form, confirm_token),
        )
        is_invalid = bool(errors) or confirm_token is not None or (form is not None and bool(form.errors))
        self.show("pages/settings.jinja", view, status=422 if is_invalid else 200)

    async def _show_template(
        self, name: str, *, form: RulesView | None = None, typed: str = "", decided: Rules | None = None
    ) -> None:
        """Show the page of a template, new where it has no name; `decided` are its rules to be previewed."""
        found = await self.blocking(rules_template.load, self.bridge, name, decided)
        if name and found.template is None:
            self.missing(self.translated(RulesTemplateError(messages.UNKNOWN_TEMPLATE % {"name": name})))
        form = form or RulesView(rules_form.of_rules(found.rules, []), {}, seen=rules_form.mark(found.rules))
        view = TemplateView(
            found=found,
            typed=typed,
            done=self.get_query_argument("done", ""),
            outcomes=PreviewOutcome,
            of_site=TemplateRulesView(
                form=form,
                most_cancelled_days=MOST_CANCELLED_DAYS,
                choices=(NewPostStatus, Passcode, JoinLink),
                limit=rules_preview.MOST_MEETINGS,
            ),
        )
        self.show("pages/rules-template.jinja", view, status=422 if form.errors else 200)

    async def _site_view(
        self, site: Site, form: RulesView | None, confirm_token: int | None
    ) -> SiteSettingsView:
        state = await self._state(site)
        form = form or _unchanged(state)
        rotation = await self._rotation(site) if self.viewer.may_change else None
        return SiteSettingsView(
            site=state.site,
            notes=state.decided.notes,
            hosts=state.hosts,
            label=rules_form.label,
            options=state.found,
            most_options=MOST_CHOICES,
            most_cancelled_days=MOST_CANCELLED_DAYS,
            job=state.review,
            form=form,
            author_rows=rules_form.author_rows(form.values, state.hosts),
            author_names={str(one.user): one.name for one in state.decided.rules.authors},
            choices=(NewPostStatus, Passcode, JoinLink),
            outcomes=PreviewOutcome,
            parts=PostPart,
            limit=rules_preview.MOST_MEETINGS,
            rotation=rotation,
            confirm_token=confirm_token,
            mask=mask,
        )

    async def _state(self, site: Site) -> SiteSettings:
        return await self.blocking(_read, self.bridge, self._choices, self._hosts, site)

    def _hosts(self, site_id: str) -> list[KnownHost]:
        def look() -> list[KnownHost]:
            with self.bridge.store.reading() as connection:
                return zoom_users.known_hosts(connection, self.bridge.store.sealer, site_id)

        return application_cache(self.application, "known_hosts", _HOSTS_SECONDS).get(site_id, look)

    def _read(self, name: str, values: dict[str, str], least: int, most: int, errors: dict[str, str]) -> int:
        text = values[name].replace(" ", "")
        if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) and least <= int(text) <= most:
            return int(text)
        errors[name] = self.words.gettext("Enter a whole number from %(least)s to %(most)s.") % {
            "least": least,
            "most": most,
        }
        return least

    async def _rotation(self, site: Site) -> SecretRotation:
        return await self.blocking(secret_rotation.load_rotation, self.bridge.store, site.id)

    def _retention(self) -> RetentionSettings:
        return self.bridge.retention.settings()


class SettingsHandler(SettingsPage):
    """`/settings`: `GET` shows the page; `POST` previews rules, then saves them."""

    async def get(self) -> None:
        """Show the page, or that of a template of rules."""
        template = self.get_query_argument("template", None)
        if template is None or self.site_id is not None:
            await self._show(self.get_query_argument("site", None))
        else:
            await self._show_template(template[:_LONGEST_NAME])

    async def post(self) -> None:
        """Preview or save the rules of the form. Rules are saved only if exactly these were previewed."""
        site = await self._meant()
        if site is None:
            return
        state = await self._state(site)
        values = rules_form.submitted(partial(self.get_body_arguments, strip=False))
        reading = Reading(values, state.decided.rules, state.found, self.words)
        decided = reading.rules()
        seen = self.get_body_argument("seen", "")
        if decided is None:
            await self._show(site.id, form=RulesView(values, reading.errors, seen=seen))
            return
        mark = rules_form.digest(decided, state.site.rules)
        asked_to_save = self.get_body_argument("do", "") == "save"
        if asked_to_save and self.get_body_argument("previewed", "") == mark:
            await self._save(site, decided)
            return
        found = await self.blocking(rules_preview.preview_rules, self.bridge.store, state.site, decided)
        await self._show(
            site.id,
            form=RulesView(
                values,
                {},
                preview=found,
                previewed=mark,
                has_changed=asked_to_save,
                is_saved_already=decided == state.decided.rules,
                unknown=tuple(rules_form.unknown_addresses(decided, state.hosts)),
                seen=seen,
                replaces_others=seen not in ("", rules_form.mark(state.decided.rules)),
            ),
        )

    async def _save(self, site: Site, decided: Rules) -> None:
        save = partial(
            apply_rules.save_rules,
            self.bridge.store,
            self.bridge.job_runner,
            site.id,
            decided,
            requested_by=self.viewer.name,
        )
        try:
            await self.blocking(save)
        except UnknownSiteError:
            self.go("/settings")
            return
        self._choices.forget(site.id)
        self.go("/settings", site=site.id, done="rules")


class SecretsHandler(SettingsPage):
    """`POST /settings/secrets`: add or remove a secret token."""

    async def post(self) -> None:
        site = await self._meant()
        if site is None:
            return
        remove = self.get_body_argument("remove", "")
        if re.fullmatch(r"[0-9]{1,15}", remove):
            await self._remove(site, int(remove))
            return
        value = self.get_body_argument("secret_token", "").strip()
        problem = secret_token_problem(self.words, value)
        if problem is not None:
            await self._show(site.id, errors={"secret_token": problem})
            return
        try:
            released = await self.blocking(save_tokens, self.bridge, site.id, [Secret(value)])
        except TooManyTokensError as error:
            await self._show(site.id, errors={"secret_token": self.translated(error)})
            return
        self.go("/settings", site=site.id, done=f"secret-{min(released, 9999)}")

    async def _remove(self, site: Site, token_id: int) -> None:
        rotation = await self._rotation(site)
        if rotation.is_needed(token_id) and not self.get_body_argument("sure", ""):
            await self._show(site.id, confirm_token=token_id)
            return
        await self.blocking(remove_token, self.bridge, site.id, token_id)
        self.go("/settings", site=site.id, done="removed")


class TrashHandler(SettingsPage):
    """`POST /settings/trash`: save the limits of trashing. For viewers of every site."""

    async def post(self) -> None:
        self.require_every_site()
        now = await self.blocking(_trash_view, self.bridge)
        values = {name: self.get_body_argument(name, "").strip() for name in ("posts", "percent")}
        errors: dict[str, str] = {}
        posts = now.values.posts if now.posts_fixed else self._read("posts", values, 0, MOST_TRASHED, errors)
        percent = (
            now.values.percent
            if now.percent_fixed
            else self._read("percent", values, 1, MOST_PERCENT, errors)
        )
        if errors:
            await self._show(self.get_body_argument("site", None), errors=errors, values=values)
            return
        await self.blocking(_save_trash_limits, self.bridge, TrashLimits(posts, percent))
        site = self.get_body_argument("site", "")
        self.go("/settings", **({"site": site} if site else {}), done="trash")


class TemplateHandler(SettingsPage):
    """`POST /settings/template`: save, change or remove a template of rules, for viewers of every site.

    A site returns to it, too.
    """

    async def post(self) -> None:
        do = self.get_body_argument("do", "")
        if do == "return":
            await self._return()
            return
        if self.site_id is not None:
            self.forbid(self.words.gettext("Templates of rules are managed at the bridge's own address."))
        if do in ("preview", "save-rules"):
            await self._change(is_saved=do == "save-rules")
            return
        name = self.get_body_argument("template", "")[:_LONGEST_NAME]
        site_id = self.get_body_argument("site", "")
        try:
            if do == "remove":
                write = partial(rules_templates.remove, name=name)
                await self.blocking(self.bridge.store.write, write)
                self.go("/settings", **({"site": site_id} if site_id else {}), done="no-template")
                return
            site = await self._meant()
            if site is None:
                return
            save = partial(bulk.save_template, requested_by=self.viewer.name)
            await self.blocking(save, self.bridge.store, self.bridge.job_runner, name, site.id)
        except (RulesTemplateError, TooManyJobsError, UnknownSiteError) as error:
            errors = {"template": self.translated(error)}
            await self._show(site_id, errors=errors, values={"template": name})
            return
        self.go("/settings", site=site.id, done="template")

    async def _return(self) -> None:
        """Let the site follow its template again, once that is previewed: any administrator of the site may do that."""
        site = await self._meant()
        if site is None:
            return
        state = await self._state(site)
        wanted = await self.blocking(rules_template.returned, self.bridge, state.site)
        if wanted is None:
            self.go("/settings", site=site.id)
            return
        mark = rules_form.digest(wanted, state.site.rules)
        previewed = self.get_body_argument("previewed", "")
        if previewed != mark:
            found = await self.blocking(rules_preview.preview_rules, self.bridge.store, state.site, wanted)
            form = replace(
                _unchanged(state),
                preview=found,
                previewed=mark,
                has_changed=bool(previewed),
                is_returning=True,
            )
            await self._show(site.id, form=form)
            return
        follow = partial(apply_rules.return_to_template, requested_by=self.viewer.name)
        try:
            await self.blocking(follow, self.bridge.store, self.bridge.job_runner, site.id)
        except (RulesTemplateError, UnknownSiteError):
            self.go("/settings", site=site.id)
            return
        self.go("/settings", site=site.id, done="returned")

    async def _change(self, *, is_saved: bool) -> None:
        """Preview rules for a template, or save them if exactly these were previewed."""
        name = self.get_body_argument("template", "")[:_LONGEST_NAME]
        template = await self.blocking(rules_template.find, self.bridge, name)
        typed = name if template else self.get_body_argument("name", "")[:_LONGEST_NAME]
        saved = rules.read(template.rules if template else None).rules
        values = rules_form.submitted(partial(self.get_body_arguments, strip=False))
        reading = Reading(values, saved, SiteOptions(), self.words)
        decided = reading.rules()
        seen = self.get_body_argument("seen", "")
        if decided is None:
            form = RulesView(values, reading.errors, seen=seen)
            await self._show_template(name, form=form, typed=typed)
            return
        if template is None and (
            problem := await self.blocking(rules_template.name_problem, self.bridge, typed)
        ):
            form = RulesView(values, {"name": self.translated(problem)}, seen=seen)
            await self._show_template(name, form=form, typed=typed)
            return
        mark = rules_form.digest(decided, template.rules if template else {})
        if not is_saved or self.get_body_argument("previewed", "") != mark:
            form = RulesView(
                values,
                {},
                previewed=mark,
                has_changed=is_saved,
                seen=seen,
                replaces_others=seen not in ("", rules_form.mark(saved)),
            )
            await self._show_template(name, form=form, typed=typed, decided=decided)
            return
        change = partial(bulk.change_template, is_new=template is None, requested_by=self.viewer.name)
        try:
            saved_as, _ = await self.blocking(
                change, self.bridge.store, self.bridge.job_runner, typed, decided
            )
        except (RulesTemplateError, TooManyJobsError) as error:
            form = RulesView(values, {"name": self.translated(error)}, previewed=mark, seen=seen)
            await self._show_template(name, form=form, typed=typed, decided=decided)
            return
        self.go("/settings", template=saved_as, done="template")


class RetentionHandler(SettingsPage):
    """`POST /settings/retention`: save event retention. For viewers of every site."""

    async def post(self) -> None:
        if self.site_id is not None:
            self.forbid(
                self.words.gettext(
                    "Event retention applies to every site. Ask an administrator of the bridge to change it."
                )
            )
        fixed = _fixed(self.bridge)
        now = await self.blocking(self._retention)
        values = {name: self.get_body_argument(name, "").strip() for name in ("days", "events", "names")}
        errors: dict[str, str] = {}
        wanted = RetentionSettings(
            now.days if fixed.days else self._read("days", values, 1, LONGEST_DAYS, errors),
            now.events if fixed.events else self._read("events", values, FEWEST_EVENTS, MOST_EVENTS, errors),
            now.names_days if fixed.names_days else self._read("names", values, 1, LONGEST_DAYS, errors),
        )
        if errors:
            await self._show(self.get_body_argument("site", None), errors=errors, values=values)
            return
        await self.blocking(_keep, self.bridge, wanted)
        site = self.get_body_argument("site", "")
        self.go("/settings", **({"site": site} if site else {}), done="retention")


def _unchanged(state: SiteSettings) -> RulesView:
    """Return the form of a site's rules as they are saved."""
    saved = state.decided.rules
    return RulesView(rules_form.of_rules(saved, state.hosts), {}, seen=rules_form.mark(saved))


def _read(
    bridge: Bridge, choices: OptionsCache, hosts: Callable[[str], list[KnownHost]], site: Site
) -> SiteSettings:
    found, known = choices.of(site), hosts(site.id)
    with bridge.store.reading() as connection:
        with suppress(UnknownSiteError):  # removed since it was chosen; the next look says so
            site = sites.load(connection, site.id, bridge.store.sealer)
        return SiteSettings(
            site,
            rules.read(site.rules),
            known,
            found,
            apply_rules.latest(connection, site.id),
        )


def _templates(bridge: Bridge) -> list[RulesTemplate]:
    with bridge.store.reading() as connection:
        return rules_templates.list_all(connection)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Which values are set by options of the command, so that the page cannot change them."""

    days: bool
    events: bool
    names_days: bool


def _fixed(bridge: Bridge) -> _Fixed:
    options = bridge.retention
    return _Fixed(options.days is not None, options.events is not None, options.names_days is not None)


def _keep(bridge: Bridge, wanted: RetentionSettings) -> None:
    fixed = _fixed(bridge)

    # What is fixed from outside is passed over while it is, and not forgotten for that.
    def keep(connection: Any) -> None:
        before = settings.retention(connection)
        settings.save_retention(
            connection,
            RetentionSettings(
                before.days if fixed.days else wanted.days,
                before.events if fixed.events else wanted.events,
                before.names_days if fixed.names_days else wanted.names_days,
            ),
        )

    bridge.store.write(keep)
    bridge.retention.wake()


def _trash_view(bridge: Bridge) -> TrashView:
    options = bridge.trash_limits
    with bridge.store.reading() as connection:
        values = options.limits(connection)
    return TrashView(values, options.posts is not None, options.percent is not None)


def _save_trash_limits(bridge: Bridge, wanted: TrashLimits) -> None:
    """Save what no option fixes; what is fixed keeps its stored value."""
    options = bridge.trash_limits

    def save(connection: Any) -> None:
        before = settings.trash_limits(connection)
        posts = wanted.posts if options.posts is None else before.posts
        percent = wanted.percent if options.percent is None else before.percent
        settings.save_trash_limits(connection, TrashLimits(posts, percent))

    bridge.store.write(save)
