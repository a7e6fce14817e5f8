<?php
/**
 * VCZAPI's form on the edit screen of managed posts.
 *
 * Posts that VCZAPI's form made keep it. With it goes a record of what it showed, so that what the editor changed can
 * be told from what it shows otherwise than it is. Posts that the bridge made have no such form, and saving them never
 * reaches Zoom.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Has VCZAPI's form record what it shows, or removes it from a post that the bridge made.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return void
 */
function zoombridge_prepare_form( $post ): void {
	global $wp_meta_boxes;
	$is_own = zoombridge_is_made_by_bridge( $post->ID );
	foreach ( $wp_meta_boxes['zoom-meetings'] ?? array() as $context => $priorities ) {
		foreach ( $priorities as $priority => $boxes ) {
			if ( $is_own ) {
				zoombridge_remove_boxes( $boxes, $context );
			} elseif ( ! empty( $boxes['zoom-meeting-meta'] ) ) {
				$print_form = $boxes['zoom-meeting-meta']['callback'];

				$boxes['zoom-meeting-meta']['callback'] = zoombridge_record_form( $print_form );

				// phpcs:ignore WordPress.WP.GlobalVariablesOverride -- Its form, recorded as it is printed.
				$wp_meta_boxes['zoom-meetings'][ $context ][ $priority ] = $boxes;
			}
		}
	}
}
add_action( 'add_meta_boxes_zoom-meetings', 'zoombridge_prepare_form', PHP_INT_MAX );

/**
 * Removes VCZAPI's boxes from the edit screen.
 *
 * @since 0.2.0
 *
 * @param array  $boxes   Boxes by ID.
 * @param string $context Where on the screen they are.
 * @return void
 */
function zoombridge_remove_boxes( array $boxes, string $context ): void {
	foreach ( preg_grep( '/^zoom-meeting-/', array_keys( $boxes ) ) as $id ) {
		remove_meta_box( $id, 'zoom-meetings', $context );
	}
}

/**
 * Returns a callback that prints a form, and after it a hidden field with what it shows.
 *
 * @since 0.2.0
 *
 * @param callable $print_form Prints the form.
 * @return callable The callback.
 */
function zoombridge_record_form( $print_form ): callable {
	return static function ( $post, $box ) use ( $print_form ): void {
		ob_start();
		call_user_func( $print_form, $post, $box );
		$shown = zoombridge_form_values( (string) ob_get_flush() );

		$shown['post_title'] = get_post_field( 'post_title', $post->ID, 'raw' );
		// Without signs that HTML could take for its own: WordPress does not escape "&amp;" again.
		$json = wp_json_encode( $shown, JSON_HEX_AMP | JSON_HEX_QUOT | JSON_HEX_APOS | JSON_HEX_TAG );
		printf( '<input type="hidden" name="zoombridge_shown" value="%s">', esc_attr( $json ) );
	};
}

/**
 * Returns the values that a browser sends of a form, if nothing is changed in it.
 *
 * @since 0.2.0
 *
 * @param string $html HTML of the form.
 * @return array Texts, or lists of texts, by name.
 */
function zoombridge_form_values( string $html ): array {
	$tag     = '((?:[^>"\']|"[^"]*"|\'[^\']*\')*)>';
	$values  = array();
	$selects = "~<select\b$tag(.*?)</select>~is";
	preg_match_all( $selects, $html, $found, PREG_SET_ORDER );
	foreach ( $found as $select ) {
		$attributes = zoombridge_form_attributes( $select[1] );
		preg_match_all( "~<option\b$tag~i", $select[2], $options );
		$options = array_map( 'zoombridge_form_attributes', $options[1] );

		$values[ $attributes['name'] ?? '' ] = zoombridge_chosen_options( $options, isset( $attributes['multiple'] ) );
	}
	preg_match_all( "~<input\b$tag~i", $html, $inputs );
	foreach ( array_filter( array_map( 'zoombridge_form_attributes', $inputs[1] ), 'zoombridge_is_sent' ) as $input ) {
		$values[ $input['name'] ?? '' ][] = $input['value'] ?? '';
	}
	$shown = array();
	foreach ( $values as $name => $list ) {
		$is_list = '[]' === substr( $name, -2 );

		$shown[ $is_list ? substr( $name, 0, -2 ) : $name ] = $is_list ? $list : (string) end( $list );
	}
	return $shown;
}

/**
 * Returns the attributes of an element.
 *
 * @since 0.2.0
 *
 * @param string $text The attributes, as HTML.
 * @return string[] Values by name in lower case.
 */
function zoombridge_form_attributes( string $text ): array {
	$attributes = array();
	$pattern    = '~([^\s=/"\']+)(?:\s*=\s*(?:"([^"]*)"|\'([^\']*)\'|([^\s"\']+)))?~';
	preg_match_all( $pattern, $text, $found, PREG_SET_ORDER );
	foreach ( $found as $one ) {
		$value = ( $one[2] ?? '' ) . ( $one[3] ?? '' ) . ( $one[4] ?? '' );

		$attributes[ strtolower( $one[1] ) ] = html_entity_decode( $value, ENT_QUOTES | ENT_HTML5, 'UTF-8' );
	}
	return $attributes;
}

/**
 * Whether a browser sends an element `input`.
 *
 * @since 0.2.0
 *
 * @param string[] $attributes Its attributes.
 * @return bool False for boxes without a tick.
 */
function zoombridge_is_sent( array $attributes ): bool {
	$is_box = in_array( strtolower( $attributes['type'] ?? '' ), array( 'checkbox', 'radio' ), true );
	return ! $is_box || isset( $attributes['checked'] );
}

