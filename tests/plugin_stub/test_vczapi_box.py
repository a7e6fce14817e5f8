"""Posts that the bridge made: one box *Zoom* instead of VCZAPI's form, and no save of them reaches Zoom."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from tests.plugin_stub.conftest import password_of
from tests.plugin_stub.pairing import connect
from tests.plugin_stub.sync import SyncClient
from tests.plugin_stub.test_vczapi_visitors import write
from tests.plugin_stub.vczapi import BRIDGE, manage, sync
from tests.wordpress.vczapi_site import MAKE, NUMBER, VczapiSite, details

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.wordpress import WordPress

__all__ = ["sync", "write"]


def box(page: str) -> str:
    """Return the box as text, with its links."""
    found = re.search(r'<div id="zoombridge-meeting".*?</table>.*?</p>\s*<p>.*?</p>', page, re.DOTALL)
    assert found, page
    return html.unescape(found[0])


class TestBox:
    def test_stands_in_place_of_the_form(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        page = vczapi.edit_screen(
            write(details(host_email="ada@example.org"), start_date_utc="2030-03-02 09:00:00")
        )

        shown = box(page)
        assert "March 2, 2030 9:00 am" in shown
        assert "ada@example.org" in shown
        assert details()["join_url"] in shown
        assert f"https://zoom.us/meeting/{NUMBER}" in shown
        assert f"zoombridge=%2Fmeetings%3Fq%3D{NUMBER}" in shown
        assert "—" not in shown, "the last change is known"
        assert "_zvc_nonce" not in page
        assert 'name="start_date"' not in page
        assert "Start Meeting" not in page
        assert vczapi.complaints() == []

    def test_says_what_is_hidden_and_undated(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        shown = box(vczapi.edit_screen(write(details(join_url=""), start_date_utc="2099-12-31 00:00:00")))

        assert "No fixed time" in shown
        assert "Not shown on this site" in shown

    def test_has_no_markup_of_hosts(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        page = vczapi.edit_screen(write(details(host_email="<script>x</script>")))

        assert "<script>x" not in page

    def test_editors_see_it_without_the_bridge(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        post = write()
        password_of(vczapi.site, "eva", "editor")
        vczapi.sign_in("eva", "a-password")

        shown = box(vczapi.edit_screen(post))
        assert "Edit in Zoom" in shown
        assert "Show in the bridge" not in shown

    def test_copy_of_a_post_has_the_form(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        copy = vczapi.site.command_line(
            """
            $id = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'Copy' ) );
            foreach ( get_post_meta( $post ) as $key => $values ) {
                add_post_meta( $id, $key, maybe_unserialize( $values[0] ) );
            }
            return $id;
            """,
            post=write(),
        )

        page = vczapi.edit_screen(copy)
        assert "zoombridge-meeting" not in page
        assert 'name="start_date"' in page
        vczapi.site.log_path.write_bytes(b"")  # the form of an unmanaged post may complain

    def test_title_that_was_changed_here_is_given_back(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        post = write(details(topic="Weekly <talk> & tea"))
        vczapi.hold(details())
        assert "In Zoom it is" not in box(vczapi.press_update(post, post_title="Weekly <talk> & tea"))

        shown = box(vczapi.press_update(post, post_title="Ours"))
        assert "In Zoom it is “Weekly <talk> & tea”" in shown
        link = re.search(r'href="([^"]*zoombridge_use_zooms_title[^"]*)"', shown)
        assert link is not None
        wrong = link[1].replace("_wpnonce=", "_wpnonce=0")
        assert vczapi.session.get(wrong, timeout=600).status_code == 403
        assert "In Zoom it is" not in box(vczapi.session.get(link[1], timeout=600).text)
        title = vczapi.site.php("return get_post_field( 'post_title', $post, 'raw' );", post=post)
        assert title == "Weekly &lt;talk&gt; &amp; tea"
        assert vczapi.changes() == [], "no save of it reaches Zoom"

    def test_without_vczapi(self, site: WordPress) -> None:
        connect(site, BRIDGE)
        sync = SyncClient(site)
        post = sync.send(sync.write("7", title="x", status="publish")).result["post"]
        screens = VczapiSite(site)
        screens.sign_in(site.user, site.password)

        assert "https://zoom.us/meeting/7" in box(screens.edit_screen(post))

    def test_of_a_post_whose_form_is_gone(self, site: WordPress) -> None:
        """Nothing sends a title to Zoom any more: one that an editor gives is theirs, as where the bridge made the post."""
        connect(site, BRIDGE)
        sync = SyncClient(site)
        screens = VczapiSite(site)
        screens.sign_in(site.user, site.password)
        made = "require $file; return vczapi_double_make( $details );"
        post = site.php(made, file=str(MAKE), details=details(topic="R&amp;D"))
        manage(sync, post, revision=1)
        titled = "wp_update_post( array( 'ID' => $post, 'post_title' => $title ) );"

        shown = box(screens.edit_screen(post))
        assert f"https://zoom.us/meeting/{NUMBER}" in shown
        assert "In Zoom it is" not in shown, "which the form has told Zoom in HTML"
        site.php(titled, post=post, title="Ours")
        assert "In Zoom it is" in box(screens.edit_screen(post))
        told = sync.send(sync.write(str(NUMBER), post, title="Theirs", keep_title=True)).result["took"]
        assert told == {"title": {"kept": "Ours"}}

    def test_giving_the_title_back_leaves_the_text(self, site: WordPress) -> None:
        """WordPress would take out of it what its author may not write."""
        connect(site, BRIDGE)
        sync = SyncClient(site)
        topic = {"lay_over": {"details": '{"topic": "Tea"}'}}
        post = sync.send(sync.write("7", title="Tea", status="publish", metas=topic)).result["post"]
        password_of(site, "ann", "author")
        text = '<iframe src="https://example.org/"></iframe><p onclick="x()">a</p>'
        read = "return array( get_post( $post )->post_title, get_post( $post )->post_content );"
        site.php(
            """
            kses_remove_filters();
            $author = get_user_by( 'login', 'ann' )->ID;
            wp_update_post( array( 'ID' => $post, 'post_title' => 'Ours', 'post_author' => $author, 'post_content' => $text ) );
            """,
            post=post,
            text=text,
        )
        assert site.php(read, post=post) == ["Ours", text]
        screens = VczapiSite(site)
        screens.sign_in("ann", "a-password")
        link = re.search(r'href="([^"]*zoombridge_use_zooms_title[^"]*)"', box(screens.edit_screen(post)))
        assert link is not None

        assert screens.session.get(link[1], timeout=600).status_code == 200
        assert site.php(read, post=post) == ["Tea", text]


class TestSave:
    def test_by_the_screen(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        post = write()
        vczapi.hold(details())

        page = vczapi.press_update(post, post_title="Another", content="New text.")

        assert vczapi.changes() == []
        assert "Another" in page
        assert vczapi.meta(post, "_meeting_zoom_details")["topic"] == details()["topic"]

    def test_by_a_form_that_was_opened_before_the_bridge_made_the_post(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        own = vczapi.make(details(id=1))
        nonce = next(value for name, value in vczapi.form(own) if name == "_zvc_nonce")
        post = write()
        before = vczapi.meta(post, "_meeting_fields")

        vczapi.press_update(
            post, [*vczapi.form(post), ("_zvc_nonce", nonce), ("start_date", "2030-01-01 10:00")]
        )

        assert vczapi.changes() == []
        assert vczapi.meta(post, "_meeting_fields") == before
        vczapi.site.log_path.write_bytes(b"")  # of the plugin's own post

    def test_by_rest_beside_the_next_generation(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        """Its hook sends every save by REST; only the double has it."""
        vczapi.site.php("update_option( 'vczapi_double_next', '1' );")
        post = write()

        for title in ("One", "Two"):
            answer = vczapi.site.rest("POST", f"wp/v2/zoom_meetings/{post}", json={"title": title})
            assert answer.status_code == 200, answer.text

        assert vczapi.changes() == []

    def test_other_posts_still_reach_zoom_beside_the_next_generation(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        """So that the test above means something: 4.6.7 has no such hook."""
        vczapi.site.php("update_option( 'vczapi_double_next', '1' );")
        write()
        post = vczapi.make(details(id=1))

        answer = vczapi.site.rest("POST", f"wp/v2/zoom_meetings/{post}", json={"title": "One"})

        assert answer.status_code == 200, answer.text
        assert [how for how, _, _ in vczapi.changes()] == ([] if vczapi.is_real else ["POST"])

    def test_post_that_the_form_made_keeps_its_form(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        post = vczapi.make(details())
        manage(sync, post, details={"topic": "Weekly"})

        page = vczapi.edit_screen(post)
        assert 'name="start_date"' in page
        assert "zoombridge-meeting" not in page


class TestOpenForm:
    """The bridge writes the post while its edit screen is open."""

    def test_untouched_title_and_text_keep_what_the_bridge_wrote(
        self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient
    ) -> None:
        post = write()
        opened = vczapi.form(post)
        assert sync.send(sync.write(str(NUMBER), post, title="Renamed", content="<p>Longer.</p>")).result[
            "ok"
        ]

        vczapi.press_update(post, opened)

        after = vczapi.site.php("return get_post( $post );", post=post)
        assert (after["post_title"], after["post_content"]) == ("Renamed", "<p>Longer.</p>")

    def test_text_as_the_visual_editor_sends_it(
        self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient
    ) -> None:
        """It sends paragraphs as line feeds and entities as characters, touched or not; seen in TinyMCE."""
        post = write()
        zooms = "<p>Tea &#91;gallery id=&quot;7&quot;&#93;<br />\n3 &lt; 4  &amp; more</p>\n<p>End</p>\n"
        sent = 'Tea [gallery id="7"]\n3 &lt; 4 &amp; more\n\nEnd'

        def stands() -> str:
            content: str = vczapi.site.php("return get_post( $post )->post_content;", post=post)
            return content

        assert sync.send(sync.write(str(NUMBER), post, content=zooms)).result["ok"]
        before = stands()
        opened = vczapi.form(post)
        vczapi.press_update(post, opened, content=sent)
        assert stands() == before
        assert sync.send(sync.write(str(NUMBER), post, content="<p>New</p>\n")).result["ok"]
        vczapi.press_update(post, opened, content=sent)
        assert stands() == "<p>New</p>\n"

        assert sync.send(sync.write(str(NUMBER), post, content=zooms)).result["ok"]
        vczapi.press_update(post, content=f"{sent}. [zoom_meetings]")
        assert stands() == f"{sent}. [zoom_meetings]".replace(
            '[gallery id="7"]', '&#091;gallery id="7"&#093;'
        ), "no shortcode comes from Zoom"

    def test_what_the_editor_changed_counts(
        self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient
    ) -> None:
        post = write()
        opened = vczapi.form(post)
        assert sync.send(sync.write(str(NUMBER), post, title="Renamed", content="<p>Longer.</p>")).result[
            "ok"
        ]

        vczapi.press_update(post, opened, content="By hand.")

        after = vczapi.site.php("return get_post( $post );", post=post)
        assert (after["post_title"], after["post_content"]) == ("Renamed", "By hand.")

    def test_title_of_the_form_that_was_not_touched_is_not_sent(
        self, vczapi: VczapiSite, sync: SyncClient
    ) -> None:
        post = vczapi.make(details())
        manage(sync, post, details={"topic": "Weekly"})
        opened = vczapi.form(post)
        assert sync.send(sync.write(str(NUMBER), post, title="Renamed")).result["ok"]

        vczapi.press_update(post, opened, option_auto_recording="cloud")

        assert [body for _, _, body in vczapi.changes()] == [{"settings": {"auto_recording": "cloud"}}]
        assert vczapi.site.php("return get_post( $post )->post_title;", post=post) == "Renamed"


class TestBridge:
    def test_a_hundred_writes_beside_the_next_generation_make_no_meeting(
        self, vczapi: VczapiSite, sync: SyncClient
    ) -> None:
        vczapi.site.php("update_option( 'vczapi_double_next', '1' );")

        # Ten at a time: the plugin ends a request that takes long, and leaves the rest to the next.
        for first in range(1, 101, 10):
            numbers = range(first, first + 10)
            answer = sync.send(*(sync.write(str(number), title="x", status="publish") for number in numbers))
            assert answer.codes == ["ok"] * 10

        assert vczapi.changes() == []
