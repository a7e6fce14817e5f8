"""`zoombridge plugin`."""

import zipfile
from pathlib import Path

from tests.web.cli.conftest import Run

STUB = Path(__file__).resolve().parents[3] / "plugin_stub"


class TestPlugin:
    def test_holds_the_stub_in_a_folder_of_its_name(self, run: Run, tmp_path: Path) -> None:
        output = tmp_path / "plugin.zip"
        ran = run("plugin", "--output", str(output))
        assert ran.status == 0
        assert str(output) in ran.out
        with zipfile.ZipFile(output) as archive:
            assert archive.testzip() is None
            held = {name: archive.read(name) for name in archive.namelist()}
        assert all(name.startswith("meetings-bridge-for-zoom/") for name in held)
        assert b"Plugin Name:" in held["meetings-bridge-for-zoom/load.php"]
        on_disk = {
            f"meetings-bridge-for-zoom/{path.relative_to(STUB)}": path.read_bytes()
            for path in STUB.rglob("*")
            if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
        }
        assert held == {name: content for name, content in on_disk.items() if "__init__.py" not in name}

    def test_gives_the_same_bytes_each_time(self, run: Run, tmp_path: Path) -> None:
        for name in ("one.zip", "two.zip"):
            assert run("plugin", "-o", str(tmp_path / name)).status == 0
        assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()

    def test_says_so_where_it_cannot_be_written(self, run: Run, tmp_path: Path) -> None:
        ran = run("plugin", "-o", str(tmp_path / "nowhere" / "plugin.zip"))
        assert ran.status == 1
        assert ran.err.startswith("Error: ")
