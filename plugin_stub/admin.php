<?php
/**
 * The page "Webhooks" in wp-admin. The bridge makes it; the stub shows it.
 *
 * @package zoom-wordpress-bridge
 * @since 0.1.0
 */

/**
 * Where the page stands: a tab of VCZAPI's settings, or a page of its own.
 *
 * @since 0.1.0
 */
function zoombridge_page_url(): string {
	$page = zoombridge_has_vczapi() ? 'zoom-video-conferencing-settings&tab=zoombridge' : 'zoombridge-settings';
	return admin_url( 'edit.php?post_type=zoom-meetings&page=' . $page );
}

/**
 * Adds the page where VCZAPI is not active.
 *
 * @since 0.1.0
 */
function zoombridge_add_page(): void {
	if ( ! zoombridge_has_vczapi() ) {
		add_submenu_page( 'edit.php?post_type=zoom-meetings', __( 'Zoom settings', 'zoom-wordpress-bridge' ), __( 'Settings', 'zoom-wordpress-bridge' ), 'manage_options', 'zoombridge-settings', 'zoombridge_show_own_page' );
	}
}
add_action( 'admin_menu', 'zoombridge_add_page' );

/**
 * Asks the bridge for the page before WordPress prints anything, so that it can still redirect.
 *
 * @since 0.1.0
 */
function zoombridge_load_page(): void {
	// phpcs:disable WordPress.Security.NonceVerification -- Checked below, in this function.
	if ( zoombridge_has_vczapi() && 'zoombridge' !== ( $_GET['tab'] ?? '' ) ) {
		return; // Another tab of VCZAPI's.
	}
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_die( esc_html__( 'Only administrators can see this page.', 'zoom-wordpress-bridge' ), '', array( 'response' => 403 ) );
	}
	$args = array(
		'context' => zoombridge_page_context(),
		'timeout' => 10.0,
	);
	$post = 'POST' === ( $_SERVER['REQUEST_METHOD'] ?? '' );
	if ( $post ) {
		$nonce = $_POST['_zoombridge_nonce'] ?? '';
		if ( ! is_string( $nonce ) || ! wp_verify_nonce( $nonce, 'zoombridge-page' ) ) {
			status_header( 403 );
			zoombridge_page( zoombridge_notice( __( 'This form has been open for too long, or was sent from elsewhere. Nothing was changed. Please try again.', 'zoom-wordpress-bridge' ) ) );
			return;
		}
		$args['body']    = zoombridge_form( (string) file_get_contents( 'php://input' ) );
		$args['headers'] = array( 'content-type' => 'application/x-www-form-urlencoded' );
	}

	$answer = zoombridge_ask( $post ? 'POST' : 'GET', zoombridge_page_path( $_GET['zoombridge'] ?? '' ), $args );
	// phpcs:enable
	if ( is_wp_error( $answer ) ) {
		zoombridge_page( zoombridge_notice( $answer->get_error_message() ) );
	} elseif ( 200 === $answer['status'] || 422 === $answer['status'] ) {
		status_header( $answer['status'] );
		zoombridge_page( $answer['body'] );
	} elseif ( 303 === $answer['status'] ) {
		wp_safe_redirect( add_query_arg( 'zoombridge', rawurlencode( zoombridge_page_path( $answer['location'] ) ), zoombridge_page_url() ), 303 );
		exit;
	} else {
		$error = json_decode( $answer['body'], true );
		/* translators: %d: an HTTP status. */
		$unknown = sprintf( __( 'The bridge answered with status %d. Its log says why.', 'zoom-wordpress-bridge' ), $answer['status'] );
		zoombridge_page( zoombridge_notice( is_array( $error ) && is_string( $error['message'] ?? null ) ? $error['message'] : $unknown ) );
	}
}
add_action( 'load-zoom-meetings_page_zoombridge-settings', 'zoombridge_load_page' );
add_action( 'load-zoom-meetings_page_zoom-video-conferencing-settings', 'zoombridge_load_page' );

/**
 * Keeps the page between its loading and its printing.
 *
 * @since 0.1.0
 *
 * @param string|null $html The page, to keep it.
 */
