"""The metas of posts: the shapes that docs/stub.md specifies and VCZAPI expects; no value of the site is lost."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.plugin_stub.conftest import password_of
from tests.plugin_stub.pairing import connect
from tests.plugin_stub.posts import DETAILS, FIELD, FIELDS, NUMBER, POSTS
from tests.plugin_stub.sync import SyncClient
from tests.wordpress import WordPress

MERGED = ("details", "fields", "pro")
# What the bridge and VCZAPI keep of a meeting.
OWN = ("_zoombridge_", "_meeting_", "_vczapi_")


@pytest.fixture
def sync(site: WordPress) -> SyncClient:
    """A paired site."""
    connect(site, "https://bridge.example.org")
    return SyncClient(site)


@pytest.fixture
def beside_vczapi(sync: SyncClient, with_vczapi: WordPress) -> SyncClient:
    """A paired site on which the double of VCZAPI is active."""
    assert sync.site is with_vczapi
    return sync


@pytest.fixture
def number() -> str:
    return NUMBER


def sorted_by_effect(field: dict[str, Any]) -> dict[str, Any]:
    """Sort metas by how they are written: null removes one."""
    given = {name: value for name, value in field.items() if value is not None and name != "number"}
    changes: dict[str, Any] = {
        "set": {name: value for name, value in given.items() if name not in MERGED},
        "lay_over": {name: value for name, value in given.items() if name in MERGED},
        "remove": [name for name, value in field.items() if value is None],
    }
    return {name: value for name, value in changes.items() if value}


def make(sync: SyncClient, number: str, **field: Any) -> int:
    """Make a post with all metas, some of them others."""
    metas = sorted_by_effect(FIELD | field)
    result = sync.send(sync.write(number, title="A meeting", status="publish", metas=metas)).result
    assert result["ok"], result
    post: int = result["post"]
    return post


def write(sync: SyncClient, number: str, post: int, **field: Any) -> dict[str, Any]:
    """Change metas; return all that the post has then."""
    result = sync.send(sync.write(number, post, metas=sorted_by_effect(field))).result
    assert result["ok"], result
    return read(sync, post)


def read(sync: SyncClient, post: int) -> dict[str, Any]:
    metas: dict[str, Any] = sync.send({"op": "read", "post": post}).result["state"]["metas"]
    return metas


def stored(site: WordPress, post: int, meta: str) -> str:
    """Return a meta as the database stores it: PHP values are serialized."""
    value: str = site.php(
        """
        global $wpdb;
        $query = "SELECT meta_value FROM $wpdb->postmeta WHERE post_id = %d AND meta_key = %s";
        $all = $wpdb->get_results( $wpdb->prepare( $query, $post, $meta ) );
        return 1 === count( $all ) ? $all[0]->meta_value : 'there are ' . count( $all );
        """,
        post=post,
        meta=meta,
    )
    return value


def own_metas(site: WordPress, post: int) -> dict[str, Any]:
    metas: dict[str, Any] = site.php("return get_post_meta( $post );", post=post) or {}
    return {key: value for key, value in metas.items() if key.startswith(OWN)}


def by_form(site: WordPress, number: str, **details: Any) -> int:
    """Make a post as VCZAPI's form does."""
    given = {"id": int(number), "topic": "x"} | details
    post: int = site.php("return vczapi_double_make( $details );", details=given)
    return post


