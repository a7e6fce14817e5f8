"""What visitors see of meetings, from Zoom's event to the browser: lists, blocks, a page that a cache has kept."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.conftest import new_context
from tests.end_to_end.events import Meeting, in_days, series
from tests.end_to_end.looks import AXE, WIDTHS, assert_fits, picture, takes_pictures
from tests.end_to_end.pages import Frame, sign_in
from tests.end_to_end.scene import in_march
from tests.end_to_end.test_accessibility import assert_reachable
from tests.plugin_stub.event_schema import problems
from tests.wordpress import packages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.end_to_end.pair import Pair
    from tests.wordpress import WordPress

DARK = "body { background: #111 !important; color: #eee !important; } body a, body summary { color: #9cf !important; }"
NEW_YORK = "America/New_York"
INSPECTOR = ".block-editor-block-inspector .components-panel__body"
_INSERT = """
([name, attributes]) => {
    wp.data.dispatch('core/preferences').set('core/edit-post', 'welcomeGuide', false);
    const block = wp.blocks.createBlock(name, attributes);
    wp.data.dispatch('core/block-editor').insertBlock(block);
    wp.data.dispatch('core/block-editor').selectBlock(block.clientId);
}
"""


class Visit(Frame):
    """What the plugin shows to visitors."""

    root = ".zoombridge-visit"
    name = "site"


class OwnPage(Frame):
    """The details on a meeting's own page."""

    root = ".zoombridge-meeting"
    name = "site"


@dataclass
class Program:
    """The meetings of a category, and the pages that show them."""

    pair: Pair
    soon: Meeting
    concerts: Meeting
    list: str
    month: str


def zone_of_another_day(time: datetime) -> str:
    """Return a time zone in which a time (UTC) has another date than in that of the site."""
    return "Pacific/Apia" if time.hour >= 11 else "Pacific/Pago_Pago"


@pytest.fixture(scope="class")
def program(kept_pair: Pair) -> Iterator[Program]:
    """Meetings that Zoom told of, in a category of their own."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=30)
    soon = Meeting(
        "meeting",
        topic="Rehearsal & <i>tea</i>",
        start=start,
        changes={"timezone": zone_of_another_day(start)},
    )
    concerts = series("webinar", first=in_days(2), topic="Concerts")
    concerts.topic = "Concerts"
    kept_pair.tell(soon.created(), concerts.created())
    site = kept_pair.site
    pages = site.php(
        """
        wp_insert_term( 'Program', 'zoom-meeting', array( 'slug' => 'program' ) );
        foreach ( $posts as $post ) {
            wp_set_object_terms( $post, 'program', 'zoom-meeting' );
        }
        update_option( 'zoombridge_join_minutes', 10 );
        return array_map( static function ( $content ) {
            return get_permalink( wp_insert_post( array( 'post_type' => 'page', 'post_status' => 'publish',
                'post_title' => 'Program', 'post_content' => $content ) ) );
        }, $contents );
        """,
        posts=[kept_pair.post(one.number)["id"] for one in (soon, concerts)],
        contents=[
            (
                '<!-- wp:zoombridge/meetings {"category":"program","view":"cards","align":"wide"} /-->'
                f'<!-- wp:zoombridge/countdown {{"meeting":"{soon.number}"}} /-->'
            ),
            "[zoom_meetings view=month category=program]",
        ],
    )
    yield Program(kept_pair, soon, concerts, *pages)
    site.php("delete_option( 'zoombridge_join_minutes' );")


def look(page: Page, frame: Frame, address: str) -> None:
    """Look at a page as everybody does who has trouble with it: wide and light, narrow and dark, by keyboard."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.evaluate(AXE_SCRIPT)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if width == WIDTHS[-1]:
            page.add_style_tag(content=DARK)
        found = page.evaluate(AXE, frame.root)
        assert found == [], (address, width)
        assert_fits(page)
    assert_reachable(page, frame)
    assert errors == []


