<?php
/**
 * What core's REST routes lack for meetings: their metas, and finding them by their Zoom number.
 *
 * @package zoom-wordpress-bridge
 * @since 0.1.0
 */

/**
 * Registers the field "zoombridge" of a meeting.
 *
 * @since 0.1.0
 */
function zoombridge_register_field(): void {
	$text = array(
		'type'      => array( 'string', 'null' ),
		'maxLength' => 262144,
	);
	$map  = array( 'type' => array( 'object', 'null' ) );
	register_rest_field(
		'zoom-meetings',
		'zoombridge',
		array(
			'get_callback'    => 'zoombridge_read_field',
			'update_callback' => 'zoombridge_write_field',
			'schema'          => array(
				'description'          => __( 'The Zoom meeting that the post shows.', 'zoom-wordpress-bridge' ),
				'type'                 => 'object',
				'context'              => array( 'edit' ),
				'additionalProperties' => false,
				'arg_options'          => array( 'validate_callback' => 'zoombridge_validate_field' ),
				'properties'           => array(
					'number'         => array( 'pattern' => '^[0-9]{1,20}$' ) + $text,
					'kind'           => array( 'enum' => array( 'meeting', 'webinar', null ) ) + $text,
					'details'        => $text,
					'fields'         => $map,
					'pro'            => $map,
					'join_url'       => array( 'format' => 'uri' ) + $text,
					'start_date_utc' => array( 'pattern' => '^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$' ) + $text,
					'html'           => $text,
					'revision'       => array(
						'type'    => array( 'integer', 'null' ),
						'minimum' => 0,
					),
					'trashed_from'   => array( 'readonly' => true ) + $text,
					'host'           => $text,
				),
			),
		)
	);
}
add_action( 'rest_api_init', 'zoombridge_register_field' );

/**
 * The metas that hold one value as it is written.
 *
 * @since 0.1.0
 *
 * @return array<string, string>
 */
function zoombridge_plain_metas(): array {
	return array(
		'number'         => '_meeting_zoom_meeting_id',
		'kind'           => '_vczapi_meeting_type',
		'join_url'       => '_meeting_zoom_join_url',
		'start_date_utc' => '_meeting_field_start_date_utc',
		'html'           => '_zoombridge_html',
		'revision'       => '_zoombridge_revision',
	);
}

/**
 * Refuses what cannot be written, before the post is.
 *
 * @since 0.1.0
 *
 * @param mixed           $value   The field.
 * @param WP_REST_Request $request The request.
 * @param string          $name    Name of the field.
 * @return true|WP_Error
 */
function zoombridge_validate_field( $value, $request, $name ) {
	$valid = rest_validate_request_arg( $value, $request, $name );
	if ( true === $valid && isset( $value['details'] ) && ! json_decode( $value['details'] ) instanceof stdClass ) {
		return new WP_Error( 'rest_invalid_param', __( 'zoombridge[details] is not the JSON text of an object.', 'zoom-wordpress-bridge' ) );
	}
	return $valid;
}

/**
 * Reads the field.
 *
 * @since 0.1.0
 *
 * @param array<string, mixed> $post    The post as REST shows it.
 * @param string               $name    Name of the field.
 * @param WP_REST_Request      $request The request.
 * @return array<string, mixed>|null
 */
function zoombridge_read_field( $post, $name, $request ): ?array {
	$id = (int) ( $post['id'] ?? 0 );
	// Core lets everyone who edits posts list those of others in this context.
	if ( 'edit' !== $request['context'] || ! current_user_can( 'edit_post', $id ) ) {
		return null;
	}
	$field = array();
	foreach ( zoombridge_plain_metas() as $name => $key ) {
		$field[ $name ] = metadata_exists( 'post', $id, $key ) ? (string) get_post_meta( $id, $key, true ) : null;
	}
	$field['revision'] = null === $field['revision'] ? null : (int) $field['revision'];
	foreach ( array( 'fields' => '_meeting_fields', 'pro' => '_vczapi_pro_meeting_details', 'details' => '_meeting_zoom_details' ) as $name => $key ) {
		$value          = get_post_meta( $id, $key, true );
		$field[ $name ] = is_array( $value ) || is_object( $value ) ? (object) zoombridge_without_start_url( $value ) : null;
	}
	$field['details']      = null === $field['details'] ? null : wp_json_encode( $field['details'], JSON_UNESCAPED_SLASHES );
	$field['trashed_from'] = 'trash' === get_post_status( $id ) ? ( get_post_meta( $id, '_wp_trash_meta_status', true ) ?: null ) : null;
	return $field;
}

/**
 * Writes the field. What is not given stays.
 *
 * @since 0.1.0
 *
 * @param array<string, mixed> $value The field, validated.
 * @param WP_Post              $post  The post.
 * @return true|WP_Error
 */
