<?php
/**
 * Runs the plugin's readers of what a bridge sends on inputs of the fuzzer.
 *
 * The first argument is the folder of a WordPress, which is not installed. From standard input come inputs, each
 * after its length (four bytes, the highest first); for each, a line is written: JSON, `true`, or what is wrong. The
 * first line of an input says what the rest is. The second argument: the seconds that each may take of PHP's time.
 *
 * @package Zoom_WordPress_Bridge
 */

// phpcs:disable WordPress.PHP.DevelopmentFunctions.error_log_set_error_handler
define( 'ABSPATH', rtrim( $argv[1], '/' ) . '/' );
define( 'WPINC', 'wp-includes' );
define( 'WP_HOME', 'https://example.org' );
define( 'MB_IN_BYTES', 1048576 );
define( 'KB_IN_BYTES', 1024 );
define( 'MINUTE_IN_SECONDS', 60 );
const ZOOMBRIDGE_VERSION  = '0.2.0';
const ZOOMBRIDGE_FUZZ_KEY = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';

$zoombridge_files = array( 'compat', 'load', 'plugin', 'cache', 'functions', 'formatting' );
array_push( $zoombridge_files, 'class-wp-error', 'rest-api', 'class-wp-http-response' );
array_push( $zoombridge_files, 'rest-api/class-wp-rest-response', 'compat-utf8', 'utf8' );
foreach ( $zoombridge_files as $zoombridge_file ) {
	if ( is_file( ABSPATH . WPINC . "/$zoombridge_file.php" ) ) {
		require_once ABSPATH . WPINC . "/$zoombridge_file.php";
	}
}
wp_cache_init();
/**
 * Stands in for WordPress's function: texts stay as they are.
 *
 * @param string $text The text.
 * @return string The text.
 */
function __( string $text ): string {
	return $text;
}

/**
 * Stands in for WordPress's function, which makes the request: the answer is the input's.
 *
 * @param string $url  The address.
 * @param array  $args The request.
 * @return array The response.
 */
function wp_remote_request( string $url, array $args ): array {
	$answer = $GLOBALS['zoombridge_answer'];
	if ( '@' === $answer['signature'] ) {
		$lines = array( 'v1-answer', $args['headers']['X-Zoombridge-Signature'], (string) $answer['status'] );
		array_push( $lines, $answer['location'], hash( 'sha256', $answer['body'] ) );
		$answer['signature'] = zoombridge_sign( ZOOMBRIDGE_FUZZ_KEY, $lines );
	}
	return array( 'answer' => $answer );
}

/**
 * Stands in for WordPress's function.
 *
 * @param array $response Response of wp_remote_request().
 * @return int HTTP status.
 */
function wp_remote_retrieve_response_code( array $response ): int {
	return $response['answer']['status'];
}

/**
 * Stands in for WordPress's function.
 *
 * @param array $response Response of wp_remote_request().
 * @return string The body.
 */
function wp_remote_retrieve_body( array $response ): string {
	return $response['answer']['body'];
}

/**
 * Stands in for WordPress's function.
 *
 * @param array  $response Response of wp_remote_request().
 * @param string $name     Name of a header.
 * @return string|string[] The value; a list if the header is repeated.
 */
function wp_remote_retrieve_header( array $response, string $name ) {
	$headers = array(
		'location'            => $response['answer']['location'],
		'retry-after'         => $response['answer']['retry_after'],
		'x-zoombridge-answer' => $response['answer']['signature'],
	);
	return $headers[ $name ] ?? '';
}

$zoombridge_files = array( 'home', 'bridge-client', 'connection', 'forward', 'calendar', 'metas', 'post-type' );
array_push( $zoombridge_files, 'class-zoombridge-sync-fault', 'sync-envelope', 'sync-operations', 'sync' );
array_push( $zoombridge_files, 'rotation', 'new-address', 'versions', 'pairing-envelope', 'pairing' );
foreach ( $zoombridge_files as $zoombridge_file ) {
	require_once dirname( __DIR__, 2 ) . "/plugin_stub/$zoombridge_file.php";
}

// There is no database to read options from.
$zoombridge_connection = array(
	'bridge' => 'https://bridge.example.org',
	'site'   => 's1',
	'key'    => ZOOMBRIDGE_FUZZ_KEY,
	'home'   => hash( 'sha256', WP_HOME ),
);
$zoombridge_options    = array(
	'blog_charset'          => 'UTF-8',
	'home'                  => WP_HOME,
	'zoombridge_connection' => $zoombridge_connection,
);
wp_cache_set( 'alloptions', $zoombridge_options, 'options' );

