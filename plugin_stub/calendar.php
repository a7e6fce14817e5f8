<?php
/**
 * Serves the calendar that the bridge generates, without the events of posts that are not public.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_MOST_CALENDAR_LINES = 200000; // More than there are in 4 MiB, the longest that is read, of real ones.

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
	$calendar = zoombridge_get_calendar( (string) $request['number'] );
	if ( 200 !== $calendar['status'] ) {
		$message  = __( 'This calendar is not available at the moment.', 'meetings-bridge-for-zoom' );
		$response = zoombridge_error_response( $calendar['status'], 'zoombridge_no_calendar', $message );
		if ( 404 === $calendar['status'] ) {
			$response->header( 'Cache-Control', 'public, max-age=300' );
		}
		return $response;
	}

	$body     = $calendar['body'];
	$etag     = '"' . md5( $body ) . '"';
	$is_known = zoombridge_is_etag_known( (string) $request->get_header( 'if-none-match' ), $etag );
	add_filter(
		'rest_pre_serve_request',
		static function () use ( $body, $is_known ): bool {
			if ( ! $is_known ) {
				// phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- iCalendar, not HTML, sent as text/calendar.
				echo $body;
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
 * Whether a client's condition names the current calendar.
 *
 * Web servers that compress a response mark its ETag as weak, or append "-gzip" to it.
 *
 * @since 0.1.0
 *
 * @param string $condition Value of the header If-None-Match.
 * @param string $etag      ETag of the calendar, in quotation marks.
 * @return bool Whether the client has this calendar.
 */
function zoombridge_is_etag_known( string $condition, string $etag ): bool {
	foreach ( explode( ',', $condition ) as $known ) {
		$known = trim( $known );
		if ( 0 === strncmp( $known, 'W/', 2 ) ) {
			$known = substr( $known, 2 );
		}
		if ( '*' === $known || str_replace( '-gzip"', '"', $known ) === $etag ) {
			return true;
		}
	}
	return false;
}

/**
 * Retrieves a calendar from the bridge, or from the cache.
 *
 * The cache holds a calendar, or that the bridge has none, for five minutes, and a failure for half a minute. A number
 * without a post needs neither bridge nor cache: anybody can request any number.
 *
 * @since 0.1.0
 *
 * @param string $number Zoom meeting number, or empty for all meetings.
 * @return array {
 *     The calendar.
 *
 *     @type int    $status HTTP status: 200, or that of an error.
 *     @type string $body   The calendar without the events of hidden posts; empty for an error.
 * }
 */
function zoombridge_get_calendar( string $number ): array {
	if ( '' !== $number && 0 === zoombridge_find_post( $number ) ) {
		return array(
			'status' => 404,
			'body'   => '',
		);
	}
	$path   = '/stub/calendar' . ( '' === $number ? '' : '/' . $number );
	$cached = get_transient( 'zoombridge' . $path );
	if ( is_array( $cached ) ) {
		return $cached;
	}
	$calendar = zoombridge_request_calendar( $path );
	$is_clear = in_array( $calendar['status'], array( 200, 404 ), true );
	set_transient( 'zoombridge' . $path, $calendar, $is_clear ? 5 * MINUTE_IN_SECONDS : 30 );
	return $calendar;
}

/**
 * Requests a calendar from the bridge.
 *
 * @since 0.1.0
 *
 * @param string $path Path of the calendar on the bridge.
 * @return array The calendar as zoombridge_get_calendar() returns it.
 */
function zoombridge_request_calendar( string $path ): array {
	$response = zoombridge_request( 'GET', $path );
	$status   = is_wp_error( $response ) ? 503 : $response['status'];
	$body     = '';
	if ( 200 === $status ) {
		$body   = zoombridge_filter_calendar( $response['body'], 'zoombridge_is_post_public', 'zoombridge_hides_link' );
		$status = '' === $body ? 503 : 200;
	}
	return compact( 'status', 'body' );
}

/**
 * Whether everybody may read a post, so that its meeting belongs in the calendar.
 *
 * Drafts, private and password-protected posts are not. A post in the trash counts with the status that it had before,
 * so that calendars drop the event of a cancelled meeting; any other event of it is hidden.
 *
 * @since 0.1.0
 *
 * @param int  $post_id      ID of the post.
 * @param bool $is_cancelled Whether the event says that the meeting is cancelled.
 * @return bool Whether it is a published meeting without a password.
 */
