<?php
/**
 * What administrators see of pairing: notices on all pages of wp-admin, and a section on the plugin's own.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Prints the notices.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_pairing_notices(): void {
	if ( ! zoombridge_can_manage() ) {
		return;
	}
	$state = zoombridge_pairing_state();
	if ( null !== $state['flash'] ) {
		zoombridge_render_flash( $state['flash'] );
		zoombridge_save_pairing_state( array( 'flash' => null ) + $state );
	}
	foreach ( zoombridge_open_codes( $state ) as $entry ) {
		zoombridge_render_code_notice( $entry );
	}
}
add_action( 'admin_notices', 'zoombridge_render_pairing_notices' );

/**
 * Prints a notice, with buttons that are forms of the plugin.
 *
 * @since 0.2.0
 *
 * @param string   $type    `info`, `warning`, `error` or `success`.
 * @param string   $message Plain text.
 * @param string[] $buttons Optional. Labels of buttons by what they do; see zoombridge_handle_action(). The first one
 *                          is the main one. Default none.
 * @param string   $code_id Optional. ID of the code that the buttons are about. Default empty.
 * @return void
 */
function zoombridge_render_notice(
	string $type,
	string $message,
	array $buttons = array(),
	string $code_id = ''
): void {
	printf( '<div class="notice notice-%1$s"><p>%2$s</p>', esc_attr( $type ), esc_html( $message ) );
	if ( $buttons ) {
		zoombridge_render_buttons( $buttons, $code_id );
	}
	echo '</div>';
}

/**
 * Prints a form of buttons.
 *
 * @since 0.2.0
 *
 * @param string[] $buttons Labels by what they do; the first one is the main one.
 * @param string   $code_id Optional. ID of the code that they are about. Default empty.
 * @param string   $class   Optional. Class of the first one. Default that of a main one.
 * @return void
 */
function zoombridge_render_buttons(
	array $buttons,
	string $code_id = '',
	string $class = 'button button-primary'
): void {
	printf( '<form method="post" action="%s"><p>', esc_url( admin_url( 'admin-post.php' ) ) );
	zoombridge_render_action_fields( $code_id );
	foreach ( $buttons as $does => $label ) {
		printf(
			'<button type="submit" class="%1$s" name="zoombridge_do" value="%2$s">%3$s</button> ',
			esc_attr( $class ),
			esc_attr( $does ),
			esc_html( $label )
		);
		$class = 'button';
	}
	echo '</p></form>';
}

/**
 * Prints the hidden fields of a form of the plugin.
 *
 * @since 0.2.0
 *
 * @param string $code_id Optional. ID of the code that the form is about. Default empty.
 * @return void
 */
function zoombridge_render_action_fields( string $code_id = '' ): void {
	echo '<input type="hidden" name="action" value="zoombridge" />';
	printf( '<input type="hidden" name="zoombridge_code_id" value="%s" />', esc_attr( $code_id ) );
	// Without IDs, of which a page may have one only.
	printf(
		'<input type="hidden" name="_zoombridge_nonce" value="%1$s" />',
		esc_attr( wp_create_nonce( 'zoombridge-action' ) )
	);
	wp_referer_field();
}

/**
 * Prints the notice of an open code: a question where the site has a connection, otherwise what came of it so far.
 *
 * @since 0.2.0
 *
 * @param array $entry The entry; see zoombridge_new_pairing_entry().
 * @return void
 */
function zoombridge_render_code_notice( array $entry ): void {
	$code       = zoombridge_parse_pairing_code( $entry['text'] );
	$connection = zoombridge_stored_connection();
	if ( null === $code ) {
		return;
	}
	$remove = array( 'remove' => __( 'Remove the pairing code', 'meetings-bridge-for-zoom' ) );
	$again  = array( 'again' => __( 'Try again', 'meetings-bridge-for-zoom' ) );
	if ( null !== $connection && ! $entry['accepted'] ) {
		zoombridge_render_replace_question( $code, $connection );
	} elseif ( $entry['refused'] ) {
		/* translators: 1: address of the bridge, 2: its message. */
		$text = __( '%1$s refused the pairing code: %2$s', 'meetings-bridge-for-zoom' );
		$text = sprintf( $text, $code['bridge'], $entry['message'] );
		zoombridge_render_notice( 'error', $text, $again + $remove, $code['id'] );
	} elseif ( '' !== $entry['body'] ) {
		/* translators: 1: address of the bridge, 2: what went wrong. */
		$text = __( 'This site is not connected to %1$s yet. %2$s', 'meetings-bridge-for-zoom' );
		$text = sprintf( $text, $code['bridge'], $entry['message'] );
		$text = $text . ' ' . zoombridge_next_attempt( $entry );
		zoombridge_render_notice( 'warning', $text, $again + $remove, $code['id'] );
	}
}

/**
 * Says when something is tried again.
 *
 * @since 0.2.0
 *
 * @param array $entry Something with `next`; see zoombridge_count_attempt().
 * @return string Plain text.
 */
function zoombridge_next_attempt( array $entry ): string {
	/* translators: %s: a time such as "5 minutes". */
	$text = __( 'It is tried again when an administrator opens a page in %s or later.', 'meetings-bridge-for-zoom' );
	return sprintf( $text, human_time_diff( time(), max( time(), $entry['next'] ) ) );
}

/**
 * Prints the question whether a code replaces the connection of the site.
 *
 * @since 0.2.0
 *
 * @param array $code       The code.
 * @param array $connection The connection.
 * @return void
 */
