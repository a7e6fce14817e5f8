<?php
/**
 * The pairing with a bridge, and signed requests to it.
 *
 * @package zoom-wordpress-bridge
 * @since 0.1.0
 */

/**
 * The bridge that this site is paired with.
 *
 * @since 0.1.0
 *
 * @return array{bridge: string, site: string, key: string}|null
 */
function zoombridge_connection(): ?array {
	$saved = get_option( 'zoombridge_connection' );
	if ( ! is_array( $saved ) ) {
		return null;
	}
	foreach ( array( 'bridge', 'site', 'key' ) as $name ) {
		if ( ! isset( $saved[ $name ] ) || ! is_string( $saved[ $name ] ) || '' === $saved[ $name ] ) {
			return null;
		}
	}
	return $saved;
}

/**
 * Asks the bridge, signed, and gives its answer only where that is signed too.
 *
 * @since 0.1.0
 *
 * @param string                                                                                $method GET or POST.
 * @param string                                                                                $path   Path and query.
 * @param array{body?: string, headers?: array<string, string>, context?: string, timeout?: float} $args
 * @return array{status: int, body: string, location: string, retry_after: string}|WP_Error
 */
function zoombridge_ask( string $method, string $path, array $args = array() ) {
	$connection = zoombridge_connection();
	if ( null === $connection ) {
		return new WP_Error(
			'zoombridge_not_paired',
			sprintf(
				/* translators: %s: a command. */
				__( 'This site is not connected to a bridge yet. On the bridge\'s machine, run: %s', 'zoom-wordpress-bridge' ),
				'zoombridge site add ' . home_url()
			)
		);
	}

	$body      = $args['body'] ?? '';
	$context   = $args['context'] ?? '';
	$headers   = $args['headers'] ?? array();
	$agent     = $headers['user-agent'] ?? 'zoom-wordpress-bridge/' . ZOOMBRIDGE_VERSION;
	$timestamp = (string) time();
	$signature = zoombridge_sign( $connection['key'], array( 'v1', $timestamp, $method, $path, hash( 'sha256', $context ), hash( 'sha256', $body ) ) );
	unset( $headers['user-agent'] );

	$answer = wp_remote_request(
		$connection['bridge'] . $path,
		array(
			'method'              => $method,
			'body'                => 'GET' === $method ? null : $body,
			'timeout'             => $args['timeout'] ?? 2.5,
			'redirection'         => 0,
			'httpversion'         => '1.1',
			'user-agent'          => $agent,
			'decompress'          => false, // The signature covers the bytes as they came.
			'limit_response_size' => 4 * MB_IN_BYTES,
			'headers'             => array_merge(
				$headers,
				array(
					'Accept-Encoding'        => 'identity',
					'Expect'                 => '', // Else cURL may wait for "100 Continue".
					'X-Zoombridge-Site'      => $connection['site'],
					'X-Zoombridge-Timestamp' => $timestamp,
					'X-Zoombridge-Signature' => $signature,
				),
				'' === $context ? array() : array( 'X-Zoombridge-Context' => $context )
			),
		)
	);
	if ( is_wp_error( $answer ) ) {
		/* translators: 1: address of the bridge, 2: what the network said. */
		$message = __( 'The bridge at %1$s could not be reached: %2$s', 'zoom-wordpress-bridge' );
		return new WP_Error( 'zoombridge_unreachable', sprintf( $message, $connection['bridge'], $answer->get_error_message() ) );
	}

	$status   = (int) wp_remote_retrieve_response_code( $answer );
	$body     = wp_remote_retrieve_body( $answer );
	$location = zoombridge_header( $answer, 'location' );
	$expected = zoombridge_sign( $connection['key'], array( 'v1-answer', $signature, (string) $status, $location, hash( 'sha256', $body ) ) );
	if ( ! hash_equals( $expected, zoombridge_header( $answer, 'x-zoombridge-answer' ) ) ) {
		/* translators: 1: address of the bridge, 2: an HTTP status. */
		$message = __( 'Something answered at %1$s with status %2$d, but not with this site\'s key. Is it the bridge, and is the clock of this server right? If so, connect the site again.', 'zoom-wordpress-bridge' );
		return new WP_Error( 'zoombridge_unreachable', sprintf( $message, $connection['bridge'], $status ), array( 'answered' => $status ) );
	}
	return array(
		'status'      => $status,
		'body'        => $body,
		'location'    => $location,
		'retry_after' => zoombridge_header( $answer, 'retry-after' ),
	);
}

/**
 * Signs lines with the key that both sides know.
 *
 * @since 0.1.0
 *
 * @param string   $key   64 hex characters, used as they are written.
 * @param string[] $lines What is signed.
 */
