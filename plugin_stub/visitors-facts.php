<?php
/**
 * What visitors are told of a meeting: its dates and its state, from what the bridge placed with the post.
 *
 * The bridge decides what a meeting is. It places the next date as metas, and phase and link with the HTML of the
 * details; it writes them anew when they change. In between, the time alone decides.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

// The start of a meeting without one, with which the bridge and VCZAPI order it last.
const ZOOMBRIDGE_NEVER_OVER = '2099-12-31 00:00:00';

// Where Zoom names no duration.
const ZOOMBRIDGE_ASSUMED_MINUTES = 60;

// How long after the scheduled end the bridge shows the link.
const ZOOMBRIDGE_JOIN_GRACE = HOUR_IN_SECONDS;

// How long a meeting counts as live unless the bridge says that it has ended.
const ZOOMBRIDGE_LONGEST_LIVE = 12 * HOUR_IN_SECONDS;

const ZOOMBRIDGE_DATE_METAS = array( '_zoombridge_begin', '_zoombridge_end', '_zoombridge_last' );

/**
 * Returns the metas by which lists are selected, from what the bridge places with a post.
 *
 * They hold times in UTC, as `Y-m-d H:i:s`, which sort as text: `_zoombridge_begin` where the meeting is live before
 * its time; `_zoombridge_end`, from which it is past; `_zoombridge_last`, the end of the last date of a series.
 *
 * @since 0.2.0
 *
 * @param string $html     The details, as HTML.
 * @param string $start    The start of the next date, or of the last; empty if it is not known.
 * @param int    $duration Minutes; 0 if it is not known.
 * @return array Values by key; null for metas that the post is not to have.
 */
function zoombridge_date_metas( string $html, string $start, int $duration ): array {
	$times   = array_fill_keys( ZOOMBRIDGE_DATE_METAS, null );
	$is_past = in_array( zoombridge_phase_in( $html ), array( 'ended', 'cancelled' ), true );
	if ( '' === $start || $is_past ) {
		$times['_zoombridge_end'] = '' === $start ? null : '1970-01-01 00:00:00';
		return $times;
	}
	$seconds = MINUTE_IN_SECONDS * ( $duration ? $duration : ZOOMBRIDGE_ASSUMED_MINUTES );
	$begin   = zoombridge_utc_time( $start );
	$end     = $begin + $seconds;
	$live    = zoombridge_live_since( $html );
	$dates   = zoombridge_dates_in( $html );
	if ( $live ) {
		$end = max( ZOOMBRIDGE_NEVER_OVER === $start ? 0 : $end, $live + ZOOMBRIDGE_LONGEST_LIVE );

		$times['_zoombridge_begin'] = gmdate( 'Y-m-d H:i:s', min( $begin, $live ) );
	}
	if ( $live || ZOOMBRIDGE_NEVER_OVER !== $start ) {
		$times['_zoombridge_end'] = gmdate( 'Y-m-d H:i:s', $end );
	}
	if ( $dates && max( $dates ) > $begin ) {
		$times['_zoombridge_last'] = gmdate( 'Y-m-d H:i:s', max( $dates ) + $seconds );
	}
	return $times;
}

/**
 * Returns the same for a post that is being written.
 *
 * @since 0.2.0
 *
 * @param array $metas  Values by key, as they are to stand.
 * @param array $stored Raw values by key, as they stand.
 * @return array Values by key; null for metas that the post is not to have.
 */
function zoombridge_wanted_date_metas( array $metas, array $stored ): array {
	$read     = static function ( string $key ) use ( $metas, $stored ) {
		return array_key_exists( $key, $metas ) ? $metas[ $key ] : maybe_unserialize( $stored[ $key ] ?? '' );
	};
	$fields   = $read( '_meeting_fields' );
	$duration = is_array( $fields ) ? (int) ( $fields['duration'] ?? 0 ) : 0;
	$start    = (string) $read( '_meeting_field_start_date_utc' );
	return zoombridge_date_metas( (string) $read( '_zoombridge_html' ), $start, $duration );
}

/**
 * Returns the phase of a meeting, as the bridge has placed it.
 *
 * @since 0.2.0
 *
 * @param string $html The details.
 * @return string `upcoming`, `running`, `closing`, `ended`, `cancelled` or `undated`; empty if the bridge placed none.
 */
