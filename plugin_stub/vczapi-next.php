<?php
/**
 * The twins, metas of VCZAPI's next generation: the same data under other keys, in step with what the bridge writes.
 *
 * The next generation (4.7.0, read but never run) sends every save by REST to Zoom, and creates a meeting there if a
 * post lacks `vczapi_meeting_id`. So every write of the bridge leaves that one behind, on any site: the plugin may be
 * updated later. The other twins are written where the next generation is active, or has written them. Whatever they
 * hold, of managed posts they are read from the metas that the bridge writes, but for the site's own choices.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_TWINS = array(
	'vczapi_meeting_id'             => '_meeting_zoom_meeting_id',
	'vczapi_meeting_type'           => '_vczapi_meeting_type',
	'vczapi_meeting_join_url'       => '_meeting_zoom_join_url',
	'vczapi_meeting_start_date_utc' => '_meeting_field_start_date_utc',
	'vczapi_meeting_fields'         => '_meeting_fields',
	'vczapi_meeting_zoom_details'   => '_meeting_zoom_details',
);

/**
 * Whether VCZAPI is active in its next generation, which reads the twins.
 *
 * @since 0.2.0
 *
 * @return bool True if it is.
 */
function zoombridge_has_next_vczapi(): bool {
	return zoombridge_has_vczapi() && version_compare( (string) ZVC_PLUGIN_VERSION, '4.7', '>=' );
}

/**
 * Returns the twins that a write of the bridge leaves behind.
 *
 * @since 0.2.0
 *
 * @param array $wanted Metas that are written, by key; null for those that are removed.
 * @param array $stored Raw metas that stand, by key.
 * @return array Values by key; null for twins that are removed.
 */
function zoombridge_sync_wanted_twins( array $wanted, array $stored ): array {
	$is_next = zoombridge_has_next_vczapi();
	$twins   = array();
	foreach ( ZOOMBRIDGE_TWINS as $twin => $source ) {
		if ( 'vczapi_meeting_id' !== $twin && ! $is_next && ! isset( $stored[ $twin ] ) ) {
			continue;
		}
		$value = array_key_exists( $source, $wanted )
			? $wanted[ $source ]
			: maybe_unserialize( $stored[ $source ] ?? null );

		$twins[ $twin ] = zoombridge_twin_value( $twin, $value, maybe_unserialize( $stored[ $twin ] ?? null ) );
	}
	return $twins;
}

/**
 * Returns the value of a twin.
 *
 * @since 0.2.0
 *
 * @param string $twin   Key of the twin.
 * @param mixed  $value  Value of the meta that it is the twin of; null if there is none.
 * @param mixed  $before Value of the twin as it stands; null if there is none.
 * @return mixed The value; null if there is none.
 */
function zoombridge_twin_value( string $twin, $value, $before ) {
	if ( 'vczapi_meeting_zoom_details' === $twin ) {
		$details = zoombridge_as_arrays( zoombridge_remove_start_url( $value ) );
		return is_array( $details ) ? array( 'start_url' => '' ) + $details : null;
	}
	if ( 'vczapi_meeting_fields' === $twin && is_array( $value ) ) {
		return zoombridge_site_choices( $before ) + $value;
	}
	return $value;
}

/**
 * Returns the site's own choices among the fields of a meeting.
 *
 * @since 0.2.0
 *
 * @param mixed $fields The fields, if they are an array.
 * @return array The choices.
 */
function zoombridge_site_choices( $fields ): array {
	$is_own = static function ( $key ): bool {
		return 0 === strpos( (string) $key, 'site_option_' );
	};
	return is_array( $fields ) ? array_filter( $fields, $is_own, ARRAY_FILTER_USE_KEY ) : array();
}

/**
 * Turns objects into arrays, at any depth.
 *
 * @since 0.2.0
 *
 * @param mixed $value An array, an object or a plain value.
 * @return mixed The value without objects.
 */
function zoombridge_as_arrays( $value ) {
	$is_nested = is_array( $value ) || is_object( $value );
	return $is_nested ? array_map( 'zoombridge_as_arrays', (array) $value ) : $value;
}

/**
 * Reads a twin of a managed post from the meta that the bridge writes; where the site is not paired, as it stands.
 *
 * @since 0.2.0
 *
 * @param int    $post_id ID of the post.
 * @param string $twin    Key of the twin.
 * @return array|null The value, in a list; null if the post lacks that meta.
 */
