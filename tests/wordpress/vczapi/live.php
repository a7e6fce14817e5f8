<?php
/**
 * The double's shortcodes and AJAX answers that ask Zoom itself, whoever looks. Seen with 4.6.7: they know of no post.
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Returns the link to join in the browser, as lists and shortcodes print it: with the passcode as `pak`.
 *
 * @param stdClass $meeting The meeting.
 * @return string HTML.
 */
function vczapi_double_browser_link( stdClass $meeting ): string {
	$pak  = empty( $meeting->password ) ? array() : array( 'pak' => $meeting->password );
	$join = array(
		'join' => $meeting->id,
		'type' => 'meeting',
	);
	$url  = add_query_arg( $join + $pak, get_post_type_archive_link( 'zoom-meetings' ) );
	return '<a href="' . esc_url( $url ) . '">Join in the browser</a>';
}

/**
 * Returns the link to join in Zoom's program. "The encrypted passcode is added to a link that has none."
 *
 * @param stdClass $meeting The meeting.
 * @return string HTML.
 */
function vczapi_double_live_link( stdClass $meeting ): string {
	$pwd = empty( $meeting->encrypted_password ) ? array() : array( 'pwd' => $meeting->encrypted_password );
	$url = strpos( $meeting->join_url, '?pwd' ) ? $meeting->join_url : add_query_arg( $pwd, $meeting->join_url );
	return empty( $meeting->join_url ) ? '' : '<a href="' . esc_url( $url ) . '">Join</a>';
}

foreach ( array( 'meeting' => 'zoom_api_link', 'webinar' => 'zoom_api_webinar' ) as $kind => $tag ) {
	add_shortcode(
		$tag,
		static function ( $given ) use ( $kind ) {
			$meeting = vczapi_double_zoom( 'GET', "{$kind}s/" . $given[ "{$kind}_id" ] );
			if ( ! empty( $meeting->code ) ) {
				return $meeting->message;
			}
			// The topic unescaped, as in its other templates.
			$links = vczapi_double_live_link( $meeting ) . vczapi_double_browser_link( $meeting );
			return "<table><tr><td>$meeting->id</td><td>$meeting->topic</td><td>$links</td></tr></table>";
		}
	);
}

foreach ( array( 'vczapi_user_' => 'meetings', '_vczapi_user_' => 'webinars' ) as $prefix => $list ) {
	add_shortcode(
		"zoom_list_host_$list",
		static function ( $given ) use ( $prefix, $list ) {
			// Kept for five minutes, for all visitors.
			$option   = "{$prefix}{$list}_for_" . $given['host'];
			$meetings = get_option( $option );
			if ( empty( $meetings ) || get_option( "{$option}_expiration" ) < time() ) {
				$meetings = vczapi_double_zoom( 'GET', "users/{$given['host']}/$list" )->$list ?? array();
				update_option( $option, $meetings );
				update_option( "{$option}_expiration", time() + 300 );
			}
			$rows = '';
			foreach ( $meetings as $one ) {
				$rows .= "<tr><td>$one->topic</td><td><a href='$one->join_url'>Join</a>"
					. vczapi_double_browser_link( $one ) . '</td></tr>';
			}
			return "<table>$rows</table>";
		}
	);
}

add_shortcode(
	'zoom_join_via_browser',
	static function ( $given ) {
		$kind    = 'yes' === ( $given['webinar'] ?? '' ) ? 'webinars' : 'meetings';
		$meeting = vczapi_double_zoom( 'GET', "$kind/" . $given['meeting_id'] );
		if ( ! empty( $meeting->code ) ) {
			return $meeting->message;
		}
		// With iframe="no", topic and passcode as text.
		return "<h2>$meeting->topic</h2><p>Password: $meeting->password</p>";
	}
);