def take_pictures(pair: Pair, browser: Browser) -> None:
    """Take those of docs/visitors.md: of a season whose dates are always the same."""
    rehearsal = Meeting("meeting", topic="Choir rehearsal ♫", start=in_march(2, 18))
    evening = Meeting("webinar", topic="Open evening for new members", start=in_march(5, 17))
    concerts = series("webinar", first=in_march(7, 17), topic="Sunday concerts")
    concerts.topic = "Sunday concerts"
    pair.tell(rehearsal.created(), evening.created(), concerts.created())
    lists = {view: f"[zoom_meetings category=season view={view}]" for view in ("list", "cards", "month")}
    addresses = pair.site.php(
        """
        delete_option( 'zoombridge_join_minutes' );
        wp_insert_term( 'Season', 'zoom-meeting', array( 'slug' => 'season' ) );
        foreach ( $posts as $post ) {
            wp_set_object_terms( $post, 'season', 'zoom-meeting' );
        }
        return array_map( static function ( $content ) {
            return add_query_arg( 'zb-month', $month, get_permalink( wp_insert_post( array( 'post_type' => 'page',
                'post_status' => 'publish', 'post_title' => 'Season', 'post_content' => $content ) ) ) );
        }, $contents );
        """.replace("( $content )", "( $content ) use ( $month )"),
        posts=[pair.post(one.number)["id"] for one in (rehearsal, evening, concerts)],
        month=f"{rehearsal.start:%Y-%m}",
        contents=lists | {"countdown": f"[zoom_countdown meeting={rehearsal.number}]"},
    )
    page = new_context(browser, timezone_id="Europe/Berlin").new_page()
    for width in WIDTHS:
        for name, address in addresses.items() if width == WIDTHS[0] else [("month", addresses["month"])]:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(address)
            picture(page, pair, f"visitors-{name}-{width}", root=".zoombridge-visit")
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(pair.post(rehearsal.number)["link"])
        page.get_by_text("Add to your calendar").click()
        picture(page, pair, f"visitors-calendar-{width}", root=".zoombridge-meeting")
    page.context.close()
    pair.site.php("update_option( 'zoombridge_join_minutes', 10 );")


# How each block and its shortcode may be set.
WAYS: dict[str, list[dict[str, str]]] = {
    "meetings": [{}, {"view": "cards"}, {"view": "month"}, {"which": "past"}, {"which": "live"}],
    "meeting": [{"meeting": "NUMBER"}],
    "countdown": [{}, {"meeting": "NUMBER"}],
}
CLASSIC = {
    "style.css": "/* Theme Name: Classic */ body { color: #222; background: #fff } a { color: #036 }",
    "index.php": """<!DOCTYPE html><html <?php language_attributes(); ?>><head><meta charset="utf-8"><title>Classic</title>
        <meta name="viewport" content="width=device-width"><?php wp_head(); ?></head><body <?php body_class(); ?>>
        <main><?php while ( have_posts() ) { the_post(); the_title( '<h1>', '</h1>' );
        is_singular() ? the_content() : the_excerpt(); } ?></main><?php wp_footer(); ?></body></html>""",
}
# Screens of wp-admin on which the plugin shows something, beside those of test_editor.py and the bridge's pages.
SCREENS = {
    "options-reading.php": "tr:has(#zoombridge_join_minutes)",
    "options-writing.php": "tr:has(#zoombridge_editor)",
    "plugins.php": "tr[data-plugin^=meetings-bridge-for-zoom] .row-actions .settings",
    "index.php": ".notice:has([href*=zoombridge_dismiss]), .notice:has([value=use_address])",
    "edit.php?post_type=zoom-meetings&page=zoombridge-settings": ".zoombridge-own",
    "site-health.php": "#health-check-accordion-block-zoombridge_connection",
    "options-privacy.php?tab=policyguide": "#privacy-settings-accordion-block-meetings-bridge-for-zoom",
}
# What is folded on a screen until somebody looks for it.
UNFOLD = {
    "site-health.php": (".site-health-view-passed", "[aria-controls$=zoombridge_connection]"),
    "options-privacy.php?tab=policyguide": ("[aria-controls$=meetings-bridge-for-zoom]",),
}
OFFERED = "https://bridge.example.org"


