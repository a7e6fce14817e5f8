<?php
/**
 * The operations of the sync protocol that write: write, trash, restore, delete.
 *
 * They go through WordPress's own functions, so that plugins notice. What an operation does not write stays as it is,
 * byte for byte.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 *
 * phpcs:disable WordPress.Security.EscapeOutput.ExceptionNotEscaped -- The bridge is told of faults, as JSON.
 */

defined( 'ABSPATH' ) || exit;

/**
 * Carries out an operation that writes, unless it or a later one has been carried out.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If it cannot have its effect.
 *
 * @param array $operation The operation, validated.
 * @param int   $epoch     Its epoch.
 * @return array What stands then.
 */
function zoombridge_sync_write_in_order( array $operation, int $epoch ): array {
	$post_id = $operation['post'] ?? null;
	$lock    = null === $post_id
		? 'zoombridge_making_' . $operation['number']
		: 'zoombridge_writing_' . $post_id;
	try {
		if ( null === $post_id ) {
			return zoombridge_sync_make( $operation, $epoch );
		}
		if ( ! zoombridge_lock( $lock ) ) {
			throw new Zoombridge_Sync_Fault( 'busy', 'Another request is writing this post.' );
		}
		$row = zoombridge_sync_target( $operation );
		if ( ! zoombridge_sync_is_new( $operation, $epoch, $row ) ) {
			return array( 'already' => true ) + zoombridge_sync_what_stands( $row );
		}
		// Another process may have written past the object cache.
		$post = (object) array_diff_key( $row, array( 'metas' => '' ) );
		wp_cache_set( $row['ID'], sanitize_post( $post, 'raw' ), 'posts' );
		wp_cache_delete( $row['ID'], 'post_meta' );
		$write = 'zoombridge_sync_' . $operation['op'];
		return $write( $operation, $epoch, $row );
	} finally {
		// A new post has a lock of its own, beside that of its number.
		array_map( 'zoombridge_unlock', preg_grep( '/^zoombridge_(making|writing)_/', zoombridge_held_locks() ) );
	}
}

/**
 * Reads the post of an operation.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If there is none, or it is that of another meeting.
 *
 * @param array $operation The operation.
 * @return array The post; see zoombridge_sync_read_rows().
 */
function zoombridge_sync_target( array $operation ): array {
	$row = zoombridge_sync_post( $operation['post'] );
	if ( isset( $row['metas']['_zoombridge_handed_over'] ) ) {
		// Neither the activation of the plugin nor a check of the bridge's has come to it.
		zoombridge_on_rows( array( $row['ID'] ), 'zoombridge_take_back_row' );
		$row = zoombridge_sync_post( $row['ID'] );
	}
	$number = $row['metas']['_meeting_zoom_meeting_id'] ?? '';
	if ( $number !== $operation['number'] && ( '' !== $number || 'write' !== $operation['op'] ) ) {
		$data = array( 'post' => $row['ID'] );
		throw new Zoombridge_Sync_Fault( 'missing', 'The post of this ID belongs to another meeting.', $data );
	}
	return $row;
}

/**
 * Whether an operation is newer than the last one on its post.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If it is older, or another one of the same number.
 *
 * @param array $operation The operation.
 * @param int   $epoch     Its epoch.
 * @param array $row       The post.
 * @return bool False if it is the last one itself.
 */
function zoombridge_sync_is_new( array $operation, int $epoch, array $row ): bool {
	$stored = $row['metas']['_zoombridge_seq'] ?? null;
	$order  = zoombridge_sync_compare( $epoch, $operation['seq'], $stored );
	if ( 0 === $order && ( explode( '.', $stored . '...' )[2] ) !== $operation['op'] ) {
		throw new Zoombridge_Sync_Fault( 'invalid', 'Another operation had this number.' );
	}
	if ( $order < 0 ) {
		$stands = zoombridge_sync_what_stands( $row );
		throw new Zoombridge_Sync_Fault( 'stale', 'A later operation on this post has been carried out.', $stands );
	}
	return $order > 0;
}

/**
 * Reads a post that was written, and records on it the operation that was carried out.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation.
 * @param int   $epoch     Its epoch.
 * @param int   $post_id   ID of the post.
 * @return array The post; see zoombridge_sync_read_rows().
 */
function zoombridge_sync_record( array $operation, int $epoch, int $post_id ): array {
	$row   = zoombridge_sync_post( $post_id );
	$seq   = sprintf( '%d.%d.%s', $epoch, $operation['seq'], $operation['op'] );
	$metas = http_build_query( zoombridge_sync_recorded_metas( $operation, $row ), '', '&' );
	$text  = sprintf( '%s.%s.%d.%s', $seq, zoombridge_sync_digest( $row ), time(), $metas );
	zoombridge_sync_set_metas( $post_id, array( '_zoombridge_seq' => $text ), $row['metas'] );
	$row['metas']['_zoombridge_seq'] = $text;
	return $row;
}

/**
 * Returns the hashes of metas that an operation leaves on a post: those of what it did not write stay as they were.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation.
 * @param array $row       The post, read after the write.
 * @return string[] Hashes by name of the meta.
 */