function zoombridge_write_field( $value, $post ) {
	if ( ! current_user_can( 'edit_post', $post->ID ) ) {
		return new WP_Error( 'rest_cannot_edit', __( 'You may not edit this meeting.', 'zoom-wordpress-bridge' ), array( 'status' => rest_authorization_required_code() ) );
	}
	if ( isset( $value['html'] ) ) {
		$tags          = wp_kses_allowed_html( 'post' );
		$tags['time']  = array( 'datetime' => true, 'class' => true, 'title' => true );
		$value['html'] = wp_kses( $value['html'], $tags );
	}
	foreach ( zoombridge_plain_metas() as $name => $key ) {
		if ( array_key_exists( $name, $value ) ) {
			zoombridge_set_meta( $post->ID, $key, $value[ $name ] );
		}
	}
	if ( isset( $value['details'] ) ) {
		$details = (object) zoombridge_lay_over( get_post_meta( $post->ID, '_meeting_zoom_details', true ), json_decode( $value['details'] ), array( 'settings' ) );
		zoombridge_set_meta( $post->ID, '_meeting_zoom_details', zoombridge_without_start_url( $details ) );
	}
	foreach ( array( 'fields' => '_meeting_fields', 'pro' => '_vczapi_pro_meeting_details' ) as $name => $key ) {
		if ( isset( $value[ $name ] ) ) {
			zoombridge_set_meta( $post->ID, $key, zoombridge_lay_over( get_post_meta( $post->ID, $key, true ), $value[ $name ] ) );
		} elseif ( 'pro' === $name && array_key_exists( $name, $value ) ) {
			delete_post_meta( $post->ID, $key );
		}
	}
	if ( ! metadata_exists( 'post', $post->ID, '_meeting_zoom_start_url' ) ) {
		zoombridge_set_meta( $post->ID, '_meeting_zoom_start_url', '' );
	}
	return true;
}

/**
 * Writes one meta; null removes it.
 *
 * WordPress takes slashes off objects too, where wp_slash() puts none on; and update_post_meta() takes them
 * off an object twice where the meta is new.
 *
 * @since 0.1.0
 *
 * @param int    $post  ID of the post.
 * @param string $key   Name of the meta.
 * @param mixed  $value Its value.
 */
function zoombridge_set_meta( int $post, string $key, $value ): void {
	if ( null === $value ) {
		delete_post_meta( $post, $key );
	} elseif ( metadata_exists( 'post', $post, $key ) ) {
		update_post_meta( $post, $key, map_deep( $value, 'wp_slash' ) );
	} else {
		add_post_meta( $post, $key, map_deep( $value, 'wp_slash' ), true );
	}
}

/**
 * Lays new values over old ones. Null removes; what is not given stays.
 *
 * @since 0.1.0
 *
 * @param mixed    $old    Array or object; anything else counts as empty.
 * @param mixed    $new    Array or object.
 * @param string[] $deeper Keys whose objects are laid over each other, too.
 * @return array<string, mixed>
 */
function zoombridge_lay_over( $old, $new, array $deeper = array() ): array {
	$result = is_array( $old ) || is_object( $old ) ? (array) $old : array();
	foreach ( (array) $new as $key => $value ) {
		if ( null === $value ) {
			unset( $result[ $key ] );
		} elseif ( is_object( $value ) && in_array( $key, $deeper, true ) ) {
			$result[ $key ] = (object) zoombridge_lay_over( $result[ $key ] ?? null, $value );
		} else {
			$result[ $key ] = $value;
		}
	}
	return $result;
}

/**
 * Takes out every start_url: it opens the host's account.
 *
 * @since 0.1.0
 *
 * @param mixed $value Anything.
 * @return mixed
 */
function zoombridge_without_start_url( $value ) {
	if ( ! is_array( $value ) && ! is_object( $value ) ) {
		return $value;
	}
	$rest = (array) $value;
	unset( $rest['start_url'] );
	$rest = array_map( 'zoombridge_without_start_url', $rest );
	return is_object( $value ) ? (object) $rest : $rest;
}

/**
 * Before a post is made: refuses a second one for the same number, and gives it to its host.
 *
 * @since 0.1.0
 *
 * @param stdClass|WP_Error $post    What will be inserted.
 * @param WP_REST_Request   $request The request.
 * @return stdClass|WP_Error
 */
