<?php
/**
 * The posts that the bridge manages, as VCZAPI reads them.
 *
 * VCZAPI prints values of `_meeting_zoom_details` and `_meeting_fields` without escaping them, expects keys that a
 * webhook does not have, and takes an absent start for now. What the database holds is what Zoom said; it is fitted to
 * VCZAPI when it is read.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Whether the bridge manages a post.
 *
 * A copy of a post carries its metas, and with them the ID of the other post.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return bool True if it does.
 */
function zoombridge_is_managed_post( int $post_id ): bool {
	$owner = get_post_meta( $post_id, '_zoombridge_post', true );
	if ( '' === $owner ) {
		// Earlier versions of the bridge wrote this meta only.
		return metadata_exists( 'post', $post_id, '_zoombridge_revision' );
	}
	return (int) $owner === $post_id;
}

/**
 * Whether the bridge made a post, rather than VCZAPI's form.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return bool True if it did, and manages the post.
 */
function zoombridge_is_made_by_bridge( int $post_id ): bool {
	return 'bridge' === get_post_meta( $post_id, '_zoombridge_made', true ) && zoombridge_is_managed_post( $post_id );
}

/**
 * Whether VCZAPI's form has no say in a managed post: the bridge made it, or VCZAPI is not active any more.
 *
 * @since 0.3.0
 *
 * @param int $post_id ID of the post.
 * @return bool False also for posts that the bridge does not manage.
 */
function zoombridge_is_without_form( int $post_id ): bool {
	return zoombridge_has_vczapi() ? zoombridge_is_made_by_bridge( $post_id ) : zoombridge_is_managed_post( $post_id );
}

/**
 * Whether a managed post is that of a series, or of a meeting without a fixed time.
 *
 * Without its PRO add-on, VCZAPI is shown such a meeting as a single one.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return bool True if it is.
 */
function zoombridge_is_series( int $post_id ): bool {
	$pro = get_post_meta( $post_id, '_vczapi_pro_meeting_details', true );
	return is_array( $pro ) && 'on' === ( $pro['enabled_recurring'] ?? '' );
}

/**
 * Fits the metas of managed posts to VCZAPI when they are read.
 *
 * @since 0.2.0
 *
 * @param mixed  $value   Value of an earlier filter; null if there is none.
 * @param int    $post_id ID of the post.
 * @param string $key     Key of the meta.
 * @param bool   $single  Whether a single value is asked for.
 * @return mixed The value, in a list if not a single one is asked for; null for all other metas.
 */
function zoombridge_fit_meta( $value, $post_id, $key, $single ) {
	if ( null === $value && isset( ZOOMBRIDGE_TWINS[ $key ] ) && zoombridge_is_managed_post( (int) $post_id ) ) {
		return zoombridge_read_twin( (int) $post_id, $key );
	}
	$is_fitted = null === $value && in_array( $key, array( '_meeting_zoom_details', '_meeting_fields' ), true );
	if ( ! $is_fitted || ! zoombridge_has_vczapi() || ! zoombridge_is_managed_post( (int) $post_id ) ) {
		return $value;
	}
	$details = zoombridge_unfitted_meta( (int) $post_id, '_meeting_zoom_details' );
	$shown   = $details instanceof stdClass ? zoombridge_fit_details( $details, (int) $post_id ) : $details;
	if ( '_meeting_fields' === $key ) {
		$fields = zoombridge_unfitted_meta( (int) $post_id, '_meeting_fields' );
		$shown  = is_array( $fields ) ? zoombridge_fit_fields( $fields, $shown ) : $fields;
	}
	// In a list: WordPress takes the first of it where a single value is asked for. What is not there stays so.
	return '' === $shown ? $value : array( $shown );
}
add_filter( 'get_post_metadata', 'zoombridge_fit_meta', PHP_INT_MAX, 4 );

/**
 * Reads a meta as the database holds it.
 *
 * @since 0.2.0
 *
 * @param int    $post_id ID of the post.
 * @param string $key     Key of the meta.
 * @return mixed The value; an empty text if there is none.
 */