add_shortcode(
	'zoom_meeting_post',
	static function ( $given ) {
		$query = new WP_Query( array( 'p' => $given['post_id'], 'post_type' => 'zoom-meetings' ) );
		if ( ! $query->have_posts() ) {
			return '<p>This post does not exist.</p>';
		}
		$query->the_post();
		$id    = get_the_ID();
		$shown = post_password_required() ? get_the_password_form() : vczapi_double_show(
			$id,
			get_post_meta( $id, '_meeting_fields', true ),
			get_post_meta( $id, '_meeting_zoom_details', true )
		);
		wp_reset_postdata();
		return $shown;
	}
);

/**
 * Returns the recordings of a meeting as its templates list them.
 *
 * @param stdClass $one           The recordings.
 * @param bool     $with_passcode Whether the passcode is printed.
 * @return string HTML.
 */
function vczapi_double_recording( stdClass $one, bool $with_passcode ): string {
	$html = "<li>$one->topic <a href='$one->share_url'>Play</a>" . ( $with_passcode ? $one->password : '' );
	foreach ( $one->recording_files ?? array() as $file ) {
		$html .= "<a href='$file->play_url'>Play</a> <a href='$file->download_url'>Download</a>";
	}
	return "$html</li>";
}

add_shortcode(
	'zoom_recordings',
	static function ( $given ) {
		$rows = '';
		foreach ( vczapi_double_zoom( 'GET', "users/{$given['host_id']}/recordings" )->meetings ?? array() as $one ) {
			$rows .= "<li data-recording-id='$one->uuid'>$one->topic</li>";
		}
		return "<ul>$rows</ul>";
	}
);

// The shortcode prints a placeholder only, which a script fills.
add_shortcode(
	'zoom_recordings_by_meeting',
	static function ( $given ) {
		return '<div data-meeting="' . esc_attr( $given['meeting_id'] ) . '"></div>';
	}
);

/**
 * Answers with the recordings of any meeting of the account, to anybody; with the passcode for who asks for it.
 *
 * @return void
 */
function vczapi_double_recordings_by_meeting(): void {
	$number = sanitize_text_field( wp_unslash( $_GET['meeting_id'] ?? '' ) );
	vczapi_double_zoom( 'GET', "meetings/$number" );
	$found = vczapi_double_zoom( 'GET', "meetings/$number/recordings" );
	if ( ! empty( $found->code ) ) {
		wp_send_json_error( $found->message );
	}
	wp_send_json_success( vczapi_double_recording( $found, 'yes' === ( $_GET['passcode'] ?? '' ) ) );
}
add_action( 'wp_ajax_getRecordingByMeetingID', 'vczapi_double_recordings_by_meeting' );
add_action( 'wp_ajax_nopriv_getRecordingByMeetingID', 'vczapi_double_recordings_by_meeting' );

/**
 * Answers with the files of any recording of the account, to anybody.
 *
 * @return void
 */
function vczapi_double_recording_files(): void {
	$id    = sanitize_text_field( wp_unslash( $_GET['recording_id'] ?? '' ) );
	$found = vczapi_double_zoom( 'GET', "meetings/$id/recordings" );
	wp_send_json_success( empty( $found->recording_files ) ? 'N/A' : vczapi_double_recording( $found, false ) );
}
add_action( 'wp_ajax_get_recording', 'vczapi_double_recording_files' );
add_action( 'wp_ajax_nopriv_get_recording', 'vczapi_double_recording_files' );

/**
 * Answers with a signature to join any meeting in the browser, to anybody with the nonce of its page.
 *
 * @return void
 */
function vczapi_double_get_auth(): void {
	check_ajax_referer( '_nonce_zvc_security', 'noncce' );
	$number = sanitize_text_field( wp_unslash( $_POST['meeting_id'] ?? '' ) );
	wp_send_json_success( array( 'sig' => "signature-$number" ) );
}
add_action( 'wp_ajax_get_auth', 'vczapi_double_get_auth' );
add_action( 'wp_ajax_nopriv_get_auth', 'vczapi_double_get_auth' );
