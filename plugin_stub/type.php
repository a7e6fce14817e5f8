<?php
/** @since 0.1.0 The post type of meetings, where the plugin "Video Conferencing with Zoom" (VCZAPI) is not active. */
defined( 'ABSPATH' ) || exit;

/** @since 0.1.0 Whether VCZAPI is active. */
function zoombridge_has_vczapi(): bool {
	return defined( 'ZVC_PLUGIN_VERSION' );
}

/** @since 0.1.0 Registers type and taxonomy as VCZAPI does; late, so that whoever else registers them comes first. */
function zoombridge_register_type(): void {
	if ( ! taxonomy_exists( 'zoom-meeting' ) ) {
		$args = [ 'label' => __( 'Meeting categories', 'zoom-wordpress-bridge' ), 'hierarchical' => true, 'show_admin_column' => true, 'show_in_rest' => true ];
		register_taxonomy( 'zoom-meeting', [ 'zoom-meetings' ], $args + [ 'rest_base' => 'zoom_meeting_cats' ] );
	}
	if ( post_type_exists( 'zoom-meetings' ) ) {
		return;
	}
	$args = [ 'public' => true, 'has_archive' => true, 'rest_base' => 'zoom_meetings' ] + [
		'labels'          => [ 'name' => __( 'Zoom Meetings', 'zoom-wordpress-bridge' ), 'all_items' => __( 'All meetings', 'zoom-wordpress-bridge' ) ],
		'supports'        => [ 'title', 'editor', 'author', 'thumbnail' ],
		'menu_icon'       => 'dashicons-video-alt2',
		'menu_position'   => apply_filters( 'vczapi_cpt_menu_position', 5 ),
		'capability_type' => apply_filters( 'vczapi_cpt_capabilities_type', 'post' ),
		'capabilities'    => apply_filters( 'vczapi_cpt_capabilities', [] ),
		'map_meta_cap'    => apply_filters( 'vczapi_cpt_meta_cap', null ),
		'show_in_rest'    => apply_filters( 'vczapi_cpt_show_in_rest', true ),
		'rewrite'         => [ 'slug' => apply_filters( 'vczapi_cpt_slug', 'zoom-meetings' ) ],
	];
	register_post_type( 'zoom-meetings', $args );
	do_action( 'zoombridge_type_registered' );
}
add_action( 'init', 'zoombridge_register_type', 99 );

// Meetings keep the editor that VCZAPI has for them, the classic one.
add_filter( 'use_block_editor_for_post_type', static fn( $use, $type ) => 'zoom-meetings' === $type && did_action( 'zoombridge_type_registered' ) ? false : $use, 10, 2 );

/** @since 0.1.0 Shows a meeting's details above the content, on its own page, where no template of VCZAPI does. */
function zoombridge_show_details( $content ) {
	$post = get_post();
	$page = ! zoombridge_has_vczapi() && is_singular( 'zoom-meetings' ) && is_main_query() && ! is_feed();
	$page = $page && $post && get_queried_object_id() === $post->ID && ! doing_filter( 'get_the_excerpt' ) && ! post_password_required( $post );
	// Between marks stands what only who is signed in may see, then what is there for everybody else.
	$is_in = is_user_logged_in();
	$marks = '#<!--zoombridge-in-->(.*?)<!--zoombridge-out-->(.*?)<!--zoombridge-end-->#s';
	$html  = (string) preg_replace( $marks, $is_in ? '$1' : '$2', $page ? (string) get_post_meta( $post->ID, '_zoombridge_html', true ) : '', -1, $found );
	$found && $is_in && ! defined( 'DONOTCACHEPAGE' ) && define( 'DONOTCACHEPAGE', true ); // Page caches show everybody what they keep.
	// A topic may hold what looks like a shortcode. It is text.
	return $page ? str_replace( [ '[', '#zoombridge-sign-in', '#zoombridge-calendar' ], [ '&#91;', esc_url( wp_login_url( (string) get_permalink() ) ), esc_url( rest_url( 'zoombridge/v1/calendar/' . get_post_meta( $post->ID, '_meeting_zoom_meeting_id', true ) . '.ics' ) ) ], $html ) . $content : $content;
}
add_filter( 'the_content', 'zoombridge_show_details', 30 ); // After wpautop() and shortcodes.

/** @since 0.1.0 Whether a post that the bridge manages is being deleted for good, just where VCZAPI tells Zoom. */
function zoombridge_is_deleting( $post = null ): bool {
	static $managed = false;
	$managed        = null === $post ? $managed : metadata_exists( 'post', $post, '_zoombridge_revision' );
	return $managed && doing_action( 'before_delete_post' );
}
add_action( 'before_delete_post', 'zoombridge_is_deleting', PHP_INT_MIN );

/** @since 0.1.0 Keeps VCZAPI from deleting at Zoom: Zoom, not WordPress, decides about what the bridge manages. */
function zoombridge_stop_echo( $value ) {
	return zoombridge_is_deleting() ? ( is_array( $value ) ? [ 'delete_zoom_meeting' => 'on' ] + $value : '1' ) : $value; // The array is newer versions' way.
}
add_filter( 'pre_option_zoom_api_donot_delete_on_zoom', 'zoombridge_stop_echo' );
add_filter( 'option__vczapi_zoom_settings', 'zoombridge_stop_echo' );
