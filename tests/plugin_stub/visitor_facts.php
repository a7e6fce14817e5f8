<?php
/**
 * Reads what visitors are told of meetings as the plugin does, without WordPress.
 *
 * Reads from standard input a JSON array of objects with `html`, `start`, `duration` and `now`; writes for each the
 * metas by which lists are selected, the state of the meeting and the states that follow, as a JSON array.
 *
 * @package Zoom_WordPress_Bridge
 */

define( 'ABSPATH', __DIR__ );
define( 'MINUTE_IN_SECONDS', 60 );
define( 'HOUR_IN_SECONDS', 3600 );
date_default_timezone_set( 'UTC' ); // As WordPress does.

/**
 * Stands in for WordPress's function, which translates.
 *
 * @param string $text The text.
 * @return string The text.
 */
function __( string $text ): string {
	return $text;
}

require dirname( __DIR__, 2 ) . '/plugin_stub/visitors-facts.php';

$zoombridge_result = array();
foreach ( json_decode( stream_get_contents( STDIN ), true ) as $zoombridge_one ) {
	$zoombridge_start = zoombridge_utc_time( $zoombridge_one['start'] );
	$zoombridge_facts = array(
		'start'   => ZOOMBRIDGE_NEVER_OVER === $zoombridge_one['start'] ? null : $zoombridge_start,
		'end'     => $zoombridge_start + 60 * $zoombridge_one['duration'],
		'phase'   => zoombridge_phase_in( $zoombridge_one['html'] ),
		'is_live' => zoombridge_live_since( $zoombridge_one['html'] ) > 0,
	);

	list( $zoombridge_html, $zoombridge_text, $zoombridge_minutes ) = array_values( $zoombridge_one );

	$zoombridge_result[] = array(
		'metas' => zoombridge_date_metas( $zoombridge_html, $zoombridge_text, $zoombridge_minutes ),
		'state' => zoombridge_meeting_state( $zoombridge_facts, $zoombridge_one['now'] ),
		'later' => zoombridge_later_states( $zoombridge_facts, $zoombridge_one['now'] ),
	);
}
echo json_encode( $zoombridge_result );
