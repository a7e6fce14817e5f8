<?php
/**
 * Plugin Name: VCZAPI, a double for tests
 * Description: Behaves as the free plugin "Video Conferencing with Zoom" is documented to.
 * Version:     4.6.7
 *
 * It contains none of that plugin's code. Each part quotes the documentation that it implements; what the documentation
 * does not say is not here. Its requests to Zoom are those of the form; `tests/wordpress/zoom_api.php` answers them.
 * With the option `vczapi_double_next` it behaves as the plugin's next generation, too.
 * The option `vczapi_double_version` gives it another version number.
 *
 * @package Zoom_WordPress_Bridge
 */

// "A development tree with header 4.7.0 ... `ZVC_PLUGIN_VERSION` stays defined."
$vczapi_double_version = get_option( 'vczapi_double_next' ) ? '4.7.0' : '4.6.7';
define( 'ZVC_PLUGIN_VERSION', get_option( 'vczapi_double_version', $vczapi_double_version ) );

require_once __DIR__ . '/make.php';
require_once __DIR__ . '/form.php';
require_once __DIR__ . '/lists.php';
require_once __DIR__ . '/visitors.php';
require_once __DIR__ . '/live.php';
if ( get_option( 'vczapi_double_next' ) ) {
	require_once __DIR__ . '/next.php';
}

// --- Post type and taxonomy: registered with these arguments and filters, when `init` comes.
add_action(
	'init',
	static function () {
		register_post_type(
			'zoom-meetings',
			array(
				'label'           => 'Zoom Events',
				'public'          => true,
				'has_archive'     => true,
				'capability_type' => apply_filters( 'vczapi_cpt_capabilities_type', 'post' ),
				'capabilities'    => apply_filters( 'vczapi_cpt_capabilities', array() ),
				'show_in_rest'    => apply_filters( 'vczapi_cpt_show_in_rest', true ),
				'rest_base'       => 'zoom_meetings',
				'supports'        => array( 'title', 'editor', 'author', 'thumbnail' ),
				'rewrite'         => array( 'slug' => apply_filters( 'vczapi_cpt_slug', 'zoom-meetings' ) ),
			)
		);
		register_taxonomy(
			'zoom-meeting',
			array( 'zoom-meetings' ),
			array(
				'label'        => 'Category',
				'hierarchical' => true,
				'show_in_rest' => true,
				'rest_base'    => 'zoom_meeting_cats',
			)
		);
	}
);

// --- "Block editor off".
add_filter(
	'use_block_editor_for_post_type',
	static function ( $use, $type ) {
		return 'zoom-meetings' === $type ? false : $use;
	},
	10,
	2
);

// --- "Its templates": a meeting's page is the plugin's own, with the start, the state and the join link.
add_filter(
	'template_include',
	static function ( $template ) {
		return is_singular( 'zoom-meetings' ) && ! is_embed() ? __DIR__ . '/single.php' : $template;
	},
	99
);

/**
 * Renders what the template shows of a meeting below its title.
 *
 * The typed parameter reproduces "a zoom-meetings post without _meeting_fields is a fatal error on its page".
 *
 * @param int      $post    The post.
 * @param array    $fields  `_meeting_fields`.
 * @param stdClass $details `_meeting_zoom_details`, an object.
 * @return string HTML.
 */
function vczapi_double_show( int $post, array $fields, stdClass $details ): string {
	ob_start();
	// "Its templates can be overridden by filter `vczapi_get_template` ($located, $name)."
	$countdown = 'fragments/countdown-timer.php';
	load_template( apply_filters( 'vczapi_get_template', __DIR__ . '/countdown.php', $countdown ), false );
	$kind  = 2 === ( $fields['meeting_type'] ?? null ) ? 'webinar' : 'meeting'; // "Compared with ===".
	$shown = ob_get_clean() . '<p class="vczapi-kind">' . $kind . '</p>'
		. '<p class="vczapi-start">' . esc_html( $fields['start_date'] . ' ' . $fields['timezone'] ) . '</p>'
		. '<p class="vczapi-duration">' . esc_html( (string) $fields['duration'] ) . '</p>';

	// "Without its PRO add-on, types 3, 6, 8 and 9 show 'PRO version is required' and no join link."
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	$needs_pro = in_array( $details->type ?? null, array( 3, 6, 8, 9 ), true );
	if ( $needs_pro && ! is_plugin_active( 'vczapi-pro/vczapi-pro.php' ) ) {
		return $shown . '<p class="vczapi-pro">PRO version is required</p>';
	}
	// "`state`, 'ended' or '', set by its 'Disable join' button."
	if ( 'ended' === ( $details->state ?? '' ) ) {
		return $shown . '<p class="vczapi-ended">This meeting has ended.</p>';
	}
	// "`site_option_logged_in`": the site's own choice.
	if ( ! empty( $fields['site_option_logged_in'] ) && ! is_user_logged_in() ) {
		return $shown . '<p class="vczapi-login">You need to log in.</p>';
	}
	// "Join links vanish an hour after it."
	$start = strtotime( get_post_meta( $post, '_meeting_field_start_date_utc', true ) . ' UTC' );
	if ( $start && $start + HOUR_IN_SECONDS < time() ) {
		return $shown . '<p class="vczapi-past">This meeting is over.</p>';
	}
	// Its published templates: a link from the details, if they have one; and a second one, to join in the browser,
	// which carries the passcode, and which the site's own choice `site_option_browser_join` hides.
	$join = $details->join_url ?? get_post_meta( $post, '_meeting_zoom_join_url', true );
	$link = empty( $join ) ? '' : '<p><a class="vczapi-join" href="' . esc_url( $join ) . '">Join</a></p>';
	$pak  = empty( $details->password ) ? array() : array( 'pak' => $details->password );
	$own  = add_query_arg( array( 'join' => $details->id ?? '' ) + $pak, get_permalink( $post ) );
	if ( empty( $fields['site_option_browser_join'] ) ) {
		$link .= '<p><a class="vczapi-browser" href="' . esc_url( $own ) . '">Join in the browser</a></p>';
	}
	return $shown . $link;
}

// --- "`before_delete_post` sends a DELETE to Zoom, unless the option is set": here it is recorded.
add_action(
	'before_delete_post',
	static function ( $post ) {
		if ( 'zoom-meetings' !== get_post_type( $post ) || get_option( 'zoom_api_donot_delete_on_zoom' ) ) {
			return;
		}
		$number = get_post_meta( $post, '_meeting_zoom_meeting_id', true );
		if ( ! empty( $number ) ) { // Seen with 4.6.7.
			$deletes = (array) get_option( 'vczapi_double_deletes', array() );
			update_option( 'vczapi_double_deletes', array_merge( $deletes, array( $number ) ) );
		}
	}
);

// --- "Settings": the page and its two hooks for further tabs.
add_action(
	'admin_menu',
	static function () {
		add_submenu_page(
			'edit.php?post_type=zoom-meetings',
			'Settings',
			'Settings',
			'manage_options',
			'zoom-video-conferencing-settings',
			static function () {
				$active = sanitize_key( $_GET['tab'] ?? 'connect' );
				echo '<div class="wrap"><h1>Zoom Integration Settings</h1><h2 class="nav-tab-wrapper">';
				echo '<a class="nav-tab" href="#">Connect</a>';
				do_action( 'vczapi_admin_tabs_heading', $active );
				echo '</h2>';
				do_action( 'vczapi_admin_tabs_content', $active );
				if ( 'connect' === $active ) {
					echo '<p class="vczapi-connect">Connect your Zoom account</p>';
				}
				echo '</div>';
			}
		);
	}
);
