<?php
/**
 * Forwards what Zoom sends to the site's endpoints to the bridge, byte for byte.
 *
 * Needs home.php, bridge-client.php and no other file of the plugin.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_ENDPOINTS = array( 'meeting', 'webinar', 'recording' );

/**
 * Returns the addresses of the endpoints, to be entered in Zoom.
 *
 * @since 0.1.0
 *
 * @return array Addresses by name: meeting, webinar, recording.
 */
function zoombridge_endpoints(): array {
	$urls = array();
	foreach ( ZOOMBRIDGE_ENDPOINTS as $name ) {
		$urls[ $name ] = rest_url( 'vczapi/v1/' . $name );
	}
	return $urls;
}

/**
 * Returns which of the three endpoints a route is. The rest of the namespace belongs to VCZAPI.
 *
 * Every text that WordPress would take for the route counts, as it might have a handler of another plugin: whatever the
 * case of its letters, with slashes and a line break at its end.
 *
 * @since 0.2.0
 *
 * @param mixed $route Route of a REST request, if it is text.
 * @return string|null Name of the endpoint; null for all other routes.
 */
function zoombridge_endpoint_name( $route ): ?string {
	$pattern = '#^/vczapi/v1/(meeting|webinar|recording)$#i';
	if ( ! is_string( $route ) || ! preg_match( $pattern, untrailingslashit( $route ), $found ) ) {
		return null;
	}
	return strtolower( $found[1] );
}

/**
 * Whether a route is one of the three endpoints.
 *
 * @since 0.1.0
 *
 * @param mixed $route Route of a REST request, if it is text.
 * @return bool True if the plugin forwards requests to the route.
 */
function zoombridge_is_endpoint( $route ): bool {
	return null !== zoombridge_endpoint_name( $route );
}

/**
 * Whether WordPress is serving a request to one of the endpoints.
 *
 * False for the parts of a batch request, whatever their routes are.
 *
 * @since 0.1.0
 *
 * @return bool True if the current HTTP request is to an endpoint.
 */
function zoombridge_is_endpoint_request(): bool {
	return zoombridge_is_endpoint( $GLOBALS['wp']->query_vars['rest_route'] ?? null );
}

/**
 * Keeps back what other plugins print, from the loading of this one, if the request looks like one of Zoom's.
 *
 * Otherwise a notice could send the headers, and with them status 200, before the bridge has the event.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_buffer_endpoint_request(): void {
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- It is compared only.
	$url = rawurldecode( (string) ( $_SERVER['REQUEST_URI'] ?? '' ) );
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- They are compared only.
	if ( 'POST' === ( $_SERVER['REQUEST_METHOD'] ?? '' ) && false !== stripos( $url, '/vczapi/v1/' ) ) {
		ob_start();
	}
}
zoombridge_buffer_endpoint_request();

/**
 * Forwards a request of Zoom's to the bridge, answers it, and ends it then.
 *
 * They are open to all: the bridge verifies Zoom's signature.
 *
 * @since 0.2.0
 *
 * @param WP $wp The current request.
 * @return void
 */
function zoombridge_answer_endpoint_request( $wp ): void {
	$name = zoombridge_endpoint_name( $wp->query_vars['rest_route'] ?? null );
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- They are compared only.
	if ( 'POST' === ( $_SERVER['REQUEST_METHOD'] ?? '' ) && null !== $name ) {
		zoombridge_answer_event( $name );
	}
}
// First of all: WordPress's REST API answers on the same hook, and plugins that close it run with it.
add_action( 'parse_request', 'zoombridge_answer_endpoint_request', PHP_INT_MIN );

/**
 * Forwards an event to the bridge, answers it and ends the request.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the endpoint.
 * @return void
 */
function zoombridge_answer_event( string $name ): void {
	ob_start();
	// phpcs:disable WordPress.PHP.IniSet -- For this answer alone: a program reads it, byte by byte.
	ini_set( 'display_errors', '0' );
	if ( ! headers_sent() ) { // Otherwise it is too late, and PHP would log a warning.
		ini_set( 'zlib.output_compression', '0' );
		// phpcs:enable
		nocache_headers();
		// Should other code end the request while the event is forwarded, Zoom sends it again.
		http_response_code( 503 );
	}
	$response = zoombridge_forward( $name );
	$data     = $response->get_data();
	$headers  = $response->get_headers() + array(
		'Content-Type'           => 'application/json; charset=UTF-8',
		'X-Robots-Tag'           => 'noindex',
		'X-Content-Type-Options' => 'nosniff',
	);
	$has_body = 204 !== $response->get_status() && null !== $data;
	zoombridge_send( $response->get_status(), $headers, $has_body ? (string) wp_json_encode( $data ) : '' );
	exit;
}

