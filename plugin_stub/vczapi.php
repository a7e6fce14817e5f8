<?php
/**
 * Cooperates with the plugin "Video Conferencing with Zoom" (VCZAPI).
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Whether VCZAPI is active.
 *
 * @since 0.1.0
 *
 * @return bool True if it is.
 */
function zoombridge_has_vczapi(): bool {
	return defined( 'ZVC_PLUGIN_VERSION' );
}

/**
 * Stores and returns whether a post that the bridge manages is being deleted permanently.
 *
 * @since 0.1.0
 *
 * @param bool|null $is_managed Optional. Whether the bridge manages the post being deleted. Default null: unchanged.
 * @return bool True only while the action `before_delete_post` runs, on which VCZAPI deletes the meeting at Zoom.
 */
function zoombridge_is_deleting_managed_post( ?bool $is_managed = null ): bool {
	static $is_current_managed = false;
	if ( null !== $is_managed ) {
		$is_current_managed = $is_managed;
	}
	return $is_current_managed && doing_action( 'before_delete_post' );
}

/**
 * Records, before VCZAPI's own callback, whether the bridge manages the post being deleted, or another of its meeting.
 *
 * @since 0.1.0
 *
 * @param int $post_id ID of the post.
 * @return void
 */
function zoombridge_record_deletion( $post_id ): void {
	$ids = array( $post_id );
	if ( zoombridge_has_vczapi() && ! metadata_exists( 'post', $post_id, '_zoombridge_revision' ) ) {
		$number = (string) get_post_meta( $post_id, '_meeting_zoom_meeting_id', true );
		$ids    = '' === $number ? array() : zoombridge_read_numbers( array( $number ) )[ $number ];
	}
	$managed = array_filter(
		$ids,
		static function ( $id ): bool {
			return metadata_exists( 'post', $id, '_zoombridge_revision' );
		}
	);
	zoombridge_is_deleting_managed_post( (bool) $managed );
}
add_action( 'before_delete_post', 'zoombridge_record_deletion', PHP_INT_MIN );

/**
 * Prevents VCZAPI from deleting a managed meeting at Zoom: Zoom, not WordPress, decides about it.
 *
 * @since 0.1.0
 *
 * @param mixed $value Value of VCZAPI's option. Newer versions hold the choice in an array of settings.
 * @return mixed The value; while a managed post is being deleted, the one with which VCZAPI does not delete at Zoom.
 */
function zoombridge_prevent_zoom_deletion( $value ) {
	if ( ! zoombridge_is_deleting_managed_post() ) {
		return $value;
	}
	if ( is_array( $value ) ) {
		return array( 'delete_zoom_meeting' => 'on' ) + $value;
	}
	return '1';
}
add_filter( 'pre_option_zoom_api_donot_delete_on_zoom', 'zoombridge_prevent_zoom_deletion' );
add_filter( 'option__vczapi_zoom_settings', 'zoombridge_prevent_zoom_deletion' );

/**
 * Whether VCZAPI's PRO add-on is active.
 *
 * @since 0.2.0
 *
 * @return bool True if it is.
 */
function zoombridge_has_vczapi_pro(): bool {
	// Each request asks: not by is_plugin_active(), which would load a file of wp-admin first.
	$plugin     = 'vczapi-pro/vczapi-pro.php';
	$of_network = is_multisite() ? (array) get_site_option( 'active_sitewide_plugins', array() ) : array();
	$of_site    = (array) get_option( 'active_plugins', array() );
	return isset( $of_network[ $plugin ] ) || in_array( $plugin, $of_site, true );
}

/**
 * Returns the callbacks of VCZAPI and its add-ons.
 *
 * @since 0.2.0
 *
 * @param string|null $only Optional. Name of a hook. Default null: all hooks.
 * @return array Arguments of add_filter() for each callback.
 */
function zoombridge_vczapi_callbacks( ?string $only = null ): array {
	global $wp_filter;
	if ( ! zoombridge_has_vczapi_files() ) {
		return array();
	}
	$hooks = null === $only ? $wp_filter : array_intersect_key( $wp_filter, array( $only => true ) );
	$found = array();
	foreach ( $hooks as $name => $hook ) {
		foreach ( $hook->callbacks as $priority => $callbacks ) {
			foreach ( $callbacks as $callback ) {
				$found[] = array( (string) $name, $callback['function'], $priority, $callback['accepted_args'] );
			}
		}
	}
	return array_filter(
		$found,
		static function ( array $arguments ): bool {
			return zoombridge_is_vczapi_file( zoombridge_callback_file( $arguments[1] ) );
		}
	);
}

/**
 * Whether VCZAPI or an add-on of it is active.
 *
 * @since 0.2.0
 *
 * @return bool True if it is.
 */
