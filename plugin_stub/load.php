<?php
/**
 * Loads the plugin, unless its predecessor has the request.
 *
 * Defines no function: PHP would do so before it runs the first line, also where the predecessor has defined it.
 *
 * Plugin Name:       Meetings Bridge for Zoom
 * Description:       Publishes Zoom meetings and webinars on this site through a bridge, a server of your own.
 * Version:           0.2.0
 * Requires at least: 5.8
 * Requires PHP:      7.4
 * Author:            The Zoom WordPress Bridge developers
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain:       meetings-bridge-for-zoom
 * Domain Path:       /languages
 * Update URI:        https://meetings-bridge-for-zoom.invalid/
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

require_once __DIR__ . '/predecessor.php';

if ( zoombridge_predecessor_has_request() ) {
	return;
}

define( 'ZOOMBRIDGE_VERSION', '0.2.0' );

// Forwarding needs these three files only.
require_once __DIR__ . '/home.php';
require_once __DIR__ . '/bridge-client.php';
require_once __DIR__ . '/forward.php';

require_once __DIR__ . '/setup.php';
require_once __DIR__ . '/goodbye.php';
require_once __DIR__ . '/loader.php';
require_once __DIR__ . '/vczapi.php';
require_once __DIR__ . '/vczapi-versions.php';
require_once __DIR__ . '/vczapi-pro.php';
require_once __DIR__ . '/vczapi-posts.php';
require_once __DIR__ . '/vczapi-next.php';
require_once __DIR__ . '/vczapi-visitors.php';
require_once __DIR__ . '/vczapi-page.php';
require_once __DIR__ . '/vczapi-metas.php';
require_once __DIR__ . '/vczapi-zoom-answers.php';
require_once __DIR__ . '/class-zoombridge-vczapi-save.php';
require_once __DIR__ . '/vczapi-form.php';
require_once __DIR__ . '/vczapi-handover.php';
require_once __DIR__ . '/meeting-box.php';
require_once __DIR__ . '/open-forms.php';
require_once __DIR__ . '/connection.php';
require_once __DIR__ . '/versions.php';
require_once __DIR__ . '/calendar.php';
require_once __DIR__ . '/post-type.php';
require_once __DIR__ . '/editor-settings.php';
require_once __DIR__ . '/access.php';
require_once __DIR__ . '/content.php';
require_once __DIR__ . '/visitors-facts.php';
require_once __DIR__ . '/visitors-query.php';
require_once __DIR__ . '/visitors-show.php';
require_once __DIR__ . '/visitors-month.php';
require_once __DIR__ . '/visitors-blocks.php';
require_once __DIR__ . '/vczapi-shortcodes.php';
require_once __DIR__ . '/visitors-page.php';
require_once __DIR__ . '/visitors-settings.php';
require_once __DIR__ . '/metas.php';
require_once __DIR__ . '/meeting-posts.php';
require_once __DIR__ . '/sync-envelope.php';
require_once __DIR__ . '/sync-state.php';
require_once __DIR__ . '/sync-limits.php';
require_once __DIR__ . '/sync-posts.php';
require_once __DIR__ . '/class-zoombridge-sync-fault.php';
require_once __DIR__ . '/class-zoombridge-sync-care.php';
require_once __DIR__ . '/class-zoombridge-sync-run.php';
require_once __DIR__ . '/changes.php';
require_once __DIR__ . '/sync-operations.php';
require_once __DIR__ . '/sync-write.php';
require_once __DIR__ . '/sync.php';
require_once __DIR__ . '/page-caches.php';
require_once __DIR__ . '/pairing-envelope.php';
require_once __DIR__ . '/pairing-state.php';
require_once __DIR__ . '/pairing.php';
require_once __DIR__ . '/moving.php';
require_once __DIR__ . '/rotation.php';
require_once __DIR__ . '/new-address.php';
require_once __DIR__ . '/pairing-notices.php';
require_once __DIR__ . '/pairing-actions.php';
require_once __DIR__ . '/page-html.php';
require_once __DIR__ . '/admin.php';
require_once __DIR__ . '/admin-list.php';
require_once __DIR__ . '/updater.php';
require_once __DIR__ . '/alerts.php';
