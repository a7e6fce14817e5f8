<?php
/**
 * Takes over from the plugin under its former name, "Zoom WordPress Bridge", which was in a folder of its own.
 *
 * Both define the same functions and work with the same options, metas and posts, so only one of them can run in a
 * request. No name in this file is defined by the predecessor.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_PREDECESSOR = 'zoom-wordpress-bridge/load.php';

/**
 * Whether the predecessor is loaded in this request, or will be: WordPress loads plugins in alphabetical order.
 *
 * @since 0.2.0
 *
 * @return bool True if the rest of this plugin must not be loaded.
 */
function zoombridge_predecessor_has_request(): bool {
	return defined( 'ZOOMBRIDGE_VERSION' ) || zoombridge_predecessor_is_active();
}

/**
 * Whether the predecessor is active on the current site.
 *
 * @since 0.2.0
 *
 * @return bool True if WordPress loads it.
 */
function zoombridge_predecessor_is_active(): bool {
	$is_listed = in_array( ZOOMBRIDGE_PREDECESSOR, (array) get_option( 'active_plugins', array() ), true )
		|| zoombridge_predecessor_is_active_in_network();
	return $is_listed && zoombridge_predecessor_is_installed();
}

/**
 * Whether the predecessor is active on all sites of a network.
 *
 * @since 0.2.0
 *
 * @return bool False without a network.
 */
function zoombridge_predecessor_is_active_in_network(): bool {
	return is_multisite() && isset( get_site_option( 'active_sitewide_plugins', array() )[ ZOOMBRIDGE_PREDECESSOR ] );
}

/**
 * Whether the predecessor's main file exists.
 *
 * @since 0.2.0
 *
 * @return bool True if it does.
 */
function zoombridge_predecessor_is_installed(): bool {
	return file_exists( WP_PLUGIN_DIR . '/' . ZOOMBRIDGE_PREDECESSOR );
}

/**
 * Deactivates the predecessor once this plugin is active wherever the predecessor is.
 *
 * Runs after WordPress has stored that this plugin is active, so that at any moment one of the two answers Zoom.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_predecessor_retire(): void {
	if ( ! zoombridge_predecessor_is_active() ) {
		return;
	}
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	$successor = plugin_basename( __DIR__ . '/load.php' );
	// Other sites of a network may have the predecessor only.
	$is_ready = zoombridge_predecessor_is_active_in_network()
		? is_plugin_active_for_network( $successor )
		: is_plugin_active( $successor );
	if ( $is_ready ) {
		deactivate_plugins( ZOOMBRIDGE_PREDECESSOR );
	}
}
add_action( 'activated_plugin', 'zoombridge_predecessor_retire' );
// Where the activation was silent, as WordPress's own upgrades are. Before it, other plugins cannot ask for the user.
add_action( 'init', 'zoombridge_predecessor_retire' );

/**
 * Returns the file that WordPress runs before it deletes the predecessor. It deletes the data of both plugins.
 *
 * @since 0.2.0
 *
 * @return string Path of the file.
 */
function zoombridge_predecessor_uninstaller(): string {
	return WP_PLUGIN_DIR . '/' . dirname( ZOOMBRIDGE_PREDECESSOR ) . '/uninstall.php';
}

/**
 * Deletes that file, so that the predecessor can be deleted without harm, also where this plugin is not active.
 *
 * The other files stay: a request that has begun may still be loading them.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_predecessor_disarm(): void {
	$file = zoombridge_predecessor_uninstaller();
	if ( file_exists( $file ) && ! zoombridge_predecessor_is_active() ) {
		wp_delete_file( $file );
	}
}
add_action( 'admin_init', 'zoombridge_predecessor_disarm' );

/**
 * Ends the request in which WordPress is about to run that file, if the file cannot be deleted.
 *
 * @since 0.2.0
 *
 * @param string $plugin The plugin that WordPress is about to delete.
 * @return void
 */
