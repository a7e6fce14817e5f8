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
 * Uses the plugin's German texts for every kind of German that has none of its own, such as that of Austria.
 *
 * Since 6.7, WordPress does not apply the filter `plugin_locale` to what it loads just in time.
 *
 * @since 0.2.0
 *
 * @param string $file   The path of the .mo file to load.
 * @param string $domain Optional. The text domain. Default empty.
 * @return string The path of the file to load.
 */
function zoombridge_map_translation( $file, $domain = '' ) {
	if ( 'meetings-bridge-for-zoom' !== $domain || is_readable( $file ) ) {
		return $file;
	}
	return (string) preg_replace( '/-de_\w+\.mo$/', '-de_DE.mo', (string) $file );
}
add_filter( 'load_textdomain_mofile', 'zoombridge_map_translation', 10, 2 );

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
