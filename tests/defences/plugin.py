"""The defences of the WordPress plugin."""

from __future__ import annotations

from tests.defences.defence import Defence

_PLUGIN = "Requests of the plugin"
_SYNC = "Sync protocol"
_PAIRING = "Pairing and call back"
_WP_ADMIN = "Pages inside wp-admin"
_SHOWN = "What a site shows, and VCZAPI's addresses"
_SUPPLY = "How the software comes to you"

OF_PLUGIN = (
    # --- Requests of the plugin -----------------------------------------------------------------------
    Defence(
        "signature of an answer of the bridge",
        _PLUGIN,
        "plugin_stub/bridge-client.php",
        "if ( ! hash_equals( $expected, zoombridge_response_header( $response, 'x-zoombridge-answer' ) ) ) {",
        "if ( '' === $expected ) {",
        ("plugin_stub/test_forward.py::TestNoResponse::test_response_of_another_server",),
        wordpress="debian-mariadb",
    ),
    Defence(
        "the plugin follows no redirect",
        _PLUGIN,
        "plugin_stub/bridge-client.php",
        "'redirection'         => 0,",
        "'redirection'         => 5,",
        ("plugin_stub/test_forward.py::TestResponse::test_no_redirect_is_followed",),
        wordpress="debian-mariadb",
    ),
    Defence(
        "a copied WordPress sends nothing",
        _PLUGIN,
        "plugin_stub/bridge-client.php",
        "return $connection['home'] === $home ? $connection : null;",
        "return $connection;",
        ("plugin_stub/test_moving.py::TestMute::test_sends_nothing",),
        wordpress="debian-mariadb",
    ),
    # --- Sync protocol --------------------------------------------------------------------------------
    Defence(
        "signature of the sync protocol",
        _SYNC,
        "plugin_stub/sync-envelope.php",
        "return hash_equals( hash_hmac( 'sha256', implode( \"\\n\", $lines ), $key ), $envelope['sig'] );",
        "return true;",
        (
            "plugin_stub/test_sync.py::TestOutsiders::test_each_field_is_signed",
            "plugin_stub/test_sync.py::TestUsers::test_no_role_opens_it",
        ),
    ),
    Defence(
        "nonce of the sync protocol",
        _SYNC,
        "plugin_stub/sync.php",
        "if ( ! zoombridge_sync_take_nonce( $message['t'], $message['n'] ) ) {",
        "if ( ! zoombridge_sync_take_nonce( $message['t'], $message['n'] ) && false ) {",
        ("plugin_stub/test_sync.py::TestOrder::test_same_message_again",),
    ),
    Defence(
        "watermark of the sync protocol",
        _SYNC,
        "plugin_stub/sync-state.php",
        "	return $is_fresh;\n",
        "	return true;\n",
        ("plugin_stub/test_sync.py::TestOrder::test_clock_set_back_after_pruning",),
    ),
    Defence(
        "age of a message of the sync protocol",
        _SYNC,
        "plugin_stub/sync.php",
        "if ( abs( $message['t'] - time() ) > 5 * MINUTE_IN_SECONDS ) {",
        "if ( false ) {",
        ("plugin_stub/test_sync.py::TestChecks::test_clock",),
    ),
    Defence(
        "callbacks run as no user",
        _SYNC,
        "plugin_stub/sync.php",
        "	wp_set_current_user( 0 );\n",
        "",
        ("plugin_stub/test_sync.py::TestUsers::test_writes_as_nobody_whatever_cookie_comes",),
    ),
    Defence(
        "bound of an unpacked message",
        _SYNC,
        "plugin_stub/sync-envelope.php",
        " || strlen( $result ) + strlen( $unpacked ) > ZOOMBRIDGE_SYNC_LONGEST_MESSAGE",
        "",
        ("plugin_stub/test_sync.py::TestChecks::test_gzip_bomb",),
    ),
    Defence(
        "size of a request of the sync protocol",
        _SYNC,
        "plugin_stub/sync.php",
        " || (int) $length > ZOOMBRIDGE_SYNC_LONGEST_BODY",
        "",
        ("plugin_stub/test_sync.py::TestOutsiders::test_large_body_is_not_read",),
    ),
    Defence(
        "the bridge with the lower epoch writes nothing",
        _SYNC,
        "plugin_stub/sync.php",
        "if ( $epoch > $message['epoch'] ) {",
        "if ( false ) {",
        ("plugin_stub/test_sync.py::TestTwoBridges::test_the_one_with_the_lower_epoch_writes_nothing",),
    ),
    Defence(
        "only meetings are written",
        _SYNC,
        "plugin_stub/sync-posts.php",
        "WHERE ID IN ($list) AND post_type = 'zoom-meetings'",
        "WHERE ID IN ($list)",
        ("plugin_stub/test_sync.py::TestStolenKey::test_no_other_post_type",),
    ),
    Defence(
        "texts of the bridge are harmless",
        _SYNC,
        "plugin_stub/write.php",
        "wp_kses_post( $operation['content'] )",
        "$operation['content']",
        ("plugin_stub/test_sync.py::TestWrite::test_texts_are_harmless",),
    ),
    # --- Pairing and call back ------------------------------------------------------------------------
    Defence(
        "signature of an answer to a request for a pairing",
        _PAIRING,
        "plugin_stub/pairing-envelope.php",
        "if ( ! hash_equals( $expected, $signature ) ) {",
        "if ( '' === $signature ) {",
        ("plugin_stub/test_pairing.py::TestAnswers::test_forged_answer",),
        wordpress="debian-mariadb",
    ),
    Defence(
        "nonce of the form with a code",
        _PAIRING,
        "plugin_stub/pairing-actions.php",
        "if ( ! zoombridge_can_manage() || ! wp_verify_nonce( $nonce, 'zoombridge-action' ) ) {",
        "if ( ! zoombridge_can_manage() ) {",
        ("plugin_stub/test_pairing.py::TestOtherWays::test_a_forged_form_changes_nothing",),
        wordpress="debian-mariadb",
    ),
    # --- Pages inside wp-admin ------------------------------------------------------------------------
    Defence(
        "only administrators manage the connection",
        _WP_ADMIN,
        "plugin_stub/connection.php",
        "return current_user_can( 'manage_options' );",
        "return true;",
        ("plugin_stub/test_moving.py::TestQuestion::test_only_administrators_see_it",),
        wordpress="debian-mariadb",
    ),
    Defence(
        "nonce of forms in wp-admin",
        _WP_ADMIN,
        "plugin_stub/admin.php",
        "return (bool) wp_verify_nonce( $nonce, 'zoombridge-page' );",
        "return true;",
        ("plugin_stub/test_page.py::TestForm::test_nonce_of_another_user",),
    ),
    Defence(
        "values of attributes of a page",
        _WP_ADMIN,
        "plugin_stub/page-html.php",
        " || ! zoombridge_is_page_value( $name, (string) $value, $may_leave )",
        "",
        ("plugin_stub/test_page_html.py::TestHostilePage",),
    ),
    # --- What a site shows ----------------------------------------------------------------------------
    Defence(
        "start links are not stored",
        _SHOWN,
        "plugin_stub/metas.php",
        "array_diff_key( (array) $value, array( 'start_url' => '' ) )",
        "(array) $value",
        (
            "plugin_stub/test_metas.py::TestStartUrl::test_removed_when_written",
            "plugin_stub/test_sync.py::TestWrite::test_never_stores_a_start_url",
        ),
        wordpress="debian-mariadb",
    ),
    Defence(
        "who may join by VCZAPI's address",
        _SHOWN,
        "plugin_stub/vczapi-visitors.php",
        "if ( $post && zoombridge_has_vczapi() && ! zoombridge_may_join( $post ) ) {",
        "if ( false ) {",
        ("plugin_stub/test_vczapi_visitors.py::TestJoinLinks",),
        wordpress="debian-mariadb",
    ),
    Defence(
        "parts of a page for those who are signed in",
        _SHOWN,
        "plugin_stub/content.php",
        "preg_replace( $marks, $is_signed_in ? '$1' : '$2', $html, -1, $count )",
        "preg_replace( $marks, '$1', $html, -1, $count )",
        ("plugin_stub/test_type.py::TestSignedIn::test_visitor",),
    ),
    Defence(
        "the calendar holds public posts only",
        _SHOWN,
        "plugin_stub/calendar.php",
        "	return 'publish' === $status;\n",
        "	return true;\n",
        ("plugin_stub/test_calendar.py::TestCalendar::test_omits_posts_that_are_not_published",),
    ),
    # --- How the software comes to you ----------------------------------------------------------------
    Defence(
        "files of the plugin do nothing when they are opened",
        _SUPPLY,
        "plugin_stub/uninstall.php",
        "defined( 'WP_UNINSTALL_PLUGIN' ) || exit;",
        "",
        ("plugin_stub/test_plugin.py::TestUninstall::test_direct_request_removes_nothing",),
    ),
)