function zoombridge_predecessor_guard_data( $plugin ): void {
	global $wp_filesystem;
	if ( ZOOMBRIDGE_PREDECESSOR !== plugin_basename( $plugin ) ) {
		return;
	}
	zoombridge_predecessor_disarm();
	$file = zoombridge_predecessor_uninstaller();
	if ( file_exists( $file ) && $wp_filesystem instanceof WP_Filesystem_Base ) {
		// Connected with the administrator's credentials, to delete the folder.
		$folder = trailingslashit( $wp_filesystem->wp_plugins_dir() ) . dirname( ZOOMBRIDGE_PREDECESSOR );
		$wp_filesystem->delete( $folder . '/uninstall.php' );
		clearstatcache();
	}
	if ( file_exists( $file ) ) {
		wp_die( esc_html( zoombridge_predecessor_warning() ), '', array( 'back_link' => true ) );
	}
}
add_action( 'pre_uninstall_plugin', 'zoombridge_predecessor_guard_data' );

/**
 * Returns what an administrator has to do before the predecessor can be deleted.
 *
 * @since 0.2.0
 *
 * @return string Plain text.
 */
function zoombridge_predecessor_warning(): string {
	$message = __(
		'Do not delete “Zoom WordPress Bridge” yet: the data of “Meetings Bridge for Zoom” would be deleted with it.',
		'meetings-bridge-for-zoom'
	);
	/* translators: %s: path of a file. */
	$advice = __( 'First delete this file on the server: %s', 'meetings-bridge-for-zoom' );
	return $message . ' ' . sprintf( $advice, zoombridge_predecessor_uninstaller() );
}

/**
 * Forbids the activation of the predecessor, which could not be loaded beside this plugin.
 *
 * @since 0.2.0
 *
 * @param string[] $caps    Capabilities that are required so far.
 * @param string   $cap     Capability that is checked.
 * @param int      $user_id ID of the user.
 * @param array    $args    Arguments of the check: the plugin, for `activate_plugin`.
 * @return string[] The required capabilities.
 */
function zoombridge_predecessor_forbid_activation( $caps, $cap, $user_id, $args ) {
	if ( 'activate_plugin' === $cap && ZOOMBRIDGE_PREDECESSOR === ( $args[0] ?? '' ) ) {
		$caps[] = 'do_not_allow';
	}
	return $caps;
}
add_filter( 'map_meta_cap', 'zoombridge_predecessor_forbid_activation', 10, 4 );

/**
 * Returns what an administrator should know of the installed predecessor.
 *
 * @since 0.2.0
 *
 * @return string Plain text.
 */
function zoombridge_predecessor_status(): string {
	if ( zoombridge_predecessor_is_active_in_network() ) {
		$message = __(
			'“Zoom WordPress Bridge” is active in the whole network, so “Meetings Bridge for Zoom” does nothing yet.',
			'meetings-bridge-for-zoom'
		);
		$advice  = __(
			'To replace it, activate “Meetings Bridge for Zoom” in the network.',
			'meetings-bridge-for-zoom'
		);
		return $message . ' ' . $advice;
	}
	if ( file_exists( zoombridge_predecessor_uninstaller() ) ) {
		return zoombridge_predecessor_warning();
	}
	$message = __(
		'“Meetings Bridge for Zoom” has replaced “Zoom WordPress Bridge”, and uses its connection and pages.',
		'meetings-bridge-for-zoom'
	);
	return $message . ' ' . __( 'You can delete “Zoom WordPress Bridge”.', 'meetings-bridge-for-zoom' );
}

/**
 * Prints that on the page of plugins.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_predecessor_render_notice(): void {
	if ( 'plugins.php' !== $GLOBALS['pagenow'] || ! zoombridge_predecessor_is_installed() ) {
		return;
	}
	printf( '<div class="notice notice-warning"><p>%s</p></div>', esc_html( zoombridge_predecessor_status() ) );
}
add_action( 'all_admin_notices', 'zoombridge_predecessor_render_notice' );
