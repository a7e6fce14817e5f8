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
	if ( zoombridge_said_cancelled( (int) get_the_ID() ) ) {
		$html = trim( (string) preg_replace( '#<p class="zoombridge-status">.*?</p>#s', '', $html ) );
	}
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
	if ( ! $may_see || 'trash' === $post->post_status ) {
		return '';
	}
	preg_match_all( "#<!--zoombridge-$mark-->(.*?)<!--zoombridge-$mark-end-->#s", zoombridge_details( $post ), $found );
	return trim( implode( "\n", array_filter( array_map( 'trim', $found[1] ) ) ) );
}

/**
 * Says that a meeting is cancelled where VCZAPI's templates would count down to it.
 *
 * @since 0.2.0
 *
 * @param string|false $located Path of the template.
 * @param string       $name    Its name.
 * @return string|false The path.
 */
function zoombridge_choose_countdown_template( $located, $name ) {
	$post_id = (int) get_the_ID();
	if ( 'fragments/countdown-timer.php' !== $name || ! $post_id || ! zoombridge_is_managed_post( $post_id ) ) {
		return $located;
	}
	return zoombridge_is_cancelled_page( $post_id ) ? __DIR__ . '/vczapi-cancelled.php' : $located;
}
add_filter( 'vczapi_get_template', 'zoombridge_choose_countdown_template', 10, 2 );

/**
 * Stores and returns whether the place of the countdown says that a meeting is cancelled.
 *
 * @since 0.2.0
 *
 * @param int  $post_id ID of the post.
 * @param bool $is_said Optional. Whether it says so from now on. Default false: unchanged.
 * @return bool True if it does.
 */
function zoombridge_said_cancelled( int $post_id, bool $is_said = false ): bool {
	static $said = array();
	if ( $is_said ) {
		$said[ $post_id ] = true;
	}
	return isset( $said[ $post_id ] );
}