function zoombridge_sync_recorded_metas( array $operation, array $row ): array {
	$now    = zoombridge_sync_meta_hashes( $row );
	$before = zoombridge_sync_known_metas( $row );
	if ( null === $before ) {
		return $now;
	}
	$given   = zoombridge_sync_given_metas( $operation );
	$written = $given['set'] + $given['lay_over'] + array_flip( $given['remove'] );
	return array_intersect_key( $now, $written ) + array_diff_key( $before, $written );
}

/**
 * Calls a function that writes a post and its metas in one transaction: a killed process leaves all of it, or nothing.
 *
 * The transaction ends as soon as the row is written, so that plugins do not work inside it. Tables without
 * transactions hold each row at once, as ever.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If the database has undone the transaction.
 *
 * @param callable      $write   The function. What it has written is undone if it throws an exception.
 * @param callable|null $finish  Optional. Called with the post whose row is written, before the end of the transaction.
 * @param int           $post_id Optional. ID of the post, if there is one before. Default 0.
 * @return mixed What the function returns.
 */
function zoombridge_sync_together( callable $write, ?callable $finish = null, int $post_id = 0 ) {
	global $wpdb;
	$is_written = false;
	$commit     = static function ( $new_status = '', $old_status = '', $post = null ) use ( &$commit, $finish ): void {
		remove_action( 'transition_post_status', $commit, PHP_INT_MIN );
		zoombridge_sync_require_transaction();
		if ( $finish && $post ) {
			$finish( $post );
		}
		zoombridge_sync_end_transaction( 'COMMIT' );
		zoombridge_sync_require_transaction();
	};
	zoombridge_sync_require_transaction( true );
	$wpdb->query( 'START TRANSACTION' ); // phpcs:ignore WordPress.DB.DirectDatabaseQuery
	zoombridge_sync_is_in_transaction( true );
	// First of all: no other request takes over the lock before the end, and SQLite waits for its turn only here.
	zoombridge_renew_locks();
	add_action( 'transition_post_status', $commit, PHP_INT_MIN, 3 );
	try {
		$result = $write();
		$commit();
		$is_written = true;
		return $result;
	} finally {
		remove_action( 'transition_post_status', $commit, PHP_INT_MIN );
		zoombridge_sync_end_transaction( 'ROLLBACK' );
		if ( ! $is_written && $post_id ) {
			// They may show what is undone, and an object cache that lasts would keep it.
			wp_cache_delete( $post_id, 'posts' );
			wp_cache_delete( $post_id, 'post_meta' );
		}
	}
}

/**
 * Ends the operation at work, and the message, if the database has undone the transaction, or a part of it.
 *
 * After a deadlock it undoes all of it, and each row that follows would be written by itself. WordPress hands on no
 * errors of metas, but keeps a list of all.
 *
 * @since 0.3.0
 *
 * @throws Zoombridge_Sync_Fault If it has.
 *
 * @param bool $begins Optional. Whether the transaction begins now: errors before it do not count. Default false.
 * @return void
 */
function zoombridge_sync_require_transaction( bool $begins = false ): void {
	static $known = 0;
	$errors       = (array) ( $GLOBALS['EZSQL_ERROR'] ?? array() );
	$texts        = $begins ? array() : array_column( array_slice( $errors, $known ), 'error_str' );
	$known        = count( $errors );
	foreach ( preg_grep( '/deadlock|try restarting transaction|database is locked/i', $texts ) as $text ) {
		$fault = new Zoombridge_Sync_Fault( 'busy', 'The database has undone the write: ' . $text );

		$fault->ends_message = true;
		throw $fault;
	}
}

/**
 * Ends the transaction of a write, if it has not ended.
 *
 * @since 0.2.0
 *
 * @param string $how COMMIT or ROLLBACK.
 * @return void
 */
function zoombridge_sync_end_transaction( string $how ): void {
	global $wpdb;
	if ( zoombridge_sync_is_in_transaction() ) {
		zoombridge_sync_is_in_transaction( false );
		$wpdb->query( $how ); // phpcs:ignore WordPress.DB
	}
}

/**
 * Stores and returns whether the transaction of a write is open.
 *
 * @since 0.2.0
 *
 * @param bool|null $is_open Optional. Whether it is, from now on. Default null: nothing changes.
 * @return bool True if it is.
 */
function zoombridge_sync_is_in_transaction( ?bool $is_open = null ): bool {
	static $is_now = false;
	$is_now        = $is_open ?? $is_now;
	return $is_now;
}

/**
 * Creates the post of a meeting.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If the meeting has a post, or may be getting one.
 *
 * @param array $operation The operation, validated.
 * @param int   $epoch     Its epoch.
 * @return array What stands then.
 */
