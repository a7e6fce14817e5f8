<?php
/**
 * The list of meetings in wp-admin: columns of what Zoom says, and filters by the dates of the meetings.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

// Months of the filter, the newest first.
const ZOOMBRIDGE_MOST_MONTHS = 120;

/**
 * Adds the columns after the title. VCZAPI has columns of its own for date, kind and number as its form saved them.
 *
 * The date on which a post was published says nothing of a meeting, and goes.
 *
 * @since 0.2.0
 *
 * @param string[] $columns Headings by name.
 * @return string[] The headings.
 */
function zoombridge_add_list_columns( $columns ): array {
	$own = array(
		'zoombridge_date'  => __( 'Next date', 'meetings-bridge-for-zoom' ),
		'zoombridge_state' => __( 'State', 'meetings-bridge-for-zoom' ),
	);
	if ( ! zoombridge_has_vczapi() ) {
		$own['zoombridge_kind']   = __( 'Kind', 'meetings-bridge-for-zoom' );
		$own['zoombridge_number'] = __( 'Zoom number', 'meetings-bridge-for-zoom' );
		unset( $columns['date'] );
	}
	$own['zoombridge_host']   = __( 'Zoom host', 'meetings-bridge-for-zoom' );
	$own['zoombridge_origin'] = __( 'Follows Zoom', 'meetings-bridge-for-zoom' );

	$after_title = 1 + (int) array_search( 'title', array_keys( $columns ), true );
	return array_slice( $columns, 0, $after_title ) + $own + $columns;
}
add_filter( 'manage_zoom-meetings_posts_columns', 'zoombridge_add_list_columns', 30 );

/**
 * Lets the list be sorted by the next date.
 *
 * @since 0.2.0
 *
 * @param array $columns Names for the query by column.
 * @return array The names.
 */
function zoombridge_add_sortable_columns( $columns ): array {
	$columns['zoombridge_date'] = 'zoombridge_date';
	return $columns;
}
add_filter( 'manage_edit-zoom-meetings_sortable_columns', 'zoombridge_add_sortable_columns' );

/**
 * Prints a cell.
 *
 * @since 0.2.0
 *
 * @param string $column  Name of the column.
 * @param int    $post_id ID of the post.
 * @return void
 */
function zoombridge_print_list_cell( $column, $post_id ): void {
	if ( 0 !== strpos( $column, 'zoombridge_' ) ) {
		return;
	}
	$texts = zoombridge_list_cells( get_post( $post_id ), time() );
	echo esc_html( $texts[ $column ] ?? '' );
}
add_action( 'manage_zoom-meetings_posts_custom_column', 'zoombridge_print_list_cell', 10, 2 );

/**
 * Returns what the columns say of a post.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @param int     $now  Unix time.
 * @return string[] Plain text by column.
 */
function zoombridge_list_cells( WP_Post $post, int $now ): array {
	$number = (string) get_post_meta( $post->ID, '_meeting_zoom_meeting_id', true );
	if ( '' === $number ) {
		return array( 'zoombridge_origin' => __( 'No: it has no meeting in Zoom', 'meetings-bridge-for-zoom' ) );
	}
	$facts  = zoombridge_meeting_facts( $post );
	$fields = (array) zoombridge_unfitted_meta( $post->ID, '_meeting_fields' );
	$host   = zoombridge_unfitted_meta( $post->ID, '_meeting_zoom_details' )->host_email ?? $fields['userId'] ?? '';
	return array(
		'zoombridge_date'   => zoombridge_meeting_time( $post->ID ),
		'zoombridge_state'  => zoombridge_state_name( zoombridge_meeting_state( $facts, $now ) ),
		'zoombridge_kind'   => zoombridge_kind_name( $facts['kind'] ),
		'zoombridge_number' => $number,
		'zoombridge_host'   => is_string( $host ) ? $host : '',
		'zoombridge_origin' => zoombridge_is_managed_post( $post->ID )
			? __( 'Yes', 'meetings-bridge-for-zoom' )
			: __( 'No', 'meetings-bridge-for-zoom' ),
	);
}

/**
 * Returns the name of a kind.
 *
 * @since 0.2.0
 *
 * @param string $kind `meeting` or `webinar`.
 * @return string Plain text.
 */
function zoombridge_kind_name( string $kind ): string {
	return 'webinar' === $kind
		? __( 'Webinar', 'meetings-bridge-for-zoom' )
		: __( 'Meeting', 'meetings-bridge-for-zoom' );
}

/**
 * Takes from wp-admin what adds a post where that would make no meeting: without VCZAPI, they come from Zoom alone.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_hide_add_new(): void {
	if ( is_admin() && zoombridge_owns_post_type() ) {
		get_post_type_object( 'zoom-meetings' )->cap->create_posts = 'do_not_allow';
	}
}
add_action( 'init', 'zoombridge_hide_add_new', 100 );

/**
 * Takes the same from the toolbar.
 *
 * @since 0.2.0
 *
 * @param WP_Admin_Bar $toolbar The toolbar.
 * @return void
 */
