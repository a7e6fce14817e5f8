<?php
/**
 * The double's form: "a `zoom-meetings` post is also a form", and each Update sends all of it to Zoom.
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Sends a request to Zoom's API.
 *
 * @param string     $method Method of the request.
 * @param string     $path   Path below `/v2/`.
 * @param array|null $body   Body, for JSON.
 * @return mixed The decoded answer: null where there is none.
 */
function vczapi_double_zoom( string $method, string $path, ?array $body = null ) {
	$args = array(
		'method'  => $method,
		'headers' => array( 'Content-Type' => 'application/json' ),
		'body'    => empty( $body ) ? array() : wp_json_encode( $body ),
	);
	return json_decode( wp_remote_retrieve_body( wp_remote_request( "https://api.zoom.us/v2/$path", $args ) ) );
}

/**
 * Returns the names of the form's boxes, which differ for meetings and webinars.
 *
 * @param bool $is_webinar Whether the post is a webinar.
 * @return string[] The setting of Zoom's API that each box, by its name, stands for.
 */
function vczapi_double_boxes( bool $is_webinar ): array {
	$both = array( 'option_host_video' => 'host_video' );
	return $both + ( $is_webinar ? array(
		'panelists_video'        => 'panelists_video',
		'practice_session'       => 'practice_session',
		'hd_video'               => 'hd_video',
		'allow_multiple_devices' => 'allow_multiple_devices',
	) : array(
		'meeting_authentication'    => 'meeting_authentication',
		'join_before_host'          => 'join_before_host',
		'option_participants_video' => 'participant_video',
		'option_mute_participants'  => 'mute_upon_entry',
	) );
}

add_action(
	'add_meta_boxes',
	static function () {
		add_meta_box( 'zoom-meeting-meta', 'Zoom form', 'vczapi_double_form', 'zoom-meetings', 'normal' );
		add_meta_box( 'zoom-meeting-meta-side', 'Links', 'vczapi_double_side', 'zoom-meetings', 'side', 'high' );
		add_meta_box( 'zoom-meeting-debug-meta', 'Log', '__return_null', 'zoom-meetings', 'normal' );
	}
);

/**
 * Prints the form.
 *
 * @param WP_Post $post The post.
 * @return void
 */
function vczapi_double_form( $post ): void {
	$fields  = (array) ( get_post_meta( $post->ID, '_meeting_fields', true ) ?: array() );
	$details = get_post_meta( $post->ID, '_meeting_zoom_details', true ) ?: new stdClass();
	// "Its cached user list maps id to address."
	$users = vczapi_double_zoom( 'GET', 'users' )->users ?? array();
	$ids   = $fields['alternative_host_ids'] ?? array();
	wp_nonce_field( '_zvc_meeting_save', '_zvc_nonce' );
	$values = array(
		'userId'       => $fields['userId'] ?? '',
		'meeting_type' => $fields['meeting_type'] ?? 1,
		'start_date'   => $fields['start_date'] ?? '',
		// "Its passcode field is filled from `_meeting_zoom_details->password`."
		'password'     => $details->password ?? '',
	);
	foreach ( $values as $name => $value ) {
		printf( '<input type="text" name="%s" value="%s">', esc_attr( $name ), esc_attr( $value ) );
	}
	// "Pacific/Apia becomes Pacific/Midway": the first of the zones that it offers.
	echo '<select name="timezone">';
	foreach ( array( 'Pacific/Midway', 'UTC', 'Europe/London', 'Europe/Berlin', 'America/New_York' ) as $zone ) {
		$is_chosen = selected( $zone, $fields['timezone'] ?? 'UTC', false );
		printf( '<option value="%s" %s>%1$s</option>', esc_attr( $zone ), $is_chosen );
	}
	echo '</select><select name="option_duration_hour">';
	// "Duration empty becomes 40."
	$minutes = (int) ( ( $fields['duration'] ?? 0 ) ?: 40 );
	foreach ( range( 0, 24 ) as $hours ) {
		printf( '<option value="%d" %s>%1$d</option>', $hours, selected( intdiv( $minutes, 60 ), $hours, false ) );
	}
	echo '</select><select name="option_duration_minutes">';
	// Seen with 4.6.7: 40 minutes select 45, and 45 select nothing, so that the form sends 0, which becomes 40.
	foreach ( array( 0 => 0, 15 => 15, 30 => 30, 45 => 40 ) as $offered => $selecting ) {
		printf( '<option value="%d" %s>%1$d</option>', $offered, selected( $minutes % 60, $selecting, false ) );
	}
	echo '</select><select name="option_auto_recording">';
	foreach ( array( 'none', 'local', 'cloud' ) as $how ) {
		$is_chosen = selected( $fields['option_auto_recording'] ?? 'none', $how, false );
		printf( '<option value="%s" %s>%1$s</option>', esc_attr( $how ), $is_chosen );
	}
	echo '</select><select name="jbh_time">';
	foreach ( array( 0, 5, 10, 15 ) as $offered ) {
		$is_chosen = selected( $fields['jbh_time'] ?? 0, $offered, false );
		printf( '<option value="%d" %s>%1$d</option>', $offered, $is_chosen );
	}
	echo '</select>';
	// "A form shows what a webhook does not tell as unticked."
	$boxes = array_keys( vczapi_double_boxes( 2 === $values['meeting_type'] ) );
	foreach ( array_fill_keys( $boxes, '1' ) + array( 'disable-waiting-room' => 'yes' ) as $name => $ticked ) {
		$is_ticked = checked( $fields[ str_replace( '-', '_', $name ) ] ?? '', $ticked, false );
		printf( '<input type="checkbox" name="%s" value="%s" %s>', esc_attr( $name ), esc_attr( $ticked ), $is_ticked );
	}
	// "The form's options are ids", and a text instead of a list "breaks its edit screen on PHP 8".
	echo '<select name="alternative_host_ids[]" multiple>';
	foreach ( $users as $user ) {
		$is_chosen = in_array( $user->id, $ids, true ) ? 'selected' : '';
		printf( '<option value="%s" %s>%s</option>', esc_attr( $user->id ), $is_chosen, esc_html( $user->email ) );
	}
	echo '</select>';
	// "The site's own choices live in the same array."
	foreach ( array( 'logged_in', 'browser_join' ) as $name ) {
		$is_ticked = checked( $fields[ "site_option_$name" ] ?? '', '1', false );
		printf( '<input type="checkbox" name="option_%s" value="1" %s>', esc_attr( $name ), $is_ticked );
	}
}