/**
 * Returns the values that a browser sends of an element `select`.
 *
 * @since 0.2.0
 *
 * @param array $options     Attributes of its options.
 * @param bool  $is_multiple Whether several may be selected.
 * @return string[] The values: those that are selected, or the first where one must be.
 */
function zoombridge_chosen_options( array $options, bool $is_multiple ): array {
	$chosen = array_filter(
		$options,
		static function ( array $option ): bool {
			return isset( $option['selected'] );
		}
	);
	if ( ! $chosen && ! $is_multiple ) {
		$chosen = array_slice( $options, 0, 1 );
	}
	return array_column( $chosen, 'value' );
}

/**
 * Begins a save of VCZAPI's form, right before VCZAPI.
 *
 * @since 0.2.0
 *
 * @param int     $post_id ID of the post.
 * @param WP_Post $post    The post, as it was saved.
 * @return void
 */
function zoombridge_begin_form_save( $post_id, $post ): void {
	// phpcs:disable WordPress.Security -- VCZAPI verifies its nonce; nothing is done here that it would not do.
	$is_form = isset( $_POST['_zvc_nonce'] ) && zoombridge_has_vczapi() && zoombridge_is_managed_post( (int) $post_id );
	if ( ! $is_form || (int) ( $_POST['post_ID'] ?? 0 ) !== (int) $post_id ) {
		return;
	}
	if ( null === zoombridge_stored_connection() ) {
		return; // No event would bring the change: VCZAPI keeps the post.
	}
	$given = wp_unslash( $_POST );
	// phpcs:enable
	$shown = json_decode( (string) ( $given['zoombridge_shown'] ?? '' ), true );
	zoombridge_form_save( new Zoombridge_Vczapi_Save( $post, is_array( $shown ) ? $shown : null, $given ) );
}
add_action( 'save_post_zoom-meetings', 'zoombridge_begin_form_save', 9, 2 );

/**
 * Ends a save of VCZAPI's form, right after VCZAPI.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return void
 */
function zoombridge_end_form_save( $post_id ): void {
	$save = zoombridge_form_save();
	if ( null === $save ) {
		return;
	}
	zoombridge_form_save( null, true );
	$messages = $save->end();
	if ( $messages ) {
		set_transient( zoombridge_form_note( (int) $post_id ), $messages, 5 * MINUTE_IN_SECONDS );
	}
}
add_action( 'save_post_zoom-meetings', 'zoombridge_end_form_save', 11 );

/**
 * Stores and returns the save of a form that is going on.
 *
 * @since 0.2.0
 *
 * @param Zoombridge_Vczapi_Save|null $save    Optional. The save that begins. Default null: nothing changes.
 * @param bool                        $is_over Optional. Whether the save is over. Default false.
 * @return Zoombridge_Vczapi_Save|null The save, if one is going on.
 */
function zoombridge_form_save( ?Zoombridge_Vczapi_Save $save = null, bool $is_over = false ): ?Zoombridge_Vczapi_Save {
	static $current = null;
	$current        = $is_over ? null : $save ?? $current;
	return $current;
}

/**
 * Returns the name under which messages for the current user about a save are kept until they are shown.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return string The name.
 */
function zoombridge_form_note( int $post_id ): string {
	return 'zoombridge_note_' . get_current_user_id() . '_' . $post_id;
}

/**
 * Prints the messages about the last save of a post.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_form_notes(): void {
	$screen = get_current_screen();
	$post   = get_post();
	if ( ! $screen || 'zoom-meetings' !== $screen->id || ! $post ) {
		return;
	}
	$messages = get_transient( zoombridge_form_note( $post->ID ) );
	delete_transient( zoombridge_form_note( $post->ID ) );
	foreach ( is_array( $messages ) ? $messages : array() as $message ) {
		printf( '<div class="notice notice-warning"><p>%s</p></div>', esc_html( $message ) );
	}
}
add_action( 'admin_notices', 'zoombridge_render_form_notes' );

/**
 * Keeps a save of a post that the bridge made from reaching Zoom.
 *
 * @since 0.2.0
 *
 * @param int $post_id ID of the post.
 * @return void
 */
function zoombridge_begin_own_save( $post_id ): void {
	if ( 'zoom-meetings' === get_post_type( $post_id ) && zoombridge_is_made_by_bridge( (int) $post_id ) ) {
		// Without it, VCZAPI takes the request for no form of its own: it may have been opened before the bridge.
		unset( $_POST['_zvc_nonce'] );
		add_filter( 'pre_http_request', 'zoombridge_refuse_while_saving', PHP_INT_MAX, 3 );
	}
}
add_action( 'pre_post_update', 'zoombridge_begin_own_save', PHP_INT_MIN );

/**
 * Ends that: after all hooks of the save, those of REST included.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_end_own_save(): void {
	remove_filter( 'pre_http_request', 'zoombridge_refuse_while_saving', PHP_INT_MAX );
}
add_action( 'wp_after_insert_post', 'zoombridge_end_own_save', PHP_INT_MAX );

/**
 * Refuses requests to Zoom while such a post is saved.
 *
 * @since 0.2.0
 *
 * @param mixed  $response Response of an earlier filter, or false.
 * @param array  $args     Arguments of the request.
 * @param string $url      Address of the request.
 * @return mixed An error for addresses of Zoom, otherwise the response unchanged.
 */
function zoombridge_refuse_while_saving( $response, $args, $url ) {
	return zoombridge_refuse_zoom_request( $response, $args, $url );
}
