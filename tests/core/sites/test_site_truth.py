"""What stands on a real WordPress: told by the plugin, stored by the bridge, and left or brought right as people decide."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
from sqlalchemy import select, update

from core.jobs.runner import JobRunner
from core.model.page_status import PageStatus
from core.model.page_visit import PageVisit
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.mirror_worker import MirrorWorker
from core.sites import apply_rules, health_check, page_visits, site_changes
from core.sites.apply_rules import ApplyRulesJob
from core.store.db import clock as store_clock
from core.store.db.schema import posts as table
from core.store.db.schema import sites as site_table
from core.store.events import log
from core.store.posts import attempts, queue
from core.store.sites import sites
from tests.core.events import event
from tests.core.store.entries import entry
from tests.plugin_stub.conftest import VCZAPI, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.store.db.engine import Store
    from core.store.posts.attempts import Attempt
    from core.store.posts.queue import Claim
    from tests.wordpress import WordPress

KEY = "00112233445566778899aabbccddeeff" * 2
NUMBER = 85393847045
OBJECT: dict[str, Any] = {
    "topic": "Choir",
    "type": 2,
    "start_time": "2036-03-24T18:00:00Z",
    "duration": 60,
    "join_url": "https://example.zoom.us/j/1",
}
# Hides the pages of meetings from visitors, as plugins for members and for maintenance do, and web servers.
HIDING = """<?php
add_action( 'template_redirect', function () {
    $how = get_option( 'hiding_test' );
    if ( ! $how || ! is_singular( 'zoom-meetings' ) || is_user_logged_in() ) {
        return;
    }
    if ( 'not found' === $how ) {
        $GLOBALS['wp_query']->set_404();
        status_header( 404 );
        return;
    }
    if ( 'sign in' === $how ) {
        auth_redirect();
    }
    if ( 'login of the server' === $how ) {
        header( 'WWW-Authenticate: Basic realm="Staging"' );
    }
    status_header( 'login of the server' === $how ? 401 : 503 );
    exit;
}, 0 );
"""
BLOCKED = "add_filter( 'pre_http_request', function () { return new WP_Error( 'blocked', 'No.' ); } );"
DUMP = """
global $wpdb;
$rows = array();
foreach ( $wpdb->tables( 'all' ) as $table ) {
    $rows[ $table ] = $wpdb->get_results( "SELECT * FROM $table", ARRAY_A );
}
return $rows;
"""
RESTORE = """
global $wpdb;
foreach ( $dump as $table => $rows ) {
    $wpdb->query( "DELETE FROM $table" );
    foreach ( $rows as $row ) {
        $wpdb->insert( $table, $row );
    }
}
"""
pytestmark = [
    pytest.mark.parametrize("database_kind", ["sqlite"]),
    pytest.mark.parametrize("wordpress", ["playground-sqlite"], indirect=True),
]


@contextmanager
def fake_pro(site: WordPress) -> Iterator[None]:
    """Let WordPress take VCZAPI's add-on for active, by an empty plugin of its name."""
    folder = site.directory / "wp-content/plugins/vczapi-pro"
    folder.mkdir()
    (folder / "vczapi-pro.php").write_text("<?php\n/**\n * Plugin Name: An add-on\n */\n")
    load = "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
    site.php(load + "activate_plugin( 'vczapi-pro/vczapi-pro.php' );")
    try:
        yield
    finally:
        site.php(load + "deactivate_plugins( 'vczapi-pro/vczapi-pro.php' );")
        shutil.rmtree(folder)


