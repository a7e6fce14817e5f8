<?php
/**
 * Tells the bridge that the plugin goes, or is back. Nothing depends on the call: the bridge looks by itself, too.
 *
 * Needs home.php, bridge-client.php and no other file of the plugin.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Says goodbye to the bridge of the current site, if it has one. A mute site says nothing: the pairing is another's.
 *
 * @since 0.2.0
 *
 * @param string $reason `deactivated` or `uninstalled`.
 * @return void
 */
function zoombridge_say_goodbye( string $reason ): void {
	zoombridge_request(
		'POST',
		'/stub/goodbye',
		array(
			'body'    => (string) wp_json_encode( array( 'reason' => $reason ) ),
			'headers' => array( 'content-type' => 'application/json' ),
		)
	);
}

/**
 * Greets the bridge of the current site, if it has one.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_greet_bridge(): void {
	zoombridge_request( 'GET', '/stub/hello' );
}

/**
 * Runs something on each site that is concerned, for about ten seconds at most: bridges may not answer.
 *
 * @since 0.2.0
 *
 * @param bool     $is_of_network Whether it concerns the whole network, and not the current site alone.
 * @param callable $call          What to run.
 * @return void
 */
function zoombridge_on_each_site( bool $is_of_network, callable $call ): void {
	if ( ! $is_of_network || ! is_multisite() ) {
		$call();
		return;
	}
	$deadline = time() + 10;
	$site_ids = get_sites(
		array(
			'fields' => 'ids',
			'number' => 0,
		)
	);
	foreach ( $site_ids as $site_id ) {
		if ( time() >= $deadline ) {
			return;
		}
		switch_to_blog( $site_id );
		$call();
		restore_current_blog();
	}
}

/**
 * Says goodbye where the plugin is deactivated. Updates deactivate it without calling this.
 *
 * @since 0.2.0
 *
 * @param bool $is_of_network Optional. Whether it is deactivated in the whole network. Default false.
 * @return void
 */
function zoombridge_handle_deactivation( $is_of_network = false ): void {
	zoombridge_on_each_site(
		(bool) $is_of_network,
		static function (): void {
			zoombridge_say_goodbye( 'deactivated' );
		}
	);
}
register_deactivation_hook( __DIR__ . '/load.php', 'zoombridge_handle_deactivation' );

/**
 * Greets the bridge where the plugin is activated again: it ends there what the goodbye began.
 *
 * @since 0.2.0
 *
 * @param bool $is_of_network Optional. Whether it is activated in the whole network. Default false.
 * @return void
 */
function zoombridge_handle_activation( $is_of_network = false ): void {
	zoombridge_on_each_site( (bool) $is_of_network, 'zoombridge_greet_bridge' );
}
register_activation_hook( __DIR__ . '/load.php', 'zoombridge_handle_activation' );

/**
 * Says goodbye where a site of a network is deleted, as long as it has its tables.
 *
 * @since 0.3.0
 *
 * @param WP_Site $site The site.
 * @return void
 */
function zoombridge_handle_site_deletion( $site ): void {
	switch_to_blog( (int) $site->blog_id );
	zoombridge_say_goodbye( 'uninstalled' );
	restore_current_blog();
}
add_action( 'wp_uninitialize_site', 'zoombridge_handle_site_deletion', 1 );
