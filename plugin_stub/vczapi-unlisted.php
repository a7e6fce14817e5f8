<?php
/**
 * Template of a cancelled meeting in VCZAPI's shortcodes, which list what is to come: nothing.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;
