<?php
/**
 * Renews the key of the pairing: both keys are accepted until the bridge has used the next one.
 *
 * The protocol is specified in docs/pairing.md.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Returns the key of the connection that signed a message of the bridge.
 *
 * @since 0.2.0
 *
 * @param array $message    The message; see zoombridge_sync_parse_envelope().
 * @param array $connection The connection; see zoombridge_stored_connection().
 * @return string|null The present or the next key, or null if it is neither.
 */
function zoombridge_signing_key( array $message, array $connection ): ?string {
	$keys = array( $connection['key'], $connection['next']['key'] ?? null );
	foreach ( array_filter( $keys ) as $key ) {
		if ( zoombridge_sync_is_signed( $message, $key ) ) {
			return $key;
		}
	}
	return null;
}

/**
 * Makes the next key the only one, once the bridge has signed a message with it.
 *
 * @since 0.2.0
 *
 * @param string $key The key that signed the message, which has passed all checks.
 * @return void
 */
function zoombridge_use_key( string $key ): void {
	$connection = zoombridge_stored_connection();
	if ( ( $connection['next']['key'] ?? null ) !== $key ) {
		return;
	}
	// Another request may have used it, or have changed something else.
	$connection = zoombridge_reread_connection();
	if ( ( $connection['next']['key'] ?? null ) === $key ) {
		unset( $connection['next'] );
		update_option( 'zoombridge_connection', array( 'key' => $key ) + $connection, false );
	}
}

/**
 * Carries out the operation `rotate`: agrees with the bridge on the next key.
 *
 * For the same public key of the bridge the answer is the same: an earlier one may have been lost.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If no key can be derived, or the database does not hold it.
 *
 * @param string $bridge_e The bridge's public key, in base64url.
 * @return array The result.
 */
function zoombridge_sync_rotate( string $bridge_e ): array {
	// Operations before this one may have taken a while.
	$connection = zoombridge_reread_connection();
	if ( null === $connection ) {
		throw new Zoombridge_Sync_Fault( 'invalid', 'This site is not paired any more.' );
	}
	if ( ( $connection['next']['bridge_e'] ?? null ) === $bridge_e ) {
		return array( 'e' => $connection['next']['e'] );
	}
	$pair = zoombridge_create_key_pair();
	$key  = zoombridge_derive_next_key( $connection['key'], $pair['private'], $pair['e'], $bridge_e );
	if ( null === $key ) {
		throw new Zoombridge_Sync_Fault( 'invalid', 'With this public key no secret can be shared.' );
	}
	$next = array(
		'key'      => $key,
		'e'        => $pair['e'],
		'bridge_e' => $bridge_e,
	);
	update_option( 'zoombridge_connection', array( 'next' => $next ) + $connection, false );
	if ( false === strpos( (string) zoombridge_read_option_row( 'zoombridge_connection' ), $key ) ) {
		throw new Zoombridge_Sync_Fault( 'failed', 'The next key could not be stored.' );
	}
	return array( 'e' => $pair['e'] );
}

/**
 * Has the bridge renew the key, because an administrator wants it.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_renew_key(): void {
	$response = zoombridge_request(
		'POST',
		'/stub/rotate',
		array(
			'body'    => '{}',
			'headers' => array( 'content-type' => 'application/json' ),
			'timeout' => 10.0,
		)
	);
	if ( ! is_wp_error( $response ) && $response['status'] >= 200 && $response['status'] < 300 ) {
		$text = __( 'The bridge is renewing the key. Nothing is interrupted.', 'meetings-bridge-for-zoom' );
		zoombridge_set_flash( 'done', '', $text );
		return;
	}
	$text = __( 'The key was not renewed, and stays valid.', 'meetings-bridge-for-zoom' );
	zoombridge_set_flash( 'failed', '', $text . ' ' . mb_substr( zoombridge_error_message( $response ), 0, 500 ) );
}