function zoombridge_is_post_public( int $post_id, bool $is_cancelled ): bool {
	$post = get_post( $post_id );
	if ( ! $post || 'zoom-meetings' !== $post->post_type || '' !== $post->post_password ) {
		return false;
	}
	$status = $post->post_status;
	if ( 'trash' === $status && $is_cancelled ) {
		$status = get_post_meta( $post->ID, '_wp_trash_meta_status', true );
	}
	return 'publish' === $status;
}

/**
 * Whether the site's own choices, or a plugin for memberships, hide the link of a post from readers of the calendar.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return bool True if they do.
 */
function zoombridge_hides_link( int $post_id ): bool {
	$post = get_post( $post_id );
	return ! $post || zoombridge_site_forbids_joining( $post, true ) || ! zoombridge_may_see_details( $post, true );
}

/**
 * Removes from a calendar the events that belong to no public post, and the links that the site hides.
 *
 * Works on whole lines of iCalendar (RFC 5545, section 3.1): a text, however long and wherever folded, is part of its
 * line and begins or ends nothing. An event is assigned to a post by exactly one line X-ZOOMBRIDGE-POST of its own.
 * Events that are not, and whatever else is outside of the structure that the bridge generates, are removed.
 *
 * @since 0.1.0
 *
 * @param string   $calendar   The calendar.
 * @param callable $is_public  Receives the ID of a post, and whether the event is cancelled; returns if it is public.
 * @param callable $hides_link Receives the ID of a public post; returns whether its event must not have the link.
 * @return string The calendar, or empty if it is none, or has too many lines.
 */
function zoombridge_filter_calendar( string $calendar, callable $is_public, callable $hides_link ): string {
	if ( substr_count( $calendar, "\n" ) > ZOOMBRIDGE_MOST_CALENDAR_LINES ) {
		return '';
	}
	$kept      = '';
	$component = null;
	$is_header = true;
	foreach ( zoombridge_calendar_lines( $calendar ) as $line ) {
		if ( '' === $kept ) {
			if ( 'BEGIN:VCALENDAR' !== strtoupper( $line['content'] ) ) {
				return '';
			}
			$kept = $line['text'];
			continue;
		}
		if ( null === $component && 'END' === $line['name'] ) {
			break;
		}
		zoombridge_add_calendar_line( $component, $line );
		if ( array() === $component['open'] ) {
			$is_header = $is_header && '' === $component['kind'];
			$is_kept   = $is_header ? $component['is_whole'] : zoombridge_is_component_public( $component, $is_public );
			$kept     .= $is_kept ? zoombridge_component_text( $component, $hides_link ) : '';
			$component = null;
		}
	}
	return '' === $kept ? '' : $kept . "END:VCALENDAR\r\n";
}

/**
 * Splits a calendar into lines, with folded ones put together.
 *
 * @since 0.1.0
 *
 * @param string $calendar The calendar.
 * @return Generator {
 *     The lines.
 *
 *     @type string $text     The line as it is in the calendar, with its folds and line break.
 *     @type string $content  The line without folds and line break.
 *     @type string $name     Its name in upper case: what is before the first colon or semicolon.
 *     @type bool   $is_valid False if it has no name, or a carriage return inside: for some programs that is a break.
 * }
 */
function zoombridge_calendar_lines( string $calendar ): Generator {
	$text    = '';
	$content = '';
	foreach ( zoombridge_calendar_pieces( $calendar ) as $piece ) {
		$unbroken = "\r" === substr( $piece, -1 ) ? substr( $piece, 0, -1 ) : $piece;
		if ( '' !== $text && ( ' ' === substr( $piece, 0, 1 ) || "\t" === substr( $piece, 0, 1 ) ) ) {
			$text    .= $piece . "\n";
			$content .= substr( $unbroken, 1 );
			continue;
		}
		if ( '' !== $text ) {
			$name     = strtoupper( trim( substr( $content, 0, strcspn( $content, ':;' ) ) ) );
			$is_valid = '' !== $name && false === strpos( $content, "\r" );
			yield compact( 'text', 'content', 'name', 'is_valid' );
		}
		$text    = $piece . "\n";
		$content = $unbroken;
	}
}

/**
 * Splits a calendar at line feeds, one by one: as a list, lines of a few bytes take fifty times their memory.
 *
 * @since 0.2.0
 *
 * @param string $calendar The calendar.
 * @return Generator The pieces without line feeds, and a last one, `END`, which completes the line before.
 */
function zoombridge_calendar_pieces( string $calendar ): Generator {
	$length = strlen( $calendar );
	for ( $start = 0; $start <= $length; $start = $end + 1 ) {
		$end = strpos( $calendar, "\n", $start );
		$end = false === $end ? $length : $end;
		yield (string) substr( $calendar, $start, $end - $start );
	}
	yield 'END';
}

