"""The site that benchmarks measure answers, and runs what they ask of it, though nginx has taken PHP's own server's place."""

import requests

from bench.site import fast_site


def test_a_fast_site_is_served_by_nginx_and_runs_php() -> None:
    with fast_site() as site:
        shown = requests.get(site.wordpress.rest_root, timeout=600)
        run = site.wordpress.php("return get_option( $name );", name="siteurl")

    assert shown.headers["Server"].startswith("nginx")
    assert shown.json()["name"]
    assert run == site.wordpress.url
