<?php
/**
 * What happens where the site has another address than it was paired at: it has moved, or this is a copy.
 *
 * The protocol is specified in docs/pairing.md.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Reads how far the report of a move has come. It is about one address: with another one it begins anew.
 *
 * @since 0.2.0
 *
 * @return array {
 *     The state.
 *
 *     @type string $home      Hash of the address to which the site has moved.
 *     @type bool   $confirmed Whether an administrator said that it has moved.
 *     @type bool   $refused   Whether the bridge refused it: then only a person has it reported again.
 *     @type int    $tries     How often it was reported since a person had it reported.
 *     @type int    $next      Unix time in seconds before which it is not reported again by itself.
 *     @type string $message   What came of it, unescaped.
 * }
 */
function zoombridge_moving_state(): array {
	$state = zoombridge_read_json_row( 'zoombridge_moving' );
	$home  = zoombridge_sync_home_hash();
	if ( ( $state['home'] ?? '' ) === $home ) {
		return $state;
	}
	return array(
		'home'      => $home,
		'confirmed' => false,
		'refused'   => false,
		'tries'     => 0,
		'next'      => 0,
		'message'   => '',
	);
}

/**
 * Writes how far the report of a move has come.
 *
 * @since 0.2.0
 *
 * @param array $state The state; see zoombridge_moving_state().
 * @return void
 */
function zoombridge_save_moving_state( array $state ): void {
	zoombridge_write_option_row( 'zoombridge_moving', (string) wp_json_encode( $state ) );
}

/**
 * Whether a mute site has still the same address but for the scheme, `www.` and the default port.
 *
 * @since 0.2.0
 *
 * @return bool True if nobody needs to be asked: the plugin reports such a move by itself.
 */
function zoombridge_is_same_place(): bool {
	$variants = zoombridge_home_variants( zoombridge_normalize_home( zoombridge_raw_home() ) );
	$hashes   = array_map(
		static function ( string $home ): string {
			return hash( 'sha256', $home );
		},
		$variants
	);
	return in_array( zoombridge_stored_connection()['home'] ?? '', $hashes, true );
}

/**
 * Reports a move that is certain, when an administrator opens a page and it is due.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_report_move_when_due(): void {
	if ( ! zoombridge_may_call_bridge() || ! zoombridge_is_mute() ) {
		return;
	}
	$state      = zoombridge_moving_state();
	$is_certain = $state['confirmed'] || zoombridge_is_same_place();
	if ( $is_certain && ! $state['refused'] && $state['next'] <= time() ) {
		zoombridge_report_move( 5.0 );
	}
}
add_action( 'admin_init', 'zoombridge_report_move_when_due' );

/**
 * Reports to the bridge that this site has moved, unless another request is doing so.
 *
 * @since 0.2.0
 *
 * @param float $timeout Seconds to wait for the answer.
 * @return void
 */
function zoombridge_report_move( float $timeout ): void {
	if ( ! zoombridge_lock( 'zoombridge_moving_lock' ) ) {
		return;
	}
	$connection = zoombridge_stored_connection();
	if ( null !== $connection ) {
		$state = zoombridge_count_attempt( zoombridge_moving_state() );
		zoombridge_save_moving_state( $state );
		$response = zoombridge_request(
			'POST',
			'/stub/moved',
			array(
				'body'       => (string) wp_json_encode( zoombridge_site_details() ),
				'headers'    => array( 'content-type' => 'application/json' ),
				'timeout'    => $timeout,
				'connection' => $connection,
			)
		);
		zoombridge_handle_move_response( $state, $response );
	}
	zoombridge_unlock( 'zoombridge_moving_lock' );
}

/**
 * Ends the muteness, or records what came instead.
 *
 * @since 0.2.0
 *
 * @param array          $state    The state; see zoombridge_moving_state().
 * @param array|WP_Error $response Result of zoombridge_request().
 * @return void
 */
function zoombridge_handle_move_response( array $state, $response ): void {
	$status = is_wp_error( $response ) ? 0 : $response['status'];
	if ( 200 === $status ) {
		zoombridge_settle( $state['home'] );
		return;
	}
	$state['message'] = '';
	if ( 202 === $status ) {
		// The bridge is looking at both addresses.
		$state['next'] = time() + ZOOMBRIDGE_PAIRING_WAITS[0];
	} else {
		$state['message'] = mb_substr( zoombridge_error_message( $response ), 0, 500 );
		// With 422 the bridge could not reach this site, which may pass.
		$state['refused'] = $status >= 300 && $status < 500 && ! in_array( $status, array( 422, 429 ), true );
	}
	zoombridge_save_moving_state( $state );
}

