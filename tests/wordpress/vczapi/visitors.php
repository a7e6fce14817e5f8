<?php
/**
 * What the double answers to visitors besides the page of a meeting: the join links by AJAX, the form to join in the
 * browser.
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Answers with the join link of a post, to anybody.
 *
 * @return void
 */
function vczapi_double_set_timezone(): void {
	// "With a post id answers anybody with the join link and its passcode token."
	$post_id = absint( $_POST['post_id'] ?? 0 );
	$start   = strtotime( sanitize_text_field( wp_unslash( $_POST['start_date'] ?? '' ) ) . ' UTC' );
	// "The filter decides whether a link is still shown (by itself: not an hour after the start)."
	$shown = apply_filters( 'vczapi_show_join_links_specific_postID', array() );
	if ( $start + HOUR_IN_SECONDS < time() && ! in_array( $post_id, $shown, true ) ) {
		wp_send_json_error( 'This meeting cannot be joined any more.' );
	}
	$details = get_post_meta( $post_id, '_meeting_zoom_details', true );
	$link    = empty( $details->join_url ) ? '' : '<a href="' . esc_url( $details->join_url ) . '">Join</a>';
	// Seen with 4.6.7: the author of the post gets the link to start, too.
	if ( ! empty( $details->start_url ) && (int) get_post_field( 'post_author', $post_id ) === get_current_user_id() ) {
		$link .= '<a href="' . esc_url( $details->start_url ) . '">Start</a>';
	}
	wp_send_json_success( $link );
}
add_action( 'wp_ajax_set_timezone', 'vczapi_double_set_timezone' );
add_action( 'wp_ajax_nopriv_set_timezone', 'vczapi_double_set_timezone' );

// "`POST-LINK?type=meeting&join=x` (browser join) prints the topic, unescaped, and the passcode from
// `_meeting_fields` as a form field, to anybody."
add_filter(
	'single_template',
	static function ( $template ) {
		if ( ! is_singular( 'zoom-meetings' ) || 'meeting' !== ( $_GET['type'] ?? '' ) || ! isset( $_GET['join'] ) ) {
			return $template;
		}
		$fields  = get_post_meta( get_queried_object_id(), '_meeting_fields', true );
		$details = get_post_meta( get_queried_object_id(), '_meeting_zoom_details', true );
		if ( ! empty( $fields['site_option_logged_in'] ) && ! is_user_logged_in() ) {
			die( 'You need to log in.' );
		}
		if ( 'ended' === ( $details->state ?? '' ) ) {
			die( 'This meeting has ended.' );
		}
		// phpcs:disable WordPress.Security.EscapeOutput
		echo '<form class="vczapi-browser-join"><h3>' . ( $details->topic ?? '' ) . '</h3>';
		if ( ! empty( $fields['password'] ) ) {
			echo '<input name="meeting_password" value="' . $fields['password'] . '">';
		}
		// Seen with 4.6.7: its script is given a nonce for `get_auth`.
		$told = array( 'zvc_security' => wp_create_nonce( '_nonce_zvc_security' ) );
		die( '<script>var zvc_ajx = ' . wp_json_encode( $told ) . '</script></form>' );
		// phpcs:enable
	},
	20
);
