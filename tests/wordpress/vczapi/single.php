<?php
/**
 * The double's template of a meeting's page.
 */

the_post();
?><!DOCTYPE html>
<html <?php language_attributes(); ?>>
<head><?php wp_head(); ?></head>
<body <?php body_class( 'vczapi-single' ); ?>>
<h1><?php the_title(); ?></h1>
<?php
// As they are stored: the documentation's types are what they must be.
echo vczapi_double_show(
	get_the_ID(),
	get_post_meta( get_the_ID(), '_meeting_fields', true ),
	get_post_meta( get_the_ID(), '_meeting_zoom_details', true )
);
?>
<div class="vczapi-content"><?php the_content(); ?></div>
<?php wp_footer(); ?>
</body>
</html>
