<?php
/**
 * What VCZAPI hears from Zoom while it answers visitors: of managed meetings only what the site's rules allow.
 *
 * Its shortcodes, blocks and answers to scripts that show a meeting, a host's meetings or recordings directly from Zoom
 * know neither the post of the meeting nor the rules.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Stores and returns whether a shortcode of VCZAPI is being rendered, in a page, a block or an answer of the REST API.
 *
 * @since 0.2.0
 *
 * @param int $change Optional. 1 when one begins, -1 when it ends. Default 0.
 * @return bool True if it is.
 */
function zoombridge_is_in_vczapi_shortcode( int $change = 0 ): bool {
	static $depth = 0;
	// Other plugins may apply the filter of an end without that of a beginning.
	$depth = max( 0, $depth + $change );
	return $depth > 0;
}

/**
 * Whether a shortcode is VCZAPI's or one of its add-ons'.
 *
 * @since 0.2.0
 *
 * @param string $tag Name of the shortcode.
 * @return bool True if it is.
 */
function zoombridge_is_vczapi_shortcode( string $tag ): bool {
	$callback = $GLOBALS['shortcode_tags'][ $tag ] ?? null;
	return zoombridge_has_vczapi() && $callback && zoombridge_is_vczapi_file( zoombridge_callback_file( $callback ) );
}

/**
 * Records that a shortcode begins, and has the lists of a host's meetings fitted that VCZAPI keeps for five minutes.
 *
 * @since 0.2.0
 *
 * @param string|false $output     What is shown in its place, or false.
 * @param string       $tag        Name of the shortcode.
 * @param array|string $attributes Its attributes.
 * @return string|false The output, unchanged.
 */
function zoombridge_begin_shortcode( $output, $tag, $attributes ) {
	if ( false !== $output || ! zoombridge_is_vczapi_shortcode( $tag ) ) {
		return $output;
	}
	zoombridge_is_in_vczapi_shortcode( 1 );
	$host = is_array( $attributes ) ? ( $attributes['host'] ?? '' ) : '';
	add_filter( "option_vczapi_user_meetings_for_$host", 'zoombridge_fit_meeting_list' );
	add_filter( "option__vczapi_user_webinars_for_$host", 'zoombridge_fit_meeting_list' );
	return $output;
}
add_filter( 'pre_do_shortcode_tag', 'zoombridge_begin_shortcode', PHP_INT_MAX, 3 );

/**
 * Records that a shortcode ends.
 *
 * @since 0.2.0
 *
 * @param string $output What it shows.
 * @param string $tag    Name of the shortcode.
 * @return string The output, unchanged.
 */
function zoombridge_end_shortcode( $output, $tag ) {
	if ( zoombridge_is_vczapi_shortcode( $tag ) ) {
		zoombridge_is_in_vczapi_shortcode( -1 );
	}
	return $output;
}
add_filter( 'do_shortcode_tag', 'zoombridge_end_shortcode', PHP_INT_MIN, 2 );

/**
 * Fits what Zoom answers to VCZAPI, where VCZAPI shows it to visitors.
 *
 * @since 0.2.0
 *
 * @param mixed  $response The response.
 * @param array  $args     Arguments of the request.
 * @param string $url      Address of the request.
 * @return mixed The response.
 */
