<?php
/**
 * Shows the page "Webhooks" in wp-admin. The bridge generates its content.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Returns the address of the page: a tab of VCZAPI's settings, or a page of its own without VCZAPI.
 *
 * @since 0.1.0
 *
 * @return string The address.
 */
function zoombridge_page_url(): string {
	$page = zoombridge_has_vczapi() ? 'zoom-video-conferencing-settings&tab=zoombridge' : 'zoombridge-settings';
	return admin_url( 'edit.php?post_type=zoom-meetings&page=' . $page );
}

/**
 * Adds the page to the menu where VCZAPI is not active.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_add_settings_page(): void {
	if ( zoombridge_has_vczapi() ) {
		return;
	}
	add_submenu_page(
		'edit.php?post_type=zoom-meetings',
		__( 'Zoom settings', 'meetings-bridge-for-zoom' ),
		__( 'Settings', 'meetings-bridge-for-zoom' ),
		'manage_options',
		'zoombridge-settings',
		'zoombridge_render_settings_page'
	);
}
add_action( 'admin_menu', 'zoombridge_add_settings_page' );

/**
 * Requests the page from the bridge before WordPress prints anything, so that it can still redirect.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_load_page(): void {
	if ( zoombridge_has_vczapi() && ! zoombridge_is_tab_open() ) {
		return;
	}
	if ( ! zoombridge_can_manage() ) {
		wp_die(
			esc_html__( 'Only administrators can see this page.', 'meetings-bridge-for-zoom' ),
			'',
			array( 'response' => 403 )
		);
	}
	$method = isset( $_SERVER['REQUEST_METHOD'] ) && 'POST' === $_SERVER['REQUEST_METHOD'] ? 'POST' : 'GET';
	$args   = array(
		'context' => zoombridge_page_context(),
		'timeout' => 10.0,
	);
	if ( 'POST' === $method ) {
		if ( ! zoombridge_is_nonce_valid() ) {
			status_header( 403 );
			$message = __(
				'This form has expired or was sent from elsewhere. Nothing was changed. Please try again.',
				'meetings-bridge-for-zoom'
			);
			zoombridge_page_content( zoombridge_error_notice( $message ) );
			return;
		}
		$args['body']    = zoombridge_form_fields( (string) file_get_contents( 'php://input' ) );
		$args['headers'] = array( 'content-type' => 'application/x-www-form-urlencoded' );
	}
	zoombridge_handle_page_response( zoombridge_request( $method, zoombridge_requested_path(), $args ) );
}
add_action( 'load-zoom-meetings_page_zoombridge-settings', 'zoombridge_load_page' );
add_action( 'load-zoom-meetings_page_zoom-video-conferencing-settings', 'zoombridge_load_page' );

/**
 * Whether the plugin's own tab of VCZAPI's settings is requested.
 *
 * @since 0.1.0
 *
 * @return bool False on VCZAPI's other tabs.
 */
function zoombridge_is_tab_open(): bool {
	// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- Opening a tab changes nothing.
	return isset( $_GET['tab'] ) && 'zoombridge' === $_GET['tab'];
}

/**
 * Whether the submitted form carries a valid nonce of the page.
 *
 * @since 0.1.0
 *
 * @return bool True if it does.
 */
function zoombridge_is_nonce_valid(): bool {
	if ( ! isset( $_POST['_zoombridge_nonce'] ) || ! is_string( $_POST['_zoombridge_nonce'] ) ) {
		return false;
	}
	$nonce = sanitize_text_field( wp_unslash( $_POST['_zoombridge_nonce'] ) );
	return (bool) wp_verify_nonce( $nonce, 'zoombridge-page' );
}

/**
 * Returns the path of the bridge that is requested in the query of the page's address.
 *
 * Without one, the bridge chooses where the page begins: with the setup checklist, or once set up with the overview.
 *
 * @since 0.1.0
 *
 * @return string The path, normalized.
 */
function zoombridge_requested_path(): string {
	// phpcs:disable WordPress.Security.NonceVerification.Recommended -- Forms are verified; links change nothing.
	// phpcs:disable WordPress.Security.ValidatedSanitizedInput -- A path in any other form is rejected.
	if ( ! isset( $_GET['zoombridge'] ) && 'GET' === ( $_SERVER['REQUEST_METHOD'] ?? '' ) ) {
		return '/?start=1';
	}
	$path = isset( $_GET['zoombridge'] ) ? wp_unslash( $_GET['zoombridge'] ) : '';
	// phpcs:enable
	return zoombridge_normalize_path( $path );
}

/**
 * Handles the bridge's response: filters and stores its HTML to be printed, or redirects.
 *
 * @since 0.1.0
 *
 * @param array|WP_Error $response Result of zoombridge_request().
 * @return void
 */
function zoombridge_handle_page_response( $response ): void {
	$status = is_wp_error( $response ) ? 0 : $response['status'];
	if ( 303 === $status ) {
		$path = rawurlencode( zoombridge_normalize_path( $response['location'] ) );
		wp_safe_redirect( add_query_arg( 'zoombridge', $path, zoombridge_page_url() ), 303 );
		exit;
	}
	if ( 200 === $status || 422 === $status ) {
		status_header( $status );
		// Only there, a form may lead to the bridge's own address.
		$may_leave = '/bridge-link' === zoombridge_requested_path();
		zoombridge_page_content( zoombridge_filter_page_html( $response['body'], $may_leave ) );
		return;
	}
	$error = is_wp_error( $response ) ? null : zoombridge_decode_json( $response['body'] );
	if ( is_array( $error ) && is_string( $error['html'] ?? null ) ) {
		zoombridge_page_content( zoombridge_filter_page_html( $error['html'] ) );
	} else {
		zoombridge_page_content( zoombridge_error_notice( zoombridge_error_message( $response ) ) );
	}
}

