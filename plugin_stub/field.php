<?php
/** @since 0.1.0 What core's REST routes lack for meetings: their metas, and finding them by their Zoom number. */
defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_PLAIN_METAS = [
	'number'         => '_meeting_zoom_meeting_id',
	'kind'           => '_vczapi_meeting_type',
	'join_url'       => '_meeting_zoom_join_url',
	'start_date_utc' => '_meeting_field_start_date_utc',
	'html'           => '_zoombridge_html',
	'revision'       => '_zoombridge_revision',
];
const ZOOMBRIDGE_ARRAY_METAS = [ 'fields' => '_meeting_fields', 'pro' => '_vczapi_pro_meeting_details' ];

/** @since 0.1.0 Registers the field "zoombridge" of a meeting. */
function zoombridge_register_field(): void {
	$text        = [ 'type' => [ 'string', 'null' ], 'maxLength' => 262144 ];
	$properties  = [
		'number'         => [ 'pattern' => '^[0-9]{1,20}\z' ] + $text,
		'kind'           => [ 'enum' => [ 'meeting', 'webinar', null ] ] + $text,
		'join_url'       => [ 'format' => 'uri' ] + $text,
		'start_date_utc' => [ 'pattern' => '^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\z' ] + $text,
		'revision'       => [ 'type' => [ 'integer', 'null' ], 'minimum' => 0 ],
	];
	$properties += array_fill_keys( [ 'details', 'html', 'trashed_from', 'host' ], $text ) + array_fill_keys( [ 'fields', 'pro' ], [ 'type' => [ 'object', 'null' ] ] );
	$schema      = [ 'type' => 'object', 'context' => [ 'edit' ], 'properties' => $properties, 'additionalProperties' => false ];
	$schema     += [ 'arg_options' => [ 'validate_callback' => 'zoombridge_validate_field' ] ];
	$callbacks   = [ 'get_callback' => 'zoombridge_read_field', 'update_callback' => 'zoombridge_write_field' ];
	register_rest_field( 'zoom-meetings', 'zoombridge', $callbacks + [ 'schema' => $schema ] );
}
add_action( 'rest_api_init', 'zoombridge_register_field' );

/** @since 0.1.0 Refuses what cannot be written, before the post is. */
function zoombridge_validate_field( $value, $request, $name ) {
	$valid = rest_validate_request_arg( $value, $request, $name );
	$keys  = true === $valid ? array_keys( (array) ( $value['fields'] ?? [] ) + (array) ( $value['pro'] ?? [] ) ) : [];
	$wrong = true === $valid && isset( $value['details'] ) && ! json_decode( $value['details'] ) instanceof stdClass;
	$error = __( 'In zoombridge, details is the JSON text of an object, and fields and pro are objects, not lists.', 'zoom-wordpress-bridge' );
	return $wrong || array_filter( $keys, 'is_int' ) ? new WP_Error( 'rest_invalid_param', $error ) : $valid;
}

/** @since 0.1.0 Reads the field. */
function zoombridge_read_field( $post, $name, $request ): ?array {
	$id = (int) ( $post['id'] ?? 0 );
	// Some versions of core let everyone who edits posts list those of others in this context.
	if ( 'edit' !== $request['context'] || ! current_user_can( 'edit_post', $id ) ) {
		return null;
	}
	$field = [];
	foreach ( ZOOMBRIDGE_PLAIN_METAS as $name => $key ) {
		$field[ $name ] = metadata_exists( 'post', $id, $key ) ? (string) get_post_meta( $id, $key, true ) : null;
	}
	foreach ( [ 'details' => '_meeting_zoom_details' ] + ZOOMBRIDGE_ARRAY_METAS as $name => $key ) {
		$value          = get_post_meta( $id, $key, true );
		$field[ $name ] = is_array( $value ) || is_object( $value ) ? (object) zoombridge_without_start_url( $value ) : null;
	}
	$field['details']      = null === $field['details'] ? null : wp_json_encode( $field['details'], JSON_UNESCAPED_SLASHES );
	$field['revision']     = null === $field['revision'] ? null : (int) $field['revision'];
	$field['trashed_from'] = 'trash' === get_post_status( $id ) ? ( get_post_meta( $id, '_wp_trash_meta_status', true ) ?: null ) : null;
	return $field;
}

