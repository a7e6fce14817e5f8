<?php
/**
 * Hands the posts over to VCZAPI where this plugin is deactivated, and takes them back where it is activated again.
 *
 * Two things VCZAPI would not find in its metas as they stand: that its button has disabled joining, which this plugin
 * keeps in a meta of its own, and the passcode, which the details lack where the site's rules do not show it. Without
 * it, its form would replace the meeting's passcode by the ID of the post. And of a post that is deleted permanently it
 * deletes the meeting at Zoom: those in the trash, where the bridge moves what the rules leave out, lose its number.
 * A meta says what was handed over.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.3.0
 */

defined( 'ABSPATH' ) || exit;

// Where details are kept: VCZAPI's own meta, and that of its next generation.
const ZOOMBRIDGE_DETAILS_METAS = array( '_meeting_zoom_details', 'vczapi_meeting_zoom_details' );

// The same of the number.
const ZOOMBRIDGE_NUMBER_METAS = array( '_meeting_zoom_meeting_id', 'vczapi_meeting_id' );

/**
 * Hands the posts over, of the current site or of all.
 *
 * @since 0.3.0
 *
 * @param bool $is_of_network Optional. Whether the plugin is deactivated in the whole network. Default false.
 * @return void
 */
function zoombridge_hand_over( $is_of_network = false ): void {
	zoombridge_on_each_site( (bool) $is_of_network, 'zoombridge_hand_over_site' );
}
register_deactivation_hook( __DIR__ . '/load.php', 'zoombridge_hand_over' );

/**
 * Takes the posts back, of the current site or of all.
 *
 * @since 0.3.0
 *
 * @param bool $is_of_network Optional. Whether the plugin is activated in the whole network. Default false.
 * @return void
 */
function zoombridge_take_back( $is_of_network = false ): void {
	zoombridge_on_each_site( (bool) $is_of_network, 'zoombridge_take_back_site' );
}
register_activation_hook( __DIR__ . '/load.php', 'zoombridge_take_back' );

/**
 * Hands over posts of the current site: those in the trash, those that cannot be joined, those of meetings to come.
 *
 * @since 0.3.0
 *
 * @return void
 */
function zoombridge_hand_over_site(): void {
	global $wpdb;
	// phpcs:disable WordPress.DB -- Posts in the trash first: what is lost at Zoom does not come back.
	$query = "SELECT ID FROM {$wpdb->posts} WHERE post_type = 'zoom-meetings' AND post_status = 'trash'";
	$trash = $wpdb->get_col( $query );
	$query = "SELECT DISTINCT post_id FROM {$wpdb->postmeta} WHERE meta_key = '_zoombridge_joining_disabled'
		OR ( meta_key = '_meeting_field_start_date_utc' AND meta_value > %s )";
	$ids   = $wpdb->get_col( $wpdb->prepare( $query, gmdate( 'Y-m-d H:i:s' ) ) );
	// phpcs:enable
	zoombridge_on_rows( array_unique( array_merge( $trash, $ids ) ), 'zoombridge_hand_over_row' );
}

/**
 * Takes back the posts of the current site that were handed over.
 *
 * The bridge's checks call it, too: an activation has no time for all posts of a large site or network, and some ways
 * to activate a plugin tell it nothing.
 *
 * @since 0.3.0
 *
 * @param int $most Optional. How many at most. Default all.
 * @return void
 */
function zoombridge_take_back_site( int $most = PHP_INT_MAX ): void {
	global $wpdb;
	$query = "SELECT post_id FROM {$wpdb->postmeta} WHERE meta_key = '_zoombridge_handed_over' LIMIT %d";
	$ids   = $wpdb->get_col( $wpdb->prepare( $query, $most ) ); // phpcs:ignore WordPress.DB
	zoombridge_on_rows( $ids, 'zoombridge_take_back_row' );
}

/**
 * Runs something for each of some posts that the bridge manages, for about ten seconds at most.
 *
 * @since 0.3.0
 *
 * @param string[] $ids  IDs of posts.
 * @param callable $call What to run, with the raw metas of the post by key, and its status. It returns the metas that
 *                       are written: values by key, null for those that are removed.
 * @return void
 */
