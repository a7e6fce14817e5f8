<?php
/**
 * Carries out the operations of one message, one by one, and answers even if one of them ends the request.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * The operations of one message.
 *
 * @since 0.2.0
 */
class Zoombridge_Sync_Run {

	/**
	 * The message; see zoombridge_sync_parse_envelope().
	 *
	 * @var array
	 */
	private $message;

	/**
	 * The pairing key.
	 *
	 * @var string
	 */
	private $pairing_key;

	/**
	 * Operations that were not begun.
	 *
	 * @var array
	 */
	private $waiting = array();

	/**
	 * The operation at work, if any.
	 *
	 * @var array|null
	 */
	private $current;

	/**
	 * Results of the operations, in their order.
	 *
	 * @var array
	 */
	private $results = array();

	/**
	 * IDs of the posts that were written.
	 *
	 * @var int[]
	 */
	private $post_ids = array();

	/**
	 * The highest operation that wrote. It is stored with the answer: before, nobody knows of it.
	 *
	 * @var int
	 */
	private $highest = 0;

	/**
	 * What surrounds the writes and is put back in the end.
	 *
	 * @var Zoombridge_Sync_Care|null
	 */
	private $care;

	/**
	 * Unix time in seconds after which no operation begins.
	 *
	 * @var float
	 */
	private $deadline = 0.0;

	/**
	 * Whether the answer was sent.
	 *
	 * @var bool
	 */
	private $is_answered = false;

	/**
	 * Memory for the answer, should there be no other left.
	 *
	 * @var string|null
	 */
	private $reserve;

	/**
	 * Creates a run, which answers from now on even if the request is ended by another plugin.
	 *
	 * @since 0.2.0
	 *
	 * @param array  $message     The message, verified.
	 * @param string $pairing_key The pairing key.
	 */
	public function __construct( array $message, string $pairing_key ) {
		$this->message     = $message;
		$this->pairing_key = $pairing_key;
		$this->reserve     = str_repeat( ' ', MB_IN_BYTES );
		// Before WordPress's own callbacks and those of plugins, any of which may end the request.
		add_action( 'shutdown', array( $this, 'answer_at_shutdown' ), PHP_INT_MIN );
		// Should a plugin have removed all callbacks of that action.
		register_shutdown_function( array( $this, 'answer_at_shutdown' ) );
	}

	/**
	 * Carries out the operations.
	 *
	 * @since 0.2.0
	 *
	 * @return array|null Null, or the error of the whole message.
	 */
	public function start(): ?array {
		$inner = zoombridge_sync_unpack( $this->message );
		$error = null === $inner ? 'The message cannot be unpacked.' : zoombridge_sync_validate_message( $inner );
		if ( null !== $error ) {
			return array(
				'code' => 'invalid',
				'text' => $error,
			);
		}
		if ( $inner['quiet'] && ! defined( 'WP_IMPORTING' ) ) {
			define( 'WP_IMPORTING', true ); // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- WordPress's.
		}
		zoombridge_settle_by_operations( $inner['operations'] );
		zoombridge_forget_changes( $inner['ack'] ?? array() );
		$this->waiting  = $inner['operations'];
		$this->deadline = zoombridge_sync_deadline( $inner['budget_ms'] ?? 2000 );
		$this->care     = new Zoombridge_Sync_Care();
		try {
			zoombridge_sync_look_ahead( $this->waiting );
		} catch ( Throwable $failure ) {
			// Each operation then reads for itself, and fails alone if it cannot.
			error_log( 'Meetings Bridge for Zoom: ' . $failure->getMessage() );
		}
		while ( $this->waiting && $this->may_go_on() ) {
			$this->carry_out( array_shift( $this->waiting ) );
		}
		return null;
	}

	/**
	 * Whether another operation may begin. The first one always may: otherwise a small site would never write any.
	 *
	 * @since 0.2.0
	 *
	 * @return bool False once time or memory is short, the pairing has ended, or another bridge has taken over.
	 */
	private function may_go_on(): bool {
		if ( ! $this->results ) {
			return true;
		}
		if ( microtime( true ) > $this->deadline || zoombridge_sync_is_short_of_memory() ) {
			return false;
		}
		return zoombridge_sync_is_current( $this->message );
	}

	/**
	 * Carries out one operation.
	 *
	 * @since 0.2.0
	 *
	 * @param array $operation The operation.
	 * @return void
	 */
	private function carry_out( array $operation ): void {
		$this->current = $operation;
		zoombridge_sync_last_way_out( '' );
		zoombridge_sync_mark( $this->message, (string) $operation['i'] );
		try {
			$result = zoombridge_sync_carry_out( $operation, $this->message ) + array( 'ok' => true );
		} catch ( Zoombridge_Sync_Fault $fault ) {
			$result = $fault->result;
		} catch ( Throwable $error ) {
			// What the other plugin left half done is not built upon.
			$this->fail_current( $error->getMessage(), zoombridge_sync_culprit( $error ) );
			$this->give_up();
			return;
		}
		$this->add_result( $operation, $result );
		$this->current = null;
		if ( isset( $fault ) && $fault->ends_message ) {
			$this->give_up();
		}
	}

