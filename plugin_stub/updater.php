<?php
/**
 * Offers the updates of the plugin that the bridge has, and installs them only if a release key has signed them.
 *
 * Neither the key of the pairing nor the bridge itself is enough to bring code onto this site: see docs/pairing.md.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

// The host of the header "Update URI". It does not exist: packages come from the bridge.
const ZOOMBRIDGE_UPDATE_HOST = 'meetings-bridge-for-zoom.invalid';

// Public keys (Ed25519, 64 hexadecimal digits) of those who release the plugin.
const ZOOMBRIDGE_RELEASE_KEYS = array();

/**
 * Returns the public keys that may sign an update.
 *
 * @since 0.2.0
 *
 * @return string[] Those of the plugin, and the constant ZOOMBRIDGE_RELEASE_KEY for who builds it.
 */
function zoombridge_release_keys(): array {
	$keys = ZOOMBRIDGE_RELEASE_KEYS;
	if ( defined( 'ZOOMBRIDGE_RELEASE_KEY' ) ) {
		$keys[] = ZOOMBRIDGE_RELEASE_KEY;
	}
	return array_filter(
		$keys,
		static function ( $key ): bool {
			return is_string( $key ) && 1 === preg_match( '/^[0-9a-f]{64}$/D', $key );
		}
	);
}

/**
 * Whether a release key has signed a version and the hash of its package.
 *
 * @since 0.2.0
 *
 * @param array $offer What the bridge offers.
 * @return bool True if one has.
 */
function zoombridge_is_signed_release( array $offer ): bool {
	$message = "zoombridge plugin release\n" . $offer['version'] . "\n" . $offer['sha256'];
	foreach ( zoombridge_release_keys() as $key ) {
		if ( sodium_crypto_sign_verify_detached( hex2bin( $offer['signature'] ), $message, hex2bin( $key ) ) ) {
			return true;
		}
	}
	return false;
}

/**
 * Retrieves what the bridge offers.
 *
 * @since 0.2.0
 *
 * @return array|WP_Error Values by name, signed by a release key and newer than this version; otherwise an error.
 */
function zoombridge_offered_update() {
	$response = zoombridge_request( 'GET', '/stub/update', array( 'timeout' => 5.0 ) );
	if ( is_wp_error( $response ) || 200 !== $response['status'] ) {
		return new WP_Error( 'zoombridge_no_update', zoombridge_error_message( $response ) );
	}
	$offer    = zoombridge_decode_json( $response['body'] );
	$patterns = array(
		'version'      => '/^[0-9]{1,9}(\.[0-9]{1,9}){1,3}$/D',
		'sha256'       => '/^[0-9a-f]{64}$/D',
		'signature'    => '/^[0-9a-f]{128}$/D',
		'requires'     => '/^[0-9.]{1,20}$/D',
		'requires_php' => '/^[0-9.]{1,20}$/D',
		'tested'       => '/^[0-9.]{1,20}$/D',
	);
	foreach ( $patterns as $name => $pattern ) {
		if ( ! is_string( $offer[ $name ] ?? null ) || ! preg_match( $pattern, $offer[ $name ] ) ) {
			$message = __( 'The bridge offers an update that cannot be read.', 'meetings-bridge-for-zoom' );
			return new WP_Error( 'zoombridge_odd_update', $message );
		}
	}
	if ( ! zoombridge_is_signed_release( $offer ) ) {
		$message = __(
			'The bridge offers an update that is not signed by who releases the plugin. It was not installed.',
			'meetings-bridge-for-zoom'
		);
		return new WP_Error( 'zoombridge_unsigned_update', $message );
	}
	if ( ! version_compare( $offer['version'], ZOOMBRIDGE_VERSION, '>' ) ) {
		$message = __( 'The bridge offers no newer version than the installed one.', 'meetings-bridge-for-zoom' );
		return new WP_Error( 'zoombridge_no_newer_update', $message );
	}
	return $offer;
}

/**
 * Tells WordPress of an update.
 *
 * @since 0.2.0
 *
 * @param array|false $update      The update so far.
 * @param array       $plugin_data Headers of the plugin.
 * @param string      $plugin_file Path of the plugin.
 * @return array|false The update, as WordPress wants it.
 */
function zoombridge_offer_update( $update, $plugin_data, $plugin_file ) {
	if ( plugin_basename( __DIR__ . '/load.php' ) !== $plugin_file || null === zoombridge_get_connection() ) {
		return $update;
	}
	$offer = zoombridge_offered_update();
	if ( is_wp_error( $offer ) ) {
		return false;
	}
	return array(
		'slug'         => 'meetings-bridge-for-zoom',
		'version'      => $offer['version'],
		'url'          => '',
		'package'      => 'https://' . ZOOMBRIDGE_UPDATE_HOST . '/' . $offer['version'] . '.zip',
		'tested'       => $offer['tested'],
		'requires'     => $offer['requires'],
		'requires_php' => $offer['requires_php'],
	);
}
add_filter( 'update_plugins_' . ZOOMBRIDGE_UPDATE_HOST, 'zoombridge_offer_update', 10, 3 );

/**
 * Downloads an update from the bridge, in place of WordPress, and verifies it before anything unpacks it.
 *
 * @since 0.2.0
 *
 * @param bool|string|WP_Error $reply   What WordPress has already.
 * @param string               $package Address of the package.
 * @return bool|string|WP_Error Path of the verified file; an error if there is none; $reply for other packages.
 */
function zoombridge_download_update( $reply, $package ) {
	if ( 0 !== strpos( (string) $package, 'https://' . ZOOMBRIDGE_UPDATE_HOST . '/' ) ) {
		return $reply;
	}
	$offer = zoombridge_offered_update();
	if ( is_wp_error( $offer ) ) {
		return $offer;
	}
	$response = zoombridge_request( 'GET', '/stub/update/package', array( 'timeout' => 60.0 ) );
	if ( is_wp_error( $response ) || 200 !== $response['status'] ) {
		return new WP_Error( 'zoombridge_no_update', zoombridge_error_message( $response ) );
	}
	if ( ! hash_equals( $offer['sha256'], hash( 'sha256', $response['body'] ) ) ) {
		$message = __(
			'The bridge sent another file than the one that is signed. It was not installed.',
			'meetings-bridge-for-zoom'
		);
		return new WP_Error( 'zoombridge_foreign_update', $message );
	}
	$file = wp_tempnam( 'meetings-bridge-for-zoom.zip' );
	// phpcs:ignore WordPress.WP.AlternativeFunctions.file_system_operations_file_put_contents -- As download_url() does.
	if ( ! $file || strlen( $response['body'] ) !== file_put_contents( $file, $response['body'] ) ) {
		$message = __( 'The update could not be written to a temporary file.', 'meetings-bridge-for-zoom' );
		return new WP_Error( 'zoombridge_no_file', $message );
	}
	return $file;
}
add_filter( 'upgrader_pre_download', 'zoombridge_download_update', 10, 2 );
