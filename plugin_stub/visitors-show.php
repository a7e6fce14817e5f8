<?php
/**
 * Shows meetings to visitors, wherever on the site: lists, cards, a month, one meeting, a countdown.
 *
 * The HTML is right when it is generated, and needs no script. What the time changes later carries the times, and the
 * script (assets/meetings.js) keeps it right, also in a page that a cache has kept.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Returns attributes of an element that is shown between two times.
 *
 * @since 0.2.0
 *
 * @param int|null $from  Unix time from which it is shown; null for always.
 * @param int|null $until Unix time until which it is shown; null for always.
 * @param int      $now   Unix time.
 * @return string HTML, with a space in front.
 */
function zoombridge_between( ?int $from, ?int $until, int $now ): string {
	$html  = null === $from ? '' : ' data-zb-from="' . $from . '"';
	$html .= null === $until ? '' : ' data-zb-until="' . $until . '"';
	return ( null !== $from && $now < $from ) || ( null !== $until && $now >= $until ) ? $html . ' hidden' : $html;
}

/**
 * Returns a time as HTML, in the meeting's time zone, with room for the visitor's own beside it.
 *
 * @since 0.2.0
 *
 * @param int          $time Unix time.
 * @param DateTimeZone $zone Time zone of the meeting.
 * @return string HTML.
 */
function zoombridge_render_time( int $time, DateTimeZone $zone ): string {
	return sprintf(
		'<time datetime="%s" data-zb-time>%s</time> <span class="zoombridge-zone">(%s)</span>%s',
		esc_attr( (string) wp_date( 'c', $time, $zone ) ),
		esc_html( zoombridge_format_time( $time, $zone ) ),
		esc_html( zoombridge_zone_name( $time, $zone ) ),
		zoombridge_render_local_time()
	);
}

/**
 * Returns the element into which the script writes a time in the visitor's own time zone.
 *
 * @since 0.2.0
 *
 * @return string HTML.
 */
function zoombridge_render_local_time(): string {
	/* translators: %s: date and time. */
	$text = __( 'Your time: %s', 'meetings-bridge-for-zoom' );
	return sprintf( ' <span class="zoombridge-local" data-zb-local="%s" hidden></span>', esc_attr( $text ) );
}

/**
 * Returns date and time in a time zone, in the site's language and format.
 *
 * @since 0.2.0
 *
 * @param int          $time Unix time.
 * @param DateTimeZone $zone The time zone.
 * @return string Text.
 */
function zoombridge_format_time( int $time, DateTimeZone $zone ): string {
	$format = 'l, ' . get_option( 'date_format' ) . ', ' . get_option( 'time_format' );
	return (string) wp_date( $format, $time, $zone );
}

/**
 * Returns the name of a time zone with its offset at a time.
 *
 * @since 0.2.0
 *
 * @param int          $time Unix time.
 * @param DateTimeZone $zone The time zone.
 * @return string Text, such as `Europe/Berlin, UTC+01:00`.
 */
function zoombridge_zone_name( int $time, DateTimeZone $zone ): string {
	$name   = str_replace( '_', ' ', $zone->getName() );
	$offset = 'UTC' . str_replace( '-', '−', (string) wp_date( 'P', $time, $zone ) ); // A hyphen would end a line.
	return preg_match( '/^(?:UTC|[+-])/', $name ) ? $offset : $name . ', ' . $offset;
}

/**
 * Returns a duration as text.
 *
 * @since 0.2.0
 *
 * @param int $minutes The duration.
 * @return string Text, such as `1 h 30 min`; empty if it is not known.
 */
function zoombridge_format_duration( int $minutes ): string {
	$hours = intdiv( $minutes, 60 );
	$rest  = $minutes % 60;
	$parts = array();
	if ( $hours ) {
		/* translators: %d: number of hours. */
		$parts[] = sprintf( __( '%d h', 'meetings-bridge-for-zoom' ), $hours );
	}
	if ( $rest ) {
		/* translators: %d: number of minutes. */
		$parts[] = sprintf( __( '%d min', 'meetings-bridge-for-zoom' ), $rest );
	}
	return implode( ' ', $parts );
}

