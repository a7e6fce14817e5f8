<?php
/**
 * Rows of the table of options, and what the sync protocol remembers in them: nonces, the epoch, the highest operation,
 * and deleted meetings.
 *
 * All of it is in rows of the table of options that are read and written by SQL: caches do not show what other requests
 * write at the same time.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 *
 * phpcs:disable WordPress.DB.DirectDatabaseQuery
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_SYNC_NONCES_KEPT = 900;

/**
 * Inserts a row into the table of options, unless there is one of that name.
 *
 * @since 0.2.0
 *
 * @param string $name  Name of the option.
 * @param string $value Its value.
 * @return bool True if it was inserted, false if there is one.
 */
function zoombridge_insert_option_row( string $name, string $value ): bool {
	global $wpdb;
	return 1 === (int) $wpdb->query(
		$wpdb->prepare(
			"INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')",
			$name,
			$value
		)
	);
}

/**
 * Reads a row of the table of options.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the option.
 * @return string|null Its value, or null if there is none.
 */
function zoombridge_read_option_row( string $name ): ?string {
	global $wpdb;
	return $wpdb->get_var(
		$wpdb->prepare( "SELECT option_value FROM {$wpdb->options} WHERE option_name = %s", $name )
	);
}

/**
 * Ends the operation at work if the last query failed: what could not be read is not taken for what is not there.
 *
 * Only in a request of the bridge, which tries again. Others see what WordPress shows where the database fails.
 *
 * @since 0.3.0
 *
 * @throws RuntimeException If it failed.
 *
 * @return void
 */
function zoombridge_require_read(): void {
	global $wpdb;
	if ( '' !== (string) $wpdb->last_error && zoombridge_is_syncing() ) {
		throw new RuntimeException( 'The database did not answer: ' . $wpdb->last_error );
	}
}

/**
 * Writes a row of the table of options, whether or not there is one of that name.
 *
 * @since 0.2.0
 *
 * @param string $name  Name of the option.
 * @param string $value Its value.
 * @return void
 */
function zoombridge_write_option_row( string $name, string $value ): void {
	global $wpdb;
	if ( ! zoombridge_insert_option_row( $name, $value ) ) {
		$wpdb->update( $wpdb->options, array( 'option_value' => $value ), array( 'option_name' => $name ) );
	}
}

/**
 * Deletes a row of the table of options, if there is one of that name.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the option.
 * @return void
 */
function zoombridge_delete_option_row( string $name ): void {
	global $wpdb;
	$wpdb->delete( $wpdb->options, array( 'option_name' => $name ) );
}

/**
 * Returns the name of the option that holds a nonce.
 *
 * @since 0.2.0
 *
 * @param int    $time  Time of the message.
 * @param string $nonce The nonce.
 * @return string Name of the option, which sorts by time.
 */
function zoombridge_sync_nonce_name( int $time, string $nonce ): string {
	return sprintf( 'zoombridge_n_%010d_%s', $time, $nonce );
}

/**
 * Takes the nonce of a message, and forgets old ones.
 *
 * Old nonces are forgotten only after the watermark was raised to their time: even with a clock that was set back, a
 * message is not taken twice.
 *
 * @since 0.2.0
 *
 * @param int    $time  Time of the message.
 * @param string $nonce The nonce.
 * @return bool False if the message may have come before.
 */
function zoombridge_sync_take_nonce( int $time, string $nonce ): bool {
	if ( ! zoombridge_insert_option_row( zoombridge_sync_nonce_name( $time, $nonce ), time() . '|' ) ) {
		return false;
	}
	$is_fresh = $time > (int) zoombridge_read_option_row( 'zoombridge_watermark' );
	zoombridge_sync_prune_nonces();
	return $is_fresh;
}

