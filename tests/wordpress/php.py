"""PHP on the command line, inside a WordPress that is loaded."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RUN = Path(__file__).with_name("run.php")
RUN_WITHIN = 300.0

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


def run(
    code: str,
    *,
    program: str,
    directory: Path,
    url: str,
    log: Path,
    constants: Mapping[str, str | bool | int] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Any:
    """Run `code` in the WordPress in `directory` and return what it returns.

    Each of the `arguments` is a variable there. `constants` are defined before WordPress is loaded.
    """
    start = log.stat().st_size if log.exists() else 0
    # PHP ends with each call, so what it has compiled is kept on the disk; that halves the time.
    compiled = directory.parent / "compiled"
    compiled.mkdir(exist_ok=True)
    keep = {"opcache.enable_cli": "1", "opcache.file_cache_only": "1", "opcache.file_cache": str(compiled)}
    with tempfile.NamedTemporaryFile(prefix="zoombridge-php-") as answer:
        request = {
            "load": str(directory / "wp-load.php"),
            "answer": answer.name,
            "url": url,
            "constants": constants or {},
            "arguments": arguments or {},
            "code": code,
        }
        try:
            done = subprocess.run(
                [*command(program, log, keep), str(RUN)],
                input=json.dumps(request),
                capture_output=True,
                text=True,
                errors="replace",
                cwd=directory,
                timeout=RUN_WITHIN,
                check=False,
            )
        except FileNotFoundError:
            raise PhpError("The program `php` is missing. Run bin/setup, then try again.") from None
        written = Path(answer.name).read_text(encoding="utf-8")
    result = json.loads(written) if written else {"error": "It ended without returning."}
    if "error" in result:
        logged = log.read_bytes()[start:].decode(errors="replace") if log.exists() else ""
        said = "\n".join(part for part in (done.stdout, done.stderr, logged) if part)
        raise PhpError(f"{result['error']}\n{said}".strip())
    return result["value"]
