<?php
/**
 * Reads posts for the sync protocol, as they stand in the database.
 *
 * Everything here is read by SQL: an object cache may show what stood before, or what was to be written.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 *
 * phpcs:disable WordPress.Security.EscapeOutput.ExceptionNotEscaped -- The bridge is told of faults, as JSON.
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_SYNC_OWN_METAS = array(
	'_zoombridge_post',
	'_zoombridge_made',
	'_zoombridge_seq',
	'_zoombridge_wrote',
);

// Eight hashes of 16 characters, and what is between them.
const ZOOMBRIDGE_REPLACED_LENGTH = 135;

/**
 * Returns the keys of the metas that the bridge writes, by name.
 *
 * @since 0.2.0
 *
 * @return array Keys by name.
 */
function zoombridge_sync_meta_keys(): array {
	return ZOOMBRIDGE_PLAIN_METAS + ZOOMBRIDGE_ARRAY_METAS + array( 'details' => '_meeting_zoom_details' );
}

/**
 * Reads meeting posts.
 *
 * @since 0.2.0
 *
 * @param int[] $ids IDs of posts.
 * @return array {
 *     Rows of the table of posts by ID; posts of other types are not among them. Besides its columns, each has
 *
 *     @type int   $ID    The ID, as an integer.
 *     @type array $metas Raw values of the bridge's metas by key, and of others of VCZAPI.
 * }
 */
function zoombridge_sync_read_rows( array $ids ): array {
	global $wpdb;
	if ( ! $ids ) {
		return array();
	}
	$list = implode( ',', array_map( 'intval', $ids ) );
	$rows = array();
	// phpcs:disable WordPress.DB -- The IDs are integers.
	$posts = $wpdb->get_results(
		"SELECT * FROM {$wpdb->posts} WHERE ID IN ($list) AND post_type = 'zoom-meetings'",
		ARRAY_A
	);
	zoombridge_require_read();
	foreach ( $posts as $post ) {
		$id          = (int) $post['ID'];
		$rows[ $id ] = array(
			'ID'    => $id,
			'metas' => array(),
		) + $post;
	}
	// By patterns: to compare a list of twenty keys takes the database longer than to read a few metas more.
	$metas = $wpdb->get_results(
		"SELECT post_id, meta_key, meta_value FROM {$wpdb->postmeta} WHERE post_id IN ($list) AND (
			meta_key LIKE '_zoombridge_%' OR meta_key LIKE '_meeting_%' OR meta_key LIKE '%vczapi_meeting_%'
			OR meta_key LIKE '_vczapi_pro_meeting_%' OR meta_key LIKE '_wp_trash_meta_%'
		) ORDER BY meta_id"
	);
	zoombridge_require_read();
	// phpcs:enable WordPress.DB
	foreach ( $metas as $meta ) {
		$id = (int) $meta->post_id;
		if ( isset( $rows[ $id ] ) ) {
			$rows[ $id ]['metas'] += array( $meta->meta_key => (string) $meta->meta_value );
		}
	}
	return $rows;
}

/**
 * Reads a meeting post.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If there is no such post.
 *
 * @param int $id ID of the post.
 * @return array The post; see zoombridge_sync_read_rows().
 */
function zoombridge_sync_post( int $id ): array {
	$row = zoombridge_sync_read_rows( array( $id ) )[ $id ] ?? null;
	if ( null === $row ) {
		throw new Zoombridge_Sync_Fault( 'missing', 'There is no meeting post of this ID.', array( 'post' => $id ) );
	}
	return $row;
}

/**
 * Whether the bridge manages a post.
 *
 * A copy of a post carries its metas, and with them the ID of the other post.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return bool True if it does.
 */
function zoombridge_sync_is_managed( array $row ): bool {
	$owner = $row['metas']['_zoombridge_post'] ?? null;
	if ( null === $owner ) {
		// Earlier versions of the bridge wrote this meta only.
		return isset( $row['metas']['_zoombridge_revision'] );
	}
	return (int) $owner === $row['ID'];
}

/**
 * Describes what stands in a post.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return array {
 *     What the answer tells of each post.
 *
 *     @type int         $post      ID of the post.
 *     @type string      $link      Its address.
 *     @type string      $status    Its status.
 *     @type bool        $password  Whether it has a password.
 *     @type string|null $seq       The last operation on it, as `{epoch}.{seq}`.
 *     @type string      $digest    Hash of everything that the bridge writes.
 *     @type string|null $by        `bridge` if nothing of that has changed since the bridge's last operation.
 *     @type string[]    $own_texts Those of `title` and `content` that are as the bridge last wrote them.
 *     @type bool        $editors_title Whether an editor has given the post a title that is its own, not the form's.
 * }
 */
