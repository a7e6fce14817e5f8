<?php
/**
 * Pairs the site with a bridge, over WordPress's REST API, and calls the bridge.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Registers the routes of the connection.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_register_connection_routes(): void {
	register_rest_route(
		'zoombridge/v1',
		'/connection',
		array(
			array(
				'methods'             => 'GET',
				'callback'            => 'zoombridge_rest_get_connection',
				'permission_callback' => 'zoombridge_can_manage',
			),
			array(
				'methods'             => 'POST',
				'callback'            => 'zoombridge_rest_save_connection',
				'permission_callback' => 'zoombridge_can_manage',
				'args'                => zoombridge_connection_args(),
			),
			array(
				'methods'             => 'DELETE',
				'callback'            => 'zoombridge_rest_delete_connection',
				'permission_callback' => 'zoombridge_can_manage',
			),
		)
	);
}
add_action( 'rest_api_init', 'zoombridge_register_connection_routes' );

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
 * Returns the arguments of a request that saves the connection.
 *
 * @since 0.1.0
 *
 * @return array Arguments by name, as register_rest_route() takes them.
 */
function zoombridge_connection_args(): array {
	$patterns = array(
		'bridge' => '^https?://[^\s/?\x23@]+(/[^\s?\x23]*)?\z', // No query, no fragment, no password.
		'site'   => '^[A-Za-z0-9_.-]{1,64}\z',
		'key'    => '^[0-9a-f]{64}\z',
	);
	$args     = array();
	foreach ( $patterns as $name => $pattern ) {
		$args[ $name ] = array(
			'type'     => 'string',
			'pattern'  => $pattern,
			'required' => true,
		);
	}
	return $args;
}

/**
 * Returns the connection without its key, and what the bridge needs to know of this site.
 *
 * @since 0.1.0
 *
 * @return array The response of the REST API; see docs/stub.md.
 */
function zoombridge_rest_get_connection(): array {
	$connection = zoombridge_get_connection();
	return array(
		'stub'       => ZOOMBRIDGE_VERSION,
		'paired'     => null !== $connection,
		'bridge'     => $connection['bridge'] ?? null,
		'site'       => $connection['site'] ?? null,
		'home'       => zoombridge_raw_home(),
		'epoch'      => zoombridge_sync_epoch(),
		'endpoints'  => zoombridge_endpoints(),
		'type'       => zoombridge_owns_post_type() ? 'stub' : 'other',
		'page'       => zoombridge_page_url(),
		'vczapi'     => zoombridge_has_vczapi() ? (string) ZVC_PLUGIN_VERSION : null,
		'vczapi_pro' => zoombridge_has_vczapi_pro(),
	);
}

/**
 * Saves the connection.
 *
 * @since 0.1.0
 *
 * @param WP_REST_Request $request The request, validated.
 * @return array The new connection; see zoombridge_rest_get_connection().
 */
function zoombridge_rest_save_connection( WP_REST_Request $request ): array {
	$connection = array(
		'bridge' => untrailingslashit( $request['bridge'] ),
		'site'   => $request['site'],
		'key'    => $request['key'],
	);
	$previous   = zoombridge_stored_connection();
	if ( null !== $previous && $previous['site'] !== $connection['site'] ) {
		zoombridge_sync_forget();
	}
	update_option( 'zoombridge_connection', $connection, false );
	return zoombridge_rest_get_connection();
}

/**
 * Deletes the connection.
 *
 * @since 0.1.0
 *
 * @return array The response without a connection; see zoombridge_rest_get_connection().
 */
function zoombridge_rest_delete_connection(): array {
	delete_option( 'zoombridge_connection' );
	return zoombridge_rest_get_connection();
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
		);
	}
	return array(
		'address' => $address,
		'reached' => true,
		'status'  => $response['status'],
		'message' => 200 === $response['status'] ? '' : zoombridge_error_message( $response ),
	);
}
