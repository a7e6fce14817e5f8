<?php
/**
 * Loads the translations, and the rewrite rules anew on activation and deactivation.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Loads the translations.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_load_textdomain(): void {
	load_plugin_textdomain( 'meetings-bridge-for-zoom', false, dirname( plugin_basename( __FILE__ ) ) . '/languages' );
}
add_action( 'init', 'zoombridge_load_textdomain' );

/**
 * Uses the plugin's German texts for every kind of German, such as that of Austria.
 *
 * @since 0.2.0
 *
 * @param string $locale The locale.
 * @param string $domain Optional. The text domain. Default empty.
 * @return string The locale of the file to load.
 */
function zoombridge_map_locale( $locale, $domain = '' ) {
	return 'meetings-bridge-for-zoom' === $domain && 0 === strpos( (string) $locale, 'de_' ) ? 'de_DE' : $locale;
}
add_filter( 'plugin_locale', 'zoombridge_map_locale', 10, 2 );

/**
 * Deletes the rewrite rules, so that the next request generates them; in a network those of each site concerned.
 *
 * The current request cannot: the post type is not registered yet on activation, and still is on deactivation.
 *
 * @since 0.1.0
 *
 * @param bool $is_of_network Optional. Whether it concerns the whole network. Default false.
 * @return void
 */
function zoombridge_reset_rewrite_rules( $is_of_network = false ): void {
	if ( ! $is_of_network || ! is_multisite() ) {
		delete_option( 'rewrite_rules' );
		return;
	}
	$site_ids = get_sites(
		array(
			'fields' => 'ids',
			'number' => 0,
		)
	);
	foreach ( $site_ids as $site_id ) {
		delete_blog_option( $site_id, 'rewrite_rules' );
	}
}
register_activation_hook( __DIR__ . '/load.php', 'zoombridge_reset_rewrite_rules' );
register_deactivation_hook( __DIR__ . '/load.php', 'zoombridge_reset_rewrite_rules' );
