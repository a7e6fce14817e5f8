<?php
/**
 * Plugin Name: Zoom's REST API, a double for tests
 * Description: Answers what plugins send to Zoom, and keeps it for the test. Nothing of it leaves the machine.
 *
 * The option `zoombridge_test_zoom` holds `objects` (meetings and webinars by number), `users`, `requests` (what
 * reached Zoom, in order: method, path, body), `recordings` of meetings, and `refusal` (the error with which every
 * change is answered, if any).
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Answers a request as Zoom does: https://developers.zoom.us/docs/api/meetings/.
 *
 * @param mixed  $response What other plugins made of the request: an error keeps it from Zoom.
 * @param array  $args     Arguments of the request.
 * @param string $url      Its address.
 * @return mixed The response, for addresses of Zoom's API.
 */
function zoombridge_test_zoom_answer( $response, $args, $url ) {
	if ( 'api.zoom.us' !== wp_parse_url( $url, PHP_URL_HOST ) || false !== $response ) {
		return $response;
	}
	$zoom = get_option( 'zoombridge_test_zoom', array() ) + array(
		'objects'  => array(),
		'users'    => array(),
		'requests' => array(),
		'refusal'  => null,
	);
	$path = preg_replace( '#^/v2/#', '', (string) wp_parse_url( $url, PHP_URL_PATH ) );
	$body = is_string( $args['body'] ?? null ) ? json_decode( $args['body'], true ) : null;
	array_push( $zoom['requests'], array( $args['method'], $path, $body ) );
	list( $code, $answer ) = zoombridge_test_zoom_carry_out( $zoom, $args['method'], $path, (array) $body );
	update_option( 'zoombridge_test_zoom', $zoom );
	$response = array(
		'headers'  => array(),
		'body'     => null === $answer ? '' : wp_json_encode( $answer ),
		'response' => array(
			'code'    => $code,
			'message' => '',
		),
		'cookies'  => array(),
		'filename' => null,
	);
	// As WP_Http does with a response that came over the network.
	return apply_filters( 'http_response', $response, $args, $url );
}

/**
 * Carries out a request.
 *
 * @param array  $zoom   What Zoom holds; changed by the request.
 * @param string $method Method of the request.
 * @param string $path   Its path below `/v2/`.
 * @param array  $body   Its body.
 * @return array Status and body of the answer.
 */
function zoombridge_test_zoom_carry_out( array &$zoom, string $method, string $path, array $body ): array {
	$parts = explode( '/', $path . '//' );
	if ( 'GET' !== $method && $zoom['refusal'] ) {
		return array( 400, $zoom['refusal'] );
	}
	if ( 'POST' === $method ) {
		$number = (string) ( 70000000000 + count( $zoom['objects'] ) );
		$made   = array(
			'id'       => (int) $number,
			'join_url' => "https://us02web.zoom.us/j/$number",
		);

		$zoom['objects'][ $number ] = $body + $made;
		return array( 201, $zoom['objects'][ $number ] );
	}
	if ( 'users' === $parts[0] && in_array( $parts[2], array( 'meetings', 'webinars' ), true ) ) {
		return array( 200, array( $parts[2] => array_values( $zoom['objects'] ) ) );
	}
	if ( 'recordings' === $parts[2] ) {
		return zoombridge_test_zoom_recordings( $zoom['recordings'] ?? array(), $parts[0], $parts[1] );
	}
	if ( 'users' === $parts[0] ) {
		return array( 200, zoombridge_test_zoom_users( $zoom['users'], $parts[1] ) );
	}
	return zoombridge_test_zoom_object( $zoom, $method, $parts[1], $body );
}

/**
 * Returns the recordings of a user, or of a meeting by its number or uuid, as Zoom does.
 *
 * @param array  $recordings All recordings, by meeting.
 * @param string $of         `users` or `meetings`.
 * @param string $id         ID of the user, number or uuid of the meeting.
 * @return array Status and body of the answer.
 */
function zoombridge_test_zoom_recordings( array $recordings, string $of, string $id ): array {
	if ( 'users' === $of ) {
		$page = array(
			'meetings'        => $recordings,
			'next_page_token' => '',
		);
		return array( 200, $page );
	}
	foreach ( $recordings as $one ) {
		if ( in_array( $id, array( (string) $one['id'], $one['uuid'] ), true ) ) {
			return array( 200, $one );
		}
	}
	$none = array(
		'code'    => 3301,
		'message' => 'This recording does not exist.',
	);
	return array( 404, $none );
}

/**
 * Returns a user, or all users, as Zoom does.
 *
 * @param array  $users All users.
 * @param string $id    ID of the user; empty for all.
 * @return array Body of the answer.
 */
function zoombridge_test_zoom_users( array $users, string $id ): array {
	if ( '' === $id ) {
		return array( 'users' => $users );
	}
	return array_values( wp_list_filter( $users, array( 'id' => $id ) ) )[0] ?? array();
}

/**
 * Reads or changes a meeting or webinar.
 *
 * @param array  $zoom   What Zoom holds; changed by the request.
 * @param string $method GET, PATCH or DELETE.
 * @param string $number Number of the meeting.
 * @param array  $body   Body of the request.
 * @return array Status and body of the answer.
 */
function zoombridge_test_zoom_object( array &$zoom, string $method, string $number, array $body ): array {
	$object = $zoom['objects'][ $number ] ?? null;
	if ( null === $object ) {
		return array(
			404,
			array(
				'code'    => 3001,
				'message' => "Meeting does not exist: $number.",
			),
		);
	}
	if ( 'GET' === $method ) {
		return array( 200, $object );
	}
	if ( 'DELETE' === $method ) {
		unset( $zoom['objects'][ $number ] );
		return array( 204, null );
	}
	$settings = ( $body['settings'] ?? array() ) + ( $object['settings'] ?? array() );

	$zoom['objects'][ $number ] = array( 'settings' => $settings ) + $body + $object;
	return array( 204, null );
}

add_filter(
	'http_request_args',
	static function ( $args ) {
		// Last of all, so that what another plugin refuses has not reached Zoom.
		remove_filter( 'pre_http_request', 'zoombridge_test_zoom_answer', PHP_INT_MAX );
		add_filter( 'pre_http_request', 'zoombridge_test_zoom_answer', PHP_INT_MAX, 3 );
		return $args;
	}
);
