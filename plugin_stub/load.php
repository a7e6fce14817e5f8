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
 *
 * The stub places what the bridge gives it, and decides nothing.
 *
 * @package zoom-wordpress-bridge
 * @since 0.1.0
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

define( 'ZOOMBRIDGE_VERSION', '0.1.0' );

require_once __DIR__ . '/connection.php';
require_once __DIR__ . '/forward.php';
require_once __DIR__ . '/type.php';
require_once __DIR__ . '/field.php';
require_once __DIR__ . '/admin.php';

/**
 * Loads the translations that came with the plugin.
 *
 * @since 0.1.0
 */
function zoombridge_load_translations(): void {
	load_plugin_textdomain( 'zoom-wordpress-bridge', false, dirname( plugin_basename( __FILE__ ) ) . '/languages' );
}
add_action( 'init', 'zoombridge_load_translations' );

/**
 * Has WordPress make its rewrite rules again, on the next request.
 *
 * Not in this one: here the post type may not be registered yet, or still be.
 *
 * @since 0.1.0
 */
function zoombridge_renew_rewrite_rules(): void {
	delete_option( 'rewrite_rules' );
}
register_activation_hook( __FILE__, 'zoombridge_renew_rewrite_rules' );
register_deactivation_hook( __FILE__, 'zoombridge_renew_rewrite_rules' );