function zoombridge_fit_zoom_answer( $response, $args, $url ) {
	// phpcs:ignore WordPress.Security -- It is compared only.
	$action     = wp_doing_ajax() ? ( $_REQUEST['action'] ?? '' ) : '';
	$is_visitor = in_array( $action, array( 'get_recording', 'getRecordingByMeetingID' ), true );
	$is_shown   = zoombridge_is_in_vczapi_shortcode() || ( $is_visitor && zoombridge_has_vczapi() );
	if ( ! $is_shown || ! is_array( $response ) || ! zoombridge_is_zoom_url( (string) $url ) ) {
		return $response;
	}
	$answer = json_decode( (string) wp_remote_retrieve_body( $response ) );
	if ( ! $answer instanceof stdClass ) {
		return $response;
	}
	// VCZAPI keeps lists of meetings for all visitors.
	$is_kept = 0 === strpos( (string) wp_parse_url( $url, PHP_URL_PATH ), '/v2/users/' );
	foreach ( array( 'meetings', 'webinars' ) as $list ) {
		if ( is_array( $answer->$list ?? null ) ) {
			$answer->$list = zoombridge_fit_meeting_list( $answer->$list, $is_kept );
		}
	}
	$answer           = zoombridge_fit_zoom_meeting( $answer, zoombridge_post_of_meeting( $answer ) ) ?? (object) array(
		'code'    => 3001,
		'message' => esc_html__( 'This meeting is not shown here.', 'meetings-bridge-for-zoom' ),
		'type'    => $answer->type ?? 2,
	);
	$response['body'] = (string) wp_json_encode( $answer );
	return $response;
}
add_filter( 'http_response', 'zoombridge_fit_zoom_answer', 10, 3 );

/**
 * Fits a list of meetings or recordings, as Zoom answers it.
 *
 * @since 0.2.0
 *
 * @param mixed $meetings     The list.
 * @param bool  $is_anonymous Optional. Whether it is for every visitor, whoever asks now. Default false.
 * @return mixed The list without what visitors must not see.
 */
function zoombridge_fit_meeting_list( $meetings, $is_anonymous = false ) {
	if ( ! is_array( $meetings ) ) {
		return $meetings;
	}
	$meetings = array_filter(
		$meetings,
		static function ( $meeting ): bool {
			return $meeting instanceof stdClass;
		}
	);
	$posts    = zoombridge_managed_posts( array_map( 'strval', array_column( $meetings, 'id' ) ) );
	$fitted   = array();
	foreach ( $meetings as $meeting ) {
		$post     = $posts[ (string) ( $meeting->id ?? '' ) ] ?? null;
		$fitted[] = zoombridge_fit_zoom_meeting( $meeting, $post, true === $is_anonymous );
	}
	return array_values( array_filter( $fitted ) );
}

/**
 * Fits a meeting or its recordings, as Zoom answers them.
 *
 * @since 0.2.0
 *
 * @param stdClass     $meeting      The meeting, which is changed.
 * @param WP_Post|null $post         Its managed post; null if there is none.
 * @param bool         $is_anonymous Optional. Whether it is for every visitor, whoever asks now. Default false.
 * @return stdClass|null The meeting, unchanged if the bridge does not manage it; null if visitors must not see it.
 */
function zoombridge_fit_zoom_meeting( stdClass $meeting, ?WP_Post $post, bool $is_anonymous = false ): ?stdClass {
	if ( ! $post ) {
		return $meeting;
	}
	if ( ! zoombridge_may_see( $post, $is_anonymous ) ) {
		return null;
	}
	if ( isset( $meeting->recording_files ) || isset( $meeting->share_url ) ) {
		return zoombridge_fit_recordings( $meeting, $post );
	}
	return zoombridge_fit_zoom_secrets( $meeting, $post, zoombridge_may_join( $post, $is_anonymous ) );
}

/**
 * Puts the link and the texts of a post in place of those that Zoom answers.
 *
 * @since 0.2.0
 *
 * @param stdClass $meeting  The meeting, as Zoom answers it; it is changed.
 * @param WP_Post  $post     Its post.
 * @param bool     $may_join Whether the link is shown.
 * @return stdClass The meeting.
 */
