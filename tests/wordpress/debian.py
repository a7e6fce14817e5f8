"""Packages of Debian and Ubuntu, downloaded and unpacked side by side; nothing is installed.

They may be of another release than the machine's: apt then gets lists and a state of its own, and asks the mirror
that the machine's own sources name.
"""

import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_KEYRING = "/usr/share/keyrings/{}-archive-keyring.gpg"
_COMPONENTS = {"debian": "main", "ubuntu": "main universe"}
# What the machine's own configuration may say about releases, and what the lists would hold beside packages.
_PRIVATE = {
    "Dir::Etc::SourceParts": "-",
    "Dir::Etc::Preferences": "-",
    "Dir::Etc::PreferencesParts": "-",
    "Dir::State::status": "/dev/null",
    "APT::Default-Release": "",
    "APT::Update::Error-Mode": "any",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
    "Acquire::http::Timeout": "20",
    "Acquire::https::Timeout": "20",
}


class FetchError(Exception):
    """WordPress or what it needs could not be downloaded; the message says what to do."""


@dataclass(frozen=True)
class Release:
    """One release as apt knows it. `advice` goes with what fails."""

    advice: str
    options: tuple[str, ...] = ()

    def dependencies(self, package: str) -> list[str]:
        """Return the names of what a package depends on or recommends."""
        known = self._apt("apt-cache", "depends", "--no-suggests", package)
        return sorted(set(re.findall(r"^[ |]*(?:Depends|Recommends): ([^<\s]\S*)$", known, re.MULTILINE)))

    def has(self, package: str) -> bool:
        """Tell whether the release has a package of this name."""
        return package in self._apt("apt-cache", "pkgnames", package).split()

    def without_programs(self, packages: Sequence[str]) -> list[str]:
        """Return those packages that are the same for every processor, the smallest first."""
        found = [
            dict(re.findall(r"^(Package|Architecture|Size): (\S+)$", text, re.MULTILINE))
            for text in self._apt("apt-cache", "show", "--no-all-versions", *packages).split("\n\n")
        ]
        same = [fields for fields in found if fields.get("Architecture") == "all"]
        return [fields["Package"] for fields in sorted(same, key=lambda fields: int(fields["Size"]))]

    def closure(self, packages: Sequence[str]) -> list[str]:
        """Return the names of all that an empty machine would need, to have these packages installed."""
        planned = self._apt("apt-get", "--simulate", "--no-install-recommends", "install", *packages)
        return re.findall(r"^Inst (\S+)", planned, re.MULTILINE)

    def unpack(self, packages: Sequence[str], root: Path) -> None:
        """Download packages and unpack them into one folder, so that links between them hold."""
        with tempfile.TemporaryDirectory(prefix="zoombridge-packages-") as work:
            self._apt("apt-get", "download", *packages, cwd=Path(work))
            for package in sorted(Path(work).glob("*.deb")):
                run(["dpkg", "-x", str(package), str(root)], f"{package.name} could not be unpacked.")

    def update(self) -> None:
        """Fetch the lists of packages."""
        self._apt("apt-get", "update")

    def _apt(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        return run([program, *self.options, *arguments], self.advice, cwd)


def own_release() -> Release:
    """Return the machine's own release."""
    return Release(
        "Debian's package `wordpress`, or what belongs to it, could not be downloaded. Run `apt-get update` as root, "
        "then try again.",
        _options(_as_self()),
    )


@contextmanager
def other_release(suites: Mapping[str, str]) -> Iterator[Release]:
    """Give another release, with lists that are fetched now. `suites` has its name for each distribution."""
    here = platform.freedesktop_os_release()["ID"]
    if here not in suites:
        raise FetchError(f"This is fetched on {' or '.join(suites)} only, from the machine's own mirror.")
    suite, mirror = suites[here], _mirror()
    with tempfile.TemporaryDirectory(prefix="zoombridge-apt-") as folder:
        keyring = _KEYRING.format(here)
        signed = f"[signed-by={keyring}] " if Path(keyring).exists() else ""
        sources = Path(folder) / "sources.list"
        sources.write_text(f"deb {signed}{mirror} {suite} {_COMPONENTS[here]}\n")
        for needed in ("state/lists/partial", "cache/archives/partial"):
            (Path(folder) / needed).mkdir(parents=True)
        release = Release(
            f"The release `{suite}` could not be read from {mirror}, which the machine's own sources name. If the "
            "mirror can be reached and has this release, try again; if not, name a complete mirror in "
            "/etc/apt/sources.list and run `apt-get update` as root.",
            _options(
                {
                    **_as_self(),
                    **_PRIVATE,
                    "Dir::Etc::SourceList": str(sources),
                    "Dir::State": f"{folder}/state",
                    "Dir::Cache": f"{folder}/cache",
                }
            ),
        )
        release.update()
        yield release


def _mirror() -> str:
    """Return the address that the machine's own release comes from."""
    known = run(
        ["apt-get", "indextargets", "--format", "$(CREATED_BY) $(ORIGIN) $(RELEASE) $(REPO_URI)"],
        "apt does not say where the machine's packages come from.",
    )
    # A release with a hyphen is what comes on top of it: security, updates, backports.
    found = re.findall(r"^Packages (?:Debian|Ubuntu) [^ -]+ (\S+)$", known, re.MULTILINE)
    if not found:
        raise FetchError("apt has no lists of the machine's own release. Run `apt-get update` as root first.")
    mirror: str = found[0]
    return mirror


def _as_self() -> dict[str, str]:
    """Keep apt from dropping to its own user for downloads, who may not write into our folders."""
    return {"APT::Sandbox::User": "root"} if os.geteuid() == 0 else {}


def _options(settings: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))


def run(command: Sequence[str], advice: str, cwd: Path | None = None) -> str:
    """Run a command of the packagers and return what it wrote; `advice` goes with its failure."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FetchError(f"The program `{command[0]}` is missing. Run bin/setup, then try again.") from None
    if done.returncode:
        raise FetchError(f"{done.stdout}{done.stderr}\n{advice}")
    return done.stdout
