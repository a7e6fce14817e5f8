<?php
/**
 * Registers the post type of meetings where VCZAPI is not active.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Registers taxonomy and post type as VCZAPI does.
 *
 * Runs late, so that any other plugin that registers them comes first.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_register_types(): void {
	if ( ! taxonomy_exists( 'zoom-meeting' ) ) {
		zoombridge_register_taxonomy();
	}
	if ( ! post_type_exists( 'zoom-meetings' ) ) {
		zoombridge_register_post_type();
	}
}
add_action( 'init', 'zoombridge_register_types', 99 );

/**
 * Registers the taxonomy of meetings.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_register_taxonomy(): void {
	register_taxonomy(
		'zoom-meeting',
		array( 'zoom-meetings' ),
		array(
			'label'             => __( 'Meeting categories', 'meetings-bridge-for-zoom' ),
			'hierarchical'      => true,
			'show_admin_column' => true,
			'show_in_rest'      => true,
			'rest_base'         => 'zoom_meeting_cats',
		)
	);
}

/**
 * Registers the post type of meetings.
 *
 * The filters are VCZAPI's and are documented there, so that a site's own choices stay in force without that plugin.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_register_post_type(): void {
	$labels = array(
		'name'               => __( 'Zoom Meetings', 'meetings-bridge-for-zoom' ),
		'singular_name'      => __( 'Zoom Meeting', 'meetings-bridge-for-zoom' ),
		'all_items'          => __( 'All meetings', 'meetings-bridge-for-zoom' ),
		'edit_item'          => __( 'Edit meeting', 'meetings-bridge-for-zoom' ),
		'view_item'          => __( 'View meeting', 'meetings-bridge-for-zoom' ),
		'view_items'         => __( 'View meetings', 'meetings-bridge-for-zoom' ),
		'search_items'       => __( 'Search meetings', 'meetings-bridge-for-zoom' ),
		'not_found'          => __( 'No meetings found.', 'meetings-bridge-for-zoom' ),
		'not_found_in_trash' => __( 'No meetings found in the trash.', 'meetings-bridge-for-zoom' ),
	);
	$args   = array(
		'public'          => true,
		'has_archive'     => true,
		'rest_base'       => 'zoom_meetings',
		'supports'        => array( 'title', 'editor', 'author', 'thumbnail' ),
		'menu_icon'       => 'dashicons-video-alt2',
		// phpcs:disable WordPress.NamingConventions.PrefixAllGlobals.NonPrefixedHooknameFound -- VCZAPI's.
		/** This filter is documented in VCZAPI. */
		'labels'          => apply_filters( 'vczapi_admin_cpt_labels', $labels ),
		/** This filter is documented in VCZAPI. */
		'hierarchical'    => apply_filters( 'vczapi_cpt_hierarchical', false ),
		/** This filter is documented in VCZAPI. */
		'menu_position'   => apply_filters( 'vczapi_cpt_menu_position', 5 ),
		/** This filter is documented in VCZAPI. */
		'capability_type' => apply_filters( 'vczapi_cpt_capabilities_type', 'post' ),
		/** This filter is documented in VCZAPI. */
		'capabilities'    => apply_filters( 'vczapi_cpt_capabilities', array() ),
		/** This filter is documented in VCZAPI. */
		'map_meta_cap'    => apply_filters( 'vczapi_cpt_meta_cap', null ),
		/** This filter is documented in VCZAPI. */
		'show_in_rest'    => apply_filters( 'vczapi_cpt_show_in_rest', true ),
		/** This filter is documented in VCZAPI. */
		'rewrite'         => array( 'slug' => apply_filters( 'vczapi_cpt_slug', 'zoom-meetings' ) ),
		// phpcs:enable
	);
	register_post_type( 'zoom-meetings', $args );

	/**
	 * Fires after this plugin registered the post type of meetings. It does not fire where another plugin did.
	 *
	 * @since 0.1.0
	 */
	do_action( 'zoombridge_type_registered' );
}

/**
 * Whether this plugin registered the post type of meetings.
 *
 * @since 0.1.0
 *
 * @return bool False if another plugin did, such as VCZAPI.
 */
function zoombridge_owns_post_type(): bool {
	return did_action( 'zoombridge_type_registered' ) > 0;
}