/**
 * Prints the links of a meeting.
 *
 * @param WP_Post $post The post.
 * @return void
 */
function vczapi_double_side( $post ): void {
	$details = get_post_meta( $post->ID, '_meeting_zoom_details', true );
	if ( ! $details || ( ! empty( $details->code ) && ! empty( $details->message ) ) ) {
		// "A refused PATCH leaves `{code, message}` as details."
		echo '<p class="vczapi-error">' . esc_html( $details->message ?? 'Meeting not created yet.' ) . '</p>';
		return;
	}
	// "The edit screen reads `details->start_url`; absent gives a PHP warning."
	printf( '<a class="vczapi-start" href="%s">Start</a>', esc_url( $details->start_url ) );
}

add_action(
	'save_post_zoom-meetings',
	static function ( $post_id, $post ) {
		// "In 4.6.7, saving through REST or `wp_insert_post` never calls Zoom (its save wants its own nonce)."
		$nonce = sanitize_text_field( wp_unslash( $_POST['_zvc_nonce'] ?? '' ) );
		if ( ! wp_verify_nonce( $nonce, '_zvc_meeting_save' ) || ! current_user_can( 'edit_post', $post_id ) ) {
			return;
		}
		if ( wp_is_post_revision( $post_id ) || wp_is_post_autosave( $post_id ) ) {
			return;
		}
		$given  = wp_unslash( $_POST );
		$fields = vczapi_double_read( $post_id, $given );
		do_action( 'vczapi_admin_before_zoom_meeting_is_created', $fields );
		update_post_meta( $post_id, '_meeting_fields', $fields );
		update_post_meta( $post_id, '_vczapi_meeting_type', 2 === $fields['meeting_type'] ? 'webinar' : 'meeting' );
		$start = new DateTime( $fields['start_date'], new DateTimeZone( $fields['timezone'] ) );
		$start->setTimezone( new DateTimeZone( 'UTC' ) );
		update_post_meta( $post_id, '_meeting_field_start_date_utc', $start->format( 'Y-m-d H:i:s' ) );
		vczapi_double_send( $post, apply_filters( 'vczapi_admin_meeting_fields', $fields ) );
		do_action( 'vczapi_admin_after_zoom_meeting_is_created', $post_id, $post );
	},
	10,
	2
);

/**
 * Reads `_meeting_fields` from the submitted form.
 *
 * @param int   $post_id The post.
 * @param array $given   The submitted values.
 * @return array The fields.
 */
