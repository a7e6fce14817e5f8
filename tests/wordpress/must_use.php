<?php
/**
 * Plugin Name: A site for tests
 * Description: Sends no mail and no requests to wordpress.org.
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
	},
	99
);
