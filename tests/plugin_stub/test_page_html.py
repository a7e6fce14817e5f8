"""The plugin's filter for pages: the bridge's pages stay as they are, and a hostile bridge runs nothing in wp-admin.

It is run by PHP alone, with the wp_kses() of every WordPress that the tests know. That it takes nothing of a page away is
checked with each page that a test of `tests/web` requests for wp-admin, too: see `Http` in tests/web/conftest.py.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Error

from tests.plugin_stub.page_filter import BRIDGE, PAGE, PageFilter, Tokens, page_filter
from tests.wordpress import KINDS
from web.ui.shell import ASSETS_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Page, Route

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "plugin_stub/assets"
IMAGE = "<img src=x onerror=alert(1)>"
ADDRESS = "https://s1.example.org/wp-admin/a-page"

# Each runs a script, loads something from elsewhere, sends a form elsewhere or acts on the rest of wp-admin.
HOSTILE = [
    # Elements
    "<script>alert(1)</script>",
    "<SCRIPT>alert(1)</SCRIPT >",
    "<script/x>alert(1)</script>",
    "<script>alert(1)",
    '<script src="https://evil.example/x.js"></script>',
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script><script></script>alert(1)</script>",
    "<scr\0ipt>alert(1)</scr\0ipt>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><script href='https://evil.example/x.js'/></svg>",
    IMAGE,
    "<IMG/SRC=x\tonerror\n=\talert(1)//",
    '<iframe srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;"></iframe>',
    '<iframe src="https://evil.example/"></iframe>',
    '<object data="https://evil.example/"></object><embed src="https://evil.example/">',
    '<link rel="stylesheet" href="https://evil.example/x.css">',
    '<style>@import "https://evil.example/x.css";</style>',
    '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    '<base href="https://evil.example/">',
    '<video src="https://evil.example/" autoplay></video><audio src="https://evil.example/"></audio>',
    '<portal src="https://evil.example/"></portal><frameset><frame src="https://evil.example/"></frameset>',
    "<template><script>alert(1)</script></template><marquee onstart=alert(1)>x</marquee>",
    "<plaintext><script>alert(1)</script>",
    # Handlers
    "<button autofocus onfocus=alert(1) onclick='alert(1)'>x</button>",
    '<input autofocus\nonfocus="alert(1)">',
    "<details open ontoggle=alert(1)><summary>x</summary>y</details>",
    "<p/onmouseover=alert(1)>x</p>",
    "<p\x0conmouseover=alert(1)>x</p>",
    "<p lang=x\x0bonmouseover=alert(1)>x</p>",
    "<p ONMOUSEOVER&#61;alert(1) onmouseover = alert(1)>x</p>",
    "<svg onload=alert(1)></svg>",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s /></svg>",
    "<body onload=alert(1)>",
    "<progress onanimationstart=alert(1) style='animation:x 1s'></progress>",
    # Values that end early
    "<p lang='\"onmouseover=alert(1) x=\"'>x</p>",
    "<p lang=\"'onmouseover=alert(1) x='\">x</p>",
    '<p lang="a\\" onmouseover=alert(1) x="">x</p>',
    '<p lang=a"onmouseover=alert(1)>x</p>',
    f'<p lang="{IMAGE}">x</p>',
    f"<p lang='\">{IMAGE}'>x</p>",
    f"<p lang=`>{IMAGE}`>x</p>",
    '<p lang="x"onmouseover=alert(1)>x</p>',
    '<p a="b" onmouseover\n=\n"alert(1)" lang=\'>\' >x</p>',
    # Addresses
    '<a href="javascript:alert(1)">x</a>',
    '<a href=" &#1; JaVa\tScRiPt:alert(1)">x</a>',
    '<a href="&#106;&#97;&#118;&#97;script&#58;alert(1)">x</a>',
    '<a href="&#0000106avascript:alert(1)">x</a>',
    '<a href="&#x6A;avascript&colon;alert(1)">x</a>',
    '<a href="java&Tab;script&NewLine;:alert(1)">x</a>',
    '<a href="\x01javascript:alert(1)">x</a>',
    '<a href="feed:javascript:alert(1)">x</a>',
    '<a href="https:javascript:alert(1)">x</a>',
    '<a href="data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;">x</a>',
    '<a href="vbscript:msgbox(1)">x</a>',
    "<svg><a xlink:href='javascript:alert(1)'><text y='20'>x</text></a></svg>",
    "<svg><a href='javascript:alert(1)'><text y='20'>x</text></a></svg>",
    "<math href='javascript:alert(1)'>x</math>",
    '<a href="https://ok.example/" ping="https://evil.example/">x</a>',
    # SVG
    "<svg><a><animate attributeName=href values=javascript:alert(1) /><text y=20>x</text></a></svg>",
    "<svg><a><set attributeName=href to=javascript:alert(1) /><text y=20>x</text></a></svg>",
    f"<svg><foreignObject>{IMAGE}</foreignObject></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x xmlns=http://www.w3.org/2000/svg><script>alert(1)</script></svg>#x'/></svg>",
    "<svg><image href='https://evil.example/x.png' width=9 height=9 /></svg>",
    "<svg><rect fill='url(https://evil.example/x)' width=9 height=9 /></svg>",
    "<svg><rect style='fill:url(https://evil.example/x)' filter='url(https://evil.example/x)' width=9 height=9 /></svg>",
    # Style
    '<p style="background:url(https://evil.example/x)">x</p>',
    '<p style="width:expression(alert(1));behavior:url(#x)">x</p>',
    '<table background="https://evil.example/x"><tr><td>x</td></tr></table>',
    # Forms
    '<form method="post" action="https://evil.example/"><button>x</button></form>',
    '<form action="javascript:alert(1)"><button>x</button></form>',
    '<form method="post" action="/wp-admin/user-new.php"><button>x</button></form>',
    f'<form method="post" action="{PAGE}.evil.example"><button>x</button></form>',
    '<form method="post"><button formaction="https://evil.example/">x</button></form>',
    '<form method="post"><button formaction="javascript:alert(1)">x</button></form>',
    '<input type="image" src="https://evil.example/x.png" formaction="https://evil.example/">',
    '<form method="post" id="zb-enter" data-at-once action="https://evil.example/enter"><input name="token"></form>',
    # What browsers read in another way than it is written
    f'<svg></p><style><a id="</style>{IMAGE}">',
    f"<svg></svg><style><!--</style>{IMAGE}",
    f'<math><mtext><table><mglyph><style><!--</style><p lang="--&gt;{IMAGE}">',
    f'<form><math><mtext></form><form><mglyph><svg><mtext><style><path id="</style>{IMAGE}">',
    f'<noscript><p lang="</noscript>{IMAGE}"></noscript>',
    f'<textarea><p lang="</textarea>{IMAGE}"></textarea>',
    f'<title><p lang="</title>{IMAGE}"></title>',
    f'<svg><title><p lang="</title>{IMAGE}"></title></svg>',
    f'<svg><desc><p lang="</desc>{IMAGE}"></desc></svg>',
    f'<select><option><p lang="</select>{IMAGE}"></option></select>',
    f'<xmp><p lang="</xmp>{IMAGE}"></xmp><noembed><p lang="</noembed>{IMAGE}"></noembed>',
    f"<!-->{IMAGE}-->",
    f"<!--->{IMAGE}-->",
    f"<!--x--!>{IMAGE}-->",
    f"<!-- <!-- x --> {IMAGE} -->",
    f"<!doctype x [ {IMAGE} ]>",
    f"<svg><![CDATA[>{IMAGE}]]></svg>",
    f"<![CDATA[ > {IMAGE} ]]>",
    f"<?php > {IMAGE} ?>",
    f"</ > {IMAGE}>",
    f"<% > {IMAGE} %>",
    f"<<p lang='<'>{IMAGE}",
    f"< p><{IMAGE}>",
    "<p <script>alert(1)</script>",
    "<a href='https://ok.example/' <svg onload=alert(1)>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;<script\n>alert(1)</script\n>",
    # What acts on the rest of wp-admin, or lets its scripts act on the page
    '<div id="wpadminbar">x</div><label for="user_login">x</label><button form="adv-settings">x</button>',
    '<form name="getElementById"><input name="x"></form><a name="ajaxurl">x</a>',
    '<a class="thickbox" href="https://evil.example/?TB_iframe=1">x</a>',
    '<a class="zoombridge-button thickbox" href="https://evil.example/">x</a>',
    '<p data-toggle="tooltip" data-html="true" data-hx-get="https://evil.example/" x-data="alert(1)">x</p>',
    '<a href="https://ok.example/" target="_top" is="x-y" slot="x" popovertarget="x" accesskey="x">x</a>',
    '<p contenteditable draggable="true" autofocus style="position:fixed" nonce="x" part="x">x</p>',
]

# Some of them, of each kind, that act by themselves in the browser of these tests.
SEEN = [
    "<script>alert(1)</script>",
    IMAGE,
    "<svg onload=alert(1)></svg>",
    "<button autofocus onfocus=alert(1) onclick='alert(1)'>x</button>",
    '<a href="&#x6A;avascript&colon;alert(1)">x</a>',
    '<p style="background:url(https://evil.example/x)">x</p>',
    "<svg><image href='https://evil.example/x.png' width=9 height=9 /></svg>",
    f'<textarea><p lang="</textarea>{IMAGE}"></textarea>',
    f"<!--x--!>{IMAGE}-->",
]

# As the filter writes them.
TAG = re.compile(r'</?[a-z0-9]+(?: [a-z-]+(?:="[^"<>]*")?)*(?: /)?>', re.IGNORECASE)

# What our own pages have none of, and what could do harm.
FORBIDDEN_ELEMENTS = frozenset(
    [
        "animate",
        "applet",
        "area",
        "audio",
        "base",
        "body",
        "embed",
        "foreignobject",
        "frame",
        "frameset",
        "head",
        "html",
        "iframe",
        "image",
        "img",
        "link",
        "map",
        "marquee",
        "math",
        "meta",
        "noembed",
        "noframes",
        "noscript",
        "object",
        "plaintext",
        "portal",
        "script",
        "set",
        "source",
        "style",
        "template",
        "track",
        "use",
        "video",
        "xmp",
    ]
)
FORBIDDEN_ATTRIBUTES = frozenset(
    [
        "accesskey",
        "background",
        "contenteditable",
        "data-hx-get",
        "data-html",
        "data-toggle",
        "draggable",
        "fill",
        "filter",
        "form",
        "formaction",
        "http-equiv",
        "is",
        "nonce",
        "part",
        "ping",
        "popovertarget",
        "slot",
        "src",
        "srcdoc",
        "style",
        "x-data",
        "xlink:href",
    ]
)


@pytest.fixture(scope="module", params=KINDS)
def filtered(request: pytest.FixtureRequest) -> PageFilter:
    """The filter with the wp_kses() of each WordPress."""
    return page_filter(request.param)


class TestHonestPage:
    HTML = f"""
    <div class="zoombridge zoombridge-embedded" lang="de-DE" data-assets="1" data-text-copied="Kopiert &#34;x&#34;">
      <form method="post" action="{PAGE}&amp;zoombridge=%2Fevents%3Fa%3Db%26c" data-confirm="Remove &lt;b&gt;?">
        <input type="hidden" name="_zoombridge_nonce" value="n0nce"><input id="zb-q" name="q" value="C:\\" checked required>
        <textarea id="zb-t" name="t" rows="3">&lt;b&gt; &amp;amp; \\"quoted\\" &amp;lt;script&amp;gt;</textarea>
        <button class="is-primary is-danger" type="submit" disabled>Go</button>
      </form>
      <svg id="zb-day" viewBox="0 0 440 170" role="img" aria-labelledby="zb-day-title">
        <title id="zb-day-title">Day</title>
        <defs><pattern id="zb-dots" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="is-ground" width="6" height="6"/></pattern></defs>
        <g><title>1 &lt; 2</title><rect class="is-good" x="1.5" y="2" width="3" height="4"/></g>
        <path class="is-line is-good" d="M1 2L3 4"/><text class="is-label" x="1" y="2" text-anchor="end">5</text>
      </svg>
      <p>A topic with &lt;b&gt; &amp; “quotes” &#39;, \\' and 🚒 &gt; <code>&lt;script&gt;alert(1)&lt;/script&gt;</code><br></p>
      <a href="https://zoom.us/meeting/1?a=b&amp;c=d:e#f" rel="noreferrer" target="_blank">Zoom</a> <a href="#zb-main">Main</a>
      <time datetime="2026-03-03T18:00:00+00:00">2026-03-03 18:00 UTC</time>
    </div>
    """

    def test_stays_as_it_is(self, filtered: PageFilter) -> None:
        assert Tokens(filtered(self.HTML)).found == Tokens(self.HTML).found

    def test_filtered_again_is_the_same(self, filtered: PageFilter) -> None:
        once = filtered(self.HTML)
        assert filtered(once) == once

    def test_of_an_older_bridge_loses_its_style_and_script_with_their_text(
        self, filtered: PageFilter
    ) -> None:
        style = (ASSETS / "page.css").read_text(encoding="utf-8")
        script = (ASSETS / "page.js").read_text(encoding="utf-8")
        html = f"<style>{style}</style>\n<div class='zoombridge'>x</div>\n<script>{script}</script>\n"

        assert filtered(html).strip() == '<div class="zoombridge">x</div>'

    @pytest.mark.parametrize(
        ("action", "may_leave", "kept"),
        [
            (PAGE, False, True),
            (f"{PAGE}&zoombridge=%2Fx", False, True),
            (f"{PAGE}x", False, False),
            (f"{BRIDGE}/enter", False, False),
            (f"{BRIDGE}/enter", True, True),
            (f"{BRIDGE}/other", True, False),
            ("http://10.0.0.7:8765/enter", True, True),
            ("https://other.example/zoom/enter", True, True),
            ("https://other.example/zoom/enter?x", True, False),
            ("https://other.example\\@s1.example.org/enter", True, False),
            ("https://x@s1.example.org/enter", True, False),
            ("https://s1.example.org/enter", True, False),
            ("http://S1.example.org:443/wp-admin/admin-post.php/enter", True, False),
            ("//other.example/enter", True, False),
            ("javascript:alert(1)//x/enter", True, False),
        ],
    )
    def test_form_leads_to_the_page_itself_or_to_the_bridges_own_address(
        self, filtered: PageFilter, action: str, may_leave: bool, kept: bool
    ) -> None:
        html = f'<form method="post" action="{action.replace("&", "&amp;")}">'
        (form,) = Tokens(filtered(html, may_leave=may_leave)).found

        assert form[2].get("action") == (action if kept else None)

    def test_form_of_a_bridge_at_the_sites_own_host(self, filtered: PageFilter) -> None:
        bridge = "https://s1.example.org/bridge"
        (form,) = Tokens(filtered(f'<form action="{bridge}/enter">', bridge=bridge, may_leave=True)).found
        assert form[2] == {"action": f"{bridge}/enter"}
        (form,) = Tokens(filtered(f'<form action="{bridge}/enter">', bridge=None, may_leave=True)).found
        assert form[2] == {}


class Written(HTMLParser):
    """The elements that a file of ours writes, with the names of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {(tag, name) for name, _ in attrs} | {(tag, "")}


