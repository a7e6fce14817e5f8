<?php
/**
 * Shows a meeting's details above the content of its page.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.1.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Prepends a meeting's details to the content, on the meeting's own page.
 *
 * @since 0.1.0
 *
 * @param string $content Content of the post.
 * @return string The content, with the details in front where they are shown.
 */
function zoombridge_prepend_details( $content ) {
	$post = get_post();
	if ( ! $post || ! zoombridge_shows_details( $post ) ) {
		return $content;
	}
	$marks = '#<!--zoombridge-(?:facts|below)(?:-end)?-->\s*#'; // They are for VCZAPI's templates.
	return preg_replace( $marks, '', zoombridge_details( $post ) ) . $content;
}
add_filter( 'the_content', 'zoombridge_prepend_details', 30 ); // After wpautop() and shortcodes.

/**
 * Returns a meeting's details, as the current visitor may see them.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return string HTML.
 */
function zoombridge_details( WP_Post $post ): string {
	$number       = get_post_meta( $post->ID, '_meeting_zoom_meeting_id', true );
	$html         = zoombridge_extend_details( zoombridge_audience_details( $post ), $post, time() );
	$replacements = array(
		// A topic may contain text that looks like a shortcode.
		'['                    => '&#91;',
		'#zoombridge-sign-in'  => esc_url( wp_login_url( (string) get_permalink( $post ) ) ),
		'#zoombridge-calendar' => esc_url( rest_url( 'zoombridge/v1/calendar/' . $number . '.ics' ) ),
	);
	return str_replace( array_keys( $replacements ), $replacements, $html );
}

/**
 * Returns the details that the bridge has placed, without what the current visitor may not see.
 *
 * @since 0.2.0
 *
 * @param WP_Post $post The post.
 * @return string HTML; empty for visitors who may not see the details.
 */
function zoombridge_audience_details( WP_Post $post ): string {
	if ( ! zoombridge_may_see_details( $post ) ) {
		return '';
	}
	$html = zoombridge_select_audience( (string) get_post_meta( $post->ID, '_zoombridge_html', true ) );
	if ( zoombridge_site_forbids_joining( $post ) ) {
		$html = zoombridge_remove_joining( $html );
	} elseif ( zoombridge_requires_sign_in( $post ) ) {
		zoombridge_forbid_page_cache();
	}
	return $html;
}

/**
 * Removes passcode and join link from a meeting's details.
 *
 * @since 0.2.0
 *
 * @param string $html The details, for one audience.
 * @return string The details; empty if passcode or link do not stand where the bridge puts them.
 */
function zoombridge_remove_joining( string $html ): string {
	$facts = explode( '<!--zoombridge-facts-->', $html );
	$html  = array_shift( $facts );
	foreach ( $facts as $fact ) {
		$parts = explode( '<!--zoombridge-facts-end-->', $fact, 2 );
		if ( false === strpos( $parts[0], 'class="zoombridge-passcode"' ) ) {
			$html .= '<!--zoombridge-facts-->' . $fact;
		} else {
			$html .= $parts[1] ?? '';
		}
	}
	$link = '#<p class="zoombridge-join">\s*<a class="zoombridge-join-link.*?</p>#s';
	$html = (string) preg_replace( $link, '', $html );
	return preg_match( '#class="zoombridge-(?:passcode|join-link)#', $html ) ? '' : $html;
}

/**
 * Whether the details of a post are shown: on its own page, where no template of VCZAPI shows them.
 *
 * @since 0.1.0
 *
 * @param WP_Post $post The post whose content is filtered.
 * @return bool False in lists, feeds and excerpts, and in other posts shown on the page.
 */
function zoombridge_shows_details( WP_Post $post ): bool {
	if ( zoombridge_has_vczapi() || ! is_singular( 'zoom-meetings' ) || ! is_main_query() || is_feed() ) {
		return false;
	}
	return get_queried_object_id() === $post->ID && ! doing_filter( 'get_the_excerpt' );
}

/**
 * Empties the content of a post in WordPress's REST API for users who may neither see it nor edit the post.
 *
 * WordPress shows it to every contributor who asks for it as for editing.
 *
 * @since 0.2.0
 *
 * @param WP_REST_Response $response The post, or what another plugin answers instead.
 * @param WP_Post          $post     The same.
 * @param WP_REST_Request  $request  Optional. The request. Default null.
 * @return WP_REST_Response The response.
 */
function zoombridge_guard_protected_content( $response, $post, $request = null ) {
	if ( ! $response instanceof WP_REST_Response ) {
		return $response;
	}
	// WordPress itself compares so, but has forgotten its answer here.
	$password = $request['password'] ?? null;
	$is_told  = is_string( $password ) && hash_equals( $post->post_password, $password );
	$data     = (array) $response->get_data();
	$is_raw   = isset( $data['content']['raw'] ) || isset( $data['excerpt']['raw'] );
	$hidden   = array();
	if ( ! $is_told && post_password_required( $post ) ) {
		$hidden = array( 'raw', 'rendered' );
	} elseif ( $is_raw && '' === $post->post_password && ! zoombridge_may_see_details( $post ) ) {
		$hidden = array( 'raw' ); // Plugins for memberships filter the other.
	}
	if ( ! $hidden || current_user_can( 'edit_post', $post->ID ) ) {
		return $response;
	}
	foreach ( array( 'content', 'excerpt' ) as $name ) {
		if ( isset( $data[ $name ] ) ) {
			$data[ $name ] = array_fill_keys( $hidden, '' ) + (array) $data[ $name ];
		}
	}
	$response->set_data( $data );
	return $response;
}
add_filter( 'rest_prepare_zoom-meetings', 'zoombridge_guard_protected_content', PHP_INT_MAX, 3 );

/**
 * Selects the parts of the details that the current visitor may see.
 *
 * Between the marks, the first part is for signed-in users and the second for all other visitors.
 *
 * @since 0.1.0
 *
 * @param string $html The details, with marks.
 * @return string The details, without marks and without the other part.
 */
function zoombridge_select_audience( string $html ): string {
	$marks        = '#<!--zoombridge-in-->(.*?)<!--zoombridge-out-->(.*?)<!--zoombridge-end-->#s';
	$is_signed_in = is_user_logged_in();
	$html         = (string) preg_replace( $marks, $is_signed_in ? '$1' : '$2', $html, -1, $count );
	if ( $count && $is_signed_in ) {
		zoombridge_forbid_page_cache();
	}
	return $html;
}

/**
 * Keeps plugins that cache pages from showing this one to every visitor.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_forbid_page_cache(): void {
	if ( ! defined( 'DONOTCACHEPAGE' ) ) {
		// phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- Plugins that cache pages know it.
		define( 'DONOTCACHEPAGE', true );
	}
}
