<?php
/**
 * The operations of the sync protocol: which there are, their fields, and those that only read.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 *
 * phpcs:disable WordPress.Security.EscapeOutput.ExceptionNotEscaped -- The bridge is told of faults, as JSON.
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_SYNC_WRITES = array( 'write', 'trash', 'restore', 'delete' );

/**
 * Validates what a message holds, but for the fields of its operations.
 *
 * @since 0.2.0
 *
 * @param array $message The message, unpacked.
 * @return string|null What is wrong, or null.
 */
function zoombridge_sync_validate_message( array $message ): ?string {
	$operation    = array(
		'type'       => 'object',
		'required'   => array( 'i', 'op' ),
		'properties' => array(
			'i'  => array(
				'type'    => 'integer',
				'minimum' => 0,
				'maximum' => 99,
			),
			'op' => array( 'type' => 'string' ),
		),
	);
	$acknowledged = zoombridge_sync_object_schema(
		array(
			'post'    => array(
				'type'     => 'integer',
				'required' => true,
			),
			'version' => array(
				'type'     => 'string',
				'pattern'  => '^[0-9a-f]{16}\z',
				'required' => true,
			),
		)
	);
	$schema       = array(
		'type'                 => 'object',
		'required'             => array( 'quiet', 'operations' ),
		'properties'           => array(
			'quiet'      => array( 'type' => 'boolean' ),
			'budget_ms'  => array(
				'type'    => 'integer',
				'minimum' => 100,
				'maximum' => 20000,
			),
			'ack'        => array(
				'type'     => 'array',
				'maxItems' => 200,
				'items'    => $acknowledged,
			),
			'operations' => array(
				'type'     => 'array',
				'minItems' => 1,
				'maxItems' => 100,
				'items'    => $operation,
			),
		),
		'additionalProperties' => false,
	);
	$valid        = rest_validate_value_from_schema( $message, $schema, 'message' );
	if ( is_wp_error( $valid ) ) {
		return $valid->get_error_message();
	}
	// WordPress takes texts such as "false" for booleans.
	if ( ! is_bool( $message['quiet'] ) ) {
		return 'message[quiet] is not of type boolean.';
	}
	$indexes = array_column( $message['operations'], 'i' );
	if ( array_filter( $indexes, 'is_int' ) !== $indexes || array_unique( $indexes ) !== $indexes ) {
		return 'Each operation has an index of its own, an integer.';
	}
	return null;
}

/**
 * Returns the schemas of the fields of an operation.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the operation.
 * @return array|null JSON schemas by name of the field, or null if there is no such operation.
 */
function zoombridge_sync_fields( string $name ): ?array {
	$id     = array(
		'type'     => 'integer',
		'minimum'  => 1,
		'required' => true,
	);
	$number = array(
		'type'     => 'string',
		'pattern'  => '^[0-9]{1,20}\z',
		'required' => true,
	);
	$target = array(
		'seq'    => $id,
		'number' => $number,
		'post'   => $id,
	);
	$kinds  = array( 'authors', 'categories' );
	$fields = array(
		'hello'   => array(
			'call'   => array( 'type' => 'boolean' ),
			'visit'  => array( 'required' => false ) + $id,
			'alerts' => zoombridge_sync_object_schema(
				array(
					'count'  => array(
						'type'     => 'integer',
						'minimum'  => 0,
						'maximum'  => 9999,
						'required' => true,
					),
					'digest' => array(
						'type'     => 'string',
						'pattern'  => '^[0-9a-f]{16}\z',
						'required' => true,
					),
				)
			),
		),
		'find'    => array(
			'numbers' => array(
				'type'     => 'array',
				'items'    => $number,
				'minItems' => 1,
				'maxItems' => 100,
				'required' => true,
			),
			'hint'    => array( 'required' => false ) + $id,
		),
		'read'    => array( 'post' => $id ),
		'write'   => array( 'post' => array( 'required' => false ) + $id ) + $target + zoombridge_sync_write_fields(),
		'trash'   => $target,
		'restore' => $target + array( 'status' => zoombridge_sync_status_schema() ),
		'delete'  => $target,
		'outcome' => array(
			'n' => array(
				'type'     => 'string',
				'pattern'  => '^[0-9a-f]{32}\z',
				'required' => true,
			),
		),
		'choices' => array(
			'kind' => array(
				'type'     => 'string',
				'enum'     => $kinds,
				'required' => true,
			),
		),
		'rotate'  => array(
			'e' => array(
				'type'     => 'string',
				'pattern'  => '^[A-Za-z0-9_-]{43}\z',
				'required' => true,
			),
		),
		'address' => array(
			'bridge' => array(
				'type'      => 'string',
				'pattern'   => ZOOMBRIDGE_BRIDGE_ADDRESS,
				'maxLength' => ZOOMBRIDGE_LONGEST_ADDRESS,
				'required'  => true,
			),
		),
		'sweep'   => array( 'after' => array( 'minimum' => 0 ) + $id ),
		'unpair'  => array(),
	);
	return $fields[ $name ] ?? null;
}

