<?php
/**
 * What VCZAPI answers about managed posts to visitors: only what the site's rules and the post's status allow.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Whether the current visitor may see the page of a managed post.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post         The post.
 * @param bool    $is_anonymous Optional. Whether every visitor may, whoever asks now. Default false.
 * @return bool False for a post in the trash, and for one that is not published if the visitor may not read it.
 */
function zoombridge_may_see( WP_Post $post, bool $is_anonymous = false ): bool {
	if ( 'publish' === $post->post_status ) {
		return true;
	}
	return 'trash' !== $post->post_status && ! $is_anonymous && current_user_can( 'read_post', $post->ID );
}

/**
 * Whether the site has chosen, with VCZAPI's *Requires Login*, that only signed-in users join a meeting.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return bool True if it has.
 */
function zoombridge_requires_sign_in( WP_Post $post ): bool {
	$key    = zoombridge_has_next_vczapi() ? 'vczapi_meeting_fields' : '_meeting_fields';
	$fields = get_post_meta( $post->ID, $key, true );
	return is_array( $fields ) && ! empty( $fields['site_option_logged_in'] );
}

/**
 * Whether the site's own choices keep the current visitor from joining a meeting, whatever the bridge's rules show.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post         The post.
 * @param bool    $is_anonymous Optional. Whether to ask for every visitor, whoever asks now. Default false.
 * @return bool True where VCZAPI's *Requires Login* or its button that disables joining does.
 */
function zoombridge_site_forbids_joining( WP_Post $post, bool $is_anonymous = false ): bool {
	$is_signed_in = is_user_logged_in() && ! $is_anonymous;
	if ( ! $is_signed_in && zoombridge_requires_sign_in( $post ) ) {
		return true;
	}
	$details = get_post_meta( $post->ID, '_meeting_zoom_details', true );
	return ( $details instanceof stdClass && 'ended' === ( $details->state ?? '' ) )
		|| '' !== get_post_meta( $post->ID, '_zoombridge_joining_disabled', true );
}

/**
 * Whether the current visitor may join the meeting of a managed post.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post         The post.
 * @param bool    $is_anonymous Optional. Whether every visitor may, whoever asks now. Default false.
 * @return bool False for a post that the visitor cannot see, and where the rules hide the link.
 */
function zoombridge_may_join( WP_Post $post, bool $is_anonymous = false ): bool {
	if ( ! zoombridge_may_see( $post, $is_anonymous ) || zoombridge_site_forbids_joining( $post, $is_anonymous ) ) {
		return false;
	}
	$details = get_post_meta( $post->ID, '_meeting_zoom_details', true );
	$is_open = $details instanceof stdClass && ! empty( $details->join_url );
	return $is_open && zoombridge_may_see_details( $post, $is_anonymous );
}

/**
 * Returns the managed post that VCZAPI's script asks about.
 *
 * @since 0.2.0
 *
 * @return WP_Post|null The post; null if there is none, or the bridge does not manage it.
 */
function zoombridge_asked_post(): ?WP_Post {
	// phpcs:ignore WordPress.Security.NonceVerification.Missing -- VCZAPI's request has none, and changes nothing.
	$post_id = isset( $_POST['post_id'] ) ? absint( $_POST['post_id'] ) : 0;
	$post    = $post_id ? get_post( $post_id ) : null;
	return $post && zoombridge_is_managed_post( $post_id ) ? $post : null;
}

/**
 * Refuses VCZAPI's answer with the join link where the visitor may not join.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_guard_join_links(): void {
	$post = zoombridge_asked_post();
	if ( $post && zoombridge_has_vczapi() && ! zoombridge_may_join( $post ) ) {
		wp_send_json_error( esc_html__( 'This meeting cannot be joined here.', 'meetings-bridge-for-zoom' ) );
	}
}
add_action( 'wp_ajax_set_timezone', 'zoombridge_guard_join_links', 0 );
add_action( 'wp_ajax_nopriv_set_timezone', 'zoombridge_guard_join_links', 0 );

/**
 * Refuses the signature with which VCZAPI's page joins a meeting in the browser, where the visitor may not join.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_guard_browser_signature(): void {
	// phpcs:ignore WordPress.Security.NonceVerification.Missing -- VCZAPI verifies it afterwards.
	$number = isset( $_POST['meeting_id'] ) ? sanitize_text_field( wp_unslash( $_POST['meeting_id'] ) ) : '';
	$number = ltrim( preg_replace( '/[^0-9]/', '', $number ), '0' );
	$post   = zoombridge_has_vczapi() ? zoombridge_managed_post( $number ) : null;
	if ( $post && ! zoombridge_may_join( $post ) ) {
		wp_send_json_error( esc_html__( 'This meeting cannot be joined here.', 'meetings-bridge-for-zoom' ) );
	}
}
add_action( 'wp_ajax_get_auth', 'zoombridge_guard_browser_signature', 0 );
add_action( 'wp_ajax_nopriv_get_auth', 'zoombridge_guard_browser_signature', 0 );

/**
 * Shows the join link as long as the bridge keeps it, so also while a meeting overruns.
 *
 * @since 0.2.0
 *
 * @param int[] $post_ids IDs of posts whose links VCZAPI shows, whenever they start.
 * @return int[] The IDs, with the one that is asked for.
 */
function zoombridge_keep_join_link( $post_ids ) {
	$post = zoombridge_asked_post();
	// Only while the meeting can be joined, the bridge puts its link into the details that it sends.
	$html = $post ? (string) get_post_meta( $post->ID, '_zoombridge_html', true ) : '';
	if ( false !== strpos( $html, 'zoombridge-join' ) ) {
		$post_ids[] = $post->ID;
	}
	return $post_ids;
}
add_filter( 'vczapi_show_join_links_specific_postID', 'zoombridge_keep_join_link' );

/**
 * Shows the page of a meeting instead of VCZAPI's form to join in the browser, where the visitor may not join.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_guard_browser_join(): void {
	// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Nothing is changed.
	if ( ! isset( $_GET['join'] ) || ! is_singular( 'zoom-meetings' ) || ! zoombridge_has_vczapi() ) {
		return;
	}
	$post = get_queried_object();
	if ( $post instanceof WP_Post && zoombridge_is_managed_post( $post->ID ) && ! zoombridge_may_join( $post ) ) {
		wp_safe_redirect( (string) get_permalink( $post ) );
		exit;
	}
}
add_action( 'template_redirect', 'zoombridge_guard_browser_join', 0 );

/**
 * Shows private and trashed posts to VCZAPI's Import, so that it makes no second ones.
 *
 * @since 0.2.0
 *
 * @param WP_Query $query The query, which is changed.
 * @return void
 */
function zoombridge_widen_import( $query ): void {
	if ( doing_action( 'wp_ajax_vczapi_sync_user' ) && 'zoom-meetings' === $query->get( 'post_type' ) ) {
		$query->set( 'post_status', array( 'publish', 'future', 'draft', 'pending', 'private', 'trash' ) );
	}
}
add_action( 'pre_get_posts', 'zoombridge_widen_import' );
