<?php
/**
 * A meeting's own page: the link to join when it is of use, the menu of calendars, the description for search engines.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Extends the details that the bridge has placed, where they stand on the meeting's page.
 *
 * @since 0.2.0
 *
 * @param string  $html The details, as the current visitor may see them.
 * @param WP_Post $post The post.
 * @param int     $now  Unix time.
 * @return string HTML.
 */
function zoombridge_extend_details( string $html, WP_Post $post, int $now ): string {
	$facts = zoombridge_meeting_facts( $post );
	$join  = static function ( array $found ) use ( $post, $facts, $now ): string {
		return zoombridge_extend_join( $found[1], $post, $facts, $now );
	};
	$html  = (string) preg_replace_callback(
		'#<p class="zoombridge-join">\s*(<a class="zoombridge-join-link.*?</a>)\s*</p>#s',
		$join,
		$html
	);
	$menu  = static function () use ( $post, $facts, $now ): string {
		return zoombridge_render_calendar_menu( $post, $facts, $now );
	};
	$html  = (string) preg_replace_callback( '#<p class="zoombridge-calendar">.*?</p>#s', $menu, $html );
	$html  = zoombridge_extend_status( $html, $facts, $now );
	return (string) preg_replace_callback(
		'#(<time class="zoombridge-start"[^>]*)(>[^<]*</time>\s*<span class="zoombridge-zone">[^<]*</span>)#',
		static function ( array $found ): string {
			return $found[1] . ' data-zb-time' . $found[2] . zoombridge_render_local_time();
		},
		$html
	);
}

/**
 * Adds to the status the states that follow with the time alone.
 *
 * @since 0.2.0
 *
 * @param string $html  The details.
 * @param array  $facts The meeting, as zoombridge_meeting_facts() returns it.
 * @param int    $now   Unix time.
 * @return string HTML.
 */
function zoombridge_extend_status( string $html, array $facts, int $now ): string {
	$later = in_array( $facts['phase'], array( 'upcoming', 'running' ), true ) && ! $facts['dates']
		? zoombridge_later_states( $facts, $now )
		: array();
	if ( ! $later ) {
		return $html;
	}
	$strong = sprintf( '$1 data-zb-states="%s">', esc_attr( (string) wp_json_encode( $later ) ) );
	return (string) preg_replace( '#(<p class="zoombridge-status">\s*<strong)>#', $strong, $html, 1 );
}

/**
 * Shows the link to join when it is of use; where registration is required, the link to register in its place.
 *
 * @since 0.2.0
 *
 * @param string  $link  The link, as the bridge has placed it.
 * @param WP_Post $post  The post.
 * @param array   $facts The meeting, as zoombridge_meeting_facts() returns it.
 * @param int     $now   Unix time.
 * @return string HTML.
 */
function zoombridge_extend_join( string $link, WP_Post $post, array $facts, int $now ): string {
	$address = zoombridge_registration_url( $post );
	$is_open = $facts['is_live'] || null === $facts['end'] || (bool) $facts['dates'];
	if ( '' !== $address ) {
		return sprintf(
			'<p class="zoombridge-join"%s><a class="zoombridge-register-link wp-element-button" href="%s">%s</a></p>',
			zoombridge_between( null, $is_open ? null : $facts['end'], $now ),
			esc_url( $address ),
			esc_html__( 'Register', 'meetings-bridge-for-zoom' )
		);
	}
	$opens = zoombridge_join_opens( $facts );
	$until = $is_open ? null : $facts['end'] + ZOOMBRIDGE_JOIN_GRACE;
	$html  = sprintf( '<p class="zoombridge-join"%s>%s</p>', zoombridge_between( $opens, $until, $now ), $link );
	if ( null === $opens || $now >= $opens ) {
		return $html;
	}
	/* translators: %s: time that is left, such as "2 hours". */
	$text = esc_html__( 'The link to join appears in %s', 'meetings-bridge-for-zoom' );
	return $html . sprintf(
		'<p class="zoombridge-wait"%s>%s</p>',
		zoombridge_between( null, $opens, $now ),
		sprintf( $text, zoombridge_render_countdown( $opens, $now ) )
	);
}

/**
 * Prints the description of the meeting for search engines.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_print_event(): void {
	$post = is_singular( 'zoom-meetings' ) ? get_queried_object() : null;
	if ( ! $post instanceof WP_Post || ! zoombridge_is_post_public( $post->ID, false ) ) {
		return;
	}
	$event = zoombridge_describe_event( $post );
	if ( $event ) {
		// Text from Zoom must not end the element.
		$flags = JSON_HEX_TAG | JSON_HEX_AMP | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE;
		// Nor look like a shortcode. There are no lists, so that brackets are in texts only.
		$json = str_replace( '[', '\u005B', (string) wp_json_encode( $event, $flags ) );
		// phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- JSON without any "<".
		printf( "<script type=\"application/ld+json\">%s</script>\n", $json );
	}
}
add_action( 'wp_head', 'zoombridge_print_event', 20 );

/**
 * Describes a meeting as an Event (https://schema.org/Event).
 *
 * Its place is the meeting's page, which shows the link to join to those who may see it.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return array The Event; empty for a meeting without a date.
 */
function zoombridge_describe_event( WP_Post $post ): array {
	$facts = zoombridge_meeting_facts( $post );
	if ( null === $facts['start'] ) {
		return array();
	}
	$page  = (string) get_permalink( $post );
	$event = array(
		'@context'            => 'https://schema.org',
		'@type'               => 'Event',
		'name'                => zoombridge_plain_text( get_the_title( $post ) ),
		'url'                 => $page,
		'startDate'           => (string) wp_date( 'c', $facts['start'], $facts['zone'] ),
		'endDate'             => (string) wp_date( 'c', $facts['end'], $facts['zone'] ),
		'eventStatus'         => 'https://schema.org/Event'
			. ( 'cancelled' === $facts['phase'] ? 'Cancelled' : 'Scheduled' ),
		'eventAttendanceMode' => 'https://schema.org/OnlineEventAttendanceMode',
		'location'            => array(
			'@type' => 'VirtualLocation',
			'url'   => $page,
		),
		'organizer'           => array(
			'@type' => 'Organization',
			'name'  => zoombridge_plain_text( get_bloginfo( 'name' ) ),
			'url'   => home_url( '/' ),
		),
	);
	$text  = zoombridge_plain_text( wp_trim_words( strip_shortcodes( $post->post_content ), 60 ) );
	$image = get_the_post_thumbnail_url( $post, 'full' );
	if ( '' !== $text && zoombridge_may_see_details( $post ) ) {
		$event['description'] = $text;
	}
	if ( $image ) {
		$event['image'] = $image;
	}
	return $event;
}

/**
 * Returns HTML as plain text.
 *
 * @since 0.2.0
 *
 * @param string $html The HTML.
 * @return string Text.
 */
function zoombridge_plain_text( string $html ): string {
	return trim( html_entity_decode( wp_strip_all_tags( $html ), ENT_QUOTES | ENT_HTML5, 'UTF-8' ) );
}
