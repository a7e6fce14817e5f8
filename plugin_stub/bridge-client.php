<?php
/**
 * Sends signed requests to the bridge and verifies its signed responses.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_LONGEST_JSON   = 65536; // Bytes. Decoded, they take up to fifty times as many.
const ZOOMBRIDGE_LONGEST_RETRY  = 3600; // Seconds.
const ZOOMBRIDGE_HIGHEST_STATUS = 599;

/**
 * Retrieves the connection as it is stored, whatever the site's address is now.
 *
 * @since 0.2.0
 *
 * @return array|null {
 *     The connection, or null if the site is not paired.
 *
 *     @type string     $bridge Address of the bridge, without a trailing slash.
 *     @type string     $site   The bridge's name for this site.
 *     @type string     $key    The shared key, 64 hexadecimal characters.
 *     @type string     $home   Hash of the address that the site was paired at; see zoombridge_sync_home_hash(). Absent
 *                              from connections of earlier versions until they are first used.
 *     @type int        $since  Unix time in seconds at which the site was paired. Absent from those, too.
 *     @type array|null $next   The key that is to come, if the bridge has begun to renew it; see rotation.php.
 * }
 */
function zoombridge_stored_connection(): ?array {
	$connection = get_option( 'zoombridge_connection' );
	if ( false === $connection && zoombridge_has_forgotten_connection() ) {
		$connection = get_option( 'zoombridge_connection' );
	}
	if ( ! is_array( $connection ) || ! isset( $connection['bridge'], $connection['site'], $connection['key'] ) ) {
		return null;
	}
	return $connection;
}

/**
 * Whether the database holds a connection that an object cache says is not there. WordPress finds it then.
 *
 * WordPress keeps the names of options that are not there as one list. Each request that began before the site was
 * paired may write that list back, and an object cache that lasts then keeps it.
 *
 * @since 0.3.0
 *
 * @return bool True if it does, once in a request.
 */
function zoombridge_has_forgotten_connection(): bool {
	global $wpdb;
	static $is_checked = array();
	$site_id           = get_current_blog_id();
	if ( isset( $is_checked[ $site_id ] ) || ! wp_using_ext_object_cache() ) {
		return false;
	}
	$is_checked[ $site_id ] = true;
	// phpcs:ignore WordPress.DB.DirectDatabaseQuery -- It is the cache that is checked.
	$found = $wpdb->get_var( "SELECT option_id FROM {$wpdb->options} WHERE option_name = 'zoombridge_connection'" );
	if ( null === $found ) {
		return false;
	}
	wp_cache_delete( 'notoptions', 'options' );
	wp_cache_delete( 'zoombridge_connection', 'options' );
	return true;
}

/**
 * Reads the connection anew, before it is changed after a request: others may have changed it since this one began.
 *
 * @since 0.3.0
 *
 * @return array|null The connection as zoombridge_stored_connection() returns it.
 */
function zoombridge_reread_connection(): ?array {
	wp_cache_delete( 'zoombridge_connection', 'options' );
	return zoombridge_stored_connection();
}

/**
 * Retrieves the connection for requests to the bridge.
 *
 * At another address than that of the pairing the plugin is mute: this WordPress may be a copy of the site.
 *
 * @since 0.1.0
 *
 * @return array|null The connection as zoombridge_stored_connection() returns it, or null if the site is not paired, or
 *                    the plugin is mute.
 */
function zoombridge_get_connection(): ?array {
	$connection = zoombridge_stored_connection();
	if ( null === $connection ) {
		return null;
	}
	$home = zoombridge_sync_home_hash();
	if ( ! isset( $connection['home'] ) ) {
		$connection = zoombridge_reread_connection();
		if ( null === $connection ) {
			return null;
		}
		$connection += array( 'home' => $home );
		update_option( 'zoombridge_connection', $connection, false );
	}
	return $connection['home'] === $home ? $connection : null;
}

/**
 * Whether the site is paired, but at another address than it has now.
 *
 * @since 0.2.0
 *
 * @return bool True if the plugin sends nothing by itself until somebody has said whether this is a copy.
 */
function zoombridge_is_mute(): bool {
	return null !== zoombridge_stored_connection() && null === zoombridge_get_connection();
}

