"""A real WordPress as fast as WordPress is served: nginx, php-fpm with four workers, opcache."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.place import folder
from tests.conftest import STUB, STUB_SLUG
from tests.wordpress import WordPress, php
from tests.wordpress.process import Server, ServerError
from tests.wordpress.serve import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 4
_NOTES = Path(__file__).with_name("notes.php")
INSIDE = Path(__file__).with_name("inside")


class FastSite:
    """WordPress on nginx and php-fpm, with a plugin, and notes of what was written."""

    def __init__(self, wordpress: WordPress, notes: Path) -> None:
        """Hold what `fast_site` made."""
        self.wordpress = wordpress
        self._notes = notes

    def written(self) -> list[float]:
        """Return when each write of a meeting's post was done, in seconds since 1970."""
        return [float(line) for line in self._notes.read_text().splitlines()] if self._notes.exists() else []

    def forget(self) -> None:
        """Begin the notes anew."""
        self._notes.unlink(missing_ok=True)


@contextmanager
def fast_site(plugin: Path = STUB, slug: str = STUB_SLUG) -> Iterator[FastSite]:
    """Give such a site, on Debian's WordPress and MariaDB, with one plugin: the stub, if not another."""
    with folder() as made:
        wordpress = WordPress.start("debian-mariadb", directory=made / "site")
        try:
            wordpress.add_plugin(plugin, slug)
            notes = made / "notes"
            (wordpress.directory / "wp-content/mu-plugins/notes.php").write_text(
                _NOTES.read_text().replace("{NOTES}", str(notes))
            )
            with _nginx(wordpress, made / "nginx"):
                yield FastSite(wordpress, notes)
        finally:
            wordpress.stop()


@contextmanager
def _nginx(site: WordPress, made: Path) -> Iterator[None]:
    """Take the place of PHP's own server, at the same address."""
    made.mkdir()
    port = int(site.url.rpartition(":")[2])
    listen = made / "php.socket"
    is_root = os.geteuid() == 0
    (made / "php-fpm.conf").write_text(
        _PHP.format(made=made, listen=listen, user=_user(is_root), workers=WORKERS)
    )
    settings = {**php.SETTINGS, "opcache.enable": "1", "opcache.revalidate_freq": "60"}
    (made / "php.ini").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    (made / "nginx.conf").write_text(
        _NGINX.format(
            made=made,
            listen=listen,
            user="user root;" if is_root else "",
            host=HOST,
            port=port,
            root=site.directory,
        )
    )
    site.give_way()
    fpm_command = [_php_fpm(), "--nodaemonize", "--fpm-config", str(made / "php-fpm.conf")]
    scan = [f"-derror_log={made / 'php.log'}", *(f"-d{name}={value}" for name, value in settings.items())]
    command = [*fpm_command, *scan, *(["--allow-to-run-as-root"] if is_root else [])]
    fpm = Server(["sh", "-c", _FORWARD, "sh", *command], log=made / "fpm.log")
    try:
        fpm.wait_until(listen.exists)
        web = Server(
            [program("nginx"), "-c", str(made / "nginx.conf"), "-e", str(made / "nginx.log")],
            log=made / "nginx.out",
        )
        try:
            web.wait_until(lambda: _listens(port))
            yield
        finally:
            web.stop()
    finally:
        fpm.stop()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def _user(is_root: bool) -> str:
    return f"user = {getpass.getuser()}\ngroup = {getpass.getuser()}" if is_root else ""


def _php_fpm() -> str:
    for folder_ in ("/usr/sbin", "/usr/bin"):
        found = sorted(
            path for path in Path(folder_).glob("php-fpm*") if re.fullmatch(r"php-fpm[\d.]*", path.name)
        )
        if found:
            return str(found[-1])
    raise ServerError("The program `php-fpm` is missing. Run bin/setup bench, then try again.")


def program(name: str) -> str:
    """Return the path of a program, also where only root looks for it. Raises: ServerError where it is missing."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if not found:
        raise ServerError(f"The program `{name}` is missing. Run bin/setup bench, then try again.")
    return found


# php-fpm leaves the process group that it is started in, so that what ends the group must be handed on to it.
_FORWARD = '"$@" & child=$!; trap "kill $child" TERM INT; wait $child; wait $child'

_PHP = """\
[global]
error_log = {made}/php-fpm.log
[site]
{user}
listen = {listen}
listen.backlog = 511
pm = static
pm.max_children = {workers}
catch_workers_output = yes
clear_env = no
"""

_NGINX = """\
daemon off;
worker_processes 1;
pid {made}/nginx.pid;
{user}
events {{ worker_connections 512; }}
http {{
    access_log off;
    error_log {made}/nginx.log;
    client_body_temp_path {made}/body;
    fastcgi_temp_path {made}/fastcgi;
    proxy_temp_path {made}/proxy;
    scgi_temp_path {made}/scgi;
    uwsgi_temp_path {made}/uwsgi;
    keepalive_requests 1000000;
    server {{
        listen {host}:{port};
        root {root};
        index index.php;
        client_max_body_size 8m;
        location / {{ try_files $uri $uri/ /index.php?$args; }}
        location ~ \\.php$ {{
            fastcgi_pass unix:{listen};
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_param SCRIPT_NAME $fastcgi_script_name;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param DOCUMENT_URI $document_uri;
            fastcgi_param DOCUMENT_ROOT $document_root;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param REQUEST_SCHEME $scheme;
            fastcgi_param GATEWAY_INTERFACE CGI/1.1;
            fastcgi_param SERVER_SOFTWARE nginx;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param REMOTE_PORT $remote_port;
            fastcgi_param SERVER_ADDR $server_addr;
            fastcgi_param SERVER_PORT $server_port;
            fastcgi_param SERVER_NAME $server_addr;
            fastcgi_param REDIRECT_STATUS 200;
            fastcgi_keep_conn on;
        }}
    }}
}}
"""
