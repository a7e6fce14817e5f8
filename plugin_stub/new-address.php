<?php
/**
 * A new address of the bridge: the bridge offers it, and an administrator of this site accepts or declines it.
 *
 * No message of the bridge changes where events go: whoever has stolen the key could send one. See docs/pairing.md.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_LONGEST_ADDRESS = 200;
const ZOOMBRIDGE_BRIDGE_ADDRESS  = '^https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~-]+)*\z';

/**
 * Returns the offer that stands: one of the bridge that this site is connected to, of another address than it has.
 *
 * @since 0.2.0
 *
 * @return array|null {
 *     The offer, or null if there is none.
 *
 *     @type string $address  The address, without a slash at the end.
 *     @type string $site     The bridge's name for this site.
 *     @type string $from     Address of the bridge when it made the offer.
 *     @type bool   $declined Whether an administrator has declined it.
 *     @type string $message  Why the address could not be used when an administrator accepted it, or empty.
 * }
 */
function zoombridge_offered_address(): ?array {
	$connection = zoombridge_stored_connection();
	$offer      = null === $connection ? array() : zoombridge_read_json_row( 'zoombridge_offered_address' );
	$is_current = isset( $offer['address'], $offer['site'], $offer['from'] )
		&& $offer['site'] === $connection['site'] && $offer['from'] === $connection['bridge'];
	$defaults   = array(
		'declined' => false,
		'message'  => '',
	);
	return $is_current ? $offer + $defaults : null;
}

/**
 * Stores an offer.
 *
 * @since 0.2.0
 *
 * @param array $offer The offer; see zoombridge_offered_address().
 * @return void
 */
function zoombridge_save_offered_address( array $offer ): void {
	zoombridge_write_option_row( 'zoombridge_offered_address', (string) wp_json_encode( $offer ) );
}

/**
 * Carries out the operation `address`: notes what the bridge offers. It changes nothing else.
 *
 * An address that an administrator has declined stays declined.
 *
 * @since 0.2.0
 *
 * @param string $address The address.
 * @return array The result.
 */
function zoombridge_sync_offer_address( string $address ): array {
	$connection = zoombridge_stored_connection();
	$offer      = zoombridge_offered_address();
	if ( $connection['bridge'] === $address ) {
		zoombridge_delete_option_row( 'zoombridge_offered_address' );
		$offer = null;
	} elseif ( ( $offer['address'] ?? '' ) !== $address ) {
		$offer = array(
			'address'  => $address,
			'site'     => $connection['site'],
			'from'     => $connection['bridge'],
			'declined' => false,
			'message'  => '',
		);
		zoombridge_save_offered_address( $offer );
	}
	return array(
		'bridge'   => $connection['bridge'],
		'declined' => null !== $offer && $offer['declined'],
	);
}

/**
 * Prints the question whether the offered address is to be used.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_offered_address(): void {
	$offer = zoombridge_can_manage() && ! zoombridge_is_mute() ? zoombridge_offered_address() : null;
	if ( null === $offer || $offer['declined'] ) {
		return;
	}
	$text = sprintf(
		/* translators: 1: new address of the bridge, 2: present address of the bridge. */
		__( 'The bridge to Zoom asks to be called at %1$s from now on, instead of %2$s.', 'meetings-bridge-for-zoom' ),
		$offer['address'],
		$offer['from']
	);
	$advice = __(
		'Zoom’s events of this site then go there. Accept only if you know of it from whoever runs the bridge.',
		'meetings-bridge-for-zoom'
	);
	$failed = '' === $offer['message'] ? '' : ' ' . sprintf(
		/* translators: %s: what went wrong. */
		__( 'The new address was tried, and is not used: %s', 'meetings-bridge-for-zoom' ),
		$offer['message']
	);
	/* translators: %s: address of a bridge. */
	$accept = __( 'Use %s', 'meetings-bridge-for-zoom' );
	/* translators: %s: address of a bridge. */
	$keep    = __( 'Keep %s', 'meetings-bridge-for-zoom' );
	$buttons = array(
		'use_address'  => sprintf( $accept, $offer['address'] ),
		'keep_address' => sprintf( $keep, $offer['from'] ),
	);
	zoombridge_render_notice( 'warning', $text . ' ' . $advice . $failed, $buttons, $offer['address'] );
}
add_action( 'admin_notices', 'zoombridge_render_offered_address' );

/**
 * Accepts or declines the offered address, because an administrator says so.
 *
 * @since 0.2.0
 *
 * @param string $address     The address that the administrator has seen: another offer may have come since.
 * @param bool   $is_accepted Whether it is to be used.
 * @return void
 */
function zoombridge_decide_offered_address( string $address, bool $is_accepted ): void {
	$offer = zoombridge_is_mute() ? null : zoombridge_offered_address();
	if ( null === $offer || $offer['address'] !== $address ) {
		return;
	}
	if ( ! $is_accepted ) {
		zoombridge_save_offered_address( array( 'declined' => true ) + $offer );
		return;
	}
	// Only what has the key of the pairing answers there with a valid signature.
	$connection = array( 'bridge' => $address ) + zoombridge_stored_connection();
	$response   = zoombridge_request( 'GET', '/stub/hello', compact( 'connection' ) + array( 'timeout' => 10.0 ) );
	// The key may have been renewed meanwhile, or the pairing ended.
	$connection = zoombridge_reread_connection();
	if ( null === $connection || zoombridge_offered_address() !== $offer ) {
		return;
	}
	if ( is_wp_error( $response ) || 200 !== $response['status'] ) {
		$message = mb_substr( zoombridge_error_message( $response ), 0, 500 );
		zoombridge_save_offered_address( compact( 'message' ) + $offer );
		return;
	}
	update_option( 'zoombridge_connection', array( 'bridge' => $address ) + $connection, false );
	zoombridge_delete_option_row( 'zoombridge_offered_address' );
	/* translators: %s: address of the bridge. */
	$text = __( 'The bridge is called at %s from now on.', 'meetings-bridge-for-zoom' );
	zoombridge_set_flash( 'done', '', sprintf( $text, $address ) );
	zoombridge_nudge_bridge(); // It checks the site then, and learns of it.
}
