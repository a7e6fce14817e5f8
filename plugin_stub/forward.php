<?php
/** @since 0.1.0 The endpoints that Zoom calls: each request goes to the bridge as it came. */
defined( 'ABSPATH' ) || exit;

/** @since 0.1.0 The addresses to enter in Zoom. */
function zoombridge_endpoints(): array {
	$names = [ 'meeting', 'webinar', 'recording' ];
	return array_combine( $names, array_map( static fn( string $name ): string => rest_url( 'vczapi/v1/' . $name ), $names ) );
}

/** @since 0.1.0 Whether a route is one of our three endpoints. The rest of the namespace is not ours. */
function zoombridge_is_endpoint( $route ): bool {
	return is_string( $route ) && preg_match( '#^/vczapi/v1/(meeting|webinar|recording)/?$#D', $route );
}

/** @since 0.1.0 Makes the endpoints discoverable. They are open to all: the bridge checks Zoom's signature. */
function zoombridge_register_endpoints(): void {
	$post = [ 'methods' => 'POST', 'callback' => 'zoombridge_forward', 'permission_callback' => '__return_true' ];
	$why  = __( 'This address works. It is for Zoom, which sends events to it with POST: enter it in your Zoom app as the event notification endpoint URL.', 'zoom-wordpress-bridge' );
	$get  = [ 'methods' => 'GET', 'callback' => static fn() => zoombridge_refusal( 405, 'zoombridge_post_only', $why ) ] + $post;
	foreach ( array_keys( zoombridge_endpoints() ) as $name ) {
		register_rest_route( 'vczapi/v1', '/' . $name, [ $post, $get ] );
	}
	register_rest_route( 'zoombridge/v1', '/calendar(?:/(?P<number>[0-9]{6,15}))?\.ics', [ 'methods' => 'GET', 'callback' => 'zoombridge_calendar' ] + $post );
}
add_action( 'rest_api_init', 'zoombridge_register_endpoints' );

/** @since 0.1.0 Hands on the calendar of this site's meetings, or of one, as the bridge makes it; kept for five minutes. */
function zoombridge_calendar( WP_REST_Request $request ): WP_REST_Response {
	$path   = '/stub/calendar' . ( $request['number'] ? '/' . $request['number'] : '' );
	$kept   = get_transient( 'zoombridge' . $path );
	$answer = $kept ?: zoombridge_ask( 'GET', $path );
	if ( is_wp_error( $answer ) || 200 !== $answer['status'] ) {
		return zoombridge_refusal( is_wp_error( $answer ) ? 503 : $answer['status'], 'zoombridge_no_calendar', __( 'There is no such calendar here at the moment.', 'zoom-wordpress-bridge' ) );
	}
	// What a drafted, private or protected post is about is nobody's business; one in the trash counts as what it was.
	$answer['body'] = $kept ? $answer['body'] : preg_replace_callback( '/BEGIN:VEVENT(?:(?!END:VEVENT).)*?\nX-ZOOMBRIDGE-POST:(\d+).*?END:VEVENT\r\n/s', 'zoombridge_public_event', $answer['body'] );
	$kept || set_transient( 'zoombridge' . $path, $answer, 5 * MINUTE_IN_SECONDS );
	$etag = '"' . md5( $answer['body'] ) . '"';
	$same = $etag === $request->get_header( 'if-none-match' );
	add_filter( 'rest_pre_serve_request', static fn() => $same || print $answer['body'] ); // WordPress would make JSON of it.
	return new WP_REST_Response( null, $same ? 304 : 200, [ 'Content-Type' => 'text/calendar; charset=utf-8', 'Cache-Control' => 'public, max-age=300', 'ETag' => $etag ] );
}

/** @since 0.1.0 An event of the calendar, as long as everybody may see its post: the first group is its ID. */
function zoombridge_public_event( array $found ): string {
	$post   = get_post( (int) $found[1] );
	$status = $post && 'trash' === $post->post_status ? get_post_meta( $post->ID, '_wp_trash_meta_status', true ) : ( $post->post_status ?? '' );
	return 'publish' === $status && '' === $post->post_password ? $found[0] : '';
}

