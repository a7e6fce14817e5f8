<?php
defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

/** @since 0.1.0 Removes the pairing and the stub's metas from the current site. Meetings are the site's, and stay. */
function zoombridge_uninstall(): void {
	delete_option( 'zoombridge_connection' );
	delete_post_meta_by_key( '_zoombridge_html' );
	delete_post_meta_by_key( '_zoombridge_revision' );
}

foreach ( is_multisite() ? get_sites( [ 'fields' => 'ids', 'number' => 0 ] ) : [] as $zoombridge_site ) {
	switch_to_blog( $zoombridge_site );
	zoombridge_uninstall();
	restore_current_blog();
}
zoombridge_uninstall();
