<?php
/**
 * The blocks and shortcodes by which a site shows meetings anywhere: a list, one meeting, a countdown.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

// The shortcode, the function that renders, and the attributes of each block.
const ZOOMBRIDGE_BLOCKS = array(
	'meetings'  => array(
		'shortcode'  => 'zoom_meetings',
		'render'     => 'zoombridge_render_meetings',
		'attributes' => array(
			'which'    => 'upcoming',
			'view'     => 'list',
			'category' => '',
			'host'     => '',
			'kind'     => '',
			'number'   => 10,
			'paging'   => true,
		),
	),
	'meeting'   => array(
		'shortcode'  => 'zoom_meeting',
		'render'     => 'zoombridge_render_single',
		'attributes' => array( 'meeting' => '' ),
	),
	'countdown' => array(
		'shortcode'  => 'zoom_countdown',
		'render'     => 'zoombridge_render_single_countdown',
		'attributes' => array( 'meeting' => '' ),
	),
);

/**
 * Registers script and style, the blocks, and the shortcodes that no other plugin has.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_register_blocks(): void {
	$folder = plugins_url( 'assets/', __FILE__ );
	wp_register_style( 'zoombridge-meetings', $folder . 'meetings.css', array(), ZOOMBRIDGE_VERSION );
	wp_register_script( 'zoombridge-meetings', $folder . 'meetings.js', array(), ZOOMBRIDGE_VERSION, true );
	$needs = array( 'wp-blocks', 'wp-block-editor', 'wp-components', 'wp-element', 'wp-server-side-render' );
	wp_register_script( 'zoombridge-blocks', $folder . 'blocks.js', $needs, ZOOMBRIDGE_VERSION, true );
	$texts = zoombridge_block_texts();
	foreach ( ZOOMBRIDGE_BLOCKS as $name => $block ) {
		register_block_type(
			'zoombridge/' . $name,
			array(
				'api_version'     => 3,
				'title'           => $texts[ $name ]['title'],
				'description'     => $texts[ $name ]['description'],
				'category'        => 'widgets',
				'icon'            => 'video-alt2',
				'attributes'      => array_map( 'zoombridge_attribute_schema', $block['attributes'] ),
				'supports'        => array(
					'html'  => false,
					'align' => array( 'wide', 'full' ),
				),
				'editor_script'   => 'zoombridge-blocks',
				'editor_style'    => 'zoombridge-meetings',
				'render_callback' => static function ( $given ) use ( $name ): string {
					return zoombridge_render_block( $name, (array) $given, true );
				},
			)
		);
		if ( ! shortcode_exists( $block['shortcode'] ) ) {
			add_shortcode(
				$block['shortcode'],
				static function ( $given ) use ( $name ): string {
					return zoombridge_render_block( $name, (array) $given, false );
				}
			);
		}
	}
}
add_action( 'init', 'zoombridge_register_blocks', 99 );

/**
 * Returns the schema of an attribute.
 *
 * @since 0.2.0
 *
 * @param mixed $value Its default.
 * @return array The schema.
 */
function zoombridge_attribute_schema( $value ): array {
	$types = array(
		'string'  => 'string',
		'integer' => 'number',
		'boolean' => 'boolean',
	);
	return array(
		'type'    => $types[ gettype( $value ) ],
		'default' => $value,
	);
}

/**
 * Returns titles and descriptions of the blocks.
 *
 * @since 0.2.0
 *
 * @return array Texts by name of the block.
 */
function zoombridge_block_texts(): array {
	return array(
		'meetings'  => array(
			'title'       => __( 'Zoom meetings', 'meetings-bridge-for-zoom' ),
			'description' => __(
				'Upcoming, past or live meetings as a list, as cards or as a month.',
				'meetings-bridge-for-zoom'
			),
		),
		'meeting'   => array(
			'title'       => __( 'Zoom meeting', 'meetings-bridge-for-zoom' ),
			'description' => __( 'One meeting, with its date and how to join.', 'meetings-bridge-for-zoom' ),
		),
		'countdown' => array(
			'title'       => __( 'Zoom countdown', 'meetings-bridge-for-zoom' ),
			'description' => __( 'A countdown to one meeting, or to the next.', 'meetings-bridge-for-zoom' ),
		),
	);
}

/**
 * Renders a block or its shortcode.
 *
 * @since 0.2.0
 *
 * @param string $name     Name of the block.
 * @param array  $given    Attributes, as an editor has written them.
 * @param bool   $is_block Whether it is a block, with settings of the block editor.
 * @return string HTML.
 */
function zoombridge_render_block( string $name, array $given, bool $is_block ): string {
	$block = ZOOMBRIDGE_BLOCKS[ $name ];
	$given = array_intersect_key( $given, $block['attributes'] ) + $block['attributes'];
	$given = array_map( 'zoombridge_attribute_text', $given );
	$class = 'zoombridge-visit zoombridge-of-' . $name;
	$outer = $is_block ? get_block_wrapper_attributes( array( 'class' => $class ) ) : 'class="' . $class . '"';
	zoombridge_enqueue_visitors_assets();
	// A title may contain text that looks like a shortcode.
	return sprintf( '<div %s>%s</div>', $outer, str_replace( '[', '&#91;', $block['render']( $given, time() ) ) );
}

