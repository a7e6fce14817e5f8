"""docs/hosting.md, followed command for command on empty machines: from nothing to HTTPS, upgrade, remove, purge; pipx.

In the soak only. It needs root, and the ports 80, 443, 2019 and 8765.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.packaging.machine import Machine
from tests.running import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
CHECKOUT = "/root/checkout"
# The only change to the text: a name that the machine has, for which Caddy makes a certificate by itself.
NAME = "localhost"
USER = "otto"
UNITS = ("zoombridge.service", "zoombridge.socket")
TIMEOUT = 600


def commands(heading: str) -> list[str]:
    """Return the commands below a heading of the document, a line each."""
    text = DOCUMENT.partition(f"\n{heading}\n")[2].partition("\n##")[0]
    return re.findall(r"^    (.+)$", text, re.MULTILINE)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """An empty machine, on which the checkout lies."""
    folder = tmp_path_factory.mktemp("machines") / "debian"
    made = Machine(folder, request.param)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / CHECKOUT.lstrip("/") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, target)
    # Who follows the document has a certificate that everybody trusts.
    (folder / "root" / ".curlrc").write_text("insecure\n")
    (folder / "root").chmod(0o700)
    with made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def test_from_an_empty_machine_to_https_and_back(machine: Machine) -> None:
    followed = commands("## Debian or Ubuntu")
    assert len(followed) > 10
    for line in followed:
        machine.run(_with_name(line), typed=f"{PASSWORD}\n", folder=CHECKOUT)

    assert "active" in machine.run("zoombridge service status")
    status = machine.run("cat /proc/$(systemctl show -P MainPID zoombridge)/status")
    assert re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
    assert not re.search(r"^Uid:\t0\t", status, re.MULTILINE)
    assert "anna" in machine.run("zoombridge user list")
    assert re.search("behind-proxy +true +file", machine.run("zoombridge config show"))
    machine.run("test $(stat -c %U:%a /var/lib/zoombridge) = zoombridge:700")
    _is_hardened(machine)
    machine.run("! su -s /bin/sh nobody -c 'cat /etc/zoombridge.toml'")

    _web_server(machine, "caddy", [])
    for server, heading in (("nginx", "### nginx"), ("apache2", "### Apache")):
        assert len(commands(heading)) > 5
        _web_server(machine, server, commands(heading))
    _upgrade(machine)
    _remove_and_purge(machine)


def _with_name(line: str) -> str:
    """Return a line of the document with this machine's name."""
    return f"NAME={NAME}; {line}" if not line.startswith("NAME=") else "true"


def _web_server(machine: Machine, server: str, followed: list[str]) -> None:
    """Follow how a web server is set up, see the bridge behind it, and stop it."""
    for line in followed:
        if line.startswith("sudo certbot "):  # nobody certifies a machine that has no public name
            certificate = f"/etc/letsencrypt/live/{NAME}"
            made = f"-subj /CN={NAME} -keyout {certificate}/privkey.pem -out {certificate}/fullchain.pem"
            machine.run(f"mkdir -p {certificate} && openssl req -x509 -newkey rsa:2048 -nodes {made}")
        else:
            machine.run(_with_name(line))
    machine.run(f"curl --fail --silent https://{NAME}/readyz")
    _hides_commands(machine)
    machine.run(f"systemctl disable --now {server}")


def _hides_commands(machine: Machine) -> None:
    code = machine.run(
        f"curl --silent --output /dev/null --write-out '%{{http_code}}' https://{NAME}/rpc/site.list"
    )
    assert code == "404"


def _upgrade(machine: Machine) -> None:
    """No request is refused while the package is upgraded, and what an administrator decided stays."""
    before = machine.run("systemctl show -P MainPID zoombridge")
    over, answers = threading.Event(), list[int]()

    def ask() -> None:
        while not over.is_set():
            with urllib.request.urlopen("http://127.0.0.1:8765/healthz", timeout=TIMEOUT) as answer:
                answers.append(answer.status)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        machine.run("apt-get install --yes --reinstall ./build/deb/zoombridge_*.deb", folder=CHECKOUT)
    finally:
        over.set()
        asking.join(TIMEOUT)
    assert machine.run("systemctl show -P MainPID zoombridge") != before
    assert answers
    assert set(answers) == {200}
    machine.run("systemctl disable zoombridge.service")
    machine.run("apt-get install --yes --reinstall ./build/deb/zoombridge_*.deb", folder=CHECKOUT)
    assert "disabled" in machine.run("systemctl is-enabled zoombridge.service || true")
    machine.run("systemctl enable zoombridge.service")


