<?php
/**
 * Keeps a save of VCZAPI's form to what the editor changed.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * One save of VCZAPI's form, of a post that the bridge manages.
 *
 * VCZAPI sends every field of its form to Zoom, also those that it shows otherwise than they are, and then replaces the
 * metas. Here the request is reduced to what the editor changed, and the metas stay: Zoom's event brings the change.
 *
 * @since 0.2.0
 */
class Zoombridge_Vczapi_Save {

	/**
	 * Fields of the form by the settings of Zoom's API that they are sent as.
	 *
	 * @var string[]
	 */
	private static $settings = array(
		'meeting_authentication' => 'meeting_authentication',
		'join_before_host'       => 'join_before_host',
		'jbh_time'               => 'jbh_time',
		'host_video'             => 'option_host_video',
		'participant_video'      => 'option_participants_video',
		'mute_upon_entry'        => 'option_mute_participants',
		'auto_recording'         => 'option_auto_recording',
		'waiting_room'           => 'disable-waiting-room',
		'panelists_video'        => 'panelists_video',
		'practice_session'       => 'practice_session',
		'hd_video'               => 'hd_video',
		'allow_multiple_devices' => 'allow_multiple_devices',
	);

	/**
	 * The site's own choices in `_meeting_fields`, which never go to Zoom.
	 *
	 * @var string[]
	 */
	private static $site_options = array(
		'site_option_logged_in',
		'site_option_browser_join',
		'site_option_enable_debug_log',
	);

	/**
	 * The post, as it was saved.
	 *
	 * @var WP_Post
	 */
	private $post;

	/**
	 * Values that the form showed, by name; null if it did not say.
	 *
	 * @var array|null
	 */
	private $shown;

	/**
	 * Values that were submitted, by name.
	 *
	 * @var array
	 */
	private $given;

	/**
	 * What VCZAPI wanted to write as `_meeting_fields`.
	 *
	 * @var array
	 */
	private $fields = array();

	/**
	 * What Zoom answered to VCZAPI.
	 *
	 * @var mixed
	 */
	private $answer = null;

	/**
	 * Whether nothing is left to send.
	 *
	 * @var bool
	 */
	private $is_empty = false;

	/**
	 * Begins the save.
	 *
	 * @since 0.2.0
	 *
	 * @param WP_Post    $post  The post, as it was saved.
	 * @param array|null $shown Values that the form showed; null if it did not say.
	 * @param array      $given Values that were submitted.
	 */
	public function __construct( WP_Post $post, ?array $shown, array $given ) {
		$this->post  = $post;
		$this->shown = $shown;
		$this->given = $given;
		add_filter( 'vczapi_updateMeetingInfo', array( $this, 'reduce' ), PHP_INT_MAX );
		add_filter( 'vczapi_updateWebinar', array( $this, 'reduce' ), PHP_INT_MAX );
		add_filter( 'pre_http_request', array( $this, 'skip_empty_update' ), 5, 3 );
		add_filter( 'update_post_metadata', array( $this, 'hold_meta' ), PHP_INT_MAX, 4 );
		add_filter( 'add_post_metadata', array( $this, 'hold_meta' ), PHP_INT_MAX, 4 );
	}

	/**
	 * Ends the save: writes the site's own choices, and what Zoom accepted, over what stands by now.
	 *
	 * @since 0.2.0
	 *
	 * @return string[] Messages for the editor.
	 */
	public function end(): array {
		remove_filter( 'vczapi_updateMeetingInfo', array( $this, 'reduce' ), PHP_INT_MAX );
		remove_filter( 'vczapi_updateWebinar', array( $this, 'reduce' ), PHP_INT_MAX );
		remove_filter( 'pre_http_request', array( $this, 'skip_empty_update' ), 5 );
		remove_filter( 'update_post_metadata', array( $this, 'hold_meta' ), PHP_INT_MAX );
		remove_filter( 'add_post_metadata', array( $this, 'hold_meta' ), PHP_INT_MAX );
		if ( $this->fields ) {
			$accepted = $this->is_accepted() ? array_intersect_key( $this->fields, $this->changed_fields() ) : array();
			$own      = array_intersect_key( $this->fields, array_flip( self::$site_options ) );
			if ( isset( $accepted['alternative_host_ids'] ) ) {
				$accepted['alternative_host_ids'] = $this->alternative_hosts();
			}
			// An event may have come in the meantime.
			wp_cache_delete( $this->post->ID, 'post_meta' );
			$fields = (array) zoombridge_unfitted_meta( $this->post->ID, '_meeting_fields' );
			zoombridge_set_meta( $this->post->ID, '_meeting_fields', $accepted + $own + $fields );
		}
		return $this->messages();
	}