/**
 * Returns an attribute as text.
 *
 * @since 0.2.0
 *
 * @param mixed $value The attribute.
 * @return string Text; empty for false and for what is no plain value.
 */
function zoombridge_attribute_text( $value ): string {
	return is_scalar( $value ) ? trim( (string) $value ) : '';
}

/**
 * Validates the attributes of a list.
 *
 * @since 0.2.0
 *
 * @param string[] $given    Attributes by name.
 * @param int      $instance Which list of the page it is, from 1.
 * @param int      $now      Unix time.
 * @return array What is wanted, as zoombridge_query_meetings() takes it, with `view`, `instance`, and `parameter` and
 *               `month_parameter`, which choose the page and the month.
 */
function zoombridge_list_attributes( array $given, int $instance, int $now ): array {
	$suffix = $instance > 1 ? '-' . $instance : '';
	$choose = static function ( string $value, array $choices ): string {
		return in_array( $value, $choices, true ) ? $value : $choices[0];
	};
	return array(
		'which'           => $choose( $given['which'], array( 'upcoming', 'past', 'live' ) ),
		'view'            => $choose( $given['view'], array( 'list', 'cards', 'month' ) ),
		'category'        => $given['category'],
		'host'            => $given['host'],
		'kind'            => $choose( $given['kind'], array( '', 'meeting', 'webinar' ) ),
		'number'          => min( ZOOMBRIDGE_MOST_LISTED, max( 1, (int) $given['number'] ) ),
		'paging'          => ! in_array( strtolower( $given['paging'] ), array( '', '0', 'no', 'false' ), true ),
		'instance'        => $instance,
		'parameter'       => 'zb-page' . $suffix,
		'month_parameter' => 'zb-month' . $suffix,
		'page'            => min( 10000, max( 1, (int) zoombridge_query_parameter( 'zb-page' . $suffix ) ) ),
		'month'           => zoombridge_month_of( zoombridge_query_parameter( 'zb-month' . $suffix ), $now ),
	);
}

/**
 * Returns a parameter of the current address.
 *
 * @since 0.2.0
 *
 * @param string $name Its name.
 * @return string The value, to be validated; empty if there is none.
 */
function zoombridge_query_parameter( string $name ): string {
	// phpcs:ignore WordPress.Security -- Nothing is changed, and callers validate it.
	$value = $_GET[ $name ] ?? '';
	return is_string( $value ) ? $value : '';
}

/**
 * Returns the first day of a month.
 *
 * @since 0.2.0
 *
 * @param string $month The month, as `Y-m`.
 * @param int    $now   Unix time.
 * @return string The day, as `Y-m-d`; that of the current month for all other texts.
 */
function zoombridge_month_of( string $month, int $now ): string {
	$is_month = preg_match( '/^20\d\d-(?:0[1-9]|1[0-2])$/D', $month );
	return ( $is_month ? $month : (string) wp_date( 'Y-m', $now ) ) . '-01';
}

/**
 * Renders a list of meetings.
 *
 * @since 0.2.0
 *
 * @param string[] $given Attributes by name.
 * @param int      $now   Unix time.
 * @return string HTML.
 */
function zoombridge_render_meetings( array $given, int $now ): string {
	static $instances = 0;
	++$instances;
	$list = zoombridge_list_attributes( $given, $instances, $now );
	return 'month' === $list['view'] ? zoombridge_render_month( $list, $now ) : zoombridge_render_list( $list, $now );
}

/**
 * Renders one meeting.
 *
 * @since 0.2.0
 *
 * @param string[] $given Attributes by name.
 * @param int      $now   Unix time.
 * @return string HTML.
 */
function zoombridge_render_single( array $given, int $now ): string {
	$post = zoombridge_named_meeting( $given['meeting'] );
	return $post ? zoombridge_render_meeting( $post, $now ) : zoombridge_render_missing();
}

/**
 * Renders a countdown to a meeting; to the next one where none is named.
 *
 * @since 0.2.0
 *
 * @param string[] $given Attributes by name.
 * @param int      $now   Unix time.
 * @return string HTML.
 */
function zoombridge_render_single_countdown( array $given, int $now ): string {
	$post = zoombridge_named_meeting( $given['meeting'] );
	if ( '' === $given['meeting'] ) {
		$all  = ZOOMBRIDGE_BLOCKS['meetings']['attributes'];
		$list = array_map( 'zoombridge_attribute_text', array( 'number' => 1 ) + $all );
		$list = array( 'page' => 1 ) + zoombridge_list_attributes( array( 'paging' => '' ) + $list, 1, $now );
		$post = zoombridge_query_meetings( $now, $list )->posts[0] ?? null;
		if ( ! $post ) {
			return '<p class="zoombridge-empty">' . esc_html( zoombridge_empty_text( 'upcoming' ) ) . '</p>';
		}
	}
	return $post ? zoombridge_render_meeting_countdown( $post, $now ) : zoombridge_render_missing();
}

