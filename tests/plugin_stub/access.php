<?php
/**
 * Asks who may see a meeting's private details as the plugin does, without WordPress, beside one plugin at most.
 *
 * The argument names what a plugin for memberships has; what stands in for it lets user 7 in alone. With `filter`, a
 * callback of the filter does so. Writes as JSON what is answered to a visitor, to users 7 and 8, and to every visitor
 * while user 7 asks; then who is signed in, for which users page caches are told not to keep the page, whether a
 * password counts, and what was asked.
 *
 * @package Zoom_WordPress_Bridge
 */

// phpcs:disable Squiz.Commenting.FunctionComment, Generic.Commenting.DocComment, Generic.Files.LineLength

define( 'ABSPATH', __DIR__ );
$user     = 0;
$uncached = array();

class WP_Post {
	public $ID            = 5;
	public $post_password = '';
}

function post_password_required( WP_Post $post ): bool {
	return '' !== $post->post_password;
}

function doing_filter(): bool {
	return false;
}

function has_filter(): bool {
	return 'filter' === $GLOBALS['argv'][1];
}

function apply_filters( string $hook, bool $may_see, WP_Post $post ): bool {
	return has_filter() ? zoombridge_test_lets_in( $post->ID ) : $may_see;
}

function get_current_user_id(): int {
	return $GLOBALS['user'];
}

function is_user_logged_in(): bool {
	return 0 !== $GLOBALS['user'];
}

function wp_set_current_user( int $id ): void {
	$GLOBALS['user'] = $id;
}

function current_user_can( string $capability ): bool {
	return 0 === strpos( $capability, 'wc_memberships_view_' ) && 7 === $GLOBALS['user'];
}

function zoombridge_forbid_page_cache(): void {
	$GLOBALS['uncached'][] = $GLOBALS['user'];
}

/**
 * Says whether the current user is let in, as the plugins do, of the post with the ID 5.
 */
function zoombridge_test_lets_in( $post_id, ?int $user_id = null ): bool {
	return 5 === ( $post_id instanceof WP_Post ? $post_id->ID : $post_id ) && 7 === ( $user_id ?? $GLOBALS['user'] );
}

$stand_ins = array(
	'pmpro_has_membership_access'               => 'function pmpro_has_membership_access( $id ) { return zoombridge_test_lets_in( $id ); }',
	'members_can_current_user_view_post'        => 'function members_can_current_user_view_post( $id ) { return zoombridge_test_lets_in( $id ); }',
	'rcp_user_can_access'                       => 'function rcp_user_can_access( $user, $id ) { return zoombridge_test_lets_in( $id, $user ); }',
	'UM'                                        => 'class UM { function access() { return $this; } function is_restricted( $id ) { return ! zoombridge_test_lets_in( $id ); } }
		function UM() { return new UM(); }',
	'MeprRule::is_locked'                       => 'class MeprRule { static function is_locked( $post ) { return ! zoombridge_test_lets_in( $post ); } }',
	'wc_memberships_is_post_content_restricted' => 'function wc_memberships_is_post_content_restricted( $id ) { return 5 === $id; }',
	'SwpmAccessControl::get_instance'           => 'class SwpmAccessControl { static function get_instance() { return new self(); }
			function can_i_read_post( $post ) { return zoombridge_test_lets_in( $post ); } }
		class SwpmProtection { static function get_instance() { return new self(); } function is_protected( $id ) { return 5 === $id; } }',
	'wpmem_is_blocked'                          => 'function wpmem_is_blocked( $id ) { return 5 === $id; }',
	'Groups_Post_Access::user_can_read_post'    => 'class Groups_Post_Access { static function user_can_read_post( $id, $user ) { return zoombridge_test_lets_in( $id, $user ); } }',
	'memberful_can_user_access_post'            => 'function memberful_can_user_access_post( $user, $id ) { return zoombridge_test_lets_in( $id, $user ); }',
);
eval( $stand_ins[ $argv[1] ] ?? '' ); // phpcs:ignore Squiz.PHP.Eval

require dirname( __DIR__, 2 ) . '/plugin_stub/access.php';

$post  = new WP_Post();
$found = array();
foreach ( array( 0, 7, 8 ) as $user ) {
	$found[] = zoombridge_may_see_details( $post );
}
$user    = 7;
$found[] = zoombridge_may_see_details( $post, true );

$post->post_password = 'x';
$is_protected        = ! zoombridge_may_see_details( $post ) && ! zoombridge_may_see_details( $post, true );
echo json_encode( array( $found, $user, $uncached, $is_protected, array_keys( zoombridge_access_checks() ) ) );
