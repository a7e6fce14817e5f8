<?php
/**
 * Selects meetings by their dates, in one query, and orders the archive by them.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_MOST_LISTED   = 100;
const ZOOMBRIDGE_MOST_IN_MONTH = 300;

// A list of live meetings holds those that begin so soon after: in a page that a cache keeps, the script shows them.
const ZOOMBRIDGE_SOON = 6 * HOUR_IN_SECONDS;

/**
 * Queries meetings that everybody may see.
 *
 * @since 0.2.0
 *
 * @param int   $now  Unix time.
 * @param array $list {
 *     What is wanted, validated.
 *
 *     @type string $which    `upcoming`, `past`, `live` or `month`.
 *     @type string $month    First day of the month, as `Y-m-d`.
 *     @type int    $number   Meetings on a page.
 *     @type int    $page     The page, from 1.
 *     @type bool   $paging   Whether the number of pages is asked for.
 *     @type string $category Slugs of categories, separated by commas; empty for all.
 *     @type string $host     ID or user name of the author; empty for all.
 *     @type string $kind     `meeting` or `webinar`; empty for both.
 * }
 * @return WP_Query The query, which has run.
 */
function zoombridge_query_meetings( int $now, array $list ): WP_Query {
	$is_month = 'month' === $list['which'];
	$args     = array(
		'post_type'              => 'zoom-meetings',
		'post_status'            => 'publish',
		'has_password'           => false,
		'ignore_sticky_posts'    => true,
		'posts_per_page'         => $is_month ? ZOOMBRIDGE_MOST_IN_MONTH : $list['number'],
		'paged'                  => $is_month ? 1 : $list['page'],
		'no_found_rows'          => $is_month || ! $list['paging'],
		'update_post_term_cache' => false,
		'zoombridge_list'        => zoombridge_list_bounds( $list, $now ),
	);
	if ( '' !== $list['category'] ) {
		// phpcs:ignore WordPress.DB.SlowDBQuery -- It has an index.
		$args['tax_query'] = array(
			array(
				'taxonomy' => 'zoom-meeting',
				'field'    => 'slug',
				'terms'    => array_map( 'trim', explode( ',', $list['category'] ) ),
			),
		);
	}
	if ( ctype_digit( $list['host'] ) ) {
		$args['author'] = (int) $list['host'];
	} elseif ( '' !== $list['host'] ) {
		$args['author_name'] = sanitize_title_for_query( $list['host'] );
	}
	return new WP_Query( $args );
}

/**
 * Returns the bounds of a list.
 *
 * @since 0.2.0
 *
 * @param array $list What is wanted; see zoombridge_query_meetings().
 * @param int   $now  Unix time.
 * @return array `which`, `kind`, and times in UTC, as metas hold them.
 */
function zoombridge_list_bounds( array $list, int $now ): array {
	$bounds = array(
		'which' => $list['which'],
		'kind'  => $list['kind'],
		// WordPress's cache of queries is of use within a minute.
		'now'   => gmdate( 'Y-m-d H:i:00', $now ),
		'soon'  => gmdate( 'Y-m-d H:i:00', $now + ZOOMBRIDGE_SOON ),
	);
	if ( 'month' === $list['which'] ) {
		// A day more on each side: days are those of the meetings' time zones.
		$first           = (int) strtotime( $list['month'] . ' UTC' );
		$bounds['first'] = gmdate( 'Y-m-d H:i:s', $first - DAY_IN_SECONDS );
		$bounds['end']   = gmdate( 'Y-m-d H:i:s', (int) strtotime( '+1 month', $first ) + DAY_IN_SECONDS );
	}
	return $bounds;
}

/**
 * Adds dates to a query: joins the metas that hold them, selects and orders by them.
 *
 * @since 0.2.0
 *
 * @param string[] $clauses Parts of the SQL.
 * @param WP_Query $query   The query.
 * @return string[] The parts.
 */
