<?php
/**
 * The setting that says from when the link to join is shown, under Settings > Reading.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Registers the setting and its field.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_register_visitors_setting(): void {
	register_setting(
		'reading',
		'zoombridge_join_minutes',
		array(
			'type'              => 'integer',
			'sanitize_callback' => 'absint',
			'default'           => 0,
		)
	);
	add_settings_field(
		'zoombridge_join_minutes',
		'<label for="zoombridge_join_minutes">' . esc_html__( 'Joining Zoom meetings', 'meetings-bridge-for-zoom' )
			. '</label>',
		'zoombridge_render_visitors_setting',
		'reading'
	);
}
add_action( 'admin_init', 'zoombridge_register_visitors_setting' );

/**
 * Prints the field.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_visitors_setting(): void {
	$text = __(
		'The link to join is shown from so many minutes before the start; 0: always. The page holds it all the time.',
		'meetings-bridge-for-zoom'
	);
	printf(
		'<input type="number" class="small-text" min="0" max="10080" step="1" id="zoombridge_join_minutes"'
		. ' name="zoombridge_join_minutes" value="%d" aria-describedby="zoombridge_join_minutes_help">'
		. '<p class="description" id="zoombridge_join_minutes_help">%s</p>',
		(int) zoombridge_join_minutes(),
		esc_html( $text )
	);
}
