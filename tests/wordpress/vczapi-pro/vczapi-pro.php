<?php
/**
 * Plugin Name: VCZAPI PRO, a double for tests
 * Description: Claims Zoom's endpoint as the PRO add-on of "Video Conferencing with Zoom" does.
 * Version:     1.7.5
 *
 * PRO cannot be had. Each part quotes the list of what its webhooks were seen to do; what the list does not say is not
 * here, but for how and when it claims its route, which the option `vczapi_pro_double` chooses: the list says nothing
 * of that. It does not sleep.
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Counts an event of Zoom's, and acts on it.
 *
 * @param string $body The raw body.
 * @return array The response: "Always answers 200" (9).
 */
function vczapi_pro_double_webhook( string $body ): array {
	update_option( 'vczapi_pro_double_calls', 1 + (int) get_option( 'vczapi_pro_double_calls', 0 ), false );
	$event = json_decode( $body, true );
	// "Checks and inserts without a lock" (2): here it does not check, as two requests at once would both find nothing.
	if ( 'meeting.created' === ( $event['event'] ?? '' ) ) {
		vczapi_pro_double_make( $event['payload']['object'] );
	}
	return array( 'answered by' => 'PRO' );
}

/**
 * Creates a post: "every meeting of the account is published, private ones too; the author is nobody" (8).
 *
 * Its metas are those of a post that the plugin's form made, and `_vczapi_pro_meeting_details`, a PHP array "for
 * series, registration and PMI".
 *
 * @param array $details Zoom's object.
 * @param array $fields  What `_meeting_fields` holds besides.
 * @param array $pro     `_vczapi_pro_meeting_details`.
 * @return int ID of the post.
 */
function vczapi_pro_double_make( array $details, array $fields = array(), array $pro = array() ): int {
	// The types of webinars: 5, 6 and 9.
	$is_webinar = in_array( $details['type'], array( 5, 6, 9 ), true );
	$zone       = new DateTimeZone( $details['timezone'] ?? 'UTC' );
	$start      = new DateTimeImmutable( $details['start_time'] ?? 'tomorrow', new DateTimeZone( 'UTC' ) );
	$fields    += array(
		'userId'       => $details['host_id'],
		'meeting_type' => $is_webinar ? 2 : 1,
		'start_date'   => $start->setTimezone( $zone )->format( 'Y-m-d H:i' ),
		'timezone'     => $zone->getName(),
		'duration'     => $details['duration'],
		'password'     => $details['password'] ?? '',
	);
	$metas      = array(
		'_meeting_zoom_meeting_id'      => (string) $details['id'],
		'_meeting_zoom_details'         => json_decode( (string) wp_json_encode( $details ) ),
		'_meeting_fields'               => $fields,
		'_meeting_zoom_join_url'        => $details['join_url'],
		'_meeting_field_start_date_utc' => $start->format( 'Y-m-d H:i:s' ),
		'_vczapi_meeting_type'          => $is_webinar ? 'webinar' : 'meeting',
		'_vczapi_pro_meeting_details'   => $pro,
	);
	$post       = array(
		'post_type'    => 'zoom-meetings',
		'post_status'  => 'publish',
		'post_title'   => $details['topic'],
		'post_content' => 'Written by an editor.',
		'post_author'  => 0,
		'meta_input'   => $metas,
	);
	return wp_insert_post( wp_slash( $post ) );
}

/**
 * Acts on a request of the REST API by a filter, as if it were the handler.
 *
 * @param mixed ...$arguments Arguments of the filter, of which one is the request.
 * @return mixed The first argument, or the response for PRO's own route.
 */
function vczapi_pro_double_filter( ...$arguments ) {
	foreach ( $arguments as $argument ) {
		if ( $argument instanceof WP_REST_Request && '/vczapi/v1/meeting' === strtolower( $argument->get_route() ) ) {
			return rest_ensure_response( vczapi_pro_double_webhook( $argument->get_body() ) );
		}
	}
	return $arguments[0] ?? null;
}

/**
 * Acts on a request by an action, by its address.
 *
 * @return void
 */
function vczapi_pro_double_action(): void {
	if ( false !== stripos( $GLOBALS['wp']->query_vars['rest_route'] ?? '', '/vczapi/v1/meeting' ) ) {
		vczapi_pro_double_webhook( (string) file_get_contents( 'php://input' ) );
	}
}

$vczapi_pro_double = (array) get_option( 'vczapi_pro_double', array() ) + array(
	'hook'     => '',
	'priority' => 10,
	'route'    => '/meeting',
	'override' => false,
	'methods'  => 'POST',
);

// "One route, `vczapi/v1/meeting`, for meetings and webinars."
add_action(
	'rest_api_init',
	static function () use ( $vczapi_pro_double ) {
		register_rest_route(
			'vczapi/v1',
			$vczapi_pro_double['route'],
			array(
				'methods'             => $vczapi_pro_double['methods'],
				'permission_callback' => '__return_true',
				'allow_batch'         => array( 'v1' => true ),
				'callback'            => static function ( WP_REST_Request $request ) {
					return vczapi_pro_double_webhook( $request->get_body() );
				},
			),
			$vczapi_pro_double['override']
		);
	},
	$vczapi_pro_double['priority']
);
if ( 0 === strpos( $vczapi_pro_double['hook'], 'rest_' ) ) {
	add_filter( $vczapi_pro_double['hook'], 'vczapi_pro_double_filter', $vczapi_pro_double['priority'], 9 );
} elseif ( '' !== $vczapi_pro_double['hook'] ) {
	add_action( $vczapi_pro_double['hook'], 'vczapi_pro_double_action', $vczapi_pro_double['priority'] );
}
