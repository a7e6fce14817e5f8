<?php
/**
 * The endpoints that Zoom calls: each request goes to the bridge as it came.
 *
 * @package zoom-wordpress-bridge
 * @since 0.1.0
 */

/**
 * The addresses to enter in Zoom.
 *
 * @since 0.1.0
 *
 * @return array{meeting: string, webinar: string, recording: string}
 */
function zoombridge_endpoints(): array {
	return array(
		'meeting'   => rest_url( 'vczapi/v1/meeting' ),
		'webinar'   => rest_url( 'vczapi/v1/webinar' ),
		'recording' => rest_url( 'vczapi/v1/recording' ),
	);
}

/**
 * Which of our three endpoints a route is, if any. The rest of the namespace is not ours.
 *
 * @since 0.1.0
 *
 * @param mixed $route A REST route.
 */
function zoombridge_endpoint_of( $route ): ?string {
	return is_string( $route ) && preg_match( '#^/vczapi/v1/(meeting|webinar|recording)/?$#D', $route, $found ) ? $found[1] : null;
}

/**
 * Makes the endpoints discoverable, and tells a person with a browser what they are.
 *
 * @since 0.1.0
 */
function zoombridge_register_endpoints(): void {
	foreach ( array_keys( zoombridge_endpoints() ) as $endpoint ) {
		register_rest_route(
			'vczapi/v1',
			'/' . $endpoint,
			array(
				array(
					'methods'             => 'POST',
					'callback'            => 'zoombridge_forward',
					'permission_callback' => '__return_true', // The bridge checks Zoom's signature.
				),
				array(
					'methods'             => 'GET',
					'callback'            => 'zoombridge_refuse_get',
					'permission_callback' => '__return_true',
				),
			)
		);
	}
}
add_action( 'rest_api_init', 'zoombridge_register_endpoints' );

/**
 * Answers a GET.
 *
 * @since 0.1.0
 */
function zoombridge_refuse_get(): WP_REST_Response {
	$response = zoombridge_refusal( 405, 'zoombridge_post_only', __( 'This address works. It is for Zoom, which sends events to it with POST: enter it in your Zoom app as the event notification endpoint URL.', 'zoom-wordpress-bridge' ) );
	$response->header( 'Allow', 'POST' );
	return $response;
}

/**
 * Lets Zoom through where WordPress or a plugin asks for a sign-in, or chokes on its authorization header.
 *
 * Only for our own endpoints, where the bridge checks the sender. First, so that nothing else looks at the
 * request, and last, so that nothing else has the last word.
 *
 * @since 0.1.0
 *
 * @param WP_Error|bool|null $errors What was found so far.
 * @return WP_Error|bool|null
 */
function zoombridge_let_zoom_through( $errors ) {
	return null === zoombridge_endpoint_of( $GLOBALS['wp']->query_vars['rest_route'] ?? null ) ? $errors : true;
}
add_filter( 'rest_authentication_errors', 'zoombridge_let_zoom_through', 1 );
add_filter( 'rest_authentication_errors', 'zoombridge_let_zoom_through', PHP_INT_MAX );

/**
 * Takes Zoom's requests before WordPress reads them: it would refuse malformed JSON by itself.
 *
 * @since 0.1.0
 *
 * @param mixed           $result  What others answered.
 * @param WP_REST_Server  $server  The server.
 * @param WP_REST_Request $request The request.
 * @return mixed
 */
function zoombridge_take_events( $result, $server, $request ) {
	if ( 'POST' !== $request->get_method() || null === zoombridge_endpoint_of( $request->get_route() ) ) {
		return $result;
	}
	return zoombridge_forward( $request );
}
add_filter( 'rest_pre_dispatch', 'zoombridge_take_events', PHP_INT_MAX, 3 );

/**
 * Asks the bridge what to answer Zoom. Whatever fails here is a 503: Zoom tries again after that alone.
 *
 * @since 0.1.0
 *
 * @param WP_REST_Request $request Zoom's request.
 */
function zoombridge_forward( WP_REST_Request $request ): WP_REST_Response {
	$body = (string) $request->get_body();
	// PHP drops a body that is over its own limit, and leaves the length.
	if ( max( strlen( $body ), (int) $request->get_header( 'content-length' ) ) > MB_IN_BYTES ) {
		return zoombridge_refusal( 413, 'zoombridge_too_large', __( 'An event of Zoom is never larger than 1 MiB.', 'zoom-wordpress-bridge' ) );
	}

	$answer = zoombridge_ask(
		'POST',
		'/wp-json' . strtolower( untrailingslashit( $request->get_route() ) ),
		array(
			'body'    => $body,
			'headers' => zoombridge_zoom_headers( $request ),
		)
	);
	if ( is_wp_error( $answer ) ) {
		// Who is not signed in learns no address and no cause: the Webhooks page tells those.
		$message  = __( 'The event could not be handed over just now. Please send it again.', 'zoom-wordpress-bridge' );
		$response = zoombridge_refusal( 503, (string) $answer->get_error_code(), $message );
		$response->header( 'Retry-After', '300' );
		return $response;
	}

	$response = new WP_REST_Response( json_decode( $answer['body'] ), $answer['status'] );
	$response->header( 'Cache-Control', 'no-store' );
	if ( '' !== $answer['retry_after'] ) {
		$response->header( 'Retry-After', $answer['retry_after'] );
	}
	return $response;
}

/**
 * The headers that the bridge needs to know Zoom by.
 *
 * @since 0.1.0
 *
 * @param WP_REST_Request $request Zoom's request.
 * @return array<string, string>
 */
function zoombridge_zoom_headers( WP_REST_Request $request ): array {
	$headers = array( 'content-type' => '' ); // Empty is left out: cURL would name a type of its own.
	foreach ( $request->get_headers() as $name => $values ) {
		$name = str_replace( '_', '-', $name );
		if ( 0 === strpos( $name, 'x-zm-' ) || in_array( $name, array( 'authorization', 'content-type', 'user-agent', 'clientid', 'traceparent' ), true ) ) {
			$headers[ $name ] = implode( ',', $values );
		}
	}
	if ( ! isset( $headers['authorization'] ) && function_exists( 'getallheaders' ) ) {
		// Apache keeps this one from PHP's usual place.
		$headers += array_intersect_key( array_change_key_case( getallheaders() ), array( 'authorization' => '' ) );
	}
	return $headers;
}

/**
 * An answer in the form of WordPress's own errors.
 *
 * @since 0.1.0
 *
 * @param int    $status  HTTP status.
 * @param string $code    For programs.
 * @param string $message For people.
 */
function zoombridge_refusal( int $status, string $code, string $message ): WP_REST_Response {
	$data     = array(
		'code'    => $code,
		'message' => $message,
		'data'    => array( 'status' => $status ),
	);
	$response = new WP_REST_Response( $data, $status );
	$response->header( 'Cache-Control', 'no-store' );
	return $response;
}