def written() -> Iterator[tuple[str, str]]:
    """Yield every element and attribute that the templates and the charts may write, whatever they are given."""
    folders = [ROOT / "templates/pages", ROOT / "templates/parts"]
    for file in [
        *(file for folder in folders for file in folder.glob("*.jinja")),
        ROOT / "templates/shell/wp-admin.jinja",
    ]:
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}", " ", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        # The level of a heading and the calls of macros for attributes are written by expressions.
        text = text.replace("<h{{ ", "<h2 {{ ").replace("</h{{ ", "</h2 {{ ")
        yield from Written(re.sub(r"\{\{.*?\}\}", " ", text, flags=re.DOTALL)).found
        for given in re.findall(r"attributes=\{(.*?)\}", file.read_text(encoding="utf-8"), re.DOTALL):
            yield from (("input", name) for name in re.findall(r'"([a-z]+)":', given) if name != "rows")
    for file in (ROOT / "web/ui").glob("*.py"):
        for piece in re.findall(r"'(<[a-z][^'\n]*)'", file.read_text(encoding="utf-8")):
            yield from Written(piece.replace("{}", "x")).found


def test_lists_all_that_the_templates_write(filtered: PageFilter) -> None:
    """Also what no test happens to render."""
    found = set(written())
    assert {
        ("svg", "viewbox"),
        ("pattern", "patterntransform"),
        ("input", "inputmode"),
        ("circle", "cx"),
    } <= found
    missing = {
        (element, name)
        for element, name in found
        if element not in filtered.elements or name not in ["", *filtered.elements[element]]
    }
    assert missing == set()