class World:
    """A bridge and a site, moved by hand."""

    def __init__(self, store: Store, site: WordPress) -> None:
        self.store = store
        self.wordpress = site
        self.folding = FoldWorker(store)
        self.mirror = MirrorWorker(store)
        self._events = 0

    def happens(self, name: str = "meeting.created", **object_: Any) -> None:
        """Something happens at Zoom, and the mirror has done what is due."""
        self.tell(name, **object_)
        self.work()

    def tell(self, name: str, **object_: Any) -> None:
        """Something happens at Zoom, and is folded."""
        self._events += 1
        told = event(name, self._events, payload={"operation": "all"}, id=NUMBER, **{**OBJECT, **object_})
        line = entry(self.store, told, site_id="s1")
        self.store.write(lambda connection: log.append(connection, [line]))
        self.folding.fold_pending()
        self.store.write(
            lambda connection: connection.execute(
                update(table).where(table.c.written < table.c.wanted).values(due_at=1)
            )
        )

    def claim(self) -> list[Claim]:
        """Claim what is due."""
        with self.store.reading() as connection:
            now = store_clock.now(connection)
        return self.store.write(
            lambda connection: queue.claim(
                connection, self.store.sealer, owner="me", now=now, lease_until=now + 60_000, room=8, busy=[],
                at_once=25,
            )
        )  # fmt: skip

    def run_jobs(self) -> list[str]:
        """Run the jobs that are queued, while the mirror works; return their kinds."""
        job = ApplyRulesJob(self.store, posts_due=lambda: None, pause=lambda _: self.work())
        runner = JobRunner(self.store, {apply_rules.PLUGINS_KIND: job})
        claimed = runner.claim()
        for one in claimed:
            runner.run(one)
        self.work()
        return [one.kind for one in claimed]

    def page(self) -> str:
        """Return the meeting's page, as a visitor gets it."""
        link: str = self.php("return get_permalink( $id );")
        return requests.get(link, timeout=600).text

    def join_url(self) -> Any:
        return self.php("return get_post_meta( $id, '_meeting_zoom_join_url', true );")

    def attempts(self) -> list[Attempt]:
        """Return the attempts to write the post, newest first."""
        with self.store.reading() as connection:
            return attempts.of_post(connection, "s1", NUMBER, limit=20)

    def work(self) -> None:
        """The mirror does what is due."""
        claims = self.claim()
        if claims:
            self.mirror.mirror(claims)

    def check(self) -> None:
        health_check.check(self.store, "s1")

    def sweep(self) -> None:
        self.store.write(lambda connection: connection.execute(update(site_table).values(sweep_due_at=0)))
        site_changes.sweep_if_due(self.store, "s1")

    def php(self, code: str) -> Any:
        return self.wordpress.php(code, id=self.row.post_id)

    @property
    def row(self) -> Any:
        with self.store.reading() as connection:
            return connection.execute(select(table)).one()

    def stands(self) -> tuple[str | None, str | None]:
        return self.row.stands, self.row.stands_by

    @property
    def posts(self) -> list[tuple[str, str]]:
        """Title and status of the posts."""
        found = self.wordpress.php(
            'global $wpdb; return $wpdb->get_results( "SELECT post_title, post_status FROM $wpdb->posts'
            " WHERE post_type = 'zoom-meetings' ORDER BY ID\", ARRAY_N );"
        )
        return [(title, status) for title, status in found]


@pytest.fixture
def world(store: Store, wordpress: WordPress) -> World:
    wordpress.reset()
    connection = {"bridge": "http://127.0.0.1:9", "site": "s1", "key": KEY}
    wordpress.php("update_option( 'zoombridge_connection', $connection, false );", connection=connection)
    connected = sites.Site(
        id="s1", url=wordpress.url, name="Choir", rest_root=wordpress.rest_root, username="", password="", key=KEY,
        endpoints={}, home=wordpress.url, created_at=1,
    )  # fmt: skip
    store.write(lambda connection: sites.save(connection, connected, store.sealer))
    made = World(store, wordpress)
    made.happens()
    assert made.stands() == ("published", "bridge")
    return made


def test_a_post_that_a_person_trashes_stays_there(world: World) -> None:
    world.php("wp_set_current_user( 1 ); wp_trash_post( $id );")
    world.check()
    assert world.stands() == ("trashed", "user")
    world.happens("meeting.updated", topic="Orchestra")
    world.happens("meeting.deleted")
    world.happens("meeting.recovered")
    world.happens("meeting.updated", duration=90)
    assert [status for _, status in world.posts] == ["trash"]
    assert world.stands() == ("trashed", "user")
    world.php("wp_set_current_user( 1 ); wp_untrash_post( $id ); wp_publish_post( $id );")
    world.happens("meeting.updated", topic="Choir")  # the answer to a write tells it, too
    assert (world.stands(), world.posts) == (("published", "user"), [("Choir", "publish")])