/**
 * Forgets nonces of messages that the clock alone refuses by now, at most 200 at once.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_sync_prune_nonces(): void {
	global $wpdb;
	$names = $wpdb->get_col(
		$wpdb->prepare(
			"SELECT option_name FROM {$wpdb->options} WHERE option_name >= %s AND option_name < %s
			ORDER BY option_name LIMIT 200",
			zoombridge_sync_nonce_name( 0, '' ),
			zoombridge_sync_nonce_name( time() - ZOOMBRIDGE_SYNC_NONCES_KEPT, '' )
		)
	);
	$names = preg_grep( '/^zoombridge_n_\d{10}_[0-9a-f]{32}$/D', $names );
	if ( ! $names ) {
		return;
	}
	zoombridge_raise_option_row( 'zoombridge_watermark', substr( max( $names ), strlen( 'zoombridge_n_' ), 10 ) );
	$places = implode( ',', array_fill( 0, count( $names ), '%s' ) );
	// phpcs:ignore WordPress.DB.PreparedSQL,WordPress.DB.PreparedSQLPlaceholders -- One placeholder for each name.
	$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name IN ($places)", $names ) );
}

/**
 * Raises a text in the table of options; a higher one stays.
 *
 * @since 0.2.0
 *
 * @param string $name  Name of the option.
 * @param string $value Digits of a fixed length, so that texts compare as numbers do.
 * @return void
 */
function zoombridge_raise_option_row( string $name, string $value ): void {
	global $wpdb;
	$raise = $wpdb->prepare(
		"UPDATE {$wpdb->options} SET option_value = %s WHERE option_name = %s AND option_value < %s",
		$value,
		$name,
		$value
	);
	// Mostly there is a lower one. If another request inserts one in between, that may be lower, too.
	// phpcs:disable WordPress.DB.PreparedSQL -- It is prepared above.
	if ( ! $wpdb->query( $raise ) && ! zoombridge_insert_option_row( $name, $value ) ) {
		$wpdb->query( $raise );
	}
	// phpcs:enable
}

/**
 * Raises the epoch to that of a message.
 *
 * @since 0.2.0
 *
 * @param int $epoch Epoch of the message.
 * @return int The epoch in force: a higher one than that of the message where another bridge has taken over.
 */
function zoombridge_sync_raise_epoch( int $epoch ): int {
	$current = zoombridge_sync_epoch();
	if ( $current >= $epoch ) {
		return $current;
	}
	zoombridge_raise_option_row( 'zoombridge_epoch', sprintf( '%09d', $epoch ) );
	return zoombridge_sync_epoch();
}

/**
 * Returns the epoch in force.
 *
 * @since 0.2.0
 *
 * @return int The epoch; 0 before the first message.
 */
function zoombridge_sync_epoch(): int {
	return (int) zoombridge_read_option_row( 'zoombridge_epoch' );
}

/**
 * Whether the bridge of a message is still the one of this site, as the database holds it: WordPress caches options.
 *
 * @since 0.3.0
 *
 * @param array $message The message.
 * @return bool False once the pairing has ended, or another bridge has taken over.
 */
function zoombridge_sync_is_current( array $message ): bool {
	global $wpdb;
	$rows       = $wpdb->get_results(
		"SELECT option_name, option_value FROM {$wpdb->options}
		WHERE option_name IN ('zoombridge_connection', 'zoombridge_epoch')",
		OBJECT_K
	);
	$connection = maybe_unserialize( $rows['zoombridge_connection']->option_value ?? '' );
	$epoch      = (int) ( $rows['zoombridge_epoch']->option_value ?? 0 );
	$is_paired  = is_array( $connection ) && ( $connection['site'] ?? '' ) === $message['site'];
	return $is_paired && $epoch <= $message['epoch'];
}

/**
 * Records how far the operations of a message have come.
 *
 * @since 0.2.0
 *
 * @param array  $message The message.
 * @param string $at      Index of the operation that begins, or `done`.
 * @return void
 */
function zoombridge_sync_mark( array $message, string $at ): void {
	global $wpdb;
	$wpdb->query(
		$wpdb->prepare(
			"UPDATE {$wpdb->options} SET option_value = %s WHERE option_name = %s",
			time() . '|' . $at,
			zoombridge_sync_nonce_name( $message['t'], $message['n'] )
		)
	);
}

/**
 * Returns what is known of an earlier message.
 *
 * @since 0.2.0
 *
 * @param string $nonce Nonce of that message.
 * @return array {
 *     The outcome.
 *
 *     @type bool     $known Whether the message came, at most a quarter of an hour ago.
 *     @type int|null $at    Index of the operation that was begun last, if it did not come to an end since.
 *     @type bool     $done  Whether the message was carried out to its end.
 * }
 */
