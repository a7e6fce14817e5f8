"""The page Audit log, and that what people do on pages, in wp-admin and by signing in stands in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from core.model.identity import own_account_id
from core.monitoring.alerts import AlertKind
from core.store import audit
from core.store.audit import Action, Actor, ActorKind, AuditEntry, AuditFilter
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from core.store.db.schema import audit_log
from core.store.sites import grants
from core.store.sites.grants import GrantSource
from core.zoom.signature import Secret
from tests.web.conftest import CONTEXT, Http, from_stub, save_token, text
from tests.web.pages.conftest import both_stores
from web.rpc.pairing_operations import REQUESTED_BY
from web.ui.audit_labels import details, subject
from web.ui.i18n import translations

if TYPE_CHECKING:
    from tornado.httpclient import HTTPResponse

    from core.auth.service import AuthService
    from core.store.db.engine import Store
    from core.store.sites.sites import Site

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PASSWORD = "four words in a row"
SECRET_TOKEN = "secret-token-of-zoom-7788"


def post(http: Http, path: str, headers: dict[str, str], **form: str) -> HTTPResponse:
    return http("POST", path, urlencode(form).encode(), FORM | headers)


def entries(store: Store, **wanted: Any) -> list[AuditEntry]:
    """Return the entries, once those are written that nothing waits for: writes come in order."""
    store.write(lambda _: None)
    with store.reading() as connection:
        return audit.page(connection, AuditFilter(**wanted), limit=1000).entries


def add(store: Store, action: Action = Action.USER_ADDED, subject: str = "", **more: Any) -> None:
    store.write(lambda connection: audit.record(connection, action, subject, **more))


class TestPage:
    @both_stores
    def test_tells_who_did_what_from_where_and_when(
        self, http: Http, store: Store, session: dict[str, str], wp_site: Site
    ) -> None:
        with audit.acting(Actor(ActorKind.COMMAND, "root", "zoom-host")):
            add(store, Action.GRANT_ADDED, "acc<b>", site_id=wp_site.id, source="administrator")
        answer = http("GET", "/audit?action=grant", headers=session)
        assert answer.code == 200
        shown = text(answer)
        for part in (
            "Account granted", "acc&lt;b&gt;", "root", "Command line", "zoom-host", "Granted by: administrator",
            "Site: https://s1.example.org", "One entry.", "730 days", "100,000",
        ):  # fmt: skip
            assert part in shown, part
        assert b"acc<b>" not in answer.body, "names are text"

    def test_is_in_the_menu_of_administrators(self, http: Http, session: dict[str, str]) -> None:
        assert 'href="/audit"' in http("GET", "/account", headers=session).body.decode()

    def test_is_for_administrators_of_the_whole_bridge(
        self, http: Http, viewer: dict[str, str], from_wordpress: dict[str, str], wp_site: Site
    ) -> None:
        for headers in (viewer, from_wordpress, from_stub(wp_site, "GET", "/audit", context=CONTEXT)):
            answer = http("GET", "/audit", headers=headers)
            assert answer.code == 403
            assert b"Only administrators of the whole bridge" in answer.body
            assert b"<table" not in answer.body

    def test_is_filtered(self, http: Http, store: Store, session: dict[str, str]) -> None:
        for name in ("otto", "luke"):
            add(store, Action.USER_REMOVED, name, actor=Actor(ActorKind.USER, f"by-{name}", "192.0.2.1"))
        for query in (
            {"who": "by-otto"},
            {"action": "user.removed", "who": "OTTO"},
            {"since": "1d", "who": "otto"},
        ):
            shown = text(http("GET", f"/audit?{urlencode(query)}", headers=session))
            assert "by-otto" in shown
            assert "by-luke" not in shown
        assert "No matches" in text(http("GET", "/audit?until=2001-01-01", headers=session))

    def test_says_which_filters_are_wrong(self, http: Http, session: dict[str, str]) -> None:
        answer = http("GET", "/audit?since=soon", headers=session)
        assert answer.code == 422
        assert "Enter a date" in text(answer)
        answer = http("GET", "/audit?since=2026-01-02&until=2026-01-01", headers=session)
        assert "The end must be after the start" in text(answer)

    @both_stores
    def test_goes_page_by_page(self, http: Http, store: Store, session: dict[str, str]) -> None:
        for number in range(120):
            add(store, Action.USER_REMOVED, f"user-{number:03}")
        seen: list[str] = []
        path: str | None = "/audit?action=user.removed"
        pages = 0
        while path:
            html = http("GET", path, headers=session).body.decode()
            seen += re.findall(r"user-[0-9]{3}", html)
            older = re.search(r'href="(/audit\?[^"]*before=[^"]*)"', html)
            path = older[1].replace("&amp;", "&") if older else None
            pages += 1
        assert pages == 3
        assert seen == [f"user-{number:03}" for number in reversed(range(120))]
        assert "No more entries" in text(http("GET", "/audit?action=user.removed&before=1", headers=session))

    def test_of_nothing_says_so(self, http: Http, session: dict[str, str], store: Store) -> None:
        store.write(lambda connection: connection.execute(audit_log.delete()).rowcount)
        assert "No entries yet" in text(http("GET", "/audit", headers=session))

    def test_has_a_word_for_every_action(self, http: Http, store: Store, session: dict[str, str]) -> None:
        every, half = list(Action), len(Action) // 2  # more than a page shows
        html = ""
        for some in (every[:half], every[half:]):
            for action in some:
                add(store, action, f"of-{action}")
            html += text(http("GET", "/audit", headers=session))
        for action in Action:
            assert f"of-{action}" in html


class TestChanges:
    """Each stands in the log with who acted and from where; by the forms that people use."""

    @both_stores
    def test_of_settings(self, http: Http, store: Store, session: dict[str, str]) -> None:
        post(http, "/settings/retention", session, days="30", events="5000", names="10")
        (entry,) = entries(store, action="settings")
        assert entry.actor == Actor(ActorKind.USER, "anna", "127.0.0.1")
        assert entry.detail["keep_days"] == {"from": 90, "to": 30}

    def test_of_a_secret_in_wp_admin(self, http: Http, store: Store, wp_site: Site) -> None:
        body = urlencode({"secret_token": SECRET_TOKEN}).encode()
        headers = from_stub(wp_site, "POST", "/webhooks", body, context=CONTEXT)
        assert http("POST", "/webhooks", body, FORM | headers).code in (200, 303)
        found = entries(store, action="secret")
        assert [(one.action, one.subject, one.site_id) for one in found[:1]] == [
            (Action.SECRET_ADDED, "secret token", "s1")
        ]
        assert found[0].actor == Actor(ActorKind.WORDPRESS, "anna", "127.0.0.1")

    def test_of_users(self, http: Http, store: Store, session: dict[str, str]) -> None:
        for form in (
            {"do": "add", "name": "luke", "role": "viewer"},
            {"do": "remove", "name": "luke"},
            {"do": "add", "name": "otto", "role": "viewer"},
            {"do": "role", "name": "otto", "role": "administrator"},
        ):
            post(http, "/users", session, **form)
        found = [
            (entry.action, entry.subject, entry.actor.name)
            for entry in entries(store, who="anna", action="user")
        ]
        assert found == [
            (Action.USER_ROLE, "otto", "anna"),
            (Action.USER_LINK, "otto", "anna"),
            (Action.USER_ADDED, "otto", "anna"),
            (Action.USER_REMOVED, "luke", "anna"),
            (Action.USER_LINK, "luke", "anna"),
            (Action.USER_ADDED, "luke", "anna"),
        ]

    def test_that_fail_are_not_there(self, http: Http, store: Store, session: dict[str, str]) -> None:
        post(http, "/users", session, do="remove", name="nobody")
        post(http, "/users", session, do="add", name="a b")
        assert entries(store, action="user.removed") == []
        assert [entry.subject for entry in entries(store, action="user.added")] == ["anna"]

    def test_of_a_site_that_is_disconnected(
        self, http: Http, store: Store, session: dict[str, str], wp_site: Site
    ) -> None:
        save_token(store, Secret(SECRET_TOKEN))
        post(http, f"/sites/{wp_site.id}/disconnect", session, sure="yes")
        (entry,) = entries(store, action="site.removed")
        assert (entry.site, entry.actor.name) == ("https://s1.example.org", "anna")

    def test_of_a_grant_learnt_from_an_event_are_the_bridges(self, store: Store, wp_site: Site) -> None:
        store.write(lambda connection: grants.learn(connection, "acc", wp_site.id, now=1))
        store.write(lambda connection: grants.remove(connection, "acc", wp_site.id, now=1))
        store.write(
            lambda connection: grants.add(connection, "acc", wp_site.id, GrantSource.ADMINISTRATOR, now=1)
        )
        found = [
            (entry.action, entry.actor.kind, entry.detail.get("source"))
            for entry in entries(store, action="grant")
        ]
        assert found == [
            (Action.GRANT_ADDED, ActorKind.BRIDGE, "administrator"),
            (Action.GRANT_REVOKED, ActorKind.BRIDGE, None),
            (Action.GRANT_ADDED, ActorKind.BRIDGE, "first event"),
        ]

    def test_of_a_learnt_grant_that_is_confirmed(
        self, http: Http, store: Store, session: dict[str, str], wp_site: Site
    ) -> None:
        store.write(lambda connection: grants.learn(connection, "acc", wp_site.id, now=1))
        for _ in range(2):
            post(http, "/accounts/grants", session, do="grant", account="acc", site=wp_site.id)
        confirmed, learnt = entries(store, action="grant")
        assert (learnt.action, learnt.actor.kind) == (Action.GRANT_ADDED, ActorKind.BRIDGE)
        assert (confirmed.action, confirmed.subject, confirmed.site_id) == (
            Action.GRANT_CONFIRMED, "acc", wp_site.id
        )  # fmt: skip
        assert (confirmed.actor.name, confirmed.detail["source"]) == ("anna", "administrator")

    def test_of_a_grant_of_events_without_an_account_are_none(self, store: Store, wp_site: Site) -> None:
        """Nobody decides about it."""
        for _ in range(2):
            store.write(
                lambda connection: grants.learn(connection, own_account_id(wp_site.id), wp_site.id, now=1)
            )
        assert entries(store, action="grant") == []


class TestSigningIn:
    @both_stores
    def test_stands_there_with_the_address(self, http: Http, store: Store, auth_service: AuthService) -> None:
        auth_service.add("otto", Role.VIEWER, PASSWORD)
        answer = post(http, "/signin", {}, name="Otto", password=PASSWORD)
        cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
        post(http, "/signout", cookie)
        out, into = entries(store, action="session")
        assert into.actor == out.actor == Actor(ActorKind.USER, "otto", "127.0.0.1")
        assert (into.action, out.action) == (Action.SIGNED_IN, Action.SIGNED_OUT)
        assert into.detail == {"means": "password"}

    def test_that_fails_names_only_who_exists(
        self, http: Http, store: Store, auth_service: AuthService
    ) -> None:
        """A password is easily typed as a name."""
        auth_service.add("otto", Role.VIEWER, PASSWORD)
        for name in ("otto", PASSWORD):
            assert post(http, "/signin", {}, name=name, password="wrong").code == 422
        unknown, known = entries(store, action="session.failed")
        assert (known.subject, unknown.subject) == ("otto", "")
        assert known.actor == Actor(ActorKind.VISITOR, "", "127.0.0.1")

    def test_by_link_and_from_wordpress_stand_there(
        self, http: Http, store: Store, auth_service: AuthService, wp_site: Site
    ) -> None:
        auth_service.add("otto", Role.VIEWER)
        post(http, "/link", {}, token=auth_service.link("otto", Purpose.SIGN_IN))
        posted = post(http, "/enter", {}, token=auth_service.from_wordpress(wp_site.id, "wanda"))
        http("GET", "/enter/confirm", None, {"Cookie": posted.headers["Set-Cookie"].split(";")[0]})
        wordpress, linked = entries(store, action="session")
        assert linked.actor == Actor(ActorKind.USER, "otto", "127.0.0.1")
        assert wordpress.actor == Actor(ActorKind.WORDPRESS, "wanda", "127.0.0.1")
        assert wordpress.site_id == wp_site.id
        assert wordpress.detail["means"] == "site"

    def test_that_fails_often_writes_little(self, store: Store, auth_service: AuthService) -> None:
        for _ in range(50):
            assert auth_service.sign_in("nobody", "wrong") is None
        assert len(entries(store, action="session.failed")) <= 2 * auth_service.failures.per_minute


class TestSecrets:
    @both_stores
    def test_are_not_in_the_log(
        self, http: Http, store: Store, session: dict[str, str], auth_service: AuthService, wp_site: Site
    ) -> None:
        session_token = session["Cookie"].partition("=")[2]
        link = auth_service.link("anna", Purpose.SIGN_IN)
        entering = auth_service.from_wordpress(wp_site.id, "wanda")
        post(http, "/webhooks", session, site="s1", secret_token=SECRET_TOKEN)
        post(http, "/sites/s1", session, do="server-login", username="gate", password="gate-password-1")
        post(http, "/users", session, do="add", name="luke")
        post(http, "/signin", {}, name="anna", password="typed-password-1")
        post(http, "/link", {}, token=link)
        posted = post(http, "/enter", {}, token=entering)
        kept = {"Cookie": posted.headers["Set-Cookie"].split(";")[0]}
        http("GET", "/enter/confirm", None, kept)
        made = post(http, "/sites/add", session, address="https://new.example.org", uses="1")
        auth_service.set_password("luke", PASSWORD)
        with store.reading() as connection:
            rows = [tuple(row) for row in connection.execute(select(audit_log))]
        assert len(rows) >= 8
        written = repr(rows)
        code = re.search(r"zb1\.[0-9a-f]{16}\.([0-9a-f]{32})", made.body.decode())
        secrets = [
            SECRET_TOKEN,
            "gate-password-1",
            "typed-password-1",
            PASSWORD,
            session_token,
            link,
            entering,
            kept["Cookie"].partition("=")[2],
            wp_site.key,
        ]
        for secret in [*secrets, *([code[1]] if code else [])]:
            assert secret not in written


def test_the_command_line_is_translated() -> None:
    assert list(details({"by": REQUESTED_BY}, translations("de"))) == [("Von", "der Befehlszeile")]


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        (Action.SECRET_ADDED, "Secret Token"),
        (Action.SECRET_REMOVED, "Secret Token"),
        (Action.USER_ADDED, "secret token"),
    ],
)
def test_the_kind_of_a_secret_is_translated_and_a_name_is_not(action: Action, shown: str) -> None:
    entry = AuditEntry(1, 0, action, Actor(ActorKind.USER, "anna"), None, "", "secret token")
    assert subject(entry, translations("de")) == shown


@pytest.mark.parametrize("language", ["en", "de"])
def test_each_kind_of_an_alert_has_words(language: str) -> None:
    shown = {
        subject(AuditEntry(1, 0, action, Actor(ActorKind.USER), None, "", kind), translations(language))
        for action in (Action.ALERT_ACKNOWLEDGED, Action.ALERT_SNOOZED, Action.ALERT_REOPENED)
        for kind in AlertKind
    }
    assert len(shown) == len(AlertKind)
    assert not shown & {*AlertKind}
    assert ("Events in quarantine" in shown) == (language == "en")
