<?php
/**
 * Filters calendars as the plugin does, without WordPress.
 *
 * Reads from standard input a JSON object with `calendars` and `public`, the IDs of public posts; writes the filtered
 * calendars as a JSON array. Calendars are in Base64, as they need not be UTF-8.
 *
 * @package Zoom_WordPress_Bridge
 */

define( 'ABSPATH', __DIR__ );

/**
 * Stands in for WordPress's function, which registers what is not needed here.
 *
 * @return void
 */
function add_action(): void {
}

require dirname( __DIR__, 2 ) . '/plugin_stub/calendar.php';

$zoombridge_input  = json_decode( stream_get_contents( STDIN ), true );
$zoombridge_result = array();
foreach ( $zoombridge_input['calendars'] as $zoombridge_calendar ) {
	$zoombridge_result[] = base64_encode(
		zoombridge_filter_calendar(
			base64_decode( $zoombridge_calendar, true ),
			static function ( int $post_id ) use ( $zoombridge_input ): bool {
				return in_array( $post_id, $zoombridge_input['public'], true );
			},
			static function (): bool {
				return false;
			}
		)
	);
}
echo json_encode( $zoombridge_result );
