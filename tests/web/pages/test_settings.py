"""The page Settings: rules that are looked at before they are saved, secrets that take over, and what is kept."""

import re
import time
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import update
from tornado.httpclient import HTTPResponse

from core.accounts.trash_limits import TrashLimitOptions
from core.bridge import Bridge
from core.model import rules
from core.model.meeting import Meeting, MeetingKind
from core.model.rules import Author, JoinLink, NewPostStatus, Passcode, Rules
from core.sites import apply_rules
from core.sites.options import Choice, OptionsCache, SiteOptions
from core.store.db import settings
from core.store.db.engine import Store
from core.store.db.schema import posts as posts_table
from core.store.db.schema import sites as sites_table
from core.store.db.settings import RetentionSettings, TrashLimits
from core.store.events import log, quarantine
from core.store.events.request import Request
from core.store.jobs import JobState
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.posts.queue import Base, PostState, seal_base
from core.store.sites import rules as kept_rules
from core.store.sites import rules_templates, sites, zoom_secrets
from core.store.sites.sites import Site
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, SECRET, event, raw, signed
from tests.core.store.entries import entry
from tests.web.conftest import save_token
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door, Elements, link, words
from web.pages.webhooks import mask

HOSTILE = '"><script>alert(1)</script>&amp;'
ANNA = "anna-of-zoom-0000000AA"
NEW = "new-secret-token-9"
FOUND = SiteOptions((Choice(7, "Anna <Choir>"), Choice(8, "Bert")), (Choice(4, "Courses"),))
FORM = {
    "kinds": ["meeting", "webinar"],
    "whose": "all",
    "status": "publish",
    "passcode": "shown",
    "join_link": "everybody",
    "recordings": "nobody",
}


@pytest.fixture(autouse=True)
def site_answers(monkeypatch: pytest.MonkeyPatch) -> list[SiteOptions]:
    """What the site says that there is to choose from."""
    found = [FOUND]
    monkeypatch.setattr(OptionsCache, "of", lambda _self, _site: found[0])
    return found


@pytest.fixture
def choir(store: Store, wp_site: Site) -> None:
    """A meeting of Anna's, with a page that the bridge has made."""
    happens(store, 1, topic="Choir")


def happens(store: Store, number: int, *, has_page: bool = True, **object_: Any) -> None:
    told = {
        "type": 2,
        "start_time": "2036-03-24T18:00:00Z",
        "duration": 60,
        "join_url": "https://zoom.us/j/1?pwd=x",
        "password": "sing4us",
        "host_id": ANNA,
        "host_email": "anna@example.org",
        **object_,
    }

    def keep(connection: Any) -> None:
        if number == 1:
            log.append(connection, [entry(store, event("meeting.ended", topic="x"))])
        meetings.save(connection, store.sealer, Meeting(ACCOUNT, number, object=told), seen=0)
        queue.schedule_write(connection, ACCOUNT, number, 1, now=1)
        if has_page:
            shown = {"state": PostState.SYNCED, "post_id": number, "written": 1, "due_at": None}
            base = seal_base(store.sealer, Base("x", made=True))
            this = posts_table.c.number == number
            connection.execute(update(posts_table).where(this).values(**shown, baseline=base))

    store.write(keep)


def send(
    door: Door,
    *,
    do: str = "preview",
    previewed: str = "",
    site: str = "s1",
    path: str = "/settings",
    **form: Any,
) -> HTTPResponse:
    """Send the form of the rules."""
    pairs: list[tuple[str, str]] = [("site", site), ("do", do), ("previewed", previewed)]
    for name, value in (FORM | form).items():
        pairs += [(name, one) for one in (value if isinstance(value, list) else [value])]
    return door._ask("POST", path, urlencode(pairs).encode())


def mark(answer: HTTPResponse) -> str:
    """Return the mark of what was previewed."""
    (found,) = [one["value"] for one in Elements(answer).all("input") if one.get("name") == "previewed"]
    return found or ""


def saved(store: Store, site_id: str = "s1") -> Rules:
    with store.reading() as connection:
        return rules.read(sites.load(connection, site_id, store.sealer).rules).rules


def decide(store: Store, decided: Rules, site_id: str = "s1") -> None:
    store.write(lambda connection: kept_rules.save(connection, site_id, decided))


def secrets(store: Store, site_id: str = "s1") -> list[str]:
    with store.reading() as connection:
        return [one.secret.value for one in zoom_secrets.of_site(connection, site_id, store.sealer)]


def checked(answer: HTTPResponse) -> set[str]:
    """Return what is ticked or chosen on a page, as name=value."""
    return {f"{one['name']}={one['value']}" for one in Elements(answer).all("input") if "checked" in one}