/**
 * Returns the state of a meeting as HTML, with the states that follow.
 *
 * @since 0.2.0
 *
 * @param array $facts The meeting, as zoombridge_meeting_facts() returns it.
 * @param int   $now   Unix time.
 * @return string HTML.
 */
function zoombridge_render_state( array $facts, int $now ): string {
	$state = zoombridge_meeting_state( $facts, $now );
	$later = zoombridge_later_states( $facts, $now );
	return sprintf(
		'<strong class="zoombridge-state zoombridge-is-%s"%s>%s</strong>',
		esc_attr( $state ),
		$later ? ' data-zb-states="' . esc_attr( (string) wp_json_encode( $later ) ) . '"' : '',
		esc_html( zoombridge_state_name( $state ) )
	);
}

/**
 * Returns a countdown. The script counts; without it, the text says how long it is at the moment.
 *
 * @since 0.2.0
 *
 * @param int $time Unix time at which it ends.
 * @param int $now  Unix time.
 * @return string HTML.
 */
function zoombridge_render_countdown( int $time, int $now ): string {
	return sprintf(
		'<time class="zoombridge-countdown" datetime="%s" data-zb-countdown="%d">%s</time>',
		esc_attr( gmdate( 'c', $time ) ),
		$time,
		esc_html( human_time_diff( $now, $time ) )
	);
}

/**
 * Returns the title of a meeting as HTML.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return string HTML without tags.
 */
function zoombridge_meeting_title( WP_Post $post ): string {
	return esc_html( wp_strip_all_tags( get_the_title( $post ) ) );
}

/**
 * Returns how a visitor joins a meeting from a list, where the rules allow it.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post  The post.
 * @param array   $facts The meeting, as zoombridge_meeting_facts() returns it.
 * @param int     $now   Unix time.
 * @return string HTML; empty if the meeting cannot be joined from here.
 */
function zoombridge_render_join( WP_Post $post, array $facts, int $now ): string {
	$state  = zoombridge_meeting_state( $facts, $now );
	$target = in_array( $state, array( 'ended', 'cancelled' ), true ) ? null : zoombridge_join_target( $post );
	if ( null === $target ) {
		return '';
	}
	$until   = 'live' === $state ? null : $facts['end'];
	$opens   = null;
	$url     = $target['url'];
	$text    = __( 'Join', 'meetings-bridge-for-zoom' );
	$address = zoombridge_registration_url( $post );
	if ( $target['is_sign_in'] ) {
		$text = __( 'Sign in to join', 'meetings-bridge-for-zoom' );
	} elseif ( '' !== $address ) {
		$url  = $address;
		$text = __( 'Register', 'meetings-bridge-for-zoom' );
	} else {
		$opens = zoombridge_join_opens( $facts );
	}
	$html = sprintf(
		'<p class="zoombridge-item-join"%s><a class="wp-element-button" href="%s">%s'
		. ' <span class="screen-reader-text">%s</span></a></p>',
		zoombridge_between( $opens, $until, $now ),
		esc_url( $url ),
		esc_html( $text ),
		zoombridge_meeting_title( $post )
	);
	return null === $opens ? $html : $html . zoombridge_render_wait( $opens, $facts['zone'], $now );
}

/**
 * Returns from when a meeting can be joined, for as long as it cannot.
 *
 * @since 0.2.0
 *
 * @param int          $opens Unix time.
 * @param DateTimeZone $zone  Time zone of the meeting.
 * @param int          $now   Unix time.
 * @return string HTML; empty once it can.
 */
function zoombridge_render_wait( int $opens, DateTimeZone $zone, int $now ): string {
	if ( $now >= $opens ) {
		return '';
	}
	/* translators: %s: date and time. */
	$text = __( 'The link to join appears on %s', 'meetings-bridge-for-zoom' );
	return sprintf(
		'<p class="zoombridge-wait"%s>%s</p>',
		zoombridge_between( null, $opens, $now ),
		sprintf( esc_html( $text ), esc_html( zoombridge_format_time( $opens, $zone ) ) )
	);
}