/**
 * Returns the post of a meeting that an editor has named, if everybody may see it.
 *
 * @since 0.2.0
 *
 * @param string $number Zoom meeting number, with or without spaces.
 * @return WP_Post|null The post.
 */
function zoombridge_named_meeting( string $number ): ?WP_Post {
	$number = (string) preg_replace( '/[\s-]+/', '', $number );
	if ( ! preg_match( '/^[0-9]{6,15}$/D', $number ) ) {
		return null;
	}
	$post_id = zoombridge_find_post( $number );
	return $post_id && zoombridge_is_post_public( $post_id, false ) ? get_post( $post_id ) : null;
}

/**
 * Returns what is shown in place of a meeting that is not published.
 *
 * @since 0.2.0
 *
 * @return string HTML.
 */
function zoombridge_render_missing(): string {
	$text = __( 'This meeting is not published on this site.', 'meetings-bridge-for-zoom' );
	return '<p class="zoombridge-empty">' . esc_html( $text ) . '</p>';
}

/**
 * Loads the style and the script for what visitors see.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_enqueue_visitors_assets(): void {
	if ( ! is_admin() ) {
		wp_enqueue_style( 'zoombridge-meetings' );
		wp_enqueue_script( 'zoombridge-meetings' );
	}
}

/**
 * Loads them in the head of pages that are known to need them; elsewhere they follow where they are needed.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_enqueue_in_head(): void {
	$post = is_singular() ? get_post() : null;
	if ( ! $post ) {
		return;
	}
	$is_needed = 'zoom-meetings' === $post->post_type;
	foreach ( ZOOMBRIDGE_BLOCKS as $name => $block ) {
		$is_needed = $is_needed || false !== strpos( $post->post_content, '<!-- wp:zoombridge/' . $name )
			|| false !== strpos( $post->post_content, '[' . $block['shortcode'] );
	}
	if ( $is_needed ) {
		zoombridge_enqueue_visitors_assets();
	}
}
add_action( 'wp_enqueue_scripts', 'zoombridge_enqueue_in_head' );

/**
 * Tells the script of the block editor its texts, in the user's language, and the categories.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_prepare_block_editor(): void {
	$terms = get_terms(
		array(
			'taxonomy'   => 'zoom-meeting',
			'hide_empty' => false,
			'number'     => 200,
		)
	);
	$data  = array(
		'categories' => array(),
		'texts'      => array(
			'settings'   => __( 'Settings', 'meetings-bridge-for-zoom' ),
			'which'      => __( 'Meetings', 'meetings-bridge-for-zoom' ),
			'upcoming'   => __( 'Upcoming', 'meetings-bridge-for-zoom' ),
			'past'       => __( 'Past', 'meetings-bridge-for-zoom' ),
			'live'       => __( 'Live now', 'meetings-bridge-for-zoom' ),
			'view'       => __( 'View', 'meetings-bridge-for-zoom' ),
			'list'       => __( 'List', 'meetings-bridge-for-zoom' ),
			'cards'      => __( 'Cards', 'meetings-bridge-for-zoom' ),
			'month'      => __( 'Month', 'meetings-bridge-for-zoom' ),
			'category'   => __( 'Category', 'meetings-bridge-for-zoom' ),
			'all'        => __( 'All', 'meetings-bridge-for-zoom' ),
			'host'       => __( 'Host (user name or ID of the author)', 'meetings-bridge-for-zoom' ),
			'kind'       => __( 'Kind', 'meetings-bridge-for-zoom' ),
			'meeting'    => __( 'Meeting', 'meetings-bridge-for-zoom' ),
			'webinar'    => __( 'Webinar', 'meetings-bridge-for-zoom' ),
			'number'     => __( 'Meetings on a page', 'meetings-bridge-for-zoom' ),
			'paging'     => __( 'Links to further pages', 'meetings-bridge-for-zoom' ),
			'zoomNumber' => __( 'Zoom meeting number', 'meetings-bridge-for-zoom' ),
			'next'       => __( 'Leave it empty for the next meeting.', 'meetings-bridge-for-zoom' ),
		),
	);
	foreach ( is_array( $terms ) ? $terms : array() as $term ) {
		$data['categories'][] = array(
			'value' => $term->slug,
			'label' => wp_specialchars_decode( $term->name, ENT_QUOTES ),
		);
	}
	$json = (string) wp_json_encode( $data, JSON_HEX_TAG | JSON_HEX_AMP );
	wp_add_inline_script( 'zoombridge-blocks', 'window.zoombridgeBlocks = ' . $json . ';', 'before' );
}
add_action( 'enqueue_block_editor_assets', 'zoombridge_prepare_block_editor' );