def themes(site: WordPress) -> list[str]:
    """Return the themes to look at: those of WordPress's own that are there, and one without blocks."""
    folder = site.directory / "wp-content/themes"
    known = ["twentytwentyone", "twentytwentythree", "twentytwentyfour", "twentytwentyfive"]
    if site.kind == "playground-sqlite":
        classic = packages.classic_theme()
        if classic:
            shutil.copytree(classic, folder / packages.CLASSIC_THEME, dirs_exist_ok=True)
        else:
            known.insert(0, "classic")
            (folder / "classic").mkdir(exist_ok=True)
            for name, text in CLASSIC.items():
                (folder / "classic" / name).write_text(text, encoding="utf-8")
    found: list[str] = site.php("search_theme_directories( true ); return array_keys( wp_get_themes() );")
    return [name for name in known if name in found]


def pages_of_everything(program: Program) -> list[str]:
    """Return the addresses of a page with every block, and of one with every shortcode."""
    shortcodes = program.pair.site.php("return array_column( ZOOMBRIDGE_BLOCKS, 'shortcode' );")
    assert len(shortcodes) == len(WAYS)
    blocks, codes = "", ""
    for (name, ways), shortcode in zip(WAYS.items(), shortcodes, strict=True):
        for way in ways:
            given = {key: value.replace("NUMBER", str(program.soon.number)) for key, value in way.items()}
            blocks += f"<!-- wp:zoombridge/{name} {json.dumps(given)} /-->"
            codes += f"[{shortcode} {' '.join(f'{key}={value}' for key, value in given.items())}]\n\n"
    made: list[str] = program.pair.site.php(
        """
        return array_map( static function ( $content ) {
            return get_permalink( wp_insert_post( array( 'post_type' => 'page', 'post_status' => 'publish',
                'post_title' => 'Everything', 'post_content' => $content ) ) );
        }, $contents );
        """,
        contents=[blocks, codes],
    )
    return made


def inspect(context: BrowserContext, address: str, root: str) -> None:
    """Look at what the plugin shows on a page: axe, one script and one style, the description for search engines."""
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address, wait_until="load")
    loaded = [url.partition("?")[0] for url in asked if "/plugins/meetings-bridge-for-zoom/" in url]
    assert sorted(url.rpartition(".")[2] for url in loaded) == ["css", "js"], (address, loaded)
    asked.clear()
    expect(page.locator(root).first).to_be_visible()
    assert page.evaluate(AXE, root) == [], address
    assert_fits(page)
    assert [url for url in asked if "wp-emoji" not in url] == [], address  # WordPress's own
    described = page.locator('script[type="application/ld+json"]').all_text_contents()
    assert [problems(json.loads(text)) for text in described] == [[]] * ("/zoom-meetings/" in address)
    page.close()


@contextmanager
def not_connected(site: WordPress) -> Iterator[None]:
    """Take the site's connection away for a while."""
    kept = site.php(
        "$kept = get_option( 'zoombridge_connection' ); delete_option( 'zoombridge_connection' ); return $kept;"
    )
    try:
        yield
    finally:
        site.php("update_option( 'zoombridge_connection', $kept );", kept=kept)


def inspect_archive(context: BrowserContext, address: str, program: Program) -> None:
    """Look at the archive of meetings, which the theme shows, with their dates."""
    page = context.new_page()
    page.goto(address, wait_until="load")
    main = page.locator("main").first
    expect(main).to_contain_text(program.concerts.topic)
    for meeting in (program.soon, program.concerts):
        date = meeting.start.astimezone(ZoneInfo(str(meeting.named["timezone"])))
        expect(main).to_contain_text(re.compile(rf"{date:%b}[a-z]* {date.day}, {date.year}"))
    assert page.evaluate(AXE, "main") == [], address
    assert_fits(page)
    page.close()