function zoombridge_page( ?string $html = null ): string {
	static $page = '';
	$page        = $html ?? $page;
	return $page;
}

/**
 * What the bridge must know to make a page that works here.
 *
 * @since 0.1.0
 */
function zoombridge_page_context(): string {
	$user    = wp_get_current_user();
	$context = array(
		'user'      => array(
			'login' => $user->user_login,
			'name'  => $user->display_name,
		),
		'locale'    => get_user_locale(),
		'page'      => zoombridge_page_url(),
		'parameter' => 'zoombridge',
		'nonce'     => array(
			'name'  => '_zoombridge_nonce',
			'value' => wp_create_nonce( 'zoombridge-page' ),
		),
		'endpoints' => zoombridge_endpoints(),
		'version'   => ZOOMBRIDGE_VERSION,
	);
	return base64_encode( (string) wp_json_encode( $context ) );
}

/**
 * A path of the bridge, written the one way that WordPress's HTTP client leaves alone: the signature covers it.
 *
 * @since 0.1.0
 *
 * @param mixed $path As the browser or the bridge gave it.
 */
function zoombridge_page_path( $path ): string {
	if ( ! is_string( $path ) || ! preg_match( '#^/(?![/.])[\w/.~%?=&+,:;@-]*$#D', $path ) || false !== strpos( $path, '/.' ) ) {
		return '/webhooks';
	}
	return (string) preg_replace_callback(
		'/%([0-9a-f]{2})/i',
		static function ( array $found ): string {
			$character = chr( (int) hexdec( $found[1] ) );
			return preg_match( '/[\w.~-]/', $character ) ? $character : strtoupper( $found[0] );
		},
		$path
	);
}

/**
 * A form's fields without the stub's own, otherwise as the browser sent them.
 *
 * Not made from $_POST: PHP renames fields there and keeps one of several with one name.
 *
 * @since 0.1.0
 *
 * @param string $body Body of the request.
 */
function zoombridge_form( string $body ): string {
	$fields = array_filter(
		explode( '&', $body ),
		static function ( string $field ): bool {
			return ! in_array( urldecode( explode( '=', $field, 2 )[0] ), array( '', '_zoombridge_nonce', '_wp_http_referer', 'zoombridge' ), true );
		}
	);
	return implode( '&', $fields );
}

/**
 * An error notice.
 *
 * @since 0.1.0
 *
 * @param string $message Plain text.
 */
function zoombridge_notice( string $message ): string {
	return '<div class="notice notice-error inline"><p>' . esc_html( $message ) . '</p></div>';
}

/**
 * The tab's heading.
 *
 * @since 0.1.0
 *
 * @param mixed $active The active tab.
 */
function zoombridge_show_tab_heading( $active ): void {
	printf(
		'<a href="%1$s" class="nav-tab%2$s">%3$s</a>',
		esc_url( zoombridge_page_url() ),
		'zoombridge' === $active ? ' nav-tab-active' : '',
		esc_html__( 'Webhooks', 'zoom-wordpress-bridge' )
	);
}
add_action( 'vczapi_admin_tabs_heading', 'zoombridge_show_tab_heading' );

/**
 * The tab's content.
 *
 * @since 0.1.0
 *
 * @param mixed $active The active tab.
 */
function zoombridge_show_tab( $active ): void {
	if ( 'zoombridge' === $active ) {
		// The bridge's HTML is known by its signature; a notice's text was escaped.
		echo '<div class="zoombridge">' . zoombridge_page() . '</div>'; // phpcs:ignore WordPress.Security.EscapeOutput
	}
}
add_action( 'vczapi_admin_tabs_content', 'zoombridge_show_tab' );

/**
 * The page of our own.
 *
 * @since 0.1.0
 */
function zoombridge_show_own_page(): void {
	echo '<div class="wrap"><h1>' . esc_html__( 'Zoom settings', 'zoom-wordpress-bridge' ) . '</h1><h2 class="nav-tab-wrapper">';
	zoombridge_show_tab_heading( 'zoombridge' );
	echo '</h2>';
	zoombridge_show_tab( 'zoombridge' );
	echo '</div>';
}
