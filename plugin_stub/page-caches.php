<?php
/**
 * Has plugins that cache pages forget those that the bridge wrote.
 *
 * Mostly the bridge writes metas alone, and some of these plugins wait for a post to be saved. WordPress's own action
 * `clean_post_cache`, for which others wait, has run before.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.3.0
 */

defined( 'ABSPATH' ) || exit;

// What takes the ID of a post: actions of LiteSpeed Cache, Cache Enabler and Hummingbird.
const ZOOMBRIDGE_PAGE_CACHE_ACTIONS = array(
	'litespeed_purge_post',
	'cache_enabler_clear_page_cache_by_post',
	'wphb_clear_page_cache',
);

// Functions of W3 Total Cache, WP Fastest Cache and WP-Optimize.
const ZOOMBRIDGE_PAGE_CACHE_FUNCTIONS = array(
	'w3tc_flush_post',
	'wpfc_clear_post_cache_by_id',
	'WPO_Page_Cache::delete_single_post_cache',
);

/**
 * Has the caches of pages forget posts. Where there is none, it reads nothing.
 *
 * @since 0.3.0
 *
 * @param int[] $post_ids IDs of posts. WordPress has told of those that are not published any more.
 * @return void
 */
function zoombridge_purge_page_caches( $post_ids ): void {
	$actions       = array_filter( ZOOMBRIDGE_PAGE_CACHE_ACTIONS, 'has_action' );
	$functions     = array_filter( ZOOMBRIDGE_PAGE_CACHE_FUNCTIONS, 'is_callable' );
	$is_siteground = function_exists( 'sg_cachepress_purge_cache' );
	if ( ! $actions && ! $functions && ! $is_siteground ) {
		return;
	}
	_prime_post_caches( $post_ids, false, false );
	foreach ( $post_ids as $post_id ) {
		if ( 'publish' !== get_post_status( $post_id ) ) {
			continue;
		}
		foreach ( $actions as $action ) {
			do_action( $action, $post_id );
		}
		foreach ( $functions as $function ) {
			call_user_func( $function, $post_id );
		}
		if ( $is_siteground ) {
			sg_cachepress_purge_cache( get_permalink( $post_id ) );
		}
	}
}
add_action( 'zoombridge_written', 'zoombridge_purge_page_caches' );
