<?php
/**
 * Finds the post of a Zoom meeting, and keeps a meeting from getting two.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

// Metas get their numbers when they are inserted: those of other requests may appear below the highest one.
const ZOOMBRIDGE_METAS_UNDER_WAY = 200;

/**
 * Reserves a Zoom meeting number for the post that the current request creates.
 *
 * @since 0.1.0
 *
 * @param string $number Zoom meeting number.
 * @return WP_Error|null Null if it is reserved. Otherwise the error `zoombridge_exists` where the number has a post,
 *                       whose ID is `post` in its data, or `zoombridge_saving` where another request may be
 *                       creating it.
 */
function zoombridge_reserve_number( string $number ): ?WP_Error {
	global $wpdb;
	$is_locked = zoombridge_lock( 'zoombridge_making_' . $number );
	// Before the search: a form that ends in between has stored its number by then, and the search finds it.
	// phpcs:ignore WordPress.DB.DirectDatabaseQuery -- Locks of other requests; a cache would not show them.
	$saving = $wpdb->get_var(
		"SELECT MAX(option_value) FROM {$wpdb->options}
		WHERE option_name BETWEEN 'zoombridge_saving_0' AND 'zoombridge_saving_A'"
	);
	zoombridge_require_read();
	$existing = zoombridge_find_post( $number );
	if ( $existing ) {
		return new WP_Error( 'zoombridge_exists', 'This meeting has a post.', array( 'post' => $existing ) );
	}
	if ( ! $is_locked || $saving > time() - MINUTE_IN_SECONDS ) {
		return new WP_Error( 'zoombridge_saving', 'Another request is saving a meeting on this site.' );
	}
	return null;
}

/**
 * Finds the WordPress user of a Zoom host.
 *
 * @since 0.1.0
 *
 * @param string $host_id Zoom's ID of the host.
 * @return int ID of the user whose meta `user_zoom_hostid` is that ID; the current user where there is none.
 */
function zoombridge_find_host( string $host_id ): int {
	$user_ids = get_users(
		array(
			'meta_key'   => 'user_zoom_hostid', // phpcs:ignore WordPress.DB.SlowDBQuery -- Once for each new post.
			'meta_value' => $host_id, // phpcs:ignore WordPress.DB.SlowDBQuery -- The same query.
			'number'     => 1,
			'fields'     => 'ID',
		)
	);
	return (int) ( $user_ids[0] ?? get_current_user_id() );
}

/**
 * Acquires a lock until it is released, or the current request ends.
 *
 * Uses the table of options directly, because caches do not show locks of other requests.
 *
 * @since 0.1.0
 *
 * @param string $name Name of the lock, and of the option that holds it.
 * @return bool False where another request holds the lock, and acquired it less than a minute ago.
 */
function zoombridge_lock( string $name ): bool {
	global $wpdb;
	if ( ! zoombridge_insert_option_row( $name, (string) time() ) ) {
		// phpcs:ignore WordPress.DB.DirectDatabaseQuery
		$wpdb->query(
			$wpdb->prepare(
				"DELETE FROM {$wpdb->options} WHERE option_name = %s AND option_value < %s",
				$name,
				time() - MINUTE_IN_SECONDS
			)
		);
		if ( ! zoombridge_insert_option_row( $name, (string) time() ) ) {
			return false;
		}
	}
	zoombridge_held_locks( $name, true );
	return true;
}

/**
 * Renews the locks that this request holds: from now on it is a minute again until another one may take them over.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_renew_locks(): void {
	global $wpdb;
	foreach ( zoombridge_held_locks() as $name ) {
		// phpcs:ignore WordPress.DB.DirectDatabaseQuery
		$wpdb->update( $wpdb->options, array( 'option_value' => (string) time() ), array( 'option_name' => $name ) );
	}
}

/**
 * Releases a lock that this request holds. Does nothing for others.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the lock.
 * @return void
 */
