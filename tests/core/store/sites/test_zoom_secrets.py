"""Several tokens are good at once, each kept once and sealed."""

import pytest

from core.errors import TooManyTokensError
from core.store.db.engine import Store
from core.store.sites import zoom_secrets
from core.store.sites.sites import Site
from core.zoom.signature import Secret
from tests.core.conftest import connected


def save(store: Store, secret: Secret, site_id: str = "s1", now: int = 1) -> None:
    store.write(lambda connection: zoom_secrets.save(connection, site_id, secret, store.sealer, now=now))


def of_site(store: Store, site_id: str = "s1") -> list[zoom_secrets.SavedToken]:
    with store.reading() as connection:
        return zoom_secrets.of_site(connection, site_id, store.sealer)


class TestSave:
    def test_keeps_several_newest_first(self, store: Store, site: Site) -> None:
        kept = [Secret("one-secret"), Secret("two-secret", True), Secret("three-secret", account_id="A")]
        for at, secret in enumerate(kept):
            save(store, secret, now=at)
        assert [saved.secret for saved in of_site(store)] == kept[::-1]
        assert [saved.created_at for saved in of_site(store)] == [2, 1, 0]

    def test_keeps_one_once(self, store: Store, site: Site) -> None:
        for secret in (Secret("one"), Secret("one"), Secret("one", True), Secret("one", account_id="A")):
            save(store, secret)
        assert len(of_site(store)) == 3

    def test_keeps_so_many(self, store: Store, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each event is compared with all, while other sites wait."""
        monkeypatch.setattr(zoom_secrets, "MOST_TOKENS", 2)
        connected(store, "s2")
        for secret in (Secret("one"), Secret("two"), Secret("one")):
            save(store, secret)
        save(store, Secret("three"), "s2")
        with pytest.raises(TooManyTokensError):
            save(store, Secret("three"))
        assert len(of_site(store)) == 2


class TestRemove:
    def test_takes_only_the_sites_own(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        save(store, Secret("one"))
        token_id = of_site(store)[0].id
        store.write(lambda connection: zoom_secrets.remove(connection, "s2", token_id))
        assert len(of_site(store)) == 1
        store.write(lambda connection: zoom_secrets.remove(connection, "s1", token_id))
        assert of_site(store) == []
