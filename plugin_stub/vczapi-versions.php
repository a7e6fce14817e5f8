<?php
/**
 * Names versions of VCZAPI and its add-on that the bridge has not been tried with. Nothing stops for it.
 *
 * The bridge is told the versions, and names them on its pages; this is for who updates plugins in wp-admin.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/** The version of VCZAPI that the tests have run beside; `TRIED` in core/sites/vczapi_versions.py is the same. */
const ZOOMBRIDGE_VCZAPI_TRIED = '4.6.7';

/**
 * Returns the version of VCZAPI's PRO add-on.
 *
 * @since 0.2.0
 *
 * @return string|null The version, empty if its file does not tell; null if it is not active.
 */
function zoombridge_vczapi_pro_version(): ?string {
	if ( ! zoombridge_has_vczapi_pro() ) {
		return null;
	}
	$data = get_file_data( WP_PLUGIN_DIR . '/vczapi-pro/vczapi-pro.php', array( 'version' => 'Version' ) );
	return $data['version'];
}

/**
 * Returns what an administrator should know of the version of VCZAPI.
 *
 * @since 0.2.0
 *
 * @return string Plain text; empty if it has been tried, or VCZAPI is not active.
 */
function zoombridge_vczapi_warning(): string {
	if ( ! zoombridge_has_vczapi() || ZOOMBRIDGE_VCZAPI_TRIED === (string) ZVC_PLUGIN_VERSION ) {
		return '';
	}
	/* translators: 1: version that is active, 2: version that has been tried. */
	$text = __(
		'“Video Conferencing with Zoom” %1$s has not been tried with “Meetings Bridge for Zoom”; %2$s has.',
		'meetings-bridge-for-zoom'
	);
	if ( version_compare( (string) ZVC_PLUGIN_VERSION, ZOOMBRIDGE_VCZAPI_TRIED, '<' ) ) {
		/* translators: %s: version that has been tried. */
		$advice = __( 'Pages may look wrong. Update the plugin to %s.', 'meetings-bridge-for-zoom' );
	} else {
		/* translators: %s: version that has been tried. */
		$advice = __(
			'Saving a post may change its meeting in Zoom: change meetings only there. To be safe, install %s again.',
			'meetings-bridge-for-zoom'
		);
	}
	return sprintf( $text, ZVC_PLUGIN_VERSION, ZOOMBRIDGE_VCZAPI_TRIED )
		. ' ' . sprintf( $advice, ZOOMBRIDGE_VCZAPI_TRIED );
}

/**
 * Prints that where plugins are managed, and on the screens of meetings.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_vczapi_warning(): void {
	$screen   = get_current_screen();
	$is_place = $screen && ( 'plugins' === $screen->id || 'zoom-meetings' === $screen->post_type );
	if ( $is_place && zoombridge_can_manage() && null !== zoombridge_stored_connection() ) {
		$warning = zoombridge_vczapi_warning();
		if ( '' !== $warning ) {
			zoombridge_render_notice( 'warning', $warning );
		}
	}
}
add_action( 'admin_notices', 'zoombridge_render_vczapi_warning' );

/**
 * Calls the bridge where VCZAPI or its add-on is updated: the next request of the bridge finds the new version.
 *
 * @since 0.2.0
 *
 * @param object $upgrader What updates.
 * @param array  $done     Optional. What was done; some updaters do not say. Default nothing.
 * @return void
 */
function zoombridge_note_update_of_plugins( $upgrader, $done = array() ): void {
	unset( $upgrader );
	$is_update = 'plugin' === ( $done['type'] ?? '' ) && 'update' === ( $done['action'] ?? '' );
	if ( $is_update ) {
		array_map( 'zoombridge_note_plugin', (array) ( $done['plugins'] ?? $done['plugin'] ?? array() ) );
	}
}
add_action( 'upgrader_process_complete', 'zoombridge_note_update_of_plugins', 10, 2 );
