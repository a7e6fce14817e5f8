<?php
/**
 * Edit screens that are open while the bridge writes the post: what the editor did not touch keeps what stands by then.
 *
 * The classic form carries digests of title and text, as they were when it was opened. The block editor sends a title
 * only where it was changed; a script keeps it from sending a text that was not.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Prints what the form shows of title and text.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return void
 */
function zoombridge_render_opened( $post ): void {
	if ( 'zoom-meetings' !== $post->post_type || ! zoombridge_is_managed_post( $post->ID ) ) {
		return;
	}
	foreach ( array( 'post_title', 'post_content' ) as $column ) {
		$digest = zoombridge_text_digest( get_post_field( $column, $post->ID, 'raw' ) );
		$name   = "zoombridge_opened[$column]";
		printf( '<input type="hidden" name="%s" value="%s">', esc_attr( $name ), esc_attr( $digest ) );
	}
}
add_action( 'edit_form_after_title', 'zoombridge_render_opened' );

/**
 * Returns a digest of a text, as a form sends it: with other line ends.
 *
 * @since 0.2.0
 *
 * @param string $text The text.
 * @return string The digest.
 */
function zoombridge_text_digest( string $text ): string {
	return hash( 'sha256', trim( (string) preg_replace( '/\R/', "\n", $text ) ) );
}

/**
 * Keeps title and text of a managed post as they stand, where the editor did not touch them.
 *
 * @since 0.2.0
 *
 * @param array $data    Columns of the post, slashed.
 * @param array $postarr The post, slashed.
 * @return array The columns.
 */
function zoombridge_keep_untouched( $data, $postarr ) {
	$post_id = (int) ( $postarr['ID'] ?? 0 );
	// phpcs:disable WordPress.Security -- WordPress has verified the form; digests are compared only.
	$opened = $_POST['zoombridge_opened'] ?? null;
	if ( ! is_array( $opened ) || ! $post_id || (int) ( $_POST['post_ID'] ?? 0 ) !== $post_id ) {
		return $data;
	}
	$given = array(
		'post_title'   => wp_unslash( $_POST['post_title'] ?? '' ),
		'post_content' => wp_unslash( $_POST['content'] ?? '' ),
	);
	// phpcs:enable
	foreach ( $given as $column => $text ) {
		if ( is_string( $text ) && zoombridge_text_digest( $text ) === ( $opened[ $column ] ?? '' ) ) {
			$data[ $column ] = wp_slash( get_post_field( $column, $post_id, 'raw' ) );
		}
	}
	return $data;
}
add_filter( 'wp_insert_post_data', 'zoombridge_keep_untouched', 20, 2 );

/**
 * Keeps the block editor from sending a text that its user did not touch.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_watch_block_editor(): void {
	$screen = get_current_screen();
	$post   = $screen && 'post' === $screen->base ? get_post() : null;
	if ( ! $post || 'zoom-meetings' !== $post->post_type || ! zoombridge_is_managed_post( $post->ID ) ) {
		return;
	}
	$needs  = array( 'wp-api-fetch', 'wp-blocks', 'wp-data' );
	$script = plugins_url( 'assets/editor.js', __FILE__ );
	$opened = array(
		'post'    => $post->ID,
		'content' => $post->post_content,
	);
	wp_enqueue_script( 'zoombridge-editor', $script, $needs, ZOOMBRIDGE_VERSION, true );
	$json = (string) wp_json_encode( $opened, JSON_HEX_TAG | JSON_HEX_AMP );
	wp_add_inline_script( 'zoombridge-editor', 'window.zoombridgeEditor = ' . $json . ';', 'before' );
}
add_action( 'enqueue_block_editor_assets', 'zoombridge_watch_block_editor' );
