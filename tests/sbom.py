"""Write the list of what a deployment installs (CycloneDX): `python -m tests.sbom` completes what `cyclonedx-py` found.

`bin/lock` calls it. The input is the list of an environment that was made from requirements.lock. What differs between
two runs or machines is left out, so that the same packages give the same bytes. https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
import sys
from typing import Any

from core import __version__

ROOT = "zoom-wordpress-bridge"
_OF_A_COMPONENT = ("bom-ref", "type", "name", "version", "description", "licenses", "purl")


def completed(found: dict[str, Any], *, version: str) -> dict[str, Any]:
    """Return the list with the bridge and the plugin in it, of `version`, and without what packages say of their sites."""
    components = [
        {key: component[key] for key in _OF_A_COMPONENT if key in component}
        for component in found["components"]
    ]
    for component in components:
        for chosen in component.get("licenses", []):
            # Whole texts of licences are in the packages.
            chosen.get("license", {}).pop("text", None)
    references = [component["bom-ref"] for component in components]
    needed = {one["ref"]: one.get("dependsOn", []) for one in found["dependencies"]}
    required = {reference for references in needed.values() for reference in references}
    # What nothing else requires, the bridge does itself.
    needed[ROOT] = [reference for reference in references if reference not in required]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _bridge(version)},
        "components": sorted(components, key=lambda component: str(component["purl"])),
        "dependencies": [
            {"ref": reference, "dependsOn": sorted(needed[reference])} for reference in sorted(needed)
        ],
    }


def _bridge(version: str) -> dict[str, Any]:
    """Return the component that all others are parts of."""
    return {
        "bom-ref": ROOT,
        "type": "application",
        "name": ROOT,
        "version": version,
        "licenses": [{"expression": "MIT AND GPL-2.0-or-later"}],
    }


def main() -> None:
    """Read a list from standard input; write the completed one to standard output."""
    json.dump(completed(json.load(sys.stdin), version=__version__), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
