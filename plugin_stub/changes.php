<?php
/**
 * Tells the bridge what others change of its posts: users, other plugins, scheduled tasks.
 *
 * Each changed post has one row in the table of options, until the bridge has acknowledged its version. The rows go
 * with the answers of the sync protocol; the call to the bridge says only that there is something to fetch.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 *
 * phpcs:disable WordPress.DB.DirectDatabaseQuery
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_MOST_CHANGES = 50;
const ZOOMBRIDGE_SWEEP_PAGE   = 500;
const ZOOMBRIDGE_SWEEP_STEP   = 50;

/**
 * Notes a post of which others have changed title, content, status, password, address or type.
 *
 * @since 0.2.0
 *
 * @param int     $post_id ID of the post.
 * @param WP_Post $after   The post as it is now.
 * @param WP_Post $before  The post as it was.
 * @return void
 */
function zoombridge_note_update( $post_id, $after, $before ): void {
	if ( ! in_array( 'zoom-meetings', array( $after->post_type, $before->post_type ), true ) ) {
		return;
	}
	$columns = array( 'post_title', 'post_content', 'post_status', 'post_password', 'post_name', 'post_type' );
	foreach ( $columns as $column ) {
		if ( $after->$column !== $before->$column ) {
			zoombridge_note_change( (int) $post_id );
			return;
		}
	}
}
add_action( 'post_updated', 'zoombridge_note_update', PHP_INT_MAX, 3 );

/**
 * Notes a post of which others have changed the status. WordPress publishes a scheduled post without an update.
 *
 * @since 0.2.0
 *
 * @param string  $new_status The status now.
 * @param string  $old_status The status before.
 * @param WP_Post $post       The post.
 * @return void
 */
function zoombridge_note_transition( $new_status, $old_status, $post ): void {
	if ( 'zoom-meetings' === $post->post_type && $new_status !== $old_status ) {
		zoombridge_note_change( (int) $post->ID );
	}
}
add_action( 'transition_post_status', 'zoombridge_note_transition', PHP_INT_MAX, 3 );

/**
 * Notes a post of which others have changed a meta that the bridge writes.
 *
 * @since 0.2.0
 *
 * @param int|int[] $meta_id IDs of the metas.
 * @param int       $post_id ID of the post.
 * @param string    $key     Key of the meta.
 * @return void
 */
function zoombridge_note_meta( $meta_id, $post_id, $key ): void {
	unset( $meta_id );
	if ( in_array( $key, zoombridge_sync_meta_keys(), true ) && ! zoombridge_number_being_deleted( (int) $post_id ) ) {
		zoombridge_note_change( (int) $post_id );
	}
}
add_action( 'added_post_meta', 'zoombridge_note_meta', PHP_INT_MAX, 3 );
add_action( 'updated_post_meta', 'zoombridge_note_meta', PHP_INT_MAX, 3 );
add_action( 'deleted_post_meta', 'zoombridge_note_meta', PHP_INT_MAX, 3 );

/**
 * Stores and returns the meeting number of a managed post while WordPress deletes it.
 *
 * @since 0.2.0
 *
 * @param int         $post_id ID of the post.
 * @param string|null $number  Optional. The number, from now on. Default null: unchanged.
 * @return string The number; empty if the post is not being deleted, or not managed.
 */
function zoombridge_number_being_deleted( int $post_id, ?string $number = null ): string {
	static $numbers = array();
	if ( null !== $number ) {
		$numbers[ $post_id ] = $number;
	}
	return $numbers[ $post_id ] ?? '';
}

/**
 * Remembers the meeting number of a post before WordPress deletes its metas.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return void
 */
function zoombridge_note_before_deletion( $post_id ): void {
	$number = zoombridge_is_managed( (int) $post_id ) ? zoombridge_number_of( (int) $post_id ) : '';
	zoombridge_number_being_deleted( (int) $post_id, $number );
}
add_action( 'before_delete_post', 'zoombridge_note_before_deletion', PHP_INT_MAX );

/**
 * Notes a post that others have deleted.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return void
 */
function zoombridge_note_deletion( $post_id ): void {
	$number = zoombridge_number_being_deleted( (int) $post_id );
	zoombridge_number_being_deleted( (int) $post_id, '' );
	if ( '' !== $number && ! zoombridge_is_own_write( (int) $post_id ) ) {
		zoombridge_record_change( (int) $post_id, $number );
	}
}
add_action( 'deleted_post', 'zoombridge_note_deletion', PHP_INT_MAX );

/**
 * Calls the bridge where VCZAPI or its add-on comes or goes. Every answer of the sync protocol tells which are active.
 *
 * @since 0.2.0
 *
 * @param string $plugin The plugin's file, below the folder of plugins.
 * @return void
 */
