<?php
/**
 * Adds to WordPress's REST routes of meetings: the field "zoombridge", which holds their metas, and a parameter that
 * finds posts by Zoom meeting number.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_PLAIN_METAS = array(
	'number'         => '_meeting_zoom_meeting_id',
	'kind'           => '_vczapi_meeting_type',
	'join_url'       => '_meeting_zoom_join_url',
	'start_date_utc' => '_meeting_field_start_date_utc',
	'html'           => '_zoombridge_html',
	'revision'       => '_zoombridge_revision',
);

const ZOOMBRIDGE_ARRAY_METAS = array(
	'fields' => '_meeting_fields',
	'pro'    => '_vczapi_pro_meeting_details',
);

/**
 * Registers the field "zoombridge" of meetings.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_register_field(): void {
	register_rest_field(
		'zoom-meetings',
		'zoombridge',
		array(
			'get_callback'    => 'zoombridge_read_field',
			'update_callback' => 'zoombridge_write_field',
			'schema'          => array(
				'type'                 => 'object',
				'context'              => array( 'edit' ),
				'properties'           => zoombridge_field_properties(),
				'additionalProperties' => false,
				'arg_options'          => array( 'validate_callback' => 'zoombridge_validate_field' ),
			),
		)
	);
}
add_action( 'rest_api_init', 'zoombridge_register_field' );

/**
 * Returns the schema of the field's properties.
 *
 * @since 0.1.0
 *
 * @return array JSON schemas by name.
 */
function zoombridge_field_properties(): array {
	$text   = array(
		'type'      => array( 'string', 'null' ),
		'maxLength' => 262144,
	);
	$object = array( 'type' => array( 'object', 'null' ) );
	return array(
		'number'         => array( 'pattern' => '^[0-9]{1,20}\z' ) + $text,
		'kind'           => array( 'enum' => array( 'meeting', 'webinar', null ) ) + $text,
		'join_url'       => array( 'format' => 'uri' ) + $text,
		'start_date_utc' => array( 'pattern' => '^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\z' ) + $text,
		'revision'       => array(
			'type'    => array( 'integer', 'null' ),
			'minimum' => 0,
		),
		'details'        => $text,
		'html'           => $text,
		'trashed_from'   => $text,
		'host'           => $text,
		'fields'         => $object,
		'pro'            => $object,
	);
}

/**
 * Validates the field before its post is written.
 *
 * @since 0.1.0
 *
 * @param mixed           $value   Value of the field.
 * @param WP_REST_Request $request The request.
 * @param string          $name    Name of the field.
 * @return true|WP_Error True, or what is wrong.
 */
function zoombridge_validate_field( $value, $request, $name ) {
	$valid = rest_validate_request_arg( $value, $request, $name );
	if ( true !== $valid ) {
		return $valid;
	}
	$is_object = ! isset( $value['details'] ) || json_decode( $value['details'] ) instanceof stdClass;
	$keys      = array_keys( (array) ( $value['fields'] ?? array() ) + (array) ( $value['pro'] ?? array() ) );
	if ( $is_object && ! array_filter( $keys, 'is_int' ) ) {
		return true;
	}
	$message = __(
		'In zoombridge, details is the JSON text of an object, and fields and pro are objects, not lists.',
		'zoom-wordpress-bridge'
	);
	return new WP_Error( 'rest_invalid_param', $message );
}

/**
 * Reads the field.
 *
 * @since 0.1.0
 *
 * @param array           $post    The post as the REST API returns it.
 * @param string          $name    Name of the field.
 * @param WP_REST_Request $request The request.
 * @return array|null The field, or null for users who cannot edit the post.
 */
function zoombridge_read_field( $post, $name, $request ): ?array {
	$id = (int) ( $post['id'] ?? 0 );
	// Some versions of WordPress let everyone who can edit posts list those of others in this context.
	if ( 'edit' !== $request['context'] || ! current_user_can( 'edit_post', $id ) ) {
		return null;
	}
	$field = array();
	foreach ( ZOOMBRIDGE_PLAIN_METAS as $property => $key ) {
		$field[ $property ] = metadata_exists( 'post', $id, $key ) ? (string) get_post_meta( $id, $key, true ) : null;
	}
	if ( null !== $field['revision'] ) {
		$field['revision'] = (int) $field['revision'];
	}

	$details          = zoombridge_read_object_meta( $id, '_meeting_zoom_details' );
	$field['details'] = null === $details ? null : wp_json_encode( $details, JSON_UNESCAPED_SLASHES );
	foreach ( ZOOMBRIDGE_ARRAY_METAS as $property => $key ) {
		$field[ $property ] = zoombridge_read_object_meta( $id, $key );
	}

	$field['trashed_from'] = null;
	if ( 'trash' === get_post_status( $id ) ) {
		$status                = get_post_meta( $id, '_wp_trash_meta_status', true );
		$field['trashed_from'] = $status ? $status : null;
	}
	return $field;
}

