<?php
/**
 * Filters the pages that the bridge sends, and adds the plugin's own style and script to them.
 *
 * A page comes from whoever holds the connection's key. With a stolen key, that must not be a script in wp-admin.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

// Version of the style and script in the folder `assets`. A page names the one that it needs; see docs/stub.md.
define( 'ZOOMBRIDGE_ASSETS_VERSION', 1 );

/**
 * Returns the elements of the bridge's pages, with the attributes that they may have.
 *
 * @since 0.2.0
 *
 * @return array Per element, in lower case, an array whose keys are attributes, as wp_kses() takes it.
 */
function zoombridge_page_elements(): array {
	static $elements = array();
	if ( $elements ) {
		return $elements;
	}
	// Attributes of every element. Those of data-… are listed one by one: other plugins' scripts act on theirs.
	$common = 'class hidden id lang role tabindex
		aria-current aria-describedby aria-hidden aria-invalid aria-label aria-labelledby
		data-announce data-assets data-at-once data-confirm data-confirm-yes data-copy data-follow data-label data-live
		data-refresh data-text-cancel data-text-continue data-text-copied data-text-press
		data-text-stale';
	$plain  = 'br code datalist dd defs del desc div dl dt figcaption figure g h1 h2 h3 ins legend li nav ol p
		pre section span strong summary table tbody thead title tr ul wbr';
	$others = array(
		'a'        => 'download href referrerpolicy rel target',
		'button'   => 'disabled name type value',
		'circle'   => 'cx cy r',
		'details'  => 'open',
		'fieldset' => 'disabled',
		'form'     => 'action autocomplete method rel',
		'input'    => 'autocapitalize autocomplete autofocus checked disabled inputmode list max maxlength min minlength
			name placeholder readonly required spellcheck type value',
		'label'    => 'for',
		'line'     => 'x1 x2 y1 y2',
		'option'   => 'disabled selected value',
		'path'     => 'd',
		'pattern'  => 'height patterntransform patternunits width',
		'progress' => 'max value',
		'rect'     => 'height width x y',
		'select'   => 'disabled name required',
		'svg'      => 'focusable height viewbox width',
		'td'       => 'colspan rowspan',
		'text'     => 'text-anchor x y',
		'textarea' => 'autofocus maxlength name placeholder readonly required rows spellcheck',
		'th'       => 'colspan rowspan scope',
		'time'     => 'datetime',
	);
	foreach ( $others + array_fill_keys( preg_split( '/\s+/', $plain ), '' ) as $element => $attributes ) {
		$names                = preg_split( '/\s+/', trim( "$common $attributes" ) );
		$elements[ $element ] = array_fill_keys( $names, true );
	}
	return $elements;
}

/**
 * Returns what the value of an attribute must look like.
 *
 * @since 0.2.0
 *
 * @return string[] Regular expressions, by attribute. Other attributes may have any value.
 */
function zoombridge_page_values(): array {
	// Names of the bridge's own only: neither the rest of wp-admin nor the scripts of other plugins know them.
	$own = '/^zb-/';
	return array(
		'aria-describedby' => $own,
		'aria-labelledby'  => $own,
		'class'            => '/^(?:\s|(?:zoombridge|is)(?:-[a-z-]+)?(?=\s|$))*$/D',
		'data-copy'        => $own,
		'for'              => $own,
		'href'             => '~^(?:https?://|#)~i',
		'id'               => $own,
		'list'             => $own,
		'method'           => '/^(?:get|post)$/iD',
		'target'           => '/^_blank$/D',
	);
}

/**
 * Filters a page of the bridge: what could run a script, or load anything, is removed.
 *
 * What wp_kses() leaves is written anew, because its output differs between versions of WordPress, and any plugin can
 * change its list: every "<" begins an element of the list, whose attributes are quoted, listed and checked.
 *
 * @since 0.2.0
 *
 * @param string $html      HTML as the bridge sent it.
 * @param bool   $may_leave Optional. Whether a form may lead to the bridge's own address. Default false.
 * @return string HTML to print inside wp-admin.
 */
function zoombridge_filter_page_html( string $html, bool $may_leave = false ): string {
	// Older bridges send style and script as elements, whose content would become text.
	$html = (string) preg_replace( '#<(script|style)\b[^>]*>.*?</\1\s*>#is', '', $html );
	// wp_kses() removes a backslash at the end of a value, and finds the ends of comments elsewhere than browsers do.
	$html = strtr(
		$html,
		array(
			'\\' => '&#92;',
			'<!' => '&lt;!',
			'<?' => '&lt;?',
		)
	);
	$html = wp_kses( $html, zoombridge_page_elements(), array( 'http', 'https' ) );
	return (string) preg_replace_callback(
		'~<(?:(/?)([a-z][a-z0-9]*)((?:\s[^<>]*)?)>)?~i',
		static function ( array $found ) use ( $may_leave ): string {
			return isset( $found[2] ) ? zoombridge_page_tag( $found[1], $found[2], $found[3], $may_leave ) : '&lt;';
		},
		$html
	);
}