function zoombridge_sync_make( array $operation, int $epoch ): array {
	$number = $operation['number'];
	$error  = zoombridge_reserve_number( $number );
	if ( null !== $error && 'zoombridge_exists' === $error->get_error_code() ) {
		$row = zoombridge_sync_post( $error->get_error_data()['post'] );
		if ( zoombridge_sync_compare( $epoch, $operation['seq'], $row['metas']['_zoombridge_seq'] ?? null ) === 0 ) {
			return array( 'already' => true ) + zoombridge_sync_what_stands( $row );
		}
		throw new Zoombridge_Sync_Fault( 'exists', $error->get_error_message(), array( 'post' => $row['ID'] ) );
	}
	if ( null !== $error ) {
		throw new Zoombridge_Sync_Fault( 'busy', $error->get_error_message() );
	}
	if ( zoombridge_sync_compare( $epoch, $operation['seq'], zoombridge_sync_grave( $number ) ) < 1 ) {
		throw new Zoombridge_Sync_Fault( 'stale', 'The post of this meeting has been deleted since.' );
	}
	$fields = zoombridge_sync_sanitize( $operation ) + array(
		'post_title'   => '',
		'post_content' => '',
		'post_status'  => 'draft',
	);
	$empty  = array(
		'ID'    => 0,
		'metas' => array(),
	);
	$metas  = zoombridge_sync_wanted_metas( $operation, $empty ) + array(
		'_zoombridge_made'  => 'bridge',
		'_zoombridge_wrote' => zoombridge_sync_wrote( $fields, $empty ),
	);
	$titles = zoombridge_sync_titles_stored(
		static function () use ( $operation, $fields, $metas, &$id ): void {
			$id = zoombridge_sync_insert( $operation, $fields, $metas );
		}
	);
	$row    = zoombridge_sync_record_title( $fields, $titles, zoombridge_sync_record( $operation, $epoch, $id ) );
	$took   = zoombridge_sync_took( $operation, $row, $metas ) + zoombridge_sync_took_choices( $operation, $row );
	return zoombridge_sync_what_stands( $row ) + array( 'took' => (object) $took );
}

/**
 * Inserts a post, and its metas before other plugins see it.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If it was refused.
 *
 * @param array $operation The operation.
 * @param array $fields    Columns of the post.
 * @param array $metas     Values of metas by key.
 * @return int ID of the post.
 */
function zoombridge_sync_insert( array $operation, array $fields, array $metas ): int {
	$terms        = zoombridge_sync_terms( $operation['terms'] ?? array() );
	$insert_metas = static function ( $new_status, $old_status, $post ) use ( &$insert_metas, $metas, $terms ): void {
		if ( $post && 'zoom-meetings' === $post->post_type && 'new' === $old_status ) {
			remove_action( 'transition_post_status', $insert_metas, PHP_INT_MIN );
			// Before others see the post: until this operation is recorded, they must not write it.
			zoombridge_lock( 'zoombridge_writing_' . $post->ID );
			zoombridge_sync_add_metas( $post->ID, array( '_zoombridge_post' => (string) $post->ID ) + $metas );
			if ( $terms ) {
				wp_set_object_terms( $post->ID, $terms, 'zoom-meeting' );
			}
		}
	};
	add_action( 'transition_post_status', $insert_metas, PHP_INT_MIN, 3 );
	$post   = wp_slash(
		$fields + array(
			'post_type'   => 'zoom-meetings',
			'post_author' => zoombridge_sync_author( $operation ),
			'post_name'   => zoombridge_sync_slug( $fields, $operation ),
			// With the post itself: a plugin that dies in between must not leave one that is never found again.
			'meta_input'  => array( '_meeting_zoom_meeting_id' => $operation['number'] ),
		)
	);
	$insert = static function () use ( $post ): int {
		return zoombridge_sync_require_id( wp_insert_post( $post, true ) );
	};
	try {
		return zoombridge_sync_together( $insert, zoombridge_sync_title_recorder( $fields ) );
	} finally {
		remove_action( 'transition_post_status', $insert_metas, PHP_INT_MIN );
	}
}

/**
 * Returns the ID of a post that was written.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If it was refused.
 *
 * @param int|WP_Error $result Result of wp_insert_post() or wp_update_post().
 * @return int The ID.
 */
function zoombridge_sync_require_id( $result ): int {
	if ( ! is_wp_error( $result ) ) {
		return $result;
	}
	zoombridge_sync_require_transaction();
	if ( in_array( $result->get_error_code(), array( 'db_insert_error', 'db_update_error' ), true ) ) {
		$text = trim( $result->get_error_message() . ' ' . print_r( $result->get_error_data() ?? '', true ) );
		throw new Zoombridge_Sync_Fault( 'column', $text );
	}
	$text = $result->get_error_code() . ': ' . $result->get_error_message();
	throw new Zoombridge_Sync_Fault( 'refused', $text );
}

/**
 * Returns the author of a new post.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation.
 * @return int ID of the user whom it names, if that user may edit posts; else of the host's; else of the administrator
 *             who came first.
 */
function zoombridge_sync_author( array $operation ): int {
	$user_id = (int) ( $operation['author'] ?? 0 );
	if ( $user_id && user_can( $user_id, 'edit_posts' ) ) {
		return $user_id;
	}
	return zoombridge_sync_author_of_host( $operation['host'] ?? '' );
}

/**
 * Returns the author of posts of a host. It is looked for once in a request, which may create many.
 *
 * @since 0.2.0
 *
 * @param string $host_id Zoom's ID of the host; empty if it is not known.
 * @return int ID of the host's user; else of the administrator who came first.
 */
