"""VCZAPI's PRO add-on claims the same endpoint: the bridge answers Zoom's events, and PRO's webhook never runs.

PRO cannot be had. Its double claims the endpoint in every way that WordPress knows for it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.conftest import STUB_SLUG
from tests.examples import SOAK
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.pairing import Admin, connect, must_use
from tests.plugin_stub.sync import SyncClient
from tests.plugin_stub.test_forward import IN_THE_WAY_OF_REST, ZOOM
from tests.wordpress.vczapi_site import NUMBER, REAL, VczapiSite, details

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.plugin_stub.bridge_double import BridgeDouble
    from tests.wordpress import WordPress

PRO = Path(__file__).parent.parent / "wordpress/vczapi-pro"
PLUGIN = "vczapi-pro/vczapi-pro.php"
OURS = f"{STUB_SLUG}/load.php"
EVENT = b'{"event":"meeting.updated","payload":{"object":{"id":85393847045}}}'
FIRST, LAST = -(2**63), 2**63 - 1  # PHP_INT_MIN and PHP_INT_MAX
# Whoever comes first can answer instead of ours; the soak, and a run beside the real plugin, try both ends.
PRIORITIES = (FIRST, LAST) if SOAK or REAL else (FIRST,)

PRETTY = "/wp-json/vczapi/v1/meeting"
PLAIN = "/?rest_route=/vczapi/v1/meeting"

ROUTES: dict[str, dict[str, Any]] = {
    "a route": {},
    "a route, overriding": {"override": True},
    "a route, first": {"priority": FIRST},
    "a route, last": {"priority": LAST},
    "a route, last, overriding": {"priority": LAST, "override": True},
    "another pattern": {"route": "/(?P<what>[a-z]+)", "methods": "GET, POST, PUT"},
}
HOOKS: dict[str, dict[str, Any]] = {
    f"{hook}, {'first' if priority == FIRST else 'last'}": {"hook": hook, "priority": priority}
    for hook in (
        "rest_pre_dispatch",
        "rest_request_before_callbacks",
        "rest_dispatch_request",
        "rest_request_after_callbacks",
        "rest_post_dispatch",
        "rest_pre_serve_request",
        "parse_request",
        "shutdown",
    )
    for priority in PRIORITIES
}
WAYS = ROUTES | HOOKS
# Each way is tried with an event; what else is asked of the endpoint with a route, and a hook before and after it.
_SOME = (
    "a route, last, overriding",
    "another pattern",
    "rest_pre_dispatch, first",
    "rest_post_dispatch, first",
)
FEW_WAYS = WAYS if SOAK or REAL else {name: WAYS[name] for name in _SOME}


@pytest.fixture
def with_pro(site: WordPress) -> WordPress:
    """A site on which the double of PRO is active until the next reset; without VCZAPI, which it does not need here."""
    site.add_plugin(PRO)
    return site


@pytest.fixture
def paired_with_pro(with_pro: WordPress, bridge: BridgeDouble) -> WordPress:
    connect(with_pro, bridge.url)
    return with_pro


@pytest.fixture(params=["ours first", "PRO first"])
def ordered(request: pytest.FixtureRequest, paired_with_pro: WordPress) -> WordPress:
    """A paired site that loads the two plugins in either order."""
    order = [OURS, PLUGIN] if request.param == "ours first" else [PLUGIN, OURS]
    paired_with_pro.php("update_option( 'active_plugins', $order );", order=order)
    return paired_with_pro


def claim(site: WordPress, way: dict[str, Any]) -> None:
    """Choose how PRO claims the endpoint, and forget its calls."""
    site.php(
        "update_option( 'vczapi_pro_double', $way ); delete_option( 'vczapi_pro_double_calls' );", way=way
    )


def calls(site: WordPress) -> int:
    """Return how often PRO's webhook has run."""
    return int(site.php("return get_option( 'vczapi_pro_double_calls', 0 );"))