def test_a_post_that_wordpress_deletes_from_its_trash_comes_back(world: World) -> None:
    world.happens("meeting.deleted")
    assert world.stands() == ("trashed", "bridge")
    world.php(
        "define( 'DOING_CRON', true ); update_post_meta( $id, '_wp_trash_meta_time', 1 ); wp_scheduled_delete();"
    )
    world.check()
    assert (world.stands(), world.posts) == (("gone", "cron"), [])
    world.happens("meeting.recovered")
    assert (world.stands(), world.posts) == (("published", "bridge"), [("Choir", "publish")])


def test_a_post_that_a_person_deletes_from_the_trash_does_not(world: World) -> None:
    world.happens("meeting.deleted")
    world.php("wp_set_current_user( 1 ); wp_delete_post( $id, true );")
    world.check()
    world.happens("meeting.recovered")
    assert (world.row.state, world.stands(), world.posts) == ("detached", ("gone", "user"), [])


def test_details_that_a_form_overwrote_are_written_again(world: World) -> None:
    world.php(
        "wp_set_current_user( 1 ); wp_update_post( array( 'ID' => $id, 'post_content' => 'Theirs' ) );"
        "update_post_meta( $id, '_meeting_zoom_join_url', 'https://example.org/wrong' );"
    )
    world.check()
    world.work()
    found = world.php(
        "return array( get_post( $id )->post_content, get_post_meta( $id, '_meeting_zoom_join_url', true ) );"
    )
    assert found == ["Theirs", OBJECT["join_url"]]


BREAKS = "update_post_meta( $id, '_meeting_zoom_join_url', 'https://example.org/wrong' );"


@pytest.mark.parametrize("author", ["define( 'DOING_CRON', true );", ""])
def test_what_another_plugin_overwrites_is_written_again_once_for_each_version(
    world: World, author: str
) -> None:
    """Also what it wrote while the bridge was down: the call of the site reaches nobody here."""
    world.php(author + BREAKS)
    world.check()
    world.work()
    assert world.join_url() == OBJECT["join_url"]
    assert world.attempts()[0].action == "updated"

    # It always does so: what stands is accepted, and named.
    for _ in range(2):
        world.php(author + BREAKS)
        world.check()
        world.work()
    assert world.join_url() == "https://example.org/wrong"
    assert [one.action for one in world.attempts()] == ["accepted", "updated", "created"]
    assert "(join_url)" in (world.attempts()[0].message or "")

    world.happens("meeting.updated", duration=90)
    assert world.join_url() == OBJECT["join_url"]
    world.php(author + BREAKS)
    world.check()
    world.work()
    assert world.join_url() == OBJECT["join_url"]


def test_what_people_overwrite_is_written_again_each_time(world: World) -> None:
    for _ in range(3):
        world.php("wp_set_current_user( 1 );" + BREAKS)
        world.check()
        world.work()
        assert world.join_url() == OBJECT["join_url"]


def test_what_is_overwritten_together_with_the_status_is_written_again(world: World) -> None:
    world.php(
        "wp_set_current_user( 1 ); wp_update_post( array( 'ID' => $id, 'post_status' => 'draft' ) );" + BREAKS
    )
    world.check()
    world.work()
    assert (world.join_url(), world.posts) == (OBJECT["join_url"], [("Choir", "draft")])


def test_what_is_overwritten_while_the_bridge_writes_the_post_is_written_again(world: World) -> None:
    """A form saves while an event is on its way: the worker that writes the event knows nothing of it."""
    world.tell("meeting.updated", duration=90)
    claims = world.claim()
    world.php("wp_set_current_user( 1 );" + BREAKS)
    world.check()
    world.mirror.mirror(claims)
    world.php("wp_set_current_user( 1 );" + BREAKS)
    world.check()
    world.work()
    assert world.join_url() == OBJECT["join_url"]
    assert world.row.due_at is None or world.row.due_at > 10**12


def test_a_title_of_an_editor_survives_details_that_another_plugin_empties(world: World) -> None:
    world.php(
        "wp_set_current_user( 1 ); wp_update_post( array( 'ID' => $id, 'post_title' => 'Ours' ) );"
        "delete_post_meta( $id, '_meeting_zoom_details' );"
    )
    world.check()
    world.work()
    assert world.posts == [("Ours", "publish")]
    assert world.php("return get_post_meta( $id, '_meeting_zoom_details', true )->topic;") == "Choir"


