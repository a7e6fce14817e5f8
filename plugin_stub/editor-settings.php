<?php
/**
 * The setting that chooses the editor of meetings, under Settings > Writing. VCZAPI chooses for its own post type.
 *
 * The default is the editor that the site has for its posts: what people know, and where the plugin's blocks are.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Returns which editor the site has chosen for meetings.
 *
 * @since 0.2.0
 *
 * @return string `block` or `classic`.
 */
function zoombridge_editor(): string {
	return 'classic' === get_option( 'zoombridge_editor' ) ? 'classic' : 'block';
}

/**
 * Keeps the classic editor for meetings where the site has chosen it.
 *
 * @since 0.1.0
 *
 * @param bool   $use_block_editor Whether the post type is edited in the block editor.
 * @param string $post_type        Name of the post type.
 * @return bool False for meetings, where this plugin registered their post type and the site has chosen so.
 */
function zoombridge_use_classic_editor( $use_block_editor, $post_type ) {
	if ( 'zoom-meetings' === $post_type && zoombridge_owns_post_type() && 'classic' === zoombridge_editor() ) {
		return false;
	}
	return $use_block_editor;
}
add_filter( 'use_block_editor_for_post_type', 'zoombridge_use_classic_editor', 10, 2 );

/**
 * Registers the setting, and its field where this plugin registered the post type.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_register_editor_setting(): void {
	register_setting(
		'writing',
		'zoombridge_editor',
		array(
			'type'              => 'string',
			'sanitize_callback' => 'zoombridge_sanitize_editor',
			'default'           => 'block',
		)
	);
	if ( zoombridge_owns_post_type() ) {
		add_settings_field(
			'zoombridge_editor',
			esc_html__( 'Editor for Zoom meetings', 'meetings-bridge-for-zoom' ),
			'zoombridge_render_editor_setting',
			'writing',
			'default',
			array( 'label_for' => 'zoombridge_editor' )
		);
	}
}
add_action( 'admin_init', 'zoombridge_register_editor_setting' );

/**
 * Returns a name of an editor for anything that a form may send.
 *
 * @since 0.2.0
 *
 * @param mixed $value The value; null where the form has no field.
 * @return string `block` or `classic`; what is stored for null.
 */
function zoombridge_sanitize_editor( $value ): string {
	if ( null === $value ) {
		return zoombridge_editor();
	}
	return 'classic' === $value ? 'classic' : 'block';
}

/**
 * Prints the field.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_editor_setting(): void {
	$editors = array(
		'block'   => __( 'The same as for posts', 'meetings-bridge-for-zoom' ),
		'classic' => __( 'Classic editor', 'meetings-bridge-for-zoom' ),
	);
	echo '<select id="zoombridge_editor" name="zoombridge_editor">';
	foreach ( $editors as $editor => $label ) {
		$is_chosen = selected( zoombridge_editor(), $editor, false );
		printf( '<option value="%s"%s>%s</option>', esc_attr( $editor ), esc_attr( $is_chosen ), esc_html( $label ) );
	}
	echo '</select>';
}