function zoombridge_sync_author_of_host( string $host_id ): int {
	static $known = array();
	if ( ! isset( $known[ $host_id ] ) ) {
		$user_id  = '' === $host_id ? 0 : zoombridge_find_host( $host_id );
		$user_ids = $user_id ? array( $user_id ) : get_users(
			array(
				'role'    => 'administrator',
				'orderby' => 'ID',
				'number'  => 1,
				'fields'  => 'ID',
			)
		);

		$known[ $host_id ] = (int) ( $user_ids[0] ?? 0 );
	}
	return $known[ $host_id ];
}

/**
 * Returns which of some categories there are.
 *
 * @since 0.2.0
 *
 * @param int[] $term_ids IDs of categories.
 * @return int[] IDs of those that there are.
 */
function zoombridge_sync_terms( array $term_ids ): array {
	return array_values(
		array_filter(
			$term_ids,
			static function ( int $term_id ): bool {
				return (bool) term_exists( $term_id, 'zoom-meeting' );
			}
		)
	);
}

/**
 * Describes for author and categories whether a new post has those that were wanted.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation.
 * @param array $row       The post.
 * @return array As `took` in the answer.
 */
function zoombridge_sync_took_choices( array $operation, array $row ): array {
	$took = array();
	if ( isset( $operation['author'] ) ) {
		$author         = (int) $row['post_author'];
		$took['author'] = $author === $operation['author'] ? true : array( 'became' => $author );
	}
	if ( isset( $operation['terms'] ) ) {
		$terms         = wp_get_object_terms( $row['ID'], 'zoom-meeting', array( 'fields' => 'ids' ) );
		$terms         = is_array( $terms ) ? array_map( 'intval', $terms ) : array();
		$is_taken      = ! array_diff( $operation['terms'], $terms ) && ! array_diff( $terms, $operation['terms'] );
		$took['terms'] = $is_taken ? true : array( 'became' => $terms );
	}
	return $took;
}

/**
 * Returns the slug of a post that becomes visible, or for which the bridge names the text of its slug.
 *
 * WordPress would try one number after the other, which takes as many queries as there are posts of the same title.
 *
 * @since 0.2.0
 *
 * @param array $fields    Columns of the post.
 * @param array $operation The operation.
 * @return string The slug; empty for other drafts, which get one when they are published.
 */
function zoombridge_sync_slug( array $fields, array $operation ): string {
	global $wpdb;
	$text       = $operation['slug'] ?? '';
	$slug       = sanitize_title( '' === $text ? $fields['post_title'] : $text );
	$is_visible = in_array( $fields['post_status'], array( 'publish', 'private' ), true );
	if ( '' === $slug || ( '' === $text && ! $is_visible ) ) {
		return '';
	}
	$query = "SELECT ID FROM {$wpdb->posts} WHERE post_name = %s AND post_type = 'zoom-meetings' LIMIT 1";
	if ( ! $wpdb->get_var( $wpdb->prepare( $query, $slug ) ) ) { // phpcs:ignore WordPress.DB
		return $slug;
	}
	$start = (string) ( $operation['metas']['set']['start_date_utc'] ?? '' );
	$date  = '' === $start ? gmdate( 'Y-m-d' ) : substr( $start, 0, 10 );
	$hash  = substr( wp_hash( $operation['number'] ), 0, 4 );
	return sprintf( '%s-%s-%s', _truncate_post_slug( $slug, 180 ), $date, $hash );
}

/**
 * Carries out the operation `write` on a post that there is.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If it was refused.
 *
 * @param array $operation The operation, validated.
 * @param int   $epoch     Its epoch.
 * @param array $row       The post.
 * @return array What stands then.
 */
function zoombridge_sync_write( array $operation, int $epoch, array $row ): array {
	if ( isset( $operation['status'] ) && 'trash' === $row['post_status'] ) {
		zoombridge_sync_untrash( $row, $operation['status'] );
		$row = zoombridge_sync_post( $row['ID'] );
	}
	$is_title_kept = zoombridge_sync_keeps_title( $operation, $row );
	if ( $is_title_kept ) {
		unset( $operation['title'], $operation['slug'] );
	}
	$fields = zoombridge_sync_sanitize( $operation );
	// First of all: a copy that another plugin makes meanwhile must not look managed.
	$metas   = array( '_zoombridge_post' => (string) $row['ID'] ) + zoombridge_sync_wanted_metas( $operation, $row );
	$changes = array();
	if ( ! zoombridge_sync_is_managed( $row ) ) {
		$metas  += array( '_zoombridge_made' => 'form' );
		$changes = zoombridge_sync_missing_author( $row, $metas );
	}
	$metas['_zoombridge_wrote'] = zoombridge_sync_wrote( $fields, $row );
	foreach ( $fields as $column => $value ) {
		if ( $value !== $row[ $column ] ) {
			$changes[ $column ] = $value;
		}
	}
	if ( '' === $row['post_name'] && ( isset( $changes['post_status'] ) || isset( $operation['slug'] ) ) ) {
		$changes['post_name'] = zoombridge_sync_slug( $changes + $row, $operation );
	}
	$update = static function () use ( $row, $changes ) {
		return wp_update_post( wp_slash( array( 'ID' => $row['ID'] ) + $changes ), true );
	};
	$change = static function () use ( $row, $metas, $changes, $update ): void {
		zoombridge_sync_set_metas( $row['ID'], $metas, $row['metas'] );
		if ( $changes ) {
			zoombridge_sync_require_id( zoombridge_sync_guard( $row, $changes, $update ) );
		}
	};
	$titles = zoombridge_sync_titles_stored(
		static function () use ( $change, $fields, $row ): void {
			zoombridge_sync_together( $change, zoombridge_sync_title_recorder( $fields, $row['ID'] ), $row['ID'] );
		}
	);
	$row    = zoombridge_sync_record( $operation, $epoch, $row['ID'] );
	$row    = zoombridge_sync_record_title( $fields, $titles, $row );
	$took   = zoombridge_sync_took( $operation, $row, $metas );
	if ( $is_title_kept ) {
		$took['title'] = array( 'kept' => $row['post_title'] );
	}
	return zoombridge_sync_what_stands( $row ) + array( 'took' => (object) $took );
}

