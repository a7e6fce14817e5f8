<?php
/**
 * Routes requests for PHP's built-in server as a web server's rewrite rules do for WordPress.
 *
 * @package Zoom_WordPress_Bridge
 */

// Code of the tests, with the token that only they and this server know.
$zoombridge_token = getenv( 'ZOOMBRIDGE_TEST_RUN' );
if ( $zoombridge_token && "/$zoombridge_token" === $_SERVER['REQUEST_URI'] ) {
	unset( $zoombridge_token );
	chdir( $_SERVER['DOCUMENT_ROOT'] );
	require __DIR__ . '/run.php';
	return true;
}

$zoombridge_path = rawurldecode( (string) parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) );
$zoombridge_file = $_SERVER['DOCUMENT_ROOT'] . $zoombridge_path;

if ( is_dir( $zoombridge_file ) && is_file( rtrim( $zoombridge_file, '/' ) . '/index.php' ) ) {
	if ( '/' !== substr( $zoombridge_path, -1 ) ) {
		$zoombridge_query = (string) parse_url( $_SERVER['REQUEST_URI'], PHP_URL_QUERY );
		header( 'Location: ' . rtrim( $zoombridge_path . '/?' . $zoombridge_query, '?' ), true, 301 );
		return true;
	}
	$zoombridge_file .= 'index.php';
}
if ( is_file( $zoombridge_file ) ) {
	return false;
}
// The sites of a network share the pages of wp-admin.
if ( preg_match( '#^/[\w-]+(/wp-(?:admin/.*|login)\.php)$#D', $zoombridge_path, $zoombridge_found ) ) {
	$zoombridge_file = $_SERVER['DOCUMENT_ROOT'] . $zoombridge_found[1];
	if ( is_file( $zoombridge_file ) ) {
		$_SERVER['SCRIPT_NAME']     = $zoombridge_found[1];
		$_SERVER['PHP_SELF']        = $zoombridge_found[1];
		$_SERVER['SCRIPT_FILENAME'] = $zoombridge_file;
		unset( $_SERVER['PATH_INFO'], $zoombridge_token, $zoombridge_path, $zoombridge_file, $zoombridge_found );
		chdir( dirname( $_SERVER['SCRIPT_FILENAME'] ) );
		require $_SERVER['SCRIPT_FILENAME'];
		return true;
	}
}

// PHP's server takes the path for the script's, and WordPress derives its own address from that.
$_SERVER['SCRIPT_NAME']     = '/index.php';
$_SERVER['PHP_SELF']        = '/index.php';
$_SERVER['SCRIPT_FILENAME'] = $_SERVER['DOCUMENT_ROOT'] . '/index.php';
unset( $_SERVER['PATH_INFO'], $zoombridge_token, $zoombridge_path, $zoombridge_file );
chdir( $_SERVER['DOCUMENT_ROOT'] );
require $_SERVER['SCRIPT_FILENAME'];
