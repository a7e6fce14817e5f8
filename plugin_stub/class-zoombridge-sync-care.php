<?php
/**
 * Keeps other code from changing or repeating what the bridge writes.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * What surrounds the bridge's writes: begins when it is created, and is ended by end().
 *
 * @since 0.2.0
 */
class Zoombridge_Sync_Care {

	/**
	 * Whether WordPress filters the content of users who may not post unfiltered HTML.
	 *
	 * @var bool
	 */
	private $had_kses;

	/**
	 * VCZAPI's callbacks, as arguments of add_filter().
	 *
	 * @var array
	 */
	private $callbacks;

	/**
	 * Takes off what would interfere.
	 *
	 * @since 0.2.0
	 */
	public function __construct() {
		// The fields that are written are filtered one by one. Others would lose what administrators wrote.
		$this->had_kses = false !== has_filter( 'title_save_pre', 'wp_filter_kses' );
		kses_remove_filters();
		$this->callbacks = zoombridge_vczapi_callbacks();
		foreach ( $this->callbacks as list( $hook, $callback, $priority ) ) {
			remove_filter( $hook, $callback, $priority );
		}
		// WordPress compares what it writes with what stands.
		remove_filter( 'get_post_metadata', 'zoombridge_fit_meta', PHP_INT_MAX );
		// For the rest of the request: some plugins work when it shuts down.
		add_filter( 'pre_http_request', 'zoombridge_refuse_zoom_request', PHP_INT_MAX, 3 );
		add_filter( 'pre_schedule_event', array( $this, 'refuse_job' ), PHP_INT_MAX, 2 );
		foreach ( array( 'wp_die_handler', 'wp_die_ajax_handler', 'wp_die_json_handler', 'wp_redirect' ) as $hook ) {
			add_filter( $hook, 'zoombridge_sync_record_way_out', PHP_INT_MAX );
		}
		wp_defer_term_counting( true );
	}

	/**
	 * Puts back what was taken off.
	 *
	 * @since 0.2.0
	 *
	 * @return void
	 */
	public function end(): void {
		foreach ( $this->callbacks as $arguments ) {
			add_filter( ...$arguments );
		}
		if ( $this->had_kses ) {
			kses_init_filters();
		}
		add_filter( 'get_post_metadata', 'zoombridge_fit_meta', PHP_INT_MAX, 4 );
		wp_defer_term_counting( false );
	}

	/**
	 * Keeps VCZAPI from scheduling a job: in another process, it would tell Zoom what the bridge wrote here.
	 *
	 * @since 0.2.0
	 *
	 * @param mixed  $result Result of an earlier filter; null lets WordPress schedule the job.
	 * @param object $event  The job.
	 * @return mixed False if VCZAPI carries it out, or schedules it; otherwise the result unchanged.
	 */
	public function refuse_job( $result, $event ) {
		$hooks = array_column( $this->callbacks, 0 );
		return in_array( $event->hook, $hooks, true ) || zoombridge_is_called_by_vczapi() ? false : $result;
	}
}