def chosen(answer: HTTPResponse, name: str) -> list[str]:
    """Return the options that are chosen in the selects of a name."""
    found = []
    for select in re.findall(rf'<select\b[^>]*\bname="{name}".*?</select>', answer.body.decode(), re.DOTALL):
        found += re.findall(r'<option value="([^"]*)" selected>', select)
    return found


class TestShows:
    @both_stores
    def test_the_rules_that_are_saved(self, door: Door, store: Store, choir: None) -> None:
        decide(
            store,
            Rules(
                kinds=frozenset({MeetingKind.MEETING}),
                instant=True,
                hosts=(ANNA, "bert@example.org"),
                only=("a*", "b?"),
                never=(HOSTILE,),
                status=NewPostStatus.DRAFT,
                authors=(Author(ANNA, 7, "Anna"), Author("bert@example.org", 99, "Gone")),
                meeting_category=4,
                webinar_category=5,
                passcode=Passcode.IN_LINK,
                join_link=JoinLink.SIGNED_IN,
                show_host=True,
            ),
        )
        answer = door.get("/settings")
        assert answer.code == 200
        assert checked(answer) == {
            "kinds=meeting", "instant=yes", "whose=these", f"host={ANNA}", "passcode=in_link",
            "join_link=signed_in", "show_host=yes", "recordings=nobody",
        }  # fmt: skip
        html = answer.body.decode()
        assert ">bert@example.org</textarea>" in html
        assert ">a*\nb?</textarea>" in html
        assert "<script>alert" not in html
        assert "Gone (no longer exists)" in words(answer)
        assert chosen(answer, "author_user") == ["7", "99"]
        assert chosen(answer, "status") == ["draft"]
        assert chosen(answer, "meeting_category") == ["4"]
        assert "Category 5 (no longer exists)" in words(answer)
        assert "Anna &lt;Choir&gt;" in html

    def test_the_usual_ones_where_nobody_decided_anything(self, door: Door, wp_site: Site) -> None:
        answer = door.get("/settings")
        assert checked(answer) == {
            "kinds=meeting", "kinds=webinar", "whose=all", "passcode=shown", "join_link=everybody",
            "recordings=nobody",
        }  # fmt: skip

    def test_what_could_not_be_read(self, door: Door, store: Store, wp_site: Site) -> None:
        store.write(lambda connection: connection.execute(update(sites_table).values(rules={"join_link": 7})))
        answer = door.get("/settings")
        assert "stored value of “join_link” is invalid" in words(answer)
        assert "join_link=nobody" in checked(answer)

    def test_all_the_same_where_the_site_is_down(
        self, door: Door, store: Store, choir: None, site_answers: list[SiteOptions]
    ) -> None:
        site_answers[0] = SiteOptions(problem="The site could not be reached.")
        decide(store, Rules(authors=(Author(ANNA, 7, "Anna"),), meeting_category=4))
        answer = door.get("/settings")
        assert answer.code == 200
        assert "The site could not be reached." in words(answer)
        assert "Anna (current selection)" in words(answer)
        assert chosen(answer, "meeting_category") == ["4"]
        # What is left as it is stays.
        form: dict[str, Any] = {"author_host": [ANNA], "author_user": ["7"], "meeting_category": "4"}
        answer = send(door, **form)
        assert answer.code == 200
        assert "already saved" in words(answer)

    def test_a_host_by_name_where_it_is_known(self, door: Door, choir: None) -> None:
        answer = door.get("/settings")
        assert "anna@example.org" in words(answer)
        assert [one["value"] for one in Elements(answer).all("input") if one.get("name") == "host"] == [ANNA]

    def test_that_no_site_is_connected(self, http: Any, session: dict[str, str]) -> None:
        answer = Door(http, session).get("/settings")
        assert answer.code == 200
        assert "No site is connected yet" in words(answer)
        assert "Event retention" in words(answer)

    def test_one_site_of_several(self, admin: Door, store: Store, wp_site: Site) -> None:
        connected(store, "s2")
        decide(store, Rules(never=("of the second",)), "s2")
        assert "of the second" in admin.get("/settings?site=s2").body.decode()
        assert "of the second" not in admin.get("/settings?site=nowhere").body.decode()

    def test_nothing_of_another_site(self, narrow: Door, store: Store, wp_site: Site) -> None:
        connected(store, "s2")
        decide(store, Rules(never=("of the second",)), "s2")
        save_token(store, Secret("secret-of-the-other"), "s2")
        for path in ("/settings", "/settings?site=s2"):
            answer = narrow.get(path)
            assert "of the second" not in answer.body.decode()
            assert "ther</code>" not in answer.body.decode()
            assert "Event retention" not in words(answer)