class TestVisitors:
    def test_pages_are_for_everybody(self, program: Program, browser: Browser) -> None:
        context = new_context(browser, timezone_id=NEW_YORK)
        page = context.new_page()
        own = program.pair.post(program.concerts.number)["link"]
        for frame, address in ((Visit(), program.list), (Visit(), program.month), (OwnPage(), own)):
            look(page, frame, address)
        summary = page.get_by_text("Add to your calendar")
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Google")).to_be_visible()
        assert "calendar.google.com" in (page.get_by_role("link", name="Google").get_attribute("href") or "")
        expect(page.locator(".zoombridge-details .zoombridge-local")).to_contain_text("Your time:")
        context.close()

        plain = new_context(browser, java_script_enabled=False).new_page()
        plain.goto(program.list)
        items = plain.locator(".zoombridge-item")
        expect(items).to_have_count(2)
        expect(items.first).to_contain_text("Rehearsal & <i>tea</i>")
        expect(items.first).to_contain_text("The link to join appears on")
        expect(plain.get_by_role("timer")).to_contain_text(re.compile(r"\d+ mins?"))
        plain.goto(own)
        plain.get_by_text("Add to your calendar").click()
        expect(plain.get_by_role("link", name="Outlook")).to_be_visible()
        plain.context.close()
        if takes_pictures():
            take_pictures(program.pair, browser)

    def test_a_page_that_a_cache_kept_is_right_about_now(self, program: Program, browser: Browser) -> None:
        context = new_context(browser, timezone_id=NEW_YORK)
        page = context.new_page()
        start = program.soon.start
        page.clock.install(time=start - timedelta(minutes=30))
        asked: list[str] = []
        page.goto(program.list)
        page.on("request", lambda request: asked.append(request.url))
        item = page.locator(".zoombridge-cards > .zoombridge-item").first
        join = item.get_by_role("link", name="Join Rehearsal & <i>tea</i>")
        state = item.locator(".zoombridge-state")

        expect(state).to_have_text("Upcoming")
        expect(item.locator(".zoombridge-local")).to_contain_text(
            re.compile(r"Your time: .*\b(EST|EDT|GMT-[45])\b")
        )
        expect(join).to_be_hidden()
        expect(page.get_by_role("timer")).to_contain_text("minutes")

        page.clock.run_for(timedelta(minutes=21).seconds * 1000)
        expect(join).to_be_visible()
        expect(item.locator(".zoombridge-wait")).to_be_hidden()
        page.clock.run_for(timedelta(minutes=10).seconds * 1000)
        expect(state).to_have_text("Under way")
        expect(page.get_by_role("timer")).to_be_hidden()
        page.clock.run_for(timedelta(minutes=60).seconds * 1000)
        expect(item).to_be_hidden()
        expect(page.locator(".zoombridge-cards > .zoombridge-item:visible")).to_have_count(1)
        assert [url for url in asked if "wp-emoji" not in url] == []  # WordPress's own
        context.close()

    def test_editor_previews_and_sets_the_block(self, program: Program, browser: Browser) -> None:
        site = program.pair.site
        context = new_context(browser)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        sign_in(page, site)
        page.goto(f"{site.url}/wp-admin/post-new.php?post_type=page")
        page.wait_for_function(
            "window.wp && wp.data && wp.blocks && wp.blocks.getBlockType('zoombridge/meetings')"
            " && wp.data.select('core/editor') && wp.data.select('core/editor').getCurrentPostId()"
        )
        page.evaluate(_INSERT, ["zoombridge/meetings", {"category": "program"}])
        canvas = page.frame(name="editor-canvas")
        assert canvas is not None
        preview = page.frame_locator("iframe[name=editor-canvas]").locator(".zoombridge-of-meetings")
        expect(preview.get_by_role("link", name="Concerts", exact=True)).to_be_visible()
        page.get_by_role("combobox", name="Kind").select_option("webinar")
        expect(preview.locator(".zoombridge-item")).to_have_count(1)
        page.get_by_role("combobox", name="View").select_option("month")
        expect(preview.locator("table.zoombridge-month")).to_be_visible()
        for frame, root in ((page, INSPECTOR), (canvas, ".zoombridge-of-meetings")):
            frame.evaluate(AXE_SCRIPT)
            assert frame.evaluate(AXE, root) == [], root
        content = page.evaluate("wp.data.select('core/editor').getEditedPostContent()")
        assert (
            content
            == '<!-- wp:zoombridge/meetings {"view":"month","category":"program","kind":"webinar"} /-->'
        )
        for name in ("meeting", "countdown"):
            page.evaluate(_INSERT, [f"zoombridge/{name}", {"meeting": str(program.soon.number)}])
            shown = page.frame_locator("iframe[name=editor-canvas]").locator(f".zoombridge-of-{name}")
            expect(shown).to_contain_text(program.soon.topic)
            expect(page.get_by_label("Zoom meeting number")).to_be_visible()
            assert page.evaluate(AXE, INSPECTOR) == [], name
            assert canvas.evaluate(AXE, f".zoombridge-of-{name}") == []
        assert errors == []
        context.close()

    def test_everything_in_every_theme(self, program: Program, browser: Browser) -> None:
        """Also in dark colours, where the theme has them for who wants them."""
        site = program.pair.site
        before = site.php("return get_stylesheet();")
        own = program.pair.post(program.concerts.number)["link"]
        archive = site.php("return get_post_type_archive_link( 'zoom-meetings' );")
        context = new_context(browser, viewport={"width": WIDTHS[-1], "height": 900}, color_scheme="dark")
        context.add_init_script(AXE_SCRIPT)
        everything = pages_of_everything(program)
        for count, theme in enumerate(themes(site)):
            site.php(
                "switch_theme( $theme ); set_theme_mod( 'respect_user_color_preference', true );", theme=theme
            )
            for address in everything if count == 0 else everything[:1]:
                inspect(context, address, ".zoombridge-visit")
            inspect(context, own, ".zoombridge-meeting")
            inspect_archive(context, archive, program)
        site.php("switch_theme( $theme );", theme=before)
        context.close()

    def test_every_screen_of_wp_admin(self, program: Program, browser: Browser) -> None:
        site = program.pair.site
        site.php(
            "zoombridge_store_alerts( array( 'count' => 2, 'digest' => 'x' ) ); zoombridge_sync_offer_address( $offered );",
            offered=OFFERED,
        )
        context = new_context(browser)
        context.add_init_script(AXE_SCRIPT)
        page = context.new_page()
        sign_in(page, site)
        for path, root in SCREENS.items():
            page.goto(f"{site.url}/wp-admin/{path}")
            for control in UNFOLD.get(path, ()):
                page.locator(control).click()
            for part in root.split(", "):
                expect(page.locator(part)).to_be_visible()
            assert page.evaluate(AXE, root) == [], path
        site.php("zoombridge_delete_option_row( 'zoombridge_offered_address' );")

        with not_connected(site):
            page.goto(f"{site.url}/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge-settings")
            expect(page.get_by_label("Pairing code")).to_be_visible()
            assert page.evaluate(AXE, ".zoombridge-own") == []
        context.close()


class TestVisitorsBesideVczapi:
    def test_everything(self, kept_with_vczapi: Pair, program: Program, browser: Browser) -> None:
        context = new_context(browser)
        context.add_init_script(AXE_SCRIPT)
        inspect(context, pages_of_everything(program)[0], ".zoombridge-visit")
        inspect(context, kept_with_vczapi.post(program.concerts.number)["link"], ".zoombridge-below")
        context.close()
