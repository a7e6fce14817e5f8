<?php
/**
 * What pairing remembers: codes with their requests, those that are used up, and what the next page tells.
 *
 * It is read and written by SQL, like what the sync protocol remembers.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_PAIRING_WAITS = array( 10, MINUTE_IN_SECONDS, 5 * MINUTE_IN_SECONDS, 15 * MINUTE_IN_SECONDS );

/**
 * Reads a row of the table of options that holds JSON.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the option.
 * @return array The value; empty if there is none.
 */
function zoombridge_read_json_row( string $name ): array {
	$value = json_decode( (string) zoombridge_read_option_row( $name ), true );
	return is_array( $value ) ? $value : array();
}

/**
 * Reads the state of pairing.
 *
 * @since 0.2.0
 *
 * @return array {
 *     The state.
 *
 *     @type array[]    $codes Open codes by ID; see zoombridge_new_pairing_entry().
 *     @type string[]   $done  IDs of codes that are not used again on this site.
 *     @type array|null $flash What the next page in wp-admin tells, once; see zoombridge_set_flash().
 * }
 */
function zoombridge_pairing_state(): array {
	return zoombridge_read_json_row( 'zoombridge_pairing' ) + array(
		'codes' => array(),
		'done'  => array(),
		'flash' => null,
	);
}

/**
 * Writes the state of pairing.
 *
 * @since 0.2.0
 *
 * @param array $state The state; see zoombridge_pairing_state().
 * @return void
 */
function zoombridge_save_pairing_state( array $state ): void {
	// ASCII, which every table can hold.
	zoombridge_write_option_row( 'zoombridge_pairing', (string) wp_json_encode( $state ) );
}

/**
 * Stores what the next page in wp-admin tells, once.
 *
 * @since 0.2.0
 *
 * @param string $kind   Which text; see zoombridge_flash_text().
 * @param string $bridge Optional. Address of the bridge. Default empty.
 * @param string $detail Optional. ID of a code, or a message. Default empty.
 * @return void
 */
function zoombridge_set_flash( string $kind, string $bridge = '', string $detail = '' ): void {
	$state          = zoombridge_pairing_state();
	$state['flash'] = compact( 'kind', 'bridge', 'detail' );
	zoombridge_save_pairing_state( $state );
}

/**
 * Creates the entry of a code that has not been tried yet.
 *
 * @since 0.2.0
 *
 * @param string $text The code.
 * @return array {
 *     The entry.
 *
 *     @type string $text     The code.
 *     @type string $private  The plugin's private key in base64url, once a request was made.
 *     @type string $e        The public key of it.
 *     @type string $body     Body of that request: it is repeated unchanged until it is answered.
 *     @type string $home     Hash of the address that it tells.
 *     @type int    $tries    How often it was sent since a person had it sent.
 *     @type int    $next     Unix time in seconds before which it is not sent again by itself.
 *     @type bool   $refused  Whether the bridge refused it: then only a person has it sent again.
 *     @type string $message  What came of it, unescaped.
 *     @type bool   $accepted Whether an administrator has said that it replaces the connection.
 * }
 */
function zoombridge_new_pairing_entry( string $text ): array {
	return array(
		'text'     => $text,
		'private'  => '',
		'e'        => '',
		'body'     => '',
		'home'     => '',
		'tries'    => 0,
		'next'     => 0,
		'refused'  => false,
		'message'  => '',
		'accepted' => false,
	);
}

/**
 * Records an attempt: how often there was one, and when the next is due.
 *
 * @since 0.2.0
 *
 * @param array $entry Something with `tries` and `next`.
 * @return array The same, before the attempt is made: if it is killed, the next one still waits.
 */
function zoombridge_count_attempt( array $entry ): array {
	$wait           = ZOOMBRIDGE_PAIRING_WAITS[ min( $entry['tries'], count( ZOOMBRIDGE_PAIRING_WAITS ) - 1 ) ];
	$entry['next']  = time() + $wait;
	$entry['tries'] = $entry['tries'] + 1;
	return $entry;
}

