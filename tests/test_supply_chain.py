"""requirements.lock fits setup.cfg and pyproject.toml, and sbom.cdx.json lists what it locks. `make lock` makes both."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core import __version__
from tests import sbom

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SBOM: dict[str, Any] = json.loads((ROOT / "sbom.cdx.json").read_text(encoding="utf-8"))
MAKE = "run `make lock`"


@dataclass(frozen=True)
class Locked:
    """One package of the lock file."""

    requirement: Requirement
    hashes: list[str]

    @property
    def version(self) -> str:
        [only] = self.requirement.specifier
        assert only.operator == "=="
        return only.version


def locked() -> dict[str, Locked]:
    """Read the lock file: packages by their normalised names."""
    text = re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, Locked] = {}
    for line in text.splitlines():
        required, *hashes = re.split(r"\s+--hash=", line.strip())
        requirement = Requirement(required)
        found[canonicalize_name(requirement.name)] = Locked(requirement, hashes)
    return found


def required() -> list[Requirement]:
    """What the bridge itself requires, to run and to be built."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    return [Requirement(line) for line in [*settings["options"]["install_requires"].split("\n")[1:], *build]]


class TestLock:
    def test_fits_what_is_required(self) -> None:
        versions = {name: one.version for name, one in locked().items()}
        wanted = {canonicalize_name(one.name): one.specifier for one in required()}
        assert len(wanted) > 15
        assert {name for name in wanted if name not in versions} == set(), MAKE
        misfits = {name for name, specifier in wanted.items() if not specifier.contains(versions[name])}
        assert misfits == set(), MAKE

    def test_holds_what_packages_require_in_turn(self) -> None:
        """As far as they are installed here, perhaps in other versions."""
        held = locked()
        for name, one in held.items():
            extras = {
                extra for need in required() if canonicalize_name(need.name) == name for extra in need.extras
            }
            for line in _requirements_of(name):
                need = Requirement(line)
                marker = need.marker
                if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
                    assert canonicalize_name(need.name) in held, f"{one.requirement} requires {need}: {MAKE}"

    def test_names_nothing_that_nothing_requires(self) -> None:
        """What setup.cfg no longer requires is no longer locked: each package says which others it is for."""
        reasons = re.findall(r"^ +# +(?:via )?(\S+)", LOCK, re.MULTILINE)
        outside = {"zoom-wordpress-bridge", "pyproject.toml", "via"}
        assert {canonicalize_name(name) for name in set(reasons) - outside} <= locked().keys()
        wanted = {canonicalize_name(one.name) for one in required()}
        direct = {canonicalize_name(name) for name in re.findall(_DIRECT, LOCK, re.MULTILINE)}
        assert direct == wanted, MAKE

    def test_every_package_has_the_hashes_of_its_files(self) -> None:
        for one in locked().values():
            assert one.hashes, one.requirement
            assert all(re.fullmatch("sha256:[0-9a-f]{64}", value) for value in one.hashes)

    def test_names_no_address_and_no_folder(self) -> None:
        """Where packages come from is chosen where they are installed."""
        assert re.findall(r"(?:https?|file):|--(?!hash=)|^-|/", LOCK, re.MULTILINE) == []


# A package whose comment names what the bridge itself requires it for.
_DIRECT = r"^([\w.-]+)==.*\n(?: +--hash.*\n)+(?: +# +via\n)?(?: +# .*\n)*?(?: +#.*(?:\(setup\.cfg\)|pyproject\.toml))"


def _requirements_of(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []  # of another system


class TestSbom:
    def test_lists_what_is_locked(self) -> None:
        listed = {canonicalize_name(one["name"]): one["version"] for one in SBOM["components"]}
        assert listed == {name: one.version for name, one in locked().items()}, "run `make sbom`"
        assert len(SBOM["components"]) == len(listed)

    def test_is_of_this_version(self) -> None:
        assert SBOM["bomFormat"] == "CycloneDX"
        assert SBOM["metadata"]["component"]["version"] == __version__, "run `make sbom`"

    def test_every_package_has_its_licence(self) -> None:
        assert [one["name"] for one in SBOM["components"] if not one.get("licenses")] == []

    def test_says_who_requires_whom(self) -> None:
        references = {one["bom-ref"] for one in SBOM["components"]} | {sbom.ROOT}
        needed = {one["ref"]: one["dependsOn"] for one in SBOM["dependencies"]}
        assert needed.keys() == references
        reached, left = {sbom.ROOT}, [sbom.ROOT]
        while left:
            found = set(needed[left.pop()]) - reached
            reached |= found
            left += found
        assert reached == references

    def test_holds_nothing_of_the_moment_or_the_machine(self) -> None:
        text = json.dumps(SBOM)
        assert SBOM.keys() & {"serialNumber"} == set()
        assert SBOM["metadata"].keys() == {"component"}
        assert str(Path.home()) not in text
        assert re.findall(r"https?://[^\"]+", text.replace(SBOM["$schema"], "")) == []

    def test_is_in_a_fixed_order(self) -> None:
        """The same packages, found in another order, give the same list."""
        found = {
            "components": SBOM["components"][::-1],
            "dependencies": [one for one in SBOM["dependencies"][::-1] if one["ref"] != sbom.ROOT],
        }
        assert sbom.completed(found, version=__version__) == SBOM
