<?php
/**
 * Template of a cancelled meeting in VCZAPI's archive.
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
			<p><?php esc_html_e( 'Cancelled', 'meetings-bridge-for-zoom' ); ?></p>
		</div>
	</div>
</div>
