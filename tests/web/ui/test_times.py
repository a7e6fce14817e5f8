"""Times in texts, which the page's script shows in the reader's zone."""

from markupsafe import Markup

from web.ui.i18n import translations
from web.ui.shell import BrowserShell, render
from web.ui.times import mark_times, time_element


def test_times_in_a_sentence_are_marked_and_the_rest_is_text() -> None:
    assert mark_times("<b>on 2026-11-30 12:05 UTC, & 9.") == (
        '&lt;b&gt;on <time datetime="2026-11-30T12:05:00+00:00">2026-11-30 12:05 UTC</time>, &amp; 9.'
    )
    assert mark_times("2026-11-30 12:05 and 12:05 UTC") == "2026-11-30 12:05 and 12:05 UTC"


def test_times_that_are_elements_already_stay() -> None:
    marked = mark_times("Since 2026-11-30 12:05 UTC.")
    assert mark_times(marked) == marked


def test_a_moment_is_the_same_element() -> None:
    words = translations("en")
    assert time_element(1_796_040_300_000, words=words) == mark_times("2026-11-30 12:05 UTC")
    assert time_element(None, words=words) == "never"


def test_a_time_in_the_note_of_an_error_is_an_element() -> None:
    shell = BrowserShell(nonce="n", xsrf_field=Markup(""))
    message = "Zoom permits it again: 2026-11-30 12:05 UTC. <b>"
    shown = render("pages/error.jinja", shell, {"message": message, "tabs": ()})
    assert f"<p>{mark_times(message)}</p>" in shown
