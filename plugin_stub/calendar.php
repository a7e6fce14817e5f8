<?php
/**
 * Serves the calendar that the bridge generates, without the events of posts that are not public.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Registers the route of the calendar, of all meetings or of one. It is open to all.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_register_calendar_route(): void {
	register_rest_route(
		'zoombridge/v1',
		'/calendar(?:/(?P<number>[0-9]{6,15}))?\.ics',
		array(
			'methods'             => 'GET',
			'callback'            => 'zoombridge_serve_calendar',
			'permission_callback' => '__return_true',
		)
	);
}
add_action( 'rest_api_init', 'zoombridge_register_calendar_route' );

/**
 * Serves the calendar of the site's meetings, or of one meeting.
 *
 * @since 0.1.0
 *
 * @param WP_REST_Request $request The request; its parameter `number` is a Zoom meeting number, or absent.
 * @return WP_REST_Response The response. Its body is written by a filter, because WordPress would encode it as JSON.
 */
function zoombridge_serve_calendar( WP_REST_Request $request ): WP_REST_Response {
	$path     = '/stub/calendar' . ( $request['number'] ? '/' . $request['number'] : '' );
	$response = zoombridge_get_calendar( $path );
	if ( is_wp_error( $response ) || 200 !== $response['status'] ) {
		$status  = is_wp_error( $response ) ? 503 : $response['status'];
		$message = __( 'This calendar is not available at the moment.', 'zoom-wordpress-bridge' );
		return zoombridge_error_response( $status, 'zoombridge_no_calendar', $message );
	}

	$calendar = $response['body'];
	$etag     = '"' . md5( $calendar ) . '"';
	$is_known = $request->get_header( 'if-none-match' ) === $etag;
	add_filter(
		'rest_pre_serve_request',
		static function () use ( $calendar, $is_known ): bool {
			if ( ! $is_known ) {
				// phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- iCalendar, not HTML, sent as text/calendar.
				echo $calendar;
			}
			return true;
		}
	);
	$headers = array(
		'Content-Type'  => 'text/calendar; charset=utf-8',
		'Cache-Control' => 'public, max-age=300',
		'ETag'          => $etag,
	);
	return new WP_REST_Response( null, $is_known ? 304 : 200, $headers );
}

/**
 * Retrieves a calendar from the bridge, or from the cache, which holds it for five minutes.
 *
 * @since 0.1.0
 *
 * @param string $path Path of the calendar on the bridge.
 * @return array|WP_Error The response as zoombridge_request() returns it, its body without events of hidden posts.
 */
function zoombridge_get_calendar( string $path ) {
	$cached = get_transient( 'zoombridge' . $path );
	if ( $cached ) {
		return $cached;
	}
	$response = zoombridge_request( 'GET', $path );
	if ( is_wp_error( $response ) || 200 !== $response['status'] ) {
		return $response;
	}
	$response['body'] = preg_replace_callback(
		'/BEGIN:VEVENT(?:(?!END:VEVENT).)*?\nX-ZOOMBRIDGE-POST:(\d+).*?END:VEVENT\r\n/s',
		'zoombridge_filter_calendar_event',
		$response['body']
	);
	set_transient( 'zoombridge' . $path, $response, 5 * MINUTE_IN_SECONDS );
	return $response;
}

/**
 * Removes an event from the calendar unless its post is public.
 *
 * Drafts, private and password-protected posts are not. A post in the trash counts with the status that it had before.
 *
 * @since 0.1.0
 *
 * @param string[] $found The event, and the ID of its post.
 * @return string The event, or empty.
 */
function zoombridge_filter_calendar_event( array $found ): string {
	$post = get_post( (int) $found[1] );
	if ( ! $post || '' !== $post->post_password ) {
		return '';
	}
	$status = $post->post_status;
	if ( 'trash' === $status ) {
		$status = get_post_meta( $post->ID, '_wp_trash_meta_status', true );
	}
	return 'publish' === $status ? $found[0] : '';
}