/**
 * Returns the schema of a status that the bridge may give to a post.
 *
 * @since 0.2.0
 *
 * @return array JSON schema.
 */
function zoombridge_sync_status_schema(): array {
	return array(
		'type' => 'string',
		'enum' => array( 'publish', 'draft', 'pending', 'private' ),
	);
}

/**
 * Returns the schemas of what the operation `write` may write.
 *
 * @since 0.2.0
 *
 * @return array JSON schemas by name of the field.
 */
function zoombridge_sync_write_fields(): array {
	$metas   = zoombridge_meta_properties();
	$plain   = array_intersect_key( $metas, ZOOMBRIDGE_PLAIN_METAS );
	$merged  = array_intersect_key( $metas, ZOOMBRIDGE_ARRAY_METAS + array( 'details' => '' ) );
	$removed = array_keys( array_diff_key( $plain + $merged, array( 'number' => '' ) ) );
	$text    = array(
		'type'      => 'string',
		'maxLength' => 262144,
	);
	return array(
		'title'      => $text,
		'keep_title' => array( 'type' => 'boolean' ),
		'slug'       => $text,
		'content'    => $text,
		'status'     => zoombridge_sync_status_schema(),
		'host'       => $text,
		'author'     => array(
			'type'    => 'integer',
			'minimum' => 1,
		),
		'terms'      => array(
			'type'     => 'array',
			'items'    => array( 'type' => 'integer' ),
			'maxItems' => 100,
		),
		'metas'      => array(
			'type'                 => 'object',
			'additionalProperties' => false,
			'properties'           => array(
				'set'      => zoombridge_sync_object_schema( $plain ),
				'lay_over' => zoombridge_sync_object_schema( $merged ),
				'remove'   => array(
					'type'  => 'array',
					'items' => array(
						'type' => 'string',
						'enum' => $removed,
					),
				),
			),
		),
	);
}

/**
 * Returns the schema of an object with optional properties and no others.
 *
 * @since 0.2.0
 *
 * @param array $properties JSON schemas by name.
 * @return array JSON schema.
 */
function zoombridge_sync_object_schema( array $properties ): array {
	return array(
		'type'                 => 'object',
		'properties'           => $properties,
		'additionalProperties' => false,
	);
}

/**
 * Validates the fields of an operation.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If they are not those of the operation.
 *
 * @param array $operation The operation.
 * @return array The operation, its values of the types that its schema names, and `sent`: those that were sent.
 */
function zoombridge_sync_validate_operation( array $operation ): array {
	$fields = zoombridge_sync_fields( $operation['op'] );
	if ( null === $fields ) {
		throw new Zoombridge_Sync_Fault( 'invalid', 'There is no such operation.' );
	}
	$given  = array_diff_key( $operation, array_flip( array( 'i', 'op' ) ) );
	$schema = zoombridge_sync_object_schema( $fields );
	$valid  = rest_validate_value_from_schema( $given, $schema, 'operation' );
	if ( true === $valid ) {
		$valid = zoombridge_validate_objects( $given['metas']['lay_over'] ?? array() );
	}
	if ( is_wp_error( $valid ) ) {
		throw new Zoombridge_Sync_Fault( 'invalid', $valid->get_error_message() );
	}
	return array(
		'i'    => $operation['i'],
		'op'   => $operation['op'],
		'sent' => $given,
	) + rest_sanitize_value_from_schema( $given, $schema, 'operation' );
}

/**
 * Whether an operation is one that writes.
 *
 * @since 0.2.0
 *
 * @param array $operation The operation.
 * @return bool True if it changes a post.
 */
function zoombridge_sync_writes( array $operation ): bool {
	return in_array( $operation['op'], ZOOMBRIDGE_SYNC_WRITES, true );
}