class TestPreview:
    @both_stores
    def test_says_what_would_come_of_it_and_saves_nothing(
        self, door: Door, store: Store, choir: None
    ) -> None:
        answer = send(door, never="choir")
        assert answer.code == 200
        said = words(answer)
        assert "s only meeting" in said
        assert "page is trashed" in said
        assert "Its topic matches “choir”, which the settings exclude." in said
        assert saved(store) == Rules()

    def test_keeps_what_was_typed(self, door: Door, choir: None) -> None:
        answer = send(
            door,
            never="  choir \r\n\r\nb*\n",
            whose="these",
            host=[ANNA],
            other_hosts="bert@example.org",
            join_link="nobody",
            instant="yes",
            author_host=[ANNA, "bert@example.org"],
            author_user=["8", "7"],
        )
        assert answer.code == 200
        assert "  choir \r\n\r\nb*\n</textarea>" in answer.body.decode()
        assert {"whose=these", f"host={ANNA}", "join_link=nobody", "instant=yes"} <= checked(answer)
        assert chosen(answer, "author_user") == ["8", "7"]

    def test_names_what_changes_on_a_page(self, door: Door, choir: None) -> None:
        said = words(send(door, join_link="nobody"))
        assert "page is updated" in said
        assert "join link, passcode" in said

    def test_counts_before_it_lists(self, door: Door, store: Store, choir: None) -> None:
        happens(store, 2, topic="Orchestra")
        happens(store, 3, topic="Instant", type=1, has_page=False)
        said = words(send(door, never="choir", instant="yes", status="draft"))
        assert "Of the 3 most recently active meetings: 1 page is created 1 page is trashed 1 unchanged" in said  # fmt: skip
        assert "draft" in said

    def test_shows_hostile_topics_as_text(self, door: Door, store: Store, choir: None) -> None:
        happens(store, 2, topic=f"choir {HOSTILE}")
        html = send(door, never="choir*").body.decode()
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert" in html

    def test_tells_of_an_address_that_nobody_has(self, door: Door, choir: None) -> None:
        said = words(send(door, whose="these", other_hosts="nobody@example.org\nANNA@example.org"))
        assert "No host with the address nobody@example.org" in said
        assert "No host with the address ANNA" not in said

    def test_of_a_site_without_meetings(self, door: Door, wp_site: Site) -> None:
        assert "The site has no meetings yet" in words(send(door, never="choir"))

    def test_is_what_enter_does(self, door: Door, wp_site: Site) -> None:
        """The first button of a form is the one that the browser presses by itself."""
        answer = send(door, never="choir")
        buttons = [one for one in Elements(answer).all("button") if one.get("name") == "do"]
        assert buttons[0]["value"] == "preview"


