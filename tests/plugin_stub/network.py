"""Makes a network of two sites of a WordPress."""

import json
import re

from tests.plugin_stub.conftest import NOT_OURS
from tests.wordpress import WordPress

SITES = ("/", "/second/")
OLDER_THAN_PHP = re.compile(r"Deprecated: .* in \S+/wp-includes/ms-\w+\.php")

# SQLite's answer on a busy machine, with a trace of several lines; the plugin asks again.
LOCKED = re.compile(r"database (?:table )?is locked")
MESSAGE = re.compile(r"^(?=\[\d\d-\w{3}-\d{4} )", re.MULTILINE)

NETWORK = """
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
global $wpdb;
foreach ( $wpdb->tables( 'ms_global' ) as $name => $table ) {
    $wpdb->$name = $table;
}
install_network();
$made = populate_network( 1, $domain, 'admin@example.com', 'A network', '/', false );
if ( is_wp_error( $made ) ) {
    throw new RuntimeException( $made->get_error_message() );
}
"""


def make_network(site: WordPress) -> None:
    """Turn a WordPress into a network of two sites, at / and /second/, with the same administrator."""
    domain = site.url.removeprefix("http://")
    site.php(NETWORK, domain=domain)
    constants = {
        "MULTISITE": True,
        "SUBDOMAIN_INSTALL": False,
        "DOMAIN_CURRENT_SITE": domain,
        "PATH_CURRENT_SITE": "/",
        "SITE_ID_CURRENT_SITE": 1,
        "BLOG_ID_CURRENT_SITE": 1,
    }
    defines = "".join(f"define( '{name}', {json.dumps(value)} );\n" for name, value in constants.items())
    configuration = site.directory / "wp-config.php"
    text = configuration.read_text(encoding="utf-8").replace("<?php\n", f"<?php\n{defines}", 1)
    configuration.write_text(text, encoding="utf-8")
    site.php(
        """
        update_blog_option( 1, 'permalink_structure', '/%postname%/' );
        // WordPress removes the colon before the port.
        add_filter( 'wp_normalize_site_data', static function ( $data ) use ( $domain ) {
            return array( 'domain' => $domain ) + $data;
        } );
        $second = wp_insert_site( array( 'domain' => $domain, 'path' => '/second/', 'user_id' => 1, 'network_id' => 1 ) );
        if ( is_wp_error( $second ) ) {
            throw new RuntimeException( $second->get_error_message() );
        }
        update_blog_option( $second, 'permalink_structure', '/%postname%/' );
        update_network_option( 1, 'using_application_passwords', 1 );
        """,
        domain=domain,
    )


def unexpected(log: str) -> list[str]:
    """Return the lines of PHP's log that older versions of WordPress do not cause in networks."""
    lines = "".join(one for one in MESSAGE.split(log) if not LOCKED.search(one)).splitlines()
    return [line for line in lines if not NOT_OURS.search(line) and not OLDER_THAN_PHP.search(line)]