function zoombridge_sync_what_stands( array $row ): array {
	$seq    = explode( '.', ( $row['metas']['_zoombridge_seq'] ?? '' ) . '...' );
	$digest = zoombridge_sync_digest( $row );
	return array(
		'post'          => $row['ID'],
		'link'          => (string) get_permalink( $row['ID'] ),
		'status'        => $row['post_status'],
		'password'      => '' !== $row['post_password'],
		'seq'           => '' === $seq[1] ? null : $seq[0] . '.' . $seq[1],
		'digest'        => $digest,
		'by'            => $digest === $seq[3] ? 'bridge' : null,
		'own_texts'     => zoombridge_sync_own_texts( $row ),
		'editors_title' => zoombridge_sync_has_editors_title( $row ),
	);
}

/**
 * Hashes each of the bridge's metas that a post has.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return string[] 8 hexadecimal characters each, by name.
 */
function zoombridge_sync_meta_hashes( array $row ): array {
	$hashes = array();
	foreach ( zoombridge_sync_meta_keys() as $name => $key ) {
		if ( isset( $row['metas'][ $key ] ) ) {
			$hashes[ $name ] = substr( hash( 'sha256', $row['metas'][ $key ] ), 0, 8 );
		}
	}
	return $hashes;
}

/**
 * Returns the hashes of the bridge's metas, as its last operation on a post left them.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return string[]|null Hashes by name of the meta; null if they were not recorded.
 */
function zoombridge_sync_known_metas( array $row ): ?array {
	$seq = explode( '.', $row['metas']['_zoombridge_seq'] ?? '' );
	if ( ! isset( $seq[5] ) ) {
		return null;
	}
	// Not by parse_str(), which separates as php.ini says.
	$known = array();
	foreach ( array_filter( explode( '&', $seq[5] ) ) as $pair ) {
		list( $name, $hash ) = explode( '=', $pair . '=' );
		$known[ $name ]      = $hash;
	}
	return $known;
}

/**
 * Returns which of the bridge's metas others have changed since its last operation on a post.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return string[]|null Names; null if that operation did not record them.
 */
function zoombridge_sync_altered_metas( array $row ): ?array {
	$before = zoombridge_sync_known_metas( $row );
	if ( null === $before ) {
		return null;
	}
	$now   = zoombridge_sync_meta_hashes( $row );
	$names = array_keys( array_diff_assoc( $now, $before ) + array_diff_assoc( $before, $now ) );
	sort( $names );
	return $names;
}

/**
 * Returns which texts of a post stand as the bridge last wrote them, whoever has written other parts of it since.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return string[] Those of `title` and `content`.
 */
function zoombridge_sync_own_texts( array $row ): array {
	$wrote = zoombridge_sync_wrote_parts( $row );
	$own   = array();
	foreach ( array( 'title', 'content' ) as $index => $name ) {
		if ( zoombridge_sync_text_hash( $row[ 'post_' . $name ] ) === $wrote[ $index ] ) {
			$own[] = $name;
		}
	}
	return $own;
}

/**
 * Whether an editor has given a title of its own to a post that VCZAPI's form has no say in.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return bool False also where the title is the meeting's topic, whoever has written it.
 */
function zoombridge_sync_has_editors_title( array $row ): bool {
	$made = $row['metas']['_zoombridge_made'] ?? '';
	// VCZAPI's form sends a changed title to Zoom, in HTML; once it is gone, nothing does.
	$has_form = 'form' === $made && zoombridge_has_vczapi();
	if ( '' === $made || $has_form || zoombridge_sync_is_bridges_title( $row ) ) {
		return false;
	}
	$title = html_entity_decode( $row['post_title'], ENT_QUOTES | ENT_HTML5, 'UTF-8' );
	$zooms = zoombridge_sync_zooms_title( $row );
	return $zooms !== $title
		&& ( 'form' !== $made || html_entity_decode( $zooms, ENT_QUOTES | ENT_HTML5, 'UTF-8' ) !== $title );
}

/**
 * Whether the title of a post is as the bridge last wrote it, or as another plugin stored that.
 *
 * @since 0.3.0
 *
 * @param array $row The post.
 * @return bool True if it is.
 */
function zoombridge_sync_is_bridges_title( array $row ): bool {
	$wrote = zoombridge_sync_wrote_parts( $row );
	return in_array( zoombridge_sync_text_hash( $row['post_title'] ), array( $wrote[0], $wrote[2] ), true );
}

