<?php
/**
 * The page of a managed post under VCZAPI's templates: what they do not show of a meeting.
 *
 * The templates show start, duration, host and join link. The bridge marks in the details what goes beside them.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Prints status and passcode below the template's own list of details.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_facts(): void {
	$html = zoombridge_marked_details( 'facts' );
	if ( '' !== $html ) {
		printf( '<div class="zoombridge-facts">%s</div>', wp_kses( $html, zoombridge_allowed_html() ) );
	}
}
add_action( 'vczapi_html_after_meeting_details', 'zoombridge_render_facts' );

/**
 * Prints registrations, calendar link, recordings and dates below the meeting.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_below(): void {
	$html = zoombridge_marked_details( 'below' );
	if ( '' !== $html ) {
		$format = '<section class="zoombridge-below" style="clear: both">%s</section>';
		printf( $format, wp_kses( $html, zoombridge_allowed_html() ) ); // phpcs:ignore WordPress.Security.EscapeOutput
	}
}
add_action( 'vczoom_after_content', 'zoombridge_render_below' );

/**
 * Returns the parts of the current post's details that the bridge has marked.
 *
 * @since 0.2.0
 *
 * @param string $mark Name of the mark.
 * @return string HTML; empty for a post that the bridge does not manage, and for visitors who may not see the post.
 */
function zoombridge_marked_details( string $mark ): string {
	$post = get_post();
	if ( ! $post || 'zoom-meetings' !== $post->post_type || ! zoombridge_is_managed_post( $post->ID ) ) {
		return '';
	}
	$may_see = 'publish' === $post->post_status || current_user_can( 'read_post', $post->ID );
	if ( ! $may_see || 'trash' === $post->post_status || post_password_required( $post ) ) {
		return '';
	}
	preg_match_all( "#<!--zoombridge-$mark-->(.*?)<!--zoombridge-$mark-end-->#s", zoombridge_details( $post ), $found );
	return trim( implode( "\n", array_filter( array_map( 'trim', $found[1] ) ) ) );
}
