<?php
/**
 * Edit screens that are open while the bridge writes the post: what the editor did not touch keeps what stands by then.
 *
 * The classic form carries digests of title and text, as they were when it was opened. The block editor sends a title
 * only where it was changed; a script keeps it from sending a text that was not. Quick edit sends the title that the
 * list shows, and carries digests of those. An autosave sends what its screen shows; of what the bridge has replaced,
 * the post has the hashes. The visual editor of the classic form writes a text in its own way, touched or not.
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
		$digest = zoombridge_text_digest( get_post_field( $column, $post->ID, 'raw' ), $column );
		$name   = "zoombridge_opened[$column]";
		printf( '<input type="hidden" name="%s" value="%s">', esc_attr( $name ), esc_attr( $digest ) );
	}
}
add_action( 'edit_form_after_title', 'zoombridge_render_opened' );

/**
 * Returns a digest of a text, the same for every form in which a screen sends it.
 *
 * @since 0.2.0
 *
 * @param string $text   The text.
 * @param string $column `post_title` or `post_content`.
 * @return string The digest.
 */
function zoombridge_text_digest( string $text, string $column ): string {
	return hash( 'sha256', zoombridge_unify_text( $text, $column ) );
}

/**
 * Returns a text in one form, whatever the form in which a screen sends it that nobody touched.
 *
 * All have other line ends. The visual editor sends paragraphs and line breaks as line feeds, and entities as the
 * characters that they stand for. That is undone in texts of paragraphs, line breaks and links, as the bridge writes
 * them: in others, spaces may count.
 *
 * @since 0.3.0
 *
 * @param string $text   The text.
 * @param string $column `post_title` or `post_content`.
 * @return string The text, to be compared only.
 */
function zoombridge_unify_text( string $text, string $column ): string {
	if ( 'post_content' === $column && ! preg_match( '#<(?!/?(?:p|br|a)\b)#i', $text ) ) {
		$text = html_entity_decode( wpautop( $text ), ENT_QUOTES | ENT_HTML5, 'UTF-8' );
		$text = preg_replace( '/[\s\x{A0}]+/u', ' ', $text ) ?? $text;
		$text = preg_replace( '#\s*(</?(?:p|br)\b[^>]*>)\s*#i', '$1', $text ) ?? $text;
	}
	return trim( (string) preg_replace( '/\R/', "\n", $text ) );
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
		if ( is_string( $text ) && zoombridge_text_digest( $text, $column ) === ( $opened[ $column ] ?? '' ) ) {
			$data[ $column ] = wp_slash( get_post_field( $column, $post_id, 'raw' ) );
		}
	}
	return $data;
}
add_filter( 'wp_insert_post_data', 'zoombridge_keep_untouched', 20, 2 );

/**
 * Prints in the form of quick edit which titles the list shows.
 *
 * @since 0.3.0
 *
 * @param string $column    Name of a column; the form has a part for each.
 * @param string $post_type Type of the posts.
 * @return void
 */
function zoombridge_render_listed( $column, $post_type ): void {
	global $wp_query;
	if ( 'zoom-meetings' !== $post_type || 'zoombridge_date' !== $column ) {
		return;
	}
	$listed = array();
	// Where another plugin lists pages by their parents, there is no title to compare.
	foreach ( wp_list_filter( $wp_query->posts, array( 'post_type' => 'zoom-meetings' ) ) as $post ) {
		$listed[] = $post->ID . '.' . substr( zoombridge_text_digest( $post->post_title, 'post_title' ), 0, 16 );
	}
	printf( '<input type="hidden" name="zoombridge_listed" value="%s">', esc_attr( implode( ' ', $listed ) ) );
}
add_action( 'quick_edit_custom_box', 'zoombridge_render_listed', 10, 2 );

/**
 * Keeps the title of a managed post as it stands, where quick edit sends the one that its list shows.
 *
 * @since 0.3.0
 *
 * @param array $data    Columns of the post, slashed.
 * @param array $postarr The post, slashed.
 * @return array The columns.
 */
