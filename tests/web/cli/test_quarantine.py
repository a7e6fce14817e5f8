"""`zoombridge quarantine`."""

from core.store.db.engine import Store
from core.store.events import large_requests
from core.store.events.large_requests import LargeRequestCause
from core.store.sites.sites import Site
from tests.core.conftest import KEYS
from tests.web.cli.conftest import Run


class TestQuarantine:
    def test_is_listed_and_checked_again(self, run: Run, with_site: Site) -> None:
        ran = run("quarantine", "list")
        assert ran.out.count("an unknown account  signed with another") == 2
        assert "Choir" not in ran.out
        assert "https://s1.example.org: 1 accepted, 1 still refused" in run("quarantine", "recheck").out
        assert run("quarantine", "list").out.count("signed with another") == 1

    def test_is_empty_at_first(self, run: Run) -> None:
        assert "The quarantine is empty" in run("quarantine", "list").out

    def test_lists_what_was_too_large_until_it_is_dismissed(
        self, run: Run, with_site: Site, migrated_url: str
    ) -> None:
        store = Store(migrated_url, keys=KEYS)
        try:
            store.write(
                lambda connection: large_requests.add(
                    connection,
                    with_site.id,
                    {},
                    store.sealer,
                    cause=LargeRequestCause.TOO_LARGE,
                    size=2_000_000,
                    now=1,
                )
            )
        finally:
            store.close()
        assert "not kept, 2,000,000 bytes: too large" in run("quarantine", "list").out
        dismissed = run("quarantine", "dismiss").out
        assert "about 2 requests in quarantine and 1 request too large to keep." in dismissed
        ran = run("quarantine", "list")
        assert "not kept" not in ran.out
        assert ran.out.count("signed with another") == 2, "these are kept"
        assert "0 requests in quarantine and 0 requests too large" in run("quarantine", "dismiss").out
