<?php
/**
 * Filters pages as the plugin does, with the wp_kses() of a WordPress that is not installed.
 *
 * The first argument is WordPress's folder. Writes the elements of zoombridge_page_elements() as a line of JSON; then,
 * for each line of JSON on standard input with `html` (Base64), `page` (its address in wp-admin), `bridge` (the address
 * of the pairing) and `may_leave`, the filtered HTML as a line of Base64.
 *
 * @package Zoom_WordPress_Bridge
 */

define( 'ABSPATH', rtrim( $argv[1], '/' ) . '/' );
define( 'WPINC', 'wp-includes' );

$zoombridge_files = array( 'compat', 'load', 'plugin', 'cache', 'functions', 'formatting', 'kses', 'http' );
// Newer ones check texts and read attributes by these.
$zoombridge_files[] = 'compat-utf8';
$zoombridge_files[] = 'utf8';
$zoombridge_files[] = 'class-wp-token-map';
$zoombridge_files[] = 'html-api/html5-named-character-references';
foreach ( array( 'attribute-token', 'span', 'text-replacement', 'decoder', 'tag-processor' ) as $zoombridge_class ) {
	$zoombridge_files[] = "html-api/class-wp-html-$zoombridge_class";
}
foreach ( $zoombridge_files as $zoombridge_file ) {
	if ( is_file( ABSPATH . WPINC . "/$zoombridge_file.php" ) ) {
		require_once ABSPATH . WPINC . "/$zoombridge_file.php";
	}
}

// There is no database to read this from.
wp_cache_init();
wp_cache_set( 'alloptions', array( 'blog_charset' => 'UTF-8' ), 'options' );
// As in wp-includes/default-filters.php.
add_filter( 'pre_kses', 'wp_pre_kses_less_than' );

/**
 * Stands in for the plugin's function, which needs a site.
 *
 * @return string Address of the page.
 */
function zoombridge_page_url(): string {
	return $GLOBALS['zoombridge_input']['page'];
}

/**
 * Stands in for the plugin's function, which needs a database.
 *
 * @return array|null The connection.
 */
function zoombridge_get_connection(): ?array {
	$bridge = $GLOBALS['zoombridge_input']['bridge'];
	return null === $bridge ? null : array( 'bridge' => $bridge );
}

require dirname( __DIR__, 2 ) . '/plugin_stub/page-html.php';

echo json_encode( array_map( 'array_keys', zoombridge_page_elements() ) ), "\n";
for ( $zoombridge_line = fgets( STDIN ); false !== $zoombridge_line; $zoombridge_line = fgets( STDIN ) ) {
	$zoombridge_input = json_decode( $zoombridge_line, true );
	$zoombridge_html  = base64_decode( $zoombridge_input['html'], true );
	echo base64_encode( zoombridge_filter_page_html( $zoombridge_html, $zoombridge_input['may_leave'] ) ), "\n";
}
