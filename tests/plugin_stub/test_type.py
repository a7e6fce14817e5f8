"""The post type and the pages that visitors see, with and without the plugin VCZAPI."""

import re
from html import unescape
from typing import Any

import pytest
import requests

from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.posts import FIELD, POSTS, make
from tests.wordpress import WordPress

HTML = '<section class="zoombridge"><p>On Monday [gallery] "at" ten</p></section>'
SHOWN = '<section class="zoombridge"><p>On Monday &#91;gallery]'


def page(site: WordPress, post: dict[str, Any], **params: str) -> requests.Response:
    response = requests.get(post["link"], params=params, timeout=600)
    assert response.status_code == 200
    return response


class TestType:
    # Before 5.8 WordPress loads post.php in wp-admin only; since 6.6 it adds `autosave` itself.
    SEEN = """
        require_once ABSPATH . 'wp-admin/includes/post.php';
        $type = get_post_type_object( 'zoom-meetings' );
        $cats = get_taxonomy( 'zoom-meeting' );
        return array(
            'public' => $type->public, 'archive' => $type->has_archive, 'capability' => $type->capability_type,
            'rest' => array( $type->show_in_rest, $type->rest_base ), 'slug' => $type->rewrite['slug'],
            'supports' => array_values(
                array_diff( array_keys( get_all_post_type_supports( 'zoom-meetings' ) ), array( 'autosave' ) )
            ),
            'blocks' => use_block_editor_for_post_type( 'zoom-meetings' ),
            'cats' => array( $cats->hierarchical, $cats->show_in_rest, $cats->rest_base, $cats->object_type ),
        );
    """

    def test_same_with_and_without_vczapi(self, site: WordPress, request: pytest.FixtureRequest) -> None:
        alone = site.php(self.SEEN)
        assert site.php("return zoombridge_owns_post_type();") is True

        with_vczapi: WordPress = request.getfixturevalue("with_vczapi")
        assert with_vczapi.php(self.SEEN) == alone | {"blocks": False}, (
            "VCZAPI chooses the editor of its own type"
        )
        assert with_vczapi.php("return zoombridge_owns_post_type();") is False

    def test_arguments(self, site: WordPress) -> None:
        assert site.php(self.SEEN) == {
            "public": True,
            "archive": True,
            "capability": "post",
            "rest": [True, "zoom_meetings"],
            "slug": "zoom-meetings",
            "supports": ["title", "editor", "author", "thumbnail"],
            "blocks": True,
            "cats": [True, True, "zoom_meeting_cats", ["zoom-meetings"]],
        }

    def test_filters_of_vczapi_stay_in_force(self, site: WordPress) -> None:
        seen = """
            add_filter( 'vczapi_cpt_hierarchical', '__return_true' );
            add_filter( 'vczapi_admin_cpt_labels', static function ( $labels ) {
                return array( 'name' => 'Courses' ) + $labels;
            } );
            zoombridge_register_post_type();
            $type = get_post_type_object( 'zoom-meetings' );
            return array( $type->hierarchical, $type->labels->name, $type->labels->edit_item );
        """
        assert site.php(seen) == [True, "Courses", "Edit meeting"]

    def test_other_types_keep_their_editor(self, site: WordPress) -> None:
        code = """
            require_once ABSPATH . 'wp-admin/includes/post.php';
            return use_block_editor_for_post_type( 'post' );
        """
        assert site.php(code) is True

    def test_categories_over_rest(self, site: WordPress) -> None:
        term = site.rest("POST", "wp/v2/zoom_meeting_cats", json={"name": "Courses"}).json()["id"]

        post = make(site)["id"]
        answer = site.rest("POST", f"{POSTS}/{post}", json={"zoom_meeting_cats": [term]})
        assert answer.json()["zoom_meeting_cats"] == [term]

    def test_type_of_the_stub_in_wp_admin(self, site: WordPress) -> None:
        post = make(site)
        session = sign_in(site)
        screen = f"{site.url}/wp-admin/post.php?post={post['id']}&action=edit"
        writing = f"{site.url}/wp-admin/options-writing.php"
        settings = session.get(writing, timeout=600).text
        assert '<label for="zoombridge_editor">Editor for Zoom meetings</label>' in settings
        assert '<option value="block" selected' in settings
        [nonce] = re.findall(r'name="_wpnonce" value="(\w+)"', settings)
        fields = dict.fromkeys(re.findall(r'name="([a-zA-Z_]+)"', settings), "0")
        del fields["zoombridge_editor"]
        form = fields | {"option_page": "writing", "action": "update", "_wpnonce": nonce}
        for given, is_classic in (("classic", True), (None, True), ("<x>", False)):
            chosen = {} if given is None else {"zoombridge_editor": given}
            session.post(f"{site.url}/wp-admin/options.php", data=form | chosen, timeout=600)
            assert ('id="title"' in session.get(screen, timeout=600).text) is is_classic, given
        listed = session.get(f"{site.url}/wp-admin/edit.php?post_type=zoom-meetings", timeout=600)
        assert "A meeting" in listed.text


