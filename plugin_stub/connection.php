<?php
/** @since 0.1.0 The pairing with a bridge, and signed requests to it. */
defined( 'ABSPATH' ) || exit;

/** @since 0.1.0 The bridge that this site is paired with: `bridge`, `site` and `key`. */
function zoombridge_connection(): ?array {
	$saved = get_option( 'zoombridge_connection' );
	return is_array( $saved ) && isset( $saved['bridge'], $saved['site'], $saved['key'] ) ? $saved : null;
}

/** @since 0.1.0 Signs lines with the key that both sides know; its 64 characters are used as they are written. */
function zoombridge_sign( string $key, array $lines ): string {
	return 'v1=' . hash_hmac( 'sha256', implode( "\n", $lines ), $key );
}

/** @since 0.1.0 Asks the bridge, signed. Its answer (status, body, location, retry_after) counts only where that is signed too. */
function zoombridge_ask( string $method, string $path, array $args = [] ) {
	$connection = zoombridge_connection();
	if ( null === $connection ) {
		/* translators: %s: a command. */
		$message = __( 'This site is not connected to a bridge yet. Connect it on the bridge\'s own pages, under Sites; or, on the bridge\'s machine, run: %s', 'zoom-wordpress-bridge' );
		return new WP_Error( 'zoombridge_not_paired', sprintf( $message, 'zoombridge site add ' . home_url() ) );
	}
	[ 'bridge' => $bridge, 'site' => $site, 'key' => $key ] = $connection;
	$body      = $args['body'] ?? '';
	$context   = $args['context'] ?? '';
	$timestamp = (string) time();
	$signature = zoombridge_sign( $key, [ 'v1', $timestamp, $method, $path, hash( 'sha256', $context ), hash( 'sha256', $body ) ] );
	$headers   = [ 'X-Zoombridge-Site' => $site, 'X-Zoombridge-Timestamp' => $timestamp, 'X-Zoombridge-Signature' => $signature ];
	$headers  += '' === $context ? [] : [ 'X-Zoombridge-Context' => $context ];
	// The signature covers the bytes as they come; and cURL may else wait for "100 Continue".
	$headers  += [ 'Accept-Encoding' => 'identity', 'Expect' => '' ] + ( $args['headers'] ?? [] );
	$limits = [ 'timeout' => $args['timeout'] ?? 2.5, 'redirection' => 0, 'limit_response_size' => 4 * MB_IN_BYTES, 'decompress' => false ];
	$sent   = [ 'method' => $method, 'body' => 'GET' === $method ? null : $body, 'headers' => $headers, 'user-agent' => $headers['user-agent'] ?? 'zoom-wordpress-bridge/' . ZOOMBRIDGE_VERSION ];
	$answer = wp_remote_request( $bridge . $path, $sent + $limits );
	if ( is_wp_error( $answer ) ) {
		/* translators: 1: address of the bridge, 2: what the network said. */
		$message = __( 'The bridge at %1$s could not be reached: %2$s', 'zoom-wordpress-bridge' );
		return new WP_Error( 'zoombridge_unreachable', sprintf( $message, $bridge, $answer->get_error_message() ) );
	}
	// A header that came twice is an array, and as good as none.
	$header      = static fn( string $name ): string => is_string( $answer['headers'][ $name ] ) ? $answer['headers'][ $name ] : '';
	$status      = (int) wp_remote_retrieve_response_code( $answer );
	$body        = wp_remote_retrieve_body( $answer );
	$location    = $header( 'location' );
	$retry_after = $header( 'retry-after' );
	$expected    = zoombridge_sign( $key, [ 'v1-answer', $signature, (string) $status, $location, hash( 'sha256', $body ) ] );
	if ( ! hash_equals( $expected, $header( 'x-zoombridge-answer' ) ) ) {
		/* translators: 1: address of the bridge, 2: an HTTP status. */
		$message = __( 'Something answered at %1$s with status %2$d, but not with this site\'s key. Is it the bridge, and is the clock of this server right? If so, connect the site again.', 'zoom-wordpress-bridge' );
		return new WP_Error( 'zoombridge_unreachable', sprintf( $message, $bridge, $status ), [ 'answered' => $status ] );
	}
	return compact( 'status', 'body', 'location', 'retry_after' );
}

