"""PHP inside a WordPress that is loaded: by the server that serves it, or by a PHP of its own on the command line."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

RUN = Path(__file__).with_name("run.php")
RUN_WITHIN = 300.0
TOKEN = "ZOOMBRIDGE_TEST_RUN"
"""The environment variable with which a server is told the token that code has to come with."""

# Also in the server: nothing may leave by mail, and a file that a test has just changed counts at once.
SETTINGS: Mapping[str, str] = {
    "sendmail_path": "/bin/true",
    "opcache.revalidate_freq": "0",
    "memory_limit": "256M",
    "upload_max_filesize": "8M",
    "post_max_size": "8M",
    "display_errors": "0",
    "log_errors": "1",
}


class PhpError(Exception):
    """The code failed; the message holds what PHP said."""


def command(program: str, log: Path, more: Mapping[str, str] | None = None) -> list[str]:
    """How PHP is called: with our settings and `more` of them, and errors written to `log`."""
    settings = {**SETTINGS, **(more or {}), "error_log": str(log)}
    return [program, *(part for name, value in settings.items() for part in ("-d", f"{name}={value}"))]


class Code:
    """Code that is to run, in files that PHP reads it from and writes its result to; a context manager.

    Each of the `arguments` is a variable there. `constants` are defined before WordPress is loaded.
    """

    def __init__(
        self,
        code: str,
        *,
        directory: Path,
        url: str,
        log: Path,
        constants: Mapping[str, str | bool | int] | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare code for the WordPress in `directory`, whose PHP logs to `log`."""
        self.directory = directory
        self._log = log
        self._logged = log.stat().st_size if log.exists() else 0
        self._folder = tempfile.TemporaryDirectory(prefix="zoombridge-php-")
        self.request = Path(self._folder.name) / "request"
        self._answer = Path(self._folder.name) / "answer"
        request = {
            "load": str(directory / "wp-load.php"),
            "answer": str(self._answer),
            "url": url,
            "constants": constants or {},
            "arguments": arguments or {},
            "code": code,
        }
        self.request.write_text(json.dumps(request), encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def value(self, printed: str) -> Any:
        """Return what the code returned. Raises PhpError, with what it `printed` and logged, where it did not."""
        if self._answer.exists():
            result = json.loads(self._answer.read_text(encoding="utf-8"))
        else:
            result = {"error": "It ended without returning."}
        if "error" in result:
            logged = self._log.read_bytes()[self._logged :] if self._log.exists() else b""
            said = "\n".join(part for part in (printed, logged.decode(errors="replace")) if part)
            raise PhpError(f"{result['error']}\n{said}".strip())
        return result["value"]


def run(code: Code, program: str, log: Path) -> Any:
    """Run code by a PHP of its own on the command line, and return what it returns."""
    try:
        done = subprocess.run(
            [*command(program, log), str(RUN), str(code.request)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=code.directory,
            timeout=RUN_WITHIN,
            check=False,
        )
    except FileNotFoundError:
        raise PhpError("The program `php` is missing. Run bin/setup, then try again.") from None
    return code.value("\n".join(part for part in (done.stdout, done.stderr) if part))


def run_in_server(code: Code, url: str, token: str) -> Any:
    """Run code by the server of a WordPress, which spares to start PHP; return what it returns.

    router.php passes it on to run.php, which has it find what it would on the command line, except for PHP_SAPI.
    """
    server = urlsplit(url)
    connection = HTTPConnection(str(server.hostname), server.port, timeout=RUN_WITHIN)
    try:
        connection.request("POST", f"/{token}", headers={"X-Request-File": str(code.request)})
        printed = connection.getresponse().read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        printed = f"The server did not answer: {error!r}"
    finally:
        connection.close()
    return code.value(printed)
