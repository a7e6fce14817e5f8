<?php
/** @since 0.1.0 The page "Webhooks" in wp-admin. The bridge makes it; the stub shows it. */
defined( 'ABSPATH' ) || exit;

/** @since 0.1.0 Where the page stands: a tab of VCZAPI's settings, or a page of its own. */
function zoombridge_page_url(): string {
	$page = zoombridge_has_vczapi() ? 'zoom-video-conferencing-settings&tab=zoombridge' : 'zoombridge-settings';
	return admin_url( 'edit.php?post_type=zoom-meetings&page=' . $page );
}

// Adds the page where VCZAPI is not active.
add_action( 'admin_menu', static fn() => zoombridge_has_vczapi() || add_submenu_page( 'edit.php?post_type=zoom-meetings', __( 'Zoom settings', 'zoom-wordpress-bridge' ), __( 'Settings', 'zoom-wordpress-bridge' ), 'manage_options', 'zoombridge-settings', 'zoombridge_show_own_page' ) );

/** @since 0.1.0 Asks the bridge for the page before WordPress prints anything, so that it can still redirect. */
function zoombridge_load_page(): void {
	if ( zoombridge_has_vczapi() && 'zoombridge' !== ( $_GET['tab'] ?? '' ) ) {
		return; // Another tab of VCZAPI's.
	}
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_die( esc_html__( 'Only administrators can see this page.', 'zoom-wordpress-bridge' ), '', [ 'response' => 403 ] );
	}
	$args = [ 'context' => zoombridge_page_context(), 'timeout' => 10.0 ];
	$post = 'POST' === ( $_SERVER['REQUEST_METHOD'] ?? '' );
	if ( $post ) {
		if ( ! is_string( $_POST['_zoombridge_nonce'] ?? null ) || ! wp_verify_nonce( $_POST['_zoombridge_nonce'], 'zoombridge-page' ) ) {
			status_header( 403 );
			zoombridge_page( zoombridge_notice( __( 'This form has been open for too long, or was sent from elsewhere. Nothing was changed. Please try again.', 'zoom-wordpress-bridge' ) ) );
			return;
		}
		$args['body']    = zoombridge_form( (string) file_get_contents( 'php://input' ) );
		$args['headers'] = [ 'content-type' => 'application/x-www-form-urlencoded' ];
	}
	$answer = zoombridge_ask( $post ? 'POST' : 'GET', zoombridge_page_path( $_GET['zoombridge'] ?? '' ), $args );
	$status = is_wp_error( $answer ) ? 0 : $answer['status'];
	if ( 200 === $status || 422 === $status ) {
		status_header( $status );
		zoombridge_page( $answer['body'] );
	} elseif ( 303 === $status ) {
		wp_safe_redirect( add_query_arg( 'zoombridge', rawurlencode( zoombridge_page_path( $answer['location'] ) ), zoombridge_page_url() ), 303 );
		exit;
	} else {
		zoombridge_page( zoombridge_notice( zoombridge_complaint( $answer ) ) );
	}
}
add_action( 'load-zoom-meetings_page_zoombridge-settings', 'zoombridge_load_page' );
add_action( 'load-zoom-meetings_page_zoom-video-conferencing-settings', 'zoombridge_load_page' );

/** @since 0.1.0 Keeps the page between its loading and its printing. */
function zoombridge_page( ?string $html = null ): string {
	static $page = '';
	$page        = $html ?? $page;
	return $page;
}

/** @since 0.1.0 What the bridge must know to make a page that works here. */
function zoombridge_page_context(): string {
	$context = [
		'user'      => [ 'login' => wp_get_current_user()->user_login, 'name' => wp_get_current_user()->display_name ],
		'locale'    => get_user_locale(),
		'page'      => zoombridge_page_url(),
		'parameter' => 'zoombridge',
		'nonce'     => [ 'name' => '_zoombridge_nonce', 'value' => wp_create_nonce( 'zoombridge-page' ) ],
		'endpoints' => zoombridge_endpoints(),
		'version'   => ZOOMBRIDGE_VERSION,
	];
	return base64_encode( (string) wp_json_encode( $context ) );
}

/** @since 0.1.0 A path of the bridge, written the one way that WordPress's HTTP client leaves alone: it is signed. */
function zoombridge_page_path( $path ): string {
	if ( ! is_string( $path ) || ! preg_match( '#^/(?!/)[\w/.~%?=&+,:;@-]*$#D', $path ) || false !== strpos( $path, '/.' ) ) {
		return '/webhooks';
	}
	$normal = static fn( array $found ): string => preg_match( '/[\w.~-]/', chr( hexdec( $found[1] ) ) ) ? chr( hexdec( $found[1] ) ) : strtoupper( $found[0] );
	return (string) preg_replace_callback( '/%([0-9a-f]{2})/i', $normal, $path );
}

/** @since 0.1.0 A form without the stub's own fields; not made from $_POST, where PHP renames and drops some. */
function zoombridge_form( string $body ): string {
	return implode( '&', preg_grep( '/^(_zoombridge_nonce|_wp_http_referer|zoombridge)?(=|$)/', explode( '&', $body ), PREG_GREP_INVERT ) );
}

/** @since 0.1.0 An error notice, of plain text. */
function zoombridge_notice( string $message ): string {
	return '<div class="notice notice-error inline"><p>' . esc_html( $message ) . '</p></div>';
}

/** @since 0.1.0 The tab's heading. */
function zoombridge_show_tab_heading( $active ): void {
	$class = 'zoombridge' === $active ? 'nav-tab nav-tab-active' : 'nav-tab';
	echo '<a href="' . esc_url( zoombridge_page_url() ) . '" class="' . esc_attr( $class ) . '">' . esc_html__( 'Webhooks', 'zoom-wordpress-bridge' ) . '</a>';
}
add_action( 'vczapi_admin_tabs_heading', 'zoombridge_show_tab_heading' );

// The tab's content: the bridge's HTML, known by its signature, or a notice, whose text was escaped.
add_action( 'vczapi_admin_tabs_content', static fn( $active ) => print( 'zoombridge' === $active ? zoombridge_page() : '' ) );

/** @since 0.1.0 The page of our own. */
function zoombridge_show_own_page(): void {
	echo '<div class="wrap"><h1>' . esc_html__( 'Zoom settings', 'zoom-wordpress-bridge' ) . '</h1><h2 class="nav-tab-wrapper">';
	zoombridge_show_tab_heading( 'zoombridge' );
	echo '</h2>' . zoombridge_page() . '</div>';
}