/**
 * Returns the title that a meeting has in Zoom, as visitors may read it.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return string Plain text, in one line, as the bridge makes titles of topics.
 */
function zoombridge_sync_zooms_title( array $row ): string {
	$details = json_decode( (string) zoombridge_sync_meta_value( $row, 'details' ), true );
	$topic   = is_array( $details ) && is_string( $details['topic'] ?? null ) ? $details['topic'] : '';
	$topic   = zoombridge_decode_from_database( $topic );
	$clean   = preg_replace( '/[\x{00}-\x{08}\x{0B}\x{0C}\x{0E}-\x{1F}\x{7F}-\x{9F}]/u', '', $topic );
	$line    = trim( (string) preg_replace( '/\s+/u', ' ', (string) $clean ) );
	// As the bridge does, if it shows nothing.
	if ( ! preg_match( '/[^\p{Z}\p{C}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}\x{FFFD}]|\p{Co}|\p{Cn}/u', $line ) ) {
		return 'webinar' === zoombridge_sync_meta_value( $row, 'kind' ) ? 'Zoom webinar' : 'Zoom meeting';
	}
	return mb_strlen( $line, 'UTF-8' ) > 500 ? rtrim( mb_substr( $line, 0, 499, 'UTF-8' ) ) . '…' : $line;
}

/**
 * Returns the meta that holds what title and content are after a write.
 *
 * @since 0.2.0
 *
 * @param array $fields Columns that are written.
 * @param array $row    The post before.
 * @return string Parts, separated by dots: hashes of title and content, that of a text which the bridge never wrote is
 *                empty; the hash of the title, where another plugin stored another than was written; hashes of the
 *                titles, and of the contents, that the bridge replaced, the newest first.
 */
function zoombridge_sync_wrote( array $fields, array $row ): string {
	$wrote = zoombridge_sync_wrote_parts( $row );
	foreach ( array( 'post_title', 'post_content' ) as $index => $column ) {
		if ( ! isset( $fields[ $column ] ) ) {
			continue;
		}
		$wrote[ $index ] = zoombridge_sync_text_hash( $fields[ $column ] );
		if ( $row['ID'] && $fields[ $column ] !== $row[ $column ] ) {
			$replaced = array( zoombridge_replaced_hash( $row[ $column ], $column ), $wrote[ 3 + $index ] );

			$wrote[ 3 + $index ] = substr( trim( implode( '-', $replaced ), '-' ), 0, ZOOMBRIDGE_REPLACED_LENGTH );
		}
	}
	if ( isset( $fields['post_title'] ) ) {
		$wrote[2] = '';
	}
	return implode( '.', $wrote );
}

/**
 * Returns the parts of the meta that holds what the bridge wrote last.
 *
 * @since 0.3.0
 *
 * @param array $row The post.
 * @return string[] As zoombridge_sync_wrote() makes them; earlier versions stored the first two.
 */
function zoombridge_sync_wrote_parts( array $row ): array {
	return array_slice( explode( '.', ( $row['metas']['_zoombridge_wrote'] ?? '' ) . '....' ), 0, 5 );
}

/**
 * Hashes a text that a screen may send again, in a form of its own.
 *
 * @since 0.3.0
 *
 * @param string $text   The text.
 * @param string $column `post_title` or `post_content`.
 * @return string As zoombridge_sync_text_hash() does.
 */
function zoombridge_replaced_hash( string $text, string $column ): string {
	return zoombridge_sync_text_hash( zoombridge_unify_text( $text, $column ) );
}

/**
 * Records the title that another plugin has stored in place of the one that was written: it is no editor's.
 *
 * @since 0.3.0
 *
 * @param array    $fields Columns that were written.
 * @param string[] $titles Hashes of the titles that this process has stored meanwhile.
 * @param array    $row    The post, read after the write.
 * @return array The post with its metas as they are then.
 */
function zoombridge_sync_record_title( array $fields, array $titles, array $row ): array {
	$hash = zoombridge_sync_text_hash( $row['post_title'] );
	$sent = zoombridge_sync_text_hash( $fields['post_title'] ?? $row['post_title'] );
	if ( $hash === $sent || ! in_array( $hash, $titles, true ) ) {
		return $row;
	}
	$wrote    = zoombridge_sync_wrote_parts( $row );
	$wrote[0] = $sent;
	$wrote[2] = $hash;
	$metas    = array( '_zoombridge_wrote' => implode( '.', $wrote ) );
	zoombridge_sync_set_metas( $row['ID'], $metas, $row['metas'] );
	return array( 'metas' => $metas + $row['metas'] ) + $row;
}