function zoombridge_render_replace_question( array $code, array $connection ): void {
	if ( $code['bridge'] === $connection['bridge'] ) {
		/* translators: %s: address of the bridge. */
		$text    = __( 'This site is connected to %s already. Connect it again?', 'meetings-bridge-for-zoom' );
		$text    = sprintf( $text, $code['bridge'] );
		$buttons = array(
			'accept' => __( 'Connect again', 'meetings-bridge-for-zoom' ),
			'remove' => __( 'Keep the connection', 'meetings-bridge-for-zoom' ),
		);
	} else {
		/* translators: 1: address of the present bridge, 2: address of the other one. */
		$text = __( 'This site is connected to %1$s. Connect it to %2$s instead?', 'meetings-bridge-for-zoom' );
		$text = sprintf( $text, $connection['bridge'], $code['bridge'] );
		/* translators: %s: address of a bridge. */
		$accept = __( 'Connect to %s', 'meetings-bridge-for-zoom' );
		/* translators: %s: address of a bridge. */
		$keep    = __( 'Keep %s', 'meetings-bridge-for-zoom' );
		$buttons = array(
			'accept' => sprintf( $accept, $code['bridge'] ),
			'remove' => sprintf( $keep, $connection['bridge'] ),
		);
	}
	zoombridge_render_notice( 'warning', $text, $buttons, $code['id'] );
}

/**
 * Prints what an action or a call has come to, once.
 *
 * @since 0.2.0
 *
 * @param array $flash See zoombridge_set_flash().
 * @return void
 */
function zoombridge_render_flash( array $flash ): void {
	if ( 'connected' === $flash['kind'] ) {
		/* translators: %s: address of the bridge. */
		$text = sprintf( __( 'Connected to %s.', 'meetings-bridge-for-zoom' ), $flash['bridge'] );
		printf(
			'<div class="notice notice-success is-dismissible"><p>%1$s <a href="%2$s">%3$s</a></p></div>',
			esc_html( $text ),
			esc_url( $flash['bridge'] . '/sites/add/' . $flash['detail'] ),
			esc_html__( 'Go on there', 'meetings-bridge-for-zoom' )
		);
		return;
	}
	$type = in_array( $flash['kind'], array( 'failed', 'no_code' ), true ) ? 'error' : 'success';
	zoombridge_render_notice( $type, zoombridge_flash_text( $flash ) );
}

/**
 * Returns the text of what an action has come to.
 *
 * @since 0.2.0
 *
 * @param array $flash See zoombridge_set_flash().
 * @return string Plain text.
 */
function zoombridge_flash_text( array $flash ): string {
	switch ( $flash['kind'] ) {
		case 'no_code':
			$text   = __( 'This is not a pairing code. Nothing was changed.', 'meetings-bridge-for-zoom' );
			$advice = __( 'Copy it from the bridge as a whole, with its address.', 'meetings-bridge-for-zoom' );
			return $text . ' ' . $advice;
		default:
			return $flash['detail'];
	}
}

/**
 * Prints the section about the connection on the plugin's page.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_connection_section(): void {
	$connection = zoombridge_stored_connection();
	$pro        = zoombridge_pro_status();
	echo '<div class="zoombridge-connection">';
	if ( null === $connection ) {
		printf( '<h2>%s</h2>', esc_html__( 'Connect this site', 'meetings-bridge-for-zoom' ) );
		zoombridge_render_code_form();
	} else {
		printf( '<h2>%s</h2>', esc_html__( 'Connection', 'meetings-bridge-for-zoom' ) );
		zoombridge_render_connection( $connection );
		$summary = __( 'Connect to another bridge', 'meetings-bridge-for-zoom' );
		printf( '<details><summary>%s</summary>', esc_html( $summary ) );
		zoombridge_render_code_form();
		echo '</details>';
	}
	if ( '' !== $pro ) {
		printf( '<p>%s</p>', esc_html( $pro ) );
	}
	echo '</div>';
}

/**
 * Prints what the site is connected to. Of a mute site the notice tells it.
 *
 * @since 0.2.0
 *
 * @param array $connection The connection.
 * @return void
 */
function zoombridge_render_connection( array $connection ): void {
	if ( zoombridge_is_mute() ) {
		return;
	}
	/* translators: %s: address of the bridge. */
	$text = __( 'This site is connected to %s.', 'meetings-bridge-for-zoom' );
	printf( '<p>%s</p>', esc_html( sprintf( $text, $connection['bridge'] ) ) );
	zoombridge_render_buttons( array( 'renew' => __( 'Renew key', 'meetings-bridge-for-zoom' ) ), '', 'button' );
}

/**
 * Prints the form into which a pairing code is pasted.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_code_form(): void {
	printf( '<form method="post" action="%s">', esc_url( admin_url( 'admin-post.php' ) ) );
	zoombridge_render_action_fields();
	printf(
		'<p><label for="zoombridge-pairing-code">%1$s</label><br />
		<input type="text" id="zoombridge-pairing-code" class="large-text code" name="zoombridge_pairing_code"
		autocomplete="off" spellcheck="false" required /></p>
		<p class="description">%2$s</p>',
		esc_html__( 'Pairing code', 'meetings-bridge-for-zoom' ),
		esc_html__( 'The bridge shows it when you add a site there.', 'meetings-bridge-for-zoom' )
	);
	printf(
		'<p><button type="submit" class="button button-primary" name="zoombridge_do" value="paste">%s</button></p>',
		esc_html__( 'Connect', 'meetings-bridge-for-zoom' )
	);
	echo '</form>';
}
