<?php
/**
 * Who may see a meeting's private details: link to join, passcode, recordings.
 *
 * Plugins for memberships filter or replace the content of a post. The details are no part of it, and are shown in
 * lists and calendars as well.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.3.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Whether the current visitor may see the private details of a post.
 *
 * Asked wherever they are shown. Without a plugin of zoombridge_access_checks(), and without a callback of the filter,
 * the post's password alone decides.
 *
 * @since 0.3.0
 *
 * @param WP_Post $post         The post.
 * @param bool    $is_anonymous Optional. Whether every visitor may, whoever asks now. Default false.
 * @return bool False without the post's password, and where a plugin for memberships or the site says no.
 */
function zoombridge_may_see_details( WP_Post $post, bool $is_anonymous = false ): bool {
	if ( $is_anonymous ? '' !== $post->post_password : post_password_required( $post ) ) {
		return false;
	}
	if ( doing_filter( 'zoombridge_may_see_details' ) ) {
		return false; // A callback reads metas, which are fitted to what the visitor may see.
	}
	$checks = zoombridge_access_checks();
	if ( ! $checks && ! has_filter( 'zoombridge_may_see_details' ) ) {
		return true;
	}
	$user_id     = get_current_user_id();
	$is_switched = $is_anonymous && $user_id;
	if ( $is_switched ) {
		wp_set_current_user( 0 );
	} elseif ( $user_id ) {
		zoombridge_forbid_page_cache();
	}
	try {
		$may_see = true;
		foreach ( $checks as $check ) {
			$may_see = $may_see && $check( $post, $is_anonymous );
		}
		/**
		 * Filters whether the current visitor may see link, passcode and recordings of a meeting.
		 *
		 * For what all visitors share, such as the calendar, nobody is signed in while it is applied.
		 *
		 * @since 0.3.0
		 *
		 * @param bool    $may_see Whether the plugins for memberships that this plugin knows allow it.
		 * @param WP_Post $post    The post.
		 */
		return (bool) apply_filters( 'zoombridge_may_see_details', $may_see, $post );
	} finally {
		if ( $is_switched ) {
			wp_set_current_user( $user_id );
		}
	}
}

/**
 * Returns what the active plugins for memberships are asked.
 *
 * @since 0.3.0
 *
 * @return callable[] By what tells that the plugin is active. Each takes the post and whether every visitor is meant,
 *                    and returns whether the current visitor may see the post's content.
 */
function zoombridge_access_checks(): array {
	$checks = array(
		// Paid Memberships Pro, includes/content.php: the filter of the content asks the same.
		'pmpro_has_membership_access'               => static function ( WP_Post $post ): bool {
			return (bool) pmpro_has_membership_access( $post->ID );
		},
		// Members, inc/template.php, asked in inc/functions-content-permissions.php.
		'members_can_current_user_view_post'        => static function ( WP_Post $post ): bool {
			return (bool) members_can_current_user_view_post( $post->ID );
		},
		// Restrict Content and Restrict Content Pro, includes/member-functions.php.
		'rcp_user_can_access'                       => static function ( WP_Post $post ): bool {
			return (bool) rcp_user_can_access( get_current_user_id(), $post->ID );
		},
		// Ultimate Member, includes/core/class-access.php.
		'UM'                                        => static function ( WP_Post $post ): bool {
			return ! UM()->access()->is_restricted( $post->ID );
		},
		// MemberPress, app/models/MeprRule.php.
		'MeprRule::is_locked'                       => static function ( WP_Post $post ): bool {
			return ! MeprRule::is_locked( $post );
		},
		// WooCommerce Memberships, includes/wc-memberships-template-functions.php and
		// includes/class-wc-memberships-capabilities.php.
		'wc_memberships_is_post_content_restricted' => static function ( WP_Post $post ): bool {
			return ! wc_memberships_is_post_content_restricted( $post->ID )
				|| ( current_user_can( 'wc_memberships_view_restricted_post_content', $post->ID )
				&& current_user_can( 'wc_memberships_view_delayed_post_content', $post->ID ) );
		},
		// Simple Membership, classes/class.swpm-access-control.php. It has users of its own, besides WordPress's.
		'SwpmAccessControl::get_instance'           => static function ( WP_Post $post, bool $is_anonymous ): bool {
			return $is_anonymous
				? ! SwpmProtection::get_instance()->is_protected( $post->ID )
				: true === SwpmAccessControl::get_instance()->can_i_read_post( $post );
		},
		// WP-Members, includes/api/api.php: what is blocked is for those who are signed in.
		'wpmem_is_blocked'                          => static function ( WP_Post $post ): bool {
			return is_user_logged_in() || ! wpmem_is_blocked( $post->ID );
		},
		// Groups, lib/access/class-groups-post-access.php.
		'Groups_Post_Access::user_can_read_post'    => static function ( WP_Post $post ): bool {
			return (bool) Groups_Post_Access::user_can_read_post( $post->ID, get_current_user_id() );
		},
		// Memberful, src/content_filter.php.
		'memberful_can_user_access_post'            => static function ( WP_Post $post ): bool {
			return current_user_can( 'publish_posts' )
				|| memberful_can_user_access_post( get_current_user_id(), $post->ID );
		},
	);
	return array_filter( $checks, 'is_callable', ARRAY_FILTER_USE_KEY );
}