set_error_handler(
	static function ( int $level, string $message, string $file, int $line ): bool {
		// phpcs:ignore WordPress.Security.EscapeOutput.ExceptionNotEscaped -- It is shown in a terminal.
		throw new ErrorException( $message, 0, $level, $file, $line );
	}
);

/**
 * Fails unless something holds.
 *
 * @throws LogicException If it does not.
 *
 * @param bool   $holds Whether it does.
 * @param string $what  What should.
 * @return void
 */
function zoombridge_fuzz_expect( bool $holds, string $what ): void {
	if ( ! $holds ) {
		throw new LogicException( $what ); // phpcs:ignore WordPress.Security.EscapeOutput.ExceptionNotEscaped
	}
}

/**
 * Returns the pairing code of all inputs.
 *
 * @return array The code; see zoombridge_parse_pairing_code().
 */
function zoombridge_fuzz_code(): array {
	return zoombridge_parse_pairing_code( 'https://bridge.example.org#zb1.0123456789abcdef.' . str_repeat( '0', 32 ) );
}

/**
 * Reads an answer of HTTP. Its lines: status, Retry-After, Location, signature (`@`: the right one); then the body.
 *
 * @param string $rest The input.
 * @return void
 */
function zoombridge_fuzz_answer( string $rest ): void {
	list( $status, $retry_after, $location, $signature, $body ) = explode( "\n", $rest, 5 ) + array_fill( 0, 5, '' );
	$status                       = (int) $status;
	$GLOBALS['zoombridge_answer'] = compact( 'status', 'retry_after', 'location', 'signature', 'body' );

	$called = zoombridge_call_bridge();
	zoombridge_fuzz_expect( is_string( $called['message'] ), 'A message is text.' );
	$forwarded = zoombridge_forward( 'meeting' );
	$status    = $forwarded->get_status();
	zoombridge_fuzz_expect( $status >= 200 && $status < 600, 'Zoom gets a status.' );
	zoombridge_fuzz_expect( is_string( (string) wp_json_encode( $forwarded->get_data() ) ), 'Zoom gets JSON.' );
	foreach ( $forwarded->get_headers() as $name => $value ) {
		zoombridge_fuzz_expect( 1 === preg_match( '/^[ -~]*$/D', "$name: $value" ), 'A header is one line.' );
	}
	$retry_after = (string) ( $forwarded->get_headers()['Retry-After'] ?? '0' );
	zoombridge_fuzz_expect( 1 === preg_match( '/^\d{1,4}$/D', $retry_after ), 'Retry-After is a bounded number.' );
	if ( '@' !== $signature ) {
		zoombridge_fuzz_expect( 503 === $status, 'Only a signed answer counts.' );
	}
	$response = array( 'answer' => $GLOBALS['zoombridge_answer'] );
	$failure  = zoombridge_pairing_failure( zoombridge_fuzz_code(), $response );
	zoombridge_fuzz_expect( is_bool( $failure['refused'] ), 'A code is refused, or not.' );
	zoombridge_fuzz_expect( mb_strlen( $failure['message'] ) <= 600, 'A message is short.' );
}

/**
 * Filters a calendar: what is left is of public posts.
 *
 * @param string $rest The input.
 * @return void
 */
function zoombridge_fuzz_calendar( string $rest ): void {
	$is_public = static function ( int $post_id ): bool {
		return 0 === $post_id % 2;
	};
	$hides     = static function ( int $post_id ): bool {
		return 0 === $post_id % 4;
	};
	$filtered  = zoombridge_filter_calendar( $rest, $is_public, $hides );
	zoombridge_fuzz_expect( strlen( $filtered ) <= strlen( $rest ) + 20, 'A filter adds nothing.' );
	if ( strlen( $rest ) < 65536 ) {
		$again = zoombridge_filter_calendar( $filtered, $is_public, $hides );
		zoombridge_fuzz_expect( $again === $filtered, 'A calendar that was filtered has nothing to be removed.' );
		$is_hidden = ! preg_match( '/^X-ZOOMBRIDGE-POST:\d*[13579]\r?$/mi', $filtered );
		zoombridge_fuzz_expect( $is_hidden, 'Hidden posts stay hidden.' );
	}
}

/**
 * Reads the answer to a request for pairing.
 *
 * @param string $rest      The input: the body, or the details to be signed.
 * @param bool   $is_signed Whether it is to be signed.
 * @return void
 */
