<?php
/**
 * The site's own address, by which the bridge knows it.
 *
 * @package Zoom_WordPress_Bridge
 * @since 0.2.0
 */

defined( 'ABSPATH' ) || exit;

/**
 * Returns the site's own address as it is stored: plugins for several languages filter home_url().
 *
 * @since 0.2.0
 *
 * @return string WP_HOME, or the option `home`.
 */
function zoombridge_raw_home(): string {
	if ( defined( 'WP_HOME' ) ) {
		return (string) WP_HOME;
	}
	return (string) ( wp_load_alloptions()['home'] ?? get_option( 'home' ) );
}

/**
 * Returns the hash by which the bridge knows the site's address.
 *
 * @since 0.2.0
 *
 * @return string Lowercase hexadecimal SHA-256 of the normalized address.
 */
function zoombridge_sync_home_hash(): string {
	return hash( 'sha256', zoombridge_normalize_home( zoombridge_raw_home() ) );
}

/**
 * Normalizes an address: scheme and host in lower case, without the default port, without a slash at the end.
 *
 * @since 0.2.0
 *
 * @param string $home The address.
 * @return string The normalized address.
 */
function zoombridge_normalize_home( string $home ): string {
	if ( ! preg_match( '~^([A-Za-z][A-Za-z0-9+.-]*)://([^/?\x23]*)(.*)$~Ds', trim( $home ), $parts ) ) {
		return rtrim( trim( $home ), '/' );
	}
	$scheme   = strtolower( $parts[1] );
	$defaults = array(
		'http'  => '/:80$/D',
		'https' => '/:443$/D',
	);
	$host     = strtolower( $parts[2] );
	$host     = isset( $defaults[ $scheme ] ) ? preg_replace( $defaults[ $scheme ], '', $host ) : $host;
	return $scheme . '://' . $host . rtrim( $parts[3], '/' );
}

/**
 * Returns an address and those that differ from it in the scheme and `www.` only: they are the same site.
 *
 * @since 0.2.0
 *
 * @param string $home The address, normalized.
 * @return string[] The addresses, normalized.
 */
function zoombridge_home_variants( string $home ): array {
	if ( ! preg_match( '~^https?://(www\.)?(.+)$~Ds', $home, $parts ) ) {
		return array( $home );
	}
	$variants = array();
	foreach ( array( 'http://', 'http://www.', 'https://', 'https://www.' ) as $beginning ) {
		$variants[] = $beginning . $parts[2];
	}
	return $variants;
}

/**
 * Returns the mark by which two copies of a WordPress at one address are told apart.
 *
 * @since 0.2.0
 *
 * @return string Lowercase hexadecimal SHA-256 of the folder of WordPress and the name of its database.
 */
function zoombridge_place(): string {
	return hash( 'sha256', ABSPATH . "\n" . ( defined( 'DB_NAME' ) ? DB_NAME : '' ) );
}

/**
 * Returns the site's name as people read it.
 *
 * @since 0.2.0
 *
 * @return string Plain text: WordPress stores it with entities.
 */
function zoombridge_site_name(): string {
	return wp_specialchars_decode( (string) get_option( 'blogname' ), ENT_QUOTES );
}
