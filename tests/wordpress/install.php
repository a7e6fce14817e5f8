<?php
/**
 * Installs WordPress, as its own pages would, and makes an application password for the administrator.
 *
 * Run with WP_INSTALLING defined, and the variables $url, $user, $password and $permalinks.
 */

require_once ABSPATH . 'wp-admin/includes/upgrade.php';

// The installer asks the site whether pretty permalinks work, and nobody serves it yet.
add_filter(
	'pre_http_request',
	static function () {
		return new WP_Error( 'offline', 'Nothing is asked while installing.' );
	}
);

wp_install( 'A WordPress for tests', $user, 'admin@example.com', true, '', $password );
update_option( 'siteurl', $url );
update_option( 'home', $url );

global $wp_rewrite;
$wp_rewrite->set_permalink_structure( $permalinks );
// Plugins add to the rules, so they are made when the first visitor comes.
delete_option( 'rewrite_rules' );

$administrator = get_user_by( 'login', $user );
$made          = WP_Application_Passwords::create_new_application_password(
	$administrator->ID,
	array( 'name' => 'Tests' )
);
if ( is_wp_error( $made ) ) {
	throw new RuntimeException( $made->get_error_message() );
}

return array(
	'application_password' => $made[0],
	'version'              => get_bloginfo( 'version' ),
);