function zoombridge_unfitted_meta( int $post_id, string $key ) {
	$is_fitting = remove_filter( 'get_post_metadata', 'zoombridge_fit_meta', PHP_INT_MAX );
	$value      = get_post_meta( $post_id, $key, true );
	if ( $is_fitting ) {
		add_filter( 'get_post_metadata', 'zoombridge_fit_meta', PHP_INT_MAX, 4 );
	}
	return $value;
}

/**
 * Fits the details of a managed post to VCZAPI.
 *
 * @since 0.2.0
 *
 * @param stdClass $details The details, which are changed.
 * @param int      $post_id ID of the post.
 * @return stdClass The details.
 */
function zoombridge_fit_details( stdClass $details, int $post_id ): stdClass {
	// An error that Zoom answered to VCZAPI. With it, VCZAPI neither lists nor shows the post.
	unset( $details->code, $details->message );
	$has_ended          = 'ended' === ( $details->state ?? '' );
	$is_disabled        = '' !== get_post_meta( $post_id, '_zoombridge_joining_disabled', true );
	$details->state     = $has_ended || $is_disabled ? 'ended' : '';
	$details->start_url = '';
	$details->id        = $details->id ?? get_post_meta( $post_id, '_meeting_zoom_meeting_id', true );
	$details->join_url  = $details->join_url ?? get_post_meta( $post_id, '_meeting_zoom_join_url', true );
	$is_screen          = zoombridge_is_vczapi_screen();
	if ( $is_screen || zoombridge_is_author_joining( $post_id ) ) {
		// Asks the host to sign in to Zoom, where the one that Zoom tells opens the host's account.
		$details->start_url = 'https://zoom.us/s/' . rawurlencode( (string) $details->id );
	}
	if ( $is_screen ) {
		zoombridge_fit_for_screen( $details, zoombridge_unfitted_meta( $post_id, '_meeting_fields' ) );
	}
	if ( ! zoombridge_is_for_visitors() ) {
		return $details;
	}
	$post = get_post( $post_id );
	if ( ! $post || ! zoombridge_may_see_details( $post ) ) {
		foreach ( array( 'agenda', 'join_url', 'password', 'registration_url' ) as $name ) {
			$details->$name = '';
		}
	}
	return zoombridge_escape_details( $details );
}

/**
 * Fits the details of a managed post to VCZAPI's list and form in wp-admin.
 *
 * @since 0.3.0
 *
 * @param stdClass $details The details, which are changed.
 * @param mixed    $fields  The fields, if they are an array.
 * @return void
 */
function zoombridge_fit_for_screen( stdClass $details, $fields ): void {
	if ( zoombridge_is_undated( $details ) ) {
		$details->type = 5 === $details->type ? 6 : 3;
	}
	if ( empty( $details->password ) && is_array( $fields ) ) {
		// In place of a passcode that it does not show, the form sends the ID of the post.
		$details->password = (string) ( $fields['password'] ?? '' );
	}
}

/**
 * Fits the fields of a managed post to VCZAPI.
 *
 * @since 0.2.0
 *
 * @param array $fields  The fields.
 * @param mixed $details The details, fitted.
 * @return array The fields.
 */
function zoombridge_fit_fields( array $fields, $details ): array {
	// VCZAPI's Import writes a text, with which its form ends in an error.
	$ids = $fields['alternative_host_ids'] ?? array();

	$fields['alternative_host_ids'] = is_array( $ids ) ? $ids : array();
	if ( zoombridge_is_for_visitors() ) {
		// The fields always hold the passcode; the details hold it if visitors may see it.
		$fields['password'] = $details instanceof stdClass ? (string) ( $details->password ?? '' ) : '';
	}
	return $fields;
}

/**
 * Escapes the texts of a meeting, which VCZAPI prints as they are.
 *
 * @since 0.2.0
 *
 * @param stdClass $details The details, which are changed.
 * @return stdClass The details.
 */
function zoombridge_escape_details( stdClass $details ): stdClass {
	foreach ( get_object_vars( $details ) as $name => $value ) {
		// VCZAPI escapes addresses.
		if ( is_string( $value ) && '_url' !== substr( $name, -4 ) ) {
			$details->$name = esc_html( $value );
		}
	}
	return $details;
}

