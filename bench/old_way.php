<?php
/**
 * Plugin Name: Writing over WordPress's REST API
 * Description: For benchmarks: the REST field by which the bridge wrote posts in batches, before the sync protocol.
 *
 * It uses nothing of the bridge's plugin but the post type, so that changes there do not change what is compared.
 *
 * @package Zoom_WordPress_Bridge
 */

const OLD_WAY_PLAIN  = array(
	'kind'           => '_vczapi_meeting_type',
	'join_url'       => '_meeting_zoom_join_url',
	'start_date_utc' => '_meeting_field_start_date_utc',
	'html'           => '_zoombridge_html',
	'revision'       => '_zoombridge_revision',
	'number'         => '_meeting_zoom_meeting_id',
);
const OLD_WAY_MERGED = array(
	'details' => '_meeting_zoom_details',
	'fields'  => '_meeting_fields',
	'pro'     => '_vczapi_pro_meeting_details',
);

add_action(
	'rest_api_init',
	static function () {
		$text       = array( 'type' => array( 'string', 'null' ) );
		$object     = array( 'type' => array( 'object', 'null' ) );
		$properties = array(
			'number'         => array( 'pattern' => '^[0-9]{1,20}\z' ) + $text,
			'kind'           => array( 'enum' => array( 'meeting', 'webinar', null ) ) + $text,
			'join_url'       => array( 'format' => 'uri' ) + $text,
			'start_date_utc' => array( 'pattern' => '^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\z' ) + $text,
			'revision'       => array( 'type' => array( 'integer', 'null' ) ),
			'details'        => $text,
			'html'           => $text,
			'host'           => $text,
			'fields'         => $object,
			'pro'            => $object,
		);
		register_rest_field(
			'zoom-meetings',
			'old_way',
			array(
				'get_callback'    => 'old_way_read',
				'update_callback' => 'old_way_write',
				'schema'          => array(
					'type'                 => 'object',
					'context'              => array( 'edit' ),
					'properties'           => $properties,
					'additionalProperties' => false,
				),
			)
		);
	}
);

/**
 * Reads the field, for the response to a write.
 *
 * @param array           $post    The post as the REST API returns it.
 * @param string          $name    Name of the field.
 * @param WP_REST_Request $request The request.
 * @return array|null The metas by name; null for users who cannot edit the post.
 */
function old_way_read( $post, $name, $request ): ?array {
	if ( 'edit' !== $request['context'] || ! current_user_can( 'edit_post', $post['id'] ) ) {
		return null;
	}
	$field = array();
	foreach ( OLD_WAY_PLAIN as $property => $key ) {
		$field[ $property ] = get_post_meta( $post['id'], $key, true );
	}
	foreach ( OLD_WAY_MERGED as $property => $key ) {
		$field[ $property ] = old_way_without_start_url( get_post_meta( $post['id'], $key, true ) );
	}
	$field['details'] = wp_json_encode( $field['details'], JSON_UNESCAPED_SLASHES );
	return $field;
}

/**
 * Writes the field.
 *
 * @param array   $value Metas by name.
 * @param WP_Post $post  The post.
 * @return void
 */
function old_way_write( $value, $post ): void {
	if ( isset( $value['html'] ) ) {
		$time          = array(
			'datetime' => true,
			'class'    => true,
		);
		$value['html'] = wp_kses( $value['html'], array( 'time' => $time ) + wp_kses_allowed_html( 'post' ) );
	}
	foreach ( array_intersect_key( OLD_WAY_PLAIN, $value ) as $property => $key ) {
		old_way_set_meta( $post->ID, $key, $value[ $property ] );
	}
	foreach ( array_intersect_key( OLD_WAY_MERGED, $value ) as $property => $key ) {
		old_way_set_meta( $post->ID, $key, old_way_merged( $post->ID, $property, $value[ $property ] ) );
	}
	add_post_meta( $post->ID, '_meeting_zoom_start_url', '', true );
}

/**
 * Merges a value into a meta.
 *
 * @param int               $post_id  ID of the post.
 * @param string            $property Name of the meta.
 * @param array|string|null $value    The new values, as JSON text for the details; null removes the meta.
 * @return array|stdClass|null What the meta is to hold.
 */
