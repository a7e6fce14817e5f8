<?php
/**
 * Says goodbye to the bridge, and removes the plugin's own data. Pages of meetings belong to the site and stay.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

require_once __DIR__ . '/predecessor.php';

// The predecessor, if it is active, has loaded functions of the same names.
if ( ! defined( 'ZOOMBRIDGE_VERSION' ) ) {
	require_once __DIR__ . '/home.php';
	require_once __DIR__ . '/bridge-client.php';
	require_once __DIR__ . '/goodbye.php';
	require_once __DIR__ . '/loader.php';
}

/**
 * Says goodbye to the bridge of the current site.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_uninstall_say_goodbye(): void {
	if ( zoombridge_predecessor_is_active() ) {
		return; // Activated again, it works with the same pairing.
	}
	zoombridge_say_goodbye( 'uninstalled' );
}

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
	// By its name, so that no cache keeps the key.
	delete_option( 'zoombridge_connection' );
	// Nonces, locks and calendars, of which there is any number.
	foreach ( array( 'zoombridge_', '_transient_zoombridge', '_transient_timeout_zoombridge' ) as $name ) {
		$query = "DELETE FROM {$wpdb->options} WHERE option_name LIKE %s";
		$wpdb->query( $wpdb->prepare( $query, $wpdb->esc_like( $name ) . '%' ) ); // phpcs:ignore WordPress.DB
	}
	// An object cache that lasts would keep the settings, and WordPress could not store them again.
	wp_cache_delete( 'alloptions', 'options' );
	$query = "SELECT DISTINCT meta_key FROM {$wpdb->postmeta} WHERE meta_key LIKE %s";
	$query = $wpdb->prepare( $query, $wpdb->esc_like( '_zoombridge_' ) . '%' ); // phpcs:ignore WordPress.DB
	foreach ( array( $wpdb->get_blog_prefix(), '' ) as $prefix ) { // Earlier versions knew no prefix.
		delete_metadata( 'user', 0, $prefix . 'zoombridge_dismissed_alerts', '', true );
	}
	array_map( 'delete_post_meta_by_key', $wpdb->get_col( $query ) ); // phpcs:ignore WordPress.DB
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
	delete_site_option( 'zoombridge_spent_codes' );
}

if ( function_exists( 'zoombridge_on_each_site' ) ) {
	zoombridge_on_each_site( true, 'zoombridge_uninstall_say_goodbye' );
}
if ( function_exists( 'zoombridge_delete_loader' ) ) {
	zoombridge_delete_loader();
	delete_site_option( 'zoombridge_loader' );
}
if ( is_multisite() ) {
	zoombridge_uninstall_network();
} else {
	zoombridge_uninstall_site();
}