/**
 * Whether an operation leaves the title of a post, as an editor has given it.
 *
 * @since 0.3.0
 *
 * @param array $operation The operation, validated.
 * @param array $row       The post.
 * @return bool True if it does.
 */
function zoombridge_sync_keeps_title( array $operation, array $row ): bool {
	return isset( $operation['title'] ) && ( $operation['keep_title'] ?? false )
		&& zoombridge_sync_has_editors_title( $row );
}

/**
 * Gives a post without an author, as VCZAPI's PRO add-on makes them, the host's when the bridge takes it over.
 *
 * @since 0.2.0
 *
 * @param array $row   The post.
 * @param array $metas What is written, by key.
 * @return array The column that is written; none for a post that has an author.
 */
function zoombridge_sync_missing_author( array $row, array $metas ): array {
	if ( 0 !== (int) $row['post_author'] ) {
		return array();
	}
	$fields = $metas['_meeting_fields'] ?? maybe_unserialize( $row['metas']['_meeting_fields'] ?? '' );
	$host   = is_array( $fields ) ? (string) ( $fields['userId'] ?? '' ) : '';
	$author = zoombridge_sync_author_of_host( $host );
	return $author ? array( 'post_author' => (string) $author ) : array();
}

/**
 * Calls a function that writes a post, and keeps every other column of the post as it is.
 *
 * WordPress runs its filters on all columns: those of users without rights strip tags that administrators wrote.
 *
 * @since 0.2.0
 *
 * @param array    $row     The post.
 * @param array    $changes What is written, by column.
 * @param callable $write   The function.
 * @return mixed What the function returns.
 */
function zoombridge_sync_guard( array $row, array $changes, callable $write ) {
	$keep = static function ( $data, $post ) use ( &$keep, $row, $changes ) {
		if ( (int) ( $post['ID'] ?? 0 ) !== $row['ID'] ) {
			return $data;
		}
		// What plugins write on their own account, in answer to this write, is theirs to decide.
		remove_filter( 'wp_insert_post_data', $keep, PHP_INT_MAX );
		return array_intersect_key( zoombridge_sync_kept_columns( $row, $changes ), $data ) + $data;
	};
	// WordPress resets a template that the theme does not know.
	$know = static function ( $templates ) use ( $row ) {
		$template = (string) get_post_meta( $row['ID'], '_wp_page_template', true );
		return '' === $template ? $templates : (array) $templates + array( $template => $template );
	};
	add_filter( 'wp_insert_post_data', $keep, PHP_INT_MAX, 2 );
	add_filter( 'theme_zoom-meetings_templates', $know, PHP_INT_MAX );
	try {
		return $write();
	} finally {
		remove_filter( 'wp_insert_post_data', $keep, PHP_INT_MAX );
		remove_filter( 'theme_zoom-meetings_templates', $know, PHP_INT_MAX );
	}
}

/**
 * Returns the columns of a post that a write must not change.
 *
 * @since 0.2.0
 *
 * @param array $row     The post.
 * @param array $changes What is written, by column.
 * @return array Values by column, slashed.
 */
function zoombridge_sync_kept_columns( array $row, array $changes ): array {
	$free = array( 'ID', 'metas', 'post_modified', 'post_modified_gmt', 'comment_count', 'guid' );
	if ( isset( $changes['post_status'] ) ) {
		// A draft gets its date and its address when it is published; the trash has addresses of its own.
		if ( '0000-00-00 00:00:00' === $row['post_date_gmt'] ) {
			array_push( $free, 'post_date', 'post_date_gmt' );
		}
		$is_trash = in_array( 'trash', array( $row['post_status'], $changes['post_status'] ), true );
		if ( '' === $row['post_name'] || $is_trash ) {
			$free[] = 'post_name';
		}
	}
	return wp_slash( array_diff_key( $row, $changes, array_flip( $free ) ) );
}

/**
 * Returns the columns that an operation writes, without anything that could do harm.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation, validated.
 * @return array Values by column.
 */
function zoombridge_sync_sanitize( array $operation ): array {
	$fields = array();
	if ( isset( $operation['title'] ) ) {
		$title                = trim( (string) preg_replace( '/[\x00-\x1F\x7F]+/', ' ', $operation['title'] ) );
		$fields['post_title'] = str_replace( array( '<', '>' ), array( '&lt;', '&gt;' ), $title );
	}
	if ( isset( $operation['content'] ) ) {
		$fields['post_content'] = wp_kses_post( $operation['content'] );
	}
	$fields = array_map( 'zoombridge_encode_for_database', $fields );
	if ( isset( $operation['status'] ) ) {
		$fields['post_status'] = $operation['status'];
	}
	return $fields;
}

