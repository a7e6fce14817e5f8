"""The files of `packaging/container`. No engine is needed: they are read, and Caddy and the health check are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from bench.image_steps import instructions
from core.store.db.encryption import Sealer
from tests.running import RunningBridge
from web.cli.serve import serve

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "packaging" / "container"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
OPTIONS = {
    f"ZOOMBRIDGE_{option.name.upper()}"
    for option in serve.params
    if isinstance(option, click.Option) and option.name
} | {"ZOOMBRIDGE_KEY"}


def last_stage() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, rest in instructions(FOLDER / "Dockerfile"):
        found = {} if name == "FROM" else found | {name: rest}
    return found


class TestImage:
    def test_runs_without_root(self) -> None:
        assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last_stage()["USER"])

    def test_takes_only_verified_packages_of_a_fixed_release(self) -> None:
        bases = [rest.split()[0] for name, rest in instructions(FOLDER / "Dockerfile") if name == "FROM"]
        assert [base for base in bases if not re.fullmatch(r"python:3\.\d+-slim-\w+", base)] == []
        installs = [
            rest
            for name, rest in instructions(FOLDER / "Dockerfile")
            if name == "RUN" and " install --no-cache" in rest
        ]
        assert len(installs) == 2
        assert all("--require-hashes" in one or "--no-index" in one for one in installs)
        assert not any(
            name == "ADD" or "curl" in rest or "apt" in rest
            for name, rest in instructions(FOLDER / "Dockerfile")
        )

    def test_has_all_that_it_copies_and_sends_no_more_to_the_engine(self) -> None:
        copied = [
            rest.split()[:-1]
            for name, rest in instructions(FOLDER / "Dockerfile")
            if name == "COPY" and "--from" not in rest
        ]
        sources = {source.removeprefix("./") for line in copied for source in line}
        assert [source for source in sources if not (ROOT / source).exists()] == []
        sent = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(sent) == sorted(sources)

    def test_variables_are_options(self) -> None:
        named = set(re.findall(r"(ZOOMBRIDGE_\w+)=", last_stage()["ENV"]))
        assert named
        assert named - OPTIONS == set()

    def test_health_check_tells_a_bridge_that_is_ready_from_none(self, tmp_path: Path) -> None:
        check = re.search(r"CMD (\[.*\])", last_stage()["HEALTHCHECK"])
        assert check
        program, *arguments = json.loads(check[1])
        assert program == "python"

        def status(address: str) -> int:
            asked = [part.replace("127.0.0.1:8765", address) for part in arguments]
            return subprocess.run([sys.executable, *asked], stderr=subprocess.DEVNULL, check=False).returncode

        with RunningBridge(tmp_path / "data", "--acceptors", "0") as bridge:
            address = bridge.url.removeprefix("http://")
            assert status(address) == 0
        assert status(address) == 1


class TestCompose:
    def test_services_cannot_gain_rights_and_are_started_again(self) -> None:
        assert set(COMPOSE["services"]) == {"caddy", "bridge", "database"}
        for service in COMPOSE["services"].values():
            assert service["restart"] == "unless-stopped"
            assert "no-new-privileges:true" in service["security_opt"]
        for name in ("caddy", "bridge"):
            assert COMPOSE["services"][name]["read_only"] is True
            assert COMPOSE["services"][name]["cap_drop"] == ["ALL"]

    def test_only_the_web_server_has_ports_and_only_the_bridge_reaches_the_database(self) -> None:
        services = COMPOSE["services"]
        assert [name for name, one in services.items() if "ports" in one] == ["caddy"]
        assert sorted(name for name, one in services.items() if "back" in one["networks"]) == [
            "bridge",
            "database",
        ]
        assert COMPOSE["networks"]["back"]["internal"] is True

    def test_variables_are_options_and_the_example_has_those_to_fill_in(self) -> None:
        assert set(COMPOSE["services"]["bridge"]["environment"]) - OPTIONS == set()
        needed = set(re.findall(r"\$\{(\w+):\?\}", (FOLDER / "compose.yaml").read_text(encoding="utf-8")))
        example = (FOLDER / "example.env").read_text(encoding="utf-8")
        assert needed == set(re.findall(r"^(\w+)=", example, re.MULTILINE))

    def test_document_fills_in_the_example(self, tmp_path: Path) -> None:
        document = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
        section = document.partition("\n## Container\n")[2].partition("\n## ")[0]
        lines = re.findall(r"^    (?!cd |docker )(.+)$", section, re.MULTILINE)
        shutil.copy(FOLDER / "example.env", tmp_path)
        subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=tmp_path, check=True)

        env = tmp_path / ".env"
        values = dict(re.findall(r"^(\w+)=(.*)$", env.read_text(encoding="utf-8"), re.MULTILINE))
        assert env.stat().st_mode & 0o777 == 0o600
        assert values["ZOOMBRIDGE_NAME"] == "bridge.example.org"
        assert re.fullmatch(r"[0-9a-f]{48}", values["POSTGRES_PASSWORD"])
        assert Sealer(values["ZOOMBRIDGE_KEY"])

    def test_volumes_and_files_exist(self) -> None:
        mounted = [
            one.split(":")[0] for service in COMPOSE["services"].values() for one in service["volumes"]
        ]
        assert [one for one in mounted if one.startswith("./") and not (FOLDER / one).is_file()] == []
        assert {one for one in mounted if not one.startswith("./")} == set(COMPOSE["volumes"])

    def test_web_server_reads_its_file(self) -> None:
        adapted = subprocess.run(
            ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(FOLDER / "Caddyfile")],
            env=os.environ | {"ZOOMBRIDGE_NAME": "bridge.example.org"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert '"host":["bridge.example.org"]' in adapted.stdout
        assert '"dial":"bridge:8765"' in adapted.stdout
