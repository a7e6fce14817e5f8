<?php
/**
 * Template of a meeting in VCZAPI's lists that shows no date: without a fixed time, or cancelled.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

?>
<div class="vczapi-col-4 vczapi-pb-3">
	<div class="vczapi-list-zoom-meetings--item">
		<div class="vczapi-list-zoom-meetings--item__details">
			<a href="<?php the_permalink(); ?>" class="vczapi-list-zoom-title-link">
				<h3><?php the_title(); ?></h3>
			</a>
			<p><?php echo esc_html( zoombridge_list_note( (int) get_the_ID() ) ); ?></p>
		</div>
	</div>
</div>
