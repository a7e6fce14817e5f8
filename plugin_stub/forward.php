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
 * Whether a route is one of the three endpoints. The rest of the namespace belongs to VCZAPI.
 *
 * @since 0.1.0
 *
 * @param mixed $route Route of a REST request, if it is text.
 * @return bool True if the plugin forwards requests to the route.
 */
function zoombridge_is_endpoint( $route ): bool {
	return is_string( $route ) && preg_match( '#^/vczapi/v1/(meeting|webinar|recording)/?$#D', $route );
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
 * Registers the endpoints, which makes them discoverable.
 *
 * They are open to all: the bridge verifies Zoom's signature.
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
				array(
					'methods'             => 'POST',
					'callback'            => 'zoombridge_forward',
					'permission_callback' => '__return_true',
				),
				array(
					'methods'             => 'GET',
					'callback'            => 'zoombridge_explain_endpoint',
					'permission_callback' => '__return_true',
				),
			)
		);
	}
}
add_action( 'rest_api_init', 'zoombridge_register_endpoints' );

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
 * Lets requests to the endpoints pass where a plugin demands a sign-in.
 *
 * Without it WordPress would also take Zoom's authorization header for a user's. It affects only endpoints, whose
 * sender the bridge verifies.
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
 * Forwards Zoom's requests before WordPress parses them: it would reject malformed JSON.
 *
 * @since 0.1.0
 *
 * @param mixed           $result  Response of an earlier filter, or null.
 * @param WP_REST_Server  $server  The server.
 * @param WP_REST_Request $request The request.
 * @return mixed The bridge's response for an endpoint, otherwise the result unchanged.
 */
function zoombridge_forward_before_dispatch( $result, $server, $request ) {
	// The second condition excludes the parts of a batch, which have no body of their own.
	if ( ! zoombridge_is_endpoint( $request->get_route() ) || ! zoombridge_is_endpoint_request() ) {
		return $result;
	}
	if ( 'POST' !== $request->get_method() ) {
		return $result;
	}
	return zoombridge_forward( $request );
}
add_filter( 'rest_pre_dispatch', 'zoombridge_forward_before_dispatch', PHP_INT_MAX, 3 );

/**
 * Forwards a request of Zoom's to the bridge and returns the bridge's response.
 *
 * A failure is a 503, because only then does Zoom send the event again.
 *
 * @since 0.1.0
 *
 * @param WP_REST_Request $request The request as it was received.
 * @return WP_REST_Response The response for Zoom.
 */
function zoombridge_forward( WP_REST_Request $request ): WP_REST_Response {
	$body    = (string) $request->get_body();
	$dropped = zoombridge_dropped_bytes( $body, (int) $request->get_header( 'content-length' ) );
	$path    = '/wp-json' . strtolower( untrailingslashit( $request->get_route() ) );
	$args    = array(
		'body'    => $dropped ? '' : $body,
		'headers' => zoombridge_forwarded_headers( $request ),
	);
	if ( $dropped ) {
		// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_encode -- A header holds no other text.
		$args['context'] = base64_encode( (string) wp_json_encode( array( 'dropped_bytes' => $dropped ) ) );
	}
	$response = zoombridge_request( 'POST', $path, $args );
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
	if ( $response['retry_after'] ) {
		$headers['Retry-After'] = $response['retry_after'];
	}
	return new WP_REST_Response( json_decode( $response['body'] ), $response['status'], $headers );
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
 * @param WP_REST_Request $request The request as it was received.
 * @return array Headers by name, in lower case.
 */
function zoombridge_forwarded_headers( WP_REST_Request $request ): array {
	// An empty value is not sent; without it cURL would add a content type of its own.
	$headers = array( 'content-type' => '' );
	foreach ( $request->get_headers() as $name => $values ) {
		$name = str_replace( '_', '-', $name );
		if ( preg_match( '/^(x-zm-.*|authorization|content-type|user-agent|clientid|traceparent)$/', $name ) ) {
			$headers[ $name ] = implode( ',', $values );
		}
	}
	// Apache withholds this header from PHP's usual place.
	$all = function_exists( 'getallheaders' ) ? array_change_key_case( getallheaders() ) : array();
	return $headers + array_intersect_key( $all, array( 'authorization' => '' ) );
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
