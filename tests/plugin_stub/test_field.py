"""The REST field `zoombridge`: the shapes that docs/stub.md specifies and VCZAPI expects; no value of the site is lost."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.plugin_stub.bridge_double import BridgeDouble
from tests.plugin_stub.conftest import password_of
from tests.plugin_stub.posts import DETAILS, FIELD, FIELDS, NUMBER, POSTS
from tests.wordpress import WordPress

EMPTY = dict.fromkeys([*FIELD, "trashed_from"])


def make(site: WordPress, field: dict[str, Any] | None = None, **post: Any) -> dict[str, Any]:
    payload = {"title": "A meeting", "status": "publish", "zoombridge": field or FIELD} | post
    response = site.rest("POST", POSTS, json=payload)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def write(site: WordPress, post: int, **field: Any) -> dict[str, Any]:
    response = site.rest("POST", f"{POSTS}/{post}", json={"zoombridge": field})
    assert response.status_code == 200, response.text
    written: dict[str, Any] = response.json()["zoombridge"]
    return written


def read(site: WordPress, post: int) -> dict[str, Any]:
    response = site.rest("GET", f"{POSTS}/{post}", params={"context": "edit"})
    assert response.status_code == 200, response.text
    field: dict[str, Any] = response.json()["zoombridge"]
    return field


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


def count(site: WordPress) -> int:
    total: int = site.php("return array_sum( (array) wp_count_posts( 'zoom-meetings' ) );")
    return total


class TestWritten:
    def test_reads_as_it_was_written(self, site: WordPress) -> None:
        made = make(site)

        field = made["zoombridge"]
        assert json.loads(field["details"]) == DETAILS
        assert field | {"details": None} == FIELD | {"details": None, "trashed_from": None}
        assert read(site, made["id"]) == field

    def test_details_is_the_object_that_vczapi_stores(self, site: WordPress) -> None:
        """Objects, arrays and integers keep their types."""
        post = make(site)["id"]
        expected = site.php("return serialize( json_decode( $json ) );", json=FIELD["details"])

        assert expected.startswith('O:8:"stdClass"')
        assert 's:4:"type";i:2;' in expected
        assert stored(site, post, "_meeting_zoom_details") == expected
        # Merged into the same value: nothing doubles, no backslash is lost.
        write(site, post, details=FIELD["details"])
        assert stored(site, post, "_meeting_zoom_details") == expected

    def test_fields_and_pro_are_arrays(self, site: WordPress) -> None:
        post = make(site)["id"]

        for meta, name in (("_meeting_fields", "fields"), ("_vczapi_pro_meeting_details", "pro")):
            expected = site.php("return serialize( $value );", value=FIELD[name])
            assert stored(site, post, meta) == expected
            write(site, post, **{name: FIELD[name]})
            assert stored(site, post, meta) == expected

    def test_plain_metas(self, site: WordPress) -> None:
        post = make(site)["id"]

        assert stored(site, post, "_meeting_zoom_meeting_id") == NUMBER
        assert stored(site, post, "_vczapi_meeting_type") == "meeting"
        assert stored(site, post, "_meeting_zoom_join_url") == FIELD["join_url"]
        assert stored(site, post, "_meeting_field_start_date_utc") == "2026-03-02 09:00:00"
        assert stored(site, post, "_zoombridge_revision") == "7"
        assert stored(site, post, "_meeting_zoom_start_url") == ""

    def test_properties_not_given_stay(self, site: WordPress) -> None:
        post = make(site)["id"]
        before = read(site, post)

        assert write(site, post, revision=8) == before | {"revision": 8}
        site.rest("POST", f"{POSTS}/{post}", json={"title": "Another title"})
        assert read(site, post) == before | {"revision": 8}

    def test_null_removes_a_plain_meta(self, site: WordPress) -> None:
        post = make(site)["id"]

        write(site, post, html=None, revision=None)
        assert stored(site, post, "_zoombridge_revision") == "there are 0"
        assert read(site, post)["html"] is None

    def test_post_made_by_hand_has_none(self, site: WordPress) -> None:
        post = site.rest("POST", POSTS, json={"title": "By hand"}).json()["id"]

        assert read(site, post) == EMPTY
        assert stored(site, post, "_meeting_zoom_start_url") == "there are 0"

    def test_writing_what_was_read_changes_nothing(self, site: WordPress) -> None:
        """A client may read all, change one property and write all."""
        post = make(site)["id"]
        field = read(site, post)

        assert write(site, post, **field) == field


class TestMerged:
    def test_details(self, site: WordPress) -> None:
        post = make(site)["id"]
        given = {
            "topic": "New",
            "duration": None,
            "recurrence": {"type": 1},
            "settings": {"audio": "voip", "jbh_time": None},
        }

        details = json.loads(write(site, post, details=json.dumps(given))["details"])

        assert details == {
            "id": 85393847045,
            "type": 2,
            "topic": "New",
            "empty": {},
            "list": [],
            "settings": {"join_before_host": True, "audio": "voip"},
            "recurrence": {"type": 1},
        }

    def test_only_settings_is_merged_deeper(self, site: WordPress) -> None:
        post = make(site, FIELD | {"details": '{"recurrence":{"type":1,"interval":2}}'})["id"]

        assert (
            write(site, post, details='{"recurrence":{"type":2}}')["details"] == '{"recurrence":{"type":2}}'
        )

    def test_emptied_object_stays_an_object(self, site: WordPress) -> None:
        post = make(site, FIELD | {"details": '{"a":1,"settings":{"b":1}}'})["id"]

        written = write(site, post, details='{"a":null,"settings":{"b":null}}')["details"]
        assert written == '{"settings":{}}'
        assert write(site, post, details='{"settings":null}')["details"] == "{}"
        assert stored(site, post, "_meeting_zoom_details") == 'O:8:"stdClass":0:{}'

    def test_state_of_vczapi_survives(self, with_vczapi: WordPress) -> None:
        post = with_vczapi.php(
            "return vczapi_double_make( array( 'id' => 1, 'topic' => 'Old', 'state' => 'ended' ) );"
        )

        details = json.loads(write(with_vczapi, post, details='{"topic":"New"}')["details"])

        assert details == {"id": 1, "topic": "New", "state": "ended"}

    def test_choices_of_the_site_survive(self, with_vczapi: WordPress) -> None:
        post = with_vczapi.php(
            """
            $details = array( 'id' => 85393847045, 'topic' => 'By hand', 'type' => 2 );
            return vczapi_double_make( $details, array( 'site_option_logged_in' => '1', 'password' => 'x' ) );
            """
        )
        before = read(with_vczapi, post)["fields"]

        after = write(with_vczapi, post, fields=FIELDS | {"password": None}, revision=1)["fields"]

        expected = {**before, **FIELDS, "site_option_logged_in": "1"}
        del expected["password"]
        assert after == expected
        assert stored(with_vczapi, post, "_meeting_fields").startswith("a:")

    def test_pro_as_a_whole_is_removed(self, site: WordPress) -> None:
        post = make(site)["id"]

        assert write(site, post, pro={"frequency": None, "interval": "2"})["pro"] == {
            "enabled_recurring": "on",
            "weekly_occurence": ["1", "3"],
            "interval": "2",
        }
        assert write(site, post, pro=None)["pro"] is None
        assert stored(site, post, "_vczapi_pro_meeting_details") == "there are 0"

    def test_details_in_the_newer_shape(self, site: WordPress) -> None:
        """Newer versions of VCZAPI store an array."""
        post = make(site)["id"]
        site.php("update_post_meta( $post, '_meeting_zoom_details', array( 'a' => 1 ) );", post=post)

        assert read(site, post)["details"] == '{"a":1}'
        assert write(site, post, details='{"b":2}')["details"] == '{"a":1,"b":2}'


class TestStartUrl:
    def test_removed_when_written(self, site: WordPress) -> None:
        given = {
            "start_url": "https://zoom.us/s/1?zak=key",
            "nested": {"start_url": "key", "a": [{"start_url": 1}]},
        }
        field = FIELD | {"details": json.dumps(given), "fields": FIELDS | {"start_url": "key"}}

        made = make(site, field)

        assert made["zoombridge"]["details"] == '{"nested":{"a":[{}]}}'
        assert "start_url" not in made["zoombridge"]["fields"]
        metas = site.php("return serialize( get_post_meta( $post ) );", post=made["id"])
        assert "key" not in metas.replace("_meeting_zoom_start_url", "")

    def test_removed_when_read(self, with_vczapi: WordPress) -> None:
        post = with_vczapi.php(
            "return vczapi_double_make( array( 'id' => 1, 'topic' => 'x', 'start_url' => 'https://z/s?zak=key' ) );"
        )

        assert "key" not in json.dumps(read(with_vczapi, post))

    def test_what_vczapi_stored_stays_until_details_are_written(self, with_vczapi: WordPress) -> None:
        post = with_vczapi.php(
            "return vczapi_double_make( array( 'id' => 1, 'topic' => 'x', 'start_url' => 'https://z/s?zak=key' ) );"
        )
        write(with_vczapi, post, revision=1)
        assert stored(with_vczapi, post, "_meeting_zoom_start_url") == "https://z/s?zak=key"

        write(with_vczapi, post, details='{"topic":"y"}')
        assert "key" not in stored(with_vczapi, post, "_meeting_zoom_details")

    def test_cannot_be_written_by_itself(self, site: WordPress) -> None:
        response = site.rest("POST", POSTS, json={"title": "x", "zoombridge": {"start_url": "https://z"}})

        assert response.status_code == 400
        assert count(site) == 0


class TestRefused:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"number": 85393847045},
            {"number": "853 9384"},
            {"number": ""},
            {"number": "1\n"},
            {"kind": "party"},
            {"details": {"an": "object"}},
            {"details": "[]"},
            {"details": "1"},
            {"details": "{"},
            {"details": '{"\\u0000a":1}'},
            {"fields": "text"},
            {"fields": [1, 2]},
            {"pro": 1},
            {"join_url": 1},
            {"start_date_utc": "2026-03-02T09:00:00Z"},
            {"html": ["<p>"]},
            {"html": "x" * 262145},
            {"revision": "many"},
            {"revision": -1},
            {"unknown": 1},
        ],
        ids=lambda wrong: str(wrong)[:40],
    )
    def test_before_the_post_is_created(self, site: WordPress, wrong: dict[str, object]) -> None:
        response = site.rest("POST", POSTS, json={"title": "x", "zoombridge": wrong})

        assert response.status_code == 400, response.text
        assert count(site) == 0

    def test_a_field_that_is_no_object(self, site: WordPress) -> None:
        assert site.rest("POST", POSTS, json={"title": "x", "zoombridge": "x"}).status_code == 400


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
    def test_harmful_tags_are_removed(self, site: WordPress, given: str, kept: str) -> None:
        assert make(site, FIELD | {"html": given})["zoombridge"]["html"] == kept

    def test_tags_of_the_bridge_stay(self, site: WordPress) -> None:
        html = (
            '<section class="zoombridge" aria-label="Meeting"><h2 class="a">b</h2><dl class="x"><dt>When</dt>'
            '<dd class="y"><time class="t" datetime="2026-03-02T09:00:00Z">10:00</time></dd></dl>'
            '<ul class="l"><li class="i">a</li></ul><ol><li>b</li></ol>'
            '<p><a class="button" rel="nofollow" href="https://zoom.us/j/1?pwd=a&amp;b=c">Join 🚒</a></p>'
            "<p>C:\\temp &lt;b&gt;</p></section>"
        )

        assert make(site, FIELD | {"html": html})["zoombridge"]["html"] == html

    def test_join_url_is_an_address(self, site: WordPress) -> None:
        assert make(site, FIELD | {"join_url": "javascript:alert(1)"})["zoombridge"]["join_url"] == ""


class TestPermission:
    def test_visitors_see_nothing(self, site: WordPress) -> None:
        post = make(site)["id"]

        for url in (f"{POSTS}/{post}", POSTS):
            shown = requests.get(site.rest_root + url, timeout=90)
            assert shown.status_code == 200
            assert "zoombridge" not in shown.text
        assert (
            requests.post(site.rest_root + POSTS, json={"zoombridge": FIELD}, timeout=90).status_code == 401
        )

    def test_field_is_not_in_other_contexts(self, site: WordPress) -> None:
        post = make(site)["id"]

        assert "zoombridge" not in site.rest("GET", f"{POSTS}/{post}").json()
        assert "zoombridge" not in site.rest("GET", f"{POSTS}/{post}", params={"context": "embed"}).json()

    def test_contributors_see_only_what_they_may_edit(self, site: WordPress) -> None:
        """Some versions of WordPress let them list the posts of all users in context `edit`."""
        post = make(site)["id"]
        auth = ("connie", password_of(site, "connie", "contributor"))

        assert site.rest("GET", f"{POSTS}/{post}", auth=auth, params={"context": "edit"}).status_code == 403
        listed = site.rest("GET", POSTS, auth=auth, params={"context": "edit"}).json()
        assert [each["zoombridge"] for each in listed if each["zoombridge"]] == []
        response = site.rest("POST", f"{POSTS}/{post}", auth=auth, json={"zoombridge": {"html": "mine"}})
        assert response.status_code == 403
        assert read(site, post)["html"] == FIELD["html"]


class TestTrashedFrom:
    def test_status_before_the_trash(self, site: WordPress) -> None:
        post = make(site, status="private")["id"]
        site.rest("DELETE", f"{POSTS}/{post}")

        assert read(site, post)["trashed_from"] == "private"
        response = site.rest("POST", f"{POSTS}/{post}", json={"status": "private"})
        assert response.json()["zoombridge"]["trashed_from"] is None

    def test_cannot_be_written(self, site: WordPress) -> None:
        post = make(site)["id"]

        assert write(site, post, trashed_from="publish")["trashed_from"] is None


class TestOnePost:
    @pytest.mark.parametrize("status", ["publish", "draft", "private", "pending", "future", "trash"])
    def test_second_is_refused(self, site: WordPress, status: str) -> None:
        date: dict[str, Any] = {"date": "2030-01-01T00:00:00"} if status == "future" else {}
        post = make(site, status="draft" if status == "trash" else status, **date)["id"]
        if status == "trash":
            site.rest("DELETE", f"{POSTS}/{post}")

        response = site.rest("POST", POSTS, json={"title": "Again", "zoombridge": FIELD})

        assert response.status_code == 409
        answer = response.json()
        assert answer["code"] == "zoombridge_exists"
        assert answer["message"]
        assert answer["data"] == {"status": 409, "post": post}
        assert count(site) == 1

    def test_names_the_lowest_id_outside_the_trash(self, site: WordPress) -> None:
        posts = [make(site, FIELD | {"number": str(number)})["id"] for number in range(1, 5)]
        for post in posts:
            write(site, post, number=NUMBER)
        site.rest("DELETE", f"{POSTS}/{posts[0]}")

        response = site.rest("POST", POSTS, json={"title": "Again", "zoombridge": FIELD})

        assert response.json()["data"]["post"] == posts[1]

    @pytest.mark.parametrize("name", ["zoombridge_saving_17", f"zoombridge_making_{NUMBER}"])
    def test_refused_while_another_request_may_be_creating_it(self, site: WordPress, name: str) -> None:
        hold = "update_option( $name, time() - $age, false );"
        site.php(hold, name=name, age=5)
        response = site.rest("POST", POSTS, json={"title": "New", "zoombridge": FIELD})
        assert (response.status_code, response.json()["code"]) == (423, "zoombridge_saving")
        assert count(site) == 0

        site.php(hold, name="zoombridge_saving_17", age=61)
        site.php(hold, name=f"zoombridge_making_{NUMBER}", age=61)
        assert make(site, FIELD)["zoombridge"]["number"] == NUMBER, "a lock expires after a minute"

    def test_lock_is_released_after_creation(self, site: WordPress) -> None:
        make(site, FIELD)
        held = "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name = 'zoombridge_making_$number'"
        assert int(site.php(f'global $wpdb; return $wpdb->get_var( "{held}" );', number=NUMBER)) == 0

    def test_refused_while_vczapi_saves_its_form(self, with_vczapi: WordPress) -> None:
        saving = """
            $_SERVER['REQUEST_METHOD'] = 'POST';
            vczapi_double_make( array( 'id' => 1, 'topic' => 'x' ) );
            $made = wp_remote_post( rest_url( 'wp/v2/zoom_meetings' ), array(
                'headers' => array( 'Authorization' => 'Basic ' . base64_encode( "$user:$password" ) ),
                'body' => array( 'title' => 'New', 'zoombridge' => array( 'number' => $number ) ),
            ) );
            return wp_remote_retrieve_response_code( $made );
        """
        access = {"user": with_vczapi.user, "password": with_vczapi.application_password}
        assert with_vczapi.php(saving, number=NUMBER, **access) == 423
        assert make(with_vczapi, FIELD)["zoombridge"]["number"] == NUMBER

    def test_post_of_vczapi_is_found(self, with_vczapi: WordPress) -> None:
        post = with_vczapi.php("return vczapi_double_make( array( 'id' => 85393847045, 'topic' => 'x' ) );")

        response = with_vczapi.rest("POST", POSTS, json={"title": "Again", "zoombridge": FIELD})

        assert (response.status_code, response.json()["data"]["post"]) == (409, post)

    def test_update_is_allowed(self, site: WordPress) -> None:
        post = make(site)["id"]

        assert write(site, post, number=NUMBER)["number"] == NUMBER

    def test_posts_of_other_types_do_not_count(self, site: WordPress) -> None:
        site.php("add_post_meta( 1, '_meeting_zoom_meeting_id', $number );", number=NUMBER)

        assert make(site)["zoombridge"]["number"] == NUMBER


class TestNumber:
    def find(self, site: WordPress, number: str = NUMBER, **params: str) -> list[int]:
        response = site.rest("GET", POSTS, params={"zoombridge_number": number} | params)
        assert response.status_code == 200, response.text
        return [post["id"] for post in response.json()]

    def test_finds(self, site: WordPress) -> None:
        post = make(site)["id"]
        make(site, FIELD | {"number": "8539384704"})

        assert self.find(site) == [post]
        assert self.find(site, "999") == []

    def test_in_the_trash_too(self, site: WordPress) -> None:
        post = make(site, status="draft")["id"]
        site.rest("DELETE", f"{POSTS}/{post}")

        assert self.find(site) == []
        assert self.find(site, status="any,trash", context="edit") == [post]

    def test_not_for_visitors(self, site: WordPress) -> None:
        make(site)

        response = requests.get(f"{site.rest_root}{POSTS}?zoombridge_number={NUMBER}", timeout=90)
        assert response.status_code == 400
        assert "zoombridge_number" in response.json()["data"]["params"]

    @pytest.mark.parametrize("number", ["a", "1 OR 1", "", "-1"])
    def test_invalid_number_is_refused(self, site: WordPress, number: str) -> None:
        assert site.rest("GET", POSTS, params={"zoombridge_number": number}).status_code == 400


class TestHost:
    @pytest.fixture
    def host(self, site: WordPress) -> int:
        user: int = site.php(
            """
            $id = wp_create_user( 'hanna', 'a-password', 'hanna@example.com' );
            update_user_meta( $id, 'user_zoom_hostid', 'HOST-1' );
            return $id;
            """
        )
        return user

    def test_becomes_the_author(self, site: WordPress, host: int) -> None:
        made = make(site, FIELD | {"host": "HOST-1"})

        assert made["author"] == host
        assert "host" not in made["zoombridge"]

    def test_unknown_leaves_the_author(self, site: WordPress, host: int) -> None:
        assert make(site, FIELD | {"host": "HOST-2"})["author"] == 1

    def test_only_when_a_post_is_created(self, site: WordPress, host: int) -> None:
        post = make(site)["id"]
        write(site, post, host="HOST-1")

        assert site.rest("GET", f"{POSTS}/{post}").json()["author"] == 1

    def test_not_by_users_who_cannot_edit_posts_of_others(self, site: WordPress, host: int) -> None:
        auth = ("anton", password_of(site, "anton", "author"))
        payload = {"title": "x", "status": "publish", "zoombridge": FIELD | {"host": "HOST-1"}}

        made = site.rest("POST", POSTS, auth=auth, json=payload).json()

        assert made["author"] != host


class TestBatch:
    @pytest.fixture
    def _batches_of_posts(self, site: WordPress) -> None:
        if site.kind == "minimum-mariadb":
            pytest.skip("WordPress has batches of posts since 5.9")

    @pytest.mark.usefixtures("_batches_of_posts")
    def test_creates_and_refuses_each_separately(self, site: WordPress) -> None:
        make(site)
        numbers = [NUMBER, "1", "2", "1"]
        requests_ = [
            {
                "method": "POST",
                "path": f"/{POSTS}",
                "body": {"title": "x", "status": "publish", "zoombridge": FIELD | {"number": number}},
            }
            for number in numbers
        ]

        response = site.rest("POST", "batch/v1", json={"requests": requests_})

        assert response.status_code == 207, response.text
        answers = response.json()["responses"]
        assert [answer["status"] for answer in answers] == [409, 201, 201, 409]
        assert json.loads(answers[1]["body"]["zoombridge"]["details"]) == DETAILS
        post = answers[1]["body"]["id"]
        assert stored(site, post, "_meeting_zoom_details").startswith('O:8:"stdClass"')

    @pytest.mark.usefixtures("_batches_of_posts")
    def test_deletes(self, site: WordPress) -> None:
        post = make(site)["id"]
        payload = {"requests": [{"method": "DELETE", "path": f"/{POSTS}/{post}?force=true"}]}

        assert site.rest("POST", "batch/v1", json=payload).json()["responses"][0]["status"] == 200
        assert count(site) == 0

    def test_endpoints_of_zoom_cannot_be_batched(self, paired: WordPress, bridge: BridgeDouble) -> None:
        payload = {"requests": [{"method": "POST", "path": "/vczapi/v1/meeting"}]}

        [answer] = paired.rest("POST", "batch/v1", json=payload).json()["responses"]
        assert answer["status"] == 400
        assert bridge.requests == []


class TestPermanentDelete:
    """VCZAPI's DELETE at Zoom, which its double records."""

    Make = Callable[[str], int]

    @pytest.fixture
    def make_by_hand(self, with_vczapi: WordPress) -> Make:
        def make_one(number: str) -> int:
            post: int = with_vczapi.php(
                "return vczapi_double_make( array( 'id' => (int) $number, 'topic' => 'x' ) );", number=number
            )
            return post

        return make_one

    def deletes(self, site: WordPress) -> list[str]:
        sent: list[str] = site.php("return get_option( 'vczapi_double_deletes', array() );")
        return sent

    def test_managed_is_not_deleted_at_zoom(self, with_vczapi: WordPress, make_by_hand: Make) -> None:
        post = make_by_hand("1")
        write(with_vczapi, post, revision=0)

        assert with_vczapi.rest("DELETE", f"{POSTS}/{post}", params={"force": "true"}).status_code == 200
        assert self.deletes(with_vczapi) == []

    def test_unmanaged_still_is(self, with_vczapi: WordPress, make_by_hand: Make) -> None:
        """VCZAPI handles posts that the bridge does not manage as before."""
        with_vczapi.rest("DELETE", f"{POSTS}/{make_by_hand('2')}", params={"force": "true"})

        assert self.deletes(with_vczapi) == ["2"]

    def test_emptied_trash(self, with_vczapi: WordPress, make_by_hand: Make) -> None:
        """One request deletes managed and other posts, in turn."""
        posts = [make_by_hand(str(number)) for number in range(1, 6)]
        for post in posts[::2]:
            write(with_vczapi, post, revision=3)
        with_vczapi.php(
            """
            foreach ( $posts as $post ) { wp_trash_post( $post ); }
            foreach ( $posts as $post ) { wp_delete_post( $post ); }
            """,
            posts=posts,
        )

        assert self.deletes(with_vczapi) == ["2", "4"]
        assert count(with_vczapi) == 0

    def test_newer_vczapi(self, with_vczapi: WordPress, make_by_hand: Make) -> None:
        """From 4.7 on the choice is stored in an option of another name."""
        post = make_by_hand("1")
        write(with_vczapi, post, revision=1)

        seen = with_vczapi.php(
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
            post=post,
        )

        assert seen == [
            {"delete_zoom_meeting": "on", "vanity_url": "x"},
            {"delete_zoom_meeting": "", "vanity_url": "x"},
        ]

    def test_option_itself_stays(self, with_vczapi: WordPress, make_by_hand: Make) -> None:
        post = make_by_hand("1")
        write(with_vczapi, post, revision=1)
        with_vczapi.rest("DELETE", f"{POSTS}/{post}", params={"force": "true"})

        option = with_vczapi.php("return get_option( 'zoom_api_donot_delete_on_zoom', 'unset' );")
        assert option == "unset"