function old_way_merged( int $post_id, string $property, $value ) {
	if ( null === $value ) {
		return null;
	}
	$changes = 'details' === $property ? (array) json_decode( $value ) : $value;
	$merged  = (array) get_post_meta( $post_id, OLD_WAY_MERGED[ $property ], true );
	if ( isset( $changes['settings'] ) ) {
		$settings            = (array) $changes['settings'] + (array) ( $merged['settings'] ?? array() );
		$changes['settings'] = (object) array_filter( $settings, 'old_way_is_given' );
	}
	$merged = old_way_without_start_url( array_filter( $changes + $merged, 'old_way_is_given' ) );
	unset( $merged[0] ); // A meta that is not there is an empty text.
	return 'details' === $property ? (object) $merged : $merged;
}

/**
 * Whether a value is not null.
 *
 * @param mixed $value The value.
 * @return bool False for null.
 */
function old_way_is_given( $value ): bool {
	return null !== $value;
}

/**
 * Removes every start_url from a value.
 *
 * @param mixed $value The value.
 * @return mixed What is left of it.
 */
function old_way_without_start_url( $value ) {
	if ( ! is_array( $value ) && ! is_object( $value ) ) {
		return $value;
	}
	$left = (array) $value;
	unset( $left['start_url'] );
	$left = array_map( 'old_way_without_start_url', $left );
	return is_object( $value ) ? (object) $left : $left;
}

/**
 * Writes a meta.
 *
 * @param int    $post_id ID of the post.
 * @param string $key     Key of the meta.
 * @param mixed  $value   The value; null deletes the meta.
 * @return void
 */
function old_way_set_meta( int $post_id, string $key, $value ): void {
	if ( null === $value ) {
		delete_post_meta( $post_id, $key );
	} elseif ( metadata_exists( 'post', $post_id, $key ) ) {
		update_post_meta( $post_id, $key, map_deep( $value, 'wp_slash' ) );
	} else {
		add_post_meta( $post_id, $key, map_deep( $value, 'wp_slash' ) );
	}
}

add_filter(
	'rest_pre_insert_zoom-meetings',
	static function ( $post, $request ) {
		$field = $request['old_way'];
		if ( is_wp_error( $post ) || ! empty( $post->ID ) || ! is_array( $field ) ) {
			return $post;
		}
		if ( ! old_way_hold( $field['number'] ) ) {
			return new WP_Error( 'old_way_exists', 'The number has a post.', array( 'status' => 409 ) );
		}
		$post->meta_input  = array(
			'_meeting_zoom_meeting_id' => $field['number'],
			'_zoombridge_revision'     => $field['revision'],
		);
		$hosts             = get_users(
			array(
				'meta_key'   => 'user_zoom_hostid',
				'meta_value' => $field['host'] ?? '',
				'number'     => 1,
				'fields'     => 'ID',
			)
		);
		$post->post_author = (int) ( $hosts[0] ?? get_current_user_id() );
		return $post;
	},
	10,
	2
);

/**
 * Holds a number until the request ends, so that no other request makes a post of it.
 *
 * @param string $number The meeting's number.
 * @return bool False where it has a post, or another request holds it, or a form is being saved.
 */
function old_way_hold( string $number ): bool {
	global $wpdb;
	$name = 'old_way_making_' . $number;
	$sql  = "INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')";
	$held = 1 === $wpdb->query( $wpdb->prepare( $sql, $name, time() ) );
	register_shutdown_function(
		static function () use ( $wpdb, $name ): void {
			$wpdb->delete( $wpdb->options, array( 'option_name' => $name ) );
		}
	);
	$saving = $wpdb->get_var(
		"SELECT MAX(option_value) FROM {$wpdb->options}
		WHERE option_name BETWEEN 'zoombridge_saving_0' AND 'zoombridge_saving_A'"
	);
	return $held && ! old_way_find( $number ) && $saving <= time() - MINUTE_IN_SECONDS;
}

/**
 * Finds the posts of a number. The second call in a request reads all numbers, and later ones what came since.
 *
 * @param string $number The meeting's number.
 * @return string[] IDs of the posts.
 */
function old_way_find( string $number ): array {
	global $wpdb;
	static $calls   = 0;
	static $known   = array();
	static $last_id = 0;
	$sql            = "FROM {$wpdb->postmeta} WHERE meta_key = '_meeting_zoom_meeting_id'";
	if ( 2 === ++$calls ) {
		$last_id = (int) $wpdb->get_var( "SELECT MAX(meta_id) FROM {$wpdb->postmeta}" );
		foreach ( $wpdb->get_results( "SELECT meta_value, post_id $sql" ) as $row ) {
			$known[ $row->meta_value ][] = $row->post_id;
		}
	}
	$added = $wpdb->prepare( "SELECT post_id $sql AND meta_id > %d AND meta_value = %s", $last_id, $number );
	return array_merge( $known[ $number ] ?? array(), $wpdb->get_col( $added ) );
}
