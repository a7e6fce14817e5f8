<?php
/**
 * Forwards Zoom's events before plugins and the theme load. Loaded by the must-use plugin that loader.php writes.
 *
 * What is not surely a request of Zoom's goes the ordinary way; see forward.php.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Forwards the request and ends it, if it is one of Zoom's and the plugin is active on the current site.
 *
 * @since 0.2.0
 *
 * @param string $plugin The plugin as WordPress lists it.
 * @return void
 */
function zoombridge_answer_early( string $plugin ): void {
	$route = zoombridge_early_route();
	if ( '' === $route || ! zoombridge_is_active_early( $plugin ) ) {
		return;
	}
	require_once __DIR__ . '/predecessor.php';
	if ( zoombridge_predecessor_has_request() ) {
		return;
	}
	require_once __DIR__ . '/home.php';
	require_once __DIR__ . '/bridge-client.php';
	require_once __DIR__ . '/forward.php';
	$name = zoombridge_endpoint_name( $route );
	// A site that is not paired leaves its addresses to other plugins; see vczapi-pro.php.
	if ( null === $name || null === zoombridge_stored_connection() ) {
		return;
	}
	wp_magic_quotes(); // WordPress does so once plugins are loaded, and the code that is shared expects it.
	zoombridge_answer_event( $name );
}

/**
 * Returns the REST route that a POST request asks for, as far as its address alone says.
 *
 * WordPress in a folder, or a site of a network in one, has it before the route. Other forms of the address, which
 * WordPress may know too, go the ordinary way.
 *
 * @since 0.2.0
 *
 * @return string The route; empty if it is none of Zoom's.
 */
function zoombridge_early_route(): string {
	// phpcs:disable WordPress.Security.ValidatedSanitizedInput -- They are compared only.
	$address = (string) ( $_SERVER['REQUEST_URI'] ?? '' );
	if ( 'POST' !== ( $_SERVER['REQUEST_METHOD'] ?? '' ) || false === stripos( $address, 'vczapi' ) ) {
		return '';
	}
	// phpcs:enable
	require_once __DIR__ . '/home.php';
	$home = rtrim( (string) wp_parse_url( zoombridge_raw_home(), PHP_URL_PATH ), '/' );
	$path = rawurldecode( explode( '?', $address, 2 )[0] );
	if ( '' !== $home && 0 !== strpos( $path . '/', $home . '/' ) ) {
		return '';
	}
	$path = (string) preg_replace( '#^/index\.php(?=/|$)#D', '', substr( $path, strlen( $home ) ) );
	// phpcs:ignore WordPress.Security.NonceVerification.Recommended,WordPress.Security.ValidatedSanitizedInput -- Compared.
	$route = $_GET['rest_route'] ?? null;
	if ( null !== $route ) {
		return is_string( $route ) && in_array( $path, array( '', '/' ), true ) ? $route : '';
	}
	return 0 === strpos( $path, '/wp-json/' ) ? substr( $path, strlen( '/wp-json' ) ) : '';
}

/**
 * Whether the plugin is active on the current site, and WordPress will load it.
 *
 * @since 0.2.0
 *
 * @param string $plugin The plugin as WordPress lists it.
 * @return bool False if it is deactivated.
 */
function zoombridge_is_active_early( string $plugin ): bool {
	if ( wp_installing() ) {
		return false;
	}
	if ( in_array( $plugin, (array) get_option( 'active_plugins', array() ), true ) ) {
		return true;
	}
	return is_multisite() && isset( get_site_option( 'active_sitewide_plugins', array() )[ $plugin ] );
}
