<?php
/**
 * Pairs this site with a bridge: calls it with a pairing code, and stores the key that both derive.
 *
 * The protocol is specified in docs/pairing.md.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_PAIRING_REFUSALS = array(
	'zoombridge_bad_request',
	'zoombridge_pairing_signature',
	'zoombridge_pairing_unknown',
	'zoombridge_pairing_expired',
	'zoombridge_pairing_spent',
);

/**
 * Whether the plugin may call the bridge by itself in this request: an administrator opens a page of wp-admin.
 *
 * @since 0.2.0
 *
 * @return bool False for all others, and for requests of scripts.
 */
function zoombridge_may_call_bridge(): bool {
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- It is compared only.
	$is_page = 'GET' === ( $_SERVER['REQUEST_METHOD'] ?? '' ) && ! wp_doing_ajax() && ! wp_doing_cron();
	return $is_page && 'admin-post.php' !== ( $GLOBALS['pagenow'] ?? '' ) && zoombridge_can_manage();
}

/**
 * Tries the first open code that is due.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_pair_when_due(): void {
	if ( ! zoombridge_may_call_bridge() ) {
		return;
	}
	$is_paired = null !== zoombridge_stored_connection();
	foreach ( zoombridge_open_codes( zoombridge_pairing_state() ) as $id => $entry ) {
		$is_wanted = $entry['accepted'] || ! $is_paired;
		if ( $is_wanted && ! $entry['refused'] && $entry['next'] <= time() ) {
			zoombridge_try_code( (string) $id, 5.0 );
			return;
		}
	}
}
add_action( 'admin_init', 'zoombridge_pair_when_due' );

/**
 * Calls the bridge with a code, unless another request is doing so.
 *
 * @since 0.2.0
 *
 * @param string $id      ID of the code.
 * @param float  $timeout Seconds to wait for the answer.
 * @return void
 */
function zoombridge_try_code( string $id, float $timeout ): void {
	if ( ! zoombridge_lock( 'zoombridge_pairing_lock' ) ) {
		return;
	}
	// Read under the lock: the other request may have stored a key pair, or have paired the site.
	$state = zoombridge_pairing_state();
	$entry = zoombridge_open_codes( $state )[ $id ] ?? null;
	$code  = null === $entry ? null : zoombridge_parse_pairing_code( $entry['text'] );
	if ( null !== $code ) {
		$entry                 = zoombridge_count_attempt( zoombridge_prepare_request( $entry, $code ) );
		$state['codes'][ $id ] = $entry;
		zoombridge_save_pairing_state( $state );
		zoombridge_handle_pairing_response( $entry, $code, zoombridge_post_pairing( $entry, $code, $timeout ) );
	}
	zoombridge_unlock( 'zoombridge_pairing_lock' );
}

/**
 * Makes the request of a code, unless there is one already, which the bridge may have answered.
 *
 * @since 0.2.0
 *
 * @param array $entry The code's entry.
 * @param array $code  The code.
 * @return array The entry with key pair and body.
 */
function zoombridge_prepare_request( array $entry, array $code ): array {
	if ( '' !== $entry['body'] ) {
		return $entry;
	}
	$pair = zoombridge_create_key_pair();
	return array(
		'body' => zoombridge_sign_pairing_request( $code, zoombridge_pairing_details( $code['id'], $pair['e'] ) ),
		'home' => zoombridge_sync_home_hash(),
	) + $pair + $entry;
}

/**
 * Returns what the bridge needs to know of this site at every address.
 *
 * @since 0.2.0
 *
 * @return array Values by the names of docs/pairing.md.
 */
function zoombridge_site_details(): array {
	return array(
		'home'      => zoombridge_raw_home(),
		'name'      => mb_substr( zoombridge_site_name(), 0, 200 ),
		'rest'      => rest_url(),
		'endpoints' => zoombridge_endpoints(),
		'page'      => zoombridge_page_url(),
		'place'     => zoombridge_place(),
	);
}

/**
 * Returns what a request for pairing tells.
 *
 * @since 0.2.0
 *
 * @param string $code_id ID of the code.
 * @param string $e       The plugin's public key.
 * @return array Values by the names of docs/pairing.md.
 */
function zoombridge_pairing_details( string $code_id, string $e ): array {
	$former = zoombridge_stored_connection();
	if ( null !== $former ) {
		$former = array(
			'site'   => $former['site'],
			'bridge' => $former['bridge'],
			'proof'  => zoombridge_pairing_signature( $former['key'], array( 'zb2-former', $code_id, $e ) ),
		);
	}
	return array(
		't'          => time(),
		'e'          => $e,
		'stub'       => ZOOMBRIDGE_VERSION,
		'wordpress'  => get_bloginfo( 'version' ),
		'epoch'      => zoombridge_sync_epoch(),
		'vczapi'     => zoombridge_has_vczapi() ? (string) ZVC_PLUGIN_VERSION : null,
		'vczapi_pro' => zoombridge_has_vczapi_pro(),
		'former'     => $former,
	) + zoombridge_site_details();
}

