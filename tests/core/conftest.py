"""What core's tests share. The store is SQLite here; a test that takes `store` runs on every kind of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from core.store.engine import Store
from core.store.migrate import upgrade
from core.store.sites import Site, save

# The machines that run this are slow at times, which says nothing about the code.
settings.register_profile("ci", deadline=None)
settings.load_profile("ci")

KEYS = "kGxqPcdWrxkFpK2kNxNFp8yo4sF0xKpmvbvVYTJmFzo="


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    return f"sqlite:///{tmp_path / 'zoombridge.db'}"


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store whose tables are there."""
    opened = Store(database_url, keys=KEYS)
    try:
        upgrade(opened.engine)
        yield opened
    finally:
        opened.close()


@pytest.fixture
def site(store: Store) -> Site:
    """A connected site."""
    return connected(store, "s1")


def connected(store: Store, site_id: str) -> Site:
    """Keep one more site."""
    site = Site(
        id=site_id,
        url=f"https://{site_id}.example.org",
        name=f"Site {site_id}",
        rest_root=f"https://{site_id}.example.org/wp-json/",
        username="bridge",
        password=f"application password of {site_id}",
        key="5e" * 32,
        endpoints={
            name: f"https://{site_id}.example.org/wp-json/vczapi/v1/{name}"
            for name in ("meeting", "webinar", "recording")
        },
        created_at=1,
    )
    store.write(lambda connection: save(connection, site, store.sealer))
    return site