class TestSave:
    @both_stores
    def test_keeps_what_was_looked_at_and_asks_for_every_page(
        self, door: Door, store: Store, choir: None
    ) -> None:
        form: dict[str, Any] = {
            "kinds": ["webinar"],
            "personal_rooms": "yes",
            "whose": "these",
            "host": [ANNA],
            "other_hosts": "bert@example.org\r\n",
            "only": "a*\r\n b  c \r\n\r\na*",
            "never": "x",
            "status": "pending",
            "author_host": [ANNA, "bert@example.org", "nobody", ""],
            "author_user": ["7", "8", "", ""],
            "meeting_category": "4",
            "passcode": "hidden",
            "join_link": "signed_in",
            "show_host": "yes",
            "cancelled_days": "14",
        }
        answer = send(door, do="save", previewed=mark(send(door, **form)), **form)
        assert answer.code == 303
        assert saved(store) == Rules(
            kinds=frozenset({MeetingKind.WEBINAR}),
            personal_rooms=True,
            hosts=(ANNA, "bert@example.org"),
            only=("a*", "b c"),
            never=("x",),
            status=NewPostStatus.PENDING,
            authors=(Author(ANNA, 7, "Anna <Choir>"), Author("bert@example.org", 8, "Bert")),
            meeting_category=4,
            passcode=Passcode.HIDDEN,
            join_link=JoinLink.SIGNED_IN,
            show_host=True,
            cancelled_days=14,
        )
        shown = door.follow(answer)
        assert "Saved. Every page of the site is now checked" in words(shown)
        assert Elements(shown).named("zb-review")["data-live"] == "2"
        assert "Refresh" in words(shown)
        with store.reading() as connection:
            job = apply_rules.latest(connection, "s1")
        assert job is not None
        assert (job.state, job.arguments["site"]) == (JobState.QUEUED, "s1")

    def test_nothing_that_was_not_looked_at(self, door: Door, store: Store, choir: None) -> None:
        for previewed in ("", "0" * 32, mark(send(door, never="orchestra"))):
            answer = send(door, do="save", previewed=previewed, never="choir")
            assert answer.code == 200
            assert "Nothing was saved" in words(answer)
            assert "page is trashed" in words(answer)
            assert saved(store) == Rules()
        answer = send(door, do="save", previewed=mark(answer), never="choir")
        assert answer.code == 303

    def test_nothing_where_somebody_else_saved_meanwhile(self, door: Door, store: Store, choir: None) -> None:
        previewed = mark(send(door, never="choir"))
        decide(store, Rules(instant=True))
        assert "Nothing was saved" in words(send(door, do="save", previewed=previewed, never="choir"))
        assert saved(store) == Rules(instant=True)

    def test_what_others_have_saved_since_the_form_was_opened_only_knowingly(
        self, door: Door, store: Store, choir: None
    ) -> None:
        def seen(answer: HTTPResponse) -> str:
            (found,) = [one["value"] for one in Elements(answer).all("input") if one.get("name") == "seen"]
            return found or ""

        opened = seen(door.get("/settings"))
        said = "Other rules have been saved since this form was opened."
        assert said not in words(send(door, seen=opened, never="x"))
        decide(store, Rules(never=("theirs",)))
        wrong = send(door, seen=opened, cancelled_days="x")
        assert seen(wrong) == opened
        looked = send(door, seen=opened, never="x")
        assert said in words(looked)
        assert seen(looked) == opened, "so that it is said with each preview"
        send(door, do="save", previewed=mark(looked), seen=opened, never="x")
        assert saved(store).never == ("x",)
        assert said not in words(send(door, seen=seen(door.get("/settings")), never="y"))

    def test_what_another_version_keeps_stays(self, door: Door, store: Store, choir: None) -> None:
        decide(store, Rules(unknown={"later": {"a": 1}}))
        send(door, do="save", previewed=mark(send(door, never="x")), never="x")
        assert saved(store).unknown == {"later": {"a": 1}}

    def test_how_far_it_is(self, door: Door, store: Store, bridge: Bridge, choir: None) -> None:
        send(door, do="save", previewed=mark(send(door, never="x")), never="x")
        for job in bridge.job_runner.claim():
            while bridge.job_runner.run_step(job):
                store.write(lambda connection: connection.execute(update(posts_table).values(due_at=None)))
        assert "zb-review" not in door.get("/settings").body.decode()
        said = words(door.get("/settings?done=rules"))
        assert "Checking every page of the site Done" in said
        assert "1 of 1" in said

    @pytest.mark.usefixtures("choir")
    @pytest.mark.parametrize(
        ("form", "name", "problem"),
        [
            ({"whose": "these"}, "hosts", "at least one host"),
            ({"whose": "these", "other_hosts": "two words"}, "hosts", "one e-mail address"),
            ({"whose": "these", "other_hosts": "x" * 255}, "hosts", "one e-mail address"),
            ({"whose": "these", "other_hosts": "\n".join(map(str, range(501)))}, "hosts", "at most 500"),
            ({"only": "\n".join(map(str, range(51)))}, "only", "at most 50"),
            ({"never": "x" * 201}, "never", "200 characters"),
            ({"status": "future"}, "status", "Choose one"),
            ({"status": ""}, "status", "Choose one"),
            ({"passcode": "x"}, "passcode", "Choose one"),
            ({"join_link": ""}, "join_link", "Choose one"),
            ({"meeting_category": "5"}, "meeting_category", "no longer exists"),
            ({"webinar_category": "x"}, "webinar_category", "no longer exists"),
            ({"author_host": [ANNA], "author_user": ["99"]}, "authors", "no longer exists"),
            ({"author_host": [ANNA], "author_user": ["1 OR 1"]}, "authors", "no longer exists"),
            ({"author_host": [""], "author_user": ["7"]}, "authors", "Enter one e-mail address"),
            ({"author_host": ["a b"], "author_user": ["7"]}, "authors", "Enter one e-mail address"),
            ({"cancelled_days": "91"}, "cancelled_days", "from 0 to 90"),
            ({"author_host": ["a", "a"], "author_user": ["7", "8"]}, "authors", "twice"),
        ],
    )
    def test_nothing_that_is_wrong_and_loses_nothing_of_it(
        self, door: Door, store: Store, form: dict[str, Any], name: str, problem: str
    ) -> None:
        for do in ("preview", "save"):
            answer = send(door, do=do, **({"never": "kept as it was typed"} | form))
            assert answer.code == 422
            assert problem in words(answer)
            html = answer.body.decode()
            assert f'id="zb-{name}-error"' in html
            assert f'aria-describedby="zb-{name}-error' in html
            if name != "never":
                assert "kept as it was typed" in html
        assert saved(store) == Rules()

    def test_nothing_for_another_site_than_was_meant(self, admin: Door, store: Store, wp_site: Site) -> None:
        """The form may be of a site that was removed meanwhile."""
        assert send(admin, site="removed", never="x").code == 303
        assert saved(store) == Rules()

    def test_nothing_of_another_site(self, narrow: Door, store: Store, wp_site: Site) -> None:
        connected(store, "s2")
        previewed = mark(send(narrow, never="x"))
        answer = send(narrow, do="save", previewed=previewed, site="s2", never="x")
        assert answer.code == 303
        assert saved(store, "s2") == Rules()
        assert saved(store) == Rules(), "nor what was not meant"


