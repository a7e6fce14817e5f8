"""The client against a real WordPress with the stub: what goes in comes back, and real faults are named."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from core.errors import Fault, SiteFaultError
from core.model.meeting import Meeting, MeetingState
from core.render import SiteRules, render
from core.wordpress.client import WordPressClient
from core.wordpress.discovery import discover
from tests.conftest import STUB_SLUG
from tests.wordpress import WordPress

NUMBER = 85393847045
NOW = datetime.now(UTC)
MEETING = Meeting(
    "account",
    NUMBER,
    object={
        "topic": 'Äpfel & <script>alert("1")</script> \\ 🚒',
        "agenda": "Bring [gallery] & cake\n\nhttps://example.org/a?b=1&c=2",
        "type": 8,
        "timezone": "Europe/Berlin",
        "join_url": "https://us02web.zoom.us/j/85393847045?pwd=a&b=c",
        "password": "a\\b<c>",
        "host_id": "x1yCzABCDEfg23HiJKl4mN",
        "settings": {"waiting_room": False, "alternative_host_ids": ["a-id", "b-id"]},
        "recurrence": {"type": 2, "weekly_days": "1", "repeat_interval": 1},
        "occurrences": [
            {
                "occurrence_id": str(week),
                "start_time": (NOW + timedelta(days=7 * week)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "duration": 60,
                "status": "deleted" if week == 2 else "available",
            }
            for week in (1, 2, 3)
        ],
    },
)


@pytest.fixture
def client(site: WordPress) -> Iterator[WordPressClient]:
    with WordPressClient(site.rest_root, site.user, site.application_password) as made:
        yield made


def fields(meeting: Meeting = MEETING) -> dict[str, Any]:
    post = render(meeting, SiteRules(), NOW)
    return {
        "title": post.title,
        "content": post.content,
        "status": post.status,
        "zoombridge": {**post.field, "revision": 1},
    }


def fault(call: Any, *arguments: Any) -> SiteFaultError:
    with pytest.raises(SiteFaultError) as caught:
        call(*arguments)
    return caught.value


def test_a_meeting_goes_there_and_comes_back_whole(client: WordPressClient) -> None:
    written = fields()
    made = client.create_post(written)
    assert client.read_post(made.id) == made
    assert client.find_posts(NUMBER) == [made]
    assert (made.status, made.title, made.content) == (
        "publish",
        written["title"],
        written["content"],
    )
    field = made.field
    assert field["revision"] == 1
    for key in ("number", "kind", "join_url", "start_date_utc"):
        assert field[key] == written["zoombridge"][key]
    assert field["fields"] == written["zoombridge"]["fields"]
    assert field["pro"] == {
        key: value for key, value in written["zoombridge"]["pro"].items() if value is not None
    }


def test_visitors_see_the_text_as_text(client: WordPressClient) -> None:
    made = client.create_post(fields())
    page = requests.get(made.link, timeout=90).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "&#91;gallery&#93;" in page
    for part in ("zoombridge-meeting", "zoombridge-join-link", "<time", "zoombridge-cancelled"):
        assert part in page


def test_our_html_passes_the_stubs_list_of_tags_unchanged(client: WordPressClient) -> None:
    written = fields()["zoombridge"]["html"]
    kept = client.create_post(fields()).field["html"]
    tags = [part.split(">")[0] for part in written.split("<")[1:]]
    assert [part.split(">")[0] for part in kept.split("<")[1:]] == tags


def test_a_second_post_of_the_number_is_refused_and_the_first_one_named(client: WordPressClient) -> None:
    first = client.create_post(fields())
    found = fault(client.create_post, fields())
    assert (found.fault, found.post_id) == (Fault.EXISTS, first.id)


def test_a_post_goes_to_the_trash_and_comes_back_with_its_status(client: WordPressClient) -> None:
    made = client.create_post(fields())
    client.update_post(made.id, {"status": "private"})
    assert client.trash_post(made.id) is True
    assert client.trash_post(made.id) is False
    (trashed,) = client.find_posts(NUMBER)
    assert (trashed.status, trashed.field["trashed_from"]) == ("trash", "private")
    assert client.update_post(made.id, {"status": "private"}).status == "private"


def test_an_update_changes_only_what_is_given(client: WordPressClient) -> None:
    made = client.create_post(fields())
    changed = client.update_post(made.id, {"zoombridge": {"revision": 2}})
    # WordPress moves the date of the last change, which is seen from the next second on.
    assert replace(changed, untouched=True) == replace(made, field={**made.field, "revision": 2})


def test_a_deleted_post_is_gone_from_the_trash_too(client: WordPressClient) -> None:
    made = client.create_post(fields())
    client.trash_post(made.id)
    client.delete_post(made.id)
    assert client.find_posts(NUMBER) == []
    for call in (client.read_post, client.delete_post, client.trash_post):
        assert fault(call, made.id).fault is Fault.POST_MISSING
    assert fault(client.update_post, made.id, {"title": "x"}).fault is Fault.POST_MISSING


def test_of_several_posts_the_one_outside_the_trash_with_the_lowest_id_comes_first(
    site: WordPress, client: WordPressClient
) -> None:
    make = (
        "$id = wp_insert_post(['post_type' => 'zoom-meetings', 'post_title' => 'Copy', 'post_status' => $status]);"
        "add_post_meta($id, '_meeting_zoom_meeting_id', $number); return $id;"
    )
    trashed, draft, public = (
        site.php(make, status=status, number=str(NUMBER)) for status in ("trash", "draft", "publish")
    )
    assert [post.id for post in client.find_posts(NUMBER)] == [draft, public, trashed]


def test_a_wrong_application_password_is_named(site: WordPress) -> None:
    with WordPressClient(site.rest_root, site.user, "wrong wrong wrong") as stranger:
        for call in (stranger.me, stranger.connection):
            assert fault(call).fault is Fault.CREDENTIALS
        assert fault(stranger.create_post, fields()).fault is Fault.CREDENTIALS


def test_a_user_with_too_few_rights_is_named(site: WordPress) -> None:
    password = site.php(
        "$id = wp_create_user('reader', wp_generate_password(), 'reader@example.org');"
        "return WP_Application_Passwords::create_new_application_password($id, ['name' => 'test'])[0];"
    )
    with WordPressClient(site.rest_root, "reader", password) as reader:
        assert "edit_posts" not in reader.me().capabilities
        found = fault(reader.create_post, fields())
    assert (found.fault, found.status) == (Fault.CREDENTIALS, 403)


def test_the_stub_switched_off_is_named(site: WordPress, client: WordPressClient) -> None:
    site.deactivate_plugin(STUB_SLUG)
    assert fault(client.connection).fault is Fault.STUB_MISSING
    assert fault(client.create_post, fields()).fault is Fault.STUB_MISSING


def test_where_another_plugin_has_the_post_type_no_bare_post_is_left_behind(
    site: WordPress, client: WordPressClient
) -> None:
    site.deactivate_plugin(STUB_SLUG)
    other = site.directory / "wp-content" / "mu-plugins" / "other-owner-of-the-type.php"
    other.write_text(
        "<?php add_action('init', function () { register_post_type('zoom-meetings',"
        "['public' => true, 'show_in_rest' => true, 'rest_base' => 'zoom_meetings']); });"
    )
    try:
        found = fault(client.create_post, fields())
        left = site.php("return array_sum((array) wp_count_posts('zoom-meetings'));")
    finally:
        other.unlink()
    assert found.fault is Fault.STUB_MISSING
    assert left == 0


def test_the_trash_switched_off_is_told(site: WordPress, client: WordPressClient) -> None:
    made = client.create_post(fields())
    config = site.directory / "wp-config.php"
    before = config.read_text(encoding="utf-8")
    try:
        config.write_text(
            before.replace("<?php", "<?php define('EMPTY_TRASH_DAYS', 0);", 1), encoding="utf-8"
        )
        found = fault(client.trash_post, made.id)
    finally:
        config.write_text(before, encoding="utf-8")
    assert found.fault is Fault.REFUSED
    assert "EMPTY_TRASH_DAYS" in str(found)


def test_a_meeting_that_is_deleted_shows_no_link_to_those_who_see_its_page(client: WordPressClient) -> None:
    made = client.create_post(fields())
    gone = render(replace(MEETING, state=MeetingState.DELETED), SiteRules(), NOW)
    client.update_post(made.id, {"zoombridge": dict(gone.field)})
    assert "zoombridge-join-link" not in requests.get(made.link, timeout=90).text


def test_pairing(client: WordPressClient) -> None:
    assert client.connection().paired is False
    paired = client.pair("https://bridge.example.org", "k3v9", "a" * 64)
    assert (paired.paired, paired.bridge, paired.site) == (True, "https://bridge.example.org", "k3v9")
    assert paired.type_owner == "stub"
    assert paired.endpoints["meeting"].endswith("/wp-json/vczapi/v1/meeting")
    assert client.unpair().paired is False


def test_me(site: WordPress, client: WordPressClient) -> None:
    me = client.me()
    assert me.name == site.user
    assert {"manage_options", "edit_others_posts"} <= me.capabilities


class TestDiscovery:
    @pytest.mark.parametrize("path", ["", "/", "/wp-admin/", "/?p=1"])
    def test_the_site_is_found_from_what_people_type(self, site: WordPress, path: str) -> None:
        found = discover(site.url + path)
        assert found.rest_root == site.rest_root
        assert found.name
        assert found.authorization_url.startswith(f"{site.url}/wp-admin/authorize-application.php")

    def test_with_plain_permalinks_what_it_finds_works(self, site: WordPress) -> None:
        site.php("update_option('permalink_structure', ''); delete_option('rewrite_rules');")
        found = discover(site.url)
        assert "rest_route" in found.rest_root
        with WordPressClient(found.rest_root, site.user, site.application_password) as plain:
            made = plain.create_post(fields())
            assert plain.find_posts(NUMBER) == [made]
            plain.delete_post(made.id)

    def test_without_application_passwords_it_says_so(self, site: WordPress) -> None:
        must_use = site.directory / "wp-content" / "mu-plugins" / "no-application-passwords.php"
        must_use.write_text("<?php add_filter('wp_is_application_passwords_available', '__return_false');")
        try:
            found = fault(discover, site.url)
        finally:
            must_use.unlink()
        assert found.fault is Fault.NOT_WORDPRESS
        assert "disabled" in str(found)


class TestChoices:
    def test_authors_are_who_may_write(self, site: WordPress, client: WordPressClient) -> None:
        site.php(
            """
            foreach ( array( 'zoe' => 'author', 'bert' => 'contributor', 'sam' => 'subscriber' ) as $login => $role ) {
                wp_insert_user( array( 'user_login' => $login, 'user_pass' => 'x', 'role' => $role,
                    'display_name' => "O'$login & Co" ) );
            }
            """
        )
        names = [author.name for author in client.authors()]
        assert "O'zoe & Co" in names
        assert "O'bert & Co" in names
        assert "O'sam & Co" not in names
        assert names == sorted(names, key=str.lower)

    def test_categories_by_name_as_people_read_it(self, site: WordPress, client: WordPressClient) -> None:
        assert client.categories() == []
        for name in ("Songs & Dances", "Courses"):
            site.rest("POST", "wp/v2/zoom_meeting_cats", json={"name": name})
        assert [category.name for category in client.categories()] == ["Courses", "Songs & Dances"]

    def test_a_post_has_the_author_and_category_that_were_chosen(
        self, site: WordPress, client: WordPressClient
    ) -> None:
        site.rest("POST", "wp/v2/zoom_meeting_cats", json={"name": "Courses"})
        user = site.php(
            "return wp_insert_user( array( 'user_login' => 'zoe', 'user_pass' => 'x', 'role' => 'author' ) );"
        )
        (category,) = client.categories()
        made = client.create_post({**fields(), "author": user, "zoom_meeting_cats": [category.id]})
        told = site.rest("GET", f"wp/v2/zoom_meetings/{made.id}").json()
        assert (told["author"], told["zoom_meeting_cats"]) == (user, [category.id])

    def test_an_author_who_is_gone_is_refused_in_words_that_are_known(self, client: WordPressClient) -> None:
        with pytest.raises(SiteFaultError) as caught:
            client.create_post({**fields(), "author": 9999})
        assert caught.value.evidence.startswith("rest_invalid_author")
        assert client.find_posts(NUMBER) == []
        made = client.create_post({**fields(), "zoom_meeting_cats": [9999]})
        assert made.status == "publish", "WordPress passes over a category that is gone"
