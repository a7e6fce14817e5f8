from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import errors, messages
from web.ui.i18n import languages, translations
from web.ui.message_translation import find_template, templates, translate_message

ROOT = Path(__file__).parents[3]
PARAMETER = re.compile(r"%\((\w+)\)([sd])")
GERMAN = translations("de")

# Text as Zoom, WordPress and people write it, with texts of the catalogue among it.
texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["", "“choir”, which", "50 %", "%(name)s", "a\nb", ". ", "HTTP 404"]),
    st.sampled_from([text for text in templates() if not PARAMETER.search(text)]),
)

# What follows a number at once: nothing, or a quotation.
quotes = st.just("") | texts.map(lambda text: messages.QUOTED % {"text": text})
numbers = st.integers(-(10**9), 10**9)


def parameters_of(template: str) -> dict[str, str]:
    return dict(PARAMETER.findall(template))


@given(st.data())
def test_every_message_is_found_again(data: st.DataObject) -> None:
    template = data.draw(st.sampled_from(templates()))
    kinds = parameters_of(template)
    given_ = {
        name: data.draw(quotes if name == "quoted" else numbers if kind == "d" else texts)
        for name, kind in kinds.items()
    }
    text = template % given_ if given_ else template
    found = find_template(text)
    assert found is not None
    assert found[0] == template
    assert (template % found[1] if given_ else template) == text
    if list(kinds.values()).count("s") <= 1:
        assert found[1] == given_


@pytest.mark.parametrize("language", [language for language in languages() if language != "en"])
def test_every_template_is_translated_with_its_parameters(language: str) -> None:
    words = translations(language)
    for template in templates():
        translated = str(words.gettext(template))
        assert translated != template
        assert parameters_of(translated) == parameters_of(template)


def test_every_use_fills_in_the_parameters_of_its_template() -> None:
    """A forgotten parameter would fail only with the fault that the message is about."""
    filled: dict[str, set[frozenset[str]]] = {}
    for path in sorted((ROOT / "core").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.right, ast.Dict) and _name(node.left):
                names = frozenset(str(ast.literal_eval(key)) for key in node.right.keys if key is not None)
                filled.setdefault(_name(node.left), set()).add(names)
    assert filled
    for name, found in filled.items():
        assert found == {frozenset(parameters_of(getattr(messages, name)))}, name


def _name(node: ast.expr) -> str:
    """Return the name of a template; empty where an expression is none."""
    is_template = (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "messages"
    )
    return node.attr if is_template and isinstance(node, ast.Attribute) else ""


def test_parameters_that_are_messages_are_translated() -> None:
    text = messages.INCOMPLETE % {"missing": f"{messages.MISSING_TOPIC}, {messages.MISSING_JOIN_LINK}"}
    assert "sein Thema, sein Link zum Beitreten" in translate_message(text, GERMAN)


def test_messages_in_a_row_are_translated() -> None:
    text = f"{messages.BATCH_ONE} {messages.BATCH_MANY_KNOWN % {'count': 2}} {messages.BATCH_ONE_PENDING}"
    assert translate_message(text, GERMAN) == (
        "Es nennt 1 Aufzeichnung. 2 haben eigene Ereignisse in den Protokollen ihrer Meetings. 1 gehört noch zu "
        "keinem bekannten Meeting und steht aus, bis Zoom dieses Meeting sendet."
    )


def test_other_text_stays_as_it_is() -> None:
    for text in ("", "An error of a plugin.", "100 % (x)", "a" * 100_000):
        assert translate_message(text, GERMAN) == text
    assert translate_message(messages.DELETED, translations("en")) == messages.DELETED


@pytest.mark.parametrize("sign", [", ", ". ", ". No answer. "])
def test_text_that_somebody_has_made_for_it_takes_no_long_time(sign: str) -> None:
    """Sites choose some texts, and pages are made where Zoom is answered: each look costs a search of the catalogue."""
    find_template.cache_clear()
    text = f"x{sign}" * 1300
    assert translate_message(text, GERMAN)
    assert find_template.cache_info().misses < 500


def test_templates_of_pages_translate_what_core_stores() -> None:
    stored = re.compile(r"\{\{ [\w.]+\.(?:fault_message|message|reason|advice|detail)(?: or \"\")? \}\}")
    found = [
        f"{path.name}: {shown}"
        for path in sorted((ROOT / "templates").rglob("*.jinja"))
        for shown in stored.findall(path.read_text(encoding="utf-8"))
    ]
    # The detail of a written page is its address.
    assert found == ["selftest.jinja: {{ line.detail }}"]


# Errors that no page shows: of starting the bridge, of its database, and broken invariants.
NOT_ON_PAGES = {
    "core/maintenance/backup.py",
    "core/maintenance/key_sealing.py",
    "core/maintenance/move.py",
    "core/maintenance/restore.py",
    "core/maintenance/tables.py",
    "core/maintenance/target.py",
    "core/pipeline/fold_worker.py",
    "core/pipeline/mirror_worker.py",
    "core/store/db/encryption.py",
    "core/store/db/engine.py",
    "core/store/db/migrate.py",
    "core/store/db/private_files.py",
    "core/store/db/sqlite.py",
}


def test_errors_of_core_take_their_text_from_the_catalogue() -> None:
    """A page shows the text of an error, so that one outside the catalogue would stay English."""
    kinds = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ZoomBridgeError)
    } | {"unreachable"}
    found = set()
    for path in sorted((ROOT / "core").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                texts = [part for part in _texts(node.args[0]) if " " in part] if node.args else []
                if texts:
                    found.add(str(path.relative_to(ROOT)))
    assert found == NOT_ON_PAGES


def _texts(node: ast.expr) -> list[str]:
    """Return the literal texts of an expression outside of parameters."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return [text for part in node.values for text in _texts(part)]
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    return _texts(node.left) if isinstance(node, ast.BinOp) else []