/**
 * Carries out an operation.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If it is not valid, or cannot have its effect.
 *
 * @param array $operation The operation, not validated yet.
 * @param array $message   The message that holds it.
 * @return array Its result.
 */
function zoombridge_sync_carry_out( array $operation, array $message ): array {
	$operation = zoombridge_sync_validate_operation( $operation );
	if ( zoombridge_sync_writes( $operation ) ) {
		return zoombridge_sync_write_in_order( $operation, $message['epoch'] );
	}
	switch ( $operation['op'] ) {
		case 'hello':
			return zoombridge_sync_hello( $message, $operation );
		case 'find':
			return array( 'posts' => zoombridge_sync_find( $operation['numbers'], $operation['hint'] ?? 0 ) );
		case 'read':
			$post = zoombridge_sync_post( $operation['post'] );
			return zoombridge_sync_what_stands( $post ) + array( 'state' => zoombridge_sync_state( $post ) );
		case 'outcome':
			return zoombridge_sync_outcome( $operation['n'] );
		case 'sweep':
			return zoombridge_sync_sweep( $operation['after'] );
		case 'choices':
			return array( 'choices' => zoombridge_sync_choices( $operation['kind'] ) );
		default:
			return zoombridge_sync_change_pairing( $operation );
	}
}

/**
 * Carries out an operation about the pairing.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If it cannot have its effect.
 *
 * @param array $operation The operation: `rotate`, `address` or `unpair`.
 * @return array Its result.
 */
function zoombridge_sync_change_pairing( array $operation ): array {
	switch ( $operation['op'] ) {
		case 'rotate':
			return zoombridge_sync_rotate( $operation['e'] );
		case 'address':
			return zoombridge_sync_offer_address( $operation['bridge'] );
		default:
			return zoombridge_sync_unpair();
	}
}

/**
 * Reads at once which posts hold the numbers for which a message creates posts.
 *
 * @since 0.2.0
 *
 * @param array $operations The operations of the message, not validated yet.
 * @return void
 */
function zoombridge_sync_look_ahead( array $operations ): void {
	$numbers = array();
	foreach ( $operations as $operation ) {
		$number = $operation['number'] ?? null;
		if ( 'write' === $operation['op'] && ! isset( $operation['post'] ) && is_string( $number ) ) {
			$numbers[ $number ] = $number;
		}
	}
	if ( $numbers ) {
		zoombridge_find_posts_with_number( (string) reset( $numbers ), array_values( $numbers ) );
	}
}

/**
 * Carries out the operation `hello`: tells what the bridge needs to know of this site, and tests the nonces.
 *
 * @since 0.2.0
 *
 * @param array $message   The message.
 * @param array $operation The operation: whether to `call` the bridge, too, the number of its `visit`,
 *                         and the `alerts` of this site.
 * @return array The result.
 */
function zoombridge_sync_hello( array $message, array $operation ): array {
	zoombridge_take_back_site( 100 );
	$name  = zoombridge_sync_nonce_name( $message['t'], $message['n'] );
	$asked = ( $operation['call'] ?? false ) ? array( 'bridge' => zoombridge_call_bridge() ) : array();
	if ( isset( $operation['visit'] ) ) {
		$asked['visit'] = (int) zoombridge_read_option_row( 'zoombridge_visit' );
		zoombridge_write_option_row( 'zoombridge_visit', (string) $operation['visit'] );
	}
	if ( isset( $operation['alerts'] ) ) {
		zoombridge_store_alerts( $operation['alerts'] );
	}
	return $asked + array(
		'version'    => ZOOMBRIDGE_VERSION,
		'home'       => zoombridge_raw_home(),
		'name'       => zoombridge_site_name(),
		'place'      => zoombridge_place(),
		'type'       => zoombridge_owns_post_type() ? 'stub' : 'other',
		'page'       => zoombridge_page_url(),
		'endpoints'  => zoombridge_endpoints(),
		// Some old sites have lost the unique index without which no nonce protects anything.
		'nonces'     => ! zoombridge_insert_option_row( $name, time() . '|' ),
		'charset'    => zoombridge_narrowest_charset(),
		'trash'      => (bool) EMPTY_TRASH_DAYS,
		'rest'       => rest_url(),
		'vczapi_pro' => zoombridge_vczapi_pro_version(),
		'others'     => zoombridge_find_other_posts(),
		'loader'     => array(
			'state'    => zoombridge_loader_state(),
			'writable' => zoombridge_is_loader_writable(),
		),
	);
}