class TestViewer:
    def test_sees_everything_and_can_change_nothing(self, watcher: Door, store: Store, choir: None) -> None:
        decide(store, Rules(never=("choir",)))
        answer = watcher.get("/settings")
        assert ">choir</textarea>" in answer.body.decode()
        fieldsets = Elements(answer).all("fieldset")
        assert fieldsets
        outer = [one for one in fieldsets if "zoombridge-choices" in (one.get("class") or "")]
        assert all("disabled" in one for one in outer)
        assert not [one for one in Elements(answer).all("button") if one.get("name") == "do"]

    def test_sees_no_secret(self, watcher: Door, wp_site: Site) -> None:
        html = watcher.get("/settings").body.decode()
        assert SECRET[-4:] not in html
        assert "Secret token" not in html

    def test_sees_how_long_events_are_kept(self, watcher: Door, wp_site: Site) -> None:
        answer = watcher.get("/settings")
        assert "Event retention" in words(answer)
        assert "/settings/retention" in answer.body.decode()

    @pytest.mark.parametrize("path", ["/settings", "/settings/secrets", "/settings/retention"])
    def test_is_refused(self, watcher: Door, store: Store, wp_site: Site, path: str) -> None:
        answer = watcher.post(path, site="s1", do="save", secret_token=NEW, days="5", events="5000")
        assert answer.code == 403
        assert secrets(store) == [SECRET]
        with store.reading() as connection:
            assert settings.retention(connection) == RetentionSettings()


class TestSecrets:
    def arrives(self, store: Store, secret: str) -> None:
        """Let an event come that is signed with this."""
        now = time.time()
        told = event("meeting.ended", at=int(now * 1000))
        body = raw(told)
        line = entry(store, told, received_at=int(now * 1000))
        request = Request(signed(body, secret=secret, at=now), body).sealed(store.sealer)
        line = replace(line, request=request, digest=str(time.monotonic_ns()))
        store.write(lambda connection: log.append(connection, [line]))

    def id_of(self, store: Store, value: str) -> str:
        with store.reading() as connection:
            found = zoom_secrets.of_site(connection, "s1", store.sealer)
        return str(next(one.id for one in found if one.secret.value == value))

    def test_are_shown_by_their_ends_only(self, door: Door, wp_site: Site) -> None:
        answer = door.get("/settings")
        assert mask(SECRET) in words(answer)
        assert SECRET not in answer.body.decode()

    @both_stores
    def test_are_added_and_what_was_refused_is_accepted(
        self, door: Door, store: Store, wp_site: Site
    ) -> None:
        body = raw(event())
        request = Request(signed(body, secret=NEW, at=time.time()), body)
        store.write(
            lambda connection: quarantine.add(
                connection, "s1", request, store.sealer, reason="", now=int(time.time() * 1000)
            )
        )
        answer = door.post("/settings/secrets", site="s1", secret_token=f" {NEW}\n")
        assert sorted(secrets(store)) == sorted([SECRET, NEW])
        assert NEW not in answer.headers["Location"]
        assert "Quarantined events were accepted" in words(door.follow(answer))

    @pytest.mark.parametrize(
        ("typed", "problem"), [("", "Paste the secret token"), ("sh0rt", "not a complete"), ("two words here", "no spaces")]
    )  # fmt: skip
    def test_that_are_none_are_not_saved_and_not_shown_again(
        self, door: Door, store: Store, wp_site: Site, typed: str, problem: str
    ) -> None:
        answer = door.post("/settings/secrets", site="s1", secret_token=typed)
        assert answer.code == 422
        assert problem in words(answer)
        assert not typed or f'"{typed}"' not in answer.body.decode()
        assert secrets(store) == [SECRET]

    def test_take_over_from_one_another_step_by_step(self, door: Door, store: Store, wp_site: Site) -> None:
        self.arrives(store, SECRET)
        assert "in use" in words(door.get("/settings"))
        door.post("/settings/secrets", site="s1", secret_token=NEW)

        waiting = door.get("/settings")
        assert "Zoom still signs with the older one" in words(waiting)
        assert Elements(waiting).named("zb-rotation")["data-live"] == "5"

        self.arrives(store, NEW)
        ready = door.get("/settings")
        said = words(ready)
        assert f"Zoom has signed with {mask(NEW)}" in said
        assert "The older one is no longer needed: remove it." in said
        assert "data-live" not in Elements(ready).named("zb-rotation")

        answer = door.post("/settings/secrets", site="s1", remove=self.id_of(store, SECRET))
        assert answer.code == 303
        assert "Removed." in words(door.follow(answer))
        assert secrets(store) == [NEW]

    def test_that_zoom_signs_with_are_removed_only_when_that_is_said_twice(
        self, door: Door, store: Store, wp_site: Site
    ) -> None:
        save_token(store, Secret(NEW))
        self.arrives(store, SECRET)
        token = self.id_of(store, SECRET)
        answer = door.post("/settings/secrets", site="s1", remove=token)
        assert answer.code == 422
        assert "Zoom signs with this one." in words(answer)
        assert sorted(secrets(store)) == sorted([SECRET, NEW])
        assert door.post("/settings/secrets", site="s1", remove=token, sure="yes").code == 303
        assert secrets(store) == [NEW]

    def test_of_which_there_is_but_one_are_not_removed_by_mistake(
        self, door: Door, store: Store, wp_site: Site
    ) -> None:
        assert door.post("/settings/secrets", site="s1", remove=self.id_of(store, SECRET)).code == 422
        assert secrets(store) == [SECRET]

    def test_of_another_site_are_out_of_reach(self, narrow: Door, store: Store, wp_site: Site) -> None:
        connected(store, "s2")
        save_token(store, Secret("secret-of-the-other"), "s2")
        with store.reading() as connection:
            (other,) = zoom_secrets.of_site(connection, "s2", store.sealer)
        for form in ({"secret_token": NEW}, {"remove": str(other.id), "sure": "yes"}):
            narrow.post("/settings/secrets", site="s2", **form)
            assert secrets(store, "s2") == ["secret-of-the-other"]
        narrow.post("/settings/secrets", site="s1", remove=str(other.id), sure="yes")
        assert secrets(store, "s2") == ["secret-of-the-other"]
        assert secrets(store) == [SECRET]


