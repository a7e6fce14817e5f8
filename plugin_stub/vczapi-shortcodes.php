<?php
/**
 * VCZAPI's shortcodes and blocks in pages of a site that has it no more: what this plugin shows in their place.
 *
 * WordPress would print such shortcodes as text, and show nothing for such blocks.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.3.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_VCZAPI_LIST = array(
	'author'   => 'host',
	'category' => 'category',
	'per_page' => 'number',
	'type'     => 'which',
);

// The block of this plugin for each shortcode, and its attribute for each of the shortcode's; null shows nothing.
const ZOOMBRIDGE_VCZAPI_SHORTCODES = array(
	'zoom_list_meetings'         => array( 'meetings', ZOOMBRIDGE_VCZAPI_LIST ),
	'zoom_list_webinars'         => array( 'meetings', ZOOMBRIDGE_VCZAPI_LIST ),
	'zoom_meeting_post'          => array( 'meeting', array( 'post_id' => 'post' ) ),
	'zoom_api_link'              => array( 'meeting', array( 'meeting_id' => 'meeting' ) ),
	'zoom_api_webinar'           => array( 'meeting', array( 'webinar_id' => 'meeting' ) ),
	'zoom_join_via_browser'      => array( 'meeting', array( 'meeting_id' => 'meeting' ) ),
	'zoom_list_host_meetings'    => null,
	'zoom_list_host_webinars'    => null,
	'zoom_recordings'            => null,
	'zoom_recordings_by_meeting' => null,
);

/**
 * Registers the shortcodes and blocks where VCZAPI is not active.
 *
 * @since 0.3.0
 *
 * @return void
 */
function zoombridge_register_vczapi_shortcodes(): void {
	if ( zoombridge_has_vczapi() ) {
		return;
	}
	foreach ( array_keys( ZOOMBRIDGE_VCZAPI_SHORTCODES ) as $tag ) {
		if ( ! shortcode_exists( $tag ) ) {
			add_shortcode(
				$tag,
				static function ( $given ) use ( $tag ): string {
					return zoombridge_render_vczapi_shortcode( $tag, (array) $given );
				}
			);
		}
	}
	foreach ( array( 'list-meetings', 'show-meeting-post', 'show-live-meeting' ) as $name ) {
		if ( ! WP_Block_Type_Registry::get_instance()->is_registered( "vczapi/$name" ) ) {
			// Without a script: its attributes stay as they are, and the block editor lets nobody change them.
			register_block_type( "vczapi/$name", array( 'render_callback' => 'zoombridge_render_vczapi_block' ) );
		}
	}
}
add_action( 'init', 'zoombridge_register_vczapi_shortcodes', 99 );

/**
 * Renders a shortcode.
 *
 * @since 0.3.0
 *
 * @param string $tag   Name of the shortcode.
 * @param array  $given Its attributes, as an editor has written them.
 * @return string HTML; empty for what only VCZAPI can show.
 */
function zoombridge_render_vczapi_shortcode( string $tag, array $given ): string {
	if ( null === ZOOMBRIDGE_VCZAPI_SHORTCODES[ $tag ] ) {
		return '';
	}
	list( $block, $names ) = ZOOMBRIDGE_VCZAPI_SHORTCODES[ $tag ];

	$wanted = array();
	foreach ( $names as $theirs => $ours ) {
		if ( isset( $given[ $theirs ] ) && is_scalar( $given[ $theirs ] ) && '' !== (string) $given[ $theirs ] ) {
			$wanted[ $ours ] = (string) $given[ $theirs ];
		}
	}
	if ( 'meetings' === $block ) {
		$wanted += array(
			'number' => '5',
			'view'   => 'cards',
			'kind'   => 'zoom_list_webinars' === $tag ? 'webinar' : 'meeting',
		);
	} elseif ( isset( $wanted['post'] ) ) {
		$wanted['meeting'] = zoombridge_number_of( (int) $wanted['post'] );
	}
	return zoombridge_render_block( $block, $wanted, false );
}

/**
 * Renders a block, as the shortcode that VCZAPI makes of it.
 *
 * @since 0.3.0
 *
 * @param array         $given   Its attributes.
 * @param string        $content Its content: none.
 * @param WP_Block|null $block   Optional. The block. Default null.
 * @return string HTML.
 */
function zoombridge_render_vczapi_block( $given, $content = '', $block = null ): string {
	$name = $block instanceof WP_Block ? $block->name : '';
	if ( 'vczapi/list-meetings' === $name ) {
		return zoombridge_render_vczapi_list( $given );
	}
	if ( 'vczapi/show-meeting-post' === $name ) {
		return zoombridge_render_vczapi_shortcode( 'zoom_meeting_post', array( 'post_id' => $given['postID'] ?? '' ) );
	}
	$number = array( 'meeting_id' => $given['selectedMeeting']['value'] ?? '' );
	return zoombridge_render_vczapi_shortcode( 'zoom_api_link', $number );
}

/**
 * Renders the block of a list.
 *
 * @since 0.3.0
 *
 * @param array $given Its attributes.
 * @return string HTML.
 */
function zoombridge_render_vczapi_list( array $given ): string {
	$is_webinar = 'webinar' === ( $given['shortcodeType'] ?? '' );
	$categories = array_column( (array) ( $given['selectedCategory'] ?? array() ), 'value' );
	return zoombridge_render_vczapi_shortcode(
		$is_webinar ? 'zoom_list_webinars' : 'zoom_list_meetings',
		array(
			'author'   => $given['selectedAuthor'] ?? '',
			'category' => implode( ',', array_filter( $categories, 'is_string' ) ),
			'per_page' => $given['postsToShow'] ?? '',
			'type'     => $given['displayType'] ?? '',
		)
	);
}
