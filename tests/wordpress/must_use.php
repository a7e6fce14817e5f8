<?php
/**
 * Plugin Name: A site for tests
 * Description: Sends no mail and no requests to wordpress.org, and shows the metas of meetings over REST.
 *
 * @package Zoom_WordPress_Bridge
 */

add_filter( 'pre_wp_mail', '__return_true' );

// Offline, each check for updates logs a warning, and tests require an empty log.
foreach ( array( 'core', 'plugins', 'themes' ) as $zoombridge_what ) {
	add_filter(
		"pre_site_transient_update_$zoombridge_what",
		static function () {
			return (object) array(
				'last_checked'    => time(),
				'version_checked' => get_bloginfo( 'version' ),
				'updates'         => array(),
				'response'        => array(),
				'translations'    => array(),
				'no_update'       => array(),
				'checked'         => array(),
			);
		}
	);
}
unset( $zoombridge_what );
// The page of plugins asks again whenever a plugin is not among those that were checked.
remove_action( 'load-plugins.php', 'wp_update_plugins' );

// Older versions of WordPress pass null where PHP expects a string, on their own sign-in page.
add_action(
	'login_init',
	static function () {
		error_reporting( error_reporting() & ~E_DEPRECATED );
	}
);

// The dashboard requests news after its page has loaded: that request may outlive the test that opened it.
add_action(
	'wp_dashboard_setup',
	static function () {
		remove_meta_box( 'dashboard_primary', 'dashboard', 'side' );
		// Writes as well, perhaps when the next test has another database.
		remove_meta_box( 'dashboard_quick_press', 'dashboard', 'side' );
	},
	99
);

const ZOOMBRIDGE_TEST_METAS = array(
	'number'         => '_meeting_zoom_meeting_id',
	'kind'           => '_vczapi_meeting_type',
	'join_url'       => '_meeting_zoom_join_url',
	'start_date_utc' => '_meeting_field_start_date_utc',
	'html'           => '_zoombridge_html',
	'revision'       => '_zoombridge_revision',
	'details'        => '_meeting_zoom_details',
	'fields'         => '_meeting_fields',
	'pro'            => '_vczapi_pro_meeting_details',
	'trashed_from'   => '_wp_trash_meta_status',
);

/**
 * Reads the metas of a meeting's post, for those who can edit it. Nothing writes them by this field.
 *
 * @param array           $post    The post as the REST API returns it.
 * @param string          $name    Name of the field.
 * @param WP_REST_Request $request The request.
 * @return array|null Values by the names of docs/stub.md, null for those that the post lacks.
 */
function zoombridge_test_read_metas( $post, $name, $request ): ?array {
	$id = (int) $post['id'];
	// Some versions of WordPress let everyone who can edit posts list those of others in this context.
	if ( 'edit' !== $request['context'] || ! current_user_can( 'edit_post', $id ) ) {
		return null;
	}
	$metas = array();
	foreach ( ZOOMBRIDGE_TEST_METAS as $name => $key ) {
		$metas[ $name ] = metadata_exists( 'post', $id, $key ) ? get_post_meta( $id, $key, true ) : null;
	}
	$metas['revision'] = null === $metas['revision'] ? null : (int) $metas['revision'];
	$metas['details']  = null === $metas['details'] ? null : wp_json_encode( $metas['details'] );
	foreach ( array( 'fields', 'pro' ) as $name ) {
		// An empty array, too, is an object in JSON.
		$metas[ $name ] = null === $metas[ $name ] ? null : (object) $metas[ $name ];
	}
	return $metas;
}

add_action(
	'rest_api_init',
	static function () {
		register_rest_field(
			'zoom-meetings',
			'zoombridge_test',
			array(
				'get_callback' => 'zoombridge_test_read_metas',
				'schema'       => array(
					'type'     => array( 'object', 'null' ),
					'context'  => array( 'edit' ),
					'readonly' => true,
				),
			)
		);
	}
);

// Finds posts by their Zoom meeting number.
add_filter(
	'rest_zoom-meetings_query',
	static function ( $query, $request ) {
		if ( isset( $request['zoombridge_test_number'] ) ) {
			$query['meta_query'][] = array(
				'key'   => '_meeting_zoom_meeting_id',
				'value' => $request['zoombridge_test_number'],
			);
		}
		return $query;
	},
	10,
	2
);
