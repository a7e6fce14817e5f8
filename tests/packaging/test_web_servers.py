"""The files of `packaging/web-servers`, with the real web servers, in front of a bridge and of a site."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from core.store.db.engine import Store
from core.store.db.migrate import upgrade
from core.zoom.signature import Secret
from tests.core.conftest import KEYS, connected
from tests.core.events import event, raw, signed
from tests.end_to_end.front import certificates
from tests.running import PASSWORD, RunningBridge
from tests.web.conftest import save_token
from tests.wordpress.process import Server
from tests.wordpress.serve import reserve

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = Path(__file__).parents[2] / "packaging" / "web-servers"
SECRET = "secret-token-of-this-test"
TIMEOUT = 600
MIB = 1024 * 1024

NGINX = """
user root; pid {folder}/pid; daemon off; worker_processes 1; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {front}
    server {{
        listen 127.0.0.1:{site_port};
        {fast_path}
        location / {{ return 410; }}
    }}
}}
"""
CADDY = """
{{
    admin off
    auto_https off
    storage file_system {folder}/storage
}}
{front}
http://127.0.0.1:{site_port} {{
    {fast_path}
    respond 410
}}
"""
APACHE = """
{modules}
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog /dev/stderr
Mutex file:{folder} default
ServerName 127.0.0.1
User www-data
Group www-data
Listen 127.0.0.1:{front_port}
Listen 127.0.0.1:{site_port}
{front}
<VirtualHost *:{site_port}>
    {fast_path}
    RedirectMatch 410 "^/(?!wp-json/vczapi/v1/(meeting|webinar|recording)$)"
</VirtualHost>
"""
APACHE_MODULES = (
    "mpm_event", "authz_core", "alias", "setenvif", "socache_shmcb", "ssl", "headers", "proxy", "proxy_http",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a web server stands, and the bridge behind it."""

    bridge: RunningBridge
    front: str
    site: str
    ca: Path

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        """Send a request as a stranger who claims to come from elsewhere."""
        claimed = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Real-IP": "203.0.113.9"}
        return requests.post(
            url, body, headers=headers | claimed, verify=str(self.ca), timeout=TIMEOUT, allow_redirects=False
        )


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    """A bridge behind a proxy that knows a site and its secret token."""
    data = tmp_path_factory.mktemp("bridge")
    data.chmod(0o700)
    store = Store(f"sqlite:///{data / 'zoombridge.db'}", keys=KEYS)
    try:
        upgrade(store.engine, store.sealer)
        connected(store, "s1")
        save_token(store, Secret(SECRET))
    finally:
        store.close()
    options = ("--behind-proxy", "--acceptors", "0")
    with RunningBridge(data, *options, environment={"ZOOMBRIDGE_KEY": KEYS}) as running:
        running.command("user", "add", "anna", typed=PASSWORD)
        yield running


