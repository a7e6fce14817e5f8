"""An editor goes the whole way in Chromium: from Zoom's event, over wp-admin and the bridge, to what a visitor sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from core.store.auth.users import Role
from tests.conftest import new_context
from tests.end_to_end.adding import sign_in_link
from tests.end_to_end.events import Meeting
from tests.end_to_end.looks import assert_accessible, assert_fits, picture, takes_pictures
from tests.end_to_end.pages import follow_sign_in_link
from tests.end_to_end.scene import in_march
from tests.wordpress import signing_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.end_to_end.pair import Pair

EDITOR, EDITORS_PASSWORD = "ed", "secret of ed"
AGENDA = "Please bring your own cup."

_PUBLISH_A_PAGE = """
async (number) => {
    wp.data.dispatch('core/preferences').set('core/edit-post', 'welcomeGuide', false);
    const block = wp.blocks.createBlock('zoombridge/meeting', {meeting: number});
    wp.data.dispatch('core/block-editor').insertBlock(block);
    wp.data.dispatch('core/editor').editPost({title: 'What is on', status: 'publish'});
    await wp.data.dispatch('core/editor').savePost();
    return wp.data.select('core/editor').getPermalink();
}
"""
_EDITOR_IS_READY = """
() => window.wp && wp.data && wp.blocks && wp.blocks.getBlockType('zoombridge/meeting')
    && wp.data.select('core/editor') && wp.data.select('core/editor').getCurrentPostId()
"""
_SAVE_A_TITLE = """
async (title) => {
    wp.data.dispatch('core/editor').editPost({title});
    await wp.data.dispatch('core/editor').savePost();
}
"""


class Editor:
    """Edits meetings in wp-admin, and may not manage the site."""

    def __init__(self, pair: Pair, page: Page) -> None:
        self.pair = pair
        self.page = page
        self.is_beside_vczapi = bool(pair.site.php("return zoombridge_has_vczapi();"))
        pair.site.php(
            "username_exists( $name ) || wp_insert_user( array( 'user_login' => $name, 'user_pass' => $password, 'role' => 'editor' ) );",
            name=EDITOR,
            password=EDITORS_PASSWORD,
        )
        page.goto(f"{pair.site.url}/wp-login.php")
        signing_in.sign_in(page, EDITOR, EDITORS_PASSWORD)
        page.wait_for_url("**/wp-admin/**", wait_until="commit")

    def open_list(self) -> None:
        self.page.goto(f"{self.pair.site.url}/wp-admin/edit.php?post_type=zoom-meetings")

    def row(self, topic: str) -> str:
        """Return the text of a meeting's row, waiting for it."""
        found = self.page.locator("#the-list tr").filter(
            has=self.page.get_by_role("link", name=f"“{topic}” (Edit)")
        )
        expect(found).to_have_count(1)
        return found.inner_text()

    def finds_in_the_list(self, meeting: Meeting, concert: Meeting) -> None:
        """The columns say what Zoom says, and filters and order are by the dates of the meetings."""
        page = self.page
        self.open_list()
        assert "Upcoming" in self.row(meeting.topic)
        if takes_pictures() and not self.is_beside_vczapi:
            page.get_by_label("Filter by the date of the meeting").select_option(f"{meeting.start:%Y-%m}")
            page.get_by_role("button", name="Filter", exact=True).click()
            self.row(meeting.topic)
            picture(page, self.pair, "editor-list-1280")
            self.open_list()
        assert_accessible(page, "[class*=column-zoombridge], #zoombridge_when, #zoombridge_kind")
        page.get_by_label("Filter by the date of the meeting").select_option("upcoming")
        page.get_by_label("Filter by kind").select_option("webinar")
        page.get_by_role("button", name="Filter", exact=True).click()
        assert "Upcoming" in self.row(concert.topic)
        expect(page.get_by_role("link", name=f"“{meeting.topic}” (Edit)")).to_have_count(0)
        page.locator("th#zoombridge_date a").click()
        self.row(concert.topic)

    def changes_the_title(self, meeting: Meeting, title: str) -> None:
        """On the edit screen, beside the box of what Zoom says; the text that Zoom changed meanwhile stays."""
        page = self.page
        self.open_list()
        page.get_by_role("link", name=f"“{meeting.topic}” (Edit)").click()
        box = page.locator("#zoombridge-meeting")
        expect(box).to_contain_text(meeting.join_url)
        assert_accessible(page, "#zoombridge-meeting .inside")
        self.pair.tell(meeting.updated({"agenda": ""}, agenda=AGENDA))
        if page.locator("#title").count():
            page.locator("#title").fill(title)
            page.get_by_role("button", name="Update", exact=True).click()
            expect(page.locator("#message")).to_be_visible()
        else:
            page.wait_for_function(_EDITOR_IS_READY)
            for typed in (title, title.upper(), title):
                page.evaluate(_SAVE_A_TITLE, typed)
        stands = self.pair.post(meeting.number)
        assert (stands["title"]["raw"], stands["content"]["raw"]) == (title, f"<p>{AGENDA}</p>\n")

    def reads_it_at_the_bridge(self, meeting: Meeting) -> None:
        """As a viewer at the bridge's own address, who finds why the titles differ, and the way back to the edit screen."""
        page, bridge = self.page, self.pair.bridge
        name = "beside-vczapi" if self.is_beside_vczapi else "alone"
        follow_sign_in_link(page, sign_in_link(bridge, name, Role.VIEWER))
        page.goto(f"{bridge.url}/meetings?q={meeting.number}")
        page.get_by_role("link", name=meeting.topic).first.click()
        expect(page.get_by_role("heading", name=meeting.topic)).to_be_visible()
        expect(page.locator("#zb-posts")).to_contain_text("Its title was changed in WordPress.")
        expect(page.get_by_role("button", name="Resync page")).to_have_count(0)
        assert_accessible(page, "body")
        page.get_by_role("link", name="Edit in WordPress").click()
        expect(page.locator("#zoombridge-meeting")).to_contain_text(f"In Zoom it is “{meeting.topic}”")

    def publishes_a_page(self, meeting: Meeting) -> str:
        """Put the block of one meeting into a page; return its address."""
        page = self.page
        page.goto(f"{self.pair.site.url}/wp-admin/post-new.php?post_type=page")
        page.wait_for_function(_EDITOR_IS_READY)
        address: str = page.evaluate(_PUBLISH_A_PAGE, str(meeting.number))
        return address