/**
 * Returns the path of the file in which the bridge puts a code into the plugin's zip.
 *
 * @since 0.2.0
 *
 * @return string The path.
 */
function zoombridge_pairing_file(): string {
	return __DIR__ . '/pairing-code.php';
}

/**
 * Reads the codes that were given to this WordPress in a file or a constant.
 *
 * The file is read as text. Run as PHP it might still be the one before, which PHP keeps compiled.
 *
 * @since 0.2.0
 *
 * @return array[] Codes by ID, the file's first; see zoombridge_parse_pairing_code().
 */
function zoombridge_given_codes(): array {
	$texts = array();
	$file  = zoombridge_pairing_file();
	// phpcs:ignore WordPress.WP.AlternativeFunctions.file_get_contents_file_get_contents -- A file of this site.
	if ( is_readable( $file ) && preg_match( "/return '([^']+)';/", (string) file_get_contents( $file ), $found ) ) {
		$texts[] = $found[1];
	}
	if ( defined( 'ZOOMBRIDGE_PAIRING_CODE' ) && is_string( ZOOMBRIDGE_PAIRING_CODE ) ) {
		$texts[] = ZOOMBRIDGE_PAIRING_CODE;
	}
	$codes = array_filter( array_map( 'zoombridge_parse_pairing_code', $texts ) );
	return array_column( $codes, null, 'id' );
}

/**
 * Returns the open codes: those of file and constant, then those that were pasted, or sent to a bridge before.
 *
 * @since 0.2.0
 *
 * @param array $state The state; see zoombridge_pairing_state().
 * @return array[] Entries by the ID of the code; see zoombridge_new_pairing_entry().
 */
function zoombridge_open_codes( array $state ): array {
	$open  = array();
	$spent = array_merge( $state['done'], (array) get_site_option( 'zoombridge_spent_codes', array() ) );
	foreach ( zoombridge_given_codes() as $id => $code ) {
		if ( ! in_array( (string) $id, $spent, true ) ) {
			$open[ $id ] = $state['codes'][ $id ] ?? zoombridge_new_pairing_entry( $code['text'] );
		}
	}
	return $open + $state['codes'];
}

/**
 * Forgets all requests: the site is paired. Codes in the file and the constant stay, and are asked about.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_forget_requests(): void {
	zoombridge_save_pairing_state( array( 'codes' => array() ) + zoombridge_pairing_state() );
}

/**
 * Has a code not used again on this site.
 *
 * @since 0.2.0
 *
 * @param string $id       ID of the code.
 * @param bool   $is_spent Whether it cannot be used on any other site of the network either.
 * @return void
 */
function zoombridge_close_code( string $id, bool $is_spent ): void {
	$state = zoombridge_pairing_state();
	unset( $state['codes'][ $id ] );
	$state['done'] = array_slice( array_merge( $state['done'], array( $id ) ), -50 );
	zoombridge_save_pairing_state( $state );

	$is_of_file = isset( zoombridge_given_codes()[ $id ] );
	if ( $is_of_file && ( $is_spent || ! is_multisite() ) ) {
		zoombridge_delete_pairing_file( $id );
	}
	if ( $is_spent && is_multisite() ) {
		$spent = (array) get_site_option( 'zoombridge_spent_codes', array() );
		update_site_option( 'zoombridge_spent_codes', array_slice( array_merge( $spent, array( $id ) ), -50 ) );
	}
}

/**
 * Deletes the file with a code, if it holds that one. Where it cannot be deleted, the code is remembered as done.
 *
 * @since 0.2.0
 *
 * @param string $id ID of the code.
 * @return void
 */
function zoombridge_delete_pairing_file( string $id ): void {
	$file = zoombridge_pairing_file();
	// phpcs:ignore WordPress.WP.AlternativeFunctions.file_get_contents_file_get_contents -- A file of this site.
	if ( file_exists( $file ) && false !== strpos( (string) file_get_contents( $file ), '#zb1.' . $id . '.' ) ) {
		wp_delete_file( $file );
	}
}
