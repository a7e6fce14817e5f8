<?php
/**
 * Time, memory and output of a request of the sync protocol, and which other code ended it.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Returns the time after which no operation begins.
 *
 * @since 0.2.0
 *
 * @param int $budget The bridge's budget in milliseconds.
 * @return float Unix time in seconds: when the budget is spent, or half of PHP's own limit, whichever comes first.
 */
function zoombridge_sync_deadline( int $budget ): float {
	$deadline = microtime( true ) + $budget / 1000;
	$limit    = (int) ini_get( 'max_execution_time' );
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- PHP sets it.
	return $limit > 0 ? min( $deadline, (float) $_SERVER['REQUEST_TIME_FLOAT'] + $limit / 2 ) : $deadline;
}

/**
 * Whether more than 60 % of the memory that PHP allows is in use.
 *
 * @since 0.2.0
 *
 * @return bool False also where there is no limit.
 */
function zoombridge_sync_is_short_of_memory(): bool {
	$limit = wp_convert_hr_to_bytes( (string) ini_get( 'memory_limit' ) );
	return $limit > 0 && memory_get_usage( true ) > 0.6 * $limit;
}

/**
 * Gives a request that has reached PHP's limits the time and the memory to answer.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_sync_extend_limits(): void {
	if ( function_exists( 'set_time_limit' ) ) {
		set_time_limit( 30 );
	}
	$limit = wp_convert_hr_to_bytes( (string) ini_get( 'memory_limit' ) );
	if ( $limit > 0 ) {
		// phpcs:ignore WordPress.PHP.IniSet -- An answer takes some, where PHP ran out of it.
		ini_set( 'memory_limit', (string) ( max( $limit, memory_get_usage( true ) ) + 32 * MB_IN_BYTES ) );
	}
}

/**
 * Sends an answer as the last part of the response, and discards what other code printed, where it still can.
 *
 * @since 0.2.0
 *
 * @param string $answer The answer; see zoombridge_sync_sign_answer().
 * @return void
 */
function zoombridge_sync_send( string $answer ): void {
	zoombridge_send(
		200,
		array(
			'Content-Type'  => 'text/plain; charset=utf-8',
			'Cache-Control' => 'no-store',
		),
		$answer
	);
}

/**
 * Returns the error with which PHP ended the request.
 *
 * @since 0.2.0
 *
 * @return array|null The error as error_get_last() returns it; null if other code ended the request.
 */
function zoombridge_sync_fatal_error(): ?array {
	$error = error_get_last();
	$fatal = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR;
	return null !== $error && $error['type'] & $fatal ? $error : null;
}

/**
 * Finds the file of a plugin or theme from which an error came.
 *
 * @since 0.2.0
 *
 * @param Throwable $error The error.
 * @return string|null Its path below wp-content, or null if no plugin or theme took part.
 */
function zoombridge_sync_culprit( Throwable $error ): ?string {
	$files = array_column( $error->getTrace(), 'file' );
	return zoombridge_sync_first_culprit( array_merge( array( $error->getFile() ), $files ) );
}

/**
 * Finds the first file that belongs to another plugin or to a theme.
 *
 * @since 0.2.0
 *
 * @param string[] $files Paths of files.
 * @return string|null Its path below wp-content, or null if there is none.
 */
function zoombridge_sync_first_culprit( array $files ): ?string {
	foreach ( $files as $file ) {
		$path = zoombridge_sync_below_content( $file );
		if ( null !== $path ) {
			return $path;
		}
	}
	return null;
}

/**
 * Returns where a file of another plugin, or of a theme, is below wp-content.
 *
 * @since 0.2.0
 *
 * @param string $file Path of the file.
 * @return string|null The path, or null for files elsewhere and for this plugin's own.
 */
function zoombridge_sync_below_content( string $file ): ?string {
	$file = wp_normalize_path( $file );
	if ( 0 === strpos( $file, wp_normalize_path( __DIR__ ) . '/' ) ) {
		return null;
	}
	$folders = array(
		WP_PLUGIN_DIR   => 'plugins/',
		WPMU_PLUGIN_DIR => 'mu-plugins/',
		WP_CONTENT_DIR  => '',
	);
	foreach ( $folders as $folder => $shown ) {
		$folder = trailingslashit( wp_normalize_path( (string) $folder ) );
		if ( 0 === strpos( $file, $folder ) ) {
			return $shown . substr( $file, strlen( $folder ) );
		}
	}
	return null;
}

/**
 * Finds the file of a plugin or theme that ended the request without an error: by wp_die(), a redirect or exit.
 *
 * @since 0.2.0
 *
 * @return string|null Its path below wp-content, or null if it is not certain.
 */
function zoombridge_sync_culprit_at_exit(): ?string {
	$file = zoombridge_sync_last_way_out();
	return '' !== $file ? $file : zoombridge_sync_culprit_by_hooks();
}

/**
 * Stores and returns which file of another plugin, or of a theme, began to end the request during this operation.
 *
 * @since 0.2.0
 *
 * @param string|null $file Optional. Path below wp-content; empty when an operation begins. Default null: unchanged.
 * @return string The path, or empty if there is none.
 */
function zoombridge_sync_last_way_out( ?string $file = null ): string {
	static $last = '';
	$last        = $file ?? $last;
	return $last;
}

/**
 * Records who calls wp_die() or redirects.
 *
 * @since 0.2.0
 *
 * @param mixed $value Value of the filter.
 * @return mixed The same.
 */
function zoombridge_sync_record_way_out( $value ) {
	// phpcs:ignore WordPress.PHP.DevelopmentFunctions.error_log_debug_backtrace -- It names the plugin in the answer.
	$files = array_column( debug_backtrace( DEBUG_BACKTRACE_IGNORE_ARGS ), 'file' );
	zoombridge_sync_last_way_out( zoombridge_sync_first_culprit( $files ) );
	return $value;
}

/**
 * Finds the only file of other plugins and of the theme whose callback can be running.
 *
 * @since 0.2.0
 *
 * @return string|null Its path below wp-content, or null if there are several or none.
 */
function zoombridge_sync_culprit_by_hooks(): ?string {
	global $wp_filter, $wp_current_filter;
	foreach ( array_reverse( $wp_current_filter ) as $hook ) {
		$priority = isset( $wp_filter[ $hook ] ) ? $wp_filter[ $hook ]->current_priority() : false;
		$files    = array();
		$running  = false === $priority ? array() : $wp_filter[ $hook ]->callbacks[ $priority ] ?? array();
		foreach ( $running as $callback ) {
			$files[] = zoombridge_sync_below_content( zoombridge_callback_file( $callback['function'] ) );
		}
		$files = array_unique( array_filter( $files ) );
		if ( $files ) {
			return 1 === count( $files ) ? reset( $files ) : null;
		}
	}
	return null;
}