	/**
	 * Adds the result of an operation.
	 *
	 * @since 0.2.0
	 *
	 * @param array $operation The operation.
	 * @param array $result    Its result.
	 * @return void
	 */
	private function add_result( array $operation, array $result ): void {
		$this->results[] = array(
			'i'  => $operation['i'],
			'ok' => $result['ok'],
		) + $result;
		if ( zoombridge_sync_writes( $operation ) && is_int( $result['post'] ?? null ) ) {
			$this->post_ids[ $result['post'] ] = $result['post'];
		}
		if ( zoombridge_sync_writes( $operation ) && $result['ok'] ) {
			$this->highest = max( $this->highest, $operation['seq'] );
		}
	}

	/**
	 * Adds that the operation at work failed.
	 *
	 * @since 0.2.0
	 *
	 * @param string      $text What happened.
	 * @param string|null $file The file of the plugin or theme that is to blame, if it is known.
	 * @return void
	 */
	private function fail_current( string $text, ?string $file ): void {
		$result = array(
			'ok'   => false,
			'code' => 'failed',
			'text' => $text,
		);
		if ( null !== $file ) {
			$result['file'] = $file;
		}
		if ( isset( $this->current['post'] ) ) {
			$result['post'] = $this->current['post'];
		}
		$this->add_result( $this->current, $result );
		$this->current = null;
	}

	/**
	 * Adds for the operations that were not begun that they were not.
	 *
	 * @since 0.2.0
	 *
	 * @return void
	 */
	private function give_up(): void {
		foreach ( $this->waiting as $operation ) {
			$this->results[] = array(
				'i'    => $operation['i'],
				'ok'   => false,
				'code' => 'not_tried',
				'text' => 'The request ended before this operation.',
			);
		}
		$this->waiting = array();
	}

	/**
	 * Ends the run: puts back what was changed for it, purges caches, and answers.
	 *
	 * @since 0.2.0
	 *
	 * @param array|null $error Error of the whole message, if any.
	 * @return void
	 */
	public function finish( ?array $error ): void {
		$this->give_up();
		if ( null === $error ) {
			try {
				$this->clean_up();
			} catch ( Throwable $failure ) {
				// The writes are done; that a cache was not purged does not undo them.
				error_log( 'Meetings Bridge for Zoom: ' . $failure->getMessage() );
			}
			zoombridge_sync_mark( $this->message, 'done' );
		}
		try {
			$changed = null === $error ? zoombridge_list_changes() : array();
		} catch ( Throwable $failure ) {
			$changed = array(); // They wait for the next answer.
		}
		$this->answer( $error, $changed );
	}

	/**
	 * Answers where another plugin, or PHP, ended the request. Does nothing after an answer.
	 *
	 * @since 0.2.0
	 *
	 * @return void
	 */
	public function answer_at_shutdown(): void {
		if ( $this->is_answered ) {
			return;
		}
		$this->reserve = null;
		zoombridge_sync_extend_limits();
		zoombridge_sync_end_transaction( 'ROLLBACK' );
		if ( null !== $this->current ) {
			$fatal = zoombridge_sync_fatal_error();
			$file  = $fatal ? zoombridge_sync_below_content( $fatal['file'] ) : zoombridge_sync_culprit_at_exit();
			$this->fail_current( $fatal['message'] ?? 'The request was ended by other code.', $file );
		}
		$this->give_up();
		// Answered first: what purges caches may end the request again, for good. Changes wait for the next answer.
		$this->answer( null, array() );
		$this->clean_up();
	}

	/**
	 * Puts back what was changed for the run, and has the caches of written posts purged, once.
	 *
	 * @since 0.2.0
	 *
	 * @return void
	 */
	private function clean_up(): void {
		if ( null === $this->care ) {
			return;
		}
		$this->care->end();
		$this->care = null;
		$post_ids   = array_values( $this->post_ids );
		array_map( 'clean_post_cache', $post_ids );
		if ( $post_ids ) {
			// WordPress does it for posts that there are: lists cached during the deletion of others would name them.
			wp_cache_set_posts_last_changed();
			/**
			 * Fires after the bridge wrote posts.
			 *
			 * @since 0.2.0
			 *
			 * @param int[] $post_ids IDs of the posts. Some may have been deleted.
			 */
			do_action( 'zoombridge_written', $post_ids );
		}
	}

	/**
	 * Sends the answer.
	 *
	 * @since 0.2.0
	 *
	 * @param array|null $error   Error of the whole message, if any.
	 * @param array      $changed What others have changed; see zoombridge_list_changes().
	 * @return void
	 */
	private function answer( ?array $error, array $changed ): void {
		$this->is_answered = true;
		if ( $this->highest ) {
			zoombridge_sync_raise_highest( $this->message['epoch'], $this->highest );
		}
		$answer = array(
			'error'      => $error,
			'results'    => $this->results,
			'highest'    => zoombridge_sync_highest(),
			'changed'    => $changed,
			'protocols'  => array( 2, 2 ),
			'vczapi'     => zoombridge_has_vczapi() ? (string) ZVC_PLUGIN_VERSION : null,
			'vczapi_pro' => zoombridge_has_vczapi_pro(),
			'can'        => array( 'trash' => (bool) EMPTY_TRASH_DAYS ),
		);
		zoombridge_sync_send( zoombridge_sync_sign_answer( $this->message['n'], $answer, $this->pairing_key, time() ) );
	}
}
