<?php
/**
 * Removes what is the stub's own. Meetings are the site's, and stay.
 *
 * @package zoom-wordpress-bridge
 * @since 0.1.0
 */

if ( ! defined( 'WP_UNINSTALL_PLUGIN' ) ) {
	exit;
}

/**
 * Removes the pairing and the stub's metas from the current site.
 *
 * @since 0.1.0
 */
function zoombridge_uninstall(): void {
	delete_option( 'zoombridge_connection' );
	delete_post_meta_by_key( '_zoombridge_html' );
	delete_post_meta_by_key( '_zoombridge_revision' );
}

if ( is_multisite() ) {
	foreach ( get_sites( array( 'fields' => 'ids', 'number' => 0 ) ) as $zoombridge_site ) {
		switch_to_blog( $zoombridge_site );
		zoombridge_uninstall();
		restore_current_blog();
	}
} else {
	zoombridge_uninstall();
}