def test_versions_of_style_and_script_agree() -> None:
    code = (ROOT / "plugin_stub/page-html.php").read_text(encoding="utf-8")
    assert re.findall(r"define\( 'ZOOMBRIDGE_ASSETS_VERSION', (\d+) \);", code) == [str(ASSETS_VERSION)]


class TestHostilePage:
    @pytest.mark.parametrize("html", HOSTILE)
    def test_has_nothing_that_runs_loads_or_leads_away(self, filtered: PageFilter, html: str) -> None:
        for wrapped in (
            html,
            f'<div class="zoombridge">{html}</div>',
            f"<svg><text>{html}",
            f"<textarea>{html}",
        ):
            shown = filtered(wrapped)
            assert "<" not in TAG.sub("", shown)
            # Wherever a browser begins to read.
            for start in (found.start() for found in re.finditer("<", shown)):
                self.assert_harmless(Tokens(shown[start:]).found[0])

    def assert_harmless(self, token: tuple[Any, ...]) -> None:
        if token[0] != "start":
            assert token[0] == "end"
            return
        _, element, attributes = token
        assert element not in FORBIDDEN_ELEMENTS
        assert not [name for name in attributes if name.startswith("on") or name in FORBIDDEN_ATTRIBUTES]
        assert re.match(r"https?://|#|$", attributes.get("href", ""))
        assert attributes.get("action", PAGE) == PAGE
        assert attributes.get("target", "_blank") == "_blank"
        assert re.fullmatch(r"((zoombridge|is)[a-z-]*\s*)*", attributes.get("class", ""))
        assert all(attributes.get(name, "zb-").startswith("zb-") for name in ("id", "for", "list"))

    def test_in_a_browser(self, page: Page) -> None:
        filtered = page_filter("debian-mariadb")
        assert seen_in_a_browser(page, [filtered(html) for html in HOSTILE]) == []

    def test_would_be_seen_in_a_browser(self, page: Page) -> None:
        """What the test before looks for is there without the filter."""
        assert seen_in_a_browser(page, SEEN) == sorted(SEEN)


