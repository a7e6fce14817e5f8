<?php
/**
 * The double's lists: columns in wp-admin, the archive, the Import.
 *
 * @package Zoom_WordPress_Bridge
 */

add_filter(
	'manage_zoom-meetings_posts_columns',
	static function ( $columns ) {
		return $columns + array(
			'start_meeting' => 'Start',
			'start_date'    => 'Date',
			'meeting_state' => 'State',
		);
	},
	20
);

add_action(
	'manage_zoom-meetings_posts_custom_column',
	static function ( $column, $post_id ) {
		$details = get_post_meta( $post_id, '_meeting_zoom_details', true ) ?: new stdClass();
		if ( 'start_meeting' === $column ) {
			// "Absent gives 'Meeting not created yet.' in the list."
			echo empty( $details->start_url )
				? 'Meeting not created yet.'
				: '<a class="vczapi-start" href="' . esc_url( $details->start_url ) . '">Start</a>';
		} elseif ( 'start_date' === $column ) {
			if ( ! empty( $details->code ) ) {
				echo esc_html( $details->message );
			} elseif ( empty( $details->start_time ) ) {
				$is_series = in_array( $details->type ?? null, array( 3, 6, 8, 9 ), true );
				echo $is_series ? 'Recurring' : 'Meeting not created yet.';
			} else {
				echo esc_html( $details->start_time );
			}
		}
	},
	20,
	2
);

// "`state`, 'ended' or '', set by its 'Disable join' button." Seen with 4.6.7: the button sends the action
// `state_change`, with a nonce that a script of the list has, and the whole details are written back.
add_action(
	'admin_footer-edit.php',
	static function () {
		$data = array( 'zvc_security' => wp_create_nonce( '_nonce_zvc_security' ) );
		echo '<script>var vczapi_double = ' . wp_json_encode( $data ) . ';</script>';
	}
);
add_action(
	'wp_ajax_state_change',
	static function () {
		check_ajax_referer( '_nonce_zvc_security', 'accss' );
		if ( ! current_user_can( 'manage_options' ) ) {
			return;
		}
		$post_id = absint( $_POST['post_id'] ?? 0 );
		$details = get_post_meta( $post_id, '_meeting_zoom_details', true );

		$details->state = 'end' === ( $_POST['state'] ?? '' ) ? 'ended' : '';
		update_post_meta( $post_id, '_meeting_zoom_details', $details );
		wp_send_json_success( true );
	}
);

/**
 * Prints an item of a list of meetings, in the archive and in its shortcode.
 *
 * @param int $post_id The post.
 * @return void
 */
function vczapi_double_item( int $post_id ): void {
	$details = get_post_meta( $post_id, '_meeting_zoom_details', true );
	// "Types 3, 6, 8 and 9" need PRO; "the plugin's lists skip the post until both keys are gone".
	if ( in_array( $details->type ?? null, array( 3, 6, 8, 9 ), true ) || ! empty( $details->code ) ) {
		return;
	}
	// "A details object of type 2 or 5 without `start_time` is listed everywhere as starting now."
	$start = new DateTime( $details->start_time ?? 'now' );
	printf(
		'<article class="vczapi-item"><h3>%s</h3><p>%s</p></article>',
		esc_html( get_the_title( $post_id ) ),
		esc_html( $start->format( 'F j, Y @ g:i a' ) )
	);
}

/**
 * Prints the posts of a query as a list.
 *
 * @param WP_Query $query The query.
 * @param string   $slug  First part of the name of an item's template.
 * @param string   $name  Second part of it.
 * @return void
 */
function vczapi_double_list( WP_Query $query, string $slug, string $name ): void {
	while ( $query->have_posts() ) {
		$query->the_post();
		// Seen with 4.6.7: items are parts of templates, chosen by this filter for each post.
		load_template( apply_filters( 'vcz_get_template_part', __DIR__ . '/item.php', $slug, $name ), false );
	}
	wp_reset_postdata();
}

add_shortcode(
	'zoom_list_meetings',
	static function () {
		$query = new WP_Query(
			array(
				'post_type'      => 'zoom-meetings',
				'posts_per_page' => 50,
				// "Lists are ordered by it: a post without it is not listed."
				'meta_key'       => '_meeting_field_start_date_utc', // phpcs:ignore WordPress.DB
				'orderby'        => 'meta_value',
			)
		);
		ob_start();
		vczapi_double_list( $query, 'shortcode/zoom', 'listing' );
		return ob_get_clean();
	}
);

// "Its Import looks for posts in publish, draft, pending and future only."
add_action(
	'wp_ajax_vczapi_sync_user',
	static function () {
		$posts   = get_posts(
			array(
				'post_type'      => 'zoom-meetings',
				'posts_per_page' => -1,
				'post_status'    => array( 'pending', 'draft', 'future', 'publish' ),
			)
		);
		$numbers = array();
		foreach ( $posts as $post ) {
			$numbers[] = get_post_meta( $post->ID, '_meeting_zoom_meeting_id', true );
		}
		if ( 'sync' !== ( $_POST['type'] ?? '' ) ) {
			wp_send_json_success();
		}
		$number = sanitize_text_field( wp_unslash( $_POST['meeting_id'] ?? '' ) );
		if ( in_array( $number, $numbers, true ) ) {
			wp_send_json_error( array( 'meeting_id' => $number ) );
		}
		$details = vczapi_double_zoom( 'GET', "meetings/$number" );
		$post_id = vczapi_double_make(
			(array) $details,
			// "It writes `alternative_host_ids` as a string."
			array( 'alternative_host_ids' => $details->settings->alternative_hosts ?? '' )
		);
		wp_send_json_success( array( 'meeting_id' => get_post_meta( $post_id, '_meeting_zoom_meeting_id', true ) ) );
	}
);
