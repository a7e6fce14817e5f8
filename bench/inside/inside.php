<?php
/**
 * Plugin Name: Work inside WordPress
 * Description: For benchmarks: receives Zoom's events as a plugin would that does all the work in the request.
 * Version: 1.0
 *
 * It verifies the signature and creates or updates the post. It has no log, no order and no check for duplicates: this
 * is the least that such a plugin does.
 *
 * @package Zoom_WordPress_Bridge
 */

add_action(
	'init',
	static function () {
		register_post_type( 'zoom-meetings', array( 'public' => true, 'show_in_rest' => true ) );
	}
);

add_action(
	'rest_api_init',
	static function () {
		register_rest_route(
			'inside/v1',
			'/meeting',
			array(
				'methods'             => 'POST',
				'callback'            => 'inside_receive',
				'permission_callback' => 'inside_is_zooms',
			)
		);
	}
);

/**
 * Whether Zoom signed the request, within the last five minutes.
 *
 * @param WP_REST_Request $request The request.
 * @return bool True if the signature is valid.
 */
function inside_is_zooms( WP_REST_Request $request ): bool {
	$timestamp = (string) $request->get_header( 'x-zm-request-timestamp' );
	$signed    = "v0:$timestamp:" . $request->get_body();
	$signature = 'v0=' . hash_hmac( 'sha256', $signed, get_option( 'inside_secret', '' ) );
	return abs( time() - (int) $timestamp ) <= 300
		&& hash_equals( $signature, (string) $request->get_header( 'x-zm-signature' ) );
}

/**
 * Creates or updates the post of a meeting.
 *
 * @param WP_REST_Request $request The request.
 * @return WP_REST_Response The response, with status 204.
 */
function inside_receive( WP_REST_Request $request ): WP_REST_Response {
	$event  = $request->get_json_params();
	$object = $event['payload']['object'] ?? array();
	$number = (string) ( $object['id'] ?? '' );
	$found  = get_posts(
		array(
			'post_type'      => 'zoom-meetings',
			'post_status'    => 'any',
			'fields'         => 'ids',
			'posts_per_page' => 1,
			'meta_key'       => '_meeting_zoom_meeting_id',
			'meta_value'     => $number,
		)
	);
	$post   = array(
		'post_type'    => 'zoom-meetings',
		'post_status'  => 'publish',
		'post_title'   => sanitize_text_field( $object['topic'] ?? '' ),
		'post_content' => wp_kses_post( $object['agenda'] ?? '' ),
	);
	$id     = wp_insert_post( $found ? array( 'ID' => $found[0] ) + $post : $post );
	update_post_meta( $id, '_meeting_zoom_meeting_id', $number );
	$fields = array(
		'start_date' => $object['start_time'] ?? '',
		'duration'   => $object['duration'] ?? 0,
	);
	update_post_meta( $id, '_meeting_fields', $fields );
	update_post_meta( $id, '_meeting_zoom_details', (object) $object );
	update_post_meta( $id, '_meeting_zoom_join_url', $object['join_url'] ?? '' );
	return new WP_REST_Response( null, 204 );
}