function zoombridge_hide_add_new_in_toolbar( $toolbar ): void {
	if ( zoombridge_owns_post_type() ) {
		$toolbar->remove_node( 'new-zoom-meetings' );
	}
}
add_action( 'admin_bar_menu', 'zoombridge_hide_add_new_in_toolbar', 80 );

/**
 * Takes WordPress's filter by the month of publication from the list.
 *
 * @since 0.2.0
 *
 * @param bool   $is_disabled Whether it is gone already.
 * @param string $post_type   Name of the post type.
 * @return bool True for meetings, otherwise unchanged.
 */
function zoombridge_disable_months( $is_disabled, $post_type ) {
	return 'zoom-meetings' === $post_type ? true : $is_disabled;
}
add_filter( 'disable_months_dropdown', 'zoombridge_disable_months', 10, 2 );

/**
 * Prints the filters by date and kind.
 *
 * @since 0.2.0
 *
 * @param string $post_type Name of the post type.
 * @return void
 */
function zoombridge_print_list_filters( $post_type ): void {
	if ( 'zoom-meetings' !== $post_type ) {
		return;
	}
	$dates = array(
		''         => __( 'All dates', 'meetings-bridge-for-zoom' ),
		'upcoming' => __( 'Upcoming', 'meetings-bridge-for-zoom' ),
		'live'     => __( 'Live or soon', 'meetings-bridge-for-zoom' ),
		'past'     => __( 'Past', 'meetings-bridge-for-zoom' ),
	);
	$kinds = array(
		''        => __( 'Meetings and webinars', 'meetings-bridge-for-zoom' ),
		'meeting' => __( 'Meetings', 'meetings-bridge-for-zoom' ),
		'webinar' => __( 'Webinars', 'meetings-bridge-for-zoom' ),
	);
	$label = __( 'Filter by the date of the meeting', 'meetings-bridge-for-zoom' );
	zoombridge_print_select( 'zoombridge_when', $label, $dates + zoombridge_months_of_meetings() );
	$label = __( 'Filter by kind', 'meetings-bridge-for-zoom' );
	zoombridge_print_select( 'zoombridge_kind', $label, $kinds );
}
add_action( 'restrict_manage_posts', 'zoombridge_print_list_filters' );

/**
 * Prints a filter.
 *
 * @since 0.2.0
 *
 * @param string   $name    Name of the field.
 * @param string   $label   What it is for.
 * @param string[] $choices Labels by value.
 * @return void
 */
function zoombridge_print_select( string $name, string $label, array $choices ): void {
	$chosen = zoombridge_list_filter( $name );
	printf(
		'<label class="screen-reader-text" for="%1$s">%2$s</label><select name="%1$s" id="%1$s">',
		esc_attr( $name ),
		esc_html( $label )
	);
	foreach ( $choices as $value => $text ) {
		$mark = (string) $value === $chosen ? ' selected' : '';
		printf( '<option value="%s"%s>%s</option>', esc_attr( (string) $value ), esc_attr( $mark ), esc_html( $text ) );
	}
	echo '</select>';
}

/**
 * Returns what a filter is set to.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the field.
 * @return string The value; empty for none.
 */
function zoombridge_list_filter( string $name ): string {
	// phpcs:ignore WordPress.Security -- Filtering changes nothing; it is sanitized below.
	$value = isset( $_GET[ $name ] ) && is_string( $_GET[ $name ] ) ? wp_unslash( $_GET[ $name ] ) : '';
	return sanitize_text_field( $value );
}

/**
 * Returns the months in which meetings begin.
 *
 * @since 0.2.0
 *
 * @return string[] Names by month, as `Y-m`; the newest first.
 */
function zoombridge_months_of_meetings(): array {
	global $wpdb;
	// phpcs:ignore WordPress.DB.DirectDatabaseQuery -- As WordPress's own filter by month does.
	$months = $wpdb->get_col(
		$wpdb->prepare(
			"SELECT DISTINCT SUBSTR(meta_value, 1, 7) AS month FROM $wpdb->postmeta
			WHERE meta_key = '_meeting_field_start_date_utc' AND meta_value < %s ORDER BY month DESC LIMIT %d",
			ZOOMBRIDGE_NEVER_OVER,
			ZOOMBRIDGE_MOST_MONTHS
		)
	);
	$names  = array();
	foreach ( $months as $month ) {
		$first = zoombridge_utc_time( "$month-01 00:00:00" );
		if ( $first ) {
			$names[ $month ] = (string) wp_date( 'F Y', $first, new DateTimeZone( 'UTC' ) );
		}
	}
	return $names;
}

/**
 * Selects and orders the list as its filters and headings say.
 *
 * @since 0.2.0
 *
 * @param WP_Query $query The query, which is changed.
 * @return void
 */