class TestTrashing:
    def limits(self, store: Store) -> TrashLimits:
        with store.reading() as connection:
            return settings.trash_limits(connection)

    @both_stores
    def test_is_saved(self, admin: Door, store: Store, wp_site: Site) -> None:
        answer = admin.post("/settings/trash", site="s1", posts="12", percent="30")
        assert self.limits(store) == TrashLimits(12, 30)
        shown = admin.follow(answer)
        assert Elements(shown).named("zb-posts")["value"] == "12"
        assert Elements(shown).named("zb-percent")["value"] == "30"

    @pytest.mark.parametrize(
        ("typed", "name"),
        [("-1 50", "posts"), ("x 50", "posts"), ("5 0", "percent"), ("5 101", "percent")],
    )
    def test_is_not_where_it_makes_no_sense(
        self, admin: Door, store: Store, wp_site: Site, typed: str, name: str
    ) -> None:
        posts, percent = typed.split()
        answer = admin.post("/settings/trash", site="s1", posts=posts, percent=percent)
        assert answer.code == 422
        assert Elements(answer).named(f"zb-{name}")["aria-invalid"] == "true"
        assert self.limits(store) == TrashLimits()

    def test_is_not_for_who_sees_one_site(self, narrow: Door, store: Store, wp_site: Site) -> None:
        assert narrow.post("/settings/trash", site="s1", posts="99", percent="99").code == 403
        assert self.limits(store) == TrashLimits()

    def test_says_what_is_fixed_from_outside_and_leaves_it(
        self, admin: Door, store: Store, wp_site: Site, bridge: Bridge
    ) -> None:
        bridge.trash_limits = TrashLimitOptions(posts=3)
        assert "Set by --trash-limit" in words(admin.get("/settings"))
        admin.post("/settings/trash", site="s1", posts="99", percent="40")
        assert self.limits(store) == TrashLimits(5, 40)


