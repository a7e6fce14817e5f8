<?php
/**
 * The exception with which an operation of the sync protocol ends without having its effect.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * A fault of one operation.
 *
 * @since 0.2.0
 */
class Zoombridge_Sync_Fault extends Exception {

	/**
	 * The fault as it stands in the answer, but for the index of the operation.
	 *
	 * @var array
	 */
	public $result;

	/**
	 * Whether no further operation of the message is carried out.
	 *
	 * @since 0.3.0
	 * @var bool
	 */
	public $ends_message = false;

	/**
	 * Creates a fault.
	 *
	 * @since 0.2.0
	 *
	 * @param string $fault_code Code: missing, exists, busy, stale, no_trash, invalid, column or failed.
	 * @param string $text       What is wrong, for the bridge's log.
	 * @param array  $data       Optional. Further values by name. Default none.
	 */
	public function __construct( string $fault_code, string $text, array $data = array() ) {
		parent::__construct( $text );
		$this->result = array(
			'ok'   => false,
			'code' => $fault_code,
			'text' => $text,
		) + $data;
	}
}