def post(site: WordPress, address: str = PRETTY, **headers: str) -> requests.Response:
    return requests.post(site.url + address, data=EVENT, headers=ZOOM | headers, timeout=600)


class TestDouble:
    """So that the tests below mean something."""

    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
    def test_takes_an_event_where_our_plugin_is_not_active(
        self, with_pro: WordPress, way: dict[str, Any]
    ) -> None:
        with_pro.deactivate_plugin(STUB_SLUG)
        claim(with_pro, way)

        post(with_pro)

        assert calls(with_pro) > 0


class TestEvents:
    @pytest.mark.parametrize("way", FEW_WAYS.values(), ids=FEW_WAYS)
    def test_reach_the_bridge_alone(
        self, ordered: WordPress, bridge: BridgeDouble, way: dict[str, Any]
    ) -> None:
        claim(ordered, way)

        assert [post(ordered, address).status_code for address in (PRETTY, PLAIN)] == [204, 204]

        assert [request.body for request in bridge.requests] == [EVENT, EVENT]
        assert calls(ordered) == 0

    @pytest.mark.parametrize("code", IN_THE_WAY_OF_REST.values(), ids=IN_THE_WAY_OF_REST)
    def test_where_rest_is_closed(self, ordered: WordPress, bridge: BridgeDouble, code: str) -> None:
        claim(ordered, {"priority": LAST, "override": True})

        with must_use(ordered, code):
            assert post(ordered).status_code == 204

        assert [request.body for request in bridge.requests] == [EVENT]
        assert calls(ordered) == 0

    @pytest.mark.parametrize(
        "address",
        [
            "/wp-json/vczapi/v1/Meeting",
            "/wp-json/VCZAPI/v1/MEETING/",
            "/wp-json/vczapi/v1/meeting//",
            "/?rest_route=/vczapi/v1/Meeting",
            "/?rest_route=/vczapi/V1/MEETING//",
            "/?rest_route=/vczapi/v1/meeting%0A",
        ],
    )
    def test_at_every_address_that_wordpress_takes_for_the_same(
        self, paired_with_pro: WordPress, bridge: BridgeDouble, address: str
    ) -> None:
        claim(paired_with_pro, {"override": True})

        assert post(paired_with_pro, address).status_code == 204

        assert [request.target for request in bridge.requests] == [PRETTY]
        assert calls(paired_with_pro) == 0

    def test_pro_is_not_told_where_the_bridge_does_not_answer(
        self, paired_with_pro: WordPress, bridge: BridgeDouble
    ) -> None:
        """Zoom sends the event again: it must not come to both."""
        bridge.hang()
        claim(paired_with_pro, {})

        assert post(paired_with_pro).status_code == 503
        assert calls(paired_with_pro) == 0