/**
 * Adds a line to a component of a calendar, or begins one with it. A property of the calendar is one by itself.
 *
 * The component is changed in place: a copy for each line would take hours. It holds its lines as `text`; its name,
 * such as `VEVENT`, as `kind`, which is empty for a property of the calendar; `open`, names of what has begun and not
 * ended, none once the component has; the first two values of its lines X-ZOOMBRIDGE-POST as `posts`, and of STATUS
 * as `statuses`; `bare`, its lines without those that may hold link and passcode; `has_link`, whether it is an event
 * with a link, which the bridge puts into LOCATION; and `is_whole`, false if something in it ends without having
 * begun, or cannot be read.
 *
 * @since 0.1.0
 *
 * @param array|null $component The component; null for one that begins.
 * @param array      $line      The line, as zoombridge_calendar_lines() yields it.
 * @return void
 */
function zoombridge_add_calendar_line( ?array &$component, array $line ): void {
	$value = strtoupper( (string) substr( $line['content'], strlen( $line['name'] ) + 1 ) );
	if ( null === $component ) {
		$component = array(
			'text'     => '',
			'kind'     => 'BEGIN' === $line['name'] ? $value : '',
			'open'     => array(),
			'posts'    => array(),
			'statuses' => array(),
			'bare'     => '',
			'has_link' => false,
			'is_whole' => true,
		);
	}
	$is_readable        = $line['is_valid'];
	$component['text'] .= $line['text'];
	if ( ! in_array( $line['name'], array( 'LOCATION', 'DESCRIPTION' ), true ) ) {
		$component['bare'] .= $line['text'];
	}
	if ( 'BEGIN' === $line['name'] ) {
		$is_nested           = array() !== $component['open'];
		$is_of_zone          = array( 'VTIMEZONE' ) === $component['open'];
		$is_of_zone          = $is_of_zone && in_array( $value, array( 'STANDARD', 'DAYLIGHT' ), true );
		$is_readable         = strtoupper( $line['content'] ) === 'BEGIN:' . $value && ( ! $is_nested || $is_of_zone );
		$component['open'][] = $value;
	} elseif ( 'END' === $line['name'] ) {
		$is_readable = strtoupper( $line['content'] ) === 'END:' . array_pop( $component['open'] );
	} elseif ( 'X-ZOOMBRIDGE-POST' === $line['name'] && array( 'VEVENT' ) === $component['open'] ) {
		zoombridge_add_value( $component['posts'], $value );
	} elseif ( 'STATUS' === $line['name'] && array( 'VEVENT' ) === $component['open'] ) {
		zoombridge_add_value( $component['statuses'], $value );
	} elseif ( 'LOCATION' === $line['name'] && array( 'VEVENT' ) === $component['open'] ) {
		$component['has_link'] = true;
	}
	$component['is_whole'] = $component['is_whole'] && $is_readable;
}

/**
 * Adds a value of which there should be one: the second tells enough.
 *
 * @since 0.2.0
 *
 * @param string[] $values The values so far.
 * @param string   $value  The value.
 * @return void
 */
function zoombridge_add_value( array &$values, string $value ): void {
	if ( count( $values ) < 2 ) {
		$values[] = $value;
	}
}

/**
 * Returns what everybody may read of a component.
 *
 * @since 0.2.0
 *
 * @param array    $component  The component, which belongs in the calendar.
 * @param callable $hides_link Receives the ID of a public post; returns whether its event must not have the link.
 * @return string Its lines.
 */
function zoombridge_component_text( array $component, callable $hides_link ): string {
	$is_hidden = $component['has_link'] && $hides_link( (int) $component['posts'][0] );
	return $is_hidden ? $component['bare'] : $component['text'];
}

/**
 * Whether a component belongs in the calendar that everybody may read.
 *
 * @since 0.1.0
 *
 * @param array    $component The component; see zoombridge_add_calendar_line().
 * @param callable $is_public Receives the ID of a post, and whether the event is cancelled; returns if it is public.
 * @return bool Whether it is a time zone, or an event of exactly one post, and the post is public.
 */
function zoombridge_is_component_public( array $component, callable $is_public ): bool {
	if ( ! $component['is_whole'] ) {
		return false;
	}
	if ( 'VTIMEZONE' === $component['kind'] ) {
		return true;
	}
	$posts = $component['posts'];
	if ( 'VEVENT' !== $component['kind'] || 1 !== count( $posts ) || ! ctype_digit( $posts[0] ) ) {
		return false;
	}
	return $is_public( (int) $posts[0], array( 'CANCELLED' ) === $component['statuses'] );
}
