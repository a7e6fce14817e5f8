"""The frame of a page: the bridge's own, or wp-admin.

The same template renders a page in both; the shell writes its links and forms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from babel.numbers import format_decimal
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from core import __version__
from web.stub.plugin_zip import plugin_folder
from web.ui import i18n
from web.ui.change_labels import label_fields
from web.ui.durations import DurationFormat
from web.ui.meetings import format_number, meeting_path
from web.ui.message_translation import translate_message
from web.ui.times import mark_times, time_element

if TYPE_CHECKING:
    from collections.abc import Mapping

    from babel.support import NullTranslations
    from tornado.web import RequestHandler

    from web.stub.auth import Context

# The version of the style and script in `plugin_stub/assets` that pages need. Raise it here and in the plugin
# (ZOOMBRIDGE_ASSETS_VERSION) where pages do not work with the ones before.
ASSETS_VERSION = 1


class Shell(Protocol):
    """The frame of a page, as templates use it."""

    @property
    def template(self) -> str:
        """The template of the frame."""

    @property
    def nonce(self) -> str:
        """The nonce of the page's own style and script."""

    @property
    def in_wordpress(self) -> bool:
        """Whether the page is shown in wp-admin."""

    @property
    def language(self) -> str:
        """The language of the page, as in `web.ui.i18n`."""

    def link(self, path: str, **query: str) -> str:
        """Return the address of another page of the bridge."""

    def form_action(self, path: str) -> str:
        """Return the URL that a form posts to."""

    def form_fields(self) -> Markup:
        """Return the hidden fields that every form needs."""


@dataclass(frozen=True, slots=True)
class BrowserShell:
    """The frame at the bridge's own address. `nonce` allows only this page's script and style."""

    nonce: str
    xsrf_field: Markup
    language: str = i18n.SOURCE
    template: str = "shell/browser.jinja"
    in_wordpress: bool = False

    def link(self, path: str, **query: str) -> str:
        return _with(path, query)

    def form_action(self, path: str) -> str:
        return path

    def form_fields(self) -> Markup:
        """Return the token against cross-site request forgery."""
        return self.xsrf_field


@dataclass(frozen=True, slots=True)
class WordPressShell:
    """The frame in wp-admin: URLs are WordPress's own, with the path in a parameter. Style and script are the plugin's."""

    context: Context
    template: str = "shell/wp-admin.jinja"
    nonce: str = ""
    in_wordpress: bool = True
    assets: int = ASSETS_VERSION

    @property
    def is_plain(self) -> bool:
        """Whether the plugin's style and script are older than the page needs, so that it is shown without."""
        return self.context.assets < self.assets

    @property
    def language(self) -> str:
        """The user's language in wp-admin."""
        return i18n.choose_language([self.context.locale])

    def link(self, path: str, **query: str) -> str:
        """Return the URL of the page in wp-admin that shows this path."""
        separator = "&" if "?" in self.context.page else "?"
        return self.context.page + separator + urlencode({self.context.parameter: _with(path, query)})

    def form_action(self, path: str) -> str:
        """Return the URL of a link: the stub forwards forms from there."""
        return self.link(path)

    def form_fields(self) -> Markup:
        """Return WordPress's nonce field."""
        return Markup('<input type="hidden" name="{}" value="{}">').format(
            self.context.nonce_name, self.context.nonce_value
        )


@dataclass(frozen=True, slots=True)
class Tab:
    """A page in the navigation. Its name is translated where it is shown."""

    path: str
    name: str
    for_all_sites: bool = False  # only for viewers of every site


# Marks texts for translation: the extraction looks for this name.
def _(text: str) -> str:
    return text


TABS = (
    Tab("/", _("Overview")),
    Tab("/meetings", _("Meetings")),
    Tab("/events", _("Events")),
    Tab("/sites", _("Sites")),
    Tab("/accounts", _("Zoom accounts"), for_all_sites=True),
    Tab("/webhooks", _("Webhooks")),
    Tab("/settings", _("Settings")),
)


def set_security_headers(handler: RequestHandler, nonce: str) -> None:
    """Set a Content-Security-Policy: only scripts and styles with the nonce, and no framing."""
    handler.set_header(
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    handler.set_header("X-Content-Type-Options", "nosniff")


def render(name: str, shell: Shell, values: Mapping[str, Any]) -> str:
    """Render a template in a shell."""
    return _environment(shell.language).get_template(name).render(shell=shell, version=__version__, **values)


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_source),
    )
    words = i18n.translations(language)
    environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters["time"] = partial(time_element, words=words)
    environment.filters["times"] = mark_times
    environment.filters["number"] = partial(format_decimal, locale=language)
    environment.filters["duration"] = DurationFormat(words, language).format
    environment.filters["meeting_number"] = format_number
    environment.filters["message"] = partial(_message, words=words, language=language)
    environment.filters["finding"] = partial(_finding, words=words, language=language)
    environment.globals["meeting_path"] = meeting_path
    environment.globals["style"] = _asset("page.css")
    environment.globals["script"] = _asset("page.js")
    return environment


def _source(name: str) -> str:
    file = files("templates")
    for part in name.split("/"):
        file = file / part
    return file.read_text(encoding="utf-8")


def _asset(name: str) -> Markup:
    """Return a style or script of the pages. The plugin holds them: in wp-admin, WordPress loads them from there."""
    return Markup((plugin_folder() / "assets" / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file


def _message(text: str | None, *, words: NullTranslations, language: str) -> str:
    """Return a message of core in the language of the page; text that stays in English is marked as such."""
    translated = translate_message(text or "", words)
    shown = mark_times(translated)
    if translated and translated == text and language != i18n.SOURCE:
        return Markup('<span lang="{}">{}</span>').format(i18n.SOURCE, shown)
    return shown


def _finding(detail: str, *, words: NullTranslations, language: str) -> str:
    """Return the detail of a finding: the labels of the fields that differ, or a message of core."""
    return label_fields(detail, words) or _message(detail, words=words, language=language)
