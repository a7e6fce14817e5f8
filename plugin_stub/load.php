<?php
/**
 * Plugin Name:       Zoom WordPress Bridge
 * Description:       What happens in your Zoom account appears on this site by itself. This small plugin connects the site to a bridge, a server of your own that does the work.
 * Version:           0.1.0
 * Requires at least: 5.8
 * Requires PHP:      7.4
 * Author:            The Zoom WordPress Bridge developers
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain:       zoom-wordpress-bridge
 * Domain Path:       /languages
 */

defined( 'ABSPATH' ) || exit;
define( 'ZOOMBRIDGE_VERSION', '0.1.0' );

foreach ( [ 'connection', 'forward', 'type', 'field', 'admin' ] as $zoombridge_file ) {
	require_once __DIR__ . "/$zoombridge_file.php";
}
add_action( 'init', static fn() => load_plugin_textdomain( 'zoom-wordpress-bridge', false, dirname( plugin_basename( __FILE__ ) ) . '/languages' ) );

// Has rewrite rules made on the next request: in this one the type is not there yet, or still is.
$zoombridge_renew = static fn() => delete_option( 'rewrite_rules' );
register_activation_hook( __FILE__, $zoombridge_renew );
register_deactivation_hook( __FILE__, $zoombridge_renew );
