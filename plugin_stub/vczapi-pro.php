<?php
/**
 * Cooperates with VCZAPI's PRO add-on, whose webhook is at the address of this plugin's endpoint, for the same events.
 *
 * Once the site is connected to a bridge, the bridge answers and that webhook is silent; before, it answers. PRO has
 * not been seen: what is known is that it has one route, `vczapi/v1/meeting`. It is expected on any of WordPress's
 * hooks from the one on which the address of a request is known.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Whether PRO is active, and the bridge answers Zoom in its place.
 *
 * @since 0.2.0
 *
 * @return bool True if its webhook must not run.
 */
function zoombridge_is_pro_silent(): bool {
	// In this order: WordPress has read which plugins are active, and not the connection.
	return zoombridge_has_vczapi_pro() && null !== zoombridge_stored_connection();
}

/**
 * Leaves Zoom's events to PRO as long as the site is not connected to a bridge: otherwise nobody would act on them.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_leave_endpoints_to_pro(): void {
	if ( ! zoombridge_has_vczapi_pro() || null !== zoombridge_stored_connection() ) {
		return;
	}
	if ( ! file_exists( WP_PLUGIN_DIR . '/vczapi-pro/vczapi-pro.php' ) ) {
		return; // WordPress has not noticed yet that its files are gone.
	}
	remove_action( 'parse_request', 'zoombridge_answer_endpoint_request', PHP_INT_MIN );
	remove_action( 'rest_api_init', 'zoombridge_register_endpoints', PHP_INT_MAX );
	remove_filter( 'rest_pre_dispatch', 'zoombridge_answer_endpoint_dispatch', PHP_INT_MAX );
	remove_filter( 'rest_authentication_errors', 'zoombridge_allow_endpoint_request', 1 );
	remove_filter( 'rest_authentication_errors', 'zoombridge_allow_endpoint_request', PHP_INT_MAX );
}
add_action( 'init', 'zoombridge_leave_endpoints_to_pro' );

/**
 * Takes PRO's callbacks off all hooks in a request to one of the endpoints: it is this plugin's alone.
 *
 * On the last filter before `parse_request`, which answers the request. What ran earlier did not know the address.
 *
 * @since 0.2.0
 *
 * @param array $query_vars Variables of the request.
 * @return array The variables, unchanged.
 */
function zoombridge_silence_pro_request( $query_vars ) {
	if ( zoombridge_is_endpoint( $query_vars['rest_route'] ?? null ) && zoombridge_is_pro_silent() ) {
		zoombridge_unhook_pro();
	}
	return $query_vars;
}
add_filter( 'request', 'zoombridge_silence_pro_request', PHP_INT_MAX );

/**
 * Lets this plugin's callback on `rest_pre_dispatch` run before PRO's, so that it can take those off.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_precede_pro(): void {
	if ( ! zoombridge_is_pro_silent() ) {
		return;
	}
	foreach ( zoombridge_unhook_pro( 'rest_pre_dispatch' ) as list( $hook, $callback, $priority, $count ) ) {
		add_filter( $hook, $callback, max( $priority, PHP_INT_MIN + 1 ), $count );
	}
}
add_action( 'rest_api_init', 'zoombridge_precede_pro', PHP_INT_MAX );

/**
 * Takes PRO's callbacks off `rest_pre_dispatch` while PHP code dispatches a request to an endpoint.
 *
 * All later hooks are out of reach: the last callback on this one answers.
 *
 * @since 0.2.0
 *
 * @param mixed           $result  Response of an earlier filter, or null.
 * @param WP_REST_Server  $server  The server.
 * @param WP_REST_Request $request The request.
 * @return mixed The response, unchanged.
 */
function zoombridge_silence_pro_dispatch( $result, $server, $request ) {
	if ( ! zoombridge_is_endpoint( $request->get_route() ) || ! zoombridge_is_pro_silent() ) {
		return $result;
	}
	$callbacks = zoombridge_unhook_pro( 'rest_pre_dispatch' );
	$put_back  = static function ( $response ) use ( &$put_back, $callbacks ) {
		remove_filter( 'rest_pre_dispatch', $put_back, PHP_INT_MAX );
		foreach ( $callbacks as $arguments ) {
			add_filter( ...$arguments );
		}
		return $response;
	};
	add_filter( 'rest_pre_dispatch', $put_back, PHP_INT_MAX );
	return $result;
}
add_filter( 'rest_pre_dispatch', 'zoombridge_silence_pro_dispatch', PHP_INT_MIN, 3 );

/**
 * Takes the callbacks of VCZAPI and its add-ons off a hook, or off all.
 *
 * @since 0.2.0
 *
 * @param string|null $hook Optional. Name of the hook. Default null: all.
 * @return array What was taken off: for each callback the arguments of add_filter().
 */
function zoombridge_unhook_pro( ?string $hook = null ): array {
	$found = zoombridge_vczapi_callbacks( $hook );
	foreach ( $found as list( $name, $callback, $priority ) ) {
		remove_filter( $name, $callback, $priority );
	}
	return $found;
}

/**
 * Returns what an administrator should know of PRO's webhook.
 *
 * @since 0.2.0
 *
 * @return string Plain text; empty if PRO is not active.
 */
function zoombridge_pro_status(): string {
	if ( ! zoombridge_has_vczapi_pro() ) {
		return '';
	}
	$active = __( 'The PRO add-on of “Video Conferencing with Zoom” is active.', 'meetings-bridge-for-zoom' );
	if ( ! zoombridge_is_pro_silent() ) {
		$message = __(
			'Its webhook answers Zoom’s events until this site is connected to a bridge.',
			'meetings-bridge-for-zoom'
		);
		return $active . ' ' . $message;
	}
	$message = __( 'Its webhook is silent: the bridge answers Zoom’s events.', 'meetings-bridge-for-zoom' );
	$advice  = __(
		'It answers again if “Meetings Bridge for Zoom” is deactivated or disconnected while PRO is active.',
		'meetings-bridge-for-zoom'
	);
	return $active . ' ' . $message . ' ' . $advice;
}

/**
 * Prints that on the page of plugins.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_pro_notice(): void {
	$status = 'plugins.php' === $GLOBALS['pagenow'] && zoombridge_can_manage() ? zoombridge_pro_status() : '';
	if ( '' !== $status ) {
		printf( '<div class="notice notice-info"><p>%s</p></div>', esc_html( $status ) );
	}
}
add_action( 'admin_notices', 'zoombridge_render_pro_notice' );