function zoombridge_on_rows( array $ids, callable $call ): void {
	$deadline = time() + 10;
	foreach ( array_chunk( array_map( 'intval', $ids ), ZOOMBRIDGE_SWEEP_STEP ) as $part ) {
		foreach ( zoombridge_sync_read_rows( $part ) as $id => $row ) {
			if ( time() > $deadline ) {
				return;
			}
			if ( zoombridge_sync_is_managed( $row ) ) {
				// Without hooks: nobody has changed anything of which the bridge would be told.
				$metas = array_map( 'zoombridge_sync_raw', $call( $row['metas'], $row['post_status'] ) );
				zoombridge_sync_set_private_metas( $id, $metas, $row['metas'] );
			}
		}
	}
}

/**
 * Returns the metas with which a post is handed over.
 *
 * @since 0.3.0
 *
 * @param string[] $metas  Raw values that stand, by key.
 * @param string   $status Status of the post.
 * @return array Values by key; null for those that are removed.
 */
function zoombridge_hand_over_row( array $metas, string $status ): array {
	$number = $metas['_meeting_zoom_meeting_id'] ?? '';
	if ( 'trash' === $status && '' !== $number ) {
		return array( '_zoombridge_handed_over' => $number ) + array_fill_keys( ZOOMBRIDGE_NUMBER_METAS, null );
	}
	$details = maybe_unserialize( $metas['_meeting_zoom_details'] ?? '' );
	$fields  = maybe_unserialize( $metas['_meeting_fields'] ?? '' );
	$handed  = array(
		'state'    => isset( $metas['_zoombridge_joining_disabled'] ) ? 'ended' : '',
		'password' => is_array( $fields ) ? (string) ( $fields['password'] ?? '' ) : '',
	);
	// What the details say already stays theirs.
	$handed = array_diff_key( array_filter( $handed, 'strlen' ), array_filter( (array) $details ) );
	if ( ! $handed || ! $details instanceof stdClass ) {
		return array();
	}
	return array( '_zoombridge_handed_over' => implode( ' ', array_keys( $handed ) ) )
		+ zoombridge_change_details( $metas, $handed );
}

/**
 * Returns the metas with which a post is taken back.
 *
 * @since 0.3.0
 *
 * @param string[] $metas Raw values that stand, by key.
 * @return array Values by key; null for those that are removed.
 */
function zoombridge_take_back_row( array $metas ): array {
	$written = array( '_zoombridge_handed_over' => null );
	if ( ctype_digit( $metas['_zoombridge_handed_over'] ) ) {
		// Unless VCZAPI's form has made another meeting of the post meanwhile.
		$numbers = array_fill_keys( ZOOMBRIDGE_NUMBER_METAS, $metas['_zoombridge_handed_over'] );
		return empty( $metas['_meeting_zoom_meeting_id'] ) ? $written + $numbers : $written;
	}
	$details = maybe_unserialize( $metas['_meeting_zoom_details'] ?? '' );
	$handed  = array_fill_keys( explode( ' ', $metas['_zoombridge_handed_over'] ), '' );
	if ( isset( $handed['state'] ) && 'ended' !== ( $details->state ?? '' ) ) {
		// VCZAPI's button has enabled joining meanwhile.
		$written['_zoombridge_joining_disabled'] = null;
	}
	return $written + zoombridge_change_details( $metas, $handed );
}

/**
 * Returns the details of a meeting with changes, wherever a post has them.
 *
 * @since 0.3.0
 *
 * @param string[] $metas   Raw values that stand, by key.
 * @param string[] $changes Texts by key of the details.
 * @return array Values by key of the meta.
 */
function zoombridge_change_details( array $metas, array $changes ): array {
	$changed = array();
	foreach ( ZOOMBRIDGE_DETAILS_METAS as $key ) {
		$value = maybe_unserialize( $metas[ $key ] ?? '' );
		if ( $value instanceof stdClass ) {
			$changed[ $key ] = (object) array_replace( (array) $value, $changes );
		} elseif ( is_array( $value ) ) {
			$changed[ $key ] = array_replace( $value, $changes );
		}
	}
	return $changed;
}
