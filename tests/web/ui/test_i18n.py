"""The pages' words: every one can be translated, and is in German."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from tests import words as found
from tests.web.conftest import CONTEXT, Http, from_stub, text
from web.pages.subscription import SUBSCRIPTION
from web.ui import i18n

if TYPE_CHECKING:
    from pathlib import Path

    from babel.messages.catalog import Message

    from core.store.sites.sites import Site

ROOT = found.ROOT
TEMPLATES = [
    path
    for folder in ("pages", "parts", "shell")
    for path in sorted((ROOT / "templates" / folder).glob("*.jinja"))
]
# What is the same in every language.
NAMES = ("Zoom WordPress Bridge", "UTC", "meetings-bridge-for-zoom.zip", "VCZAPI PRO", "PRO webhook")
GETTEXT = ("gettext", "ngettext", "_")


class TestChosen:
    @pytest.mark.parametrize(
        ("asked", "language"),
        [
            (["de_DE"], "de"),
            (["de-AT", "en"], "de"),
            (["de_DE_formal"], "de"),
            (["fr", "de"], "de"),
            (["en-GB", "de"], "en"),
            (["tlh", "xx_YY"], "en"),
            (["", "-", "../../etc/passwd", "de\0"], "en"),
            ([], "en"),
        ],
    )
    def test_is_the_first_that_there_are_words_for(self, asked: list[str], language: str) -> None:
        assert i18n.choose_language(asked) == language

    @pytest.mark.parametrize(
        ("header", "asked"),
        [
            ("de-DE,de;q=0.9,en;q=0.8", ["de-DE", "de", "en"]),
            ("en;q=0.3, fr;q=0, de;q=0.7", ["de", "en"]),
            ("de;q=much, en", ["en"]),
            ("*", ["*"]),
            ("", []),
        ],
    )
    def test_header_is_read_by_its_weights(self, header: str, asked: list[str]) -> None:
        assert i18n.accepted_languages(header) == asked

    def test_header_of_any_length_is_read(self) -> None:
        assert i18n.choose_language(i18n.accepted_languages("de," + "x," * 100_000)) == "de"


class TestPages:
    """A page is in the reader's language, in both shells."""

    def test_browser(self, http: Http, wp_site: Site, session: dict[str, str]) -> None:
        answer = http("GET", "/webhooks", headers=session | {"Accept-Language": "de-AT,en;q=0.5"})
        assert b'<html lang="de">' in answer.body
        assert "Zum Inhalt springen" in text(answer)
        assert "Noch keine Ereignisse" in text(answer)

    @pytest.mark.parametrize(
        ("locale", "shown"), [("de_DE", "Noch keine Ereignisse"), ("tlh", "No events yet")]
    )
    def test_wp_admin(self, http: Http, wp_site: Site, locale: str, shown: str) -> None:
        headers = from_stub(wp_site, "GET", "/webhooks", context=CONTEXT | {"locale": locale})
        answer = http("GET", "/webhooks", headers=headers)
        assert f'lang="{"de" if locale == "de_DE" else "en"}"' in answer.body.decode()
        assert shown in text(answer)

    def test_unknown_language_is_answered_in_english(
        self, http: Http, wp_site: Site, session: dict[str, str]
    ) -> None:
        answer = http("GET", "/webhooks", headers=session | {"Accept-Language": "tlh"})
        assert b'<html lang="en">' in answer.body
        assert "No events yet" in text(answer)

    def test_message_of_a_form(self, http: Http, wp_site: Site) -> None:
        body = b"site=s1&secret_token=sh0rt"
        headers = from_stub(wp_site, "POST", "/webhooks", body, context=CONTEXT | {"locale": "de_DE"})
        answer = http(
            "POST", "/webhooks", body, headers | {"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.code == 422
        assert "Das ist kein vollständiges Token" in text(answer)

    def test_message_of_a_mistake(self, http: Http, session: dict[str, str]) -> None:
        headers = session | {"Accept-Language": "de", "Sec-Fetch-Site": "cross-site"}
        answer = http("POST", "/webhooks", b"", headers)
        assert answer.code == 403
        assert "Dieses Formular wurde nicht von dieser Seite gesendet" in text(answer)


class TestFiles:
    def test_template_is_what_the_sources_say(self) -> None:
        assert found.TEMPLATE.read_bytes() == found.template(), "make words brings it up to date"

    @pytest.mark.parametrize("path", sorted(found.FOLDER.glob("*.po")), ids=lambda path: path.name)
    def test_translation_holds_these_texts(self, path: Path) -> None:
        assert path.read_bytes() == found.updated(path), "make words brings it up to date"

    def test_german_is_whole(self) -> None:
        assert [message.id for message in _messages("de") if not all(found.said(message))] == []
        assert [message.id for message in _messages("de") if message.fuzzy] == []

    def test_german_keeps_values_and_markup(self) -> None:
        """What a translation leaves out, a reader misses; what it adds would fail as the page is made."""
        wrong = []
        for message in _messages("de"):
            ids = [message.id] if isinstance(message.id, str) else list(message.id)
            wanted = _kept(ids[-1])
            for position, said in enumerate(found.said(message)):
                # "One event" may leave its number out, as English does.
                if _kept(said) not in (wanted, _kept(ids[min(position, len(ids) - 1)])):
                    wrong.append((ids, said))
        assert wrong == []


class TestSources:
    """Nothing is said on a page but by way of the words."""

    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
    def test_template_says_nothing_untranslated(self, path: Path) -> None:
        environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
        tree = environment.parse(path.read_text(encoding="utf-8"))
        reader = _Reader()
        reader.feed("".join(node.data for node in tree.find_all(nodes.TemplateData)))
        reader.close()
        assert reader.untranslated == []
        assert _printed(tree) == []

    @pytest.mark.parametrize("path", sorted((ROOT / "web/pages").glob("*.py")), ids=lambda path: path.name)
    def test_module_says_nothing_untranslated(self, path: Path) -> None:
        named_by_zoom = {name for _, group in chain.from_iterable(SUBSCRIPTION.values()) for name, _ in group}
        spoken = _Spoken()
        spoken.visit(ast.parse(path.read_text(encoding="utf-8")))
        assert [said for said in spoken.untranslated if said not in named_by_zoom] == []


class TestThese:
    """The two readers above see what they should."""

    def test_text_and_attributes_of_a_template(self) -> None:
        reader = _Reader()
        reader.feed('<p class="some words here">Left <b lang="en">As Zoom says</b> <code>a code</code></p>')
        reader.feed('<input aria-label="Said" placeholder="Shown" name="is not"><svg><text>Read</text></svg>')
        reader.close()
        assert reader.untranslated == ["Left", "Said", "Shown", "Read"]

    def test_text_in_an_expression(self) -> None:
        environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
        source = '{{ "One event" if a else _("Two events") }}{{ f(_("Three"), "is-good") }}{{ note("Four or so") }}'
        assert _printed(environment.parse(source)) == ["One event", "Four or so"]

    def test_text_in_a_module(self) -> None:
        spoken = _Spoken()
        spoken.visit(
            ast.parse(
                '"""About this module."""\n'
                'A = "Nothing is lost."\n'
                "def f(self):\n"
                '    """Do what is asked."""\n'
                '    self.words.gettext("It is translated.")\n'
                '    log.info("It is in the log.")\n'
                '    raise ValueError("It is not shown.")\n'
                '    return f"There are {n} of them."\n'
            )
        )
        assert spoken.untranslated == ["Nothing is lost.", "There are  of them."]


# --- What they read -----------------------------------------------------------------------------------


def _messages(language: str) -> list[Message]:
    with (found.FOLDER / f"{language}.po").open("rb") as file:
        return [message for message in read_po(file, locale=language) if message.id]


def _kept(said: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|</?\w+[^>]*>", said))


class _Reader(HTMLParser):
    """Gathers the words that stand in HTML itself."""

    ATTRIBUTES = (
        "aria-label",
        "alt",
        "title",
        "placeholder",
        "data-label",
        "data-confirm",
        "data-announce",
        "summary",
    )
    UNREAD = ("code", "style", "script", "pre")

    def __init__(self) -> None:
        super().__init__()
        self.untranslated: list[str] = []
        self._unread: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        if tag in self.UNREAD or given.get("lang") == "en":
            self._unread.append(tag)
        for name in self.ATTRIBUTES:
            self._note(given.get(name) or "")

    def handle_endtag(self, tag: str) -> None:
        if self._unread and self._unread[-1] == tag:
            self._unread.pop()

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self._note(data)

    def _note(self, data: str) -> None:
        for name in NAMES:
            data = data.replace(name, "")
        data = re.sub(r'[\w-]+="[^"]*"', "", data)  # a macro's or a part's attributes, whose tag is elsewhere
        if re.search(r"[^\W\d_]{2}", data):
            self.untranslated.append(" ".join(data.split()))


def _printed(tree: nodes.Template) -> list[str]:
    """Return the texts that a template's expressions hold outside a call of gettext."""
    translated = {
        id(constant)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in GETTEXT
        for constant in call.find_all(nodes.Const)
    }
    return [
        constant.value
        for constant in tree.find_all(nodes.Const)
        if id(constant) not in translated and isinstance(constant.value, str) and _is_prose(constant.value)
    ]


def _is_prose(said: str) -> bool:
    return bool(re.match(r"[A-Z][\w']* \w", said)) and said not in NAMES


class _Spoken(ast.NodeVisitor):
    """Gathers the sentences of a module that no gettext translates, but for those that no reader sees."""

    UNSHOWN = (
        *GETTEXT,
        "info",
        "warning",
        "error",
        "exception",
        "debug",
        "fullmatch",
        "match",
        "search",
        "compile",
    )

    def __init__(self) -> None:
        self.untranslated: list[str] = []

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in self.UNSHOWN:
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        pass

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # which would be a docstring
            self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._note("".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._note(node.value)

    def _note(self, said: str) -> None:
        if _is_prose(said):
            self.untranslated.append(said)