/**
 * Returns a function that records the title that another plugin has stored, before the transaction ends: whatever dies
 * after it, that title is no editor's.
 *
 * @since 0.3.0
 *
 * @param array $fields  Columns that are written.
 * @param int   $post_id Optional. ID of the post. Default 0: a new one.
 * @return callable The function. It takes the post, as it is stored.
 */
function zoombridge_sync_title_recorder( array $fields, int $post_id = 0 ): callable {
	return static function ( $post ) use ( $fields, $post_id ): void {
		$is_it = 'zoom-meetings' === $post->post_type && in_array( $post_id, array( 0, $post->ID ), true );
		if ( $is_it && isset( $fields['post_title'] ) && $post->post_title !== $fields['post_title'] ) {
			$titles = array( zoombridge_sync_text_hash( $post->post_title ) );
			zoombridge_sync_record_title( $fields, $titles, zoombridge_sync_post( $post->ID ) );
		}
	};
}

/**
 * Calls a function that writes a post, and returns which titles other plugins have made of the one that it writes.
 *
 * @since 0.3.0
 *
 * @param callable $write The function.
 * @return string[] Hashes of all titles of meetings that this process has stored meanwhile.
 */
function zoombridge_sync_titles_stored( callable $write ): array {
	$hashes = array();
	$note   = static function ( $data ) use ( &$hashes ) {
		if ( 'zoom-meetings' === ( $data['post_type'] ?? '' ) ) {
			$hashes[] = zoombridge_sync_text_hash( wp_unslash( $data['post_title'] ) );
		}
		return $data;
	};
	add_filter( 'wp_insert_post_data', $note, PHP_INT_MAX );
	try {
		$write();
	} finally {
		remove_filter( 'wp_insert_post_data', $note, PHP_INT_MAX );
	}
	return $hashes;
}

/**
 * Hashes a text. Characters that a table cannot hold are stored as entities, and count as what they stand for.
 *
 * @since 0.2.0
 *
 * @param string $text The text.
 * @return string 16 lowercase hexadecimal characters.
 */
function zoombridge_sync_text_hash( string $text ): string {
	return substr( hash( 'sha256', html_entity_decode( $text, ENT_QUOTES | ENT_HTML5, 'UTF-8' ) ), 0, 16 );
}

/**
 * Computes the hash of everything in a post that the bridge writes.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return string Lowercase hexadecimal SHA-256.
 */
function zoombridge_sync_digest( array $row ): string {
	$metas = array();
	foreach ( zoombridge_sync_meta_keys() as $name => $key ) {
		if ( isset( $row['metas'][ $key ] ) ) {
			$metas[ $name ] = $row['metas'][ $key ];
		}
	}
	ksort( $metas );
	$all = array( $row['post_title'], $row['post_content'], $row['post_status'], (object) $metas );
	return hash(
		'sha256',
		// phpcs:ignore WordPress.WP.AlternativeFunctions.json_encode_json_encode -- The bytes are signed or compared.
		(string) json_encode( $all, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE )
	);
}

/**
 * Returns a post in full.
 *
 * @since 0.2.0
 *
 * @param array $row The post.
 * @return array Title, content, status, author, metas by name, and the status before the trash.
 */
function zoombridge_sync_state( array $row ): array {
	$metas = array();
	foreach ( array_keys( zoombridge_sync_meta_keys() ) as $name ) {
		$metas[ $name ] = zoombridge_sync_meta_value( $row, $name );
	}
	$before = $row['metas']['_wp_trash_meta_status'] ?? '';
	return array(
		'title'        => $row['post_title'],
		'content'      => $row['post_content'],
		'status'       => $row['post_status'],
		'author'       => (int) $row['post_author'],
		'metas'        => $metas,
		'trashed_from' => 'trash' === $row['post_status'] && '' !== $before ? $before : null,
	);
}

/**
 * Returns the value of a meta as the protocol shows it.
 *
 * @since 0.2.0
 *
 * @param array  $row  The post.
 * @param string $name Name of the meta.
 * @return mixed A string, the integer `revision`, JSON text for `details`, an object for `fields` and `pro`, or null.
 */