/**
 * Stores the address at which the bridge knows this site now.
 *
 * @since 0.2.0
 *
 * @param string $home Hash of the address.
 * @return void
 */
function zoombridge_settle( string $home ): void {
	$connection = zoombridge_reread_connection();
	if ( null === $connection ) {
		return;
	}
	update_option( 'zoombridge_connection', array( 'home' => $home ) + $connection, false );
	zoombridge_delete_option_row( 'zoombridge_moving' );
	/* translators: %s: address of the bridge. */
	$text = __( 'The bridge at %s knows the new address of this site.', 'meetings-bridge-for-zoom' );
	zoombridge_set_flash( 'done', '', sprintf( $text, $connection['bridge'] ) );
}

/**
 * Ends the muteness where the bridge has operations carried out at the new address: its answer to the report was lost.
 *
 * A greeting alone says nothing: the bridge greets while it finds out whether the site has moved.
 *
 * @since 0.2.0
 *
 * @param array $operations Operations of a message for the address that the site has now, verified.
 * @return void
 */
function zoombridge_settle_by_operations( array $operations ): void {
	if ( zoombridge_is_mute() && array_diff( array_column( $operations, 'op' ), array( 'hello' ) ) ) {
		zoombridge_settle( zoombridge_sync_home_hash() );
	}
}

/**
 * Has a move reported at once, because an administrator says that the site has moved.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_confirm_move(): void {
	if ( ! zoombridge_is_mute() ) {
		return;
	}
	zoombridge_save_moving_state(
		array(
			'confirmed' => true,
			'refused'   => false,
			'tries'     => 0,
		) + zoombridge_moving_state()
	);
	zoombridge_report_move( 10.0 );
}

/**
 * Ends the pairing of a copy. The bridge is told nothing: the pairing is that of the other site.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_become_copy(): void {
	if ( ! zoombridge_is_mute() ) {
		return;
	}
	delete_option( 'zoombridge_connection' );
	zoombridge_delete_option_row( 'zoombridge_moving' );
	zoombridge_sync_forget();
	$text   = __( 'This site is not connected to a bridge any more.', 'meetings-bridge-for-zoom' );
	$advice = __( 'Its pages of meetings stay, and are not updated.', 'meetings-bridge-for-zoom' );
	zoombridge_set_flash( 'done', '', $text . ' ' . $advice );
}

/**
 * Prints the question of a mute site, or what came of reporting its move so far.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_moving_notice(): void {
	if ( ! zoombridge_can_manage() || ! zoombridge_is_mute() ) {
		return;
	}
	$state  = zoombridge_moving_state();
	$bridge = zoombridge_stored_connection()['bridge'];
	$moved  = array( 'moved' => __( 'This site has moved here', 'meetings-bridge-for-zoom' ) );
	$again  = array( 'moved' => __( 'Try again', 'meetings-bridge-for-zoom' ) );
	$copy   = array( 'copy' => __( 'This is a copy', 'meetings-bridge-for-zoom' ) );
	if ( $state['refused'] ) {
		/* translators: 1: address of the bridge, 2: its message. */
		$text = __( '%1$s did not accept the new address of this site: %2$s', 'meetings-bridge-for-zoom' );
		zoombridge_render_notice( 'error', sprintf( $text, $bridge, $state['message'] ), $copy + $again );
	} elseif ( $state['confirmed'] || zoombridge_is_same_place() ) {
		/* translators: 1: address of the bridge, 2: what went wrong, or empty. */
		$text = __(
			'The bridge at %1$s does not know the new address of this site yet. %2$s',
			'meetings-bridge-for-zoom'
		);
		$text = trim( sprintf( $text, $bridge, $state['message'] ) ) . ' ' . zoombridge_next_attempt( $state );
		zoombridge_render_notice( 'warning', $text, $again + $copy );
	} else {
		/* translators: 1: address of the bridge, 2: address of this site. */
		$text   = __(
			'This site was connected to %1$s at another address than %2$s. Has it moved, or is it a copy?',
			'meetings-bridge-for-zoom'
		);
		$advice = __( 'Until you answer, it sends nothing to the bridge.', 'meetings-bridge-for-zoom' );
		$text   = sprintf( $text, $bridge, zoombridge_raw_home() ) . ' ' . $advice;
		zoombridge_render_notice( 'warning', $text, $moved + $copy );
	}
}
add_action( 'admin_notices', 'zoombridge_render_moving_notice' );
