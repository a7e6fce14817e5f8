<?php
/**
 * Makes posts as the plugin's form does. It needs neither the plugin nor its double.
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Creates a post as the plugin's own form does, with every meta that it would write.
 *
 * @param array $details What Zoom's REST API answered; a stdClass is stored.
 * @param array $fields  What differs from the form's own values.
 * @return int ID of the post.
 */
function vczapi_double_make( array $details, array $fields = array() ): int {
	$details = json_decode( (string) wp_json_encode( $details ) );
	$webinar = in_array( $details->type ?? 2, array( 5, 6, 9 ), true );
	$zone    = new DateTimeZone( $details->timezone ?? 'UTC' );
	$start   = new DateTimeImmutable( $details->start_time ?? 'tomorrow', new DateTimeZone( 'UTC' ) );
	$number  = (string) $details->id;
	$post    = wp_insert_post(
		array(
			'post_type'    => 'zoom-meetings',
			'post_status'  => 'publish',
			'post_title'   => $details->topic,
			'post_content' => 'Written by an editor.',
			'post_author'  => get_users( array( 'fields' => 'ID', 'number' => 1 ) )[0],
		)
	);
	$fields += array(
		'userId'                     => $details->host_id ?? 'a-host-of-zoom',
		'meeting_type'               => $webinar ? 2 : 1,
		'start_date'                 => $start->setTimezone( $zone )->format( 'Y-m-d H:i' ),
		'timezone'                   => $zone->getName(),
		'duration'                   => $details->duration ?? 40,
		'password'                   => $details->password ?? '',
		'meeting_authentication'     => '',
		'join_before_host'           => '',
		'jbh_time'                   => '',
		'option_host_video'          => '',
		'option_participants_video'  => '',
		'option_mute_participants'   => '',
		'option_auto_recording'      => 'none',
		'disable_waiting_room'       => '',
		'alternative_host_ids'       => array(),
		'site_option_logged_in'      => '',
		'site_option_browser_join'   => '',
		'site_option_enable_debug_log' => '',
	);
	$metas   = array(
		'_meeting_zoom_meeting_id'      => $number,
		'_meeting_zoom_details'         => $details,
		'_meeting_fields'               => $fields,
		'_meeting_zoom_join_url'        => $details->join_url ?? 'https://us02web.zoom.us/j/' . $number,
		'_meeting_zoom_start_url'       => $details->start_url ?? '',
		'_meeting_field_start_date_utc' => $start->format( 'Y-m-d H:i:s' ),
		'_vczapi_meeting_type'          => $webinar ? 'webinar' : 'meeting',
	);
	foreach ( $metas as $key => $value ) {
		add_post_meta( $post, $key, $value, true );
	}
	return $post;
}
