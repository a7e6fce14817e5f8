<?php
/**
 * Tells administrators of this site how many critical alerts the bridge has for it: by a notice and in the menu.
 *
 * The bridge tells the number with each of its checks, in a signed request, so that no page waits for the bridge.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

// The bridge checks a site every seven minutes. What it told before that is no news any more.
const ZOOMBRIDGE_ALERTS_VALID = DAY_IN_SECONDS;

/**
 * Stores what the bridge tells of this site's alerts.
 *
 * @since 0.2.0
 *
 * @param array $alerts `count`, and `digest`, which is another one for other alerts.
 * @return void
 */
function zoombridge_store_alerts( array $alerts ): void {
	$told = implode( '|', array( $alerts['count'], $alerts['digest'], time() ) );
	zoombridge_write_option_row( 'zoombridge_alerts', $told );
}

/**
 * Returns the critical alerts of this site that nobody has acknowledged or snoozed.
 *
 * @since 0.2.0
 *
 * @return array `count`, 0 also where the bridge has not told it lately; and `digest`.
 */
function zoombridge_open_alerts(): array {
	static $found = null;
	if ( null === $found ) {
		$stored = null === zoombridge_stored_connection() ? '' : zoombridge_read_option_row( 'zoombridge_alerts' );
		$told   = explode( '|', $stored . '||' );
		$found  = array(
			'count'  => time() - (int) $told[2] < ZOOMBRIDGE_ALERTS_VALID ? (int) $told[0] : 0,
			'digest' => $told[1],
		);
	}
	return $found;
}

/**
 * Describes the number of alerts.
 *
 * @since 0.2.0
 *
 * @param int $count The number.
 * @return string Plain text.
 */
function zoombridge_count_alerts( int $count ): string {
	if ( 1 === $count ) {
		return __( 'The bridge to Zoom has one critical alert about this site.', 'meetings-bridge-for-zoom' );
	}
	/* translators: %s: number. */
	$text = __( 'The bridge to Zoom has %s critical alerts about this site.', 'meetings-bridge-for-zoom' );
	return sprintf( $text, number_format_i18n( $count ) );
}

/**
 * Shows the number in the menu, as WordPress shows that of updates.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_add_alerts_to_menu(): void {
	global $menu, $submenu;
	$parent = 'edit.php?post_type=zoom-meetings';
	$count  = zoombridge_can_manage() ? zoombridge_open_alerts()['count'] : 0;
	if ( 0 === $count ) {
		return;
	}
	$bubble = sprintf(
		' <span class="awaiting-mod count-%1$d"><span class="pending-count" aria-hidden="true">%1$d</span>'
		. '<span class="screen-reader-text">%2$s</span></span>',
		$count,
		esc_html( zoombridge_count_alerts( $count ) )
	);
	foreach ( is_array( $menu ) ? $menu : array() as $place => $item ) {
		if ( $parent === $item[2] ) {
			$menu[ $place ][0] .= $bubble; // phpcs:ignore WordPress.WP.GlobalVariablesOverride -- Only its label.
		}
	}
	foreach ( $submenu[ $parent ] ?? array() as $place => $item ) {
		if ( in_array( $item[2], array( 'zoombridge-settings', 'zoom-video-conferencing-settings' ), true ) ) {
			$submenu[ $parent ][ $place ][0] .= $bubble; // phpcs:ignore WordPress.WP.GlobalVariablesOverride -- Same.
		}
	}
}
add_action( 'admin_menu', 'zoombridge_add_alerts_to_menu', PHP_INT_MAX );

/**
 * Prints the notice: on the dashboard, the list of plugins, and the pages of meetings.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_alerts_notice(): void {
	$screen = get_current_screen();
	$is_own = $screen && 'zoom-meetings' === $screen->post_type;
	if ( ! $screen || ! ( $is_own || in_array( $screen->id, array( 'dashboard', 'plugins' ), true ) ) ) {
		return;
	}
	$alerts = zoombridge_can_manage() ? zoombridge_open_alerts() : array( 'count' => 0 );
	if ( 0 === $alerts['count'] || zoombridge_dismissed_alerts() === $alerts['digest'] ) {
		return;
	}
	printf(
		'<div class="notice notice-error"><p>%1$s <a href="%2$s">%3$s</a> <a href="%4$s">%5$s</a></p></div>',
		esc_html( zoombridge_count_alerts( $alerts['count'] ) ),
		esc_url( add_query_arg( 'zoombridge', '%2F', zoombridge_page_url() ) ),
		esc_html__( 'Show alerts', 'meetings-bridge-for-zoom' ),
		esc_url( wp_nonce_url( admin_url( 'admin-post.php?action=zoombridge_dismiss' ), 'zoombridge_dismiss' ) ),
		esc_html__( 'Dismiss this notice', 'meetings-bridge-for-zoom' )
	);
}
add_action( 'admin_notices', 'zoombridge_render_alerts_notice' );

/**
 * Returns which alerts the current user has dismissed on this site: in a network, each has its own.
 *
 * @since 0.2.0
 *
 * @return string Their digest; empty if none.
 */
function zoombridge_dismissed_alerts(): string {
	return (string) get_user_option( 'zoombridge_dismissed_alerts' );
}

/**
 * Hides the notice from the current user, until there are other alerts.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_dismiss_alerts(): void {
	check_admin_referer( 'zoombridge_dismiss' );
	if ( zoombridge_can_manage() ) {
		update_user_option( get_current_user_id(), 'zoombridge_dismissed_alerts', zoombridge_open_alerts()['digest'] );
	}
	$back = wp_get_referer();
	wp_safe_redirect( $back ? $back : admin_url() );
	exit;
}
add_action( 'admin_post_zoombridge_dismiss', 'zoombridge_dismiss_alerts' );
