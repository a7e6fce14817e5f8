"""`zoombridge quarantine`."""

from core.store.sites.sites import Site
from tests.web.cli.conftest import Run


class TestQuarantine:
    def test_is_listed_and_checked_again(self, run: Run, with_site: Site) -> None:
        ran = run("quarantine", "list")
        assert ran.out.count("signed with another") == 2
        assert "Choir" not in ran.out
        assert "https://s1.example.org: 1 accepted, 1 still refused" in run("quarantine", "recheck").out
        assert run("quarantine", "list").out.count("signed with another") == 1

    def test_is_empty_at_first(self, run: Run) -> None:
        assert "The quarantine is empty" in run("quarantine", "list").out