/**
 * Whether a meeting, as VCZAPI knows it, is a single one without a start. VCZAPI would list it as starting now.
 *
 * @since 0.2.0
 *
 * @param stdClass $details The details.
 * @return bool True if it is.
 */
function zoombridge_is_undated( stdClass $details ): bool {
	return empty( $details->start_time ) && in_array( $details->type ?? null, array( 2, 5 ), true );
}

/**
 * Whether the current request shows VCZAPI's list or form in wp-admin.
 *
 * @since 0.2.0
 *
 * @return bool False also where a form is saved: what was fitted must not be written.
 */
function zoombridge_is_vczapi_screen(): bool {
	$is_post = isset( $_SERVER['REQUEST_METHOD'] ) && 'POST' === $_SERVER['REQUEST_METHOD'];
	$page    = $GLOBALS['pagenow'] ?? '';
	return is_admin() && ! $is_post && in_array( $page, array( 'edit.php', 'post.php' ), true );
}

/**
 * Whether VCZAPI answers the author of a post how to join the meeting: it shows them a link to start it, too.
 *
 * @since 0.3.0
 *
 * @param int $post_id ID of the post.
 * @return bool True if it does.
 */
function zoombridge_is_author_joining( int $post_id ): bool {
	$user_id = doing_action( 'wp_ajax_set_timezone' ) ? get_current_user_id() : 0;
	return $user_id && (int) get_post_field( 'post_author', $post_id ) === $user_id;
}

/**
 * Whether the current request shows something to visitors of the site.
 *
 * @since 0.2.0
 *
 * @return bool True for pages, and for VCZAPI's answers to their scripts.
 */
function zoombridge_is_for_visitors(): bool {
	if ( wp_doing_ajax() ) {
		// phpcs:ignore WordPress.Security -- It is compared only.
		$action = $_REQUEST['action'] ?? '';
		return in_array( $action, array( 'set_timezone', 'vczapi_list_meeting_shortcode_ajax_handler' ), true );
	}
	if ( zoombridge_is_in_vczapi_shortcode() ) {
		return true;
	}
	$is_rest = defined( 'REST_REQUEST' ) && REST_REQUEST;
	return ! is_admin() && ! $is_rest && ! wp_doing_cron() && 'cli' !== PHP_SAPI;
}

/**
 * Tells whether a page says that its meeting is cancelled.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return bool True if it does.
 */
function zoombridge_is_cancelled_page( int $post_id ): bool {
	return 'cancelled' === zoombridge_phase_in( (string) get_post_meta( $post_id, '_zoombridge_html', true ) );
}

/**
 * Returns what a list shows of a meeting in place of its date.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return string The words; empty for a meeting with a date.
 */
function zoombridge_list_note( int $post_id ): string {
	if ( zoombridge_is_cancelled_page( $post_id ) ) {
		return __( 'Cancelled', 'meetings-bridge-for-zoom' );
	}
	$details    = get_post_meta( $post_id, '_meeting_zoom_details', true );
	$is_undated = $details instanceof stdClass && zoombridge_is_undated( $details );
	return $is_undated ? __( 'No fixed time', 'meetings-bridge-for-zoom' ) : '';
}

/**
 * Lists meetings without a fixed time by a template of this plugin's own, and cancelled ones in the archive alone.
 *
 * @since 0.2.0
 *
 * @param string|false $template Path of the template.
 * @param string       $slug     First part of its name.
 * @param string       $name     Second part of its name.
 * @return string|false The path.
 */
function zoombridge_choose_list_template( $template, $slug, $name ) {
	$post_id = (int) get_the_ID();
	$is_list = in_array( "$slug-$name", array( 'shortcode/zoom-listing', 'content-meeting' ), true );
	if ( ! $is_list || ! $post_id || ! zoombridge_is_managed_post( $post_id ) ) {
		return $template;
	}
	if ( 'content' !== $slug && zoombridge_is_cancelled_page( $post_id ) ) {
		return __DIR__ . '/vczapi-unlisted.php';
	}
	return '' === zoombridge_list_note( $post_id ) ? $template : __DIR__ . '/vczapi-listed.php';
}
add_filter( 'vcz_get_template_part', 'zoombridge_choose_list_template', 10, 3 );