function zoombridge_read_twin( int $post_id, string $twin ): ?array {
	// Nobody but VCZAPI writes any of the metas then, and what it wrote is newer.
	$value = null === zoombridge_stored_connection() ? zoombridge_twin_as_it_stands( $post_id, $twin ) : null;
	$value = $value ?? zoombridge_twin_of_bridge( $post_id, $twin );
	if ( 'vczapi_meeting_fields' === $twin && is_array( $value ) && zoombridge_is_rest_of_visitor( $post_id ) ) {
		$shown             = get_post_meta( $post_id, '_meeting_zoom_details', true );
		$value['password'] = $shown instanceof stdClass ? (string) ( $shown->password ?? '' ) : '';
	}
	return null === $value ? null : array( $value );
}

/**
 * Reads a twin from the database, and fits it to VCZAPI like the meta that it is the twin of.
 *
 * @since 0.2.0
 *
 * @param int    $post_id ID of the post.
 * @param string $twin    Key of the twin.
 * @return mixed The value; null if the post lacks it.
 */
function zoombridge_twin_as_it_stands( int $post_id, string $twin ) {
	$value = zoombridge_unfitted_meta( $post_id, $twin );
	if ( 'vczapi_meeting_zoom_details' === $twin && is_array( $value ) ) {
		return zoombridge_as_arrays( zoombridge_fit_details( (object) $value, $post_id ) );
	}
	if ( 'vczapi_meeting_fields' === $twin && is_array( $value ) ) {
		return zoombridge_fit_fields( $value, get_post_meta( $post_id, '_meeting_zoom_details', true ) );
	}
	return '' === $value ? null : $value;
}

/**
 * Makes the value of a twin from the meta that the bridge writes.
 *
 * @since 0.2.0
 *
 * @param int    $post_id ID of the post.
 * @param string $twin    Key of the twin.
 * @return mixed The value; null if the post lacks that meta.
 */
function zoombridge_twin_of_bridge( int $post_id, string $twin ) {
	$value = get_post_meta( $post_id, ZOOMBRIDGE_TWINS[ $twin ], true );
	if ( '' === $value ) {
		return null;
	}
	$details   = 'vczapi_meeting_zoom_details' === $twin ? (array) $value : array();
	$start_url = (string) ( $details['start_url'] ?? '' );
	$value     = zoombridge_twin_value( $twin, $value, zoombridge_unfitted_meta( $post_id, $twin ) );
	if ( '' !== $start_url ) {
		// In lists of wp-admin, an address at which the host has to sign in; see zoombridge_fit_details().
		$value['start_url'] = $start_url;
	}
	return $value;
}

/**
 * Whether the REST API answers somebody who may not edit a post.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return bool True if it does.
 */
function zoombridge_is_rest_of_visitor( int $post_id ): bool {
	return defined( 'REST_REQUEST' ) && REST_REQUEST && ! current_user_can( 'edit_post', $post_id );
}

/**
 * Keeps others from writing twins of managed posts: what Zoom answers holds links that only its host may have.
 *
 * The fields may be written, as they hold the site's own choices.
 *
 * @since 0.2.0
 *
 * @param mixed  $check   Result of an earlier filter; null lets WordPress write.
 * @param int    $post_id ID of the post.
 * @param string $key     Key of the meta.
 * @return mixed True, as if it was written, for the twins of managed posts on a paired site.
 */
function zoombridge_hold_twin( $check, $post_id, $key ) {
	$is_held = null === $check && isset( ZOOMBRIDGE_TWINS[ $key ] ) && 'vczapi_meeting_fields' !== $key;
	if ( ! $is_held || zoombridge_is_own_write( (int) $post_id ) || ! zoombridge_is_managed_post( (int) $post_id ) ) {
		return $check;
	}
	return null === zoombridge_stored_connection() ? $check : true;
}
add_filter( 'update_post_metadata', 'zoombridge_hold_twin', PHP_INT_MAX, 3 );
add_filter( 'add_post_metadata', 'zoombridge_hold_twin', PHP_INT_MAX, 3 );

/**
 * Keeps twins out of lists of custom fields, which themes and plugins show: their keys do not begin with "_".
 *
 * @since 0.2.0
 *
 * @param bool   $is_protected Whether the meta is protected.
 * @param string $key          Key of the meta.
 * @return bool True for twins.
 */
function zoombridge_protect_twins( $is_protected, $key ) {
	return $is_protected || isset( ZOOMBRIDGE_TWINS[ $key ] );
}

/**
 * Protects the twins once all plugins have registered their metas: VCZAPI may register them for its own use.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_begin_to_protect_twins(): void {
	add_filter( 'is_protected_meta', 'zoombridge_protect_twins', 10, 2 );
}
add_action( 'wp_loaded', 'zoombridge_begin_to_protect_twins' );