/**
 * Signs lines of text with HMAC-SHA256.
 *
 * @since 0.1.0
 *
 * @param string   $key   The shared key. Its 64 characters are used as they are written, not decoded.
 * @param string[] $lines The lines to sign; they are joined by line feeds.
 * @return string The signature: `v1=` and 64 lowercase hexadecimal characters.
 */
function zoombridge_sign( string $key, array $lines ): string {
	return 'v1=' . hash_hmac( 'sha256', implode( "\n", $lines ), $key );
}

/**
 * Sends a signed request to the bridge.
 *
 * A response counts only if the bridge signed it.
 *
 * @since 0.1.0
 *
 * @param string $method HTTP method.
 * @param string $path   Path and query, without the bridge's own address.
 * @param array  $args   {
 *     Optional. What the request contains.
 *
 *     @type string $body       Raw body. Default empty.
 *     @type string $context    Value of the header X-Zoombridge-Context, from zoombridge_encode_context(). Default: an
 *                              id alone; nothing for events.
 *     @type array  $headers    Further headers, by name. Default none.
 *     @type float  $timeout    Seconds to wait for the response. Default 2.5.
 *     @type array  $connection The connection to use. Default: zoombridge_get_connection().
 * }
 * @return array|WP_Error {
 *     The verified response, or an error with the code `zoombridge_not_paired`, `zoombridge_moved` or
 *     `zoombridge_unreachable`.
 *
 *     @type int    $status      HTTP status.
 *     @type string $body        Body.
 *     @type string $location    Value of the header Location, or empty.
 *     @type string $retry_after Value of the header Retry-After in seconds, an hour at most; or empty.
 * }
 */
function zoombridge_request( string $method, string $path, array $args = array() ) {
	$connection = $args['connection'] ?? zoombridge_get_connection();
	if ( null === $connection ) {
		return zoombridge_is_mute() ? zoombridge_moved_error() : zoombridge_not_paired_error();
	}
	$args += array(
		'body'    => '',
		'context' => '',
		'headers' => array(),
		'timeout' => 2.5,
	);

	// Not for events, which the bridge stores once anyway: the context of those says where they came from.
	if ( '' === $args['context'] && 0 !== strpos( $path, '/wp-json/' ) ) {
		$args['context'] = zoombridge_encode_context( array() );
	}
	$headers  = zoombridge_request_headers( $connection, $method, $path, $args );
	$response = wp_remote_request(
		$connection['bridge'] . $path,
		array(
			'method'              => $method,
			'body'                => 'GET' === $method ? null : $args['body'],
			'headers'             => $headers,
			'user-agent'          => $headers['user-agent'] ?? zoombridge_user_agent(),
			'timeout'             => $args['timeout'],
			'redirection'         => 0,
			'limit_response_size' => 4 * MB_IN_BYTES,
			'decompress'          => false,
		)
	);
	if ( is_wp_error( $response ) ) {
		/* translators: 1: address of the bridge, 2: error message of the HTTP client. */
		$message = __( 'The bridge at %1$s could not be reached: %2$s', 'meetings-bridge-for-zoom' );
		$message = sprintf( $message, $connection['bridge'], $response->get_error_message() );
		return new WP_Error( 'zoombridge_unreachable', $message );
	}
	return zoombridge_verify_response( $response, $connection, $headers['X-Zoombridge-Signature'] );
}

/**
 * Encodes the context of one request, and adds a random id: the signature covers it, and the bridge takes it once.
 *
 * To send a request again, encode its context again.
 *
 * @since 0.2.0
 *
 * @param array $context What the bridge needs to know besides; see docs/stub.md.
 * @return string Value of the header X-Zoombridge-Context.
 */
function zoombridge_encode_context( array $context ): string {
	$context['request'] = bin2hex( random_bytes( 16 ) );
	// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_encode -- A header's value must be ASCII.
	return base64_encode( (string) wp_json_encode( $context ) );
}

/**
 * Creates the error for a site that is not paired with a bridge.
 *
 * @since 0.1.0
 *
 * @return WP_Error The error, with the code `zoombridge_not_paired`.
 */
