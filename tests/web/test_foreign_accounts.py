"""A site's administrator signs events with a secret of their own, at their own endpoint, and names another's account.

They are authentic and change nothing but their own site. s1 is the attacked site and s2 the attacker's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

from core.errors import Fault, SiteFaultError
from core.model.fold import SNAPSHOT
from core.model.rules import Rules
from core.pipeline.mirror_worker import MirrorWorker
from core.sites import grants as site_grants
from core.store.accounts import users as zoom_users
from core.store.accounts.users import ZoomUser
from core.store.db import schema
from core.store.events import waiting
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.sites import grants, rules, sites
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import SECRET, event, raw, signed
from tests.core.site_double import SiteDouble
from tests.core.store.grants import granted
from tests.web.conftest import CONTEXT, Http, from_stub, save_token, text
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door
from tests.web.routes import OURS as NUMBER
from tests.web.routes import THEIR_SECRET, pages, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.httpclient import HTTPResponse

    from core.bridge import Bridge
    from core.store.db.engine import Store
    from core.store.sites.sites import Site

VICTIM, OWN = "VictimsAccount", "AttackersAccount"
HOST = "HostOfTheVictim"
MARKS = ("Board meeting", "victim.example.net", "secret-passcode", "Hannah Host", "hannah@", "Site s1")
"""What nobody at s2 may see."""


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test is marked `both_stores`."""
    kind: str = request.param
    return kind


def told(account_id: str | None, name: str = "meeting.created", **changed: Any) -> dict[str, Any]:
    """Return an event about the victim's meeting number, as anybody with a secret can make it."""
    about: dict[str, Any] = {
        "id": NUMBER,
        "uuid": "u==",
        "topic": "Forged",
        "type": 2,
        "start_time": "2036-03-24T18:00:00Z",
        "duration": 60,
        "timezone": "UTC",
        "host_id": HOST,
        "join_url": "https://attacker.example.net/j/1",
        "password": "forged",
    }
    at = int(time.time() * 1000)
    return event(name, at, account_id=account_id, payload={"operation": "all"}, **(about | changed))


@dataclass
class Scene:
    """The bridge with a victim's and an attacker's site, whose WordPresses are doubles."""

    http: Http
    bridge: Bridge
    store: Store
    doubles: dict[str, SiteDouble] = field(default_factory=dict)

    def arrives(self, body: dict[str, Any], *, at: str = "s2") -> None:
        """Let an event arrive at a site's endpoint, signed with that site's own secret."""
        tell(self.http, at, body, SECRET if at == "s1" else THEIR_SECRET)

    def settle(self) -> None:
        """Fold what is pending, and write the posts."""
        while self.bridge.fold_worker.fold_pending():
            pass
        worker = MirrorWorker(self.store, connect=lambda site: self.doubles.setdefault(site.id, SiteDouble()))
        now = int(time.time() * 1000) + 60_000
        claim = partial(
            queue.claim,
            sealer=self.store.sealer,
            owner="test",
            now=now,
            lease_until=now + 60_000,
            room=9,
            busy=[],
            at_once=9,
        )
        taken = self.store.write(claim)
        for site_id in {one.site_id for one in taken}:
            worker.mirror([one for one in taken if one.site_id == site_id])

    def page(self, site_id: str = "s1") -> dict[str, Any] | None:
        """Return the only page of a site; None where it has none."""
        posts = self.doubles[site_id].posts if site_id in self.doubles else {}
        assert len(posts) <= 1
        return dict(next(iter(posts.values()))) if posts else None

    def meeting(self) -> tuple[Any, ...]:
        with self.store.reading() as connection:
            found = meetings.load(connection, self.store.sealer, VICTIM, NUMBER)
        assert found is not None
        return found

    def ask_as_stub(self, site_id: str, path: str) -> HTTPResponse:
        """Ask for a page as an administrator in a site's wp-admin. What is no page is not signed."""
        site = site_of(self.store, site_id)
        return self.http("GET", path, headers=from_stub(site, "GET", path, context=CONTEXT))

    def outcomes(self, site_id: str) -> list[str]:
        query = select(schema.events.c.outcome).where(schema.events.c.site_id == site_id)
        with self.store.reading() as connection:
            return list(connection.scalars(query.order_by(schema.events.c.id)))


