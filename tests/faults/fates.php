<?php
/**
 * Plugin Name: Fates of requests, for tests
 * Description: Kills or holds a request at the place that a header names, plays VCZAPI's form, and lists posts.
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Arranges for what the header `X-Fate` says of this request: what|hook|count|text|port.
 *
 * At the count-th time that the hook runs with a value that contains the text, the process is killed, or connects to
 * the port and waits until that connection is closed.
 *
 * @return void
 */
function zoombridge_test_arrange_fate(): void {
	global $wpdb;
	if ( ! isset( $_SERVER['HTTP_X_FATE'] ) ) {
		return;
	}
	// Requests that wait for the rows of one that is held would wait for most of a minute.
	$wpdb->query( 'SET SESSION innodb_lock_wait_timeout = 1' );
	$parts = explode( '|', $_SERVER['HTTP_X_FATE'] );
	if ( 5 !== count( $parts ) ) {
		return;
	}
	list( $what, $hook, $count, $text, $port ) = $parts;

	$left = (int) $count;
	add_filter(
		$hook,
		static function ( $value = null ) use ( &$left, $what, $hook, $text, $port ) {
			$is_here = zoombridge_test_is_at_work( $hook )
				&& ( '' === $text || ( is_string( $value ) && false !== strpos( $value, $text ) ) );
			if ( $is_here && 0 === --$left ) {
				'kill' === $what ? posix_kill( getmypid(), 9 ) : zoombridge_test_wait( (int) $port );
			}
			return $value;
		},
		PHP_INT_MAX
	);
}

/**
 * Whether the request does what it came for; before that, WordPress loads, which takes dozens of queries.
 *
 * @param string $hook Name of the hook.
 * @return bool True for other hooks than `query` always.
 */
function zoombridge_test_is_at_work( string $hook ): bool {
	return 'query' !== $hook || defined( 'ZOOMBRIDGE_SYNCING' ) || did_action( 'zoombridge_test_form' );
}

/**
 * Tells the test that the place is reached, and waits until it closes the connection.
 *
 * @param int $port Port on which the test listens.
 * @return void
 */
function zoombridge_test_wait( int $port ): void {
	$gate = fsockopen( '127.0.0.1', $port );
	fwrite( $gate, 'here' );
	fread( $gate, 1 );
	fclose( $gate );
}

/**
 * Notes each revision that the bridge writes, in the order of the writes.
 *
 * @param int    $meta_id ID of the meta.
 * @param int    $post_id ID of the post.
 * @param string $key     Key of the meta.
 * @param mixed  $value   Its value.
 * @return void
 */
function zoombridge_test_note_revision( $meta_id, $post_id, $key, $value ): void {
	if ( '_zoombridge_revision' === $key ) {
		file_put_contents( WP_CONTENT_DIR . '/revisions.txt', "$post_id $value\n", FILE_APPEND | LOCK_EX );
	}
}

/**
 * Saves a meeting as VCZAPI's form does: first the post, then it calls Zoom, then it stores what Zoom told.
 *
 * @return void
 */
function zoombridge_test_save_form(): void {
	do_action( 'zoombridge_test_form' );
	wp_set_current_user( get_users( array( 'role' => 'administrator' ) )[0]->ID );
	$details = json_decode( wp_unslash( $_POST['details'] ) );
	$post    = (int) $_POST['post'];
	if ( ! $post ) {
		vczapi_double_make( (array) $details );
		return;
	}
	wp_update_post(
		array(
			'ID'         => $post,
			'post_title' => $details->topic,
		)
	);
	update_post_meta( $post, '_meeting_zoom_details', $details );
	update_post_meta( $post, '_meeting_zoom_join_url', $details->join_url );
	update_post_meta( $post, '_meeting_zoom_meeting_id', (string) $details->id );
}

/**
 * Lists all meeting posts, with their raw metas.
 *
 * @return array Rows by ID.
 */
function zoombridge_test_list_posts(): array {
	global $wpdb;
	$posts = array();
	$rows  = $wpdb->get_results(
		"SELECT ID, post_title, post_content, post_status FROM {$wpdb->posts} WHERE post_type = 'zoom-meetings'"
	);
	foreach ( $rows as $row ) {
		$posts[ (int) $row->ID ] = array(
			'title'   => $row->post_title,
			'content' => $row->post_content,
			'status'  => $row->post_status,
			'metas'   => array(),
		);
	}
	foreach ( $wpdb->get_results( "SELECT post_id, meta_key, meta_value FROM {$wpdb->postmeta}" ) as $meta ) {
		if ( isset( $posts[ (int) $meta->post_id ] ) ) {
			$posts[ (int) $meta->post_id ]['metas'][ $meta->meta_key ][] = $meta->meta_value;
		}
	}
	return $posts;
}

/**
 * Lets time pass for the locks that requests left behind which were killed.
 *
 * @param int $seconds How many seconds.
 * @return int How many locks there are.
 */
function zoombridge_test_age_locks( int $seconds ): int {
	global $wpdb;
	$locks = $wpdb->get_results(
		"SELECT option_name, option_value FROM {$wpdb->options}
		WHERE option_name LIKE 'zoombridge_making_%' OR option_name LIKE 'zoombridge_writing_%'
		OR option_name LIKE 'zoombridge_saving_%'"
	);
	foreach ( $locks as $lock ) {
		$aged = array( 'option_value' => (string) ( (int) $lock->option_value - $seconds ) );
		$wpdb->update( $wpdb->options, $aged, array( 'option_name' => $lock->option_name ) );
	}
	return count( $locks );
}

zoombridge_test_arrange_fate();
add_action( 'added_post_meta', 'zoombridge_test_note_revision', 10, 4 );
add_action( 'updated_post_meta', 'zoombridge_test_note_revision', 10, 4 );
add_action(
	'wp_loaded',
	static function () {
		switch ( $_GET['zoombridge_test'] ?? '' ) {
			case 'form':
				zoombridge_test_save_form();
				exit( 'saved' );
			case 'posts':
				wp_send_json( zoombridge_test_list_posts() );
			case 'age':
				wp_send_json( zoombridge_test_age_locks( (int) $_GET['seconds'] ) );
		}
	}
);