/**
 * Sends a response of which nothing is another plugin's, neither printed nor a cookie nor a redirect.
 *
 * What other code prints later, while PHP shuts down, is no part of the response.
 *
 * @since 0.2.0
 *
 * @param int    $status  HTTP status.
 * @param array  $headers Headers by name.
 * @param string $body    The body.
 * @return void
 */
function zoombridge_send( int $status, array $headers, string $body ): void {
	while ( ob_get_level() > 0 && ob_get_status()['flags'] & PHP_OUTPUT_HANDLER_REMOVABLE ) {
		ob_end_clean();
	}
	if ( ! headers_sent() ) {
		header_remove( 'Location' );
		header_remove( 'Set-Cookie' );
		http_response_code( $status );
		foreach ( $headers as $name => $value ) {
			header( $name . ': ' . $value );
		}
		if ( 0 === ob_get_level() && 204 !== $status ) {
			header( 'Content-Length: ' . strlen( $body ) );
		}
	}
	// phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- It is no HTML, and its type says so.
	echo $body;
	flush();
	if ( function_exists( 'fastcgi_finish_request' ) ) {
		fastcgi_finish_request();
	}
}

/**
 * Registers the endpoints, which makes them discoverable, in place of routes that other plugins have registered there.
 *
 * What Zoom sends does not come this far: see zoombridge_answer_endpoint_request().
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_register_endpoints(): void {
	foreach ( ZOOMBRIDGE_ENDPOINTS as $name ) {
		register_rest_route(
			'vczapi/v1',
			'/' . $name,
			array(
				'methods'             => 'GET, POST',
				'callback'            => 'zoombridge_explain_endpoint',
				'permission_callback' => '__return_true',
			),
			true
		);
	}
}
add_action( 'rest_api_init', 'zoombridge_register_endpoints', PHP_INT_MAX );

/**
 * Answers all other requests to an endpoint, also those that PHP code dispatches, before any route is looked for.
 *
 * So no other plugin's handler of the same route runs, whichever of them WordPress would choose.
 *
 * @since 0.2.0
 *
 * @param mixed           $result  Response of an earlier filter, or null.
 * @param WP_REST_Server  $server  The server.
 * @param WP_REST_Request $request The request.
 * @return mixed The explanation for an endpoint, otherwise the response unchanged.
 */
function zoombridge_answer_endpoint_dispatch( $result, $server, $request ) {
	// WordPress itself answers OPTIONS, on this filter.
	$is_answered = 'OPTIONS' === $request->get_method() && ! empty( $result );
	return zoombridge_is_endpoint( $request->get_route() ) && ! $is_answered ? zoombridge_explain_endpoint() : $result;
}
add_filter( 'rest_pre_dispatch', 'zoombridge_answer_endpoint_dispatch', PHP_INT_MAX, 3 );

/**
 * Answers a browser that opens an endpoint.
 *
 * @since 0.1.0
 *
 * @return WP_REST_Response The response, with status 405.
 */
function zoombridge_explain_endpoint(): WP_REST_Response {
	$message = __(
		'This endpoint works. It is for Zoom, which sends events to it by POST.',
		'meetings-bridge-for-zoom'
	);
	$advice  = __( 'Enter it in your Zoom app as the event notification endpoint URL.', 'meetings-bridge-for-zoom' );
	return zoombridge_error_response( 405, 'zoombridge_post_only', $message . ' ' . $advice );
}

/**
 * Lets a browser that opens an endpoint pass where a plugin demands a sign-in.
 *
 * @since 0.1.0
 *
 * @param WP_Error|null|true $errors Result of the authentication so far.
 * @return WP_Error|null|true True on an endpoint, otherwise the result unchanged.
 */
function zoombridge_allow_endpoint_request( $errors ) {
	return zoombridge_is_endpoint_request() ? true : $errors;
}
// First, so that no other plugin decides, and last, so that none overrules.
add_filter( 'rest_authentication_errors', 'zoombridge_allow_endpoint_request', 1 );
add_filter( 'rest_authentication_errors', 'zoombridge_allow_endpoint_request', PHP_INT_MAX );

/**
 * Forwards the request to the bridge and returns the bridge's response.
 *
 * The body is not parsed: WordPress would reject malformed JSON. A failure is a 503, because only then does Zoom send
 * the event again.
 *
 * @since 0.1.0
 *
 * @param string $name Name of the endpoint.
 * @return WP_REST_Response The response for Zoom.
 */