@pytest.fixture
def scene(http: Http, bridge: Bridge, store: Store, wp_site: Site, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The victim's account is granted to s1, which has a page of a meeting; the attacker's to s2.

    No request leaves this machine.
    """

    def refuse(*_: object, **__: object) -> None:
        raise SiteFaultError("The site could not be reached.", fault=Fault.NETWORK)

    monkeypatch.setattr("core.wordpress.transport.send", refuse)
    connected(store, "s2")
    save_token(store, Secret(THEIR_SECRET), "s2")
    users = [ZoomUser(VICTIM, HOST, "hannah@victim.example.net", "Hannah Host", 1)]
    store.write(lambda connection: zoom_users.save(connection, users, store.sealer))
    scene = Scene(http, bridge, store)
    victims = {
        "topic": "Board meeting",
        "join_url": "https://victim.example.net/j/1",
        "password": "secret-passcode",
    }
    scene.arrives(told(VICTIM, **victims), at="s1")
    scene.settle()
    assert scene.page() is not None
    return scene


@pytest.fixture
def attacker(http: Http, store: Store, scene: Scene) -> Door:
    """The administrator of s2, in their wp-admin."""
    return Door(http, site=site_of(store, "s2"))


ATTACKS: dict[str, Callable[[], dict[str, Any]]] = {
    "created": lambda: told(VICTIM),
    "moved": lambda: told(VICTIM, "meeting.updated"),
    "deleted": lambda: told(VICTIM, "meeting.deleted"),
    "permanently deleted": lambda: told(VICTIM, "meeting.permanently_deleted"),
    "ended": lambda: told(VICTIM, "meeting.ended"),
    "recorded": lambda: told(VICTIM, "recording.completed", share_url="https://attacker.example.net/rec"),
    "host deleted": lambda: event("user.deleted", int(time.time() * 1000), account_id=VICTIM, id=HOST),
    "without account": lambda: told(None, "meeting.updated"),
    "deleted without account": lambda: told(None, "meeting.deleted"),
    "as an event of the other site": lambda: told("site:s1", "meeting.deleted"),
    "as a test of the other site": lambda: told("zoombridge-test-s1", "meeting.deleted"),
    "snapshot": lambda: told(VICTIM, SNAPSHOT),
}
"""Events of an attacker at s2, as of the moment at which they are sent: newer than all that is true."""


class TestForgedEvents:
    @pytest.mark.parametrize("attack", list(ATTACKS))
    def test_change_nothing_of_the_other_site(self, scene: Scene, attack: str) -> None:
        page, meeting = scene.page(), scene.meeting()
        scene.arrives(ATTACKS[attack]())
        scene.settle()
        assert scene.page() == page
        assert scene.meeting() == meeting
        assert scene.outcomes("s1") == ["applied"]

    @both_stores
    def test_are_kept_and_change_nothing_until_granted(self, scene: Scene) -> None:
        scene.arrives(told(VICTIM, "meeting.deleted"))
        assert scene.outcomes("s2") == ["waiting"]
        scene.settle()
        assert scene.outcomes("s2") == ["waiting"]
        assert scene.page("s2") is None

    @both_stores
    def test_do_not_occupy_the_place_of_the_true_event(self, scene: Scene) -> None:
        """The attacker knows what Zoom will send: they are subscribed, too, or guess it."""
        renamed = told(VICTIM, "meeting.updated", topic="Board meeting, moved")
        scene.arrives(renamed)
        scene.arrives(renamed, at="s1")
        scene.settle()
        assert scene.outcomes("s1") == ["applied", "applied"]
        assert "moved" in str(scene.page())

    def test_of_an_account_of_their_own_show_no_host_of_another(self, scene: Scene, store: Store) -> None:
        store.write(lambda connection: rules.save(connection, "s2", Rules(show_host=True)))
        scene.arrives(told(OWN))
        scene.settle()
        page = scene.page("s2")
        assert page is not None
        assert not [mark for mark in MARKS if mark in str(page)]

    def test_push_out_nothing_that_waits_at_the_other_site(self, scene: Scene) -> None:
        granted(scene.store, "AsksAtVictim", "elsewhere")
        for number in range(3):
            scene.arrives(told("AsksAtVictim", topic=f"{number}"), at="s1")
        with scene.store.reading() as connection:
            before = waiting.of_account(connection, "AsksAtVictim", "s1", scene.store.sealer)
        for number in range(40):
            scene.arrives(told(f"made-up-{number}"))
            scene.arrives(told("AsksAtVictim", topic=f"{number}"))
        with scene.store.reading() as connection:
            after = waiting.of_account(connection, "AsksAtVictim", "s1", scene.store.sealer)
        assert len(after) == 3
        assert after == before


class TestFirstComers:
    """The attacker names an account before the site that it belongs to."""

    @both_stores
    def test_lose_it_when_the_administrator_decides(
        self, scene: Scene, session: dict[str, str], attacker: Door
    ) -> None:
        scene.arrives(told("LaterVictim", topic="Preempted"))
        scene.arrives(told("LaterVictim", topic="Board meeting of later"), at="s1")
        scene.settle()
        assert scene.outcomes("s1") == ["applied", "waiting"]
        admin = Door(scene.http, session)
        page = text(admin.get("/accounts/grants"))
        assert "Granted by a first event only" in page
        admin.post("/accounts/grants", do="grant", account="LaterVictim", site="s1")
        admin.post("/accounts/grants", do="revoke", account="LaterVictim", site="s2", sure="yes")
        scene.settle()
        assert "Board meeting of later" not in text(attacker.get("/meetings"))
        with scene.store.reading() as connection:
            assert grants.site_ids(connection, "LaterVictim") == ["s1"]
        double = scene.doubles["s2"].posts.values()
        assert {post["status"] for post in double} == {"trash"}

    def test_lose_it_when_its_credentials_are_saved(self, scene: Scene) -> None:
        scene.arrives(told("LaterVictim", topic="Preempted"))
        site_grants.grant(scene.bridge.ingest, "LaterVictim", "s1", source=grants.GrantSource.CREDENTIALS)
        assert site_grants.end_learnt(scene.store, "LaterVictim", but=["s1"]) == ["s2"]
        scene.arrives(told("LaterVictim", "meeting.deleted"))
        assert scene.outcomes("s2")[-1] == "waiting"


class TestPages:
    def test_show_nothing_of_the_account_that_was_named(self, scene: Scene, bridge: Bridge) -> None:
        for attack in ATTACKS.values():
            scene.arrives(attack())
        scene.arrives(told(OWN))
        scene.settle()
        ids = {
            name: [str(one) for one in rows(scene.store, table)]
            for name, table in (("event", schema.events), ("held", schema.quarantine), ("job", schema.jobs))
        }
        names = ids | {
            "site": ["s1", "s2", "nowhere"],
            "account": [VICTIM, OWN, "site:s1"],
            "number": [str(NUMBER)],
            "code": ["0123456789abcdef"],
        }
        seen = 0
        for route in pages(bridge, names):
            for path in route.paths:
                for query in ("", f"?site=s1&q=Board&number={NUMBER}&host={HOST}&when=all"):
                    answer = scene.ask_as_stub("s2", path + query)
                    shown = (answer.body or b"").decode(errors="replace") + answer.headers.get("Location", "")
                    assert not [mark for mark in MARKS if mark in shown], path + query
                    seen += answer.code == 200
        assert seen > 20

    def test_of_the_account_are_only_those_of_its_site(self, scene: Scene, attacker: Door) -> None:
        scene.arrives(told(VICTIM))
        answer = attacker.get(f"/meetings/{VICTIM}/{NUMBER}")
        assert (answer.code, "gone=yes" in answer.headers["Location"]) == (303, True)
        answer = attacker.get(f"/meetings/NoSuchAccount/{NUMBER}")
        assert "gone=yes" in answer.headers["Location"], "the same as for an account that nobody knows"

    def test_do_not_tell_which_numbers_an_account_has(self, scene: Scene, attacker: Door) -> None:
        """Not even by a redirection to one's own meeting of the same number."""
        scene.arrives(told(OWN))
        scene.settle()
        of_known, of_unknown = (
            attacker.get(f"/meetings/{account}/{NUMBER}").headers["Location"]
            for account in (VICTIM, "NoSuchAccount")
        )
        assert of_known == of_unknown

    @pytest.mark.parametrize("do", ["resync", "recreate"])
    def test_requeue_no_post_of_the_other_site(self, scene: Scene, attacker: Door, do: str) -> None:
        scene.arrives(told(OWN))
        scene.settle()
        quiet = update(schema.posts).values(due_at=None)
        scene.store.write(lambda connection: connection.execute(quiet))
        for account in (VICTIM, OWN):
            attacker.post(f"/meetings/{account}/{NUMBER}", do=do, site="s1")
        due = select(func.count()).where(schema.posts.c.due_at.is_not(None), schema.posts.c.site_id == "s1")
        with scene.store.reading() as connection:
            assert connection.scalar(due) == 0

    def test_replay_no_event_of_the_other_site(self, scene: Scene, attacker: Door) -> None:
        for event_id in rows(scene.store, schema.events):
            answer = attacker.post("/events/replay", id=str(event_id))
            assert "gone=yes" in answer.headers["Location"]
        assert rows(scene.store, schema.jobs) == []

    def test_of_grants_are_for_administrators_of_the_bridge(
        self, scene: Scene, attacker: Door, http: Http, viewer: dict[str, str]
    ) -> None:
        forms = (
            {"do": "grant", "account": VICTIM, "site": "s2"},
            {"do": "refuse", "account": VICTIM, "site": "s1"},
            {"do": "revoke", "account": VICTIM, "site": "s1", "sure": "yes"},
        )
        for form in forms:
            assert attacker.post("/accounts/grants", **form).code == 403
            assert Door(http, viewer).post("/accounts/grants", **form).code == 403
        assert attacker.get("/accounts/grants").code == 403
        with scene.store.reading() as connection:
            assert [(one.account_id, one.site_id) for one in grants.list_all(connection)] == [(VICTIM, "s1")]


class TestWithoutAccount:
    @both_stores
    def test_an_event_reaches_the_site_alone_that_it_came_to(self, scene: Scene, attacker: Door) -> None:
        scene.arrives(told(None, topic="Ours alone"))
        scene.settle()
        assert "Ours alone" in str(scene.page("s2"))
        assert "Ours alone" not in str(scene.page("s1"))
        victim = Door(scene.http, site=site_of(scene.store, "s1"))
        for path in ("/meetings?when=all", "/events", "/"):
            assert "Ours alone" not in text(victim.get(path))
        assert "Ours alone" in text(attacker.get("/meetings?when=all"))

    def test_the_same_event_counts_at_each_site(self, scene: Scene) -> None:
        body = told(None, "meeting.updated", topic="Board meeting, moved")
        scene.arrives(body)
        scene.arrives(body, at="s1")
        assert scene.outcomes("s1")[-1] == "pending"
        assert scene.outcomes("s2") == ["pending"]


class TestSecrets:
    def test_of_one_site_sign_nothing_for_another(self, scene: Scene) -> None:
        body = raw(told(VICTIM, "meeting.deleted"))
        answer = scene.http(
            "POST",
            "/sites/s1/wp-json/vczapi/v1/meeting",
            body,
            signed(body, secret=THEIR_SECRET, at=time.time()),
        )
        assert answer.code == 401
        assert scene.outcomes("s1") == ["applied"]


def rows(store: Store, table: Any) -> list[int]:
    with store.reading() as connection:
        return list(connection.scalars(select(table.c.id).order_by(table.c.id)))


def site_of(store: Store, site_id: str) -> Site:
    with store.reading() as connection:
        return sites.load(connection, site_id, store.sealer)
