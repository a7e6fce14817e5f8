<?php
/**
 * The metas of meetings: their schemas, and how they are merged and written.
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
 * Returns the schemas of the metas that the bridge writes.
 *
 * @since 0.1.0
 *
 * @return array JSON schemas by name.
 */
function zoombridge_meta_properties(): array {
	$text   = array(
		'type'      => 'string',
		'maxLength' => 262144,
	);
	$object = array( 'type' => 'object' );
	return array(
		'number'         => array( 'pattern' => '^[0-9]{1,20}\z' ) + $text,
		'kind'           => array( 'enum' => array( 'meeting', 'webinar' ) ) + $text,
		'join_url'       => array( 'format' => 'uri' ) + $text,
		'start_date_utc' => array( 'pattern' => '^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\z' ) + $text,
		'revision'       => array(
			'type'    => 'integer',
			'minimum' => 0,
		),
		'details'        => $text,
		'html'           => $text,
		'fields'         => $object,
		'pro'            => $object,
	);
}

/**
 * Validates that the metas that hold objects are given objects.
 *
 * @since 0.2.0
 *
 * @param array $values Values by name, validated by their schemas.
 * @return true|WP_Error True, or what is wrong.
 */
function zoombridge_validate_objects( array $values ) {
	$is_object = ! isset( $values['details'] ) || json_decode( $values['details'] ) instanceof stdClass;
	$keys      = array_keys( (array) ( $values['fields'] ?? array() ) + (array) ( $values['pro'] ?? array() ) );
	if ( $is_object && ! array_filter( $keys, 'is_int' ) ) {
		return true;
	}
	return new WP_Error( 'invalid', 'details is JSON text of an object, and fields and pro are objects, not lists.' );
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
