"""The bridge's parts moved on step by step against a real WordPress, by a clock that waits for nobody."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from core.pipeline.fold_worker import FoldWorker
from core.pipeline.ingest import Ingest
from core.pipeline.mirror_worker import MirrorWorker
from core.store.db.engine import Store
from core.store.db.migrate import upgrade
from core.store.db.schema import posts as posts_table
from core.store.events.request import Request
from core.store.posts import attempts, queue
from core.store.sites import sites, zoom_secrets
from core.wordpress.sync_client import SyncClient
from core.zoom.signature import Secret
from tests.convergence.clock import Clock
from tests.core.conftest import KEYS
from tests.core.events import SECRET, raw, signed
from tests.wordpress.meetings import read_posts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.store.posts.attempts import Attempt
    from core.wordpress.post_operations import PostOperation
    from core.wordpress.sync_posts import Mark
    from tests.wordpress import WordPress

SITE = "s1"
SHORT = (2.0, 2.0)
"""Seconds that a client waits for a site that a test has made slow."""
_LONGEST_WAY = 100
_PAIR = """
$connection = array( 'bridge' => 'http://127.0.0.1:9', 'site' => $site, 'key' => $key );
update_option( 'zoombridge_connection', $connection, false );
"""


class Client(SyncClient):
    """The real client, which writes down how much was batch_sizes at once."""

    batch_sizes: list[int]

    def perform(
        self, operations: Sequence[PostOperation], marks: Sequence[Mark], *, quiet: bool = False
    ) -> list[Any]:
        self.batch_sizes.append(len(operations))
        return super().perform(operations, marks, quiet=quiet)


class Stepped:
    """A bridge that is connected with a WordPress. Time passes only by `forward` and `until_quiet`."""

    def __init__(
        self, wordpress: WordPress, folder: Path, *, database_url: str | None = None, **known: Any
    ) -> None:
        self.wordpress = wordpress
        self.clock = Clock(time.time())
        self.timeout = (5.0, 30.0)
        self.rest_root = wordpress.rest_root
        self.home = wordpress.url
        self.batch_sizes: list[int] = []
        self.store = Store(database_url or f"sqlite:///{folder / 'zoombridge.db'}", keys=KEYS)
        upgrade(self.store.engine, self.store.sealer)
        self.connect(**known)
        self.store.write(
            lambda connection: zoom_secrets.save(connection, SITE, Secret(SECRET), self.store.sealer, now=1)
        )
        self.ingest = Ingest(self.store, clock=self.clock)
        self.folding = FoldWorker(self.store, clock=self.clock)
        self.mirror = MirrorWorker(self.store, clock=self.clock, connect=self._client, chance=lambda: 1.0)

    def connect(self, *, key: str = "5e" * 32, pairs: bool = True, **known: Any) -> None:
        """Keep the site, as `site add` does once it has looked at it; unless it `pairs`, the plugin is not told."""
        site = sites.Site(
            id=SITE,
            url=self.wordpress.url,
            name="A site",
            rest_root=self.wordpress.rest_root,
            username="",
            password="",
            key=key,
            endpoints={},
            created_at=1,
            **known,
        )
        self.store.write(lambda connection: sites.save(connection, site, self.store.sealer))
        if pairs:
            self.wordpress.php(_PAIR, site=site.id, key=site.key)

    def _client(self, site: sites.Site) -> SyncClient:
        client = Client(
            self.rest_root,
            self.home,
            site=site.id,
            key=site.key,
            epoch=site.epoch,
            timeout=self.timeout,
            pause=lambda _: None,
        )
        client.batch_sizes = self.batch_sizes
        return client

    def again(self) -> None:
        """Let the mirror make its clients anew, as another process would."""
        self.mirror = MirrorWorker(self.store, clock=self.clock, connect=self._client, chance=lambda: 1.0)

    # --- Steps --------------------------------------------------------------------------------------------

    def tell(self, *events: dict[str, Any]) -> None:
        """Zoom tells of something; what follows for the site is known, and not done."""
        for event in events:
            body = raw(event)
            answer = self.ingest.receive(SITE, Request(signed(body, at=self.clock()), body))
            assert answer.status == 204, answer
        while self.folding.fold_pending():
            pass

    def step(self) -> list[int]:
        """Let the mirror take what is due, once; return the numbers that it worked on."""
        self.clock.forward(0.001)
        claims = self.store.write(partial(self.mirror._claim, limit=8, busy=[]))
        if claims:
            self.mirror.mirror(claims)
        return [claim.number for claim in claims]

    def run(self) -> list[list[int]]:
        """Let the mirror work until nothing is due at this moment; return what it worked on, step by step."""
        steps = []
        while numbers := self.step():
            steps.append(numbers)
            assert len(steps) < _LONGEST_WAY
        return steps

    def until_quiet(self) -> None:
        """Work, and let time pass, until the site has all that it should have."""
        for _ in range(_LONGEST_WAY):
            self.run()
            if not self.waiting():
                return
            self.to_the_next()
        raise AssertionError(f"It does not come to rest: {self.waiting()}")

    def to_the_next(self) -> float:
        """Let time pass until something is due; return how many seconds that was."""
        due = self.next_due()
        assert due is not None
        seconds = max(due / 1000 - self.clock(), 0.001)
        self.clock.forward(seconds)
        return seconds

    def next_due(self) -> int | None:
        """Return when something is due next (ms since 1970, UTC)."""
        with self.store.reading() as connection:
            return queue.next_due(connection, busy=[])

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.forward(seconds)

    # --- What is known ------------------------------------------------------------------------------------

    def waiting(self) -> dict[int, str]:
        """Return the numbers whose posts are not as they should be, and why."""
        with self.store.reading() as connection:
            rows = connection.execute(
                posts_table.select().where(
                    (posts_table.c.written != posts_table.c.wanted) | posts_table.c.fault.is_not(None)
                )
            ).all()
        return {row.number: row.fault_message or "" for row in rows}

    def site(self) -> sites.Site:
        """Return the site, as the store knows it."""
        with self.store.reading() as connection:
            return sites.load(connection, SITE, self.store.sealer)

    @property
    def owner_message(self) -> str:
        """What `site list` and the page Webhooks say is wrong."""
        return self.site().fault_message or ""

    def attempts(self, number: int) -> list[Attempt]:
        """Return what was tried for a post, the newest first."""
        with self.store.reading() as connection:
            return attempts.of_post(connection, SITE, number, limit=99)

    def posts(self, number: int) -> list[dict[str, Any]]:
        """Return the posts of a number, the trash too, as REST gives them to an editor."""
        return read_posts(self.wordpress, number)

    def post(self, number: int) -> dict[str, Any]:
        """Return the one post of a number."""
        found = self.posts(number)
        assert len(found) == 1, found
        return found[0]

    def titles(self) -> list[str]:
        """Return the titles of all posts of the type, whether or not a number finds them."""
        found: list[str] = self.wordpress.php(
            "return array_column( get_posts( [ 'post_type' => 'zoom-meetings', 'numberposts' => -1, "
            "'post_status' => 'any' ] ), 'post_title' );"
        )
        return sorted(found)