	/**
	 * Reduces an update of a meeting or webinar at Zoom to what the editor changed.
	 *
	 * @since 0.2.0
	 *
	 * @param array $update The update, as VCZAPI sends it.
	 * @return array The update.
	 */
	public function reduce( $update ) {
		$kept = array();
		if ( $this->has_changed( 'post_title' ) ) {
			// VCZAPI sends the title with one more layer of HTML's entities each time.
			$title         = (string) preg_replace( '~</?[a-z][^<>]*>~i', '', $this->post->post_title );
			$kept['topic'] = html_entity_decode( $title, ENT_QUOTES | ENT_HTML5, 'UTF-8' );
		}
		if ( $this->has_new_start() && ! zoombridge_is_series( $this->post->ID ) ) {
			$kept['start_time'] = $update['start_time'] ?? '';
			$kept['timezone']   = $this->timezone();
		}
		if ( $this->has_changed( 'option_duration_hour', 'option_duration_minutes' ) ) {
			$kept['duration'] = $update['duration'] ?? 0;
		}
		if ( $this->has_typed_passcode() ) {
			$kept['password'] = $this->given['password'];
		}
		$settings       = $this->reduce_settings( (array) ( $update['settings'] ?? array() ) );
		$kept          += $settings ? array( 'settings' => $settings ) : array();
		$this->is_empty = ! $kept;
		return $kept;
	}

	/**
	 * Reduces the settings of an update to what the editor changed.
	 *
	 * @since 0.2.0
	 *
	 * @param array $settings The settings, as VCZAPI sends them.
	 * @return array The settings.
	 */
	private function reduce_settings( array $settings ): array {
		$kept = array();
		foreach ( array_intersect_key( self::$settings, $settings ) as $setting => $name ) {
			if ( $this->has_changed( $name ) ) {
				$kept[ $setting ] = $settings[ $setting ];
			}
		}
		if ( isset( $settings['alternative_hosts'] ) && $this->has_changed( 'alternative_host_ids' ) ) {
			$kept['alternative_hosts'] = implode( ',', $this->alternative_hosts() );
		}
		return $kept;
	}

	/**
	 * Answers an update without content in place of Zoom.
	 *
	 * @since 0.2.0
	 *
	 * @param mixed  $response Response of an earlier filter, or false.
	 * @param array  $args     Arguments of the request.
	 * @param string $url      Address of the request.
	 * @return mixed An empty response for the update, otherwise the response unchanged.
	 */
	public function skip_empty_update( $response, $args, $url ) {
		$is_update = 'PATCH' === ( $args['method'] ?? '' ) && 'api.zoom.us' === wp_parse_url( $url, PHP_URL_HOST );
		if ( ! $this->is_empty || ! $is_update ) {
			return $response;
		}
		return array(
			'headers'  => array(),
			'body'     => '',
			'response' => array(
				'code'    => 204,
				'message' => 'No Content',
			),
			'cookies'  => array(),
			'filename' => null,
		);
	}

	/**
	 * Keeps VCZAPI from replacing the metas of the post.
	 *
	 * @since 0.2.0
	 *
	 * @param mixed  $check   Result of an earlier filter; null lets WordPress write.
	 * @param int    $post_id ID of the post.
	 * @param string $key     Key of the meta.
	 * @param mixed  $value   The value to write.
	 * @return mixed True, as if it was written, for the metas that the bridge writes.
	 */
	public function hold_meta( $check, $post_id, $key, $value ) {
		$held = array( '_meeting_zoom_start_url' => true ) + array_flip( zoombridge_sync_meta_keys() );
		if ( (int) $post_id !== $this->post->ID || ! isset( $held[ $key ] ) ) {
			return $check;
		}
		if ( '_meeting_fields' === $key ) {
			$this->fields = (array) $value;
		} elseif ( '_meeting_zoom_details' === $key ) {
			$this->answer = $value;
		}
		return true;
	}

	/**
	 * Whether the editor changed any of these fields.
	 *
	 * @since 0.2.0
	 *
	 * @param string ...$names Names in the form.
	 * @return bool True also if the form did not say what it showed.
	 */
	private function has_changed( string ...$names ): bool {
		foreach ( $names as $name ) {
			$shown = (array) ( $this->shown[ $name ] ?? array() );
			$given = (array) ( $this->given[ $name ] ?? array() );
			// An empty text and a box without a tick are the same.
			$are_same = array_filter( array_diff( $shown, $given ), 'strlen' ) === array()
				&& array_filter( array_diff( $given, $shown ), 'strlen' ) === array();
			if ( null === $this->shown || ! $are_same ) {
				return true;
			}
		}
		return false;
	}

