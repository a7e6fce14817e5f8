"""What core's tests share. A test that takes `store` runs on every kind of it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import settings

from core.store.db.engine import Store
from core.store.sites.sites import Site, save
from core.wordpress.connections import allow_networks, allowed_networks
from tests.examples import FIXED_SEED, PROFILE, PROPERTY, QUICK_PROPERTY

# The machines that run this are slow at times, which says nothing about the code.
_EXAMPLES = {"ci": PROPERTY.usual, "soak": PROPERTY.soak, "quick": QUICK_PROPERTY}
settings.register_profile(PROFILE, deadline=None, max_examples=_EXAMPLES[PROFILE], derandomize=FIXED_SEED)
settings.load_profile(PROFILE)

KEYS = "kGxqPcdWrxkFpK2kNxNFp8yo4sF0xKpmvbvVYTJmFzo="


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    """An open store whose tables are there."""
    opened = Store(migrated_url, keys=KEYS)
    yield opened
    opened.close()


@pytest.fixture
def site(store: Store) -> Site:
    """A connected site."""
    return connected(store, "s1")


def with_password(store: Store, site: Site) -> Site:
    """Keep an application password with a site, as version 0.1.0 did; its home is not known then."""
    kept = replace(site, username="bridge", password=f"application password of {site.id}", home="")
    store.write(lambda connection: save(connection, kept, store.sealer))
    return kept


def connected(store: Store, site_id: str) -> Site:
    """Keep one more site."""
    site = Site(
        id=site_id,
        url=f"https://{site_id}.example.org",
        name=f"Site {site_id}",
        rest_root=f"https://{site_id}.example.org/wp-json/",
        username="",
        password="",
        key="5e" * 32,
        endpoints={
            name: f"https://{site_id}.example.org/wp-json/vczapi/v1/{name}"
            for name in ("meeting", "webinar", "recording")
        },
        created_at=1,
        home=f"https://{site_id}.example.org",
    )
    store.write(lambda connection: save(connection, site, store.sealer))
    return site


@pytest.fixture
def nothing_allowed() -> Iterator[None]:
    """Loopback is not allowed, as outside tests."""
    before = allowed_networks()
    allow_networks(())
    yield
    allow_networks(str(network) for network in before)
