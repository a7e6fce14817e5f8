<?php
/**
 * Measures what each care of the plugin costs, by calling its parts, in one PHP process.
 *
 * Has the variables $body (a sealed request whose operations all make posts), $post (ID of a post that the bridge made)
 * and $times (how often each part is called). Returns `whole`, milliseconds of a write by its kind (`make`, `metas`),
 * and `parts`: for each its name, what it is spent on (`request`, `making request`, or each `make`, `metas` or `post`,
 * that is both), and its milliseconds. All are medians.
 *
 * @package Zoom_WordPress_Bridge
 *
 * phpcs:disable WordPress.NamingConventions.PrefixAllGlobals
 */

$median = static function ( array $took ): float {
	sort( $took );
	return $took[ intdiv( count( $took ), 2 ) ];
};
$timed  = static function ( callable $part, int $index ): float {
	$began = hrtime( true );
	$part( $index );
	return ( hrtime( true ) - $began ) / 1e6;
};

$envelope  = zoombridge_sync_parse_envelope( $body );
$message   = zoombridge_sync_unpack( $envelope );
$sent      = $message['operations'];
$first     = zoombridge_sync_validate_operation( $sent[0] );
$numbers   = array_column( $sent, 'number' );
$free      = array_map( 'strval', range( 1000, 999 + $times ) ); // Of no meeting.
$row       = zoombridge_sync_post( $post );
$answer    = array( 'results' => array_fill( 0, count( $sent ), zoombridge_sync_what_stands( $row ) ) );
$key       = zoombridge_get_connection()['key'];
$last_text = $row['metas']['_zoombridge_seq'];
$html      = $first['metas']['set']['html'];
$made      = array();
$write     = static function ( array $operation ) use ( $envelope ): int {
	zoombridge_sync_epoch();
	zoombridge_sync_mark( $envelope, (string) $operation['i'] );
	$post_id = zoombridge_sync_carry_out( $operation, $envelope )['post'];
	clean_post_cache( $post_id );
	return $post_id;
};
$make      = static function ( int $index ) use ( $sent, $write, &$made ): void {
	$made[ $index ] = $write( $sent[ $index ] );
};
$set_metas = static function ( int $index ) use ( $sent, $write, &$made ): void {
	$changed         = array_intersect_key( $sent[ $index ], array_flip( array( 'i', 'op', 'number', 'metas' ) ) );
	$changed['post'] = $made[ $index ];
	$changed['seq']  = $sent[ $index ]['seq'] + count( $sent );

	$changed['metas']['set']['revision'] += 1;
	$changed['metas']['set']['html']     .= '<p>Live now</p>';
	$write( $changed );
};

$parts = array(
	array(
		'signatures checked and made, message unpacked and packed',
		'request',
		static function () use ( $body, $key, $answer ): void {
			$parsed = zoombridge_sync_parse_envelope( $body );
			zoombridge_sync_is_signed( $parsed, $key );
			zoombridge_sync_unpack( $parsed );
			zoombridge_sync_sign_answer( $parsed['n'], $answer, $key, time() );
		},
	),
	array(
		'form of the message',
		'request',
		static function () use ( $message ): void {
			zoombridge_sync_validate_message( $message );
		},
	),
	array(
		'nonce, watermark, epoch, old nonces forgotten',
		'request',
		static function () use ( $envelope ): void {
			zoombridge_sync_take_nonce( time(), bin2hex( random_bytes( 16 ) ) );
			zoombridge_sync_raise_epoch( $envelope['epoch'] );
		},
	),
	array(
		'kses filters, callbacks of VCZAPI and term counting off and on again',
		'request',
		static function (): void {
			( new Zoombridge_Sync_Care() )->end();
		},
	),
	array(
		'posts of all numbers found at once',
		'making request',
		static function () use ( $numbers ): void {
			zoombridge_last_meta_id();
			zoombridge_read_numbers( $numbers );
		},
	),
	array(
		'fields of the operation checked',
		'post',
		static function () use ( $sent ): void {
			zoombridge_sync_validate_operation( $sent[0] );
		},
	),
	array(
		'progress recorded, epoch read',
		'post',
		static function ( int $index ) use ( $envelope ): void {
			zoombridge_sync_mark( $envelope, (string) $index );
			zoombridge_sync_epoch();
		},
	),
	array(
		'lock',
		'post',
		static function ( int $index ): void {
			zoombridge_lock( 'zoombridge_writing_0' . $index );
			zoombridge_unlock( 'zoombridge_writing_0' . $index );
		},
	),
	array(
		'number looked up again, deleted meetings, slug',
		'make',
		static function ( int $index ) use ( $first, $free ): void {
			zoombridge_find_post( $free[ $index ] );
			zoombridge_sync_grave( $free[ $index ] );
			zoombridge_sync_slug( zoombridge_sync_sanitize( $first ), $first );
		},
	),
	array(
		'author',
		'make',
		static function () use ( $first ): void {
			zoombridge_sync_author( $first );
		},
	),
	array(
		'post read before, its caches dropped',
		'metas',
		static function () use ( $post ): void {
			zoombridge_sync_post( $post );
			wp_cache_delete( $post, 'post_meta' );
		},
	),
	array(
		'html made harmless',
		'post',
		static function () use ( $html ): void {
			wp_kses( $html, zoombridge_allowed_html() );
		},
	),
	array(
		'post read back by SQL',
		'post',
		static function () use ( $post ): void {
			zoombridge_sync_post( $post );
		},
	),
	array(
		'operation recorded with its digest',
		'post',
		static function ( int $index ) use ( $row, &$last_text ): void {
			$text   = sprintf( '1.%d.write.%s', $index, zoombridge_sync_digest( $row ) );
			$stored = array( '_zoombridge_seq' => $last_text );
			zoombridge_sync_set_metas( $row['ID'], array( '_zoombridge_seq' => $text ), $stored );
			$last_text = $text;
		},
	),
	array(
		'what stands',
		'post',
		static function () use ( $row ): void {
			zoombridge_sync_what_stands( $row );
		},
	),
	array(
		'highest operation recorded',
		'request',
		static function ( int $index ) use ( $first ): void {
			zoombridge_sync_raise_highest( 1, $first['seq'] + 100000 + $index );
		},
	),
	array(
		'caches purged',
		'post',
		static function () use ( $post ): void {
			clean_post_cache( $post );
		},
	),
);

// As at the beginning of a request: the row of its nonce, and which numbers it is about.
zoombridge_insert_option_row( zoombridge_sync_nonce_name( $envelope['t'], $envelope['n'] ), '' );
zoombridge_find_posts_with_number( $numbers[0], array_merge( $numbers, $free ) );
$care  = new Zoombridge_Sync_Care();
$whole = array(
	'make'  => $median( array_map( $timed, array_fill( 0, count( $sent ), $make ), array_keys( $sent ) ) ),
	'metas' => $median( array_map( $timed, array_fill( 0, count( $sent ), $set_metas ), array_keys( $sent ) ) ),
);
$care->end();

$prices = array();
foreach ( $parts as list( $name, $spent_on, $part ) ) {
	$took     = array_map( $timed, array_fill( 0, $times, $part ), range( 0, $times - 1 ) );
	$prices[] = array( $name, $spent_on, $median( $took ) );
}
return array(
	'whole' => $whole,
	'parts' => $prices,
);
