<?php
/**
 * Removes the plugin's own data: the connection and the metas. Meetings belong to the site and stay.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

require_once __DIR__ . '/predecessor.php';

/**
 * Removes the plugin's data from the current site.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_uninstall_site(): void {
	global $wpdb;
	if ( zoombridge_predecessor_is_active() ) {
		return; // Activated again, it works with the same data.
	}
	delete_option( 'zoombridge_connection' );
	// Nonces and locks, of which there is any number.
	$query = "DELETE FROM {$wpdb->options} WHERE option_name LIKE %s";
	$wpdb->query( $wpdb->prepare( $query, $wpdb->esc_like( 'zoombridge_' ) . '%' ) ); // phpcs:ignore WordPress.DB
	foreach ( array( 'html', 'revision', 'post', 'made', 'seq' ) as $name ) {
		delete_post_meta_by_key( '_zoombridge_' . $name );
	}
}

/**
 * Removes the plugin's data from each site of a network.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_uninstall_network(): void {
	$site_ids = get_sites(
		array(
			'fields' => 'ids',
			'number' => 0,
		)
	);
	foreach ( $site_ids as $site_id ) {
		switch_to_blog( $site_id );
		zoombridge_uninstall_site();
		restore_current_blog();
	}
}

if ( is_multisite() ) {
	zoombridge_uninstall_network();
} else {
	zoombridge_uninstall_site();
}
