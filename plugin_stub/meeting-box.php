<?php
/**
 * The box "Zoom" on the edit screen of posts without VCZAPI's form: what Zoom says of the meeting, to look at.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Adds the box.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return void
 */
function zoombridge_add_meeting_box( $post ): void {
	if ( zoombridge_is_without_form( $post->ID ) ) {
		$print_box = 'zoombridge_render_meeting_box';
		$title     = __( 'Zoom', 'meetings-bridge-for-zoom' );
		add_meta_box( 'zoombridge-meeting', $title, $print_box, 'zoom-meetings', 'normal', 'high' );
	}
}
add_action( 'add_meta_boxes_zoom-meetings', 'zoombridge_add_meeting_box' );

/**
 * Prints the box.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return void
 */
function zoombridge_render_meeting_box( $post ): void {
	echo '<table class="form-table">';
	foreach ( zoombridge_meeting_rows( $post->ID ) as $heading => $html ) {
		printf( '<tr><th scope="row">%s</th><td>%s</td></tr>', esc_html( $heading ), wp_kses_post( $html ) );
	}
	echo '</table>';
	$text = __(
		'Dates, link and details follow Zoom. Text, image and categories are yours, and the title once you change it.',
		'meetings-bridge-for-zoom'
	);
	printf( '<p class="description">%s</p><p>', esc_html( $text ) );
	foreach ( zoombridge_meeting_links( $post->ID ) as $url => $label ) {
		printf( '<a class="button" href="%s">%s</a> ', esc_url( $url ), esc_html( $label ) );
	}
	echo '</p>';
}

/**
 * Returns what the box says of a meeting.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return string[] HTML by heading.
 */
function zoombridge_meeting_rows( int $post_id ): array {
	$details = zoombridge_unfitted_meta( $post_id, '_meeting_zoom_details' );
	$fields  = (array) zoombridge_unfitted_meta( $post_id, '_meeting_fields' );
	$host    = (string) ( $details->host_email ?? $fields['userId'] ?? '' );
	$url     = (string) get_post_meta( $post_id, '_meeting_zoom_join_url', true );
	$link    = sprintf( '<a href="%s">%s</a>', esc_url( $url ), esc_html( $url ) );
	$hidden  = __( 'Not shown on this site', 'meetings-bridge-for-zoom' );
	$title   = zoombridge_title_note( $post_id );
	return ( '' === $title ? array() : array( __( 'Title', 'meetings-bridge-for-zoom' ) => $title ) ) + array(
		__( 'When', 'meetings-bridge-for-zoom' )        => esc_html( zoombridge_meeting_time( $post_id ) ),
		__( 'Join link', 'meetings-bridge-for-zoom' )   => '' === $url ? esc_html( $hidden ) : $link,
		__( 'Host', 'meetings-bridge-for-zoom' )        => esc_html( '' === $host ? '—' : $host ),
		__( 'Last change', 'meetings-bridge-for-zoom' ) => esc_html( zoombridge_last_change( $post_id ) ),
	);
}

/**
 * Returns what the box says of a title that was changed in WordPress.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return string HTML; empty if the title is Zoom's.
 */
function zoombridge_title_note( int $post_id ): string {
	$row = zoombridge_sync_read_rows( array( $post_id ) )[ $post_id ] ?? null;
	if ( null === $row || ! zoombridge_sync_has_editors_title( $row ) ) {
		return '';
	}
	$url = add_query_arg(
		array(
			'action' => 'zoombridge_use_zooms_title',
			'post'   => $post_id,
		),
		admin_url( 'admin-post.php' )
	);
	return sprintf(
		'%s<br><a class="button" href="%s">%s</a>',
		esc_html(
			sprintf(
				/* translators: %s: title. */
				__( 'Changed in WordPress, and stays. In Zoom it is “%s”.', 'meetings-bridge-for-zoom' ),
				zoombridge_sync_zooms_title( $row )
			)
		),
		esc_url( wp_nonce_url( $url, 'zoombridge_title_' . $post_id ) ),
		esc_html__( 'Use Zoom’s title', 'meetings-bridge-for-zoom' )
	);
}