function zoombridge_has_vczapi_files(): bool {
	if ( zoombridge_has_vczapi() ) {
		return true;
	}
	$of_network = is_multisite() ? wp_get_active_network_plugins() : array();
	$files      = array_merge( wp_get_active_and_valid_plugins(), $of_network );
	return (bool) array_filter( $files, 'zoombridge_is_vczapi_file' );
}

/**
 * Whether the code at work was called by VCZAPI or an add-on of it.
 *
 * @since 0.2.0
 *
 * @return bool True if it was.
 */
function zoombridge_is_called_by_vczapi(): bool {
	// phpcs:ignore WordPress.PHP.DevelopmentFunctions -- Nothing else tells who calls.
	$frames = debug_backtrace( DEBUG_BACKTRACE_IGNORE_ARGS );
	return (bool) array_filter( array_column( $frames, 'file' ), 'zoombridge_is_vczapi_file' );
}

/**
 * Returns the file in which a callback is defined.
 *
 * @since 0.2.0
 *
 * @param mixed $callback The callback.
 * @return string Path of the file; empty for PHP's own functions and for what cannot be called.
 */
function zoombridge_callback_file( $callback ): string {
	if ( is_string( $callback ) && strpos( $callback, '::' ) ) {
		$callback = explode( '::', $callback );
	}
	if ( is_array( $callback ) && is_string( $callback[0] ?? null ) && ! zoombridge_may_load_class( $callback[0] ) ) {
		return '';
	}
	try {
		if ( is_array( $callback ) ) {
			$reflection = new ReflectionMethod( $callback[0], $callback[1] );
		} elseif ( is_object( $callback ) && ! $callback instanceof Closure ) {
			$reflection = new ReflectionMethod( $callback, '__invoke' );
		} else {
			$reflection = new ReflectionFunction( $callback );
		}
		return (string) $reflection->getFileName();
	} catch ( Throwable $error ) {
		return '';
	}
}

/**
 * Whether a class may be looked into: it is loaded, or its name looks like one of VCZAPI's or its add-ons'.
 *
 * Plugins name classes as callbacks that are loaded only when they are called.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the class.
 * @return bool True if it may.
 */
function zoombridge_may_load_class( string $name ): bool {
	return class_exists( $name, false ) || (bool) preg_match( '/codemanas|vczapi|video_?conferencing|zoom/i', $name );
}

/**
 * Whether a file belongs to VCZAPI or one of its add-ons.
 *
 * @since 0.2.0
 *
 * @param string $file Path of the file.
 * @return bool True if it lies in a folder of theirs in the folder of plugins.
 */
function zoombridge_is_vczapi_file( string $file ): bool {
	// All callbacks of a request are asked about, and lie in some hundred files.
	static $known = array();
	if ( ! isset( $known[ $file ] ) ) {
		$known[ $file ] = zoombridge_lies_in_vczapi( $file );
	}
	return $known[ $file ];
}

/**
 * Whether a path leads into a folder of VCZAPI or one of its add-ons.
 *
 * @since 0.2.0
 *
 * @param string $file Path of the file.
 * @return bool True if it does.
 */
function zoombridge_lies_in_vczapi( string $file ): bool {
	$file    = wp_normalize_path( $file );
	$folders = array_unique( array( WP_PLUGIN_DIR, (string) realpath( WP_PLUGIN_DIR ) ) );
	foreach ( array_map( 'wp_normalize_path', $folders ) as $folder ) {
		$pattern = '#^' . preg_quote( $folder, '#' ) . '/(video-conferencing-with-zoom|vczapi)[^/]*/#';
		if ( preg_match( $pattern, $file ) ) {
			return true;
		}
	}
	$folder = defined( 'ZVC_PLUGIN_DIR_PATH' ) ? (string) realpath( ZVC_PLUGIN_DIR_PATH ) : '';
	return '' !== $folder && 0 === strpos( $file, wp_normalize_path( $folder ) . '/' );
}

/**
 * Refuses requests to Zoom, as a plugin would send in answer to what the bridge writes.
 *
 * @since 0.2.0
 *
 * @param mixed  $response Response of an earlier filter, or false.
 * @param array  $args     Arguments of the request.
 * @param string $url      Address of the request.
 * @return mixed An error for addresses of Zoom, otherwise the response unchanged.
 */
function zoombridge_refuse_zoom_request( $response, $args, $url ) {
	if ( zoombridge_is_zoom_url( (string) $url ) ) {
		return new WP_Error( 'zoombridge_zoom_knows', 'Zoom is not told what comes from Zoom.' );
	}
	return $response;
}

/**
 * Whether an address is Zoom's.
 *
 * @since 0.2.0
 *
 * @param string $url The address.
 * @return bool True if it is.
 */
function zoombridge_is_zoom_url( string $url ): bool {
	$host = strtolower( (string) wp_parse_url( $url, PHP_URL_HOST ) );
	return (bool) preg_match( '/(^|\.)(zoom\.us|zoom\.com|zoom\.com\.cn|zoomgov\.com|zoom\.de)$/D', $host );
}