/**
 * Returns the metas that an operation writes.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If it names another number than its own.
 *
 * @param array $operation The operation, validated.
 * @param array $row       The post.
 * @return array Values by key; null for metas that are removed.
 */
function zoombridge_sync_wanted_metas( array $operation, array $row ): array {
	$keys   = zoombridge_sync_meta_keys();
	$given  = zoombridge_sync_given_metas( $operation );
	$wanted = array( '_meeting_zoom_meeting_id' => $operation['number'] );
	if ( ( $given['set']['number'] ?? $operation['number'] ) !== $operation['number'] ) {
		throw new Zoombridge_Sync_Fault( 'invalid', 'The number of a meeting does not change.' );
	}
	foreach ( $given['remove'] as $name ) {
		$wanted[ $keys[ $name ] ] = null;
	}
	foreach ( $given['set'] as $name => $value ) {
		$value                    = 'html' === $name ? wp_kses( $value, zoombridge_allowed_html() ) : (string) $value;
		$wanted[ $keys[ $name ] ] = zoombridge_encode_for_database( $value );
	}
	foreach ( $given['lay_over'] as $name => $changes ) {
		$wanted[ $keys[ $name ] ] = zoombridge_sync_merge( $name, $row['metas'][ $keys[ $name ] ] ?? '', $changes );
	}
	$wanted = zoombridge_sync_drop_old_passcodes( $wanted, $row );
	if ( '' !== ( $row['metas']['_meeting_zoom_start_url'] ?? null ) ) {
		$wanted['_meeting_zoom_start_url'] = '';
	}
	$wanted = zoombridge_sync_keep_disabled_joining( $wanted, $row, $given['lay_over'] );
	$wanted = $wanted + zoombridge_sync_wanted_twins( $wanted, $row['metas'] );
	return $wanted + zoombridge_wanted_date_metas( $wanted, $row['metas'] );
}

/**
 * Removes the other forms of a passcode from the details where it has changed: VCZAPI stored them, the bridge does not
 * know them, and VCZAPI puts the first into a link that has none.
 *
 * @since 0.3.0
 *
 * @param array $wanted Metas that are written, by key.
 * @param array $row    The post.
 * @return array The metas.
 */
function zoombridge_sync_drop_old_passcodes( array $wanted, array $row ): array {
	$details = $wanted['_meeting_zoom_details'] ?? null;
	if ( ! isset( $details->encrypted_password, $wanted['_meeting_fields']['password'] ) ) {
		return $wanted;
	}
	$before = maybe_unserialize( $row['metas']['_meeting_fields'] ?? '' );
	$before = is_array( $before ) ? (string) ( $before['password'] ?? '' ) : '';
	if ( $before !== (string) $wanted['_meeting_fields']['password'] ) {
		unset( $details->encrypted_password, $details->h323_password, $details->pstn_password );
	}
	return $wanted;
}

/**
 * Whether the site has disabled joining by VCZAPI's button before this version of the plugin wrote the post.
 *
 * Of later presses, zoombridge_keep_button() knows.
 *
 * @since 0.2.0
 *
 * @param array  $row   The post.
 * @param string $given JSON text of the details that are written; empty if none are.
 * @return bool False also where the bridge says, or said in its last write, that the meeting has ended.
 */
function zoombridge_sync_has_disabled_joining( array $row, string $given ): bool {
	$details  = maybe_unserialize( $row['metas']['_meeting_zoom_details'] ?? '' );
	$is_first = null === zoombridge_sync_known_metas( $row );
	if ( ! $is_first || ! $details instanceof stdClass || 'ended' !== ( $details->state ?? '' ) ) {
		return false;
	}
	$has_ended = false !== strpos( $row['metas']['_zoombridge_html'] ?? '', 'zoombridge-ended' );
	return ! $has_ended && 'ended' !== ( json_decode( $given )->state ?? '' );
}

/**
 * Keeps the site's choice apart from what the bridge says of the meeting, as zoombridge_keep_button() does.
 *
 * @since 0.2.0
 *
 * @param array $wanted Metas that are written, by key.
 * @param array $row    The post.
 * @param array $given  What is laid over metas, by name.
 * @return array The metas.
 */
function zoombridge_sync_keep_disabled_joining( array $wanted, array $row, array $given ): array {
	if ( ! zoombridge_sync_has_disabled_joining( $row, $given['details'] ?? '' ) ) {
		return $wanted;
	}
	$key     = '_meeting_zoom_details';
	$details = $wanted[ $key ] ?? zoombridge_sync_merge( 'details', $row['metas'][ $key ], '{}' );
	if ( 'ended' === ( $details->state ?? '' ) ) {
		unset( $details->state );
	}
	return array(
		$key                           => $details,
		'_zoombridge_joining_disabled' => '1',
	) + $wanted;
}

/**
 * Returns what an operation says of metas.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation, validated.
 * @return array `set` and `lay_over`, values by name, and `remove`, a list of names.
 */
