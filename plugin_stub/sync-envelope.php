<?php
/**
 * Envelopes of the sync protocol: keys, signatures, packing.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_SYNC_LONGEST_MESSAGE = 2097152;
// A hundred operations have some 10,000. Each takes up to 400 bytes of memory, whatever its length.
const ZOOMBRIDGE_SYNC_MOST_VALUES = 40000;

/**
 * Derives one of the keys of the sync protocol from the pairing key.
 *
 * @since 0.2.0
 *
 * @param string $pairing_key The pairing key: its 64 characters as they are written, not decoded.
 * @param string $purpose     `bridge>site` for requests, `answers` for answers.
 * @return string The key, 32 bytes.
 */
function zoombridge_sync_key( string $pairing_key, string $purpose ): string {
	return hash_hkdf( 'sha256', $pairing_key, 32, 'zoombridge ' . $purpose );
}

/**
 * Encodes data in base64url, without padding.
 *
 * @since 0.2.0
 *
 * @param string $data The data.
 * @return string The text.
 */
function zoombridge_encode_base64url( string $data ): string {
	// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_encode -- Binary data in JSON.
	return rtrim( strtr( base64_encode( $data ), '+/', '-_' ), '=' );
}

/**
 * Decodes base64url without padding.
 *
 * @since 0.2.0
 *
 * @param string $text The text.
 * @return string|false The data, or false if the text is none in base64url.
 */
function zoombridge_decode_base64url( string $text ) {
	// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_decode -- Binary data in JSON.
	return base64_decode( strtr( $text, '-_', '+/' ), true );
}

/**
 * Parses the envelope of a request, without believing it.
 *
 * @since 0.2.0
 *
 * @param string $body Body of the HTTP request.
 * @return array|null The fields of the envelope by name, each of its form; null if they are not exactly these.
 */
function zoombridge_sync_parse_envelope( string $body ): ?array {
	$fields = json_decode( $body, true, 2 );
	$forms  = array(
		'site' => '/^[A-Za-z0-9_.-]{1,64}$/D',
		'home' => '/^[0-9a-f]{64}$/D',
		'n'    => '/^[0-9a-f]{32}$/D',
		'enc'  => '/^(gz|raw)$/D',
		'd'    => '/^[A-Za-z0-9_-]*$/D',
		'sig'  => '/^[0-9a-f]{64}$/D',
	);
	$bounds = array(
		'zb'    => array( 2, 999 ),
		't'     => array( 0, 9999999999 ),
		'epoch' => array( 0, 999999999 ),
	);
	if ( ! is_array( $fields ) || count( $fields ) !== count( $forms + $bounds ) ) {
		return null;
	}
	foreach ( $forms as $name => $form ) {
		if ( ! is_string( $fields[ $name ] ?? null ) || ! preg_match( $form, $fields[ $name ] ) ) {
			return null;
		}
	}
	foreach ( $bounds as $name => list( $least, $most ) ) {
		$value = $fields[ $name ] ?? null;
		if ( ! is_int( $value ) || $value < $least || $value > $most ) {
			return null;
		}
	}
	return $fields;
}

/**
 * Whether the bridge signed an envelope.
 *
 * @since 0.2.0
 *
 * @param array  $envelope    The envelope; see zoombridge_sync_parse_envelope().
 * @param string $pairing_key The pairing key.
 * @return bool True if it did.
 */
function zoombridge_sync_is_signed( array $envelope, string $pairing_key ): bool {
	$lines = array(
		'zb' . $envelope['zb'] . '-door',
		$envelope['site'],
		$envelope['home'],
		$envelope['t'],
		$envelope['n'],
		$envelope['epoch'],
		$envelope['enc'],
		hash( 'sha256', $envelope['d'] ),
	);
	$key   = zoombridge_sync_key( $pairing_key, 'bridge>site' );
	return hash_equals( hash_hmac( 'sha256', implode( "\n", $lines ), $key ), $envelope['sig'] );
}

/**
 * Unpacks what an envelope carries.
 *
 * @since 0.2.0
 *
 * @param array $envelope The envelope, verified.
 * @return array|null The JSON object, as an array; null if it is none, or too large.
 */