def test_series_are_right_when_vczapi_and_its_add_on_come_and_go(world: World) -> None:
    """Without an event: VCZAPI shows a series only with its add-on, and is told of a single meeting without."""
    weekly = {"type": 2, "repeat_interval": 1, "weekly_days": "2", "end_times": 2}
    dates = [
        {"occurrence_id": str(day), "start_time": f"2036-03-{day}T18:00:00Z", "duration": 60, "status": "available"}
        for day in (24, 31)
    ]  # fmt: skip
    world.happens("meeting.updated", type=8, recurrence=weekly, occurrences=dates)
    modified = world.php("return get_post( $id )->post_modified_gmt;")

    def settles() -> tuple[int, list[str]]:
        world.check()
        kinds = world.run_jobs()
        return world.php("return zoombridge_unfitted_meta( $id, '_meeting_zoom_details' )->type;"), kinds

    assert settles() == (8, [])
    world.wordpress.add_plugin(VCZAPI)
    try:
        assert "PRO version is required" in world.page()
        assert settles() == (2, ["adapt-to-plugins"])
        text = world.page()
        assert "PRO version is required" not in text
        assert "vczapi-join" in text
        assert text.count('<li class="zoombridge-date') == 2
        assert settles() == (2, [])
        with fake_pro(world.wordpress):
            assert settles() == (8, ["adapt-to-plugins"])
        assert settles() == (2, ["adapt-to-plugins"])
    finally:
        world.wordpress.deactivate_plugin("vczapi")
    assert settles() == (8, ["adapt-to-plugins"])
    assert "zoombridge-join-link" in world.page()
    assert world.php("return get_post( $id )->post_modified_gmt;") == modified, "It is no news."


def test_what_sql_changes_is_found_by_the_sweep(world: World) -> None:
    world.sweep()
    world.php(
        "global $wpdb; $wpdb->update( $wpdb->posts, array( 'post_status' => 'private' ), array( 'ID' => $id ) );"
        "$wpdb->delete( $wpdb->postmeta, array( 'post_id' => $id, 'meta_key' => '_meeting_zoom_join_url' ) );"
    )
    world.check()
    assert world.stands() == ("published", "bridge")
    world.sweep()
    assert world.stands() == ("private", None)
    world.work()
    assert world.php("return get_post_meta( $id, '_meeting_zoom_join_url', true );") == OBJECT["join_url"]
    assert [status for _, status in world.posts] == ["private"]


def test_a_restored_database_is_brought_up_to_date(world: World) -> None:
    world.check()
    world.check()
    # A dump of the day before: the site was paired, and had no page of the meeting yet.
    world.wordpress.reset()
    connection = {"bridge": "http://127.0.0.1:9", "site": "s1", "key": KEY}
    world.wordpress.php(
        "update_option( 'zoombridge_connection', $connection, false );", connection=connection
    )
    world.check()
    assert world.posts == []
    site_changes.sweep_if_due(world.store, "s1")
    world.work()
    assert (world.stands(), world.posts) == (("published", "bridge"), [("Choir", "publish")])


