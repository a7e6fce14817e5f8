<?php
/**
 * Writes and removes the must-use plugin that forwards Zoom's events before plugins and the theme load.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

const ZOOMBRIDGE_LOADER_FILE = 'meetings-bridge-for-zoom-loader.php';

/**
 * Returns the path of the must-use plugin, whether it exists or not.
 *
 * @since 0.2.0
 *
 * @return string The path.
 */
function zoombridge_loader_path(): string {
	return WPMU_PLUGIN_DIR . '/' . ZOOMBRIDGE_LOADER_FILE;
}

/**
 * Returns the code of the must-use plugin. It does nothing without the plugin, or while that is not active.
 *
 * @since 0.2.0
 *
 * @return string PHP.
 */
function zoombridge_loader_code(): string {
	$plugin = plugin_basename( __DIR__ . '/load.php' );
	$code   = <<<'PHP'
<?php
/**
 * Plugin Name: Meetings Bridge for Zoom: loader
 * Description: Forwards Zoom's events before plugins load. The plugin "Meetings Bridge for Zoom" writes and removes it.
 *
 * @package Zoom_WordPress_Bridge
 */

defined( 'ABSPATH' ) || exit;

define( 'ZOOMBRIDGE_LOADER', %1$s );

if ( is_readable( WP_PLUGIN_DIR . %2$s ) ) {
	require_once WP_PLUGIN_DIR . %2$s;
	zoombridge_answer_early( ZOOMBRIDGE_LOADER );
}

PHP;
	// phpcs:disable WordPress.PHP.DevelopmentFunctions.error_log_var_export -- It writes code.
	return sprintf( $code, var_export( $plugin, true ), var_export( '/' . dirname( $plugin ) . '/early.php', true ) );
	// phpcs:enable
}

/**
 * Whether the must-use plugin is active: it was loaded in this request, and belongs to this plugin.
 *
 * @since 0.2.0
 *
 * @return bool True if events are forwarded early.
 */
function zoombridge_is_loader_active(): bool {
	return defined( 'ZOOMBRIDGE_LOADER' ) && plugin_basename( __DIR__ . '/load.php' ) === ZOOMBRIDGE_LOADER;
}

/**
 * Whether the file of the must-use plugin exists and is the plugin's own.
 *
 * @since 0.2.0
 *
 * @return bool False if somebody else's file has the name.
 */
function zoombridge_has_loader_file(): bool {
	$path = zoombridge_loader_path();
	// phpcs:ignore WordPress.WP.AlternativeFunctions.file_get_contents_file_get_contents -- A file of this site.
	return is_readable( $path ) && false !== strpos( (string) file_get_contents( $path ), 'ZOOMBRIDGE_LOADER' );
}

/**
 * Returns how it stands with the must-use plugin: the one truth of the settings, Site Health and the bridge.
 *
 * @since 0.2.0
 *
 * @return string `active`: events are forwarded early. `outdated`: its file is not what this plugin would write.
 *                `missing`: it was installed, and its file is gone. `none`: it is not wanted.
 */
function zoombridge_loader_state(): string {
	if ( zoombridge_has_loader_file() ) {
		// phpcs:ignore WordPress.WP.AlternativeFunctions.file_get_contents_file_get_contents -- A file of this site.
		$is_current = file_get_contents( zoombridge_loader_path() ) === zoombridge_loader_code();
		return $is_current && zoombridge_is_loader_active() ? 'active' : 'outdated';
	}
	return '1' === get_site_option( 'zoombridge_loader' ) ? 'missing' : 'none';
}

/**
 * Whether the web server can write the must-use plugin.
 *
 * @since 0.2.0
 *
 * @return bool False if its folder, or the one in which that would be created, cannot be written to.
 */
function zoombridge_is_loader_writable(): bool {
	return wp_is_writable( is_dir( WPMU_PLUGIN_DIR ) ? WPMU_PLUGIN_DIR : dirname( WPMU_PLUGIN_DIR ) );
}

