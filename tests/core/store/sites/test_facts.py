"""What the overview tells of the sites, on both stores."""

from typing import Any

import pytest

from core.model.post_status import PostStatus
from core.model.site_facts import OpenPosts, SiteFacts
from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.request import Request
from core.store.sites import facts as site_facts
from core.store.sites import sites, zoom_secrets
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, SECRET, event, raw
from tests.core.store.grants import granted
from tests.core.store.kept import keep, stand


@pytest.fixture
def two_sites(store: Store) -> Store:
    """Two sites that show an account's meetings."""
    for site_id in ("s1", "s2"):
        connected(store, site_id)
    granted(store, ACCOUNT, "s1", "s2")
    return store


def facts(store: Store, site_id: str | None = None) -> list[SiteFacts]:
    with store.reading() as connection:
        return site_facts.facts(connection, site_id=site_id)


def test_tells_of_every_site_or_of_one(two_sites: Store) -> None:
    assert [site.id for site in facts(two_sites)] == ["s1", "s2"]
    assert [site.id for site in facts(two_sites, "s2")] == ["s2"]
    assert facts(two_sites, "s3") == []


def test_tells_what_is_known_of_a_site(two_sites: Store) -> None:
    def happens(connection: Any) -> None:
        sites.record_validation(connection, "s1", now=5)
        sites.record_success(connection, "s1", now=6)
        sites.record_fault(connection, "s1", fault="network", message="Away.", blocked_until=99, now=1)

    two_sites.write(happens)
    first, second = facts(two_sites)
    assert (first.name, first.validated_at, first.last_write_at) == ("Site s1", 5, 6)
    assert (first.failures, first.blocked_until, first.fault, first.fault_message) == (
        1,
        99,
        "network",
        "Away.",
    )
    assert (second.validated_at, second.failures, second.fault_message) == (None, 0, "")


def test_counts_tokens_and_what_is_refused(two_sites: Store) -> None:
    def happens(connection: Any) -> None:
        zoom_secrets.save(connection, "s1", Secret(SECRET), two_sites.sealer, now=1)
        zoom_secrets.save(connection, "s1", Secret("another-token"), two_sites.sealer, now=1)
        for moment in (7, 8):
            for account in (ACCOUNT, "another"):
                body = raw(event(at=moment, account_id=account))
                quarantine.add(connection, "s2", Request({}, body), two_sites.sealer, reason="", now=moment)

    two_sites.write(happens)
    first, second = facts(two_sites)
    assert (first.secrets, first.held, first.held_since) == (2, 0, None)
    assert (second.secrets, second.held, second.held_since) == (0, 2, 7)


def test_counts_posts_that_stand_alike(two_sites: Store) -> None:
    told: list[dict[str, Any]] = [
        {},
        {"wanted": 2, "behind_since": 50},
        {"wanted": 2, "behind_since": 40},
        {"wanted": 2, "behind_since": 45, "fault": "busy"},
        {"fault": "server", "fault_message": "It broke.", "behind_since": 70, "wanted": 2},
        {"fault": "server", "fault_message": "It broke.", "behind_since": None},
        {"fault": "refused", "fault_message": "Refused.", "behind_since": 60, "wanted": 2},
        {"state": "none", "reason": "Left out."},
        {"state": "trashed", "reason": "Left out."},
        {"state": "detached", "fault": "server", "wanted": 2, "behind_since": 1},
    ]
    for number, values in enumerate(told):
        keep(two_sites, number)
        stand(two_sites, number, **({"behind_since": None} | values))
        stand(two_sites, number, "s2", behind_since=None)
    first, second = facts(two_sites)
    assert sorted(first.open, key=lambda one: (one.status, one.count)) == [
        OpenPosts(PostStatus.DETACHED, 1, 1),
        OpenPosts(PostStatus.FAILING, 1, 60, "refused", "Refused."),
        OpenPosts(PostStatus.FAILING, 2, 70, "server", "It broke."),
        OpenPosts(PostStatus.PENDING, 3, 40),
        OpenPosts(PostStatus.WITHHELD, 2, None, None, "Left out."),
    ]
    assert (first.count(PostStatus.FAILING), first.since(PostStatus.FAILING)) == (3, 60)
    assert (first.count(PostStatus.DELETED), first.since(PostStatus.WITHHELD)) == (0, None)
    assert second.open == ()


def test_tells_which_accounts_a_site_mirrors(two_sites: Store) -> None:
    granted(two_sites, "another", "s2")
    with two_sites.reading() as connection:
        assert site_facts.accounts_of_sites(connection) == {"s1": [ACCOUNT], "s2": [ACCOUNT, "another"]}
        assert site_facts.accounts_of_sites(connection, site_id="s1") == {"s1": [ACCOUNT]}


def test_reads_open_posts_by_their_index(two_sites: Store) -> None:
    """Which holds the few of them: there may be very many that are simply shown."""
    if two_sites.is_shared:
        pytest.skip("PostgreSQL decides by what the table holds")
    with two_sites.reading() as connection:
        for site_id in (None, "s1"):
            compiled = site_facts.open_query(site_id).compile(connection.engine)
            values = tuple(compiled.construct_params()[name] for name in compiled.positiontup or ())
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
            assert any("ix_posts_open" in row[3] for row in plan), plan
