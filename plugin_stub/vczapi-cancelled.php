<?php
/**
 * Template of VCZAPI's countdown to a meeting that is cancelled.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

zoombridge_said_cancelled( (int) get_the_ID(), true );
?>
<div class="dpn-zvc-sidebar-box zoombridge-cancelled">
	<p><strong><?php esc_html_e( 'Cancelled', 'meetings-bridge-for-zoom' ); ?></strong></p>
</div>
