<?php
/**
 * The connection with the bridge: who may manage it, and whether the bridge answers.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Whether the current user may pair the site and see the page "Webhooks".
 *
 * @since 0.1.0
 *
 * @return bool True for administrators.
 */
function zoombridge_can_manage(): bool {
	return current_user_can( 'manage_options' );
}

/**
 * Calls the bridge as events do: signed, at the address of the pairing.
 *
 * @since 0.2.0
 *
 * @return array {
 *     The result.
 *
 *     @type string   $address Address of the bridge, or empty without a pairing.
 *     @type bool     $reached Whether the bridge sent a valid response.
 *     @type int|null $status  HTTP status that was received, if any.
 *     @type string   $message What went wrong, or empty.
 *     @type string   $version Version of the bridge, if it answered and told one, or empty.
 * }
 */
function zoombridge_call_bridge(): array {
	$address  = zoombridge_get_connection()['bridge'] ?? '';
	$response = zoombridge_request( 'GET', '/stub/hello' );
	if ( is_wp_error( $response ) ) {
		return array(
			'address' => $address,
			'reached' => false,
			'status'  => $response->get_error_data()['answered'] ?? null,
			'message' => zoombridge_error_message( $response ),
			'version' => '',
		);
	}
	$version = zoombridge_decode_json( $response['body'] )['version'] ?? '';
	return array(
		'address' => $address,
		'reached' => true,
		'status'  => $response['status'],
		'message' => 200 === $response['status'] ? '' : zoombridge_error_message( $response ),
		'version' => is_string( $version ) && preg_match( '/^[0-9][0-9a-z.+~-]{0,31}$/D', $version ) ? $version : '',
	);
}