def _remove_and_purge(machine: Machine) -> None:
    machine.run("apt-get remove --yes zoombridge")
    assert machine.run("systemctl is-active zoombridge.socket || true").strip() == "inactive"
    machine.run("test -s /var/lib/zoombridge/zoombridge.key && test ! -e /opt/zoombridge")
    machine.run("apt-get install --yes ./build/deb/zoombridge_*.deb", folder=CHECKOUT)
    assert "anna" in machine.run("zoombridge user list")
    assert "behind-proxy = true" in machine.run("cat /etc/zoombridge.toml")
    machine.run("apt-get purge --yes zoombridge")
    for path in ("/var/lib/zoombridge", "/opt/zoombridge", "/etc/zoombridge.toml"):
        machine.run(f"test ! -e {path}")
    machine.run("! id zoombridge")
    assert "zoombridge" not in machine.run("ls -R /etc/systemd/system")


def _is_hardened(machine: Machine) -> None:
    said = machine.run(f"systemd-analyze verify {' '.join(UNITS)}")
    assert [line for line in said.splitlines() if "zoombridge" in line] == []
    machine.run("systemd-analyze security --threshold=25 zoombridge.service")


def test_pipx_as_root_and_without(machine: Machine) -> None:
    """The way that needs no package, on the machine from which the package is gone."""
    followed = commands("## pipx")
    start = followed.index("pipx install .")
    as_root, as_user = followed[:start], followed[start:]
    assert len(as_root) > 6
    assert len(as_user) > 2
    for line in as_root:
        machine.run(line.replace("bridge.example.org", NAME), typed=f"{PASSWORD}\n", folder=CHECKOUT)

    assert "active" in machine.run("zoombridge service status")
    assert re.search("behind-proxy +true +file", machine.run("zoombridge config show"))
    users = "sudo -u zoombridge ZOOMBRIDGE_DATA=/var/lib/zoombridge zoombridge user list"
    assert "anna" in machine.run(users, folder=CHECKOUT)
    _is_ready()
    machine.run("test $(stat -c %U:%a /var/lib/zoombridge) = zoombridge:700")
    _is_hardened(machine)
    machine.run("zoombridge service remove")
    machine.run("! systemctl is-active zoombridge.socket && test -s /var/lib/zoombridge/zoombridge.key")

    # A user's own bridge is on a machine without settings of the system's, which the user could not read.
    machine.run("rm /etc/zoombridge.toml")
    _has_a_service_of_its_own(machine, as_user)


def _is_ready() -> None:
    with urllib.request.urlopen("http://127.0.0.1:8765/readyz", timeout=TIMEOUT) as answer:
        assert answer.status == 200


def _has_a_service_of_its_own(machine: Machine, followed: list[str]) -> None:
    """A user without rights, who is signed in, which the lingering that root allows stands in for."""
    machine.run(f"useradd --create-home --shell /bin/bash {USER}")
    machine.run(f"cp -r {CHECKOUT} /home/{USER}/checkout && chown -R {USER}: /home/{USER}")
    machine.run(f"loginctl enable-linger {USER} && systemctl start user@$(id -u {USER})")

    def run(line: str) -> str:
        settings = f"HOME=/home/{USER} XDG_RUNTIME_DIR=/run/user/$(id -u {USER})"
        quoted = shlex.quote(f"cd ~/checkout && {line}")
        return machine.run(f"runuser -u {USER} -- env {settings} bash -c {quoted}")

    for line in followed:
        if not line.startswith("loginctl "):  # needs a session; root has allowed it above
            run(line)
    assert "active" in run("~/.local/bin/zoombridge service status --user")
    run("test -s ~/.local/share/zoombridge/zoombridge.key")
    _is_ready()
    run("~/.local/bin/zoombridge service remove --user")
    run("test -s ~/.local/share/zoombridge/zoombridge.key")
