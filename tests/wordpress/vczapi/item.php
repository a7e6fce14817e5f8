<?php
/**
 * The double's template of an item in a list.
 *
 * @package Zoom_WordPress_Bridge
 */

vczapi_double_item( get_the_ID() );
