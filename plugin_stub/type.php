<?php
/**
 * The post type of meetings, where the plugin "Video Conferencing with Zoom" (VCZAPI) is not active.
 *
 * @package zoom-wordpress-bridge
 * @since 0.1.0
 */

/**
 * Whether VCZAPI is active.
 *
 * @since 0.1.0
 */
function zoombridge_has_vczapi(): bool {
	return defined( 'ZVC_PLUGIN_VERSION' );
}

/**
 * Registers the type and its taxonomy as VCZAPI does, so that it can be added or removed later.
 *
 * Late, so that whoever else registers them comes first.
 *
 * @since 0.1.0
 */
function zoombridge_register_type(): void {
	if ( ! taxonomy_exists( 'zoom-meeting' ) ) {
		register_taxonomy(
			'zoom-meeting',
			array( 'zoom-meetings' ),
			array(
				'label'             => __( 'Meeting categories', 'zoom-wordpress-bridge' ),
				'hierarchical'      => true,
				'show_admin_column' => true,
				'show_in_rest'      => true,
				'rest_base'         => 'zoom_meeting_cats',
			)
		);
	}
	if ( post_type_exists( 'zoom-meetings' ) ) {
		return;
	}
	register_post_type(
		'zoom-meetings',
		array(
			'labels'          => array(
				'name'               => __( 'Zoom Meetings', 'zoom-wordpress-bridge' ),
				'singular_name'      => __( 'Zoom meeting', 'zoom-wordpress-bridge' ),
				'edit_item'          => __( 'Edit meeting', 'zoom-wordpress-bridge' ),
				'view_item'          => __( 'View meeting', 'zoom-wordpress-bridge' ),
				'all_items'          => __( 'All meetings', 'zoom-wordpress-bridge' ),
				'search_items'       => __( 'Search meetings', 'zoom-wordpress-bridge' ),
				'not_found'          => __( 'No meetings found.', 'zoom-wordpress-bridge' ),
				'not_found_in_trash' => __( 'No meetings found in the trash.', 'zoom-wordpress-bridge' ),
			),
			'public'          => true,
			'has_archive'     => true,
			'menu_icon'       => 'dashicons-video-alt2',
			'menu_position'   => apply_filters( 'vczapi_cpt_menu_position', 5 ),
			'capability_type' => apply_filters( 'vczapi_cpt_capabilities_type', 'post' ),
			'capabilities'    => apply_filters( 'vczapi_cpt_capabilities', array() ),
			'map_meta_cap'    => apply_filters( 'vczapi_cpt_meta_cap', null ),
			'show_in_rest'    => apply_filters( 'vczapi_cpt_show_in_rest', true ),
			'rest_base'       => 'zoom_meetings',
			'supports'        => array( 'title', 'editor', 'author', 'thumbnail' ),
			'rewrite'         => array( 'slug' => apply_filters( 'vczapi_cpt_slug', 'zoom-meetings' ) ),
		)
	);
	/**
	 * Fires when the type was not there, and the stub has registered it.
	 *
	 * @since 0.1.0
	 */
	do_action( 'zoombridge_type_registered' );
}
add_action( 'init', 'zoombridge_register_type', 99 );

/**
 * Keeps the editor that VCZAPI has for meetings, the classic one.
 *
 * @since 0.1.0
 *
 * @param mixed  $use  Whether to use the block editor.
 * @param string $type Post type.
 * @return mixed
 */
function zoombridge_use_classic_editor( $use, $type ) {
	return 'zoom-meetings' === $type && did_action( 'zoombridge_type_registered' ) ? false : $use;
}
add_filter( 'use_block_editor_for_post_type', 'zoombridge_use_classic_editor', 10, 2 );

/**
 * Shows a meeting's details above the content, on its own page, where no template of VCZAPI does it.
 *
 * @since 0.1.0
 *
 * @param string $content Content of a post.
 * @return string
 */
function zoombridge_show_details( $content ) {
	$post = get_post();
	if ( zoombridge_has_vczapi() || ! $post || ! is_singular( 'zoom-meetings' ) || ! is_main_query() || is_feed()
		|| get_queried_object_id() !== $post->ID || doing_filter( 'get_the_excerpt' ) || post_password_required( $post ) ) {
		return $content;
	}
	$html = get_post_meta( $post->ID, '_zoombridge_html', true );
	// A topic may hold what looks like a shortcode. It is text.
	return is_string( $html ) ? str_replace( '[', '&#91;', $html ) . $content : $content;
}
add_filter( 'the_content', 'zoombridge_show_details', 30 ); // After wpautop() and shortcodes.