/**
 * Sends a request for pairing.
 *
 * @since 0.2.0
 *
 * @param array $entry   The code's entry, with the body.
 * @param array $code    The code.
 * @param float $timeout Seconds to wait for the answer.
 * @return array|WP_Error Response of wp_remote_post().
 */
function zoombridge_post_pairing( array $entry, array $code, float $timeout ) {
	return wp_remote_post(
		$code['bridge'] . '/stub/pair',
		array(
			'body'                => $entry['body'],
			'headers'             => array(
				'Content-Type' => 'application/json',
				'Expect'       => '',
			),
			'user-agent'          => zoombridge_user_agent(),
			'timeout'             => $timeout,
			'redirection'         => 0,
			'limit_response_size' => 64 * KB_IN_BYTES,
		)
	);
}

/**
 * Pairs the site with the answer of the bridge, or records what came instead.
 *
 * @since 0.2.0
 *
 * @param array          $entry    The code's entry.
 * @param array          $code     The code.
 * @param array|WP_Error $response Response of wp_remote_post().
 * @return void
 */
function zoombridge_handle_pairing_response( array $entry, array $code, $response ): void {
	// An administrator may have removed or accepted the code meanwhile: the lock holds up other calls only.
	$current = zoombridge_open_codes( zoombridge_pairing_state() )[ $code['id'] ] ?? null;
	if ( null === $current ) {
		return;
	}
	$status = is_wp_error( $response ) ? 0 : (int) wp_remote_retrieve_response_code( $response );
	if ( 200 === $status ) {
		$body   = wp_remote_retrieve_body( $response );
		$answer = zoombridge_read_pairing_answer( $code, $entry['body'], $body );
		if ( null !== $answer && zoombridge_connect( $entry, $code, $answer ) ) {
			return;
		}
	}
	$state                         = zoombridge_pairing_state();
	$accepted                      = array( 'accepted' => $current['accepted'] );
	$state['codes'][ $code['id'] ] = zoombridge_pairing_failure( $code, $response ) + $accepted + $entry;
	zoombridge_save_pairing_state( $state );
}

/**
 * Describes a response that did not pair the site. It is not signed, so nothing follows from it.
 *
 * @since 0.2.0
 *
 * @param array          $code     The code.
 * @param array|WP_Error $response Response of wp_remote_post().
 * @return array What to record: `refused`, and the `message`, unescaped.
 */
function zoombridge_pairing_failure( array $code, $response ): array {
	$refused = false;
	if ( is_wp_error( $response ) ) {
		/* translators: 1: address of the bridge, 2: error message of the HTTP client. */
		$message = __( 'The bridge at %1$s could not be reached: %2$s', 'meetings-bridge-for-zoom' );
		$message = sprintf( $message, $code['bridge'], $response->get_error_message() );
		return compact( 'refused', 'message' );
	}
	$status  = (int) wp_remote_retrieve_response_code( $response );
	$error   = zoombridge_decode_json( wp_remote_retrieve_body( $response ) );
	$message = is_string( $error['message'] ?? null ) ? mb_substr( $error['message'], 0, 500 ) : '';
	if ( 200 !== $status && '' !== $message ) {
		$refused = in_array( $error['code'] ?? '', ZOOMBRIDGE_PAIRING_REFUSALS, true );
		return compact( 'refused', 'message' );
	}
	/* translators: 1: address of the bridge, 2: an HTTP status. */
	$message = __( '%1$s answered with status %2$d, but not as the bridge does.', 'meetings-bridge-for-zoom' );
	$advice  = __(
		'Check that the address is right and that no proxy changes the answer.',
		'meetings-bridge-for-zoom'
	);
	$message = sprintf( $message, $code['bridge'], $status ) . ' ' . $advice;
	return compact( 'refused', 'message' );
}

/**
 * Stores the connection that a verified answer has made.
 *
 * @since 0.2.0
 *
 * @param array $entry  The code's entry.
 * @param array $code   The code.
 * @param array $answer The answer; see zoombridge_read_pairing_answer().
 * @return bool False if no key can be derived, or the database does not hold it. The request is repeated then.
 */
function zoombridge_connect( array $entry, array $code, array $answer ): bool {
	$key = zoombridge_derive_pairing_key( $code, $entry['private'], $entry['e'], $answer['e'] );
	if ( null === $key ) {
		return false;
	}
	$former = zoombridge_stored_connection();
	update_option(
		'zoombridge_connection',
		array(
			'bridge' => $code['bridge'],
			'site'   => $answer['site'],
			'key'    => $key,
			'home'   => $entry['home'],
			'since'  => time(),
		),
		false
	);
	if ( false === strpos( (string) zoombridge_read_option_row( 'zoombridge_connection' ), $key ) ) {
		return false;
	}
	if ( null !== $former && $former['site'] !== $answer['site'] ) {
		zoombridge_sync_forget();
	}
	zoombridge_delete_option_row( 'zoombridge_moving' );
	zoombridge_forget_requests();
	zoombridge_close_code( $code['id'], $answer['uses_left'] < 1 );
	zoombridge_set_flash( 'connected', $code['bridge'], $code['id'] );
	return true;
}