# Uses each element as a person could, but leaves the page by none.
_USE = """
() => {
    addEventListener('submit', (event) => event.preventDefault());
    addEventListener('click', (event) => {
        const link = event.target.closest('a');
        if (link && /^https?:/.test(link.href)) event.preventDefault();
    });
    for (const element of document.querySelectorAll('.zoombridge *')) {
        for (const kind of ['mouseover', 'focus', 'toggle', 'click']) {
            element.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true}));
        }
    }
}
"""
# A question would wait for an answer.
_TELL = "window.alert = () => fetch('https://alert.example/', {mode: 'no-cors'});"


def seen_in_a_browser(page: Page, pieces: Sequence[str]) -> list[str]:
    """Show each piece in a page with the plugin's style and script; return those that ran, loaded or left something."""
    seen: list[str] = []
    shown = ""
    style, script = ((ASSETS / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))

    def answer(route: Route) -> None:
        if route.request.method == "POST" and route.request.url == ADDRESS:
            route.fulfill(content_type="text/html", body="Sent to the page itself")
        elif route.request.url == ADDRESS:
            frame = f'<div id="wpwrap"><div class="zoombridge">{shown}</div></div>'
            body = f"<!doctype html><style>{style}</style>{frame}<script>{script}</script>"
            route.fulfill(content_type="text/html; charset=utf-8", body=body)
        else:
            seen.append(shown)
            route.abort()

    page.add_init_script(_TELL)
    page.route("**/*", answer)
    for piece in pieces:
        shown = piece
        page.goto(ADDRESS)
        try:
            page.evaluate(_USE)
            page.evaluate(
                "fetch(location.href, {method: 'POST'}).then(() => true)"
            )  # after what was asked for before
        except Error:  # it has left
            seen.append(piece)
    return sorted(set(seen))