function zoombridge_filter_list( $query ): void {
	global $pagenow;
	if ( ! is_admin() || 'edit.php' !== $pagenow || ! $query->is_main_query() ) {
		return;
	}
	if ( 'zoom-meetings' !== $query->get( 'post_type' ) ) {
		return;
	}
	$when  = zoombridge_list_filter( 'zoombridge_when' );
	$kind  = zoombridge_list_filter( 'zoombridge_kind' );
	$list  = array(
		'which' => in_array( $when, array( 'upcoming', 'live', 'past' ), true ) ? $when : 'all',
		'kind'  => in_array( $kind, array( 'meeting', 'webinar' ), true ) ? $kind : '',
	);
	$order = 'zoombridge_date' === $query->get( 'orderby' ) ? strtoupper( (string) $query->get( 'order' ) ) : '';
	if ( zoombridge_utc_time( "$when-01 00:00:00" ) ) {
		$list['which'] = 'month';
		$list['month'] = "$when-01";
	} elseif ( 'all' === $list['which'] && '' === $list['kind'] && '' === $order ) {
		return;
	}
	$bounds = zoombridge_list_bounds( $list, time() );
	if ( '' !== $order ) {
		$bounds['order'] = 'DESC' === $order ? 'DESC' : 'ASC';
	}
	$query->set( 'zoombridge_list', $bounds );
}
add_action( 'pre_get_posts', 'zoombridge_filter_list' );

/**
 * Adds the link to the settings to the plugin's row in the list of plugins.
 *
 * @since 0.2.0
 *
 * @param string[] $links The links, as HTML.
 * @return string[] The links.
 */
function zoombridge_add_settings_link( $links ): array {
	$link = sprintf(
		'<a href="%s">%s</a>',
		esc_url( zoombridge_page_url() ),
		esc_html__( 'Settings', 'meetings-bridge-for-zoom' )
	);
	return zoombridge_can_manage() ? array_merge( array( 'settings' => $link ), $links ) : $links;
}
add_filter( 'plugin_action_links_' . plugin_basename( __DIR__ . '/load.php' ), 'zoombridge_add_settings_link' );

/**
 * Suggests what a site's privacy policy says of the plugin.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_suggest_privacy_policy(): void {
	$texts = array(
		__( 'Meetings on this site take place in Zoom.', 'meetings-bridge-for-zoom' ),
		__( 'Who follows a link to join leaves this site.', 'meetings-bridge-for-zoom' ),
		__( 'What Zoom then learns, its own privacy statement says.', 'meetings-bridge-for-zoom' ),
		__( 'Titles, dates and hosts of meetings come from Zoom by a server of our own.', 'meetings-bridge-for-zoom' ),
		__( 'Nothing about the readers of a page is sent there.', 'meetings-bridge-for-zoom' ),
	);
	$html  = '<p>' . esc_html( implode( ' ', $texts ) ) . '</p>';
	wp_add_privacy_policy_content( 'Meetings Bridge for Zoom', $html );
}
add_action( 'admin_init', 'zoombridge_suggest_privacy_policy' );

/**
 * Adds the connection to the tests of Site Health.
 *
 * @since 0.2.0
 *
 * @param array $tests The tests.
 * @return array The tests.
 */
function zoombridge_add_health_test( $tests ): array {
	$tests['direct']['zoombridge_connection'] = array(
		'label' => __( 'Connection to the bridge', 'meetings-bridge-for-zoom' ),
		'test'  => 'zoombridge_test_health',
	);
	return $tests;
}
add_filter( 'site_status_tests', 'zoombridge_add_health_test' );

/**
 * Tests whether the bridge answers.
 *
 * @since 0.2.0
 *
 * @return array The result, as Site Health takes it.
 */
function zoombridge_test_health(): array {
	$called = zoombridge_call_bridge();
	$is_ok  = $called['reached'] && 200 === $called['status'];
	$differ = $is_ok ? zoombridge_compare_versions( $called['version'] ) : null;
	$label  = $is_ok
		? __( 'This site is connected to its bridge', 'meetings-bridge-for-zoom' )
		: __( 'Meetings do not follow Zoom: this site is not connected to its bridge', 'meetings-bridge-for-zoom' );
	$text   = $is_ok
		? __( 'The bridge answered. Meetings appear and change by themselves.', 'meetings-bridge-for-zoom' )
		: $called['message'];
	if ( null !== $differ ) {
		$is_ok = false;
		$label = __( 'The versions of this site’s Zoom plugin and its bridge differ', 'meetings-bridge-for-zoom' );
		$text  = $differ['text'];
	}
	$link   = sprintf(
		'<a href="%s">%s</a>',
		esc_url( zoombridge_page_url() ),
		esc_html__( 'Open the settings', 'meetings-bridge-for-zoom' )
	);
	$status = $is_ok ? 'good' : 'critical';
	if ( $is_ok && in_array( zoombridge_loader_state(), array( 'outdated', 'missing' ), true ) ) {
		$status = 'recommended'; // It is wanted and does not work.
	}
	if ( null !== $differ && ! $differ['stops'] ) {
		$status = 'recommended';
	}
	return array(
		'label'       => $label,
		'status'      => $status,
		'badge'       => array(
			'label' => __( 'Zoom', 'meetings-bridge-for-zoom' ),
			'color' => 'blue',
		),
		'description' => '<p>' . esc_html( $text ) . '</p><p>' . esc_html( zoombridge_loader_status() ) . '</p>',
		'actions'     => 'good' === $status ? '' : "<p>$link</p>",
		'test'        => 'zoombridge_connection',
	);
}