function zoombridge_unlock( string $name ): void {
	global $wpdb;
	if ( in_array( $name, zoombridge_held_locks(), true ) ) {
		$wpdb->delete( $wpdb->options, array( 'option_name' => $name ) ); // phpcs:ignore WordPress.DB
		zoombridge_held_locks( $name, false );
	}
}

/**
 * Stores and returns which locks this request holds. They are released when it ends.
 *
 * @since 0.2.0
 *
 * @param string $name    Optional. Name of a lock. Default empty: nothing changes.
 * @param bool   $is_held Optional. Whether this request holds it from now on. Default false.
 * @return string[] Names of the locks.
 */
function zoombridge_held_locks( string $name = '', bool $is_held = false ): array {
	static $names = null;
	if ( null === $names ) {
		$names = array();
		register_shutdown_function( 'zoombridge_release_locks' );
	}
	$names = array_diff( $names, array( $name ) );
	if ( $is_held ) {
		$names[] = $name;
	}
	return $names;
}

/**
 * Releases all locks that this request holds.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_release_locks(): void {
	array_map( 'zoombridge_unlock', zoombridge_held_locks() );
}

/**
 * Acquires a lock while VCZAPI's form saves a post: Zoom may send the meeting's event before VCZAPI stores the number.
 *
 * @since 0.1.0
 *
 * @param int $post_id ID of the post.
 * @return void
 */
function zoombridge_lock_while_saving( $post_id ): void {
	$is_post = isset( $_SERVER['REQUEST_METHOD'] ) && 'POST' === $_SERVER['REQUEST_METHOD'];
	$is_form = $is_post && ! defined( 'REST_REQUEST' ) && ! zoombridge_is_syncing();
	if ( $is_form && zoombridge_has_vczapi() ) {
		zoombridge_lock( 'zoombridge_saving_' . $post_id );
	}
}
add_action( 'save_post_zoom-meetings', 'zoombridge_lock_while_saving', 0 );

/**
 * Finds the post of a Zoom meeting number.
 *
 * @since 0.1.0
 *
 * @param string $number Zoom meeting number.
 * @return int ID of the post, in any status: the lowest outside the trash, else the lowest in it. 0 if there is none.
 */
function zoombridge_find_post( string $number ): int {
	global $wpdb;
	$ids = implode( ',', zoombridge_find_posts_with_number( $number ) );
	if ( '' === $ids ) {
		return 0;
	}
	// phpcs:disable WordPress.DB -- The IDs are integers. A cache would not show posts of other requests.
	$id = (int) $wpdb->get_var(
		"SELECT ID FROM {$wpdb->posts} WHERE ID IN ($ids) AND post_type = 'zoom-meetings'
		ORDER BY CASE WHEN post_status = 'trash' THEN 1 ELSE 0 END, ID LIMIT 1"
	);
	// phpcs:enable
	zoombridge_require_read();
	return $id;
}

/**
 * Finds the posts, of any type, that hold a Zoom meeting number.
 *
 * WordPress has no index of the values of metas. So a request that needs many numbers reads them at once: those that it
 * names beforehand, or all of them at the second call. Later calls read only the metas added since.
 *
 * @since 0.1.0
 *
 * @param string   $number Zoom meeting number.
 * @param string[] $ahead  Optional. Numbers that this and later calls are for. Default none.
 * @return int[] IDs of the posts.
 */
