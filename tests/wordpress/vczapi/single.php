<?php
/**
 * The double's template of a meeting's page.
 *
 * @package Zoom_WordPress_Bridge
 */

the_post();
?><!DOCTYPE html>
<html <?php language_attributes(); ?>>
<head><?php wp_head(); ?></head>
<body <?php body_class( 'vczapi-single' ); ?>>
<h1><?php the_title(); ?></h1>
<?php
// Seen with 4.6.7: nothing of a post with a password but WordPress's form. Otherwise the metas as they are stored: the
// parameters' types are the documentation's.
echo post_password_required() ? '' : vczapi_double_show(
	get_the_ID(),
	get_post_meta( get_the_ID(), '_meeting_fields', true ),
	get_post_meta( get_the_ID(), '_meeting_zoom_details', true )
);
// "Hooks to add to them: `vczoom_after_content`, `vczapi_html_after_meeting_details`."
do_action( 'vczapi_html_after_meeting_details' );
?>
<div class="vczapi-content"><?php the_content(); ?></div>
<?php do_action( 'vczoom_after_content' ); ?>
<?php wp_footer(); ?>
</body>
</html>
