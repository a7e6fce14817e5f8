<?php
/**
 * Plugin Name: Work inside WordPress
 * Description: For benchmarks: takes Zoom's events as a plugin would that does all the work in the request. It checks the signature, and makes or changes the post.
 * Version: 1.0
 *
 * It keeps no log, knows no order and no duplicates: this is the least that such a plugin does.
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

/** Whether Zoom signed the request, within the last five minutes. */
function inside_is_zooms( WP_REST_Request $request ): bool {
	$timestamp = (string) $request->get_header( 'x-zm-request-timestamp' );
	$signature = 'v0=' . hash_hmac( 'sha256', "v0:$timestamp:" . $request->get_body(), get_option( 'inside_secret', '' ) );
	return abs( time() - (int) $timestamp ) <= 300
		&& hash_equals( $signature, (string) $request->get_header( 'x-zm-signature' ) );
}

/** Makes the post of a meeting, or changes it. */
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
	update_post_meta( $id, '_meeting_fields', array( 'start_date' => $object['start_time'] ?? '', 'duration' => $object['duration'] ?? 0 ) );
	update_post_meta( $id, '_meeting_zoom_details', (object) $object );
	update_post_meta( $id, '_meeting_zoom_join_url', $object['join_url'] ?? '' );
	return new WP_REST_Response( null, 204 );
}