function zoombridge_phase_in( string $html ): string {
	$pattern = '/^\s*<section class="zoombridge-meeting zoombridge-([a-z]+)"/';
	return preg_match( $pattern, $html, $found ) ? $found[1] : '';
}

/**
 * Returns since when a meeting is live, if Zoom says so.
 *
 * @since 0.2.0
 *
 * @param string $html The details.
 * @return int Unix time; 0 if it is not live.
 */
function zoombridge_live_since( string $html ): int {
	$pattern = '/<strong class="zoombridge-live">[^<]*<\/strong>[^<]*<time datetime="([^"]+)"/';
	return preg_match( $pattern, $html, $found ) ? (int) strtotime( $found[1] ) : 0;
}

/**
 * Returns the dates of a series that are to come, without the cancelled ones.
 *
 * @since 0.2.0
 *
 * @param string $html The details.
 * @return int[] Unix times; none for a single meeting.
 */
function zoombridge_dates_in( string $html ): array {
	preg_match_all( '/<li class="zoombridge-date">\s*<time datetime="([^"]+)"/', $html, $found );
	return array_filter( array_map( 'strtotime', $found[1] ) );
}

/**
 * Returns a time in UTC as Unix time.
 *
 * @since 0.2.0
 *
 * @param string $text The time, as `Y-m-d H:i:s`.
 * @return int Unix time; 0 for any other text.
 */
function zoombridge_utc_time( string $text ): int {
	return preg_match( '/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/D', $text ) ? (int) strtotime( $text . ' UTC' ) : 0;
}

/**
 * Returns what visitors are told of a meeting.
 *
 * Reads metas only, which a list has read of all its posts at once.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return array {
 *     The meeting.
 *
 *     @type int|null     $start    The next or current date, else the last, in Unix time; null without any.
 *     @type int|null     $end      Its scheduled end.
 *     @type int[]        $dates    All dates of a series that are to come.
 *     @type int          $duration Minutes; 0 if it is not known.
 *     @type DateTimeZone $zone     Time zone of the meeting.
 *     @type string       $kind     `meeting` or `webinar`.
 *     @type string       $phase    See zoombridge_phase_in().
 *     @type bool         $is_live  Whether Zoom says that it is running.
 * }
 */
function zoombridge_meeting_facts( WP_Post $post ): array {
	$html     = (string) get_post_meta( $post->ID, '_zoombridge_html', true );
	$fields   = get_post_meta( $post->ID, '_meeting_fields', true );
	$fields   = is_array( $fields ) ? $fields : array();
	$start    = (string) get_post_meta( $post->ID, '_meeting_field_start_date_utc', true );
	$start    = ZOOMBRIDGE_NEVER_OVER === $start ? 0 : zoombridge_utc_time( $start );
	$duration = max( 0, (int) ( $fields['duration'] ?? 0 ) );
	$seconds  = MINUTE_IN_SECONDS * ( $duration ? $duration : ZOOMBRIDGE_ASSUMED_MINUTES );
	$kind     = get_post_meta( $post->ID, '_vczapi_meeting_type', true );
	return array(
		'start'    => $start ? $start : null,
		'end'      => $start ? $start + $seconds : null,
		'dates'    => zoombridge_dates_in( $html ),
		'duration' => $duration,
		'zone'     => zoombridge_zone( $fields['timezone'] ?? '' ),
		'kind'     => 'webinar' === $kind ? 'webinar' : 'meeting',
		'phase'    => zoombridge_phase_in( $html ),
		'is_live'  => zoombridge_live_since( $html ) > 0,
	);
}

/**
 * Returns a time zone.
 *
 * @since 0.2.0
 *
 * @param mixed $name Its name.
 * @return DateTimeZone The zone; the site's for a name that PHP does not know.
 */
function zoombridge_zone( $name ): DateTimeZone {
	if ( ! is_string( $name ) || '' === $name ) {
		return wp_timezone();
	}
	try {
		return new DateTimeZone( $name );
	} catch ( Exception $error ) {
		return wp_timezone();
	}
}

/**
 * Returns the state of a meeting at a time.
 *
 * @since 0.2.0
 *
 * @param array $facts The meeting, as zoombridge_meeting_facts() returns it.
 * @param int   $now   Unix time.
 * @return string `upcoming`, `running` by its schedule, `live` as Zoom says, `ended`, `cancelled` or `undated`.
 */