/** @since 0.1.0 Lets Zoom through where a plugin wants a sign-in, or WordPress chokes on the authorization header. */
function zoombridge_let_zoom_through( $errors ) {
	// Only where the bridge checks the sender. First, so that nothing else looks, and last, so that nothing overrules.
	return zoombridge_is_endpoint( $GLOBALS['wp']->query_vars['rest_route'] ?? null ) ? true : $errors;
}
add_filter( 'rest_authentication_errors', 'zoombridge_let_zoom_through', 1 );
add_filter( 'rest_authentication_errors', 'zoombridge_let_zoom_through', PHP_INT_MAX );

/** @since 0.1.0 Takes Zoom's requests before WordPress reads them: it would refuse malformed JSON by itself. */
function zoombridge_take_events( $result, $server, $request ) {
	// The second condition keeps out parts of a batch, which have no body of their own.
	$ours = zoombridge_is_endpoint( $request->get_route() ) && true === zoombridge_let_zoom_through( null );
	return $ours && 'POST' === $request->get_method() ? zoombridge_forward( $request ) : $result;
}
add_filter( 'rest_pre_dispatch', 'zoombridge_take_events', PHP_INT_MAX, 3 );

/** @since 0.1.0 Asks the bridge what to answer Zoom. What fails here is a 503: only then does Zoom try again. */
function zoombridge_forward( WP_REST_Request $request ): WP_REST_Response {
	$body = (string) $request->get_body();
	// PHP drops a body that is over its own limit, and leaves the length.
	if ( max( strlen( $body ), (int) $request->get_header( 'content-length' ) ) > MB_IN_BYTES ) {
		return zoombridge_refusal( 413, 'zoombridge_too_large', __( 'An event of Zoom is never larger than 1 MiB.', 'zoom-wordpress-bridge' ) );
	}
	$path   = '/wp-json' . strtolower( untrailingslashit( $request->get_route() ) );
	$answer = zoombridge_ask( 'POST', $path, [ 'body' => $body, 'headers' => zoombridge_zoom_headers( $request ) ] );
	if ( is_wp_error( $answer ) ) {
		// Strangers learn no address and no cause here. The Webhooks page tells both.
		$message = __( 'The event could not be handed over just now. Please send it again.', 'zoom-wordpress-bridge' );
		return zoombridge_refusal( 503, (string) $answer->get_error_code(), $message, [ 'Retry-After' => '300' ] );
	}
	return new WP_REST_Response( json_decode( $answer['body'] ), $answer['status'], array_filter( [ 'Cache-Control' => 'no-store', 'Retry-After' => $answer['retry_after'] ] ) );
}

/** @since 0.1.0 The headers that the bridge needs to know Zoom by. */
function zoombridge_zoom_headers( WP_REST_Request $request ): array {
	$headers = [ 'content-type' => '' ]; // Sent empty it stays away; else cURL would name a type of its own.
	foreach ( $request->get_headers() as $name => $values ) {
		$name = str_replace( '_', '-', $name );
		if ( preg_match( '/^(x-zm-.*|authorization|content-type|user-agent|clientid|traceparent)$/', $name ) ) {
			$headers[ $name ] = implode( ',', $values );
		}
	}
	// Apache keeps this one from PHP's usual place.
	$all = function_exists( 'getallheaders' ) ? array_change_key_case( getallheaders() ) : [];
	return $headers + array_intersect_key( $all, [ 'authorization' => '' ] );
}

/** @since 0.1.0 An answer in the form of WordPress's own errors. */
function zoombridge_refusal( int $status, string $code, string $message, array $headers = [] ): WP_REST_Response {
	$error = [ 'code' => $code, 'message' => $message, 'data' => [ 'status' => $status ] ];
	return new WP_REST_Response( $error, $status, [ 'Cache-Control' => 'no-store' ] + $headers );
}