@pytest.fixture(scope="module", params=["nginx", "caddy", "apache"])
def place(
    request: pytest.FixtureRequest, bridge: RunningBridge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """The bridge with a web server in front, whose other virtual host is a site of which nothing answers but the fast path."""
    kind: str = request.param
    folder = tmp_path_factory.mktemp(kind)
    ca, pem = folder / "ca.pem", folder / "server.pem"
    certificates(ca, pem)
    address = bridge.url.removeprefix("http://")
    with contextlib.ExitStack() as ports:
        front, site = (ports.enter_context(contextlib.closing(reserve(0))) for _ in range(2))
        front_port, site_port = front.getsockname()[1], site.getsockname()[1]
        text, fast_path = _files(kind, address, front_port, pem)
        template = {"nginx": NGINX, "caddy": CADDY, "apache": APACHE}[kind]
        config = folder / "config"
        config.write_text(
            template.format(
                folder=folder, front=text, fast_path=fast_path, front_port=front_port, site_port=site_port,
                modules="\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in APACHE_MODULES),
            )
        )  # fmt: skip
    server = Server(
        {
            "nginx": [_program("nginx"), "-c", str(config), "-e", "stderr"],
            "caddy": [_program("caddy"), "run", "--adapter", "caddyfile", "--config", str(config)],
            "apache": [_program("apache2"), "-DFOREGROUND", "-f", str(config)],
        }[kind],
        log=folder / "log",
        env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
    )
    place = Place(bridge, f"https://127.0.0.1:{front_port}", f"http://127.0.0.1:{site_port}", ca)
    try:
        server.wait_until(lambda: _answers(place))
        yield place
    finally:
        server.stop()


def _files(kind: str, address: str, front_port: int, pem: Path) -> tuple[str, str]:
    """Return the two files of a web server, with this test's addresses and certificate in place of the examples."""
    names = {
        "nginx": ("nginx.conf", "fast-path.nginx.conf"),
        "caddy": ("Caddyfile", "fast-path.caddy"),
        "apache": ("apache.conf", "fast-path.apache.conf"),
    }[kind]
    front, fast_path = ((FILES / name).read_text(encoding="utf-8") for name in names)
    assert "127.0.0.1:8765" in front
    assert "/sites/SITE" in fast_path
    front = front.replace("127.0.0.1:8765", address)
    fast_path = fast_path.replace("127.0.0.1:8765", address).replace("/sites/SITE", "/sites/s1")
    front = re.sub(r"/etc/letsencrypt/live/\S+\.pem(?=;?\n)", str(pem), front)
    front = front.replace("listen 443 ssl", f"listen 127.0.0.1:{front_port} ssl").replace(
        "*:443", f"*:{front_port}"
    )
    front = front.replace(
        "bridge.example.org {", f"https://127.0.0.1:{front_port} {{\n\ttls {pem} {pem}", 1
    )  # Caddy
    return front.replace("bridge.example.org", "127.0.0.1"), fast_path


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert found, f"{name} is missing: bin/setup test"
    return found


def _answers(place: Place) -> bool:
    try:
        requests.get(place.site, timeout=TIMEOUT)
        return requests.get(f"{place.front}/readyz", verify=str(place.ca), timeout=TIMEOUT).ok
    except requests.RequestException:
        return False


def body_of(uuid: str) -> bytes:
    return raw(event(at=int(time.time() * 1000), uuid=uuid))


class TestInFrontOfTheBridge:
    def test_event_is_acknowledged_and_a_forged_one_is_not(self, place: Place) -> None:
        url = f"{place.front}/sites/s1/wp-json/vczapi/v1/meeting"
        body = body_of(place.front)
        assert place.post(url, body, signed(body, secret=SECRET, at=time.time())).status_code == 204
        assert place.post(url, body, signed(body, secret="another", at=time.time())).status_code == 401

    def test_client_and_scheme_are_those_that_the_web_server_saw(self, place: Place) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = place.post(f"{place.front}/signin", b"name=nobody&password=wrong", form)
        assert answer.status_code == 422
        failed = re.findall(r"sign_in_failed.*address=(\S+)", place.bridge.log())
        assert failed
        assert set(failed) == {"127.0.0.1"}
        right = f"name=anna&password={PASSWORD}".replace(" ", "+").encode()
        answer = place.post(f"{place.front}/signin", right, form)
        assert "; Secure" in answer.headers["Set-Cookie"]

    def test_commands_are_not_reached(self, place: Place) -> None:
        answer = place.post(f"{place.front}/rpc/site.list", b"{}", {"Content-Type": "application/json"})
        assert (
            answer.status_code,
            answer.headers.get("Content-Type", "").startswith("application/json"),
        ) == (404, False)

    def test_large_body_is_refused_by_the_bridge_which_records_it(self, place: Place) -> None:
        url = f"{place.front}/sites/s1/wp-json/vczapi/v1/meeting"
        body = b" " * (MIB + 1000)
        answer = place.post(url, body, signed(body, secret=SECRET, at=time.time()))
        assert (answer.status_code, answer.json()["code"]) == (413, "zoombridge_too_large")


class TestFastPath:
    @pytest.mark.parametrize("endpoint", ["meeting", "webinar", "recording"])
    def test_event_is_acknowledged_and_a_forged_one_is_not(self, place: Place, endpoint: str) -> None:
        url = f"{place.site}/wp-json/vczapi/v1/{endpoint}"
        body = body_of(f"{place.site}{endpoint}")
        assert place.post(url, body, signed(body, secret=SECRET, at=time.time())).status_code == 204
        assert place.post(url, body, signed(body, secret="another", at=time.time())).status_code == 401

    @pytest.mark.parametrize(
        "path", ["", "/wp-json/vczapi/v1/", "/wp-json/vczapi/v1/other", "/sites", "/rpc/x"]
    )
    def test_all_else_stays_with_the_site(self, place: Place, path: str) -> None:
        assert place.post(f"{place.site}{path}", b"", {}).status_code == 410