/**
 * Returns a meeting as an item of a list.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post  The post.
 * @param string  $which What the list shows; see zoombridge_query_meetings(). Empty for a meeting by itself.
 * @param string  $image The post's image, as HTML; empty for none.
 * @param int     $now   Unix time.
 * @return string HTML, without the element around it.
 */
function zoombridge_render_item( WP_Post $post, string $which, string $image, int $now ): string {
	$facts  = zoombridge_meeting_facts( $post );
	$length = zoombridge_format_duration( $facts['duration'] );
	$parts  = array( zoombridge_render_state( $facts, $now ) );
	if ( '' !== $length ) {
		$parts[] = '<span class="zoombridge-length">' . esc_html( $length ) . '</span>';
	}
	if ( 'webinar' === $facts['kind'] ) {
		$parts[] = esc_html__( 'Webinar', 'meetings-bridge-for-zoom' );
	}
	$when = null === $facts['start'] ? '' : zoombridge_render_time( $facts['start'], $facts['zone'] );
	return $image . sprintf(
		'<p class="zoombridge-item-title"><a href="%s">%s</a></p>%s<p class="zoombridge-item-facts">%s</p>%s',
		esc_url( (string) get_permalink( $post ) ),
		zoombridge_meeting_title( $post ),
		'' === $when ? '' : '<p class="zoombridge-item-when">' . $when . '</p>',
		implode( ' <span aria-hidden="true">·</span> ', $parts ),
		'past' === $which ? '' : zoombridge_render_join( $post, $facts, $now )
	);
}

/**
 * Returns the attributes by which an item leaves or enters a list with the time.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post  The post.
 * @param string  $which What the list shows.
 * @param int     $now   Unix time.
 * @return string HTML, with a space in front; empty if it stays.
 */
function zoombridge_item_between( WP_Post $post, string $which, int $now ): string {
	$facts = zoombridge_meeting_facts( $post );
	if ( $facts['is_live'] || null === $facts['start'] || 'past' === $which ) {
		return '';
	}
	return zoombridge_between( 'live' === $which ? $facts['start'] : null, $facts['end'], $now );
}

/**
 * Returns the image of a meeting for a card.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return string HTML; empty if it has none.
 */
function zoombridge_render_image( WP_Post $post ): string {
	$image = get_the_post_thumbnail( $post, 'medium', array( 'alt' => '' ) );
	return '' === $image ? '' : '<div class="zoombridge-item-image">' . $image . '</div>';
}

/**
 * Returns a list of meetings.
 *
 * @since 0.2.0
 *
 * @param array $list What is wanted, validated; see zoombridge_list_attributes().
 * @param int   $now  Unix time.
 * @return string HTML.
 */
function zoombridge_render_list( array $list, int $now ): string {
	$query = zoombridge_query_meetings( $now, $list );
	if ( 'cards' === $list['view'] ) {
		update_post_thumbnail_cache( $query );
	}
	$items = '';
	$shown = 0;
	foreach ( $query->posts as $post ) {
		$image  = 'cards' === $list['view'] ? zoombridge_render_image( $post ) : '';
		$times  = zoombridge_item_between( $post, $list['which'], $now );
		$shown += ' hidden' === substr( $times, -7 ) ? 0 : 1;
		$item   = zoombridge_render_item( $post, $list['which'], $image, $now );
		$items .= sprintf( '<li class="zoombridge-item"%s>%s</li>', $times, $item );
	}
	$format = '<ul class="zoombridge-%s" role="list">%s</ul><p class="zoombridge-empty"%s>%s</p>%s';
	return sprintf(
		$format,
		'cards' === $list['view'] ? 'cards' : 'list',
		$items,
		$shown ? ' hidden' : '',
		esc_html( zoombridge_empty_text( $list['which'] ) ),
		zoombridge_render_paging( $list, (int) $query->max_num_pages )
	);
}

/**
 * Returns what a list without meetings says.
 *
 * @since 0.2.0
 *
 * @param string $which What the list shows.
 * @return string Text.
 */
function zoombridge_empty_text( string $which ): string {
	if ( 'past' === $which ) {
		return __( 'There are no past meetings.', 'meetings-bridge-for-zoom' );
	}
	if ( 'live' === $which ) {
		return __( 'No meeting is live at the moment.', 'meetings-bridge-for-zoom' );
	}
	return __( 'There are no upcoming meetings at the moment.', 'meetings-bridge-for-zoom' );
}