function zoombridge_note_plugin( $plugin ): void {
	if ( zoombridge_is_vczapi_file( WP_PLUGIN_DIR . '/' . $plugin ) && null !== zoombridge_stored_connection() ) {
		zoombridge_nudge_at_end();
	}
}
add_action( 'activated_plugin', 'zoombridge_note_plugin' );
add_action( 'deactivated_plugin', 'zoombridge_note_plugin' );

/**
 * Whether the bridge manages a post.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return bool True if it does; see zoombridge_sync_is_managed().
 */
function zoombridge_is_managed( int $post_id ): bool {
	$metas = array();
	foreach ( array( '_zoombridge_post', '_zoombridge_revision' ) as $key ) {
		if ( metadata_exists( 'post', $post_id, $key ) ) {
			$metas[ $key ] = get_post_meta( $post_id, $key, true );
		}
	}
	return zoombridge_sync_is_managed(
		array(
			'ID'    => $post_id,
			'metas' => $metas,
		)
	);
}

/**
 * Returns the Zoom meeting number of a post.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return string The number; empty if there is none.
 */
function zoombridge_number_of( int $post_id ): string {
	$number = get_post_meta( $post_id, '_meeting_zoom_meeting_id', true );
	return is_scalar( $number ) ? (string) $number : '';
}

/**
 * Whether this request is the bridge's own, and an operation on the post is at work.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return bool True between the beginning and the end of the operation, whose result tells what stands.
 */
function zoombridge_is_own_write( int $post_id ): bool {
	return zoombridge_is_syncing() && in_array( 'zoombridge_writing_' . $post_id, zoombridge_held_locks(), true );
}

/**
 * Notes that others have changed a post, if the bridge manages it.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return void
 */
function zoombridge_note_change( int $post_id ): void {
	// In this order: the first costs nothing, the second may read metas.
	if ( ! zoombridge_is_own_write( $post_id ) && zoombridge_is_managed( $post_id ) ) {
		zoombridge_record_change( $post_id, zoombridge_number_of( $post_id ) );
	}
}

/**
 * Writes the row of a changed post, with a new version.
 *
 * @since 0.2.0
 *
 * @param int    $post_id ID of the post.
 * @param string $number  Zoom meeting number of the post.
 * @return void
 */
function zoombridge_record_change( int $post_id, string $number ): void {
	global $wpdb;
	if ( null === zoombridge_stored_connection() ) {
		return;
	}
	// No counter: a row that begins anew must not have a version that is still to be acknowledged.
	$version = bin2hex( random_bytes( 8 ) );
	$value   = implode( '|', array( $version, zoombridge_kind_of_author(), time(), $number ) );
	$wpdb->query(
		$wpdb->prepare(
			"INSERT INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')
			ON DUPLICATE KEY UPDATE option_value = VALUES(option_value)",
			'zoombridge_changed_' . $post_id,
			$value
		)
	);
	zoombridge_nudge_at_end();
}

/**
 * Returns who is at work in this request.
 *
 * @since 0.2.0
 *
 * @return string `user` for people, also at the command line; `cron` for scheduled tasks; `plugin` for any other code.
 */
function zoombridge_kind_of_author(): string {
	if ( wp_doing_cron() ) {
		return 'cron';
	}
	$is_person = get_current_user_id() || ( defined( 'WP_CLI' ) && WP_CLI );
	return $is_person ? 'user' : 'plugin';
}

/**
 * Has the bridge called when this request ends, once. Not in a request of the bridge, which has an answer.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_nudge_at_end(): void {
	if ( ! zoombridge_is_syncing() && false === has_action( 'shutdown', 'zoombridge_nudge_bridge' ) ) {
		add_action( 'shutdown', 'zoombridge_nudge_bridge' );
	}
}

/**
 * Tells the bridge that there is something to fetch, and does not wait for its answer. Nothing depends on it.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_nudge_bridge(): void {
	$connection = zoombridge_get_connection();
	if ( null === $connection ) {
		return;
	}
	$parts = array(
		'body'    => '',
		'context' => zoombridge_encode_context( array() ),
		'headers' => array(),
	);
	wp_remote_post(
		$connection['bridge'] . '/stub/changed',
		array(
			'headers'     => zoombridge_request_headers( $connection, 'POST', '/stub/changed', $parts ),
			'user-agent'  => zoombridge_user_agent(),
			'timeout'     => 0.01,
			'blocking'    => false,
			'redirection' => 0,
		)
	);
}

/**
 * Removes the rows of changes that the bridge has acknowledged. A post that has changed since keeps its row.
 *
 * @since 0.2.0
 *
 * @param array $acknowledged `post` and `version` of each change.
 * @return void
 */