class TestOtherRequests:
    """Requests to the endpoint that are not Zoom's, and would run PRO's handler."""

    @pytest.mark.parametrize("way", FEW_WAYS.values(), ids=FEW_WAYS)
    def test_of_php_code(self, ordered: WordPress, bridge: BridgeDouble, way: dict[str, Any]) -> None:
        claim(ordered, way)

        status = ordered.php(
            """
            $request = new WP_REST_Request( 'POST', '/vczapi/v1/Meeting' );
            $request->set_body( $body );
            return rest_do_request( $request )->get_status();
            """,
            body=EVENT.decode(),
        )

        assert status == 405
        assert calls(ordered) == 0
        assert bridge.requests == []

    @pytest.mark.parametrize("way", FEW_WAYS.values(), ids=FEW_WAYS)
    def test_with_another_method(self, ordered: WordPress, bridge: BridgeDouble, way: dict[str, Any]) -> None:
        claim(ordered, way)

        response = requests.get(ordered.url + PRETTY, headers={"X-HTTP-Method-Override": "POST"}, timeout=600)

        assert response.status_code == 405
        assert requests.put(ordered.url + PRETTY, data=EVENT, timeout=600).status_code == 405
        assert calls(ordered) == 0
        assert bridge.requests == []

    @pytest.mark.parametrize("way", ROUTES.values(), ids=ROUTES)
    def test_in_a_batch(self, ordered: WordPress, bridge: BridgeDouble, way: dict[str, Any]) -> None:
        claim(ordered, way)
        parts = {"requests": [{"method": "POST", "path": "/vczapi/v1/meeting"}]}

        [answer] = ordered.rest("POST", "batch/v1", json=parts).json()["responses"]

        assert answer["status"] == 405
        assert calls(ordered) == 0

    @pytest.mark.parametrize("way", HOOKS.values(), ids=HOOKS)
    def test_other_routes_keep_their_callbacks(self, paired_with_pro: WordPress, way: dict[str, Any]) -> None:
        """Also after a request to the endpoint in the same process."""
        claim(paired_with_pro, way)

        kept = paired_with_pro.php(
            """
            $pro = function () use ( $hook ) {
                $names = array();
                foreach ( $GLOBALS['wp_filter'][ $hook ]->callbacks ?? array() as $callbacks ) {
                    $names = array_merge( $names, array_column( $callbacks, 'function' ) );
                }
                return array_values( array_intersect( array_filter( $names, 'is_string' ),
                    array( 'vczapi_pro_double_filter', 'vczapi_pro_double_action' ) ) );
            };
            $before = $pro();
            rest_do_request( new WP_REST_Request( 'POST', '/vczapi/v1/meeting' ) );
            return array( $before, $pro() );
            """,
            hook=way["hook"],
        )

        assert kept[0] == kept[1] != []


class TestNotConnected:
    """Until the site is connected to a bridge, nobody else would act on Zoom's events."""

    def test_pro_answers(self, with_pro: WordPress) -> None:
        claim(with_pro, {})

        assert post(with_pro).json() == {"answered by": "PRO"}
        assert calls(with_pro) == 1

    def test_pro_answers_again_where_our_plugin_is_deactivated(
        self, paired_with_pro: WordPress, bridge: BridgeDouble
    ) -> None:
        claim(paired_with_pro, {})
        paired_with_pro.deactivate_plugin(STUB_SLUG)

        assert post(paired_with_pro).json() == {"answered by": "PRO"}
        assert [request.target for request in bridge.requests if "vczapi" in request.target] == []

    def test_where_pro_is_listed_but_not_there_zoom_sends_again(self, site: WordPress) -> None:
        shutil.rmtree(site.directory / "wp-content/plugins/vczapi-pro", ignore_errors=True)
        site.php(
            "update_option( 'active_plugins', array_merge( get_option( 'active_plugins' ), array( $pro ) ) );",
            pro=PLUGIN,
        )

        assert post(site).status_code == 503


class TestCost:
    """On a site that has nothing to do with PRO."""

    def test_view_of_a_page_reads_neither_the_connection_nor_a_file_of_wp_admin(
        self, site: WordPress
    ) -> None:
        code = """
            define( 'SAVEQUERIES', true );
            add_action( 'wp_loaded', function () {
                $queries = wp_json_encode( $GLOBALS['wpdb']->queries );
                header( 'X-Connection: ' . substr_count( $queries, 'zoombridge_connection' ) );
                // Newer WordPress loads that file itself.
                $settings = file_get_contents( ABSPATH . 'wp-settings.php' );
                $is_own   = ! strpos( $settings, 'wp-admin/includes/plugin.php' );
                header( 'X-Admin: ' . (int) ( $is_own && function_exists( 'is_plugin_active' ) ) );
            } );
        """
        with must_use(site, code):
            headers = requests.get(site.url, timeout=600).headers

        assert (headers["X-Connection"], headers["X-Admin"]) == ("0", "0")

    def test_classes_of_others_are_not_loaded_to_look_for_callbacks(self, site: WordPress) -> None:
        asked = site.php(
            """
            $asked = array();
            spl_autoload_register( function ( $name ) use ( &$asked ) { $asked[] = $name; } );
            foreach ( array( 'Shop\\Cart', 'Codemanas\\Of_Pro' ) as $name ) {
                add_action( 'a_hook', array( $name, 'run' ) );
                add_action( 'a_hook', "$name::run" );
            }
            foreach ( $GLOBALS['wp_filter']['a_hook']->callbacks[10] as $callback ) {
                zoombridge_callback_file( $callback['function'] );
            }
            return array_values( array_unique( $asked ) );
            """
        )

        assert asked == ["Codemanas\\Of_Pro"]