class TestDetails:
    @pytest.fixture
    def post(self, site: WordPress) -> dict[str, Any]:
        return make(site, FIELD | {"html": HTML}, post_content="<p>By an editor.</p>")

    def test_above_the_content(self, site: WordPress, post: dict[str, Any]) -> None:
        text = page(site, post).text

        assert text.count(SHOWN) == 1
        assert text.index(SHOWN) < text.rindex("By an editor.")

    def test_not_elsewhere(self, site: WordPress, post: dict[str, Any]) -> None:
        for url in (
            f"{site.url}/zoom-meetings/",
            f"{site.url}/feed/?post_type=zoom-meetings",
            f"{site.url}/?s=meeting",
            f"{site.rest_root}{POSTS}/{post['id']}",
        ):
            response = requests.get(url, timeout=600)
            assert response.status_code == 200
            assert "A meeting" in response.text
            assert "On Monday" not in response.text

    def test_not_before_the_password(self, site: WordPress) -> None:
        post = make(site, FIELD | {"html": HTML}, post_password="secret")

        text = page(site, post).text
        assert "On Monday" not in text
        assert "post_password" in text

    def test_nothing_stored_nothing_shown(self, site: WordPress) -> None:
        post = make(site, FIELD | {"html": None}, post_content="<p>By an editor.</p>")

        assert "By an editor." in page(site, post).text

    def test_not_in_the_excerpt(self, site: WordPress, post: dict[str, Any]) -> None:
        """Themes and SEO plugins generate an excerpt on the page itself."""
        shown = site.php(
            """
            $GLOBALS['wp_query']->query( array( 'post_type' => 'zoom-meetings', 'p' => $post ) );
            $GLOBALS['wp_the_query'] = $GLOBALS['wp_query'];
            the_post();
            return array( get_the_excerpt(), apply_filters( 'the_content', 'x' ) );
            """,
            post=post["id"],
        )
        assert "By an editor." in shown[0]
        assert "On Monday" not in shown[0]
        assert "On Monday" in shown[1]

    def test_of_another_post_shown_on_the_page(self, site: WordPress, post: dict[str, Any]) -> None:
        """A block or widget may run `the_content` for other posts."""
        other = make(site, FIELD | {"number": "2", "html": "<p>Of another</p>"})
        shown = site.php(
            """
            $GLOBALS['wp_query']->query( array( 'post_type' => 'zoom-meetings', 'p' => $post ) );
            $GLOBALS['wp_the_query'] = $GLOBALS['wp_query'];
            $GLOBALS['post'] = get_post( $other );
            return apply_filters( 'the_content', 'x' );
            """,
            post=post["id"],
            other=other["id"],
        )
        assert "Of another" not in shown


MARKED = (
    '<section class="zoombridge"><p>On Monday</p>'
    '<!--zoombridge-in--><p>Passcode sing4us</p><p><a href="https://zoom.us/j/1?pwd=x">Join</a></p>'
    '<!--zoombridge-out--><p><a class="zoombridge-sign-in-link" href="#zoombridge-sign-in">Sign in</a></p>'
    "<!--zoombridge-end--><p>The end</p></section>"
)