class TestWritten:
    def test_reads_as_it_was_written(self, sync: SyncClient, number: str) -> None:
        found = read(sync, make(sync, number))

        assert json.loads(found["details"]) == DETAILS
        assert found | {"details": None} == FIELD | {"details": None, "number": number}

    def test_details_is_the_object_that_vczapi_stores(self, sync: SyncClient, number: str) -> None:
        """Objects, arrays and integers keep their types."""
        post = make(sync, number)
        expected = sync.site.php("return serialize( json_decode( $json ) );", json=FIELD["details"])

        assert expected.startswith('O:8:"stdClass"')
        assert 's:4:"type";i:2;' in expected
        assert stored(sync.site, post, "_meeting_zoom_details") == expected
        # Merged into the same value: nothing doubles, no backslash is lost.
        write(sync, number, post, details=FIELD["details"])
        assert stored(sync.site, post, "_meeting_zoom_details") == expected

    def test_fields_and_pro_are_arrays(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)

        for meta, name in (("_meeting_fields", "fields"), ("_vczapi_pro_meeting_details", "pro")):
            expected = sync.site.php("return serialize( $value );", value=FIELD[name])
            assert stored(sync.site, post, meta) == expected
            write(sync, number, post, **{name: FIELD[name]})
            assert stored(sync.site, post, meta) == expected

    def test_plain_metas(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)

        assert stored(sync.site, post, "_meeting_zoom_meeting_id") == number
        assert stored(sync.site, post, "_vczapi_meeting_type") == "meeting"
        assert stored(sync.site, post, "_meeting_zoom_join_url") == FIELD["join_url"]
        assert stored(sync.site, post, "_meeting_field_start_date_utc") == "2026-03-02 09:00:00"
        assert stored(sync.site, post, "_zoombridge_revision") == "7"
        assert stored(sync.site, post, "_meeting_zoom_start_url") == ""

    def test_what_is_not_given_stays(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        before = read(sync, post)

        assert write(sync, number, post, revision=8) == before | {"revision": 8}
        sync.site.rest("POST", f"{POSTS}/{post}", json={"title": "Another title"})
        assert read(sync, post) == before | {"revision": 8}

    def test_plain_metas_are_removed(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)

        assert write(sync, number, post, html=None, revision=None)["html"] is None
        assert stored(sync.site, post, "_zoombridge_revision") == "there are 0"

    def test_each_meta_that_a_write_compares_is_read(self, sync: SyncClient) -> None:
        unread, foreign = sync.site.php(
            """
            $keys = array_merge(
                array_values( zoombridge_sync_meta_keys() ), ZOOMBRIDGE_SYNC_OWN_METAS,
                array_keys( ZOOMBRIDGE_TWINS ), ZOOMBRIDGE_DATE_METAS,
                [ '_wp_trash_meta_status', '_meeting_zoom_start_url' ]
            );
            $post = wp_insert_post( [ 'post_type' => 'zoom-meetings', 'post_title' => 'A meeting' ] );
            foreach ( array_merge( $keys, [ '_elementor_data', 'zoom' ] ) as $key ) {
                add_post_meta( $post, $key, 'a value' );
            }
            $read = array_keys( zoombridge_sync_post( $post )['metas'] );
            return [ array_values( array_diff( $keys, $read ) ), array_intersect( [ '_elementor_data', 'zoom' ], $read ) ];
            """
        )
        assert unread == []
        assert foreign == []

    def test_post_made_by_hand_has_none(self, sync: SyncClient) -> None:
        post = sync.site.rest("POST", POSTS, json={"title": "By hand"}).json()["id"]

        assert read(sync, post) == dict.fromkeys(FIELD)
        assert stored(sync.site, post, "_meeting_zoom_start_url") == "there are 0"

    def test_writing_what_was_read_changes_nothing(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        found = read(sync, post)
        given = {name: value for name, value in found.items() if name != "number"}

        assert write(sync, number, post, **given) == found


class TestMerged:
    def test_details(self, sync: SyncClient, number: str) -> None:
        given = {
            "topic": "New",
            "duration": None,
            "recurrence": {"type": 1},
            "settings": {"audio": "voip", "jbh_time": None},
        }

        found = write(sync, number, make(sync, number), details=json.dumps(given))

        assert json.loads(found["details"]) == {
            "id": 85393847045,
            "type": 2,
            "topic": "New",
            "empty": {},
            "list": [],
            "settings": {"join_before_host": True, "audio": "voip"},
            "recurrence": {"type": 1},
        }

    def test_only_settings_is_merged_deeper(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number, details='{"recurrence":{"type":1,"interval":2}}')

        found = write(sync, number, post, details='{"recurrence":{"type":2}}')
        assert found["details"] == '{"recurrence":{"type":2}}'

    def test_emptied_object_stays_an_object(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number, details='{"a":1,"settings":{"b":1}}')

        found = write(sync, number, post, details='{"a":null,"settings":{"b":null}}')
        assert found["details"] == '{"settings":{}}'
        assert write(sync, number, post, details='{"settings":null}')["details"] == "{}"
        assert stored(sync.site, post, "_meeting_zoom_details") == 'O:8:"stdClass":0:{}'

    def test_state_of_vczapi_is_kept_apart(self, beside_vczapi: SyncClient, number: str) -> None:
        post = by_form(beside_vczapi.site, number, topic="Old", state="ended")

        found = write(beside_vczapi, number, post, details='{"topic":"New"}')

        assert json.loads(found["details"]) == {"id": int(number), "topic": "New"}
        assert stored(beside_vczapi.site, post, "_zoombridge_joining_disabled") == "1"

    def test_other_forms_of_a_passcode_go_with_it(self, beside_vczapi: SyncClient, number: str) -> None:
        """VCZAPI has stored them, and puts the first into a link without a passcode."""
        old = {"password": "1", "encrypted_password": "a", "h323_password": "2"}
        post = by_form(beside_vczapi.site, number, **old)

        same = write(beside_vczapi, number, post, details='{"topic":"x"}', fields={"password": "1"})
        assert json.loads(same["details"]).items() >= old.items()
        found = write(beside_vczapi, number, post, details='{"password":""}', fields={"password": "3"})
        assert json.loads(found["details"]) == {"id": int(number), "topic": "x", "password": ""}

    def test_choices_of_the_site_survive(self, beside_vczapi: SyncClient, number: str) -> None:
        post = beside_vczapi.site.php(
            """
            $details = array( 'id' => (int) $number, 'topic' => 'By hand', 'type' => 2 );
            return vczapi_double_make( $details, array( 'site_option_logged_in' => '1', 'password' => 'x' ) );
            """,
            number=number,
        )
        before = read(beside_vczapi, post)["fields"]

        after = write(beside_vczapi, number, post, fields=FIELDS | {"password": None}, revision=1)["fields"]

        expected = {**before, **FIELDS, "site_option_logged_in": "1"}
        del expected["password"]
        assert after == expected
        assert stored(beside_vczapi.site, post, "_meeting_fields").startswith("a:")

    def test_pro_as_a_whole_is_removed(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)

        assert write(sync, number, post, pro={"frequency": None, "interval": "2"})["pro"] == {
            "enabled_recurring": "on",
            "weekly_occurence": ["1", "3"],
            "interval": "2",
        }
        assert write(sync, number, post, pro=None)["pro"] is None
        assert stored(sync.site, post, "_vczapi_pro_meeting_details") == "there are 0"

    def test_details_in_the_newer_shape(self, sync: SyncClient, number: str) -> None:
        """Newer versions of VCZAPI store an array."""
        post = make(sync, number)
        sync.site.php("update_post_meta( $post, '_meeting_zoom_details', array( 'a' => 1 ) );", post=post)

        assert read(sync, post)["details"] == '{"a":1}'
        assert write(sync, number, post, details='{"b":2}')["details"] == '{"a":1,"b":2}'


class TestStartUrl:
    def test_removed_when_written(self, sync: SyncClient, number: str) -> None:
        given = {
            "start_url": "https://zoom.us/s/1?zak=key",
            "nested": {"start_url": "key", "a": [{"start_url": 1}]},
        }

        post = make(sync, number, details=json.dumps(given), fields=FIELDS | {"start_url": "key"})

        found = read(sync, post)
        assert found["details"] == '{"nested":{"a":[{}]}}'
        assert "start_url" not in found["fields"]
        metas = sync.site.php("return serialize( get_post_meta( $post ) );", post=post)
        assert "key" not in metas.replace("_meeting_zoom_start_url", "")

    def test_removed_when_read(self, beside_vczapi: SyncClient, number: str) -> None:
        post = by_form(beside_vczapi.site, number, start_url="https://z/s?zak=key")

        assert "key" not in json.dumps(read(beside_vczapi, post))

    def test_what_vczapi_stored_goes_with_the_first_write(
        self, beside_vczapi: SyncClient, number: str
    ) -> None:
        post = by_form(beside_vczapi.site, number, start_url="https://z/s?zak=key")
        write(beside_vczapi, number, post, revision=1)
        assert stored(beside_vczapi.site, post, "_meeting_zoom_start_url") == ""

        write(beside_vczapi, number, post, details='{"topic":"y"}')
        assert "key" not in stored(beside_vczapi.site, post, "_meeting_zoom_details")


class TestRefused:
    @pytest.mark.parametrize(
        "metas",
        [
            {"set": {"start_url": "https://z"}},
            {"set": {"kind": "party"}},
            {"set": {"join_url": 1}},
            {"set": {"start_date_utc": "2026-03-02T09:00:00Z"}},
            {"set": {"html": ["<p>"]}},
            {"set": {"revision": "many"}},
            {"set": {"revision": -1}},
            {"set": {"details": "{}"}},
            {"set": {"unknown": 1}},
            {"lay_over": {"details": {"an": "object"}}},
            {"lay_over": {"details": "1"}},
            {"lay_over": {"details": "{"}},
            {"lay_over": {"details": '{"\\u0000a":1}'}},
            {"lay_over": {"fields": "text"}},
            {"lay_over": {"fields": [1, 2]}},
            {"lay_over": {"pro": 1}},
            {"lay_over": {"html": "x"}},
            {"remove": ["number"]},
        ],
        ids=str,
    )
    def test_before_the_post_is_created(self, sync: SyncClient, number: str, metas: dict[str, Any]) -> None:
        assert sync.send(sync.write(number, title="x", metas=metas)).codes == ["invalid"]
        assert sync.send({"op": "find", "numbers": [number]}).result["posts"] == {number: []}


class TestHtml:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("<p>a</p><script>alert(1)</script>", "<p>a</p>alert(1)"),
            ('<a href="javascript:alert(1)">x</a>', '<a href="alert(1)">x</a>'),
            ('<img src="x" onerror="alert(1)">', '<img src="x">'),
            ("<iframe src='https://e.example'></iframe>", ""),
            ("<form><input></form>", ""),
        ],
    )
    def test_harmful_tags_are_removed(self, sync: SyncClient, number: str, given: str, kept: str) -> None:
        assert read(sync, make(sync, number, html=given))["html"] == kept

    def test_tags_of_the_bridge_stay(self, sync: SyncClient, number: str) -> None:
        html = (
            '<section class="zoombridge" aria-label="Meeting"><h2 class="a">b</h2><dl class="x"><dt>When</dt>'
            '<dd class="y"><time class="t" datetime="2026-03-02T09:00:00Z">10:00</time></dd></dl>'
            '<ul class="l"><li class="i">a</li></ul><ol><li>b</li></ol>'
            '<p><a class="button" rel="nofollow" href="https://zoom.us/j/1?pwd=a&amp;b=c">Join 🚒</a></p>'
            "<p>C:\\temp &lt;b&gt;</p></section>"
        )

        assert read(sync, make(sync, number, html=html))["html"] == html


