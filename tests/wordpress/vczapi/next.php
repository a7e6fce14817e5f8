<?php
/**
 * The double of the plugin's next generation: "every REST save" goes to Zoom, "the meeting id has no fallback to the
 * old meta, so a post without `vczapi_meeting_id` creates a new meeting at Zoom". Read there, never seen running.
 *
 * @package Zoom_WordPress_Bridge
 */

add_action(
	'rest_after_insert_zoom-meetings',
	static function ( $post ) {
		// "It also copies `_meeting_fields` once into `vczapi_meeting_fields` and reads that from then on."
		if ( ! metadata_exists( 'post', $post->ID, 'vczapi_meeting_fields' ) ) {
			$fields = get_post_meta( $post->ID, '_meeting_fields', true );
			update_post_meta( $post->ID, 'vczapi_meeting_fields', $fields );
		}
		$number = get_post_meta( $post->ID, 'vczapi_meeting_id', true );
		$update = array( 'topic' => $post->post_title );
		if ( $number ) {
			vczapi_double_zoom( 'PATCH', "meetings/$number", $update );
			return;
		}
		$fields = (array) get_post_meta( $post->ID, 'vczapi_meeting_fields', true );
		$made   = vczapi_double_zoom( 'POST', 'users/' . ( $fields['userId'] ?? 'me' ) . '/meetings', $update );
		if ( $made ) {
			update_post_meta( $post->ID, 'vczapi_meeting_id', $made->id );
		}
	}
);