function zoombridge_add_dates_to_query( $clauses, $query ) {
	global $wpdb;
	$list = $query->get( 'zoombridge_list' );
	if ( ! is_array( $list ) || ! isset( $list['which'], $list['now'] ) ) {
		return $clauses;
	}
	$is_archive        = 'archive' === $list['which'];
	$is_everything     = $is_archive || 'all' === $list['which'];
	$clauses['join']  .= zoombridge_join_meta( 'zb_start', '_meeting_field_start_date_utc', $is_everything );
	$clauses['join']  .= zoombridge_join_meta( 'zb_end', '_zoombridge_end', true );
	$clauses['where'] .= zoombridge_where_dates( $list );
	if ( 'live' === $list['which'] ) {
		$clauses['join'] .= zoombridge_join_meta( 'zb_begin', '_zoombridge_begin', true );
	} elseif ( 'month' === $list['which'] ) {
		$clauses['join'] .= zoombridge_join_meta( 'zb_last', '_zoombridge_last', true );
	}
	if ( '' !== ( $list['kind'] ?? '' ) ) {
		// What VCZAPI's Import has made has no kind: it knows no webinars.
		$clauses['join']  .= zoombridge_join_meta( 'zb_kind', '_vczapi_meeting_type', true );
		$clauses['where'] .= $wpdb->prepare( " AND COALESCE(zb_kind.meta_value, 'meeting') = %s", $list['kind'] );
	}
	if ( '' === trim( $clauses['groupby'] ) ) {
		$clauses['groupby'] = "{$wpdb->posts}.ID"; // As of WordPress's own queries of metas, which imports may double.
	}
	$direction          = zoombridge_list_direction( $list );
	$clauses['orderby'] = "zb_start.meta_value $direction, {$wpdb->posts}.ID $direction";
	if ( $is_archive ) {
		$is_to_come         = $wpdb->prepare( 'COALESCE(zb_end.meta_value, zb_start.meta_value) > %s', $list['now'] );
		$clauses['orderby'] = "CASE WHEN $is_to_come THEN 0 ELSE 1 END ASC,
			CASE WHEN $is_to_come THEN zb_start.meta_value END ASC, zb_start.meta_value DESC, {$wpdb->posts}.ID DESC";
	}
	return $clauses;
}
add_filter( 'posts_clauses', 'zoombridge_add_dates_to_query', 10, 2 );

/**
 * Returns the direction in which a list is ordered.
 *
 * @since 0.3.0
 *
 * @param array $list The bounds of the list. Some themes query what scripts of visitors send back.
 * @return string ASC or DESC.
 */
function zoombridge_list_direction( array $list ): string {
	$order = $list['order'] ?? ( 'past' === $list['which'] ? 'DESC' : 'ASC' );
	return 'DESC' === $order ? 'DESC' : 'ASC';
}

/**
 * Returns the SQL that joins a meta to the posts of a query.
 *
 * @since 0.2.0
 *
 * @param string $alias       Name of the joined table.
 * @param string $key         Key of the meta.
 * @param bool   $is_optional Whether posts without the meta stay.
 * @return string SQL.
 */
function zoombridge_join_meta( string $alias, string $key, bool $is_optional ): string {
	global $wpdb;
	$kind = $is_optional ? 'LEFT' : 'INNER';
	return " $kind JOIN {$wpdb->postmeta} AS $alias
		ON ( $alias.post_id = {$wpdb->posts}.ID AND $alias.meta_key = '$key' )";
}

/**
 * Returns the SQL that selects meetings by their dates.
 *
 * A post that this version of the plugin has not written yet has no end: there, the start is its end.
 *
 * @since 0.2.0
 *
 * @param array $list The bounds, as zoombridge_list_bounds() returns them.
 * @return string SQL; empty if all are wanted.
 */
function zoombridge_where_dates( array $list ): string {
	global $wpdb;
	$end = 'COALESCE(zb_end.meta_value, zb_start.meta_value)';
	switch ( $list['which'] ) {
		case 'upcoming':
			return $wpdb->prepare( " AND $end > %s", $list['now'] ); // phpcs:ignore WordPress.DB
		case 'past':
			return $wpdb->prepare( " AND $end <= %s", $list['now'] ); // phpcs:ignore WordPress.DB
		case 'live':
			$begin = 'COALESCE(zb_begin.meta_value, zb_start.meta_value)';
			// phpcs:ignore WordPress.DB
			return $wpdb->prepare( " AND $begin <= %s AND $end > %s", $list['soon'], $list['now'] );
		case 'month':
			// One that was cancelled or has ended early has an end before its start.
			$last = "COALESCE(zb_last.meta_value, NULLIF(zb_end.meta_value, '1970-01-01 00:00:00'),
				zb_start.meta_value)";
			// phpcs:ignore WordPress.DB
			return $wpdb->prepare( " AND zb_start.meta_value < %s AND $last >= %s", $list['end'], $list['first'] );
	}
	return '';
}

/**
 * Orders the archive of meetings by their dates: those to come first, the next of them on top; past ones last.
 *
 * @since 0.2.0
 *
 * @param WP_Query $query The query, which is changed.
 * @return void
 */
