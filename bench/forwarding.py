"""How many events reach the bridge through a site: by WordPress, by the loader before plugins load, by the fast path."""

from __future__ import annotations

import contextlib
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.acknowledging import MOST_PER_SECOND, all_kept, list_of
from bench.events import story
from bench.figures import Figure, at_least, middle
from bench.load import Load, LoadError, load, prepare
from bench.place import SITE, Place, folder
from bench.site import fast_site, program
from tests.plugin_stub.pairing import connection
from tests.running import RunningBridge
from tests.wordpress.process import Server
from tests.wordpress.serve import HOST, reserve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.events import Event
    from bench.figures import Say, Scale
    from tests.wordpress import WordPress

ROUTE = "/wp-json/vczapi/v1/meeting"
PLUGINS = 20
_FUNCTIONS = 300  # of each of those plugins
_FAST_PATH = Path(__file__).parents[1] / "packaging" / "web-servers" / "fast-path.nginx.conf"
_WORDPRESS_SECONDS = 10  # WordPress answers some dozen requests a second: fewer seconds would count too few
_FOLDED_SECONDS = 300
_APART = 10_000_000  # events between one measurement's and the next's, so that none comes twice
_NGINX = """\
daemon off;
worker_processes 1;
pid {made}/pid;
{user}
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {made}/body; fastcgi_temp_path {made}/fastcgi; proxy_temp_path {made}/proxy;
    scgi_temp_path {made}/scgi; uwsgi_temp_path {made}/uwsgi;
    keepalive_requests 1000000;
    server {{
        listen {host}:{port};
        {fast_path}
        location / {{ return 404; }}
    }}
}}
"""


def ways(scale: Scale, say: Say) -> list[Figure]:
    """Compare the ways from a site's web server to the bridge: fast path, loader, and ordinary."""
    loads: dict[str, list[Load]] = {}
    with folder() as made, fast_site() as site:
        place = Place(made / "bridge")
        place.add_site_that_is_down()
        with (
            RunningBridge(place.data, "--log-level", "error", "--behind-proxy") as bridge,
            _fast_path(made / "nginx", bridge.url) as fast_url,
        ):
            wordpress = site.wordpress
            wordpress.php(
                "update_option( 'zoombridge_connection', $connection, false );",
                connection=connection(wordpress.url, bridge.url, name=SITE, key="5e" * 32),
            )
            first_at, numbers = int(time.time() * 1000), iter(range(1_000_000))

            def measure(name: str, url: str, seconds: float) -> None:
                events: list[Event] = list_of(scale, story(first_at=first_at, start=next(numbers) * _APART))
                sent = prepare(made / "requests", events, int(seconds * MOST_PER_SECOND), ROUTE)
                came = load(url, made / "requests", seconds=seconds)
                place.await_folded(within=_FOLDED_SECONDS)
                all_kept(place, sent, came)
                loads.setdefault(name, []).append(came)
                say(f"{name}: {came.per_second:.0f}/s, median {came.p50:.0f} ms")

            for plugins in (0, PLUGINS):
                _add_plugins(wordpress, plugins)
                for _ in range(scale.rounds):
                    for has_loader in (False, True):
                        _use_loader(wordpress, wanted=has_loader)
                        way = "loader" if has_loader else "ordinary"
                        measure(f"{way}, {plugins} plugins", wordpress.url, _WORDPRESS_SECONDS)
                    if not plugins:
                        measure("fast path", fast_url, scale.seconds)
        place.close()
    return _figures(loads)


def _figures(loads: dict[str, list[Load]]) -> list[Figure]:
    def rates(first: str, second: str) -> tuple[float, str]:
        pairs = zip(loads[first], loads[second], strict=True)
        seen = " against ".join(
            f"{middle(one.per_second for one in loads[way]):.0f}/s" for way in (first, second)
        )
        return middle(one.per_second / other.per_second for one, other in pairs), seen

    value, seen = rates("fast path", "ordinary, 0 plugins")
    figures = [at_least("fast path / ordinary way, events/s", value, 20, seen)]
    for plugins in (0, PLUGINS):
        value, seen = rates(f"loader, {plugins} plugins", f"ordinary, {plugins} plugins")
        name = f"loader / ordinary way, {plugins} other plugins, events/s"
        figures.append(Figure(name, round(value, 3), "reported", None, seen))
    return figures


@contextmanager
def _fast_path(made: Path, bridge_url: str) -> Iterator[str]:
    """Serve the site's addresses of Zoom by nginx, as docs/hosting.md has it; give its address."""
    made.mkdir()
    text = _FAST_PATH.read_text(encoding="utf-8")
    text = text.replace("127.0.0.1:8765", bridge_url.removeprefix("http://")).replace(
        "SITE$uri", f"{SITE}$uri"
    )
    with contextlib.closing(reserve(0)) as held:
        port = held.getsockname()[1]
        (made / "nginx.conf").write_text(
            _NGINX.format(made=made, host=HOST, port=port, fast_path=text, user="user root;")
        )
    server = Server(
        [program("nginx"), "-c", str(made / "nginx.conf"), "-e", str(made / "log")], log=made / "out"
    )
    try:
        server.wait_until(lambda: _listens(port))
        yield f"http://{HOST}:{port}"
    finally:
        server.stop()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def _add_plugins(site: WordPress, count: int) -> None:
    """Activate so many plugins, each of which defines some hundred functions, reads an option and hooks in."""
    names = []
    for number in range(count):
        names.append(f"filler-{number}.php")
        functions = "".join(
            f"function filler_{number}_{one}( $value ) {{\n"
            f"\tif ( is_array( $value ) ) {{\n\t\treturn array_map( 'filler_{number}_{one}', $value );\n\t}}\n"
            f"\treturn trim( (string) $value ) . '{one}';\n}}\n"
            f"add_filter( 'filler_{one}', 'filler_{number}_{one}' );\n"
            for one in range(_FUNCTIONS)
        )
        hooks = "".join(
            f"add_action( '{hook}', static function () {{ get_option( 'filler-{number}' ); "
            f"apply_filters( 'filler_{number}', 'x' ); }} );\n"
            for hook in ("plugins_loaded", "after_setup_theme", "init", "wp_loaded")
        )
        (site.directory / "wp-content/plugins" / names[-1]).write_text(
            f"<?php\n/* Plugin Name: Filler {number} */\n{functions}{hooks}", encoding="utf-8"
        )
    site.php(
        "require_once ABSPATH . 'wp-admin/includes/plugin.php'; foreach ( $names as $name ) { activate_plugin( $name ); }",
        names=names,
    )


def _use_loader(site: WordPress, *, wanted: bool) -> None:
    did = site.php("return $wanted ? zoombridge_write_loader() : zoombridge_delete_loader();", wanted=wanted)
    if not did:
        raise LoadError("The loader could not be changed.")