function zoombridge_sync_unpack( array $envelope ): ?array {
	$data = zoombridge_decode_base64url( $envelope['d'] );
	if ( 'gz' === $envelope['enc'] && is_string( $data ) ) {
		$data = zoombridge_sync_gunzip( $data );
	}
	$is_bounded = is_string( $data ) && zoombridge_sync_has_few_values( $data );
	$message    = $is_bounded ? json_decode( $data, true, 64 ) : null;
	return is_array( $message ) ? $message : null;
}

/**
 * Whether JSON has no more values than a message of the bridge: decoded, millions of them would take all memory.
 *
 * @since 0.2.0
 *
 * @param string $json The text.
 * @return bool True if it has at most so many.
 */
function zoombridge_sync_has_few_values( string $json ): bool {
	$length = strlen( $json );
	$values = 0;
	$at     = 0;
	while ( $values <= ZOOMBRIDGE_SYNC_MOST_VALUES ) {
		$at += strcspn( $json, '",[{', $at );
		if ( $at >= $length ) {
			return true;
		}
		if ( '"' !== $json[ $at ] ) {
			++$values;
			++$at;
			continue;
		}
		do { // To the end of the string.
			$at       += 1 + strcspn( $json, '"\\', $at + 1 );
			$is_escape = $at < $length && '\\' === $json[ $at ];
			$at       += $is_escape ? 1 : 0;
		} while ( $is_escape && $at < $length );
		++$at;
	}
	return false;
}

/**
 * Decompresses gzip, in bounded memory.
 *
 * @since 0.2.0
 *
 * @param string $data The compressed data.
 * @return string|null The data, or null if it is damaged, incomplete, followed by more, or too large.
 */
function zoombridge_sync_gunzip( string $data ): ?string {
	$inflater = inflate_init( ZLIB_ENCODING_GZIP );
	$result   = '';
	// PHP warns of damaged data. The bridge is told by the answer.
	set_error_handler( '__return_true' );
	try {
		foreach ( str_split( $data, 512 ) as $part ) {
			$unpacked = ZLIB_STREAM_END === inflate_get_status( $inflater ) ? false : inflate_add( $inflater, $part );
			if ( false === $unpacked || strlen( $result ) + strlen( $unpacked ) > ZOOMBRIDGE_SYNC_LONGEST_MESSAGE ) {
				return null;
			}
			$result .= $unpacked;
		}
	} finally {
		restore_error_handler();
	}
	$is_whole = ZLIB_STREAM_END === inflate_get_status( $inflater );
	return $is_whole && inflate_get_read_len( $inflater ) === strlen( $data ) ? $result : null;
}

/**
 * Packs and signs an answer.
 *
 * @since 0.2.0
 *
 * @param string $nonce       Nonce of the request.
 * @param array  $answer      The answer.
 * @param string $pairing_key The pairing key.
 * @param int    $time        Unix time in seconds.
 * @return string The line with which the response ends, with the line feeds around it.
 */
function zoombridge_sync_sign_answer( string $nonce, array $answer, string $pairing_key, int $time ): string {
	// phpcs:ignore WordPress.WP.AlternativeFunctions.json_encode_json_encode -- The bytes are signed or compared.
	$json  = (string) json_encode(
		$answer,
		JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PRESERVE_ZERO_FRACTION
	);
	$data  = zoombridge_encode_base64url( $json );
	$key   = zoombridge_sync_key( $pairing_key, 'answers' );
	$lines = array( 'zb2-answer', $nonce, $time, hash( 'sha256', $data ) );
	$line  = array(
		'n'    => $nonce,
		't'    => $time,
		'stub' => ZOOMBRIDGE_VERSION,
		'd'    => $data,
		'sig'  => hash_hmac( 'sha256', implode( "\n", $lines ), $key ),
	);
	// phpcs:ignore WordPress.WP.AlternativeFunctions.json_encode_json_encode -- The bytes are signed or compared.
	return "\n#zb2:" . json_encode( $line ) . "\n";
}