function zoombridge_sync_given_metas( array $operation ): array {
	return ( $operation['metas'] ?? array() ) + array(
		'set'      => array(),
		'lay_over' => array(),
		'remove'   => array(),
	);
}

/**
 * Merges what an operation lays over a meta that holds an object or an array.
 *
 * @since 0.2.0
 *
 * @param string       $name    Name of the meta: details, fields or pro.
 * @param string       $stored  The raw value that stands.
 * @param string|array $changes JSON text for details, otherwise values by key.
 * @return array|stdClass The value to write.
 */
function zoombridge_sync_merge( string $name, string $stored, $changes ) {
	$existing = maybe_unserialize( $stored );
	$merged   = 'details' === $name
		? (object) zoombridge_merge( $existing, json_decode( $changes ), 'settings' )
		: zoombridge_merge( $existing, $changes );
	if ( 'details' === $name ) {
		// An error of Zoom's in place of the meeting, which VCZAPI stores if an update of its form is refused.
		unset( $merged->code, $merged->message );
	}
	return map_deep(
		zoombridge_remove_start_url( $merged ),
		static function ( $value ) {
			return is_string( $value ) ? zoombridge_encode_for_database( $value ) : $value;
		}
	);
}

/**
 * Writes metas, but for those that have their value.
 *
 * @since 0.2.0
 *
 * @param int   $post_id ID of the post.
 * @param array $metas   Values by key; null removes the meta.
 * @param array $stored  Raw values by key, as they stand.
 * @return void
 */
function zoombridge_sync_set_metas( int $post_id, array $metas, array $stored ): void {
	$private = array_flip( array_merge( ZOOMBRIDGE_SYNC_OWN_METAS, ZOOMBRIDGE_DATE_METAS ) );
	zoombridge_sync_set_private_metas( $post_id, array_intersect_key( $metas, $private ), $stored );
	foreach ( array_diff_key( $metas, $private ) as $key => $value ) {
		$before = $stored[ $key ] ?? null;
		if ( zoombridge_sync_raw( $value ) === $before ) {
			continue;
		}
		// Told what stands, WordPress does not read all metas of the post to compare it first.
		$is_done = null !== $value && null !== $before
			&& update_post_meta( $post_id, $key, map_deep( $value, 'wp_slash' ), maybe_unserialize( $before ) );
		if ( ! $is_done ) {
			zoombridge_sync_require_transaction();
			zoombridge_set_meta( $post_id, $key, $value );
		}
	}
}

/**
 * Writes metas that only this plugin reads, but for those that have their value: a query each, and no hooks of others.
 *
 * @since 0.3.0
 *
 * @throws Zoombridge_Sync_Fault If the database refused one: no result of an operation tells of them.
 *
 * @param int   $post_id ID of the post.
 * @param array $metas   Texts by key; null removes the meta.
 * @param array $stored  Raw values by key, as they stand.
 * @return void
 */
function zoombridge_sync_set_private_metas( int $post_id, array $metas, array $stored ): void {
	global $wpdb;
	// phpcs:disable WordPress.DB -- The cache is emptied below.
	foreach ( $metas as $key => $value ) {
		$before = $stored[ $key ] ?? null;
		$where  = array(
			'post_id'  => $post_id,
			'meta_key' => $key,
		);
		if ( $value === $before ) {
			continue;
		}
		if ( null === $value ) {
			$is_done = $wpdb->delete( $wpdb->postmeta, $where );
		} elseif ( null === $before ) {
			$is_done = $wpdb->insert( $wpdb->postmeta, $where + array( 'meta_value' => $value ) );
		} else {
			$is_done = $wpdb->update( $wpdb->postmeta, array( 'meta_value' => $value ), $where );
		}
		if ( false === $is_done && zoombridge_is_syncing() ) {
			$error = $wpdb->last_error;
			zoombridge_sync_require_transaction();
			throw new Zoombridge_Sync_Fault( 'column', $error, array( 'post' => $post_id ) );
		}
	}
	// phpcs:enable WordPress.DB
	wp_cache_delete( $post_id, 'post_meta' );
}

/**
 * Writes the metas of a new post.
 *
 * Whether they are there is read once. What other plugins add meanwhile is noticed.
 *
 * @since 0.2.0
 *
 * @param int   $post_id ID of the post.
 * @param array $metas   Values by key; null for metas that it is not to have.
 * @return void
 */
function zoombridge_sync_add_metas( int $post_id, array $metas ): void {
	$present = (array) get_post_meta( $post_id );
	$notice  = static function ( $meta_id, $object_id, $key ) use ( &$present, $post_id ): void {
		if ( (int) $object_id === $post_id ) {
			$present[ $key ] = true;
		}
	};
	add_action( 'added_post_meta', $notice, PHP_INT_MIN, 3 );
	try {
		foreach ( $metas as $key => $value ) {
			if ( isset( $present[ $key ] ) ) {
				zoombridge_set_meta( $post_id, $key, $value );
			} elseif ( null !== $value ) {
				add_post_meta( $post_id, $key, map_deep( $value, 'wp_slash' ) );
			}
			zoombridge_sync_require_transaction();
		}
	} finally {
		remove_action( 'added_post_meta', $notice, PHP_INT_MIN );
	}
}