class TestAdministrators:
    @pytest.fixture
    def admin(self, with_pro: WordPress) -> Admin:
        return Admin(with_pro, sign_in(with_pro))

    def test_are_told_that_the_webhook_is_silent(
        self, paired_with_pro: WordPress, admin: Admin, bridge: BridgeDouble
    ) -> None:
        [notice] = admin.open("plugins.php")

        assert notice.kind == "info"
        assert "Its webhook is silent: the bridge answers Zoom" in notice.text
        page = admin.get("edit.php?post_type=zoom-meetings&page=zoombridge-settings").text
        assert "Its webhook is silent: the bridge answers Zoom" in page
        assert admin.open() == [], "not on other pages"

    def test_are_told_that_it_answers_before_the_site_is_connected(
        self, with_pro: WordPress, admin: Admin
    ) -> None:
        [notice] = admin.open("plugins.php")

        assert "events until this site is connected to a bridge" in notice.text
        page = admin.get("edit.php?post_type=zoom-meetings&page=zoombridge-settings").text
        assert "events until this site is connected to a bridge" in page

    def test_are_told_nothing_without_pro(self, site: WordPress, bridge: BridgeDouble) -> None:
        connect(site, bridge.url)
        admin = Admin(site, sign_in(site))

        assert admin.open("plugins.php") == []
        page = admin.get("edit.php?post_type=zoom-meetings&page=zoombridge-settings").text
        assert "webhook" not in page