class TestSignedIn:
    """The parts between the marks are for signed-in users, or for all other visitors."""

    @pytest.fixture
    def post(self, site: WordPress) -> dict[str, Any]:
        return make(site, FIELD | {"html": MARKED})

    def test_visitor(self, site: WordPress, post: dict[str, Any]) -> None:
        text = page(site, post).text

        assert "On Monday" in text
        assert "The end" in text
        for secret in ("sing4us", "zoom.us/j", "zoombridge-in", "zoombridge-out"):
            assert secret not in text
        (link,) = re.findall(r'<a class="zoombridge-sign-in-link" href="([^"]+)">', text)
        login = requests.get(unescape(link), timeout=600)
        assert 'id="loginform"' in login.text
        assert f'name="redirect_to" value="{post["link"]}"' in login.text

    def test_who_is_signed_in(self, site: WordPress, post: dict[str, Any]) -> None:
        answer = sign_in(site).get(post["link"], timeout=600)

        assert "Passcode sing4us" in answer.text
        assert "https://zoom.us/j/1?pwd=x" in answer.text
        assert "zoombridge-sign-in" not in answer.text
        assert "<!--zoombridge" not in answer.text
        assert "no-cache" in answer.headers["Cache-Control"], "so that no cache on the way keeps it"

    @pytest.mark.parametrize(
        ("user", "marked", "kept"), [(1, True, False), (1, False, True), (0, True, True)]
    )
    def test_page_caches_keep_what_visitors_see(
        self, site: WordPress, user: int, marked: bool, kept: bool
    ) -> None:
        """Plugins that cache pages, and serve them before WordPress knows the user, respect this constant."""
        post = make(site, FIELD | {"html": MARKED if marked else HTML})
        defined = site.php(
            """
            wp_set_current_user( $user );
            $GLOBALS['wp_query']->query( array( 'post_type' => 'zoom-meetings', 'p' => $post ) );
            $GLOBALS['wp_the_query'] = $GLOBALS['wp_query'];
            the_post();
            apply_filters( 'the_content', 'x' );
            return defined( 'DONOTCACHEPAGE' );
            """,
            post=post["id"],
            user=user,
        )
        assert defined is not kept

    def test_incomplete_marks_show_no_more(self, site: WordPress) -> None:
        post = make(site, FIELD | {"html": MARKED + "<!--zoombridge-in--><p>loose</p>"})

        assert "sing4us" not in page(site, post).text


class TestWithVczapi:
    def test_its_template_shows_the_field(self, with_vczapi: WordPress) -> None:
        field = FIELD | {
            "start_date_utc": "2099-03-02 09:00:00",
            "fields": FIELD["fields"] | {"start_date": "2099-03-02 10:00"},
            "html": HTML,
        }
        post = make(with_vczapi, field, post_content="<p>By an editor.</p>")

        text = page(with_vczapi, post).text

        assert '<body class="' in text
        assert "vczapi-single" in text
        assert '<p class="vczapi-kind">meeting</p>' in text
        assert '<p class="vczapi-start">2099-03-02 10:00 Europe/Berlin</p>' in text
        assert 'class="vczapi-join" href="https://us02web.zoom.us/j/85393847045?pwd=aBc.1' in text
        assert "By an editor." in text
        assert "On Monday" not in text

    def test_webinar(self, with_vczapi: WordPress) -> None:
        field = FIELD | {"kind": "webinar", "fields": FIELD["fields"] | {"meeting_type": 2}}

        assert '<p class="vczapi-kind">webinar</p>' in page(with_vczapi, make(with_vczapi, field)).text

    @pytest.mark.parametrize("kind", [3, 6, 8, 9])
    def test_types_that_require_pro(self, with_vczapi: WordPress, kind: int) -> None:
        """VCZAPI compares with `===`: integers must stay integers."""
        post = make(with_vczapi, FIELD | {"details": f'{{"type":{kind}}}'})

        assert "PRO version is required" in page(with_vczapi, post).text

    def test_double_fails_as_vczapi_does(self, with_vczapi: WordPress) -> None:
        """A post without `_meeting_fields` is a fatal error, so the field must be written with the post."""
        made = with_vczapi.rest("POST", POSTS, json={"title": "Bare", "status": "publish"}).json()

        assert "vczapi-start" not in requests.get(made["link"], timeout=600).text
        assert "Uncaught TypeError" in with_vczapi.php_log()
        with_vczapi.reset()

    def test_created_by_hand(self, with_vczapi: WordPress) -> None:
        link = with_vczapi.php(
            """
            return get_permalink( vczapi_double_make(
                array( 'id' => 1, 'topic' => 'By hand', 'type' => 2, 'start_time' => '2099-01-01T09:00:00Z',
                    'timezone' => 'Europe/Berlin' ),
                array( 'site_option_logged_in' => '1' ) ) );
            """
        )
        text = requests.get(link, timeout=600).text

        assert "2099-01-01 10:00 Europe/Berlin" in text
        assert "You need to log in." in text