def edits(pair: Pair, browser: Browser, topic: str, title: str) -> None:
    """From Zoom's event to what a visitor sees of the editor's page."""
    meeting = Meeting("meeting", topic=topic, start=in_march(3, 18))
    concert = Meeting("webinar", topic=f"Concert after {topic.lower()}", start=in_march(4, 18))
    pair.tell(meeting.created(), concert.created())
    context = new_context(browser)
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    editor = Editor(pair, page)
    editor.finds_in_the_list(meeting, concert)
    editor.changes_the_title(meeting, title)
    pair.tell(meeting.updated({"duration": 60}, duration=75))
    editor.reads_it_at_the_bridge(meeting)
    address = editor.publishes_a_page(meeting)
    context.close()
    assert errors == []

    visitor = new_context(browser).new_page()
    visitor.goto(address)
    shown = visitor.locator(".zoombridge-visit")
    expect(shown).to_contain_text(title)
    expect(shown.get_by_text(topic, exact=True)).to_have_count(0)
    assert_accessible(visitor, ".zoombridge-visit")
    assert_fits(visitor)
    visitor.goto(pair.post(meeting.number)["link"])
    expect(visitor.get_by_role("heading", name=title).first).to_be_visible()
    visitor.context.close()


class TestEditor:
    def test_on_a_site_of_its_own(self, pair: Pair, browser: Browser) -> None:
        edits(pair, browser, "Evensong", "Evensong in the chapel")


class TestEditorBesideVczapi:
    def test_on_a_site_with_vczapi(self, with_vczapi: Pair, browser: Browser) -> None:
        edits(with_vczapi, browser, "Vespers", "Vespers in the hall")