/**
 * Returns why the must-use plugin can be neither written nor removed.
 *
 * @since 0.2.0
 *
 * @return string Plain text; empty if it can be.
 */
function zoombridge_loader_obstacle(): string {
	if ( is_multisite() && ! current_user_can( 'manage_network_plugins' ) ) {
		return __( 'It concerns all sites: ask an administrator of the network.', 'meetings-bridge-for-zoom' );
	}
	if ( ! wp_is_file_mod_allowed( 'zoombridge_loader' ) ) {
		return __( 'This site forbids changes of files (DISALLOW_FILE_MODS).', 'meetings-bridge-for-zoom' );
	}
	$path = zoombridge_loader_path();
	if ( file_exists( $path ) && ! zoombridge_has_loader_file() ) {
		/* translators: %s: path of a file. */
		return sprintf( __( '%s exists, and is not from this plugin.', 'meetings-bridge-for-zoom' ), $path );
	}
	$folder = is_dir( WPMU_PLUGIN_DIR ) ? WPMU_PLUGIN_DIR : dirname( WPMU_PLUGIN_DIR );
	return wp_is_writable( $folder ) ? '' : zoombridge_unwritable_message( $folder );
}

/**
 * Returns that the web server cannot write to a folder.
 *
 * @since 0.2.0
 *
 * @param string $folder Path of the folder.
 * @return string Plain text.
 */
function zoombridge_unwritable_message( string $folder ): string {
	/* translators: %s: path of a folder. */
	return sprintf( __( 'The web server cannot write to the folder %s.', 'meetings-bridge-for-zoom' ), $folder );
}

/**
 * Writes the must-use plugin. A request that begins meanwhile finds all of it or nothing.
 *
 * @since 0.2.0
 *
 * @return bool Whether it stands there.
 */
function zoombridge_write_loader(): bool {
	$draft = zoombridge_loader_path() . '.' . bin2hex( random_bytes( 8 ) );
	if ( ! wp_mkdir_p( WPMU_PLUGIN_DIR ) || ! wp_is_writable( WPMU_PLUGIN_DIR ) ) {
		return false;
	}
	// phpcs:disable WordPress.WP.AlternativeFunctions -- Only renaming replaces a file at once.
	$code = zoombridge_loader_code();
	if ( strlen( $code ) !== file_put_contents( $draft, $code ) || ! rename( $draft, zoombridge_loader_path() ) ) {
		wp_delete_file( $draft );
		return false;
	}
	// phpcs:enable
	zoombridge_forget_compiled_loader();
	return true;
}

/**
 * Removes the must-use plugin. One whose file stays does nothing once the plugin is gone.
 *
 * @since 0.2.0
 *
 * @return bool Whether it is gone.
 */
function zoombridge_delete_loader(): bool {
	if ( zoombridge_has_loader_file() ) {
		wp_delete_file( zoombridge_loader_path() );
		zoombridge_forget_compiled_loader();
		clearstatcache();
	}
	return ! zoombridge_has_loader_file();
}

/**
 * Has PHP read the file anew, where it keeps compiled files.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_forget_compiled_loader(): void {
	require_once ABSPATH . 'wp-admin/includes/file.php';
	if ( filter_var( ini_get( 'opcache.enable' ), FILTER_VALIDATE_BOOLEAN ) ) {
		// Also asks whether the host allows it: some restrict this part of PHP, which would warn.
		wp_opcache_invalidate( zoombridge_loader_path(), true );
	}
}

/**
 * Installs or removes the must-use plugin at an administrator's request, and stores what the next page tells.
 *
 * @since 0.2.0
 *
 * @param bool $is_wanted Whether to install it.
 * @return void
 */
