"""Build what a release consists of into dist/, twice, and compare: `make release`.

From the commit that is checked out, never from other files: wheel, source package, Debian package, the plugin's two
zips, the list of dependencies and checksums. Refused where the checkout has changes, or CHANGELOG.md does not tell of the version.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.wordpress.packages import core
from web.stub.plugin_zip import RELEASE_FILE, SLUG, archive
from web.stub.updates import signed_message

ROOT = Path(__file__).parents[1]
NAME = "zoom_wordpress_bridge"
SUMS = "SHA256SUMS"
MIGRATIONS = "core/store/migrations/versions"
ROLLING = "tests/core/store/db/test_rolling_update.py"
"""What processes of this release bear of later migrations."""
# Of load.php, by which updates come from the bridge: the directory takes no plugin that has updates of its own.
_OF_THE_UPDATER = re.compile(
    rb"^(?: \* Update URI:.*|require_once __DIR__ \. '/updater\.php';)\n", re.MULTILINE
)
UPDATER = "updater.php"
_MOST_TAGS, _LONGEST_SHORT_DESCRIPTION = 5, 150
_BUILD = "from setuptools import build_meta; build_meta.build_{}({!r})"


def problems(root: Path) -> list[str]:
    """Return why no release can be built from a checkout."""
    found = []
    if changed := _git(root, "status", "--porcelain").splitlines():
        found.append(
            f"The checkout has changes: {', '.join(line[3:] for line in changed[:5])}. Commit them first."
        )
    version = version_of(root)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\S+).*\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE))
    if version not in sections:
        found.append(f"CHANGELOG.md has no section {version}.")
    if sections.get("Unreleased", "").strip():
        found.append(f"CHANGELOG.md has changes under Unreleased: move them to the section of {version}.")
    plugin = plugin_versions(root)
    if len(set(plugin.values())) != 1:
        found.append(f"The plugin's version differs: {plugin}.")
    if set(plugin.values()) != {version}:
        found.append(f"The plugin has another version than the bridge: {version}. They are released as one.")
    newest = max(path.name[:4] for path in (root / MIGRATIONS).glob("[0-9]*.py"))
    if (released := _found(r'^RELEASED = "(.+)"$', root / ROLLING)) != newest:
        found.append(f"RELEASED in {ROLLING} is {released}; the newest migration is {newest}.")
    sbom = json.loads((root / "sbom.cdx.json").read_text(encoding="utf-8"))
    if sbom["metadata"]["component"]["version"] != version:
        found.append("sbom.cdx.json is of another version: run make sbom.")
    return found


def readme_problems(readme: str, newest: str) -> list[str]:
    """Return what WordPress's plugin directory would not take of a readme.txt, `newest` being WordPress's version.

    https://developer.wordpress.org/plugins/wordpress-org/how-your-readme-txt-works/
    """
    head, _, rest = readme.partition("\n\n")
    values = dict(re.findall(r"^([A-Z][\w ]+): (.+)$", head, re.MULTILINE))
    short = rest.partition("\n\n")[0]
    found = [
        f"readme.txt has no line “{name}”."
        for name in (
            "Contributors",
            "Tags",
            "Tested up to",
            "Requires at least",
            "Requires PHP",
            "Stable tag",
            "License",
        )
        if name not in values
    ]
    if values.get("Tested up to") != ".".join(newest.split(".")[:2]):
        found.append(
            f"readme.txt says “Tested up to: {values.get('Tested up to')}”; the newest WordPress is {newest}."
        )
    if values.get("Tags", "").count(",") > _MOST_TAGS - 1:
        found.append(f"readme.txt has more than {_MOST_TAGS} tags.")
    if len(short) > _LONGEST_SHORT_DESCRIPTION or "\n" in short:
        found.append(
            f"The short description in readme.txt has more than {_LONGEST_SHORT_DESCRIPTION} characters."
        )
    if "GPL" not in values.get("License", ""):
        found.append("readme.txt names no licence that fits WordPress's.")
    return found


def newest_wordpress() -> str:
    """Return the version of the newest WordPress that tests run on."""
    return _found(r"^\$wp_version = '(.+)';$", core("newest-mariadb") / "wp-includes/version.php")


def version_of(root: Path) -> str:
    """Return the bridge's version."""
    return _found(r'^__version__ = "(.+)"$', root / "core/__init__.py")