function zoombridge_sync_outcome( string $nonce ): array {
	global $wpdb;
	$value = $wpdb->get_var(
		$wpdb->prepare(
			"SELECT option_value FROM {$wpdb->options} WHERE option_name LIKE %s",
			$wpdb->esc_like( 'zoombridge_n_' ) . '%' . $wpdb->esc_like( '_' . $nonce )
		)
	);
	$at    = (string) substr( (string) strstr( (string) $value, '|' ), 1 );
	return array(
		'known' => null !== $value,
		'at'    => ctype_digit( $at ) ? (int) $at : null,
		'done'  => 'done' === $at,
	);
}

/**
 * Records the highest operation that was carried out.
 *
 * @since 0.2.0
 *
 * @param int $epoch Epoch of the operation.
 * @param int $seq   Its number in that epoch.
 * @return void
 */
function zoombridge_sync_raise_highest( int $epoch, int $seq ): void {
	zoombridge_raise_option_row( 'zoombridge_highest', sprintf( '%09d.%019d', $epoch, $seq ) );
}

/**
 * Returns the highest operation that was carried out. A database that was restored shows by it.
 *
 * @since 0.2.0
 *
 * @return array Epoch and seq, by these names; 0 before the first.
 */
function zoombridge_sync_highest(): array {
	$parts = explode( '.', (string) zoombridge_read_option_row( 'zoombridge_highest' ) . '.' );
	return array(
		'epoch' => (int) $parts[0],
		'seq'   => (int) $parts[1],
	);
}

/**
 * Remembers for three months that the bridge deleted the post of a meeting.
 *
 * No older operation creates it again then.
 *
 * @since 0.2.0
 *
 * @param string $number Zoom meeting number.
 * @param int    $epoch  Epoch of the deletion.
 * @param int    $seq    Its number in that epoch.
 * @return void
 */
function zoombridge_sync_bury( string $number, int $epoch, int $seq ): void {
	global $wpdb;
	$wpdb->query(
		$wpdb->prepare(
			"DELETE FROM {$wpdb->options} WHERE option_name >= 'zoombridge_gone_0' AND option_name < 'zoombridge_gone_A'
			AND ( option_name = %s OR option_value < %s )",
			'zoombridge_gone_' . $number,
			sprintf( '%010d', time() - 90 * DAY_IN_SECONDS )
		)
	);
	zoombridge_insert_option_row( 'zoombridge_gone_' . $number, sprintf( '%010d|%d.%d', time(), $epoch, $seq ) );
}

/**
 * Returns the operation that deleted the post of a meeting.
 *
 * @since 0.2.0
 *
 * @param string $number Zoom meeting number.
 * @return string|null Epoch and seq, as `{epoch}.{seq}`; null if there is none.
 */
function zoombridge_sync_grave( string $number ): ?string {
	$value = zoombridge_read_option_row( 'zoombridge_gone_' . $number );
	return null === $value ? null : substr( $value, 11 );
}

/**
 * Compares an operation with one that was carried out.
 *
 * @since 0.2.0
 *
 * @param int         $epoch  Epoch of the operation.
 * @param int         $seq    Its number in that epoch.
 * @param string|null $stored The other one, as text that begins with `{epoch}.{seq}`, if there is any.
 * @return int 1 if the operation is newer, 0 if it is the same, -1 if it is older.
 */
function zoombridge_sync_compare( int $epoch, int $seq, ?string $stored ): int {
	if ( null === $stored ) {
		return 1;
	}
	$parts = explode( '.', $stored . '.' );
	return array( $epoch, $seq ) <=> array( (int) $parts[0], (int) $parts[1] );
}

/**
 * Forgets epochs and operations of the bridge that the site was paired with before. Nonces stay, and do no harm.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_sync_forget(): void {
	global $wpdb;
	$wpdb->query(
		"DELETE FROM {$wpdb->options}
		WHERE option_name IN ('zoombridge_epoch', 'zoombridge_highest', 'zoombridge_visit', 'zoombridge_alerts')
		OR ( option_name >= 'zoombridge_gone_0' AND option_name < 'zoombridge_gone_A' )
		OR ( option_name >= 'zoombridge_changed_0' AND option_name < 'zoombridge_changed_A' )"
	);
	delete_post_meta_by_key( '_zoombridge_seq' );
}