function zoombridge_keep_listed( $data, $postarr ) {
	$post_id = (int) ( $postarr['ID'] ?? 0 );
	// phpcs:disable WordPress.Security -- WordPress has verified the form; digests are compared only.
	$listed = $_POST['zoombridge_listed'] ?? null;
	$title  = wp_unslash( $_POST['post_title'] ?? '' );
	$is_our = $post_id && (int) ( $_POST['post_ID'] ?? 0 ) === $post_id;
	// phpcs:enable
	if ( ! $is_our || ! is_string( $listed ) || ! is_string( $title ) || ! zoombridge_is_managed_post( $post_id ) ) {
		return $data;
	}
	$digest = substr( zoombridge_text_digest( $title, 'post_title' ), 0, 16 );
	$row    = zoombridge_sync_read_rows( array( $post_id ) )[ $post_id ] ?? null;
	if ( null === $row || ! in_array( "$post_id.$digest", explode( ' ', $listed ), true ) ) {
		return $data;
	}
	// Where an editor's title stands, somebody types the one before it again.
	if ( zoombridge_sync_is_bridges_title( $row ) ) {
		$data['post_title'] = wp_slash( $row['post_title'] );
	}
	return $data;
}
add_filter( 'wp_insert_post_data', 'zoombridge_keep_listed', 20, 2 );

/**
 * Keeps title and text of a draft as they stand, where an autosave sends them in another form, or those that the bridge
 * has replaced.
 *
 * @since 0.3.0
 *
 * @param array $data    Columns of the post, slashed.
 * @param array $postarr The post, slashed.
 * @return array The columns.
 */
function zoombridge_keep_replaced( $data, $postarr ) {
	$post_id = (int) ( $postarr['ID'] ?? 0 );
	if ( ! $post_id || ! defined( 'DOING_AUTOSAVE' ) || 'zoom-meetings' !== ( $data['post_type'] ?? '' ) ) {
		return $data;
	}
	$row = zoombridge_sync_read_rows( array( $post_id ) )[ $post_id ] ?? null;
	if ( null === $row ) {
		return $data;
	}
	$wrote = zoombridge_sync_wrote_parts( $row );
	foreach ( array( 'post_title', 'post_content' ) as $index => $column ) {
		$hash   = zoombridge_replaced_hash( wp_unslash( $data[ $column ] ), $column );
		$known  = explode( '-', $wrote[ 3 + $index ] );
		$is_our = 'post_title' === $column
			? zoombridge_sync_is_bridges_title( $row )
			: zoombridge_sync_text_hash( $row[ $column ] ) === $wrote[ $index ];
		array_push( $known, zoombridge_replaced_hash( $row[ $column ], $column ) );
		if ( $is_our && in_array( $hash, $known, true ) ) {
			$data[ $column ] = wp_slash( $row[ $column ] );
		}
	}
	return $data;
}
add_filter( 'wp_insert_post_data', 'zoombridge_keep_replaced', 20, 2 );

/**
 * Writes square brackets of Zoom's text as entities again, where a screen sends them as they look: WordPress would take
 * them for a shortcode.
 *
 * @since 0.3.0
 *
 * @param array $data    Columns of the post, slashed.
 * @param array $postarr The post, slashed.
 * @return array The columns.
 */
function zoombridge_keep_brackets( $data, $postarr ) {
	$post_id = (int) ( $postarr['ID'] ?? 0 );
	if ( ! $post_id || 'zoom-meetings' !== ( $data['post_type'] ?? '' ) || zoombridge_is_own_write( $post_id ) ) {
		return $data;
	}
	$before = (string) get_post_field( 'post_content', $post_id, 'raw' );
	if ( ! preg_match( '/&#0?91;/', $before ) || ! zoombridge_is_managed_post( $post_id ) ) {
		return $data;
	}
	$shown  = html_entity_decode( $before, ENT_QUOTES | ENT_HTML5, 'UTF-8' );
	$escape = static function ( array $found ) use ( $before, $shown ): string {
		$is_text = false === strpos( $before, $found[0] ) && false !== strpos( $shown, $found[0] );
		return $is_text ? '&#091;' . substr( $found[0], 1, -1 ) . '&#093;' : $found[0];
	};

	$text                 = wp_unslash( $data['post_content'] );
	$data['post_content'] = wp_slash( preg_replace_callback( '/\[[^\[\]]*\]/', $escape, $text ) ?? $text );
	return $data;
}
add_filter( 'wp_insert_post_data', 'zoombridge_keep_brackets', 21, 2 );

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