function zoombridge_not_paired_error(): WP_Error {
	/* translators: %s: a command. */
	$advice  = __( 'Add it on the bridge, under Sites, or run on its server: %s', 'meetings-bridge-for-zoom' );
	$message = __( 'This site is not connected to a bridge yet.', 'meetings-bridge-for-zoom' );
	$message = $message . ' ' . sprintf( $advice, 'zoombridge site add ' . home_url() );
	return new WP_Error( 'zoombridge_not_paired', $message );
}

/**
 * Creates the error for a site that has another address than the one that it was paired at.
 *
 * @since 0.2.0
 *
 * @return WP_Error The error, with the code `zoombridge_moved`.
 */
function zoombridge_moved_error(): WP_Error {
	$message = __(
		'This site has another address than when it was connected, so nothing is sent to the bridge.',
		'meetings-bridge-for-zoom'
	);
	$advice  = __( 'Answer the question at the top: has it moved, or is it a copy?', 'meetings-bridge-for-zoom' );
	return new WP_Error( 'zoombridge_moved', $message . ' ' . $advice );
}

/**
 * Returns by which name the plugin calls the bridge.
 *
 * @since 0.2.0
 *
 * @return string Value of the header User-Agent. Without the version while the plugin is being uninstalled.
 */
function zoombridge_user_agent(): string {
	return 'meetings-bridge-for-zoom' . ( defined( 'ZOOMBRIDGE_VERSION' ) ? '/' . ZOOMBRIDGE_VERSION : '' );
}

/**
 * Builds the headers of a request, its signature included.
 *
 * @since 0.1.0
 *
 * @param array  $connection The connection; see zoombridge_get_connection().
 * @param string $method     HTTP method.
 * @param string $path       Path and query, without the bridge's own address.
 * @param array  $args       Body, context and further headers; see zoombridge_request().
 * @return array Headers by name.
 */
function zoombridge_request_headers( array $connection, string $method, string $path, array $args ): array {
	$timestamp = (string) time();
	$signature = zoombridge_sign(
		$connection['key'],
		array(
			'v1',
			$timestamp,
			$method,
			$path,
			hash( 'sha256', $args['context'] ),
			hash( 'sha256', $args['body'] ),
		)
	);

	$headers = array(
		'X-Zoombridge-Site'      => $connection['site'],
		'X-Zoombridge-Timestamp' => $timestamp,
		'X-Zoombridge-Signature' => $signature,
	);
	if ( '' !== $args['context'] ) {
		$headers['X-Zoombridge-Context'] = $args['context'];
	}
	// The response's signature covers the bytes as sent, so they must not be compressed.
	$headers['Accept-Encoding'] = 'identity';
	// Otherwise cURL may wait for "100 Continue".
	$headers['Expect'] = '';
	return $headers + $args['headers'];
}

/**
 * Verifies the bridge's signature of a response.
 *
 * @since 0.1.0
 *
 * @param array  $response          Response of wp_remote_request().
 * @param array  $connection        The connection; see zoombridge_get_connection().
 * @param string $request_signature Signature of the request, which the response's signature covers.
 * @return array|WP_Error The response as zoombridge_request() returns it, or an error with the code
 *                        `zoombridge_unreachable` and the received HTTP status as `answered` in its data.
 */
function zoombridge_verify_response( array $response, array $connection, string $request_signature ) {
	$status   = (int) wp_remote_retrieve_response_code( $response );
	$body     = wp_remote_retrieve_body( $response );
	$location = zoombridge_response_header( $response, 'location' );
	$expected = zoombridge_sign(
		$connection['key'],
		array(
			'v1-answer',
			$request_signature,
			(string) $status,
			$location,
			hash( 'sha256', $body ),
		)
	);
	if ( ! hash_equals( $expected, zoombridge_response_header( $response, 'x-zoombridge-answer' ) ) ) {
		$message = zoombridge_unsigned_message( $connection['bridge'], $status, $body );
		return new WP_Error( 'zoombridge_unreachable', $message, array( 'answered' => $status ) );
	}
	if ( $status < 200 || $status > ZOOMBRIDGE_HIGHEST_STATUS ) {
		// Neither Zoom nor a browser would know what to make of it.
		$message = zoombridge_unsigned_message( $connection['bridge'], $status, '' );
		return new WP_Error( 'zoombridge_unreachable', $message, array( 'answered' => $status ) );
	}
	return array(
		'status'      => $status,
		'body'        => $body,
		'location'    => $location,
		'retry_after' => zoombridge_retry_after( zoombridge_response_header( $response, 'retry-after' ) ),
	);
}

