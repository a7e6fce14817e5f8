<?php
/** @since 0.1.0 Removes what is the stub's own: pairing and metas. Meetings are the site's, and stay. */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

foreach ( is_multisite() ? get_sites( [ 'fields' => 'ids', 'number' => 0 ] ) : [ 0 ] as $zoombridge_site ) {
	$zoombridge_site && switch_to_blog( $zoombridge_site );
	delete_option( 'zoombridge_connection' );
	array_map( 'delete_post_meta_by_key', [ '_zoombridge_html', '_zoombridge_revision' ] );
	$zoombridge_site && restore_current_blog();
}