function zoombridge_order_archive( $query ): void {
	if ( is_admin() || ! $query->is_main_query() || $query->is_feed() || $query->get( 'orderby' ) ) {
		return;
	}
	if ( $query->is_post_type_archive( 'zoom-meetings' ) || $query->is_tax( 'zoom-meeting' ) ) {
		$list = array(
			'which' => 'archive',
			'kind'  => '',
		);
		$query->set( 'zoombridge_list', zoombridge_list_bounds( $list, time() ) );
	}
}
add_action( 'pre_get_posts', 'zoombridge_order_archive' );

/**
 * Shows a meeting's date where a page shows the date on which a post was published.
 *
 * @since 0.2.0
 *
 * @param string      $date   The date, as text.
 * @param string      $format Format of the date; empty for the site's own.
 * @param WP_Post|int $post   The post, or its ID.
 * @return string The date of the meeting in its time zone; unchanged for all other posts, in wp-admin and in feeds.
 */
function zoombridge_show_meeting_date( $date, $format, $post ) {
	$post = get_post( $post );
	if ( ! $post || 'zoom-meetings' !== $post->post_type || is_admin() || is_feed() ) {
		return $date;
	}
	$facts  = zoombridge_meeting_facts( $post );
	$format = is_string( $format ) && '' !== $format ? $format : (string) get_option( 'date_format' );
	if ( null !== $facts['start'] ) {
		return (string) wp_date( $format, $facts['start'], $facts['zone'] );
	}
	$is_for_machines = in_array( $format, array( 'c', 'U', DATE_W3C, DATE_ATOM ), true );
	return 'undated' === $facts['phase'] && ! $is_for_machines ? zoombridge_state_name( 'undated' ) : $date;
}
add_filter( 'get_the_date', 'zoombridge_show_meeting_date', 10, 3 );

/**
 * Shows a meeting's date in the block of a post's date, which since WordPress 6.9 formats it in the site's time zone.
 *
 * @since 0.3.0
 *
 * @param string        $html     The block as HTML.
 * @param array         $block    The block, parsed.
 * @param WP_Block|null $instance Optional. The block with its context. Default null.
 * @return string HTML; unchanged for all other posts, for relative dates, and for those that an editor chose.
 */
function zoombridge_show_meeting_date_in_block( $html, $block, $instance = null ) {
	$post_id  = $instance instanceof WP_Block ? (int) ( $instance->context['postId'] ?? 0 ) : 0;
	$given    = $block['attrs'] ?? array();
	$format   = (string) ( $given['format'] ?? '' );
	$is_fixed = isset( $given['datetime'] ) && ! isset( $given['metadata']['bindings']['datetime'] );
	$field    = $given['metadata']['bindings']['datetime']['args']['field'] ?? $given['displayType'] ?? 'date';
	if ( ! $post_id || 'zoom-meetings' !== get_post_type( $post_id ) ) {
		return $html;
	}
	if ( $is_fixed || 'human-diff' === $format || 'date' !== $field ) {
		return $html;
	}
	$date = esc_html( (string) get_the_date( $format, $post_id ) );
	return (string) preg_replace_callback(
		'#(<time\b[^>]*>)[^<]*</time>#',
		static function ( array $found ) use ( $date ): string {
			return $found[1] . $date . '</time>';
		},
		$html
	);
}
add_filter( 'render_block_core/post-date', 'zoombridge_show_meeting_date_in_block', 10, 3 );

/**
 * Shows when a meeting is above its excerpt in the archive of a theme without blocks, which may show no date of it.
 *
 * Block themes have a block for the date, and none of their blocks applies this filter.
 *
 * @since 0.3.0
 *
 * @param string $excerpt The excerpt, as HTML.
 * @return string HTML; unchanged for all other posts, and where VCZAPI's template shows the archive.
 */
function zoombridge_show_date_in_archive( $excerpt ) {
	$post = get_post();
	if ( ! $post || 'zoom-meetings' !== $post->post_type || ! in_the_loop() || post_password_required( $post ) ) {
		return $excerpt;
	}
	if ( zoombridge_has_vczapi() || ! ( is_post_type_archive( 'zoom-meetings' ) || is_tax( 'zoom-meeting' ) ) ) {
		return $excerpt;
	}
	zoombridge_enqueue_visitors_assets();
	$facts = zoombridge_meeting_facts( $post );
	$when  = null === $facts['start'] ? '' : zoombridge_render_time( $facts['start'], $facts['zone'] );
	return sprintf(
		'<div class="zoombridge-visit">%s<p class="zoombridge-item-facts">%s</p></div>%s',
		'' === $when ? '' : '<p class="zoombridge-item-when">' . $when . '</p>',
		zoombridge_render_state( $facts, time() ),
		$excerpt
	);
}
add_filter( 'the_excerpt', 'zoombridge_show_date_in_archive', 20 );
