<?php
/**
 * Adds to WordPress's REST routes of meetings: the field "zoombridge", which holds their metas, and a parameter that
 * finds posts by Zoom meeting number.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

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
				'properties'           => zoombridge_meta_properties(),
				'additionalProperties' => false,
				'arg_options'          => array( 'validate_callback' => 'zoombridge_validate_field' ),
			),
		)
	);
}
add_action( 'rest_api_init', 'zoombridge_register_field' );

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
	return zoombridge_validate_objects( (array) $value );
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
	$message = __( 'Only users who can edit posts may search by Zoom meeting number.', 'meetings-bridge-for-zoom' );
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
