"""A site that is known to a bridge but not there, and Zoom's events sent straight to its endpoint."""

from __future__ import annotations

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import requests
from sqlalchemy import text

from core.store.db.encryption import key_from
from core.store.db.engine import Store
from core.store.db.migrate import upgrade
from core.store.sites import sites, zoom_secrets
from core.zoom.envelope import digest, parse
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, Secret, sign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "Secret-Token-Of-Zoom-0123"
SITE = "s1"
_numbers = itertools.count(82_000_000_001)
_PAUSE_SECONDS = 0.02  # of a sender between two events: what they are sent to needs the processor, too


def know_a_site(url: str, data: Path) -> None:
    """Put a site and a secret token into a database, as `zoombridge site add` would."""
    data.mkdir(parents=True, exist_ok=True)
    store = Store(url, keys=key_from(data / "zoombridge.key"))
    site = sites.Site(
        id=SITE,
        url="http://127.0.0.1:9",
        name="A site that does not answer",
        rest_root="http://127.0.0.1:9/wp-json/",
        username="bridge",
        password="password",
        key="5e" * 32,
        endpoints={},
    )
    try:
        upgrade(store.engine, store.sealer)
        store.write(lambda connection: sites.save(connection, site, store.sealer))
        store.write(
            lambda connection: zoom_secrets.save(connection, SITE, Secret(SECRET), store.sealer, now=1)
        )
    finally:
        store.close()


@dataclass(frozen=True)
class Sent:
    """One event, and how it was answered. `status` is 0 where there was no answer at all."""

    digest: str
    status: int
    retry_after: str | None


def send(bridge_url: str, *, padding: int = 0) -> Sent:
    """Send an event about a meeting of its own, as Zoom would."""
    number = next(_numbers)
    body = json.dumps(
        {
            "event": "meeting.created",
            "event_ts": int(time.time() * 1000),
            "payload": {
                "account_id": "A",
                "object": {"id": number, "topic": "Choir", "agenda": "x" * padding},
            },
        }
    ).encode()
    timestamp = int(time.time())
    headers = {
        "content-type": "application/json",
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: sign(SECRET, timestamp, body),
    }
    url = f"{bridge_url}/sites/{SITE}/wp-json/vczapi/v1/meeting"
    try:
        answer = requests.post(url, data=body, headers=headers, timeout=600)
        status, retry_after = answer.status_code, answer.headers.get("Retry-After")
    except requests.RequestException:
        status, retry_after = 0, None
    return Sent(digest(parse(body)), status, retry_after)


def send_many(bridge_url: str, count: int, *, at_once: int) -> list[Sent]:
    """Send events side by side."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda _: send(bridge_url), range(count)))


@dataclass
class Load:
    """Events that keep coming, from several senders, while something happens to the database."""

    urls: list[str]
    senders: int = 4
    sent: list[Sent] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for index in range(self.senders):
            url = self.urls[index % len(self.urls)]
            self._threads.append(threading.Thread(target=self._run, args=(url,)))
            self._threads[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def after(self, moment: int, status: int) -> list[Sent]:
        """Return what was answered so, of all but the first `moment` answers."""
        return [sent for sent in self.sent[moment:] if sent.status == status]

    def _run(self, url: str) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            self.sent.append(send(url))


def eventually(look: Callable[[], Any], *, within: float = 600.0) -> Any:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within:g} s"
        time.sleep(0.02)
    return found


def missing(url: str, data: Path, sent: list[Sent]) -> set[str]:
    """Return which of the acknowledged events the log does not hold."""
    store = Store(url, keys=key_from(data / "zoombridge.key"))
    try:
        with store.reading() as connection:
            kept = set(connection.scalars(text("SELECT digest FROM events")))
    finally:
        store.close()
    return {one.digest for one in sent if one.status == 204} - kept