/** @since 0.1.0 Writes the field, once core has seen that the user may edit the post. What is not given stays. */
function zoombridge_write_field( $value, $post ): void {
	if ( isset( $value['html'] ) ) {
		$value['html'] = wp_kses( $value['html'], [ 'time' => [ 'datetime' => true, 'class' => true ] ] + wp_kses_allowed_html( 'post' ) );
	}
	foreach ( array_intersect_key( ZOOMBRIDGE_PLAIN_METAS, $value ) as $name => $key ) {
		zoombridge_set_meta( $post->ID, $key, $value[ $name ] );
	}
	if ( isset( $value['details'] ) ) {
		$details = get_post_meta( $post->ID, '_meeting_zoom_details', true );
		$details = zoombridge_lay_over( $details, json_decode( $value['details'] ), 'settings' );
		zoombridge_set_meta( $post->ID, '_meeting_zoom_details', (object) zoombridge_without_start_url( $details ) );
	}
	foreach ( array_intersect_key( ZOOMBRIDGE_ARRAY_METAS, array_filter( $value, 'is_array' ) ) as $name => $key ) {
		$array = zoombridge_lay_over( get_post_meta( $post->ID, $key, true ), $value[ $name ] );
		zoombridge_set_meta( $post->ID, $key, zoombridge_without_start_url( $array ) );
	}
	if ( array_key_exists( 'pro', $value ) && null === $value['pro'] ) {
		delete_post_meta( $post->ID, ZOOMBRIDGE_ARRAY_METAS['pro'] );
	}
	add_post_meta( $post->ID, '_meeting_zoom_start_url', '', true );
}

/** @since 0.1.0 Writes one meta; null removes it. */
function zoombridge_set_meta( int $post, string $key, $value ): void {
	// WordPress takes slashes off inside of objects too, where wp_slash() puts none on; off a new one, even twice.
	$write = metadata_exists( 'post', $post, $key ) ? 'update_post_meta' : 'add_post_meta';
	null === $value ? delete_post_meta( $post, $key ) : $write( $post, $key, map_deep( $value, 'wp_slash' ) );
}

/** @since 0.1.0 Lays new values over old ones. Null removes; what is not given stays; one key may go deeper. */
function zoombridge_lay_over( $old, $new, string $deeper = '' ): array {
	$result = is_array( $old ) || is_object( $old ) ? (array) $old : [];
	foreach ( (array) $new as $key => $value ) {
		$both           = $key === $deeper && is_object( $value );
		$result[ $key ] = $both ? (object) zoombridge_lay_over( $result[ $key ] ?? null, $value ) : $value;
	}
	return array_filter( $result, static fn( $value ): bool => null !== $value );
}

/** @since 0.1.0 Takes out every start_url: it opens the host's account. */
function zoombridge_without_start_url( $value ) {
	if ( ! is_array( $value ) && ! is_object( $value ) ) {
		return $value;
	}
	$rest = array_map( 'zoombridge_without_start_url', array_diff_key( (array) $value, [ 'start_url' => '' ] ) );
	return is_object( $value ) ? (object) $rest : $rest;
}

/** @since 0.1.0 Before a post is made: refuses a second one for the same number, and gives it to its host. */
function zoombridge_before_insert( $post, $request ) {
	$field = $request['zoombridge'];
	if ( is_wp_error( $post ) || ! empty( $post->ID ) || ! is_array( $field ) ) {
		return $post;
	}
	$free     = zoombridge_hold( 'zoombridge_making_' . ( $number = (string) ( $field['number'] ?? '' ) ) );
	$existing = zoombridge_find_post( $number );
	$saving   = $GLOBALS['wpdb']->get_var( "SELECT MAX(option_value) FROM {$GLOBALS['wpdb']->options} WHERE option_name BETWEEN 'zoombridge_saving_0' AND 'zoombridge_saving_A'" );
	if ( $existing || ! $free || $saving > time() - 60 ) {
		$busy = new WP_Error( 'zoombridge_saving', __( 'A meeting is being saved on this site, perhaps this one.', 'zoom-wordpress-bridge' ), [ 'status' => 423 ] );
		return $existing ? new WP_Error( 'zoombridge_exists', __( 'This Zoom meeting has a post already.', 'zoom-wordpress-bridge' ), [ 'status' => 409, 'post' => $existing ] ) : $busy;
	}
	// With the post itself, lest another plugin that dies over it leaves one that nobody finds again.
	$post->meta_input = array_filter( [ '_meeting_zoom_meeting_id' => $number, '_zoombridge_revision' => $field['revision'] ?? null ] );
	if ( current_user_can( get_post_type_object( 'zoom-meetings' )->cap->edit_others_posts ) && ! empty( $field['host'] ) && empty( $request['author'] ) ) {
		$hosts = get_users( [ 'meta_key' => 'user_zoom_hostid', 'meta_value' => $field['host'], 'number' => 1, 'fields' => 'ID' ] );
		$post->post_author = (int) ( $hosts[0] ?? get_current_user_id() );
	}
	return $post;
}
add_filter( 'rest_pre_insert_zoom-meetings', 'zoombridge_before_insert', 10, 2 );

