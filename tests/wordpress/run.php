<?php
/**
 * Runs code inside WordPress.
 *
 * Reads the code as JSON from standard input and writes what it returned, as JSON, to a file of its own, so that output
 * of WordPress and its plugins cannot be mistaken for it.
 *
 * @package Zoom_WordPress_Bridge
 *
 * phpcs:disable WordPress.NamingConventions.PrefixAllGlobals
 */

$zoombridge_request = json_decode( stream_get_contents( STDIN ), true, 512, JSON_THROW_ON_ERROR );

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