/**
 * Writes a tag with those of its attributes that a page may have.
 *
 * @since 0.2.0
 *
 * @param string $slash      "/" of an end tag, else empty.
 * @param string $element    Name of the element.
 * @param string $attributes Its attributes as wp_kses() writes them, each after a space, and "/" of an empty element.
 * @param bool   $may_leave  Whether a form may lead to the bridge's own address.
 * @return string The tag; empty where the element is not one of zoombridge_page_elements().
 */
function zoombridge_page_tag( string $slash, string $element, string $attributes, bool $may_leave ): string {
	$allowed = zoombridge_page_elements()[ strtolower( $element ) ] ?? null;
	if ( null === $allowed ) {
		return '';
	}
	if ( '' !== $slash ) {
		return "</$element>";
	}
	$tag = "<$element";
	// Each begins where the one before ends, so that the value of one is never read as another.
	$pattern = '~\G\s+([a-z][a-z0-9-]*)(?:="([^"]*)"|=\'([^\']*)\')?(?=\s|$)~i';
	preg_match_all( $pattern, $attributes, $found, PREG_SET_ORDER );
	foreach ( $found as $attribute ) {
		$name  = strtolower( $attribute[1] );
		$value = $attribute[3] ?? $attribute[2] ?? null;
		if ( ! isset( $allowed[ $name ] ) || ! zoombridge_is_page_value( $name, (string) $value, $may_leave ) ) {
			continue;
		}
		$tag .= " $attribute[1]" . ( null === $value ? '' : '="' . str_replace( '"', '&quot;', $value ) . '"' );
	}
	return $tag . ( '/' === substr( rtrim( $attributes ), -1 ) ? ' />' : '>' );
}

/**
 * Whether an attribute may have this value.
 *
 * @since 0.2.0
 *
 * @param string $name      Name of the attribute, in lower case.
 * @param string $value     The value as it is written in HTML.
 * @param bool   $may_leave Whether a form may lead to the bridge's own address.
 * @return bool True if it may.
 */
function zoombridge_is_page_value( string $name, string $value, bool $may_leave ): bool {
	$pattern = zoombridge_page_values()[ $name ] ?? '';
	if ( '' === $pattern && 'action' !== $name ) {
		return true;
	}
	$value = html_entity_decode( $value, ENT_QUOTES | ENT_HTML5, 'UTF-8' );
	return '' === $pattern ? zoombridge_is_form_action( $value, $may_leave ) : 1 === preg_match( $pattern, $value );
}

/**
 * Whether a form may be sent to this address.
 *
 * @since 0.2.0
 *
 * @param string $url       The address.
 * @param bool   $may_leave Whether it may be the bridge's own address, where the form signs in.
 * @return bool True if it may.
 */
function zoombridge_is_form_action( string $url, bool $may_leave ): bool {
	$page = zoombridge_page_url();
	if ( $url === $page || 0 === strpos( $url, $page . '&zoombridge=' ) ) {
		return true;
	}
	if ( ! $may_leave ) {
		return false;
	}
	$connection = zoombridge_get_connection();
	if ( null !== $connection && $url === $connection['bridge'] . '/enter' ) {
		return true;
	}
	// Browsers may know the bridge by another address than this server does. A form to this site would be sent with the
	// administrator's cookies.
	return 1 === preg_match( '~^https?://[a-z0-9.:\[\]-]+(?:/[\w./-]*)?/enter$~iD', $url )
		&& zoombridge_url_host( $url ) !== zoombridge_url_host( $page );
}

/**
 * Returns the host of an address, with its port where that is not the usual one.
 *
 * @since 0.2.0
 *
 * @param string $url The address.
 * @return string The host.
 */
function zoombridge_url_host( string $url ): string {
	$parts = wp_parse_url( $url );
	$port  = in_array( $parts['port'] ?? 80, array( 80, 443 ), true ) ? '' : ':' . $parts['port'];
	return strtolower( $parts['host'] ?? '' ) . $port;
}

/**
 * Adds the style and script of the bridge's pages, where such a page is shown that they are new enough for.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_enqueue_page_assets(): void {
	$html = zoombridge_page_content();
	if ( '' === $html || zoombridge_needed_assets_version( $html ) > ZOOMBRIDGE_ASSETS_VERSION ) {
		return;
	}
	$style = plugins_url( 'assets/page.css', __FILE__ );
	wp_enqueue_style( 'zoombridge-page', $style, array(), ZOOMBRIDGE_VERSION );
	$script = plugins_url( 'assets/page.js', __FILE__ );
	wp_enqueue_script( 'zoombridge-page', $script, array(), ZOOMBRIDGE_VERSION, true );
}
add_action( 'admin_enqueue_scripts', 'zoombridge_enqueue_page_assets' );

/**
 * Returns the version of style and script that a page needs.
 *
 * @since 0.2.0
 *
 * @param string $html The page.
 * @return int The version; 0 for a page that names none.
 */
function zoombridge_needed_assets_version( string $html ): int {
	return preg_match( '/ data-assets="(\d{1,4})"/', $html, $found ) ? (int) $found[1] : 0;
}