function zoombridge_fuzz_pairing( string $rest, bool $is_signed ): void {
	$code    = zoombridge_fuzz_code();
	$pair    = zoombridge_create_key_pair();
	$request = zoombridge_sign_pairing_request( $code, array( 'e' => $pair['e'] ) );
	if ( $is_signed ) {
		$data  = zoombridge_encode_base64url( $rest );
		$key   = hash_hkdf( 'sha256', $code['secret'], 32, 'zoombridge pair-answer' );
		$sent  = json_decode( $request, true )['sig'];
		$lines = array( 'zb2-pair-answer', $code['id'], $sent, hash( 'sha256', $data ) );
		$rest  = (string) json_encode(
			array(
				'd'   => $data,
				'sig' => zoombridge_pairing_signature( $key, $lines ),
			)
		);
	}
	$answer = zoombridge_read_pairing_answer( $code, $request, $rest );
	zoombridge_fuzz_expect( $is_signed || null === $answer, 'Only a signed answer counts.' );
	if ( null !== $answer ) {
		$is_whole = is_string( $answer['site'] ) && is_int( $answer['uses_left'] );
		zoombridge_fuzz_expect( $is_whole, 'An answer is complete.' );
		$key = zoombridge_derive_pairing_key( $code, $pair['private'], $pair['e'], $answer['e'] );
		zoombridge_fuzz_expect( null === $key || 64 === strlen( $key ), 'A key is a key.' );
		$key = zoombridge_derive_next_key( ZOOMBRIDGE_FUZZ_KEY, $pair['private'], $pair['e'], $answer['e'] );
		zoombridge_fuzz_expect( null === $key || 64 === strlen( $key ), 'The next key is a key.' );
	}
}

/**
 * Opens an envelope of the sync protocol.
 *
 * @param string $rest The input.
 * @return void
 */
function zoombridge_fuzz_envelope( string $rest ): void {
	$envelope = zoombridge_sync_parse_envelope( $rest );
	if ( null !== $envelope ) {
		$connection = get_option( 'zoombridge_connection' );
		zoombridge_fuzz_expect( null === zoombridge_signing_key( $envelope, $connection ), 'It was not signed.' );
		zoombridge_sync_unpack( $envelope );
	}
}

/**
 * Unpacks a message of the sync protocol, and validates its operations.
 *
 * @param string $rest   The input.
 * @param string $packed How it is packed: `raw`; `gz`, what is to be compressed; `gzipped`, what is to be decompressed.
 * @return void
 */
function zoombridge_fuzz_message( string $rest, string $packed ): void {
	$data    = 'gz' === $packed ? (string) gzencode( $rest, 1 ) : $rest;
	$message = zoombridge_sync_unpack(
		array(
			'enc' => 'raw' === $packed ? 'raw' : 'gz',
			'd'   => zoombridge_encode_base64url( $data ),
		)
	);
	if ( null === $message || null !== zoombridge_sync_validate_message( $message ) ) {
		return;
	}
	foreach ( $message['operations'] as $operation ) {
		try {
			zoombridge_sync_validate_operation( $operation );
		} catch ( Zoombridge_Sync_Fault $fault ) {
			continue;
		}
	}
}

/**
 * Runs one input.
 *
 * @param string $input The input.
 * @return void
 */
function zoombridge_fuzz( string $input ): void {
	list( $kind, $rest ) = explode( "\n", $input, 2 ) + array( '', '' );
	switch ( $kind ) {
		case 'calendar':
			zoombridge_fuzz_calendar( $rest );
			break;
		case 'pairing':
		case 'paired':
			zoombridge_fuzz_pairing( $rest, 'paired' === $kind );
			break;
		case 'envelope':
			zoombridge_fuzz_envelope( $rest );
			break;
		case 'raw':
		case 'gz':
		case 'gzipped':
			zoombridge_fuzz_message( $rest, $kind );
			break;
		default:
			zoombridge_fuzz_answer( $rest );
	}
}

while ( true ) {
	$zoombridge_length = fread( STDIN, 4 );
	if ( 4 !== strlen( (string) $zoombridge_length ) ) {
		exit;
	}
	$zoombridge_length = unpack( 'N', $zoombridge_length )[1];
	$zoombridge_input  = $zoombridge_length > 0 ? stream_get_contents( STDIN, $zoombridge_length ) : '';
	$zoombridge_wrong  = true;
	set_time_limit( (int) $argv[2] );
	try {
		zoombridge_fuzz( $zoombridge_input );
	} catch ( Throwable $error ) {
		$zoombridge_place = basename( $error->getFile() ) . ':' . $error->getLine();
		$zoombridge_wrong = get_class( $error ) . ": {$error->getMessage()} in $zoombridge_place";
	}
	unset( $zoombridge_input, $error );
	echo json_encode( $zoombridge_wrong, JSON_INVALID_UTF8_SUBSTITUTE ), "\n";
}
