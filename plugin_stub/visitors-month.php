<?php
/**
 * Shows the meetings of a month as a calendar.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Returns the calendar of a month.
 *
 * @since 0.2.0
 *
 * @param array $list What is wanted, validated; see zoombridge_list_attributes().
 * @param int   $now  Unix time.
 * @return string HTML.
 */
function zoombridge_render_month( array $list, int $now ): string {
	$month = substr( $list['month'], 0, 7 );
	$days  = array();
	$query = zoombridge_query_meetings( $now, array( 'which' => 'month' ) + $list );
	foreach ( $query->posts as $post ) {
		foreach ( zoombridge_days_of( $post ) as $time => $day ) {
			if ( substr( $day, 0, 7 ) === $month ) {
				$days[ $day ][ $time . '-' . $post->ID ] = zoombridge_render_on_day( $post, $time );
			}
		}
	}
	$first = (int) strtotime( $month . '-01 UTC' );
	$html  = sprintf(
		'<table class="zoombridge-month"><caption>%s</caption><thead><tr>%s</tr></thead><tbody>%s</tbody></table>',
		esc_html( (string) wp_date( 'F Y', $first, new DateTimeZone( 'UTC' ) ) ),
		zoombridge_render_weekdays(),
		zoombridge_render_weeks( $first, $days, (string) wp_date( 'Y-m-d', $now ) )
	);
	if ( ! $days ) {
		$text  = __( 'There are no meetings in this month.', 'meetings-bridge-for-zoom' );
		$html .= '<p class="zoombridge-empty">' . esc_html( $text ) . '</p>';
	}
	return $html . zoombridge_render_other_months( $list );
}

/**
 * Returns the days on which a meeting takes place, in its time zone.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return string[] Days as `Y-m-d`, by Unix time.
 */
function zoombridge_days_of( WP_Post $post ): array {
	$facts = zoombridge_meeting_facts( $post );
	$times = $facts['dates'];
	if ( null !== $facts['start'] ) {
		$times[] = $facts['start'];
	}
	$days = array();
	foreach ( $times as $time ) {
		$days[ $time ] = (string) wp_date( 'Y-m-d', $time, $facts['zone'] );
	}
	return $days;
}

/**
 * Returns a meeting as an entry of a day.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @param int     $time Unix time of its date.
 * @return string HTML.
 */
function zoombridge_render_on_day( WP_Post $post, int $time ): string {
	$facts = zoombridge_meeting_facts( $post );
	$mark  = '';
	if ( 'cancelled' === $facts['phase'] ) {
		$mark = ' <strong>' . esc_html( zoombridge_state_name( 'cancelled' ) ) . '</strong>';
	}
	return sprintf(
		'<li><time datetime="%s" data-zb-time="short">%s</time>%s <a href="%s">%s</a>%s</li>',
		esc_attr( (string) wp_date( 'c', $time, $facts['zone'] ) ),
		esc_html( (string) wp_date( (string) get_option( 'time_format' ), $time, $facts['zone'] ) ),
		zoombridge_render_local_time(),
		esc_url( (string) get_permalink( $post ) ),
		zoombridge_meeting_title( $post ),
		$mark
	);
}

/**
 * Returns the heading of the days of a week, as the site has them.
 *
 * @since 0.2.0
 *
 * @return string HTML.
 */
function zoombridge_render_weekdays(): string {
	global $wp_locale;
	$html = '';
	for ( $day = 0; $day < 7; $day++ ) {
		$name  = $wp_locale->get_weekday( ( $day + (int) get_option( 'start_of_week' ) ) % 7 );
		$short = $wp_locale->get_weekday_abbrev( $name );
		$html .= sprintf( '<th scope="col" abbr="%s">%s</th>', esc_attr( $name ), esc_html( $short ) );
	}
	return $html;
}

/**
 * Returns the weeks of a month.
 *
 * @since 0.2.0
 *
 * @param int    $first The first day, in Unix time.
 * @param array  $days  Entries by day and time.
 * @param string $today The current day.
 * @return string HTML.
 */
function zoombridge_render_weeks( int $first, array $days, string $today ): string {
	$count  = (int) gmdate( 't', $first );
	$before = ( (int) gmdate( 'w', $first ) - (int) get_option( 'start_of_week' ) + 7 ) % 7;
	$cells  = array_fill( 0, $before, '<td class="zoombridge-no-day"></td>' );
	for ( $number = 1; $number <= $count; $number++ ) {
		$day     = gmdate( 'Y-m-', $first ) . sprintf( '%02d', $number );
		$entries = $days[ $day ] ?? array();
		ksort( $entries, SORT_NATURAL );
		$time    = (int) strtotime( $day . ' UTC' );
		$long    = (string) wp_date( 'l, ' . get_option( 'date_format' ), $time, new DateTimeZone( 'UTC' ) );
		$cells[] = sprintf(
			'<td%s%s><time class="zoombridge-day" datetime="%s"><span>%d</span><span>%s</span></time>%s</td>',
			$entries ? ' class="zoombridge-has-meetings"' : '',
			$day === $today ? ' aria-current="date"' : '',
			esc_attr( $day ),
			$number,
			$entries ? esc_html( $long ) : '',
			$entries ? '<ul role="list">' . implode( '', $entries ) . '</ul>' : ''
		);
	}
	$missing = ( 7 - count( $cells ) % 7 ) % 7;
	$cells   = array_merge( $cells, array_fill( 0, $missing, '<td class="zoombridge-no-day"></td>' ) );
	$weeks   = array_map(
		static function ( array $week ): string {
			return '<tr>' . implode( '', $week ) . '</tr>';
		},
		array_chunk( $cells, 7 )
	);
	return implode( '', $weeks );
}

/**
 * Returns the links to the months before and after.
 *
 * @since 0.2.0
 *
 * @param array $list What is wanted.
 * @return string HTML.
 */
function zoombridge_render_other_months( array $list ): string {
	$html  = '';
	$names = array(
		'-1 month' => __( 'Previous month', 'meetings-bridge-for-zoom' ),
		'+1 month' => __( 'Next month', 'meetings-bridge-for-zoom' ),
	);
	foreach ( $names as $step => $name ) {
		$time  = (int) strtotime( $step, (int) strtotime( $list['month'] . ' UTC' ) );
		$url   = add_query_arg( $list['month_parameter'], gmdate( 'Y-m', $time ), zoombridge_current_url() );
		$html .= sprintf( '<a href="%s" rel="nofollow">%s</a> ', esc_url( $url ), esc_html( $name ) );
	}
	$name = __( 'Other months', 'meetings-bridge-for-zoom' );
	return sprintf(
		'<nav class="zoombridge-paging" aria-label="%s">%s</nav>',
		esc_attr( zoombridge_landmark_name( $name, $list['instance'] ) ),
		$html
	);
}