def plugin_versions(root: Path) -> dict[str, str]:
    """Return the plugin's version as each place says it."""
    load = root / "plugin_stub/load.php"
    return {
        "header": _found(r"^ \* Version: +(\S+)$", load),
        "constant": _found(r"^define\( 'ZOOMBRIDGE_VERSION', '(.+)' \);$", load),
        "readme.txt": _found(r"^Stable tag: (\S+)$", root / "plugin_stub/readme.txt"),
    }


def _found(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "missing"


def directory_zip(plugin: Path) -> bytes:
    """Return the plugin as WordPress's plugin directory takes it: updates come from there."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "plugin"
        shutil.copytree(plugin, folder)
        load = folder / "load.php"
        content, count = _OF_THE_UPDATER.subn(b"", load.read_bytes())
        if count != 2:
            raise ValueError("load.php does not load the updater.")
        load.write_bytes(content)
        (folder / UPDATER).unlink()
        return archive(folder=folder)


def build(root: Path, output: Path, key: Ed25519PrivateKey | None = None) -> None:
    """Build everything from the commit that is checked out into an empty folder; with a release key, sign the plugin."""
    epoch = _git(root, "log", "-1", "--format=%ct").strip()
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "source"
        source.mkdir()
        packed = subprocess.run(["git", "archive", "HEAD"], cwd=root, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(source, filter="data")
        plugin = source / "plugin_stub"
        version = plugin_versions(source)["header"]
        if key is not None:
            signed = signature(archive(folder=plugin), version, key)
            (plugin / RELEASE_FILE).write_text(signed, encoding="utf-8")
        for kind in ("sdist", "wheel"):
            tree = Path(work) / kind
            shutil.copytree(source, tree)
            _run([builder(root), "-c", _BUILD.format(kind, str(output))], tree, SOURCE_DATE_EPOCH=epoch)
        (sdist,) = output.glob("*.tar.gz")
        sdist.write_bytes(repacked(sdist.read_bytes(), int(epoch)))
        (output / f"{SLUG}-{version}.zip").write_bytes(archive(folder=plugin))
        (output / f"{SLUG}-{version}-wordpress.org.zip").write_bytes(directory_zip(plugin))
        shutil.copyfile(source / "sbom.cdx.json", output / f"{NAME}-{version_of(source)}.cdx.json")
        # For the release of Debian or Ubuntu that this machine has.
        _run(["bin/deb", str(output)], source, SOURCE_DATE_EPOCH=epoch)
    files = sorted(output.iterdir())
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    (output / SUMS).write_text(sums, encoding="utf-8")


def signature(package: bytes, version: str, key: Ed25519PrivateKey) -> str:
    """Return the file that a bridge needs to offer a zip of the plugin as an update."""
    sha256 = hashlib.sha256(package).hexdigest()
    signed = key.sign(signed_message(version, sha256)).hex()
    return json.dumps({"version": version, "sha256": sha256, "signature": signed}, indent=2) + "\n"


def public_key(key: Ed25519PrivateKey) -> str:
    """Return the public key of a release key as the plugin has it."""
    return key.public_key().public_bytes_raw().hex()


def create_key(path: Path) -> str:
    """Write a new release key, readable by its user only; return its public key. Raises: FileExistsError."""
    key = Ed25519PrivateKey.generate()
    with open(path, "x", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(key.private_bytes_raw().hex() + "\n")
    return public_key(key)


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read a release key."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii").strip()))


def key_problems(key: Ed25519PrivateKey, root: Path) -> list[str]:
    """Return why plugins would not take what a key has signed."""
    if public_key(key) in (root / "plugin_stub" / UPDATER).read_text(encoding="utf-8"):
        return []
    return [
        f"The plugin does not know this release key: add '{public_key(key)}' to ZOOMBRIDGE_RELEASE_KEYS in {UPDATER}."
    ]


def builder(root: Path) -> str:
    """Return a Python that has what builds the package, as requirements.lock has it, and nothing else."""
    python = root / ".cache/release/bin/python"
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    (locked,) = re.findall(r"^setuptools==.*\n(?: +--hash.*\n)+", lock, re.MULTILINE)
    wanted = python.parents[1] / "requirements.txt"
    if not wanted.exists() or wanted.read_text(encoding="utf-8") != locked:
        _run([sys.executable, "-m", "venv", "--clear", str(python.parents[1])], root)
        wanted.with_suffix(".new").write_text(locked, encoding="utf-8")
        _run(
            [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--require-hashes",
                "-r",
                f"{wanted.with_suffix('.new')}",
            ],
            root,
        )
        wanted.with_suffix(".new").rename(wanted)
    return str(python)


def repacked(package: bytes, epoch: int) -> bytes:
    """Return a .tar.gz with the same files, without what differs between two builds: times, owners, order."""
    written = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(package)) as given,
        gzip.GzipFile("", "wb", fileobj=written, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as made,
    ):
        for member in sorted(given.getmembers(), key=lambda member: member.name):
            content = given.extractfile(member) if member.isfile() else None
            plain = tarfile.TarInfo(member.name)
            plain.size, plain.type, plain.mtime = member.size, member.type, epoch
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            made.addfile(plain, content)
    return written.getvalue()


def faults(output: Path, root: Path) -> list[str]:
    """Return what is wrong with a build."""
    found = []
    version, plugin = version_of(root), plugin_versions(root)["header"]
    wanted = {
        f"{NAME}-{version}-py3-none-any.whl",
        f"{NAME}-{version}.tar.gz",
        f"{NAME}-{version}.cdx.json",
        f"{SLUG}-{plugin}.zip",
        f"{SLUG}-{plugin}-wordpress.org.zip",
        SUMS,
    }
    built = {file.name for file in output.iterdir()}
    packages = {name for name in built if name.endswith(".deb")}
    if len(packages) != 1 or built - packages != wanted:
        found.append(f"Built were {sorted(built)}.")
    with tempfile.TemporaryDirectory() as work:
        (wheel,) = output.glob("*.whl")
        target = Path(work) / "installed"
        _run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--no-deps",
                "--no-index",
                "--target",
                str(target),
                str(wheel),
            ],
            root,
        )
        said = _run([sys.executable, "-m", "web.cli", "--version"], target, PYTHONPATH=str(target))
        if version not in said:
            found.append(f"The wheel says {said!r} of its version.")
        (sdist,) = output.glob("*.tar.gz")
        with tarfile.open(sdist) as tar:
            tar.extractall(Path(work) / "sdist", filter="data")
        (unpacked,) = (Path(work) / "sdist").iterdir()
        rebuilt = Path(work) / "rebuilt"
        rebuilt.mkdir()
        _run([builder(root), "-c", _BUILD.format("wheel", str(rebuilt))], unpacked)
        if _contents(next(rebuilt.glob("*.whl"))) != _contents(wheel):
            found.append("The source package builds another wheel.")
    zips = {zipped.name: _contents(zipped) for zipped in output.glob("*.zip")}
    return found + [
        f"{name} holds files outside {SLUG}/."
        for name, contents in zips.items()
        if any(not inner.startswith(f"{SLUG}/") for inner in contents)
    ]


def _contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def _run(command: list[str], folder: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=kept | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    """Build a release, or write a release key; return 1 where that is refused or something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    parser.add_argument("--key", type=Path, help="file with the release key that signs the plugin")
    parser.add_argument("--create-key", type=Path, help="write a new release key to a file, and end")
    options = parser.parse_args()
    if options.create_key:
        print(
            f"Add this public key to ZOOMBRIDGE_RELEASE_KEYS in plugin_stub/{UPDATER}: {create_key(options.create_key)}"
        )
        return 0
    key = load_key(options.key) if options.key else None
    found = problems(ROOT) + (key_problems(key, ROOT) if key else [])
    readme = (ROOT / "plugin_stub/readme.txt").read_text(encoding="utf-8")
    found += readme_problems(readme, newest_wordpress())
    if not found:
        with tempfile.TemporaryDirectory() as work:
            builds = [Path(work) / name for name in ("first", "second")]
            for output in builds:
                output.mkdir()
                build(ROOT, output, key)
            first, second = ({file.name: file.read_bytes() for file in output.iterdir()} for output in builds)
            differ = sorted(
                name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
            )
            found = faults(builds[0], ROOT) + [f"Two builds of {name} differ." for name in differ]
            if not found:
                shutil.rmtree(ROOT / "dist", ignore_errors=True)
                shutil.copytree(builds[0], ROOT / "dist")
                print((ROOT / "dist" / SUMS).read_text(encoding="utf-8"), end="")
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
