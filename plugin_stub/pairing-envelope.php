<?php
/**
 * Cryptography of pairing: codes, signatures, key agreement. Reads and writes nothing.
 *
 * The protocol is specified in docs/pairing.md. WordPress brings libsodium's functions where PHP lacks them.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Parses a pairing code.
 *
 * @since 0.2.0
 *
 * @param string $text The text, as it was pasted or stored; white space in it is ignored.
 * @return array|null {
 *     The code, or null if the text is none.
 *
 *     @type string $text   The whole text.
 *     @type string $bridge Address of the bridge, without a trailing slash.
 *     @type string $id     ID of the code.
 *     @type string $secret Its secret.
 * }
 */
function zoombridge_parse_pairing_code( string $text ): ?array {
	$text = (string) preg_replace( '/\s+/', '', $text );
	$form = '~^(https?://[^/?\x23@]+(?:/[^?\x23]*[^?\x23/])?)\x23zb1\.([0-9a-f]{16})\.([0-9a-f]{32})$~D';
	if ( ! preg_match( $form, $text, $parts ) ) {
		return null;
	}
	return array(
		'text'   => $text,
		'bridge' => $parts[1],
		'id'     => $parts[2],
		'secret' => $parts[3],
	);
}

/**
 * Creates a key pair for one agreement (X25519).
 *
 * @since 0.2.0
 *
 * @return array The private key as `private` and the public one as `e`, both in base64url.
 */
function zoombridge_create_key_pair(): array {
	$private = random_bytes( SODIUM_CRYPTO_SCALARMULT_SCALARBYTES );
	return array(
		'private' => zoombridge_encode_base64url( $private ),
		'e'       => zoombridge_encode_base64url( sodium_crypto_scalarmult_base( $private ) ),
	);
}

/**
 * Agrees on a secret with the owner of a public key (X25519).
 *
 * @since 0.2.0
 *
 * @param string $own_private  The private key, in base64url.
 * @param string $their_public The other side's public key, in base64url.
 * @return string|null The shared secret, 32 bytes; null for a public key that gives the same secret to everybody.
 */
function zoombridge_shared_secret( string $own_private, string $their_public ): ?string {
	$private = (string) zoombridge_decode_base64url( $own_private );
	$public  = (string) zoombridge_decode_base64url( $their_public );
	try {
		$shared = sodium_crypto_scalarmult( $private, $public );
	} catch ( Exception $error ) { // Of a key of another length, and, from libsodium, of such a public key.
		return null;
	}
	return hash_equals( str_repeat( "\0", 32 ), $shared ) ? null : $shared;
}

/**
 * Builds and signs a request for pairing.
 *
 * @since 0.2.0
 *
 * @param array $code    The code; see zoombridge_parse_pairing_code().
 * @param array $details What the request tells.
 * @return string Body of the request.
 */
function zoombridge_sign_pairing_request( array $code, array $details ): string {
	$json = (string) wp_json_encode( $details, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE );
	$data = zoombridge_encode_base64url( $json );
	$key  = hash_hkdf( 'sha256', $code['secret'], 32, 'zoombridge pair-request' );
	return (string) wp_json_encode(
		array(
			'zb'   => 2,
			'code' => $code['id'],
			'd'    => $data,
			'sig'  => zoombridge_pairing_signature( $key, array( 'zb2-pair', $code['id'], hash( 'sha256', $data ) ) ),
		)
	);
}

/**
 * Signs lines of text.
 *
 * @since 0.2.0
 *
 * @param string   $key   The key.
 * @param string[] $lines The lines.
 * @return string The signature, 64 lowercase hexadecimal characters.
 */
function zoombridge_pairing_signature( string $key, array $lines ): string {
	return hash_hmac( 'sha256', implode( "\n", $lines ), $key );
}

/**
 * Reads the bridge's answer to a request for pairing. Its signature is verified before anything that it says is read.
 *
 * @since 0.2.0
 *
 * @param array  $code    The code.
 * @param string $request Body of the request, as it was sent.
 * @param string $answer  Body of the response.
 * @return array|null {
 *     The answer, or null if it is not the bridge's answer to this request.
 *
 *     @type string $site      The bridge's name for this site.
 *     @type string $e         The bridge's public key, in base64url.
 *     @type int    $uses_left How often the code can still be used.
 * }
 */
function zoombridge_read_pairing_answer( array $code, string $request, string $answer ): ?array {
	$envelope  = zoombridge_decode_json( $answer );
	$data      = $envelope['d'] ?? null;
	$signature = $envelope['sig'] ?? null;
	if ( ! is_string( $data ) || ! is_string( $signature ) ) {
		return null;
	}
	$sent     = json_decode( $request, true )['sig'];
	$key      = hash_hkdf( 'sha256', $code['secret'], 32, 'zoombridge pair-answer' );
	$lines    = array( 'zb2-pair-answer', $code['id'], $sent, hash( 'sha256', $data ) );
	$expected = zoombridge_pairing_signature( $key, $lines );
	if ( ! hash_equals( $expected, $signature ) ) {
		return null;
	}
	$details = zoombridge_decode_json( (string) zoombridge_decode_base64url( $data ) );
	return zoombridge_is_pairing_answer( $details ) ? $details : null;
}

/**
 * Whether a value has the form of what the bridge answers.
 *
 * @since 0.2.0
 *
 * @param mixed $details The value.
 * @return bool True if it does.
 */
function zoombridge_is_pairing_answer( $details ): bool {
	$site = $details['site'] ?? null;
	$e    = $details['e'] ?? null;
	return is_string( $site ) && preg_match( '/^[A-Za-z0-9_.-]{1,64}$/D', $site )
		&& is_string( $e ) && preg_match( '/^[A-Za-z0-9_-]{43}$/D', $e )
		&& is_int( $details['uses_left'] ?? null );
}

/**
 * Derives the key of a pairing.
 *
 * @since 0.2.0
 *
 * @param array  $code     The code.
 * @param string $private  The plugin's private key, in base64url.
 * @param string $own_e    The plugin's public key, in base64url.
 * @param string $bridge_e The bridge's public key, in base64url.
 * @return string|null The key, 64 hexadecimal characters; null if no secret can be shared with that public key.
 */
function zoombridge_derive_pairing_key( array $code, string $private, string $own_e, string $bridge_e ): ?string {
	$shared = zoombridge_shared_secret( $private, $bridge_e );
	if ( null === $shared ) {
		return null;
	}
	$info = implode( "\n", array( 'zoombridge pairing', $code['id'], $own_e, $bridge_e ) );
	return bin2hex( hash_hkdf( 'sha256', $shared . $code['secret'], 32, $info ) );
}

/**
 * Derives the key that follows another one.
 *
 * @since 0.2.0
 *
 * @param string $key      The present key, 64 hexadecimal characters.
 * @param string $private  The plugin's private key, in base64url.
 * @param string $own_e    The plugin's public key, in base64url.
 * @param string $bridge_e The bridge's public key, in base64url.
 * @return string|null The next key, or null if no secret can be shared with that public key.
 */
function zoombridge_derive_next_key( string $key, string $private, string $own_e, string $bridge_e ): ?string {
	$shared = zoombridge_shared_secret( $private, $bridge_e );
	if ( null === $shared ) {
		return null;
	}
	$info = implode( "\n", array( 'zoombridge rotation', $bridge_e, $own_e ) );
	return bin2hex( hash_hkdf( 'sha256', $shared . $key, 32, $info ) );
}
