<?php
/**
 * What others write to the metas of managed posts: VCZAPI's buttons and Import, and any other plugin.
 *
 * Such a write is noted, and the bridge writes the metas again (changes.php). What must not stand for a moment is kept
 * out here.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_METAS_WITH_START_URL = array(
	'_meeting_zoom_details',
	'_meeting_fields',
	'vczapi_meeting_fields',
	'vczapi_meeting_zoom_details',
);

/**
 * Keeps start URLs out of the metas of managed posts: they give access to the host's account.
 *
 * @since 0.2.0
 *
 * @param mixed  $check    Result of an earlier filter; null lets WordPress write.
 * @param int    $post_id  ID of the post.
 * @param string $key      Key of the meta.
 * @param mixed  $value    The value to write.
 * @param mixed  $previous For updates the value that is replaced, and for additions whether there must be none yet.
 * @return mixed Null if the value has no start URL; otherwise the result of writing it without.
 */
function zoombridge_keep_out_start_url( $check, $post_id, $key, $value, $previous ) {
	$has_values = in_array( $key, ZOOMBRIDGE_METAS_WITH_START_URL, true );
	if ( null !== $check || ( ! $has_values && '_meeting_zoom_start_url' !== $key ) ) {
		return $check;
	}
	$clean = $has_values ? zoombridge_remove_start_url( $value ) : '';
	if ( 'vczapi_meeting_zoom_details' === $key && isset( ( (array) $value )['start_url'] ) ) {
		$clean = array( 'start_url' => '' ) + (array) $clean;
	}
	if ( $clean == $value ) { // phpcs:ignore Universal.Operators.StrictComparisons -- Objects of the same content.
		return $check;
	}
	// The bridge may have adopted the post since this request read its metas.
	wp_cache_delete( $post_id, 'post_meta' );
	if ( ! zoombridge_is_managed_post( (int) $post_id ) ) {
		return $check;
	}
	$clean = map_deep( $clean, 'wp_slash' );
	return 'add_post_metadata' === current_filter()
		? add_metadata( 'post', $post_id, $key, $clean, (bool) $previous )
		: update_metadata( 'post', $post_id, $key, $clean, $previous );
}
add_filter( 'update_post_metadata', 'zoombridge_keep_out_start_url', PHP_INT_MAX - 1, 5 );
add_filter( 'add_post_metadata', 'zoombridge_keep_out_start_url', PHP_INT_MAX - 1, 5 );

/**
 * Keeps what VCZAPI's button disables, the joining of a meeting, apart from what Zoom says of the meeting.
 *
 * The button writes the whole details back, with its `state` among them, which the bridge would write again.
 *
 * @since 0.2.0
 *
 * @param mixed  $check   Result of an earlier filter; null lets WordPress write.
 * @param int    $post_id ID of the post.
 * @param string $key     Key of the meta.
 * @param mixed  $value   The value to write.
 * @return mixed True, as if it was written, for the details of a managed post.
 */
function zoombridge_keep_button( $check, $post_id, $key, $value ) {
	$is_button = null === $check && '_meeting_zoom_details' === $key && doing_action( 'wp_ajax_state_change' );
	if ( ! $is_button || ! zoombridge_is_managed_post( (int) $post_id ) ) {
		return $check;
	}
	if ( 'ended' === ( $value->state ?? '' ) ) {
		update_post_meta( $post_id, '_zoombridge_joining_disabled', '1' );
		return true;
	}
	delete_post_meta( $post_id, '_zoombridge_joining_disabled' );
	// Where the site is not paired, the bridge never takes back that the meeting has ended.
	return null === zoombridge_stored_connection() ? $check : true;
}
add_filter( 'update_post_metadata', 'zoombridge_keep_button', PHP_INT_MAX - 2, 4 );
