<?php
/**
 * Plugin Name: An add-on of VCZAPI that tells Zoom of everything
 * Description: Worse than any version of VCZAPI is known to be: it claims nothing about one.
 *
 * The option `vczapi_addon` counts by hook how often it was called; on each call it creates a meeting at Zoom, and
 * schedules two jobs that do.
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Counts a call, creates a meeting at Zoom, and schedules jobs.
 *
 * @return void
 */
function vczapi_addon_tell(): void {
	static $is_telling = false;
	if ( $is_telling || ( doing_action( 'shutdown' ) && ! did_action( 'zoombridge_written' ) ) ) {
		return;
	}
	$is_telling = true;
	$counts     = get_option( 'vczapi_addon', array() );
	$hook       = current_filter();

	$counts[ $hook ] = ( $counts[ $hook ] ?? 0 ) + 1;
	update_option( 'vczapi_addon', $counts );
	wp_remote_post( 'https://api.zoom.us/v2/users/me/meetings', array( 'body' => '{}' ) );
	wp_schedule_single_event( time(), 'vczapi_addon_job', array( $hook ) );
	// Carried out by code that is loaded in the process of the job only.
	wp_schedule_single_event( time(), 'a_job_of_nobody', array( $hook ) );
	$is_telling = false;
}

foreach ( array(
	'save_post',
	'save_post_zoom-meetings',
	'wp_insert_post',
	'wp_after_insert_post',
	'transition_post_status',
	'publish_zoom-meetings',
	'rest_after_insert_zoom-meetings',
	'added_post_meta',
	'updated_post_meta',
	'added_term_relationship',
	'set_object_terms',
	'edited_term_taxonomy',
	'clean_post_cache',
	'clean_object_term_cache',
	'wp_trash_post',
	'untrashed_post',
	'before_delete_post',
	'delete_post',
	'shutdown',
	'vczapi_addon_job',
) as $vczapi_addon_hook ) {
	add_action( $vczapi_addon_hook, 'vczapi_addon_tell' );
}

add_action(
	'zoombridge_written',
	static function ( $post_ids ) {
		// After the bridge's writes, what was taken off is back.
		update_option( 'vczapi_addon_back', has_action( 'save_post_zoom-meetings', 'vczapi_addon_tell' ) );
		wp_update_post( array( 'ID' => $post_ids[0], 'post_excerpt' => 'Written by the add-on.' ) );
	}
);