function zoombridge_meeting_state( array $facts, int $now ): string {
	if ( in_array( $facts['phase'], array( 'ended', 'cancelled' ), true ) ) {
		return $facts['phase'];
	}
	if ( $facts['is_live'] ) {
		return 'live';
	}
	if ( null === $facts['start'] ) {
		return 'undated';
	}
	if ( $now < $facts['start'] ) {
		return 'upcoming';
	}
	return $now < $facts['end'] ? 'running' : 'ended';
}

/**
 * Returns the name of a state.
 *
 * @since 0.2.0
 *
 * @param string $state The state, as zoombridge_meeting_state() returns it.
 * @return string Text.
 */
function zoombridge_state_name( string $state ): string {
	$names = array(
		'upcoming'  => __( 'Upcoming', 'meetings-bridge-for-zoom' ),
		'running'   => __( 'Under way', 'meetings-bridge-for-zoom' ),
		'live'      => __( 'Live now', 'meetings-bridge-for-zoom' ),
		'ended'     => __( 'Ended', 'meetings-bridge-for-zoom' ),
		'cancelled' => __( 'Cancelled', 'meetings-bridge-for-zoom' ),
		'undated'   => __( 'No fixed time', 'meetings-bridge-for-zoom' ),
	);
	return $names[ $state ];
}

/**
 * Returns the states that follow with the time alone, for pages that a cache keeps.
 *
 * @since 0.2.0
 *
 * @param array $facts The meeting, as zoombridge_meeting_facts() returns it.
 * @param int   $now   Unix time.
 * @return array Unix time, state and its name of each.
 */
function zoombridge_later_states( array $facts, int $now ): array {
	$state = zoombridge_meeting_state( $facts, $now );
	$later = array();
	if ( 'upcoming' === $state ) {
		$later[] = array( $facts['start'], 'running', zoombridge_state_name( 'running' ) );
	}
	if ( in_array( $state, array( 'upcoming', 'running' ), true ) ) {
		$later[] = array( $facts['end'], 'ended', zoombridge_state_name( 'ended' ) );
	}
	return $later;
}

/**
 * Returns how many minutes before the start the join link appears.
 *
 * @since 0.2.0
 *
 * @return int Minutes; 0 where it is always shown.
 */
function zoombridge_join_minutes(): int {
	return min( 10080, max( 0, (int) get_option( 'zoombridge_join_minutes', 0 ) ) );
}

/**
 * Returns from when the join link of a meeting is shown.
 *
 * @since 0.2.0
 *
 * @param array $facts The meeting, as zoombridge_meeting_facts() returns it.
 * @return int|null Unix time; null if it is always shown.
 */
function zoombridge_join_opens( array $facts ): ?int {
	$minutes = zoombridge_join_minutes();
	if ( 0 === $minutes || null === $facts['start'] || $facts['is_live'] ) {
		return null;
	}
	return $facts['start'] - MINUTE_IN_SECONDS * $minutes;
}

/**
 * Returns the address at which one registers for a meeting, if Zoom has one.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return string The address; empty if registration is not required, or the address is not Zoom's.
 */
function zoombridge_registration_url( WP_Post $post ): string {
	$details = get_post_meta( $post->ID, '_meeting_zoom_details', true );
	$url     = $details instanceof stdClass ? ( $details->registration_url ?? '' ) : '';
	$is_safe = is_string( $url ) && 0 === strpos( $url, 'https://' ) && zoombridge_is_zoom_url( $url );
	return $is_safe ? $url : '';
}

/**
 * Returns where the current visitor joins a meeting, as the bridge's rules and the site's own choices show it.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return array|null `url`, and `is_sign_in` if that is the sign-in page; null if there is no link.
 */
function zoombridge_join_target( WP_Post $post ): ?array {
	$pattern = '#<p class="zoombridge-join">\s*<a class="zoombridge-(join|sign-in)-link[^"]*" href="([^"]+)"#';
	$html    = zoombridge_audience_details( $post );
	if ( ! preg_match( $pattern, $html, $found ) ) {
		return null;
	}
	$is_sign_in = 'sign-in' === $found[1];
	$url        = $is_sign_in ? wp_login_url( (string) get_permalink( $post ) ) : wp_specialchars_decode( $found[2] );
	return compact( 'url', 'is_sign_in' );
}