class TestRest:
    """Nobody writes the metas by WordPress's own REST routes: they stand in no field of theirs."""

    @pytest.mark.parametrize(
        "role", ["subscriber", "contributor", "author", "editor", "administrator", None], ids=str
    )
    def test_no_role_writes_metas(self, sync: SyncClient, number: str, role: str | None) -> None:
        site = sync.site
        post = make(sync, number)
        auth = None
        if role is not None:
            auth = (f"rest-{role}", password_of(site, f"rest-{role}", role))
            site.php(
                "wp_update_post( array( 'ID' => $post, 'post_author' => get_user_by( 'login', $name )->ID ) );",
                post=post,
                name=auth[0],
            )
        before = own_metas(site, post)
        metas = dict.fromkeys([*before, "_zoombridge_html", "_meeting_fields"], "<script>alert(1)</script>")
        forms: list[dict[str, Any]] = [
            {"zoombridge": FIELD},
            {"zoombridge_test": FIELD},
            {"meta": metas},
            {"meta": [{"key": key, "value": value} for key, value in metas.items()]},
            {"meta_input": metas},
            dict(metas),
        ]

        made = []
        for form in forms:
            whole = {"title": "Mine", "status": "draft"} | form
            for method, path in (("POST", f"{POSTS}/{post}"), ("PUT", f"{POSTS}/{post}"), ("POST", POSTS)):
                answer = requests.request(
                    method,
                    site.rest_root + path,
                    auth=auth,
                    json=whole,
                    timeout=600,
                    params={"context": "edit"},
                )
                assert answer.status_code < 500, answer.text
                made += [answer.json()["id"]] if answer.status_code == 201 else []

        assert own_metas(site, post) == before
        assert bool(made) == (role not in ("subscriber", None)), "others do make posts of their own"
        for own in made:
            assert own_metas(site, own) == {}