class TestWaysToChange:
    """Every way in which a post changes without the bridge: known after the next answer, or the next sweep."""

    def test_quick_edit(self, world: World) -> None:
        session = sign_in(world.wordpress)
        address = f"{world.wordpress.url}/wp-admin/edit.php?post_type=zoom-meetings"
        nonce = re.search(r'name="_inline_edit" value="(\w+)"', session.get(address, timeout=600).text)
        assert nonce
        form = {
            "action": "inline-save",
            "post_type": "zoom-meetings",
            "post_ID": world.row.post_id,
            "screen": "edit-zoom-meetings",
            "post_view": "list",
            "_inline_edit": nonce[1],
            "post_title": "Choir",
            "_status": "draft",
            "post_author": 1,
            **dict(zip(("aa", "mm", "jj", "hh", "mn", "ss"), (2026, "03", "02", 10, 0, 0), strict=True)),
        }
        session.post(f"{world.wordpress.url}/wp-admin/admin-ajax.php", data=form, timeout=600)
        world.check()
        assert world.stands() == ("draft", "user")

    @pytest.mark.parametrize(
        ("action", "status"),
        [
            ({"action": "edit", "_status": "private", "bulk_edit": "Update"}, "private"),
            ({"action": "trash"}, "trashed"),
        ],
    )
    def test_bulk_actions(self, world: World, action: dict[str, str], status: str) -> None:
        session = sign_in(world.wordpress)
        address = f"{world.wordpress.url}/wp-admin/edit.php"
        nonce = re.search(
            r'name="_wpnonce" value="(\w+)"',
            session.get(f"{address}?post_type=zoom-meetings", timeout=600).text,
        )
        assert nonce
        form = {"post_type": "zoom-meetings", "_wpnonce": nonce[1], "post[]": world.row.post_id}
        session.get(address, params=form | action, timeout=600)
        world.check()
        assert world.stands() == (status, "user")

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            # WP-CLI calls WordPress's functions with this constant; it cannot be had here.
            ("define( 'WP_CLI', true ); wp_trash_post( $id );", ("trashed", "user")),
            ("define( 'DOING_CRON', true ); wp_trash_post( $id );", ("trashed", "cron")),
            ("define( 'DOING_CRON', true ); wp_delete_post( $id, true );", ("gone", "cron")),
            ("wp_update_post( array( 'ID' => $id, 'post_status' => 'private' ) );", ("private", "plugin")),
            ("wp_update_post( array( 'ID' => $id, 'post_password' => 'x' ) );", ("protected", "plugin")),
            # With what a host forbids to send, the plugin cannot call.
            (f"{BLOCKED} wp_trash_post( $id );", ("trashed", "plugin")),
        ],
    )
    def test_by_code(self, world: World, code: str, expected: tuple[str, str]) -> None:
        world.php(code)
        world.check()
        assert world.stands() == expected

    def test_a_dump_with_an_older_page(self, world: World) -> None:
        world.check()
        dump = world.wordpress.php(DUMP)
        world.happens("meeting.updated", topic="Orchestra")
        world.check()
        world.check()
        world.wordpress.php(RESTORE, dump=dump)
        assert world.posts == [("Choir", "publish")]
        world.check()
        site_changes.sweep_if_due(world.store, "s1")
        world.work()
        assert (world.stands()[0], world.posts) == ("published", [("Orchestra", "publish")])


class TestVisitors:
    def visit(self, world: World) -> str | None:
        page_visits.look(world.store, "s1")
        found: str | None = world.row.visit
        return found

    def test_see_a_published_page(self, world: World) -> None:
        assert self.visit(world) == "shown"

    @pytest.mark.parametrize("permalinks", ["", "/%postname%/"])
    def test_are_led_to_its_present_address(self, world: World, permalinks: str) -> None:
        other = f"{world.wordpress.url}/?post_type=zoom-meetings&p={world.row.post_id}"
        world.store.write(lambda connection: connection.execute(update(table).values(link=other)))
        change = "global $wp_rewrite; $wp_rewrite->set_permalink_structure( $form ); flush_rewrite_rules();"
        world.wordpress.php(change, form=permalinks)
        assert self.visit(world) == "shown"

    @pytest.mark.parametrize(
        ("how", "visit"),
        [
            ("not found", "missing"),
            ("sign in", "elsewhere"),
            ("login of the server", "unclear"),
            ("maintenance", "unclear"),
        ],
    )
    def test_do_not_see_what_another_plugin_or_the_server_hides(
        self, world: World, how: str, visit: str
    ) -> None:
        file = world.wordpress.directory / "wp-content/mu-plugins/hiding.php"
        file.write_text(HIDING)
        try:
            world.wordpress.php("update_option( 'hiding_test', $how );", how=how)
            assert self.visit(world) == visit
            (fact,) = health_check.visitor_facts({PageStatus.PUBLISHED: 1}, {PageVisit(visit): 1})
            assert fact.message.startswith("see 0 of 1 pages, published, but ")
        finally:
            file.unlink()

    def test_are_asked_about_again_when_the_page_is_published_again(self, world: World) -> None:
        assert self.visit(world) == "shown"
        world.php("wp_update_post( array( 'ID' => $id, 'post_status' => 'draft' ) );")
        world.check()
        assert self.visit(world) is None
        world.php("wp_update_post( array( 'ID' => $id, 'post_status' => 'publish' ) );")
        world.check()
        assert self.visit(world) == "shown"