/** @since 0.1.0 Registers the routes over which the site is paired. */
function zoombridge_register_connection_routes(): void {
	$may   = static fn(): bool => current_user_can( 'manage_options' );
	$route = static fn( string $method, callable $callback, array $args = [] ): array =>
		[ 'methods' => $method, 'callback' => $callback, 'permission_callback' => $may, 'args' => $args ];
	$text  = static fn( string $pattern ): array => [ 'type' => 'string', 'pattern' => $pattern, 'required' => true ];
	$saved = [
		'bridge' => $text( '^https?://[^\s/?\x23@]+(/[^\s?\x23]*)?\z' ), // No query, no fragment, no password.
		'site'   => $text( '^[A-Za-z0-9_.-]{1,64}\z' ),
		'key'    => $text( '^[0-9a-f]{64}\z' ),
	];
	$write = [ $route( 'POST', 'zoombridge_change_connection', $saved ), $route( 'DELETE', 'zoombridge_change_connection' ) ];
	register_rest_route( 'zoombridge/v1', '/connection', [ $route( 'GET', 'zoombridge_get_connection' ), ...$write ] );
	register_rest_route( 'zoombridge/v1', '/connection/check', $route( 'POST', 'zoombridge_check_connection' ) );
}
add_action( 'rest_api_init', 'zoombridge_register_connection_routes' );

/** @since 0.1.0 The connection as the bridge needs to know it: all but the key. */
function zoombridge_get_connection(): array {
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	$connection = zoombridge_connection();
	return [
		'stub'       => ZOOMBRIDGE_VERSION,
		'paired'     => null !== $connection,
		'bridge'     => $connection['bridge'] ?? null,
		'site'       => $connection['site'] ?? null,
		'endpoints'  => zoombridge_endpoints(),
		'type'       => did_action( 'zoombridge_type_registered' ) ? 'stub' : 'other',
		'page'       => zoombridge_page_url(),
		'vczapi'     => zoombridge_has_vczapi() ? (string) ZVC_PLUGIN_VERSION : null,
		'vczapi_pro' => is_plugin_active( 'vczapi-pro/vczapi-pro.php' ),
	];
}

/** @since 0.1.0 Saves the pairing, or forgets it. */
function zoombridge_change_connection( WP_REST_Request $request ): array {
	if ( 'DELETE' === $request->get_method() ) {
		delete_option( 'zoombridge_connection' );
	} else {
		update_option( 'zoombridge_connection', [ 'bridge' => untrailingslashit( $request['bridge'] ), 'site' => $request['site'], 'key' => $request['key'] ], false );
	}
	return zoombridge_get_connection();
}

/** @since 0.1.0 Calls the bridge, and says in plain words what came of it. */
function zoombridge_check_connection(): array {
	$answer  = zoombridge_ask( 'GET', '/stub/hello' );
	$reached = ! is_wp_error( $answer );
	$status  = $reached ? $answer['status'] : ( $answer->get_error_data()['answered'] ?? null );
	return [ 'reached' => $reached, 'status' => $status, 'message' => $reached && 200 === $status ? '' : zoombridge_complaint( $answer ) ];
}

/** @since 0.1.0 What is wrong with what zoombridge_ask() gave: the bridge's own words, where it has any. */
function zoombridge_complaint( $answer ): string {
	if ( is_wp_error( $answer ) ) {
		return $answer->get_error_message();
	}
	$error = json_decode( $answer['body'], true );
	/* translators: %d: an HTTP status. */
	$unknown = sprintf( __( 'The bridge answered with status %d. Its log says why.', 'zoom-wordpress-bridge' ), $answer['status'] );
	return is_array( $error ) && is_string( $error['message'] ?? null ) ? $error['message'] : $unknown;
}
