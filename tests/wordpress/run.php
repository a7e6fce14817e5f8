<?php
/**
 * Runs code inside WordPress, on the command line or in the tests' server, where it finds the same.
 *
 * Reads the code as JSON from a file and writes what it returned, as JSON, to another, so that output of WordPress and
 * its plugins cannot be mistaken for it.
 *
 * @package Zoom_WordPress_Bridge
 *
 * phpcs:disable WordPress.NamingConventions.PrefixAllGlobals
 */

$zoombridge_request = $_SERVER['HTTP_X_REQUEST_FILE'] ?? $_SERVER['argv'][1];
$zoombridge_request = json_decode( file_get_contents( $zoombridge_request ), true, 512, JSON_THROW_ON_ERROR );

// The request that brings the code is none of the site's.
$_SERVER = array_intersect_key( $_SERVER, array_flip( array( 'REQUEST_TIME', 'REQUEST_TIME_FLOAT' ) ) );
unset( $argv, $argc );
set_time_limit( 0 );
ini_set( 'html_errors', '0' );
while ( ob_get_level() ) {
	ob_end_clean();
}

foreach ( $zoombridge_request['constants'] as $zoombridge_name => $zoombridge_value ) {
	define( $zoombridge_name, $zoombridge_value );
}

// WordPress and plugins read these without checking whether there is a request at all.
$_SERVER['HTTP_HOST']       = substr( $zoombridge_request['url'], strlen( 'http://' ) );
$_SERVER['SERVER_NAME']     = '127.0.0.1';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_METHOD']  = 'GET';
$_SERVER['REQUEST_URI']     = '/';
$_SERVER['REMOTE_ADDR']     = '127.0.0.1';
$_SERVER['SCRIPT_NAME']     = __FILE__;
$_SERVER['SCRIPT_FILENAME'] = __FILE__;
$_SERVER['PHP_SELF']        = __FILE__;

require $zoombridge_request['load'];

try {
	// In a function, so that its variables are not global ones, which WordPress uses.
	$zoombridge_answer = array(
		'value' => ( static function ( array $zoombridge_request ) {
			extract( $zoombridge_request['arguments'] );
			return eval( $zoombridge_request['code'] );
		} )( $zoombridge_request ),
	);
} catch ( Throwable $zoombridge_error ) {
	$zoombridge_answer = array( 'error' => (string) $zoombridge_error );
}

try {
	$zoombridge_json = json_encode( $zoombridge_answer, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION );
} catch ( JsonException $zoombridge_error ) {
	$zoombridge_answer = array( 'error' => 'The returned value is no JSON: ' . $zoombridge_error->getMessage() );
	$zoombridge_json   = json_encode( $zoombridge_answer );
}
file_put_contents( $zoombridge_request['answer'], $zoombridge_json );