/**
 * Gives a post the title that its meeting has in Zoom, which it follows again from then on.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_use_zooms_title(): void {
	// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- The nonce is that of the post.
	$post_id = absint( $_GET['post'] ?? 0 );
	check_admin_referer( 'zoombridge_title_' . $post_id );
	$is_allowed = zoombridge_is_without_form( $post_id ) && current_user_can( 'edit_post', $post_id );
	$row        = $is_allowed ? zoombridge_sync_read_rows( array( $post_id ) )[ $post_id ] ?? null : null;
	if ( null === $row ) {
		wp_die( esc_html__( 'You are not allowed to change this page.', 'meetings-bridge-for-zoom' ), '', 403 );
	}
	$title  = htmlspecialchars( zoombridge_sync_zooms_title( $row ), ENT_NOQUOTES | ENT_HTML5, 'UTF-8' );
	$fields = array( 'post_title' => zoombridge_encode_for_database( $title ) );
	$titles = zoombridge_sync_titles_stored(
		static function () use ( $row, $fields ): void {
			$write = static function () use ( $row, $fields ) {
				return wp_update_post( wp_slash( array( 'ID' => $row['ID'] ) + $fields ) );
			};
			// Who may not post unfiltered HTML takes none out of the text by this.
			zoombridge_sync_guard( $row, $fields, $write );
		}
	);
	zoombridge_sync_record_title( $fields, $titles, zoombridge_sync_post( $post_id ) );
	wp_safe_redirect( (string) get_edit_post_link( $post_id, 'raw' ) );
	exit;
}
add_action( 'admin_post_zoombridge_use_zooms_title', 'zoombridge_use_zooms_title' );

/**
 * Returns when a meeting is, in the site's time zone.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return string Plain text.
 */
function zoombridge_meeting_time( int $post_id ): string {
	$start = (string) get_post_meta( $post_id, '_meeting_field_start_date_utc', true );
	// The bridge's stand-in for a meeting without one, by which VCZAPI lists it.
	if ( '' === $start || '2099-12-31 00:00:00' === $start ) {
		return __( 'No fixed time', 'meetings-bridge-for-zoom' );
	}
	$when = zoombridge_local_time( (int) strtotime( "$start UTC" ) );
	if ( ! zoombridge_is_series( $post_id ) ) {
		return $when;
	}
	/* translators: %s: date and time. */
	return sprintf( __( 'Series, next on %s', 'meetings-bridge-for-zoom' ), $when );
}

/**
 * Returns when the bridge last wrote a post, in the site's time zone.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return string Plain text; a dash if it is not known.
 */
function zoombridge_last_change( int $post_id ): string {
	$time = (int) ( explode( '.', get_post_meta( $post_id, '_zoombridge_seq', true ) . '....' )[4] );
	return $time ? zoombridge_local_time( $time ) : '—';
}

/**
 * Formats a time as the site does.
 *
 * @since 0.2.0
 *
 * @param int $time Unix time.
 * @return string Plain text.
 */
function zoombridge_local_time( int $time ): string {
	return (string) wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ) . ' T', $time );
}

/**
 * Returns the links below the box: to edit the meeting, and to its page in the bridge for those who may see that.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return string[] Labels by address.
 */
function zoombridge_meeting_links( int $post_id ): array {
	$number = rawurlencode( (string) get_post_meta( $post_id, '_meeting_zoom_meeting_id', true ) );
	$kind   = 'webinar' === get_post_meta( $post_id, '_vczapi_meeting_type', true ) ? 'webinar' : 'meeting';
	$links  = array( "https://zoom.us/$kind/$number" => __( 'Edit in Zoom', 'meetings-bridge-for-zoom' ) );
	if ( zoombridge_can_manage() ) {
		$page = add_query_arg( 'zoombridge', rawurlencode( "/meetings?q=$number" ), zoombridge_page_url() );

		$links[ $page ] = __( 'Show in the bridge', 'meetings-bridge-for-zoom' );
	}
	return $links;
}