function zoombridge_change_loader( bool $is_wanted ): void {
	$obstacle = zoombridge_loader_obstacle();
	$is_done  = '' === $obstacle && ( $is_wanted ? zoombridge_write_loader() : zoombridge_delete_loader() );
	if ( ! $is_done ) {
		$text   = __( 'The loader could not be changed.', 'meetings-bridge-for-zoom' );
		$reason = '' !== $obstacle ? $obstacle : zoombridge_unwritable_message( WPMU_PLUGIN_DIR );
		zoombridge_set_flash( 'failed', '', $text . ' ' . $reason );
		return;
	}
	update_site_option( 'zoombridge_loader', $is_wanted ? '1' : '0' );
	$text = $is_wanted
		? __( 'The loader is installed.', 'meetings-bridge-for-zoom' )
		: __( 'The loader is removed. Events go the ordinary way.', 'meetings-bridge-for-zoom' );
	zoombridge_set_flash( 'loader', '', $text );
}

/**
 * Removes the must-use plugin with the deactivation of the plugin; in a network, with that in all of it.
 *
 * @since 0.2.0
 *
 * @param bool $is_of_network Optional. Whether it is deactivated in the whole network. Default false.
 * @return void
 */
function zoombridge_take_loader_away( $is_of_network = false ): void {
	if ( $is_of_network || ! is_multisite() ) {
		zoombridge_delete_loader();
	}
}

/**
 * Writes the must-use plugin again with the activation of the plugin, if it was installed before.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_bring_loader_back(): void {
	if ( '1' === get_site_option( 'zoombridge_loader' ) && ! file_exists( zoombridge_loader_path() ) ) {
		zoombridge_write_loader();
	}
}

/**
 * Returns whether events are forwarded early, for people.
 *
 * @since 0.2.0
 *
 * @return string Plain text.
 */
function zoombridge_loader_status(): string {
	$texts = array(
		'active'   => __(
			'The loader is active: events are forwarded before plugins load.',
			'meetings-bridge-for-zoom'
		),
		'outdated' => __(
			'The loader is outdated: install it again. Until then, events wait until all plugins have loaded.',
			'meetings-bridge-for-zoom'
		),
		'missing'  => __(
			'The file of the loader is gone: install it again. Events wait until all plugins have loaded.',
			'meetings-bridge-for-zoom'
		),
		'none'     => __(
			'The loader is not installed: events wait until all plugins have loaded.',
			'meetings-bridge-for-zoom'
		),
	);
	return $texts[ zoombridge_loader_state() ];
}

/**
 * Prints the section about the must-use plugin on the plugin's page.
 *
 * @since 0.2.0
 *
 * @return void
 */
function zoombridge_render_loader_section(): void {
	$obstacle = zoombridge_loader_obstacle();
	$about    = __(
		'A must-use plugin can forward Zoom\'s events before plugins and the theme load, which is faster.',
		'meetings-bridge-for-zoom'
	);
	echo '<div class="zoombridge-connection">';
	printf( '<h2>%s</h2>', esc_html__( 'Loader', 'meetings-bridge-for-zoom' ) );
	printf( '<p>%1$s %2$s</p>', esc_html( $about ), esc_html( zoombridge_loader_status() ) );
	if ( '' !== $obstacle ) {
		$text = zoombridge_is_loader_active()
			? __( 'It cannot be removed here.', 'meetings-bridge-for-zoom' )
			: __( 'It cannot be installed here.', 'meetings-bridge-for-zoom' );
		printf( '<p>%1$s %2$s</p>', esc_html( $text ), esc_html( $obstacle ) );
	} else {
		$state   = zoombridge_loader_state();
		$buttons = array();
		if ( 'active' !== $state ) {
			$buttons['install_loader'] = __( 'Install loader', 'meetings-bridge-for-zoom' );
		}
		if ( 'none' !== $state ) {
			$buttons['remove_loader'] = __( 'Remove loader', 'meetings-bridge-for-zoom' );
		}
		zoombridge_render_buttons( $buttons, '', 'button' );
	}
	echo '</div>';
}

if ( ! defined( 'WP_UNINSTALL_PLUGIN' ) ) {
	register_deactivation_hook( __DIR__ . '/load.php', 'zoombridge_take_loader_away' );
	register_activation_hook( __DIR__ . '/load.php', 'zoombridge_bring_loader_back' );
}