/**
 * Reads a meta that holds an array or an object.
 *
 * @since 0.1.0
 *
 * @param int    $post_id ID of the post.
 * @param string $key     Key of the meta.
 * @return stdClass|null The value without any start_url, or null if the meta is missing or of another type.
 */
function zoombridge_read_object_meta( int $post_id, string $key ): ?stdClass {
	$value = get_post_meta( $post_id, $key, true );
	if ( ! is_array( $value ) && ! is_object( $value ) ) {
		return null;
	}
	return (object) zoombridge_remove_start_url( $value );
}

/**
 * Writes the field, after WordPress checked that the user can edit the post.
 *
 * What is not given stays as it is.
 *
 * @since 0.1.0
 *
 * @param array   $value Value of the field, validated.
 * @param WP_Post $post  The post.
 * @return void
 */
function zoombridge_write_field( $value, $post ): void {
	if ( isset( $value['html'] ) ) {
		$value['html'] = wp_kses( $value['html'], zoombridge_allowed_html() );
	}
	foreach ( array_intersect_key( ZOOMBRIDGE_PLAIN_METAS, $value ) as $property => $key ) {
		zoombridge_set_meta( $post->ID, $key, $value[ $property ] );
	}
	if ( isset( $value['details'] ) ) {
		$details = get_post_meta( $post->ID, '_meeting_zoom_details', true );
		$details = zoombridge_merge( $details, json_decode( $value['details'] ), 'settings' );
		zoombridge_set_meta( $post->ID, '_meeting_zoom_details', (object) zoombridge_remove_start_url( $details ) );
	}
	foreach ( array_intersect_key( ZOOMBRIDGE_ARRAY_METAS, array_filter( $value, 'is_array' ) ) as $property => $key ) {
		$array = zoombridge_merge( get_post_meta( $post->ID, $key, true ), $value[ $property ] );
		zoombridge_set_meta( $post->ID, $key, zoombridge_remove_start_url( $array ) );
	}
	if ( array_key_exists( 'pro', $value ) && null === $value['pro'] ) {
		delete_post_meta( $post->ID, ZOOMBRIDGE_ARRAY_METAS['pro'] );
	}
	add_post_meta( $post->ID, '_meeting_zoom_start_url', '', true );
}

/**
 * Returns the tags and attributes that the details may contain: those of a post, and `time`.
 *
 * @since 0.1.0
 *
 * @return array Attributes by tag, as wp_kses() takes them.
 */
function zoombridge_allowed_html(): array {
	$time = array(
		'datetime' => true,
		'class'    => true,
	);
	return array( 'time' => $time ) + wp_kses_allowed_html( 'post' );
}

/**
 * Writes a meta.
 *
 * @since 0.1.0
 *
 * @param int    $post_id ID of the post.
 * @param string $key     Key of the meta.
 * @param mixed  $value   The value; null deletes the meta.
 * @return void
 */
function zoombridge_set_meta( int $post_id, string $key, $value ): void {
	if ( null === $value ) {
		delete_post_meta( $post_id, $key );
		return;
	}
	// WordPress unslashes the insides of objects too, where wp_slash() adds no slashes.
	$slashed = map_deep( $value, 'wp_slash' );
	// update_post_meta() unslashes twice where it adds the meta.
	if ( metadata_exists( 'post', $post_id, $key ) ) {
		update_post_meta( $post_id, $key, $slashed );
	} else {
		add_post_meta( $post_id, $key, $slashed );
	}
}

/**
 * Merges new values into existing ones: null removes a value, and what is not given stays.
 *
 * @since 0.1.0
 *
 * @param mixed        $existing The existing values, if they are an array or an object.
 * @param array|object $changes  The new values, by key.
 * @param string       $deep_key Optional. Key of an object that is merged in turn. Default none.
 * @return array The result.
 */