	/**
	 * Whether the editor changed start or time zone.
	 *
	 * @since 0.2.0
	 *
	 * @return bool True if so.
	 */
	private function has_new_start(): bool {
		if ( $this->has_changed( 'timezone' ) ) {
			return true;
		}
		// Its script may write the same time in another form.
		$is_same = strtotime( $this->shown['start_date'] ?? '' ) === strtotime( $this->given['start_date'] ?? '' );
		return $this->has_changed( 'start_date' ) && ! $is_same;
	}

	/**
	 * Returns the time zone of a new start: what the form shows may be none of the zones that it offers.
	 *
	 * @since 0.2.0
	 *
	 * @return string The time zone.
	 */
	private function timezone(): string {
		$fields = (array) zoombridge_unfitted_meta( $this->post->ID, '_meeting_fields' );
		$given  = $this->given['timezone'] ?? '';
		return $this->has_changed( 'timezone' ) ? $given : ( $fields['timezone'] ?? $given );
	}

	/**
	 * Whether the editor typed a passcode.
	 *
	 * @since 0.2.0
	 *
	 * @return bool False if the form was left empty: VCZAPI would make a passcode of its own.
	 */
	private function has_typed_passcode(): bool {
		return '' !== (string) ( $this->given['password'] ?? '' ) && $this->has_changed( 'password' );
	}

	/**
	 * Returns the alternative hosts that are wanted: those of the form, and those that it does not offer.
	 *
	 * @since 0.2.0
	 *
	 * @return string[] IDs of Zoom users.
	 */
	private function alternative_hosts(): array {
		$fields = (array) zoombridge_unfitted_meta( $this->post->ID, '_meeting_fields' );
		$stored = array_filter( (array) ( $fields['alternative_host_ids'] ?? array() ), 'is_string' );
		$shown  = (array) ( $this->shown['alternative_host_ids'] ?? $stored );
		$given  = array_filter( (array) ( $this->given['alternative_host_ids'] ?? array() ), 'strlen' );
		return array_values( array_unique( array_merge( $given, array_diff( $stored, $shown ) ) ) );
	}

	/**
	 * Returns the keys of `_meeting_fields` that the editor changed.
	 *
	 * @since 0.2.0
	 *
	 * @return array The keys, as keys.
	 */
	private function changed_fields(): array {
		$is_series = zoombridge_is_series( $this->post->ID );
		$names     = array_merge( array_values( self::$settings ), array( 'alternative_host_ids' ) );
		$changed   = array_filter( $names, array( $this, 'has_changed' ) );
		$changed   = str_replace( 'disable-waiting-room', 'disable_waiting_room', $changed );
		if ( $this->has_new_start() && ! $is_series ) {
			array_push( $changed, ...( $this->has_changed( 'timezone' ) ? array( 'timezone' ) : array() ) );
			$changed[] = 'start_date';
		}
		if ( $this->has_changed( 'option_duration_hour', 'option_duration_minutes' ) ) {
			$changed[] = 'duration';
		}
		if ( $this->has_typed_passcode() ) {
			$changed[] = 'password';
		}
		return array_flip( $changed );
	}

	/**
	 * Whether Zoom accepted the update.
	 *
	 * @since 0.2.0
	 *
	 * @return bool True if it did, or nothing was to be sent.
	 */
	private function is_accepted(): bool {
		return $this->is_empty || ( is_object( $this->answer ) && empty( $this->answer->code ) );
	}

	/**
	 * Returns what the editor has to know of the save.
	 *
	 * @since 0.2.0
	 *
	 * @return string[] Plain texts.
	 */
	private function messages(): array {
		$messages = array();
		if ( null !== $this->shown && $this->has_new_start() && zoombridge_is_series( $this->post->ID ) ) {
			$messages[] = __(
				'The dates of a series were not changed: change them in Zoom.',
				'meetings-bridge-for-zoom'
			);
		}
		if ( $this->is_accepted() ) {
			return $messages;
		}
		if ( is_object( $this->answer ) ) {
			/* translators: %s: message of Zoom's. */
			$text       = __( 'Zoom refused the changes. Nothing was changed there: %s', 'meetings-bridge-for-zoom' );
			$messages[] = sprintf( $text, wp_strip_all_tags( (string) ( $this->answer->message ?? '' ) ) );
		} else {
			$messages[] = __(
				'Zoom did not answer. Whether it has the changes shows when you open the meeting there.',
				'meetings-bridge-for-zoom'
			);
		}
		return $messages;
	}
}
