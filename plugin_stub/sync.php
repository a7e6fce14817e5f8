<?php
/**
 * Takes the bridge's signed requests, before any other part of WordPress answers them.
 *
 * The protocol is specified in docs/sync.md.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_SYNC_LONGEST_BODY = 98304;

/**
 * Answers a signed request of the bridge, and ends the request then.
 *
 * No cookie, header or parameter counts; whether the request is the bridge's is decided by its body alone.
 *
 * @since 0.2.0
 *
 * @param WP $wp The current request.
 * @return void
 */
function zoombridge_sync_answer_request( $wp ): void {
	if ( ! zoombridge_is_sync_request( $wp ) ) {
		return;
	}
	$connection = zoombridge_stored_connection();
	$message    = zoombridge_sync_read_message( $connection );
	$key        = (string) zoombridge_signing_key( $message, $connection );
	// Callbacks of other plugins run as no user, whatever cookie came with the request.
	wp_set_current_user( 0 );
	zoombridge_sync_prepare_output();

	$run   = new Zoombridge_Sync_Run( $message, $key );
	$error = zoombridge_sync_check_message( $message );
	if ( null === $error ) {
		zoombridge_use_key( $key );
		$error = $run->start();
	}
	$run->finish( $error );
	exit;
}
// First of all: WordPress's REST API answers on the same hook, and plugins that close it run with it.
add_action( 'parse_request', 'zoombridge_sync_answer_request', PHP_INT_MIN );

/**
 * Whether this request is one of the bridge's, and verified.
 *
 * @since 0.2.0
 *
 * @return bool True if it is.
 */
function zoombridge_is_syncing(): bool {
	return defined( 'ZOOMBRIDGE_SYNCING' );
}

/**
 * Whether a request is to one of the two addresses at which the bridge's requests are taken.
 *
 * @since 0.2.0
 *
 * @param WP $wp The request.
 * @return bool True for a POST to the REST route or to `/?zoombridge_sync=1`.
 */
function zoombridge_is_sync_request( $wp ): bool {
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- It is compared only.
	if ( 'POST' !== ( $_SERVER['REQUEST_METHOD'] ?? '' ) ) {
		return false;
	}
	$route = $wp->query_vars['rest_route'] ?? '';
	// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- The message is signed.
	return isset( $_GET['zoombridge_sync'] )
		|| ( is_string( $route ) && '/zoombridge/v1/sync' === untrailingslashit( $route ) );
}

/**
 * Reads and verifies the message that a request carries. Does not return unless it is the bridge's.
 *
 * Reads one option, and writes nothing.
 *
 * @since 0.2.0
 *
 * @param array|null $connection The connection; see zoombridge_stored_connection().
 * @return array The message; see zoombridge_sync_parse_envelope().
 */
function zoombridge_sync_read_message( ?array $connection ): array {
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- It is compared only.
	$length = $_SERVER['CONTENT_LENGTH'] ?? '';
	if ( ! ctype_digit( $length ) || (int) $length > ZOOMBRIDGE_SYNC_LONGEST_BODY ) {
		zoombridge_sync_refuse( 413 );
	}
	$body    = (string) file_get_contents( 'php://input', false, null, 0, ZOOMBRIDGE_SYNC_LONGEST_BODY + 1 );
	$message = strlen( $body ) > ZOOMBRIDGE_SYNC_LONGEST_BODY ? null : zoombridge_sync_parse_envelope( $body );
	if ( null === $connection || null === $message || $message['site'] !== $connection['site'] ) {
		zoombridge_sync_refuse( 401 );
	}
	if ( null === zoombridge_signing_key( $message, $connection ) ) {
		zoombridge_sync_refuse( 401 );
	}
	return $message;
}

/**
 * Refuses a request that is not the bridge's, always with the same bytes, and ends it.
 *
 * @since 0.2.0
 *
 * @param int $status HTTP status.
 * @return void
 */
function zoombridge_sync_refuse( int $status ): void {
	if ( ! headers_sent() ) {
		header( 'Content-Type: application/json' );
		header( 'Cache-Control: no-store' );
		http_response_code( $status );
	}
	echo '{"code":"zoombridge_sync_refused"}';
	exit;
}

/**
 * Keeps back what other plugins print, and lets the request end in its own time.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_sync_prepare_output(): void {
	define( 'ZOOMBRIDGE_SYNCING', true );
	ob_start();
	// phpcs:disable WordPress.PHP.IniSet -- For this answer alone: a program reads it, byte by byte.
	ini_set( 'display_errors', '0' );
	if ( ! headers_sent() ) { // Otherwise it is too late, and PHP would log a warning.
		ini_set( 'zlib.output_compression', '0' );
	}
	// phpcs:enable
	ignore_user_abort( true );
	// WordPress's own handler of fatal errors then does nothing: it would need memory that may have run out.
	// phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- WordPress's.
	defined( 'WP_SANDBOX_SCRAPING' ) || define( 'WP_SANDBOX_SCRAPING', true );
}

/**
 * Checks a message that the bridge has signed: that it is understood, for this site, and neither old nor repeated.
 *
 * @since 0.2.0
 *
 * @param array $message The message.
 * @return array|null {
 *     Null if it can be acted upon, otherwise the error for the answer.
 *
 *     @type string $code  Code of the error: update, moved, clock, replayed or superseded.
 *     @type string $text  What is wrong.
 *     @type mixed  ...    Further values by name.
 * }
 */
function zoombridge_sync_check_message( array $message ): ?array {
	if ( ZOOMBRIDGE_SYNC_PROTOCOL !== $message['zb'] ) {
		zoombridge_note_other_protocol( $message['zb'] );
		return array(
			'code' => 'update',
			'text' => 'This version of the plugin speaks version 2 of the protocol only.',
		);
	}
	if ( zoombridge_sync_home_hash() !== $message['home'] ) {
		return array(
			'code' => 'moved',
			'text' => 'This site has another address than the one that the bridge knows.',
			'home' => zoombridge_raw_home(),
		);
	}
	if ( abs( $message['t'] - time() ) > 5 * MINUTE_IN_SECONDS ) {
		return array(
			'code' => 'clock',
			'text' => 'The clocks of site and bridge differ by more than five minutes.',
		);
	}
	if ( ! zoombridge_sync_take_nonce( $message['t'], $message['n'] ) ) {
		return array(
			'code' => 'replayed',
			'text' => 'A message with this nonce has come before.',
		);
	}
	$epoch = zoombridge_sync_raise_epoch( $message['epoch'] );
	if ( $epoch > $message['epoch'] ) {
		return array(
			'code'  => 'superseded',
			'text'  => 'Another bridge has taken over this site.',
			'epoch' => $epoch,
		);
	}
	return null;
}
