<?php
/**
 * Cooperates with the plugin "Video Conferencing with Zoom" (VCZAPI).
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Whether VCZAPI is active.
 *
 * @since 0.1.0
 *
 * @return bool True if it is.
 */
function zoombridge_has_vczapi(): bool {
	return defined( 'ZVC_PLUGIN_VERSION' );
}

/**
 * Stores and returns whether a post that the bridge manages is being deleted permanently.
 *
 * @since 0.1.0
 *
 * @param bool|null $is_managed Optional. Whether the bridge manages the post being deleted. Default null: unchanged.
 * @return bool True only while the action `before_delete_post` runs, on which VCZAPI deletes the meeting at Zoom.
 */
function zoombridge_is_deleting_managed_post( ?bool $is_managed = null ): bool {
	static $is_current_managed = false;
	if ( null !== $is_managed ) {
		$is_current_managed = $is_managed;
	}
	return $is_current_managed && doing_action( 'before_delete_post' );
}

/**
 * Records, before VCZAPI's own callback, whether the bridge manages the post being deleted.
 *
 * @since 0.1.0
 *
 * @param int $post_id ID of the post.
 * @return void
 */
function zoombridge_record_deletion( $post_id ): void {
	zoombridge_is_deleting_managed_post( metadata_exists( 'post', $post_id, '_zoombridge_revision' ) );
}
add_action( 'before_delete_post', 'zoombridge_record_deletion', PHP_INT_MIN );

/**
 * Prevents VCZAPI from deleting a managed meeting at Zoom: Zoom, not WordPress, decides about it.
 *
 * @since 0.1.0
 *
 * @param mixed $value Value of VCZAPI's option. Newer versions hold the choice in an array of settings.
 * @return mixed The value; while a managed post is being deleted, the one with which VCZAPI does not delete at Zoom.
 */
function zoombridge_prevent_zoom_deletion( $value ) {
	if ( ! zoombridge_is_deleting_managed_post() ) {
		return $value;
	}
	if ( is_array( $value ) ) {
		return array( 'delete_zoom_meeting' => 'on' ) + $value;
	}
	return '1';
}
add_filter( 'pre_option_zoom_api_donot_delete_on_zoom', 'zoombridge_prevent_zoom_deletion' );
add_filter( 'option__vczapi_zoom_settings', 'zoombridge_prevent_zoom_deletion' );