/**
 * Reads when to send a request again. This header is not signed.
 *
 * @since 0.2.0
 *
 * @param string $value Value of the header Retry-After.
 * @return string Seconds, an hour at most; empty if it is no number of seconds.
 */
function zoombridge_retry_after( string $value ): string {
	if ( ! preg_match( '/^[0-9]{1,9}$/D', $value ) ) {
		return '';
	}
	return (string) min( (int) $value, ZOOMBRIDGE_LONGEST_RETRY );
}

/**
 * Decodes JSON of a bridge, if it is not too long: a few MiB of it could take all of PHP's memory.
 *
 * @since 0.2.0
 *
 * @param string $json     The text.
 * @param bool   $is_array Optional. Whether objects become arrays. Default true.
 * @return mixed The value; null if it is too long or invalid.
 */
function zoombridge_decode_json( string $json, bool $is_array = true ) {
	return strlen( $json ) > ZOOMBRIDGE_LONGEST_JSON ? null : json_decode( $json, $is_array, 64 );
}

/**
 * Describes a response without a valid signature. It proves nothing, and is told to a person only.
 *
 * @since 0.1.0
 *
 * @param string $bridge Address of the bridge.
 * @param int    $status HTTP status of the response.
 * @param string $body   Its body.
 * @return string The message, unescaped.
 */
function zoombridge_unsigned_message( string $bridge, int $status, string $body ): string {
	$error = zoombridge_decode_json( $body );
	$code  = is_array( $error ) ? ( $error['code'] ?? '' ) : '';
	if ( 'zoombridge_unknown_site' === $code ) {
		/* translators: %s: address of the bridge. */
		$message = __( '%s does not know this site.', 'meetings-bridge-for-zoom' );
		$advice  = __(
			'If you have just connected it, confirm it there, under Sites. Otherwise connect it again.',
			'meetings-bridge-for-zoom'
		);
		return sprintf( $message, $bridge ) . ' ' . $advice;
	}
	if ( 'zoombridge_signature' === $code ) {
		/* translators: %s: address of the bridge. */
		$message = __( '%s does not accept the key of this site.', 'meetings-bridge-for-zoom' );
		$advice  = __(
			'If it was just connected, confirm it there. Otherwise check this server\'s clock, and connect it again.',
			'meetings-bridge-for-zoom'
		);
		return sprintf( $message, $bridge ) . ' ' . $advice;
	}
	/* translators: 1: address of the bridge, 2: an HTTP status. */
	$message = __( '%1$s answered with status %2$d, but without a valid signature.', 'meetings-bridge-for-zoom' );
	$advice  = __(
		'Check that it is the bridge and that this server\'s clock is right. If so, connect the site again.',
		'meetings-bridge-for-zoom'
	);
	return sprintf( $message, $bridge, $status ) . ' ' . $advice;
}

/**
 * Retrieves one header of a response.
 *
 * @since 0.1.0
 *
 * @param array  $response Response of wp_remote_request().
 * @param string $name     Name of the header, in lower case.
 * @return string The value. Empty if the header is missing or repeated: WordPress makes an array of repeated headers.
 */
function zoombridge_response_header( array $response, string $name ): string {
	$value = wp_remote_retrieve_header( $response, $name );
	return is_string( $value ) ? $value : '';
}

/**
 * Describes a failed request in plain words, in the bridge's own where it sent any.
 *
 * @since 0.1.0
 *
 * @param array|WP_Error $response Result of zoombridge_request().
 * @return string The message, unescaped.
 */
function zoombridge_error_message( $response ): string {
	if ( is_wp_error( $response ) ) {
		return $response->get_error_message();
	}
	$error = zoombridge_decode_json( $response['body'] );
	if ( is_array( $error ) && is_string( $error['message'] ?? null ) ) {
		return $error['message'];
	}
	/* translators: %d: an HTTP status. */
	$message = __( 'The bridge answered with status %d. See its log for the reason.', 'meetings-bridge-for-zoom' );
	return sprintf( $message, $response['status'] );
}