function zoombridge_forget_changes( array $acknowledged ): void {
	global $wpdb;
	foreach ( $acknowledged as $change ) {
		$wpdb->query(
			$wpdb->prepare(
				"DELETE FROM {$wpdb->options} WHERE option_name = %s AND option_value LIKE %s",
				'zoombridge_changed_' . $change['post'],
				$wpdb->esc_like( $change['version'] . '|' ) . '%'
			)
		);
	}
}

/**
 * Lists what others have changed, as it stands now: the changes that came first, at most ZOOMBRIDGE_MOST_CHANGES.
 *
 * @since 0.2.0
 *
 * @return array The changes, as docs/sync.md specifies them.
 */
function zoombridge_list_changes(): array {
	global $wpdb;
	$found = $wpdb->get_results(
		$wpdb->prepare(
			"SELECT option_name, option_value FROM {$wpdb->options}
			WHERE option_name >= 'zoombridge_changed_0' AND option_name < 'zoombridge_changed_A'
			ORDER BY option_id LIMIT %d",
			ZOOMBRIDGE_MOST_CHANGES
		)
	);
	zoombridge_require_read();
	$noted = array();
	foreach ( $found as $option ) {
		$noted[ (int) substr( $option->option_name, strlen( 'zoombridge_changed_' ) ) ] = $option->option_value;
	}
	$rows    = zoombridge_sync_read_rows( array_keys( $noted ) );
	$changes = array();
	foreach ( $noted as $post_id => $value ) {
		list( $version, $by, $at, $number ) = explode( '|', $value . '|||' );

		$change    = array(
			'post'    => $post_id,
			'version' => $version,
			'number'  => $number,
			'by'      => $by,
			'at'      => (int) $at,
		);
		$row       = $rows[ $post_id ] ?? null;
		$changes[] = $change + ( $row ? zoombridge_describe_swept( $row ) : array( 'status' => 'deleted' ) );
	}
	return $changes;
}

/**
 * Describes a post for changes and sweeps.
 *
 * @since 0.2.0
 *
 * @param array $row The post; see zoombridge_sync_read_rows().
 * @return array What stands, as docs/sync.md specifies it.
 */
function zoombridge_describe_swept( array $row ): array {
	$stands = zoombridge_sync_what_stands( $row );
	return array(
		'post'          => $row['ID'],
		'number'        => $row['metas']['_meeting_zoom_meeting_id'] ?? '',
		'link'          => $stands['link'],
		'status'        => $stands['status'],
		'password'      => $stands['password'],
		'digest'        => $stands['digest'],
		'ours'          => 'bridge' === $stands['by'],
		'altered'       => zoombridge_sync_altered_metas( $row ),
		'editors_title' => $stands['editors_title'],
	);
}

/**
 * Carries out the operation `sweep`: lists the posts that the bridge manages, in the order of their IDs.
 *
 * @since 0.2.0
 *
 * @param int $after ID after which the list begins.
 * @return array The posts, and the ID after which the next page begins; null after the last.
 */
function zoombridge_sync_sweep( int $after ): array {
	global $wpdb;
	$ids = $wpdb->get_col(
		$wpdb->prepare(
			"SELECT DISTINCT p.ID FROM {$wpdb->posts} p JOIN {$wpdb->postmeta} m ON m.post_id = p.ID
			WHERE p.post_type = 'zoom-meetings' AND p.ID > %d
			AND m.meta_key IN ('_zoombridge_post', '_zoombridge_revision') ORDER BY p.ID LIMIT %d",
			$after,
			ZOOMBRIDGE_SWEEP_PAGE
		)
	);
	zoombridge_require_read();
	$ids   = array_map( 'intval', $ids );
	$posts = array();
	$last  = $after;
	foreach ( array_chunk( $ids, ZOOMBRIDGE_SWEEP_STEP ) as $part ) {
		// Contents may be large; the next page goes on where this one stops.
		if ( $last > $after && zoombridge_sync_is_short_of_memory() ) {
			break;
		}
		$rows = zoombridge_sync_read_rows( $part );
		foreach ( $part as $id ) {
			if ( isset( $rows[ $id ] ) && zoombridge_sync_is_managed( $rows[ $id ] ) ) {
				$posts[] = zoombridge_describe_swept( $rows[ $id ] );
			}
		}
		$last = end( $part );
	}
	$is_end = count( $ids ) < ZOOMBRIDGE_SWEEP_PAGE && max( array( $after, ...$ids ) ) === $last;
	return array(
		'posts' => $posts,
		'next'  => $is_end ? null : $last,
	);
}