function zoombridge_merge( $existing, $changes, string $deep_key = '' ): array {
	$result = is_array( $existing ) || is_object( $existing ) ? (array) $existing : array();
	foreach ( (array) $changes as $key => $value ) {
		if ( $key === $deep_key && is_object( $value ) ) {
			$value = (object) zoombridge_merge( $result[ $key ] ?? null, $value );
		}
		$result[ $key ] = $value;
	}
	return array_filter(
		$result,
		static function ( $value ): bool {
			return null !== $value;
		}
	);
}

/**
 * Removes every start_url, at any depth: it gives access to the host's account.
 *
 * @since 0.1.0
 *
 * @param mixed $value An array, an object or a plain value.
 * @return mixed The value without start_url, of the same type.
 */
function zoombridge_remove_start_url( $value ) {
	if ( ! is_array( $value ) && ! is_object( $value ) ) {
		return $value;
	}
	$rest = array_diff_key( (array) $value, array( 'start_url' => '' ) );
	$rest = array_map( 'zoombridge_remove_start_url', $rest );
	return is_object( $value ) ? (object) $rest : $rest;
}

/**
 * Prepares a post that is about to be created: rejects a second post of a number, and sets metas and author.
 *
 * @since 0.1.0
 *
 * @param stdClass|WP_Error $post    The prepared post, or an error of an earlier filter.
 * @param WP_REST_Request   $request The request.
 * @return stdClass|WP_Error The post, or the error with which the request fails.
 */
function zoombridge_prepare_new_post( $post, $request ) {
	$field = $request['zoombridge'];
	if ( is_wp_error( $post ) || ! empty( $post->ID ) || ! is_array( $field ) ) {
		return $post;
	}
	$number = (string) ( $field['number'] ?? '' );
	$error  = zoombridge_reserve_number( $number );
	if ( null !== $error ) {
		return $error;
	}

	// Written together with the post: otherwise a plugin that dies in between leaves a post that is never found again.
	$post->meta_input = array_filter(
		array(
			'_meeting_zoom_meeting_id' => $number,
			'_zoombridge_revision'     => $field['revision'] ?? null,
		)
	);

	$can_set_author = current_user_can( get_post_type_object( 'zoom-meetings' )->cap->edit_others_posts );
	if ( $can_set_author && ! empty( $field['host'] ) && empty( $request['author'] ) ) {
		$post->post_author = zoombridge_find_host( $field['host'] );
	}
	return $post;
}
add_filter( 'rest_pre_insert_zoom-meetings', 'zoombridge_prepare_new_post', 10, 2 );

/**
 * Reserves a Zoom meeting number for the post that the current request creates.
 *
 * @since 0.1.0
 *
 * @param string $number Zoom meeting number.
 * @return WP_Error|null Null if it is reserved. Otherwise the error `zoombridge_exists` (409) where the number has a
 *                       post, or `zoombridge_saving` (423) where another request may be creating it.
 */