/**
 * Stores the content of the page when it is loaded, and returns it when it is printed.
 *
 * @since 0.1.0
 *
 * @param string|null $html Optional. The content to store. Default null: unchanged.
 * @return string Filtered HTML, or a notice whose text was escaped; empty before the page is loaded.
 */
function zoombridge_page_content( ?string $html = null ): string {
	static $content = '';
	if ( null !== $html ) {
		$content = $html;
	}
	return $content;
}

/**
 * Describes the page's surroundings, which the bridge needs to generate working links and forms.
 *
 * @since 0.1.0
 *
 * @return string Value of the header X-Zoombridge-Context; see docs/stub.md.
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
		'assets'    => ZOOMBRIDGE_ASSETS_VERSION,
	);
	return zoombridge_encode_context( $context );
}

/**
 * Normalizes a path of the bridge to the form that WordPress's HTTP client leaves unchanged: the path is signed.
 *
 * @since 0.1.0
 *
 * @param mixed $path Path and query, from a request or a response.
 * @return string The path; `/webhooks` for anything that is not a path of the bridge.
 */
function zoombridge_normalize_path( $path ): string {
	if ( ! is_string( $path ) || ! preg_match( '#^/(?!/)[\w/.~%?=&+,:;@-]*$#D', $path ) ) {
		return '/webhooks';
	}
	if ( false !== strpos( $path, '/.' ) ) {
		return '/webhooks';
	}
	return (string) preg_replace_callback(
		'/%([0-9a-f]{2})/i',
		static function ( array $found ): string {
			$character = chr( hexdec( $found[1] ) );
			return preg_match( '/[\w.~-]/', $character ) ? $character : strtoupper( $found[0] );
		},
		$path
	);
}

/**
 * Removes the plugin's and WordPress's own fields from a form.
 *
 * Works on the raw body instead of $_POST, because PHP renames and drops some fields there.
 *
 * @since 0.1.0
 *
 * @param string $body Body of the request, URL-encoded.
 * @return string The body without those fields.
 */
function zoombridge_form_fields( string $body ): string {
	$own = '/^(_zoombridge_nonce|_wp_http_referer|zoombridge)?(=|$)/';
	return implode( '&', preg_grep( $own, explode( '&', $body ), PREG_GREP_INVERT ) );
}

/**
 * Formats an error notice.
 *
 * @since 0.1.0
 *
 * @param string $message Plain text.
 * @return string HTML.
 */
function zoombridge_error_notice( string $message ): string {
	return '<div class="notice notice-error inline"><p>' . esc_html( $message ) . '</p></div>';
}

/**
 * Prints the tab's heading.
 *
 * @since 0.1.0
 *
 * @param string $active_tab Name of the open tab.
 * @return void
 */
function zoombridge_render_tab_heading( $active_tab ): void {
	printf(
		'<a href="%1$s" class="%2$s">%3$s</a>',
		esc_url( zoombridge_page_url() ),
		esc_attr( 'zoombridge' === $active_tab ? 'nav-tab nav-tab-active' : 'nav-tab' ),
		esc_html__( 'Webhooks', 'meetings-bridge-for-zoom' )
	);
}
add_action( 'vczapi_admin_tabs_heading', 'zoombridge_render_tab_heading' );

/**
 * Prints the tab's content.
 *
 * @since 0.1.0
 *
 * @param string $active_tab Name of the open tab.
 * @return void
 */
function zoombridge_render_tab_content( $active_tab ): void {
	if ( 'zoombridge' === $active_tab ) {
		zoombridge_render_page_content();
	}
}
add_action( 'vczapi_admin_tabs_content', 'zoombridge_render_tab_content' );

/**
 * Prints the content of the page.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_render_page_content(): void {
	// phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- Filtered HTML, or an escaped notice.
	echo zoombridge_page_content();
	if ( zoombridge_has_own_sections() ) {
		zoombridge_render_connection_section();
		zoombridge_render_loader_section();
	}
}

/**
 * Whether the plugin's own sections, about connection and loader, follow what is shown.
 *
 * They follow the bridge's overview, settings and pages about sites, and whatever is shown without the bridge.
 *
 * @since 0.3.0
 *
 * @return bool False on the bridge's other pages.
 */
function zoombridge_has_own_sections(): bool {
	if ( 0 === zoombridge_needed_assets_version( zoombridge_page_content() ) ) {
		return true;
	}
	$path = (string) strtok( zoombridge_requested_path(), '?' );
	return in_array( $path, array( '/', '/settings' ), true ) || 0 === strpos( $path, '/sites' );
}

/**
 * Prints the page of the plugin's own. Its tabs are those of the bridge.
 *
 * @since 0.1.0
 *
 * @return void
 */
function zoombridge_render_settings_page(): void {
	?>
	<div class="wrap zoombridge-own">
		<h1><?php esc_html_e( 'Zoom settings', 'meetings-bridge-for-zoom' ); ?></h1>
		<?php zoombridge_render_page_content(); ?>
	</div>
	<?php
}