function zoombridge_forward( string $name ): WP_REST_Response {
	$body    = (string) file_get_contents( 'php://input' );
	$dropped = zoombridge_dropped_bytes( $body, absint( $_SERVER['CONTENT_LENGTH'] ?? 0 ) );
	$args    = array(
		'body'    => $dropped ? '' : $body,
		'headers' => zoombridge_forwarded_headers(),
	);
	// Strangers share the room for refused requests by their addresses; Zoom has others.
	$context = array( 'client' => sanitize_text_field( wp_unslash( $_SERVER['REMOTE_ADDR'] ?? '' ) ) );
	if ( $dropped ) {
		$context['dropped_bytes'] = $dropped;
	}
	// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_encode -- A header holds no other text.
	$args['context'] = base64_encode( (string) wp_json_encode( $context ) );
	$response        = zoombridge_request( 'POST', '/wp-json/vczapi/v1/' . $name, $args );
	if ( is_wp_error( $response ) ) {
		// No address and no cause for strangers. The page "Webhooks" shows both.
		$message = __( 'The event could not be forwarded. Please send it again.', 'meetings-bridge-for-zoom' );
		$code    = (string) $response->get_error_code();
		return zoombridge_error_response( 503, $code, $message, array( 'Retry-After' => '300' ) );
	}
	if ( $dropped > MB_IN_BYTES && $response['status'] < 413 ) {
		// A bridge of an earlier version took the missing body for a wrong one.
		$message = __( 'The request body exceeds 1 MiB, the limit for events.', 'meetings-bridge-for-zoom' );
		return zoombridge_error_response( 413, 'zoombridge_too_large', $message );
	}

	$headers = array( 'Cache-Control' => 'no-store' );
	if ( '' !== $response['retry_after'] ) {
		$headers['Retry-After'] = $response['retry_after'];
	}
	$data = zoombridge_decode_json( $response['body'], false );
	return new WP_REST_Response( $data, $response['status'], $headers );
}

/**
 * Returns the length of a body that cannot be forwarded, which the bridge is told instead.
 *
 * PHP drops a body over its own limit (`post_max_size`) and keeps its length.
 *
 * @since 0.1.0
 *
 * @param string $body   The body as PHP hands it on.
 * @param int    $length Value of the header Content-Length, or 0.
 * @return int The length in bytes, or 0 if the body can be forwarded.
 */
function zoombridge_dropped_bytes( string $body, int $length ): int {
	$size = max( strlen( $body ), $length );
	return $size > MB_IN_BYTES || strlen( $body ) < $length ? $size : 0;
}

/**
 * Selects the headers by which the bridge recognizes Zoom.
 *
 * @since 0.1.0
 *
 * @return array Headers by name, in lower case.
 */
function zoombridge_forwarded_headers(): array {
	// An empty value is not sent; without it cURL would add a content type of its own.
	$headers = array( 'content-type' => '' );
	$wanted  = '/^(?:HTTP_(X_ZM_.*|AUTHORIZATION|USER_AGENT|CLIENTID|TRACEPARENT)|CONTENT_TYPE)$/D';
	foreach ( wp_unslash( $_SERVER ) as $variable => $value ) {
		if ( preg_match( $wanted, $variable, $found ) && '' !== $value ) {
			$headers[ strtolower( str_replace( '_', '-', $found[1] ?? $variable ) ) ] = $value;
		}
	}
	return $headers + zoombridge_withheld_authorization();
}

/**
 * Finds the header Authorization where Apache withholds it from PHP's usual place.
 *
 * @since 0.2.0
 *
 * @return array The header by its name in lower case, or nothing.
 */
function zoombridge_withheld_authorization(): array {
	if ( ! empty( $_SERVER['REDIRECT_HTTP_AUTHORIZATION'] ) ) {
		// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- It is forwarded as it is.
		return array( 'authorization' => wp_unslash( $_SERVER['REDIRECT_HTTP_AUTHORIZATION'] ) );
	}
	$all = function_exists( 'getallheaders' ) ? array_change_key_case( getallheaders() ) : array();
	return array_intersect_key( $all, array( 'authorization' => '' ) );
}

/**
 * Creates an error response in the form of WordPress's own.
 *
 * @since 0.1.0
 *
 * @param int    $status  HTTP status.
 * @param string $code    Error code.
 * @param string $message Message for a person.
 * @param array  $headers Optional. Further headers, by name. Default none.
 * @return WP_REST_Response The response, which caches must not store.
 */
function zoombridge_error_response(
	int $status,
	string $code,
	string $message,
	array $headers = array()
): WP_REST_Response {
	$error = array(
		'code'    => $code,
		'message' => $message,
		'data'    => array( 'status' => $status ),
	);
	return new WP_REST_Response( $error, $status, array( 'Cache-Control' => 'no-store' ) + $headers );
}