function zoombridge_reserve_number( string $number ): ?WP_Error {
	global $wpdb;
	$is_locked = zoombridge_lock( 'zoombridge_making_' . $number );
	$existing  = zoombridge_find_post( $number );
	if ( $existing ) {
		$message = __( 'This Zoom meeting already has a post.', 'zoom-wordpress-bridge' );
		$data    = array(
			'status' => 409,
			'post'   => $existing,
		);
		return new WP_Error( 'zoombridge_exists', $message, $data );
	}
	// phpcs:ignore WordPress.DB.DirectDatabaseQuery -- Locks of other requests; a cache would not show them.
	$saving = $wpdb->get_var(
		"SELECT MAX(option_value) FROM {$wpdb->options}
		WHERE option_name BETWEEN 'zoombridge_saving_0' AND 'zoombridge_saving_A'"
	);
	if ( ! $is_locked || $saving > time() - MINUTE_IN_SECONDS ) {
		$message = __( 'A meeting is being saved on this site, possibly this one.', 'zoom-wordpress-bridge' );
		return new WP_Error( 'zoombridge_saving', $message, array( 'status' => 423 ) );
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
 * Acquires a lock until the current request ends.
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
	// phpcs:disable WordPress.DB.DirectDatabaseQuery
	$wpdb->query(
		$wpdb->prepare(
			"DELETE FROM {$wpdb->options} WHERE option_name = %s AND option_value < %s",
			$name,
			time() - MINUTE_IN_SECONDS
		)
	);
	$is_locked = (bool) $wpdb->query(
		$wpdb->prepare(
			"INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')",
			$name,
			time()
		)
	);
	// phpcs:enable
	if ( $is_locked ) {
		register_shutdown_function( array( $wpdb, 'delete' ), $wpdb->options, array( 'option_name' => $name ) );
	}
	return $is_locked;
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
	if ( $is_post && zoombridge_has_vczapi() && ! defined( 'REST_REQUEST' ) ) {
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
	return (int) $wpdb->get_var(
		"SELECT ID FROM {$wpdb->posts} WHERE ID IN ($ids) AND post_type = 'zoom-meetings'
		ORDER BY CASE WHEN post_status = 'trash' THEN 1 ELSE 0 END, ID LIMIT 1"
	);
	// phpcs:enable
}

/**
 * Finds the posts, of any type, that hold a Zoom meeting number.
 *
 * WordPress has no index of the values of metas. A batch request calls this for many numbers, so the second call reads
 * all numbers at once, and later calls read only the metas added since.
 *
 * @since 0.1.0
 *
 * @param string $number Zoom meeting number.
 * @return int[] IDs of the posts.
 */
function zoombridge_find_posts_with_number( string $number ): array {
	global $wpdb;
	static $calls   = 0;
	static $known   = array();
	static $last_id = 0;

	// phpcs:disable WordPress.DB.DirectDatabaseQuery -- A cache would not show posts of other requests.
	++$calls;
	if ( 2 === $calls ) {
		$rows = $wpdb->get_results(
			"SELECT meta_id, meta_value, post_id FROM {$wpdb->postmeta} WHERE meta_key = '_meeting_zoom_meeting_id'"
		);
		foreach ( $rows as $row ) {
			$known[ $row->meta_value ][] = $row->post_id;
			$last_id                     = max( $last_id, (int) $row->meta_id );
		}
	}
	$added = $wpdb->get_col(
		$wpdb->prepare(
			"SELECT post_id FROM {$wpdb->postmeta}
			WHERE meta_key = '_meeting_zoom_meeting_id' AND meta_id > %d AND meta_value = %s",
			$last_id,
			$number
		)
	);
	// phpcs:enable
	return array_map( 'intval', array_merge( $known[ $number ] ?? array(), $added ) );
}

/**
 * Adds the parameter "zoombridge_number" to lists of meetings.
 *
 * @since 0.1.0
 *
 * @param array $params Parameters by name.
 * @return array The parameters.
 */
function zoombridge_add_number_parameter( $params ) {
	$params += array(
		'zoombridge_number' => array(
			'type'              => 'string',
			'pattern'           => '^[0-9]{1,20}\z',
			'validate_callback' => 'zoombridge_validate_number_parameter',
		),
	);
	return $params;
}
add_filter( 'rest_zoom-meetings_collection_params', 'zoombridge_add_number_parameter' );

/**
 * Validates the parameter "zoombridge_number", which only users who can edit posts may use.
 *
 * @since 0.1.0
 *
 * @param mixed           $value   Value of the parameter.
 * @param WP_REST_Request $request The request.
 * @param string          $name    Name of the parameter.
 * @return true|WP_Error True, or what is wrong.
 */
function zoombridge_validate_number_parameter( $value, $request, $name ) {
	if ( current_user_can( 'edit_posts' ) ) {
		return rest_validate_request_arg( $value, $request, $name );
	}
	$message = __( 'Only users who can edit posts may search by Zoom meeting number.', 'zoom-wordpress-bridge' );
	return new WP_Error( 'rest_forbidden', $message );
}

/**
 * Limits a list of meetings to those with the number in the parameter "zoombridge_number".
 *
 * @since 0.1.0
 *
 * @param array           $query   Arguments of WP_Query.
 * @param WP_REST_Request $request The request.
 * @return array The arguments.
 */
function zoombridge_query_by_number( $query, $request ) {
	if ( ! isset( $request['zoombridge_number'] ) ) {
		return $query;
	}
	$condition = array(
		'key'   => '_meeting_zoom_meeting_id',
		'value' => $request['zoombridge_number'],
	);
	// phpcs:ignore WordPress.DB.SlowDBQuery -- WordPress stores the number in a meta only.
	return array_merge_recursive( $query, array( 'meta_query' => array( $condition ) ) );
}
add_filter( 'rest_zoom-meetings_query', 'zoombridge_query_by_number', 10, 2 );