function zoombridge_find_posts_with_number( string $number, array $ahead = array() ): array {
	global $wpdb;
	static $sites = array();

	// A request may switch between the sites of a network.
	$site = &$sites[ get_current_blog_id() ];
	$site = $site ?? array(
		'calls'   => 0,
		'known'   => array(),
		'last_id' => 0,
	);
	++$site['calls'];
	if ( $ahead || ( 2 === $site['calls'] && ! $site['known'] ) ) {
		$site['last_id'] = zoombridge_last_meta_id() - ZOOMBRIDGE_METAS_UNDER_WAY;
		// Without names, all numbers are known.
		$site['known'] = zoombridge_read_numbers( $ahead ) + ( $ahead ? array() : array( '' => array() ) );
	}
	$is_known = isset( $site['known'][''] ) || isset( $site['known'][ $number ] );
	// phpcs:disable WordPress.DB.DirectDatabaseQuery -- A cache would not show posts of other requests.
	$added = $wpdb->get_col(
		$wpdb->prepare(
			"SELECT post_id FROM {$wpdb->postmeta}
			WHERE meta_key = '_meeting_zoom_meeting_id' AND meta_id > %d AND meta_value = %s",
			$is_known ? $site['last_id'] : 0,
			$number
		)
	);
	// phpcs:enable
	zoombridge_require_read();
	return array_map( 'intval', array_merge( $site['known'][ $number ] ?? array(), $added ) );
}

/**
 * Returns the highest ID of a meta.
 *
 * @since 0.2.0
 *
 * @return int The ID; 0 if there are no metas.
 */
function zoombridge_last_meta_id(): int {
	global $wpdb;
	return (int) $wpdb->get_var( "SELECT MAX(meta_id) FROM {$wpdb->postmeta}" ); // phpcs:ignore WordPress.DB
}

/**
 * Reads which posts, of any type, hold Zoom meeting numbers.
 *
 * @since 0.2.0
 *
 * @param string[] $numbers Optional. The numbers. Default none: all.
 * @return array Lists of IDs of posts by number; each number that was named is in it.
 */
function zoombridge_read_numbers( array $numbers = array() ): array {
	global $wpdb;
	$sql = "SELECT meta_value, post_id FROM {$wpdb->postmeta} WHERE meta_key = '_meeting_zoom_meeting_id'";
	// phpcs:disable WordPress.DB -- A cache would not show posts of other requests.
	if ( $numbers ) {
		$places = implode( ',', array_fill( 0, count( $numbers ), '%s' ) );
		$sql    = $wpdb->prepare( "$sql AND meta_value IN ($places)", array_values( $numbers ) );
	}
	$rows = $wpdb->get_results( $sql );
	// phpcs:enable
	zoombridge_require_read();
	$found = array_fill_keys( $numbers, array() );
	foreach ( $rows as $row ) {
		$found[ $row->meta_value ][] = (int) $row->post_id;
	}
	return $found;
}

/**
 * Finds posts of meetings that have another one, which the bridge manages.
 *
 * VCZAPI's PRO add-on may have made them from the same event. Copies of a managed post carry the bridge's metas and are
 * no such posts: translations are made so.
 *
 * @since 0.2.0
 *
 * @return int[] IDs of the posts outside the trash, at most 20, by ID.
 */
function zoombridge_find_other_posts(): array {
	global $wpdb;
	$several = array();
	foreach ( zoombridge_read_numbers() as $number => $ids ) {
		if ( count( $ids ) > 1 ) {
			$several[ $number ] = $ids;
		}
	}
	if ( ! $several ) {
		return array();
	}
	// phpcs:disable WordPress.DB -- The IDs are integers. A cache would not show posts of other requests.
	$list   = implode( ',', array_merge( ...array_values( $several ) ) );
	$marked = $wpdb->get_col(
		"SELECT post_id FROM {$wpdb->postmeta} WHERE meta_key = '_zoombridge_revision' AND post_id IN ($list)"
	);
	$others = array();
	foreach ( $several as $ids ) {
		$unmarked = array_diff( $ids, $marked );
		if ( count( $unmarked ) < count( $ids ) ) {
			$others = array_merge( $others, $unmarked );
		}
	}
	$list = implode( ',', $others ? $others : array( 0 ) );
	$ids  = $wpdb->get_col(
		"SELECT ID FROM {$wpdb->posts} WHERE ID IN ($list) AND post_type = 'zoom-meetings'
		AND post_status NOT IN ( 'trash', 'auto-draft' ) ORDER BY ID LIMIT 20"
	);
	// phpcs:enable
	return array_map( 'intval', $ids );
}
