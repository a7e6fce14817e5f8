<?php
/**
 * Says where the versions of plugin and bridge do not fit each other, or differ, and which of them to update.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_SYNC_PROTOCOL = 2;

/**
 * Notes that the bridge speaks another version of the sync protocol. A signed message of it says so, each few minutes.
 *
 * @since 0.2.0
 *
 * @param int $protocol The version.
 * @return void
 */
function zoombridge_note_other_protocol( int $protocol ): void {
	$noted = implode( '|', array( $protocol, ZOOMBRIDGE_VERSION, time() ) );
	zoombridge_write_option_row( 'zoombridge_other_protocol', $noted );
}

/**
 * Returns the version of the protocol in which the bridge has been refused within the last hour, by this version.
 *
 * @since 0.2.0
 *
 * @return int The version, 0 if none.
 */
function zoombridge_other_protocol(): int {
	$noted = explode( '|', zoombridge_read_option_row( 'zoombridge_other_protocol' ) . '||' );
	$lasts = ZOOMBRIDGE_VERSION === $noted[1] && time() - (int) $noted[2] < HOUR_IN_SECONDS;
	return $lasts ? (int) $noted[0] : 0;
}

/**
 * Returns what an administrator should know of the versions.
 *
 * @since 0.2.0
 *
 * @param string|null $bridge The bridge's version, empty if it tells none; null if it was not asked.
 * @return array|null {
 *     Null if nothing.
 *
 *     @type bool   $stops Whether pages are not updated until it is mended.
 *     @type string $text  What differs, and what to do, as plain text.
 * }
 */
function zoombridge_compare_versions( ?string $bridge ): ?array {
	$other = zoombridge_other_protocol();
	$stops = 0 !== $other;
	$order = $stops ? $other - ZOOMBRIDGE_SYNC_PROTOCOL : 0;
	if ( ! $stops && null !== $bridge ) {
		$order = version_compare( '' === $bridge ? '0.1' : $bridge, ZOOMBRIDGE_VERSION );
	}
	if ( 0 === $order ) {
		return null;
	}
	if ( $order > 0 ) {
		$text = $stops
			? __( 'This plugin is too old for its bridge: no page is updated.', 'meetings-bridge-for-zoom' )
			: __( 'This plugin is older than its bridge. Everything goes on.', 'meetings-bridge-for-zoom' );
		$step = __(
			'Update it under Plugins, or upload the one that the bridge offers on the page of this site.',
			'meetings-bridge-for-zoom'
		);
	} else {
		$text = $stops
			? __( 'This plugin is too new for its bridge: no page is updated.', 'meetings-bridge-for-zoom' )
			: __( 'This plugin is newer than its bridge. Everything goes on.', 'meetings-bridge-for-zoom' );
		$step = __( 'Have whoever runs the bridge update it.', 'meetings-bridge-for-zoom' );
	}
	if ( $stops ) {
		$step .= ' ' . __( 'Zoom’s events are received meanwhile.', 'meetings-bridge-for-zoom' );
	}
	return array(
		'stops' => $stops,
		'text'  => $text . ' ' . $step,
	);
}

/**
 * Says where plugins are managed, and on the screens of meetings, that pages are not updated for that.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_version_notice(): void {
	$screen   = get_current_screen();
	$is_place = $screen && (
		in_array( $screen->id, array( 'plugins', 'dashboard' ), true ) || 'zoom-meetings' === $screen->post_type
	);
	if ( $is_place && zoombridge_can_manage() && null !== zoombridge_stored_connection() ) {
		$found = zoombridge_compare_versions( null );
		if ( null !== $found ) {
			zoombridge_render_notice( 'error', $found['text'] );
		}
	}
}
add_action( 'admin_notices', 'zoombridge_render_version_notice' );
