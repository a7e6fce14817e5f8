<?php
/**
 * Plugin Name: Notes for benchmarks
 * Description: Records when a write of a meeting's post has ended: one line each, at the end of the request.
 *
 * @package Zoom_WordPress_Bridge
 */

/**
 * Has a line written at the end of the request, one for each post.
 *
 * @param int $post_id ID of a post that was written, or whose metas were.
 * @return void
 */
function zoombridge_bench_note( $post_id ): void {
	static $noted = array();
	if ( isset( $noted[ $post_id ] ) || 'zoom-meetings' !== get_post_type( $post_id ) ) {
		return;
	}
	$noted[ $post_id ] = true;
	register_shutdown_function(
		static function () {
			file_put_contents( '{NOTES}', sprintf( "%.6f\n", microtime( true ) ), FILE_APPEND | LOCK_EX );
		}
	);
}
add_action( 'save_post_zoom-meetings', 'zoombridge_bench_note' );
foreach ( array( 'added_post_meta', 'updated_post_meta' ) as $zoombridge_hook ) {
	// A change of metas alone may leave the post itself untouched.
	add_action(
		$zoombridge_hook,
		static function ( $meta_id, $post_id ) {
			zoombridge_bench_note( (int) $post_id );
		},
		10,
		2
	);
}
unset( $zoombridge_hook );