class TestTrashedFrom:
    def test_status_before_the_trash(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        sync.site.rest("DELETE", f"{POSTS}/{post}")

        assert sync.send({"op": "read", "post": post}).result["state"]["trashed_from"] == "publish"
        sync.send(sync.target("restore", number, post, status="private"))
        assert sync.send({"op": "read", "post": post}).result["state"]["trashed_from"] is None


class TestOnePost:
    @pytest.mark.parametrize("status", ["publish", "draft", "private", "pending", "future", "trash"])
    def test_second_is_refused(self, sync: SyncClient, number: str, status: str) -> None:
        post = make(sync, number)
        sync.site.php(
            "wp_update_post( array( 'ID' => $post, 'post_status' => $status, 'edit_date' => true,"
            " 'post_date' => '2050-01-01 00:00:00', 'post_date_gmt' => '2050-01-01 00:00:00' ) );",
            post=post,
            status=status,
        )

        result = sync.send(sync.write(number, title="Again")).result

        assert (result["code"], result["post"]) == ("exists", post)

    def test_names_the_lowest_id_outside_the_trash(self, sync: SyncClient, number: str) -> None:
        first = make(sync, number)
        copies = sync.site.php(
            """
            $ids = array();
            for ( $i = 0; $i < 2; $i++ ) {
                $ids[] = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'x' ) );
                add_post_meta( $ids[ $i ], '_meeting_zoom_meeting_id', $number );
            }
            return $ids;
            """,
            number=number,
        )
        sync.site.rest("DELETE", f"{POSTS}/{first}")

        assert sync.send(sync.write(number, title="Again")).result["post"] == copies[0]

    @pytest.mark.parametrize("name", ["zoombridge_saving_17", "zoombridge_making_{number}"])
    def test_refused_while_another_request_may_be_creating_it(
        self, sync: SyncClient, number: str, name: str
    ) -> None:
        name = name.format(number=number)
        hold = "update_option( $name, time() - $age, false );"
        sync.site.php(hold, name=name, age=5)
        assert sync.send(sync.write(number, title="New")).codes == ["busy"]

        sync.site.php(hold, name=name, age=61)
        make(sync, number)  # a lock expires after a minute

    def test_lock_is_released_after_creation(self, sync: SyncClient, number: str) -> None:
        make(sync, number)
        held = "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name = 'zoombridge_making_$number'"
        assert int(sync.site.php(f'global $wpdb; return $wpdb->get_var( "{held}" );', number=number)) == 0

    def test_post_of_vczapi_is_found(self, beside_vczapi: SyncClient, number: str) -> None:
        post = by_form(beside_vczapi.site, number)

        result = beside_vczapi.send(beside_vczapi.write(number, title="Again")).result
        assert (result["code"], result["post"]) == ("exists", post)

    def test_posts_of_other_types_do_not_count(self, sync: SyncClient, number: str) -> None:
        sync.site.php("add_post_meta( 1, '_meeting_zoom_meeting_id', $number );", number=number)

        make(sync, number)


class TestPermanentDelete:
    """VCZAPI's DELETE at Zoom, which its double records."""

    def deletes(self, sync: SyncClient) -> list[str]:
        sent: list[str] = sync.site.php("return get_option( 'vczapi_double_deletes', array() );")
        return sent

    @pytest.fixture
    def managed(self, beside_vczapi: SyncClient) -> Callable[[str], int]:
        """Makes a post by VCZAPI's form that the bridge manages then."""

        def make_one(number: str) -> int:
            post = by_form(beside_vczapi.site, number)
            write(beside_vczapi, number, post, revision=0)
            return post

        return make_one

    def test_managed_is_not_deleted_at_zoom(
        self, beside_vczapi: SyncClient, managed: Callable[[str], int]
    ) -> None:
        path = f"{POSTS}/{managed('1')}"
        assert beside_vczapi.site.rest("DELETE", path, params={"force": "true"}).status_code == 200
        assert self.deletes(beside_vczapi) == []

    def test_unmanaged_still_is(self, beside_vczapi: SyncClient) -> None:
        """VCZAPI handles posts that the bridge does not manage as before."""
        path = f"{POSTS}/{by_form(beside_vczapi.site, '2')}"
        beside_vczapi.site.rest("DELETE", path, params={"force": "true"})

        assert self.deletes(beside_vczapi) == ["2"]

    def test_emptied_trash(self, beside_vczapi: SyncClient, managed: Callable[[str], int]) -> None:
        """One request deletes managed and other posts, in turn."""
        posts = [
            managed(str(number)) if number % 2 else by_form(beside_vczapi.site, str(number))
            for number in range(1, 6)
        ]
        beside_vczapi.site.php(
            """
            foreach ( $posts as $post ) { wp_trash_post( $post ); }
            foreach ( $posts as $post ) { wp_delete_post( $post ); }
            """,
            posts=posts,
        )

        assert self.deletes(beside_vczapi) == ["2", "4"]
        found = beside_vczapi.site.php("return array_sum( (array) wp_count_posts( 'zoom-meetings' ) );")
        assert found == 0

    def test_newer_vczapi(self, beside_vczapi: SyncClient, managed: Callable[[str], int]) -> None:
        """From 4.7 on the choice is stored in an option of another name."""
        seen = beside_vczapi.site.php(
            """
            $seen = array();
            update_option( '_vczapi_zoom_settings', array( 'vanity_url' => 'x', 'delete_zoom_meeting' => '' ) );
            add_action( 'before_delete_post', static function () use ( &$seen ) {
                $seen[] = get_option( '_vczapi_zoom_settings' );
            } );
            wp_delete_post( $post, true );
            $seen[] = get_option( '_vczapi_zoom_settings' );
            return $seen;
            """,
            post=managed("1"),
        )

        assert seen == [
            {"delete_zoom_meeting": "on", "vanity_url": "x"},
            {"delete_zoom_meeting": "", "vanity_url": "x"},
        ]

    def test_option_itself_stays(self, beside_vczapi: SyncClient, managed: Callable[[str], int]) -> None:
        beside_vczapi.site.rest("DELETE", f"{POSTS}/{managed('1')}", params={"force": "true"})

        option = beside_vczapi.site.php("return get_option( 'zoom_api_donot_delete_on_zoom', 'unset' );")
        assert option == "unset"