/**
 * Returns the links to the other pages of a list.
 *
 * @since 0.2.0
 *
 * @param array $list  What is wanted.
 * @param int   $pages Number of pages.
 * @return string HTML; empty if there is one page.
 */
function zoombridge_render_paging( array $list, int $pages ): string {
	if ( ! $list['paging'] || $pages < 2 ) {
		return '';
	}
	$html  = '';
	$steps = array(
		-1 => __( 'Previous page', 'meetings-bridge-for-zoom' ),
		1  => __( 'Next page', 'meetings-bridge-for-zoom' ),
	);
	foreach ( $steps as $step => $name ) {
		$page  = $list['page'] + $step;
		$url   = add_query_arg( $list['parameter'], $page, zoombridge_current_url() );
		$link  = sprintf( '<a href="%s">%s</a> ', esc_url( $url ), esc_html( $name ) );
		$html .= $page >= 1 && $page <= $pages ? $link : '';
		if ( -1 === $step ) {
			/* translators: 1: number of the page, 2: number of pages. */
			$text  = __( 'Page %1$d of %2$d', 'meetings-bridge-for-zoom' );
			$html .= '<span>' . esc_html( sprintf( $text, $list['page'], $pages ) ) . '</span> ';
		}
	}
	$name = __( 'Pages of meetings', 'meetings-bridge-for-zoom' );
	return sprintf(
		'<nav class="zoombridge-paging" aria-label="%s">%s</nav>',
		esc_attr( zoombridge_landmark_name( $name, $list['instance'] ) ),
		$html
	);
}

/**
 * Returns the name of a landmark, which differs from that of the other lists of the page: screen readers list them all.
 *
 * @since 0.2.0
 *
 * @param string $name     The name, as the first list has it.
 * @param int    $instance Which list of the page it is, from 1.
 * @return string The name, to be escaped.
 */
function zoombridge_landmark_name( string $name, int $instance ): string {
	return $instance > 1 ? sprintf( '%1$s (%2$d)', $name, $instance ) : $name;
}

/**
 * Returns the address of the current page, with the plugin's own parameters.
 *
 * @since 0.2.0
 *
 * @return string The address, to be escaped.
 */
function zoombridge_current_url(): string {
	$kept = array();
	// phpcs:disable WordPress.Security -- Nothing is changed; what is kept is validated.
	foreach ( $_GET as $name => $value ) {
		$is_own = is_string( $value ) && preg_match( '/^zb-(?:page|month)(?:-\d+)?$/D', (string) $name );
		if ( $is_own && preg_match( '/^[0-9-]{1,10}$/D', $value ) ) {
			$kept[ $name ] = $value;
		}
	}
	// phpcs:enable
	if ( is_singular() ) {
		return add_query_arg( $kept, (string) get_permalink( get_queried_object_id() ) );
	}
	return add_query_arg( $kept );
}

/**
 * Returns one meeting.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @param int     $now  Unix time.
 * @return string HTML.
 */
function zoombridge_render_meeting( WP_Post $post, int $now ): string {
	$facts = zoombridge_meeting_facts( $post );
	$item  = zoombridge_render_item( $post, '', '', $now );
	return '<div class="zoombridge-item">' . $item . zoombridge_render_calendar_menu( $post, $facts, $now ) . '</div>';
}

/**
 * Returns a countdown to the start of a meeting.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @param int     $now  Unix time.
 * @return string HTML.
 */
function zoombridge_render_meeting_countdown( WP_Post $post, int $now ): string {
	$facts = zoombridge_meeting_facts( $post );
	$title = sprintf(
		'<p class="zoombridge-item-title"><a href="%s">%s</a></p>',
		esc_url( (string) get_permalink( $post ) ),
		zoombridge_meeting_title( $post )
	);
	$state = zoombridge_meeting_state( $facts, $now );
	if ( 'upcoming' !== $state ) {
		return $title . '<p class="zoombridge-item-facts">' . zoombridge_render_state( $facts, $now ) . '</p>'
			. zoombridge_render_join( $post, $facts, $now );
	}
	return $title . sprintf(
		'<p class="zoombridge-clock" role="timer"%s>%s</p><p class="zoombridge-item-when">%s</p>'
		. '<p class="zoombridge-item-facts"%s>%s</p>%s',
		zoombridge_between( null, $facts['start'], $now ),
		zoombridge_render_countdown( $facts['start'], $now ),
		zoombridge_render_time( $facts['start'], $facts['zone'] ),
		zoombridge_between( $facts['start'], null, $now ),
		zoombridge_render_state( $facts, $now ),
		zoombridge_render_join( $post, $facts, $now )
	);
}

