"""`zoombridge db`."""

from pathlib import Path

from tests.web.cli.conftest import Run


class TestUpgrade:
    def test_makes_the_tables_and_says_so(self, run: Run, data: Path) -> None:
        first = run("db", "upgrade")
        assert first.status == 0
        assert "from nothing to revision" in first.out
        assert (data / "zoombridge.db").exists()
        assert (data / "zoombridge.key").stat().st_mode & 0o077 == 0
        again = run("db", "upgrade")
        assert again.status == 0
        assert again.out.startswith("The database is at revision")