class TestPosts:
    """Posts that PRO has made: "every meeting of the account is published"; "the author is nobody"; "duplicates"."""

    @pytest.fixture
    def sync(self, vczapi: VczapiSite) -> Iterator[SyncClient]:
        """A paired site with VCZAPI and PRO."""
        vczapi.site.add_plugin(PRO)
        connect(vczapi.site, "https://bridge.example.org")
        yield SyncClient(vczapi.site)
        vczapi.site.deactivate_plugin("vczapi-pro")

    @staticmethod
    def make(site: WordPress, **fields: Any) -> int:
        made: int = site.php(
            "return vczapi_pro_double_make( $details, $fields, $pro );",
            details=details(),
            fields=fields,
            pro={"use_pmi": "2", "registration": {"of": ["PRO"]}},
        )
        return made

    @staticmethod
    def adopt(sync: SyncClient, post: int, **given: Any) -> None:
        changes = {"set": {"revision": 1}, "lay_over": {"fields": {"duration": 90}, "pro": {"use_pmi": None}}}
        result = sync.send(sync.write(str(NUMBER), post, metas=changes, **given)).result
        assert result["ok"], result

    def test_get_the_host_as_author_when_the_bridge_takes_them_over(
        self, sync: SyncClient, vczapi: VczapiSite
    ) -> None:
        post = self.make(sync.site)
        host = sync.site.php(
            """
            $id = wp_insert_user( array( 'user_login' => 'ada', 'user_pass' => 'x', 'role' => 'author' ) );
            update_user_meta( $id, 'user_zoom_hostid', $host );
            return $id;
            """,
            host=details()["host_id"],
        )

        self.adopt(sync, post)
        assert int(sync.site.php("return get_post( $post )->post_author;", post=post)) == host

        sync.site.php("wp_update_post( array( 'ID' => $post, 'post_author' => 0 ) );", post=post)
        self.adopt(sync, post)
        assert int(sync.site.php("return get_post( $post )->post_author;", post=post)) == 0, "not later"

    def test_get_the_first_administrator_as_author_where_the_host_is_no_user(
        self, sync: SyncClient, vczapi: VczapiSite
    ) -> None:
        post = self.make(sync.site)

        self.adopt(sync, post)

        assert int(sync.site.php("return get_post( $post )->post_author;", post=post)) == 1

    def test_keep_what_the_bridge_does_not_write(self, sync: SyncClient, vczapi: VczapiSite) -> None:
        post = self.make(sync.site, site_option_logged_in="1", site_option_browser_join="1")
        sync.site.php(
            """
            wp_update_post( array( 'ID' => $post, 'post_status' => 'private', 'post_excerpt' => 'Ours' ) );
            wp_set_object_terms( $post, 'Choir', 'zoom-meeting' );
            """,
            post=post,
        )
        columns = "return (array) get_post( $post );"
        apart = ("post_author", "post_modified", "post_modified_gmt")
        before = {
            name: value for name, value in sync.site.php(columns, post=post).items() if name not in apart
        }

        self.adopt(sync, post)

        after = sync.site.php(columns, post=post)
        assert {name: value for name, value in after.items() if name not in apart} == before
        fields = vczapi.meta(post, "_meeting_fields")
        assert (fields["site_option_logged_in"], fields["site_option_browser_join"]) == ("1", "1")
        assert fields["duration"] == 90
        assert vczapi.meta(post, "_vczapi_pro_meeting_details") == {"registration": {"of": ["PRO"]}}
        names = "return wp_get_object_terms( $post, 'zoom-meeting', array( 'fields' => 'names' ) );"
        assert sync.site.php(names, post=post) == ["Choir"]
        assert vczapi.meta(post, "_zoombridge_made") == "form"

    def test_of_a_meeting_that_has_a_managed_one_are_told(self, sync: SyncClient, vczapi: VczapiSite) -> None:
        first, second, trashed = (self.make(sync.site) for _ in range(3))
        sync.site.php("wp_trash_post( $post );", post=trashed)
        hello = {"op": "hello"}
        assert sync.send(hello).result["others"] == [], "the bridge knows nothing of this meeting"

        self.adopt(sync, first)
        assert sync.send(hello).result["others"] == [second]

        copied = """
            $copy = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_status' => 'publish' ) );
            foreach ( get_post_meta( $post ) as $key => $values ) {
                add_post_meta( $copy, $key, maybe_unserialize( $values[0] ) );
            }
            """
        sync.site.command_line(copied, post=first)
        assert sync.send(hello).result["others"] == [second], "a translation is no other page"

        sync.site.php("wp_trash_post( $post );", post=second)
        assert sync.send(hello).result["others"] == []

    def test_of_a_meeting_that_has_a_managed_one_are_deleted_without_telling_zoom(
        self, sync: SyncClient, vczapi: VczapiSite
    ) -> None:
        first, second = self.make(sync.site), self.make(sync.site)
        vczapi.hold(details())
        self.adopt(sync, first)

        sync.site.php("wp_delete_post( $post, true );", post=second)

        assert self.deleted_at_zoom(vczapi) == []

    def test_of_other_meetings_are_deleted_as_before(self, sync: SyncClient, vczapi: VczapiSite) -> None:
        """So that the test above means something."""
        vczapi.hold(details())

        sync.site.php("wp_delete_post( $post, true );", post=self.make(sync.site))

        assert self.deleted_at_zoom(vczapi) == [str(NUMBER)]

    @staticmethod
    def deleted_at_zoom(vczapi: VczapiSite) -> list[str]:
        """Return the meetings that VCZAPI has deleted at Zoom; its double only notes them."""
        noted = vczapi.site.php("return get_option( 'vczapi_double_deletes', array() );")
        sent = [path for how, path, _ in vczapi.changes() if how == "DELETE"]
        return [*map(str, noted), *(path.rpartition("/")[2] for path in sent)]