function zoombridge_fit_zoom_secrets( stdClass $meeting, WP_Post $post, bool $may_join ): stdClass {
	$details = get_post_meta( $post->ID, '_meeting_zoom_details', true );
	foreach ( array( 'topic', 'agenda' ) as $name ) {
		$meeting->$name = (string) ( $details->$name ?? '' );
	}
	foreach ( array( 'join_url', 'password', 'registration_url' ) as $name ) {
		$meeting->$name = $may_join ? (string) ( $details->$name ?? '' ) : '';
	}
	$meeting->start_url = '';
	// Each opens the meeting as well, and VCZAPI puts the first into the link.
	unset( $meeting->encrypted_password, $meeting->h323_password, $meeting->pstn_password );
	return $meeting;
}

/**
 * Fits recordings, as Zoom answers them.
 *
 * @since 0.2.0
 *
 * @param stdClass $recordings The recordings of a meeting, which are changed.
 * @param WP_Post  $post       The post of the meeting.
 * @return stdClass|null The recordings; null if the current visitor must not see them.
 */
function zoombridge_fit_recordings( stdClass $recordings, WP_Post $post ): ?stdClass {
	// The bridge decides who sees recordings, and puts them between the marks of the audience.
	$html = zoombridge_select_audience( (string) get_post_meta( $post->ID, '_zoombridge_html', true ) );
	if ( ! zoombridge_may_see_details( $post ) || false === strpos( $html, 'zoombridge-recording-link' ) ) {
		return null;
	}
	if ( false === strpos( $html, 'zoombridge-recording-passcode' ) ) {
		$recordings->password = '';
		unset( $recordings->recording_play_passcode );
	}
	return zoombridge_escape_details( $recordings );
}

/**
 * Returns the managed post of a meeting that Zoom answers.
 *
 * @since 0.2.0
 *
 * @param stdClass $answer The answer: a meeting, or none.
 * @return WP_Post|null The post; null if there is none, or the bridge does not manage it.
 */
function zoombridge_post_of_meeting( stdClass $answer ): ?WP_Post {
	return zoombridge_managed_post( (string) ( $answer->id ?? '' ) );
}

/**
 * Returns the managed post of a meeting number.
 *
 * @since 0.2.0
 *
 * @param string $number Zoom meeting number.
 * @return WP_Post|null The post; null if there is none, or the bridge does not manage it.
 */
function zoombridge_managed_post( string $number ): ?WP_Post {
	$post_id = '' === $number ? 0 : zoombridge_find_post( $number );
	return $post_id && zoombridge_is_managed_post( $post_id ) ? get_post( $post_id ) : null;
}

/**
 * Returns the managed posts of meetings: as zoombridge_managed_post(), by as few queries for many as for one.
 *
 * @since 0.2.0
 *
 * @param string[] $numbers Zoom meeting numbers.
 * @return WP_Post[] Posts by number; numbers without one are not among them.
 */
function zoombridge_managed_posts( array $numbers ): array {
	$numbers = array_unique( array_filter( $numbers, 'strlen' ) );
	$found   = $numbers ? array_filter( zoombridge_read_numbers( $numbers ) ) : array();
	$ids     = array_merge( array(), ...array_values( $found ) );
	_prime_post_caches( $ids, false );
	update_meta_cache( 'post', $ids );
	return array_filter( array_map( 'zoombridge_choose_managed_post', $found ) );
}

/**
 * Returns the managed post of a meeting among all that hold its number.
 *
 * @since 0.2.0
 *
 * @param int[] $ids IDs of the posts, of any type.
 * @return WP_Post|null The one that zoombridge_find_post() finds; null if the bridge does not manage it.
 */
function zoombridge_choose_managed_post( array $ids ): ?WP_Post {
	sort( $ids );
	$by_place = array();
	foreach ( array_filter( array_map( 'get_post', $ids ) ) as $post ) {
		if ( 'zoom-meetings' === $post->post_type ) {
			$by_place[ 'trash' === $post->post_status ? 'trash' : 'outside' ][] = $post;
		}
	}
	$post = $by_place['outside'][0] ?? $by_place['trash'][0] ?? null;
	return $post && zoombridge_is_managed_post( $post->ID ) ? $post : null;
}