/**
 * Carries out the operation `unpair`: ends the pairing. The answer is still signed with its key.
 *
 * @since 0.2.0
 *
 * @throws Zoombridge_Sync_Fault If the database still holds the connection.
 *
 * @return array The result.
 */
function zoombridge_sync_unpair(): array {
	delete_option( 'zoombridge_connection' );
	if ( null !== zoombridge_read_option_row( 'zoombridge_connection' ) ) {
		throw new Zoombridge_Sync_Fault( 'failed', 'The connection could not be deleted.' );
	}
	return array( 'paired' => false );
}

/**
 * Carries out the operation `find`: finds the posts of Zoom meeting numbers.
 *
 * @since 0.2.0
 *
 * @param string[] $numbers The numbers.
 * @param int      $hint    ID of a post that may hold one of them. If it does, its number is not searched for.
 * @return stdClass Lists of posts by number: those outside the trash first, then by ID.
 */
function zoombridge_sync_find( array $numbers, int $hint ): stdClass {
	$found = array_fill_keys( $numbers, array() );
	if ( $hint ) {
		foreach ( zoombridge_sync_read_rows( array( $hint ) ) as $row ) {
			$number = $row['metas']['_meeting_zoom_meeting_id'] ?? '';
			if ( in_array( $number, $numbers, true ) && zoombridge_sync_is_managed( $row ) ) {
				$found[ $number ] = array( $row );
			}
		}
	}
	$missing = array_map( 'strval', array_keys( array_filter( $found, 'zoombridge_is_empty' ) ) );
	$ids     = $missing ? zoombridge_read_numbers( $missing ) : array();
	$rows    = zoombridge_sync_read_rows( $ids ? array_merge( ...array_values( $ids ) ) : array() );
	foreach ( $ids as $number => $post_ids ) {
		$found[ $number ] = array_intersect_key( $rows, array_flip( $post_ids ) );
	}
	return (object) array_map( 'zoombridge_sync_list_found', $found );
}

/**
 * Whether a list is empty.
 *
 * @since 0.2.0
 *
 * @param array $items The list.
 * @return bool True if it is.
 */
function zoombridge_is_empty( array $items ): bool {
	return ! $items;
}

/**
 * Sorts posts of one number and reduces them to what `find` tells.
 *
 * @since 0.2.0
 *
 * @param array $rows The posts.
 * @return array IDs, statuses, and whether the bridge manages them.
 */
function zoombridge_sync_list_found( array $rows ): array {
	usort(
		$rows,
		static function ( array $a, array $b ): int {
			$is_trash = array( 'trash' === $a['post_status'], 'trash' === $b['post_status'] );
			return array( $is_trash[0], $a['ID'] ) <=> array( $is_trash[1], $b['ID'] );
		}
	);
	return array_map(
		static function ( array $row ): array {
			return array(
				'post'    => $row['ID'],
				'status'  => $row['post_status'],
				'managed' => zoombridge_sync_is_managed( $row ),
			);
		},
		$rows
	);
}

/**
 * Carries out the operation `choices`: lists authors or categories that an administrator can choose from.
 *
 * @since 0.2.0
 *
 * @param string $kind `authors` or `categories`.
 * @return array IDs and names, at most 100.
 */
function zoombridge_sync_choices( string $kind ): array {
	if ( 'authors' === $kind ) {
		$is_old = version_compare( get_bloginfo( 'version' ), '5.9', '<' );
		$found  = get_users(
			array(
				'number'  => 100,
				'orderby' => 'display_name',
				'fields'  => array( 'ID', 'display_name' ),
			) + ( $is_old ? array( 'who' => 'authors' ) : array( 'capability' => 'edit_posts' ) )
		);
		$names  = wp_list_pluck( $found, 'display_name', 'ID' );
	} else {
		$names = get_terms(
			array(
				'taxonomy'   => 'zoom-meeting',
				'hide_empty' => false,
				'number'     => 100,
				'fields'     => 'id=>name',
			)
		);
	}
	$choices = array();
	foreach ( is_array( $names ) ? $names : array() as $id => $name ) {
		$choices[] = array(
			'id'   => (int) $id,
			'name' => html_entity_decode( $name, ENT_QUOTES, 'UTF-8' ),
		);
	}
	return $choices;
}