function vczapi_double_read( int $post_id, array $given ): array {
	$minutes = 60 * (int) ( $given['option_duration_hour'] ?? 0 ) + (int) ( $given['option_duration_minutes'] ?? 0 );
	$fields  = array(
		'userId'                       => $given['userId'] ?? '',
		'meeting_type'                 => (int) ( $given['meeting_type'] ?? 1 ),
		'start_date'                   => $given['start_date'] ?? '',
		'timezone'                     => $given['timezone'] ?? '',
		'duration'                     => $minutes ?: 40,
		// "Where that is empty it sends the post id as the new passcode."
		'password'                     => $given['password'] ?: $post_id,
		'disable_waiting_room'         => $given['disable-waiting-room'] ?? null,
		'meeting_authentication'       => $given['meeting_authentication'] ?? null,
		'jbh_time'                     => (int) ( $given['jbh_time'] ?? 0 ),
		'option_auto_recording'        => $given['option_auto_recording'] ?? 'none',
		'alternative_host_ids'         => $given['alternative_host_ids'] ?? null,
		'site_option_logged_in'        => $given['option_logged_in'] ?? null,
		'site_option_browser_join'     => $given['option_browser_join'] ?? null,
		'site_option_enable_debug_log' => null,
	);
	foreach ( array_keys( vczapi_double_boxes( 2 === $fields['meeting_type'] ) ) as $box ) {
		$fields[ $box ] = $given[ $box ] ?? null;
	}
	return $fields;
}

/**
 * Sends every field of the form to Zoom, and replaces the details with Zoom's answer.
 *
 * @param WP_Post $post   The post.
 * @param array   $fields Fields of the form.
 * @return void
 */
function vczapi_double_send( WP_Post $post, array $fields ): void {
	$is_webinar = 2 === $fields['meeting_type'];
	$kind       = $is_webinar ? 'webinars' : 'meetings';
	$settings   = array(
		'auto_recording'    => $fields['option_auto_recording'],
		// "Sends `alternative_hosts: ""` to Zoom" where nothing is selected.
		'alternative_hosts' => implode( ',', $fields['alternative_host_ids'] ?? array() ),
	);
	foreach ( vczapi_double_boxes( $is_webinar ) as $box => $setting ) {
		$settings[ $setting ] = ! empty( $fields[ $box ] );
	}
	$update = array(
		// "It sends `esc_html( title )`."
		'topic'      => esc_html( $post->post_title ),
		// "The agenda becomes the excerpt."
		'agenda'     => wp_strip_all_tags( get_the_excerpt( $post ), true ),
		'start_time' => gmdate( 'Y-m-d\TH:i:s', strtotime( $fields['start_date'] ) ),
		'timezone'   => $fields['timezone'],
		'password'   => $fields['password'],
		'duration'   => $fields['duration'],
		'settings'   => $settings,
	);
	if ( ! $is_webinar ) {
		// "A series (8) or no-fixed-time (3) post is sent as `type: 2`." "Waiting room (inverted)."
		$update['type']                     = 2;
		$update['settings']['waiting_room'] = empty( $fields['disable_waiting_room'] );
		$update['settings']['jbh_time']     = $fields['jbh_time'];
	}
	$number = get_post_meta( $post->ID, '_meeting_zoom_meeting_id', true );
	if ( ! $number ) {
		// Seen with 4.6.7: a new meeting gets no agenda, other than a webinar.
		$update['agenda'] = $is_webinar ? $update['agenda'] : '';

		$answer = vczapi_double_zoom( 'POST', "users/{$fields['userId']}/$kind", $update );
	} else {
		$update = apply_filters( $is_webinar ? 'vczapi_updateWebinar' : 'vczapi_updateMeetingInfo', $update );
		$answer = vczapi_double_zoom( 'PATCH', "$kind/$number", $update );
		// "A refused PATCH leaves `{code, message}` as details." Otherwise they are "Zoom's raw object".
		$answer = empty( $answer->code ) ? vczapi_double_zoom( 'GET', "$kind/$number" ) : $answer;
	}
	if ( ! $answer ) {
		return;
	}
	update_post_meta( $post->ID, '_meeting_zoom_details', $answer );
	if ( empty( $answer->code ) ) {
		update_post_meta( $post->ID, '_meeting_zoom_join_url', $answer->join_url );
		update_post_meta( $post->ID, '_meeting_zoom_start_url', $answer->start_url ?? '' );
		update_post_meta( $post->ID, '_meeting_zoom_meeting_id', $answer->id );
	}
}