class TestTemplates:
    def templates(self, store: Store) -> list[tuple[str, int, int]]:
        with store.reading() as connection:
            found = rules_templates.list_all(connection)
        return [(one.name, one.following, one.departed) for one in found]

    def test_are_saved_followed_left_and_removed(
        self, admin: Door, narrow: Door, store: Store, wp_site: Site, bridge: Bridge
    ) -> None:
        shown = admin.follow(admin.post("/settings/template", do="save", site="s1", template="Schools"))
        assert "Saved as template." in words(shown)
        assert "Schools 0 0" in words(shown)
        follow = {"do": "follow", "site": "s1", "template": "Schools"}
        preview = admin.post("/sites", **follow)
        assert "The sites below follow the template Schools" in words(preview)
        admin.post("/sites", **follow, previewed=mark(preview))
        [job] = bridge.job_runner.claim()
        bridge.job_runner.run_step(job)
        assert "This site follows the template Schools" in words(narrow.get("/settings"))
        decide(store, Rules(instant=True))
        assert self.templates(store) == [("Schools", 0, 1)]
        page = narrow.get("/settings")
        assert "This site has departed from the template Schools" in words(page)
        assert "Templates of rules" not in words(page)
        shown = narrow.post("/settings/template", do="return", site="s1")
        assert "Preview of changes" in words(shown)
        assert self.templates(store) == [("Schools", 0, 1)], "not before it is previewed"
        late = narrow.post("/settings/template", do="return", site="s1", previewed="0" * 32)
        assert "Nothing was saved" in words(late)
        again = {"do": "return", "site": "s1", "previewed": mark(shown)}
        returned = narrow.follow(narrow.post("/settings/template", **again))
        assert "The site follows its template again." in words(returned)
        assert self.templates(store) == [("Schools", 1, 0)]
        admin.post("/settings/template", do="remove", template="Schools")
        assert self.templates(store) == []
        assert "follows the template" not in words(narrow.get("/settings"))

    def test_are_not_for_who_sees_one_site_or_only_looks(
        self, admin: Door, narrow: Door, watcher: Door, store: Store, bridge: Bridge
    ) -> None:
        admin.post("/settings/template", do="save", site="s1", template="Schools")
        for door in (narrow, watcher):
            for do in ("save", "remove"):
                refused = door.post("/settings/template", do=do, site="s1", template="Schools")
                assert refused.code == 403
            for do in ("follow", "unfollow"):
                answer = door.post("/sites", do=do, site="s1", template="Schools", previewed="x")
                assert answer.code == 403
        assert watcher.post("/settings/template", do="return", site="s1").code == 403
        assert self.templates(store) == [("Schools", 0, 0)]
        assert bridge.job_runner.claim() == []

    @both_stores
    def test_have_a_page_where_their_rules_are_changed_once_previewed(
        self, admin: Door, store: Store, wp_site: Site, bridge: Bridge
    ) -> None:
        form = {"path": "/settings/template", "site": ""}
        new = admin.get("/settings?template=")
        assert "New template of rules" in words(new)
        shown = send(admin, do="preview", name="Schools", **form)
        assert "No site follows this template, so nothing would change." in words(shown)
        saved = send(admin, do="save-rules", name="Schools", previewed=mark(shown), **form)
        assert "Saved. Sites that follow the template" in words(admin.follow(saved))

        template = self.saved(store)
        connected(store, "s2")
        for site_id in ("s1", "s2"):
            decide(store, rules.copied(template, rules.DEFAULT), site_id)
            store.write(partial(rules_templates.follow, site_id=site_id, name="Schools"))
        decide(store, Rules(instant=True), "s2")
        own = admin.get(link(admin.get("/settings"), "Schools"))
        assert "1 site follows this template. 1 site has departed from it" in words(own)
        changed = form | {"never": "*secret*", "template": "Schools"}
        shown = send(admin, do="preview", **changed)
        assert f"{wp_site.name} {wp_site.url}" in words(shown)
        assert "Site s2" not in words(shown), "it has departed"
        late = send(admin, do="save-rules", previewed="0" * 32, **changed)
        assert "Preview again, then save." in words(late)
        assert self.saved(store) == template
        assert send(admin, do="save-rules", previewed=mark(shown), **changed).code == 303
        assert self.saved(store) == replace(template, never=("*secret*",))
        [job] = bridge.job_runner.claim()
        assert (job.arguments["sites"], job.arguments["only_followers"]) == (["s1"], True)

    def saved(self, store: Store) -> Rules:
        with store.reading() as connection:
            return rules.read(rules_templates.load(connection, "Schools").rules).rules

    def test_are_not_changed_by_what_is_wrong(self, admin: Door, narrow: Door, wp_site: Site) -> None:
        form = {"path": "/settings/template", "site": ""}
        wrong = send(admin, do="preview", name="Schools", cancelled_days="x", **form)
        assert (wrong.code, "zb-cancelled_days-error" in wrong.body.decode()) == (422, True)
        shown = send(admin, do="preview", name="", **form)
        unnamed = send(admin, do="save-rules", name="", previewed=mark(shown), **form)
        assert (unnamed.code, "1 to 40 characters" in words(unnamed)) == (422, True)
        admin.post("/settings/template", do="save", site="s1", template="Schools")
        for do in ("preview", "save-rules"):
            taken = send(admin, do=do, name="schools", instant="yes", previewed=mark(shown), **form)
            assert (taken.code, "There is a template “Schools” already." in words(taken)) == (422, True)
        assert admin.get("/settings?template=Nothing").code == 404
        assert "New template of rules" not in words(narrow.get("/settings?template="))
        assert send(narrow, do="save-rules", name="Schools", **form).code == 403

    def test_say_what_is_wrong_with_a_name(self, admin: Door, wp_site: Site) -> None:
        answer = admin.post("/settings/template", do="save", site="s1", template="x" * 41)
        assert (answer.code, "1 to 40 characters" in words(answer)) == (422, True)