function zoombridge_before_insert( $post, $request ) {
	$field = $request['zoombridge'];
	if ( is_wp_error( $post ) || ! empty( $post->ID ) || ! is_array( $field ) ) {
		return $post;
	}
	$existing = isset( $field['number'] ) ? zoombridge_find_post( $field['number'] ) : 0;
	if ( $existing ) {
		return new WP_Error(
			'zoombridge_exists',
			__( 'This Zoom meeting has a post already.', 'zoom-wordpress-bridge' ),
			array(
				'status' => 409,
				'post'   => $existing,
			)
		);
	}
	$may = current_user_can( get_post_type_object( 'zoom-meetings' )->cap->edit_others_posts );
	if ( $may && ! empty( $field['host'] ) && empty( $request['author'] ) ) {
		$hosts = get_users(
			array(
				'meta_key'   => 'user_zoom_hostid',
				'meta_value' => $field['host'],
				'number'     => 1,
				'fields'     => 'ID',
			)
		);
		if ( $hosts ) {
			$post->post_author = (int) $hosts[0];
		}
	}
	return $post;
}
add_filter( 'rest_pre_insert_zoom-meetings', 'zoombridge_before_insert', 10, 2 );

/**
 * Finds the post of a Zoom number, in any status; the trash comes last.
 *
 * @since 0.1.0
 *
 * @param string $number Zoom's number.
 */
function zoombridge_find_post( string $number ): int {
	global $wpdb;
	return (int) $wpdb->get_var(
		$wpdb->prepare(
			"SELECT p.ID FROM {$wpdb->posts} p INNER JOIN {$wpdb->postmeta} m ON m.post_id = p.ID
			WHERE p.post_type = 'zoom-meetings' AND m.meta_key = '_meeting_zoom_meeting_id' AND m.meta_value = %s
			ORDER BY CASE WHEN p.post_status = 'trash' THEN 1 ELSE 0 END, p.ID LIMIT 1",
			$number
		)
	);
}

/**
 * Offers the parameter "zoombridge_number" in lists, to who may edit posts.
 *
 * @since 0.1.0
 *
 * @param array<string, mixed> $params Parameters of the list.
 * @return array<string, mixed>
 */
function zoombridge_add_number_parameter( $params ) {
	$params['zoombridge_number'] = array(
		'description'       => __( 'Only posts of this Zoom meeting number.', 'zoom-wordpress-bridge' ),
		'type'              => 'string',
		'pattern'           => '^[0-9]{1,20}$',
		'validate_callback' => static function ( $value, $request, $name ) {
			if ( ! current_user_can( 'edit_posts' ) ) {
				return new WP_Error( 'rest_forbidden', __( 'Only who may edit posts can find them by their Zoom number.', 'zoom-wordpress-bridge' ) );
			}
			return rest_validate_request_arg( $value, $request, $name );
		},
	);
	return $params;
}
add_filter( 'rest_zoom-meetings_collection_params', 'zoombridge_add_number_parameter' );

/**
 * Finds by "zoombridge_number".
 *
 * @since 0.1.0
 *
 * @param array<string, mixed> $query   Arguments for WP_Query.
 * @param WP_REST_Request      $request The request.
 * @return array<string, mixed>
 */
function zoombridge_query_by_number( $query, $request ) {
	if ( isset( $request['zoombridge_number'] ) ) {
		$query['meta_query'][] = array(
			'key'   => '_meeting_zoom_meeting_id',
			'value' => $request['zoombridge_number'],
		);
	}
	return $query;
}
add_filter( 'rest_zoom-meetings_query', 'zoombridge_query_by_number', 10, 2 );

/**
 * Keeps VCZAPI from deleting at Zoom what the bridge manages: Zoom, not WordPress, decides about it.
 *
 * Runs first and last in before_delete_post, where VCZAPI sends its DELETE: on before it, off after it.
 *
 * @since 0.1.0
 *
 * @param int $post ID of the post.
 */
function zoombridge_stop_echo( $post ): void {
	if ( metadata_exists( 'post', $post, '_zoombridge_revision' ) ) {
		add_filter( 'pre_option_zoom_api_donot_delete_on_zoom', 'zoombridge_say_one' );
		add_filter( 'option__vczapi_zoom_settings', 'zoombridge_say_keep' );
	}
}
add_action( 'before_delete_post', 'zoombridge_stop_echo', PHP_INT_MIN );

/**
 * The counterpart of zoombridge_stop_echo().
 *
 * @since 0.1.0
 */
function zoombridge_allow_echo(): void {
	remove_filter( 'pre_option_zoom_api_donot_delete_on_zoom', 'zoombridge_say_one' );
	remove_filter( 'option__vczapi_zoom_settings', 'zoombridge_say_keep' );
}
add_action( 'before_delete_post', 'zoombridge_allow_echo', PHP_INT_MAX );

/**
 * The option as if "do not delete on Zoom" were ticked.
 *
 * @since 0.1.0
 */
function zoombridge_say_one(): string {
	return '1';
}

/**
 * The same, where newer versions of VCZAPI keep it.
 *
 * @since 0.1.0
 *
 * @param mixed $settings VCZAPI's settings.
 * @return mixed
 */
function zoombridge_say_keep( $settings ) {
	return is_array( $settings ) ? array( 'delete_zoom_meeting' => 'on' ) + $settings : $settings;
}