function zoombridge_sync_meta_value( array $row, string $name ) {
	$raw = $row['metas'][ zoombridge_sync_meta_keys()[ $name ] ] ?? null;
	if ( null === $raw || 'revision' === $name ) {
		return null === $raw ? null : (int) $raw;
	}
	if ( isset( ZOOMBRIDGE_PLAIN_METAS[ $name ] ) ) {
		return $raw;
	}
	$value = maybe_unserialize( $raw );
	if ( ! is_array( $value ) && ! is_object( $value ) ) {
		return null;
	}
	$value = (object) zoombridge_remove_start_url( $value );
	// phpcs:ignore WordPress.WP.AlternativeFunctions.json_encode_json_encode -- The bytes are signed or compared.
	return 'details' === $name ? json_encode( $value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE ) : $value;
}

/**
 * Returns the charset of the columns that the bridge writes text to; the narrower one, if they differ.
 *
 * @since 0.2.0
 *
 * @return string Such as utf8mb4, utf8mb3, utf8 or latin1.
 */
function zoombridge_narrowest_charset(): string {
	global $wpdb;
	static $narrowest = null;
	if ( null === $narrowest ) {
		$charsets  = array_filter(
			array(
				$wpdb->get_col_charset( $wpdb->posts, 'post_title' ),
				$wpdb->get_col_charset( $wpdb->posts, 'post_content' ),
				$wpdb->get_col_charset( $wpdb->postmeta, 'meta_value' ),
			),
			'is_string' // Other databases than MySQL know no charsets.
		);
		$others    = array_diff( $charsets, array( 'utf8mb4', 'utf8mb3', 'utf8' ) );
		$three     = array_intersect( $charsets, array( 'utf8mb3', 'utf8' ) );
		$found     = array_merge( $others, $three, array( 'utf8mb4' ) );
		$narrowest = $found[0];
	}
	return $narrowest;
}

/**
 * Replaces characters that the database cannot hold by HTML entities.
 *
 * @since 0.2.0
 *
 * @param string $text The text, in UTF-8.
 * @return string The text, as it is where the database holds all characters.
 */
function zoombridge_encode_for_database( string $text ): string {
	global $wpdb;
	$charset  = zoombridge_narrowest_charset();
	$patterns = array(
		'utf8mb4' => '',
		'utf8mb3' => '/[\x{10000}-\x{10FFFF}]/u',
		'utf8'    => '/[\x{10000}-\x{10FFFF}]/u',
		'latin1'  => '/[^\x{00}-\x{FF}]/u',
	);
	$pattern  = $patterns[ $charset ] ?? '/[^\x{00}-\x{7F}]/u';
	// Where the connection has such a charset, too, the database takes the bytes of UTF-8 for its own and returns them.
	$is_transparent = 0 !== strpos( $charset, 'utf8' ) && $wpdb->charset === $charset;
	if ( '' === $pattern || $is_transparent ) {
		return $text;
	}
	return (string) preg_replace_callback(
		$pattern,
		static function ( array $found ): string {
			return '&#x' . dechex( zoombridge_code_point( $found[0] ) ) . ';';
		},
		$text
	);
}

/**
 * Returns a text in which zoombridge_encode_for_database() has replaced characters, as it was.
 *
 * @since 0.3.0
 *
 * @param string $text The text, as the database holds it.
 * @return string The text, in UTF-8. Entities that the text had itself stay.
 */
function zoombridge_decode_from_database( string $text ): string {
	$decoded = (string) preg_replace_callback(
		'/&#x[0-9a-f]{2,6};/',
		static function ( array $found ): string {
			return html_entity_decode( $found[0], ENT_QUOTES | ENT_HTML5, 'UTF-8' );
		},
		$text
	);
	return zoombridge_encode_for_database( $decoded ) === $text ? $decoded : $text;
}

/**
 * Returns the code point of a character.
 *
 * @since 0.2.0
 *
 * @param string $character The character, in UTF-8.
 * @return int Its code point.
 */
function zoombridge_code_point( string $character ): int {
	$bytes = array_values( unpack( 'C*', $character ) );
	$code  = array_shift( $bytes );
	if ( $bytes ) {
		$code &= 0x3F >> count( $bytes );
	}
	foreach ( $bytes as $byte ) {
		$code = $code << 6 | $byte & 0x3F;
	}
	return $code;
}

/**
 * Whether two raw values are the same text, be it written with entities or without.
 *
 * @since 0.2.0
 *
 * @param string|null $one   A raw value, or null if there is none.
 * @param string|null $other The other one.
 * @return bool True if they are.
 */
function zoombridge_is_same_text( ?string $one, ?string $other ): bool {
	if ( null === $one || null === $other ) {
		return $one === $other;
	}
	return $one === $other
		|| html_entity_decode( $one, ENT_QUOTES, 'UTF-8' ) === html_entity_decode( $other, ENT_QUOTES, 'UTF-8' );
}
