"""`zoombridge site`: messages, not tracebacks."""

import re

import pytest

from core.errors import Fault, SiteFaultError
from core.store.sites.sites import Site
from tests.core.events import SECRET
from tests.web.cli.conftest import Run

NOWHERE = "http://127.0.0.1:1"
ADD = ("--username", "bridge", "--application-password", "abcd efgh")


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request leaves this machine."""

    def refuse(*_: object, **__: object) -> None:
        raise SiteFaultError("The site could not be reached: try later.", fault=Fault.NETWORK)

    monkeypatch.setattr("core.wordpress.transport.send", refuse)


class TestAdd:
    def test_says_what_is_wrong_with_the_address(self, run: Run) -> None:
        ran = run("site", "add", NOWHERE, *ADD)
        assert ran.status == 1
        assert ran.err.startswith("Error: ")
        assert "abcd" not in ran.out + ran.err
        assert "Traceback" not in ran.err

    @pytest.mark.parametrize("address", ["", "::", "ftp://x", "http://", "http://[x"])
    def test_and_with_one_that_is_none(self, run: Run, address: str) -> None:
        ran = run("site", "add", address, *ADD)
        assert ran.status in (1, 2)
        assert ran.err

    def test_keeps_nothing_then(self, run: Run) -> None:
        run("site", "add", NOWHERE, *ADD)
        assert "No site is connected yet" in run("site", "list").out


class TestList:
    def test_says_how_to_begin(self, run: Run) -> None:
        ran = run("site", "list")
        assert ran.status == 0
        assert "zoombridge site add" in ran.out

    def test_names_the_sites_and_no_secret(self, run: Run, with_site: Site) -> None:
        ran = run("site", "list")
        assert "s1  https://s1.example.org  no event yet" in ran.out
        for secret in (with_site.key, SECRET):
            assert secret not in ran.out


class TestCheck:
    def test_says_what_is_wrong(self, run: Run, with_site: Site, unreachable: None) -> None:
        ran = run("site", "check", "s1.example.org")
        assert ran.status == 1, "so that a script sees it"
        assert re.search(r"FAIL  WordPress, since 20\S+ \S+ UTC: The site could not be reached", ran.out)
        assert "ok    secret token" in ran.out

    def test_knows_no_other_site(self, run: Run, with_site: Site) -> None:
        ran = run("site", "check", "nowhere.example")
        assert (ran.status, ran.out) == (1, "")
        assert ran.err.startswith("Error: No site “nowhere.example”")


class TestRemove:
    def test_forgets_the_site_also_where_it_is_not_reached(
        self, run: Run, with_site: Site, unreachable: None
    ) -> None:
        ran = run("site", "remove", "s1", "--yes")
        assert ran.status == 0
        assert "Disconnected https://s1.example.org" in ran.out
        assert "still considers itself connected" in ran.out
        assert "No site is connected yet" in run("site", "list").out

    def test_asks_first(self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        ran = run("site", "remove", "s1")
        assert ran.status != 0
        assert "s1.example.org" in run("site", "list").out

    def test_knows_no_other_site(self, run: Run, with_site: Site) -> None:
        ran = run("site", "remove", "nowhere", "--yes")
        assert ran.status == 1
        assert ran.err.startswith("Error: ")