/**
 * Returns the menu by which a visitor adds a meeting to a calendar, and the link to the site's own. Both end with it.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post  The post.
 * @param array   $facts The meeting, as zoombridge_meeting_facts() returns it.
 * @param int     $now   Unix time.
 * @return string HTML; empty for a meeting that is over or has no date.
 */
function zoombridge_render_calendar_menu( WP_Post $post, array $facts, int $now ): string {
	$state = zoombridge_meeting_state( $facts, $now );
	if ( null === $facts['start'] || in_array( $state, array( 'ended', 'cancelled' ), true ) ) {
		return '';
	}
	$number = get_post_meta( $post->ID, '_meeting_zoom_meeting_id', true );
	$feed   = preg_replace( '#^https?://#', 'webcal://', rest_url( 'zoombridge/v1/calendar.ics' ) );
	$links  = zoombridge_calendar_links( $post, $facts );

	$links['.ics'] = rest_url( 'zoombridge/v1/calendar/' . $number . '.ics' );

	$items = '';
	foreach ( $links as $name => $url ) {
		$class  = '.ics' === $name ? ' class="zoombridge-calendar-link"' : '';
		$name   = '.ics' === $name ? __( 'Apple and others (.ics)', 'meetings-bridge-for-zoom' ) : $name;
		$items .= sprintf( '<li><a%s href="%s">%s</a></li>', $class, esc_url( $url ), esc_html( $name ) );
	}
	return sprintf(
		'<div class="zoombridge-calendar"%s><details class="zoombridge-add"><summary>%s</summary><ul>%s</ul></details>'
		. '<a class="zoombridge-subscribe" href="%s">%s</a></div>',
		zoombridge_between( null, 'live' === $state || $facts['dates'] ? null : $facts['end'], $now ),
		esc_html__( 'Add to your calendar', 'meetings-bridge-for-zoom' ),
		$items,
		esc_url( (string) $feed ),
		esc_html__( 'Subscribe to all meetings', 'meetings-bridge-for-zoom' )
	);
}

/**
 * Returns the addresses at which calendars on the web take a date.
 *
 * They hold the address of the meeting's page, which shows how to join to those who may.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post  The post.
 * @param array   $facts The meeting, which has a date.
 * @return string[] Addresses by name.
 */
function zoombridge_calendar_links( WP_Post $post, array $facts ): array {
	$title   = html_entity_decode( zoombridge_meeting_title( $post ), ENT_QUOTES, 'UTF-8' );
	$page    = (string) get_permalink( $post );
	$google  = array(
		'action'   => 'TEMPLATE',
		'text'     => $title,
		'dates'    => gmdate( 'Ymd\THis\Z', $facts['start'] ) . '/' . gmdate( 'Ymd\THis\Z', $facts['end'] ),
		'details'  => $page,
		'location' => $page,
	);
	$outlook = array(
		'path'     => '/calendar/action/compose',
		'rru'      => 'addevent',
		'subject'  => $title,
		'startdt'  => gmdate( 'Y-m-d\TH:i:s\Z', $facts['start'] ),
		'enddt'    => gmdate( 'Y-m-d\TH:i:s\Z', $facts['end'] ),
		'body'     => $page,
		'location' => $page,
	);
	return array(
		'Google'  => 'https://calendar.google.com/calendar/render?'
			. http_build_query( $google, '', '&', PHP_QUERY_RFC3986 ),
		'Outlook' => 'https://outlook.live.com/calendar/0/deeplink/compose?'
			. http_build_query( $outlook, '', '&', PHP_QUERY_RFC3986 ),
	);
}
