<?php
/**
 * What the buttons and forms of pairing do.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Handles a form of the plugin: checks who sent it, acts, and returns to the page from which it came.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_handle_action(): void {
	$nonce = zoombridge_posted( '_zoombridge_nonce' );
	if ( ! zoombridge_can_manage() || ! wp_verify_nonce( $nonce, 'zoombridge-action' ) ) {
		wp_die(
			esc_html__(
				'This form has expired or was sent from elsewhere. Nothing was changed. Please try again.',
				'meetings-bridge-for-zoom'
			),
			'',
			array(
				'response'  => 403,
				'back_link' => true,
			)
		);
	}
	zoombridge_act( zoombridge_posted( 'zoombridge_do' ), zoombridge_posted( 'zoombridge_code_id' ) );
	$referer = wp_get_referer();
	wp_safe_redirect( $referer ? $referer : zoombridge_page_url() );
	exit;
}
add_action( 'admin_post_zoombridge', 'zoombridge_handle_action' );

/**
 * Returns a field of the form.
 *
 * @since 0.2.0
 *
 * @param string $name Name of the field.
 * @return string Its value; empty if it is missing, or a list.
 */
function zoombridge_posted( string $name ): string {
	// phpcs:ignore WordPress.Security -- The caller verifies the nonce; it is sanitized below.
	$value = $_POST[ $name ] ?? '';
	return is_string( $value ) ? sanitize_text_field( wp_unslash( $value ) ) : '';
}

/**
 * Does what a button says.
 *
 * @since 0.2.0
 *
 * @param string $does    Value of the button.
 * @param string $code_id ID of the code that it is about, or empty.
 * @return void
 */
function zoombridge_act( string $does, string $code_id ): void {
	switch ( $does ) {
		case 'paste':
			zoombridge_paste_code( zoombridge_posted( 'zoombridge_pairing_code' ) );
			break;
		case 'accept':
		case 'again':
			zoombridge_try_code_again( $code_id, 'accept' === $does );
			break;
		case 'remove':
			zoombridge_remove_code( $code_id );
			break;
		case 'moved':
			zoombridge_confirm_move();
			break;
		case 'copy':
			zoombridge_become_copy();
			break;
		case 'install_loader':
		case 'remove_loader':
			zoombridge_change_loader( 'install_loader' === $does );
			break;
		default:
			zoombridge_act_on_connection( $does, $code_id );
	}
}

/**
 * Does what a button about the connection says.
 *
 * @since 0.2.0
 *
 * @param string $does  Value of the button.
 * @param string $about What it is about: an offered address of the bridge, or empty.
 * @return void
 */
function zoombridge_act_on_connection( string $does, string $about ): void {
	switch ( $does ) {
		case 'renew':
			zoombridge_renew_key();
			break;
		case 'use_address':
		case 'keep_address':
			zoombridge_decide_offered_address( $about, 'use_address' === $does );
			break;
	}
}

/**
 * Takes a pasted code, and tries it at once unless the site has a connection: then it is asked about.
 *
 * @since 0.2.0
 *
 * @param string $text What was pasted.
 * @return void
 */
function zoombridge_paste_code( string $text ): void {
	$code = zoombridge_parse_pairing_code( $text );
	if ( null === $code ) {
		zoombridge_set_flash( 'no_code' );
		return;
	}
	$state                         = zoombridge_pairing_state();
	$state['done']                 = array_values( array_diff( $state['done'], array( $code['id'] ) ) );
	$state['codes'][ $code['id'] ] = $state['codes'][ $code['id'] ] ?? zoombridge_new_pairing_entry( $code['text'] );
	zoombridge_save_pairing_state( $state );
	if ( null === zoombridge_stored_connection() ) {
		zoombridge_try_code( $code['id'], 10.0 );
	}
}

/**
 * Removes a code that an administrator does not want.
 *
 * @since 0.2.0
 *
 * @param string $id ID of the code.
 * @return void
 */
function zoombridge_remove_code( string $id ): void {
	if ( isset( zoombridge_open_codes( zoombridge_pairing_state() )[ $id ] ) ) {
		zoombridge_close_code( $id, false );
	}
}

/**
 * Tries a code at once, because a person wants it.
 *
 * @since 0.2.0
 *
 * @param string $id          ID of the code.
 * @param bool   $is_accepted Whether the person has said that it replaces the connection.
 * @return void
 */
function zoombridge_try_code_again( string $id, bool $is_accepted ): void {
	$state = zoombridge_pairing_state();
	$entry = zoombridge_open_codes( $state )[ $id ] ?? null;
	if ( null === $entry ) {
		return;
	}
	$accepted              = $is_accepted || $entry['accepted'];
	$state['codes'][ $id ] = array(
		'accepted' => $accepted,
		'refused'  => false,
		'tries'    => 0,
	) + $entry;
	zoombridge_save_pairing_state( $state );
	if ( $accepted || null === zoombridge_stored_connection() ) {
		zoombridge_try_code( $id, 10.0 );
	}
}