function zoombridge_sign( string $key, array $lines ): string {
	return 'v1=' . hash_hmac( 'sha256', implode( "\n", $lines ), $key );
}

/**
 * A header of an answer; empty where it is missing, or came twice.
 *
 * @since 0.1.0
 *
 * @param array<string, mixed> $answer As wp_remote_request() gives it.
 * @param string               $name   Name of the header.
 */
function zoombridge_header( array $answer, string $name ): string {
	$value = wp_remote_retrieve_header( $answer, $name );
	return is_string( $value ) ? $value : '';
}

/**
 * Registers the routes over which the bridge's owner pairs the site.
 *
 * @since 0.1.0
 */
function zoombridge_register_connection_routes(): void {
	$may = static function (): bool {
		return current_user_can( 'manage_options' );
	};
	register_rest_route(
		'zoombridge/v1',
		'/connection',
		array(
			array(
				'methods'             => 'GET',
				'callback'            => 'zoombridge_get_connection',
				'permission_callback' => $may,
			),
			array(
				'methods'             => 'POST',
				'callback'            => 'zoombridge_save_connection',
				'permission_callback' => $may,
				'args'                => array(
					'bridge' => array(
						'type'     => 'string',
						'pattern'  => '^https?://[^\s/?\x23@]+(/[^\s?\x23]*)?$',
						'required' => true,
					),
					'site'   => array(
						'type'     => 'string',
						'pattern'  => '^[A-Za-z0-9_.-]{1,64}$',
						'required' => true,
					),
					'key'    => array(
						'type'     => 'string',
						'pattern'  => '^[0-9a-f]{64}$',
						'required' => true,
					),
				),
			),
			array(
				'methods'             => 'DELETE',
				'callback'            => 'zoombridge_forget_connection',
				'permission_callback' => $may,
			),
		)
	);
	register_rest_route(
		'zoombridge/v1',
		'/connection/check',
		array(
			'methods'             => 'POST',
			'callback'            => 'zoombridge_check_connection',
			'permission_callback' => $may,
		)
	);
}
add_action( 'rest_api_init', 'zoombridge_register_connection_routes' );

/**
 * The connection as the bridge needs to know it: all but the key.
 *
 * @since 0.1.0
 *
 * @return array<string, mixed>
 */
function zoombridge_get_connection(): array {
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	$connection = zoombridge_connection();
	return array(
		'stub'       => ZOOMBRIDGE_VERSION,
		'paired'     => null !== $connection,
		'bridge'     => $connection['bridge'] ?? null,
		'site'       => $connection['site'] ?? null,
		'endpoints'  => zoombridge_endpoints(),
		'type'       => did_action( 'zoombridge_type_registered' ) ? 'stub' : 'other',
		'vczapi'     => zoombridge_has_vczapi() ? (string) ZVC_PLUGIN_VERSION : null,
		'vczapi_pro' => is_plugin_active( 'vczapi-pro/vczapi-pro.php' ),
		'page'       => zoombridge_page_url(),
	);
}

/**
 * Saves the pairing.
 *
 * @since 0.1.0
 *
 * @param WP_REST_Request $request The request.
 * @return array<string, mixed>
 */
function zoombridge_save_connection( WP_REST_Request $request ): array {
	$connection = array(
		'bridge' => untrailingslashit( $request['bridge'] ),
		'site'   => $request['site'],
		'key'    => $request['key'],
	);
	update_option( 'zoombridge_connection', $connection, false );
	return zoombridge_get_connection();
}

/**
 * Forgets the pairing.
 *
 * @since 0.1.0
 *
 * @return array<string, mixed>
 */
function zoombridge_forget_connection(): array {
	delete_option( 'zoombridge_connection' );
	return zoombridge_get_connection();
}

/**
 * Calls the bridge, and says in plain words what came of it.
 *
 * @since 0.1.0
 *
 * @return array{reached: bool, status: int|null, message: string}
 */
function zoombridge_check_connection(): array {
	$answer = zoombridge_ask( 'GET', '/stub/hello' );
	if ( is_wp_error( $answer ) ) {
		return array(
			'reached' => false,
			'status'  => $answer->get_error_data()['answered'] ?? null,
			'message' => $answer->get_error_message(),
		);
	}
	/* translators: %d: an HTTP status. */
	$message = __( 'The bridge was reached, but answered with status %d. Its log says why.', 'zoom-wordpress-bridge' );
	return array(
		'reached' => true,
		'status'  => $answer['status'],
		'message' => 200 === $answer['status'] ? '' : sprintf( $message, $answer['status'] ),
	);
}