/** @since 0.1.0 Holds a name until this request ends. Fails where another holds it, which counts for a minute. */
function zoombridge_hold( string $name ): bool {
	global $wpdb;
	$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name = %s AND option_value < %s", $name, time() - 60 ) );
	$held = (bool) $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')", $name, time() ) );
	$held && register_shutdown_function( [ $wpdb, 'delete' ], $wpdb->options, [ 'option_name' => $name ] );
	return $held;
}

// Notes that VCZAPI is saving a post: Zoom tells of its meeting before the number is in the metas.
add_action( 'save_post_zoom-meetings', static fn( $post ) => zoombridge_has_vczapi() && 'POST' === ( $_SERVER['REQUEST_METHOD'] ?? '' ) && ! defined( 'REST_REQUEST' ) && zoombridge_hold( 'zoombridge_saving_' . $post ), 0 );

/** @since 0.1.0 Finds the post of a Zoom number, in any status; the trash comes last. */
function zoombridge_find_post( string $number ): int {
	global $wpdb;
	static $times = 0, $known = [], $newest = 0;
	$metas = "FROM {$wpdb->postmeta} WHERE meta_key = '_meeting_zoom_meeting_id'";
	// WordPress has no index of what metas hold. A batch asks for many numbers: one look serves all but what came since.
	foreach ( 2 === ++$times ? $wpdb->get_results( "SELECT meta_id, meta_value, post_id $metas", ARRAY_N ) : [] as $row ) {
		$known[ $row[1] ][] = $row[2];
		$newest             = max( $newest, (int) $row[0] );
	}
	$since = $wpdb->get_col( $wpdb->prepare( "SELECT post_id $metas AND meta_id > %d AND meta_value = %s", $newest, $number ) );
	$ids   = implode( ',', array_map( 'intval', array_merge( $known[ $number ] ?? [], $since ) ) );
	return $ids ? (int) $wpdb->get_var( "SELECT ID FROM {$wpdb->posts} WHERE ID IN ($ids) AND post_type = 'zoom-meetings' ORDER BY CASE WHEN post_status = 'trash' THEN 1 ELSE 0 END, ID LIMIT 1" ) : 0;
}

/** @since 0.1.0 Offers the parameter "zoombridge_number" in lists, to who may edit posts. */
function zoombridge_add_number_parameter( $params ) {
	$refusal = __( 'Only who may edit posts can find them by their Zoom number.', 'zoom-wordpress-bridge' );
	$check   = static fn( $value, $request, $name ) => current_user_can( 'edit_posts' ) ? rest_validate_request_arg( $value, $request, $name ) : new WP_Error( 'rest_forbidden', $refusal );
	return $params + [ 'zoombridge_number' => [ 'type' => 'string', 'pattern' => '^[0-9]{1,20}\z', 'validate_callback' => $check ] ];
}
add_filter( 'rest_zoom-meetings_collection_params', 'zoombridge_add_number_parameter' );

// Finds by "zoombridge_number".
add_filter( 'rest_zoom-meetings_query', static fn( $query, $request ) => isset( $request['zoombridge_number'] ) ? array_merge_recursive( $query, [ 'meta_query' => [ [ 'key' => '_meeting_zoom_meeting_id', 'value' => $request['zoombridge_number'] ] ] ] ) : $query, 10, 2 );