class TestKeeping:
    def kept(self, store: Store) -> RetentionSettings:
        with store.reading() as connection:
            return settings.retention(connection)

    @both_stores
    def test_is_saved(self, admin: Door, store: Store, wp_site: Site) -> None:
        answer = admin.post("/settings/retention", site="s1", days="30", events=" 5000 ", names="7")
        assert answer.code == 303
        assert self.kept(store) == RetentionSettings(30, 5000, 7)
        shown = admin.follow(answer)
        assert "Events past their retention period are deleted" in words(shown)
        assert Elements(shown).named("zb-days")["value"] == "30"
        assert Elements(shown).named("zb-names")["value"] == "7"

    @pytest.mark.parametrize(
        ("form", "name"),
        [
            ({"days": "0", "events": "5000"}, "days"),
            ({"days": "4000", "events": "5000"}, "days"),
            ({"days": "", "events": "5000"}, "days"),
            ({"days": "1e3", "events": "5000"}, "days"),
            ({"days": "٣", "events": "5000"}, "days"),
            ({"days": "30", "events": "999"}, "events"),
            ({"days": "30", "events": "9" * 30}, "events"),
            ({"days": "30", "events": "5000", "names": "0"}, "names"),
            ({"days": "30", "events": "5000", "names": ""}, "names"),
        ],
    )
    def test_is_not_where_it_makes_no_sense_and_loses_nothing(
        self, admin: Door, store: Store, wp_site: Site, form: dict[str, str], name: str
    ) -> None:
        form = {"names": "7", **form}
        answer = admin.post("/settings/retention", site="s1", **form)
        assert answer.code == 422
        assert Elements(answer).named(f"zb-{name}")["aria-invalid"] == "true"
        assert Elements(answer).named(f"zb-{name}")["value"] == form[name]
        assert self.kept(store) == RetentionSettings()

    def test_is_not_for_who_sees_one_site(self, narrow: Door, store: Store, wp_site: Site) -> None:
        answer = narrow.post("/settings/retention", site="s1", days="30", events="5000")
        assert answer.code == 403
        assert "Ask an administrator of the bridge" in answer.body.decode()
        assert self.kept(store) == RetentionSettings()

    def test_says_what_is_fixed_from_outside_and_leaves_it(
        self, admin: Door, store: Store, bridge: Bridge, wp_site: Site
    ) -> None:
        store.write(lambda connection: settings.save_retention(connection, RetentionSettings(30, 5000)))
        bridge.retention.days = 7
        answer = admin.get("/settings")
        assert "Set by --keep-days" in words(answer)
        assert Elements(answer).named("zb-days")["value"] == "7"
        assert "readonly" in Elements(answer).named("zb-days")
        assert "readonly" not in Elements(answer).named("zb-events")
        assert "readonly" not in Elements(answer).named("zb-names")
        assert admin.post("/settings/retention", site="s1", days="99", events="6000", names="5").code == 303
        assert self.kept(store) == RetentionSettings(30, 6000, 5)

    def test_says_that_the_time_for_names_is_fixed_from_outside(
        self, admin: Door, store: Store, bridge: Bridge, wp_site: Site
    ) -> None:
        store.write(lambda connection: settings.save_retention(connection, RetentionSettings(30, 5000, 4)))
        bridge.retention.names_days = 3
        answer = admin.get("/settings")
        assert "Set by --keep-names-days" in words(answer)
        assert Elements(answer).named("zb-names")["value"] == "3"
        assert "readonly" in Elements(answer).named("zb-names")
        assert admin.post("/settings/retention", site="s1", days="40", events="6000", names="99").code == 303
        assert self.kept(store) == RetentionSettings(40, 6000, 4)


class TestBase:
    def test_fixture_is_a_page_of_the_bridges_making(self, store: Store, choir: None) -> None:
        with store.reading() as connection:
            ((_, _, written),) = queue.list_recent(connection, store.sealer, "s1", limit=5)
        assert written.base == Base("x", made=True)
