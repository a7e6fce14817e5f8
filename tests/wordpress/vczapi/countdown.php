<?php
/**
 * The double's template of the countdown on a meeting's page. Seen with 4.6.7: for each meeting with a start.
 *
 * @package Zoom_WordPress_Bridge
 */

$start = get_post_meta( get_the_ID(), '_meeting_zoom_details', true )->start_time ?? '';
if ( '' !== $start ) {
	printf( '<div class="dpn-zvc-timer" id="dpn-zvc-timer" data-date="%s"></div>', esc_attr( $start ) );
}