/**
 * Returns the text by which the database holds a value.
 *
 * @since 0.2.0
 *
 * @param mixed $value The value.
 * @return string|null The text, or null for null.
 */
function zoombridge_sync_raw( $value ): ?string {
	return null === $value ? null : (string) maybe_serialize( $value );
}

/**
 * Describes for each field of a write whether the database holds what was sent.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation.
 * @param array $row       The post, read after the write.
 * @param array $metas     What was written, by key of the meta.
 * @return array As `took` in the answer.
 */
function zoombridge_sync_took( array $operation, array $row, array $metas ): array {
	$took = array();
	foreach ( array_intersect( array( 'title', 'content', 'status' ), array_keys( $operation ) ) as $name ) {
		$value         = $row[ 'post_' . $name ];
		$is_taken      = zoombridge_is_same_text( $value, $operation['sent'][ $name ] );
		$took[ $name ] = $is_taken ? true : array( 'became' => $value );
	}
	$given = zoombridge_sync_given_metas( $operation );
	foreach ( array_merge( array_keys( $given['set'] + $given['lay_over'] ), $given['remove'] ) as $name ) {
		$key           = zoombridge_sync_meta_keys()[ $name ];
		$sent          = $operation['sent']['metas']['set'][ $name ] ?? $metas[ $key ];
		$is_taken      = zoombridge_is_same_text( $row['metas'][ $key ] ?? null, zoombridge_sync_raw( $sent ) );
		$took[ $name ] = $is_taken ? true : array( 'became' => zoombridge_sync_meta_value( $row, $name ) );
	}
	return $took;
}

/**
 * Carries out the operation `trash`.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If the site has no trash.
 *
 * @param array $operation The operation, validated.
 * @param int   $epoch     Its epoch.
 * @param array $row       The post.
 * @return array What stands then.
 */
function zoombridge_sync_trash( array $operation, int $epoch, array $row ): array {
	if ( ! EMPTY_TRASH_DAYS ) {
		$text = 'This site has no trash: WordPress would delete the post permanently.';
		throw new Zoombridge_Sync_Fault( 'no_trash', $text, array( 'post' => $row['ID'] ) );
	}
	if ( 'trash' !== $row['post_status'] ) {
		$trash = static function () use ( $row ) {
			return wp_trash_post( $row['ID'] );
		};
		zoombridge_sync_together(
			static function () use ( $row, $trash ) {
				return zoombridge_sync_guard( $row, array( 'post_status' => 'trash' ), $trash );
			},
			null,
			$row['ID']
		);
	}
	return zoombridge_sync_what_stands( zoombridge_sync_record( $operation, $epoch, $row['ID'] ) );
}

/**
 * Carries out the operation `restore`.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation, validated.
 * @param int   $epoch     Its epoch.
 * @param array $row       The post.
 * @return array What stands then.
 */
function zoombridge_sync_restore( array $operation, int $epoch, array $row ): array {
	if ( 'trash' === $row['post_status'] ) {
		$before = $row['metas']['_wp_trash_meta_status'] ?? '';
		zoombridge_sync_untrash( $row, $operation['status'] ?? ( '' === $before ? 'draft' : $before ) );
	}
	return zoombridge_sync_what_stands( zoombridge_sync_record( $operation, $epoch, $row['ID'] ) );
}

/**
 * Takes a post out of the trash.
 *
 * @since 0.2.0
 *
 * @param array  $row    The post.
 * @param string $status The status that it gets.
 * @return void
 */
function zoombridge_sync_untrash( array $row, string $status ): void {
	$choose  = static function () use ( $status ): string {
		return $status;
	};
	$restore = static function () use ( $row ) {
		return wp_untrash_post( $row['ID'] );
	};
	// Last of all: WordPress itself restores posts as drafts.
	add_filter( 'wp_untrash_post_status', $choose, PHP_INT_MAX );
	try {
		zoombridge_sync_together(
			static function () use ( $row, $status, $restore ) {
				return zoombridge_sync_guard( $row, array( 'post_status' => $status ), $restore );
			},
			null,
			$row['ID']
		);
	} finally {
		remove_filter( 'wp_untrash_post_status', $choose, PHP_INT_MAX );
	}
}

/**
 * Carries out the operation `delete`.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If another plugin prevented it.
 *
 * @param array $operation The operation, validated.
 * @param int   $epoch     Its epoch.
 * @param array $row       The post.
 * @return array That the post is deleted.
 */
function zoombridge_sync_delete( array $operation, int $epoch, array $row ): array {
	// First: a request that dies after the deletion must not leave the way open to older operations.
	zoombridge_sync_bury( $operation['number'], $epoch, $operation['seq'] );
	zoombridge_sync_together(
		static function () use ( $row ) {
			return wp_delete_post( $row['ID'], true );
		},
		null,
		$row['ID']
	);
	if ( zoombridge_sync_read_rows( array( $row['ID'] ) ) ) {
		throw new Zoombridge_Sync_Fault( 'refused', 'The post was not deleted.', zoombridge_sync_what_stands( $row ) );
	}
	return array(
		'post'   => $row['ID'],
		'status' => 'deleted',
	);
}
