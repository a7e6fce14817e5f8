"""After all that people, Zoom and strangers do: no secret and no person is in any log, page, table, file or process."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

from core.auth import totp
from core.zoom import scenarios
from tests.end_to_end.browser import save_secret
from tests.end_to_end.events import Meeting
from tests.end_to_end.pair import SECRET, Pair
from tests.running import RunningBridge
from tests.traces import Processes, Secrets, columns, files, held_by, of_bridge, open_to_others
from tests.zoom import Account, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.traces import Trace

PASSWORD, ANOTHER, GUESSED = "four words in a row", "five other words in a row", "guessed-by-a-stranger"
RETIRED, FORGED = "Retired-Secret-Of-Zoom-77", "Forged-By-A-Stranger-4711"
METRICS_TOKEN = "token-of-the-monitor-0815"
PASSCODE, RECORDING_PASSCODE = "pass-3512x", "rec-4711-x"
PEOPLE = ("anna.visitor@example.org", "ben.host@example.net")
LOGGING = ("--log-level", "debug", "--log-format", "json")
DATABASE = "database/wordpress.sqlite"
# Some of what is searched for: that the bridge's database is read, and everything has happened.
EXPECTED = {
    "join_url in events.request", "start_url in events.request", "password in events.request",
    "e-mail in events.request", "share_url in events.request", "sites.key", "pairing_codes.secret", "client secret",
    "key of the database", "token of the command line", "secret token", "key of an app", "code of an app",
    "recovery code", "pending sign-in", "cookie zoombridge", "link to sign in", "link for a password", "first link",
}  # fmt: skip
# Of these tables of WordPress, the column that says what a row is.
LABELS = {"wp_options": "option_name", "wp_postmeta": "meta_key", "wp_usermeta": "meta_key"}
# What WordPress has to hold. What visitors of a page may see, its rules decide; and both sides sign with the key.
BELONGS = (
    (r"wp_options\.option_value zoombridge_connection", r"sites\.key"),
    (
        r"wp_posts\.post_content",
        r"(?:join_url|password|share_url|recording).* in (?:meetings|posts|events)\.",
    ),
    # VCZAPI's details of a meeting name its host, which the box of the editor shows.
    (r"wp_postmeta\.meta_value _meeting_zoom_details", "e-mail of a user"),
    (
        r"wp_postmeta\.meta_value \S+",
        r"(?:join_url|password|share_url|recording).* in (?:meetings|posts|events)\.",
    ),
)


@dataclass
class Scene:
    """A connected pair, what happened to it, and what must be found nowhere."""

    pair: Pair
    processes: Processes
    temporary: Path
    secrets: Secrets = field(default_factory=Secrets)
    pages: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.pair.bridge.url

    def keep(self, answer: requests.Response, *shows: str) -> requests.Response:
        """Keep an answer to be searched, without what its form holds for going on."""
        content = f"{answer.headers}\n{answer.text}"
        for value in shows:
            content = content.replace(value, "")
        self.pages.append(
            (f"{answer.status_code} {answer.request.method} {answer.url.partition('?')[0]}", content.encode())
        )
        return answer

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines of the bridge's log, which is JSON."""
        return [json.loads(line) for line in self.pair.bridge.log().splitlines()]

    def hold(self) -> None:
        """Note what the bridge holds encrypted now: some of it is gone later."""
        self.secrets.values = held_by(self.pair.bridge.data).values | self.secrets.values


def post(session: requests.Session, url: str, **form: str) -> requests.Response:
    return session.post(url, data=form, timeout=600, allow_redirects=False)


def shown(answer: requests.Response, name: str) -> str:
    """Return the value of a field of a form."""
    found = re.search(rf'(?:name|id)="{name}"[^>]* value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return unescape(found[1])


# --- What happens -------------------------------------------------------------------------------------


def people_sign_in(scene: Scene) -> None:
    """The first administrator, a viewer with a link, both with wrong passwords and used links; TOTP."""
    url, secrets = scene.url, scene.secrets
    first = scene.pair.bridge.first_link()
    secrets.add("first link", first.partition("token=")[2])
    anna = requests.Session()
    mismatch = {"token": first.partition("token=")[2], "name": "anna", "password": PASSWORD, "again": ANOTHER}
    scene.keep(post(anna, f"{url}/first", **mismatch), mismatch["token"])
    made = post(anna, f"{url}/first", **(mismatch | {"again": PASSWORD}))
    assert made.status_code == 303, made.text
    scene.keep(post(requests.Session(), f"{url}/first", **mismatch))
    scene.keep(post(requests.Session(), f"{url}/signin", name="anna", password=GUESSED))
    scene.keep(post(requests.Session(), f"{url}/signin", name=PEOPLE[0], password=GUESSED), PEOPLE[0])
    note_cookies(scene, anna)

    added = post(anna, f"{url}/users", do="add", name="luke", role="viewer")
    link = re.search(r"/password\?token=([\w.~-]+)", unescape(added.text))
    assert link, added.text
    secrets.add("link for a password", link[1])
    luke = requests.Session()
    scene.keep(post(luke, f"{url}/password", token=link[1], password=ANOTHER, again=PASSWORD), link[1])
    assert post(luke, f"{url}/password", token=link[1], password=ANOTHER, again=ANOTHER).status_code == 303
    scene.keep(post(luke, f"{url}/password", token=link[1], password=ANOTHER, again=ANOTHER))
    scene.keep(luke.get(f"{url}/users", timeout=600))
    note_cookies(scene, luke)
    for token in (scene.pair.bridge.sign_in_link("anna").partition("token=")[2], token_urlsafe(32)):
        secrets.add("link to sign in", token)
        scene.keep(luke.get(f"{url}/link", params={"token": token}, timeout=600), token)
        post(requests.Session(), f"{url}/link", token=token)
        scene.keep(post(requests.Session(), f"{url}/link", token=token))
    two_factors(scene, luke)


def two_factors(scene: Scene, luke: requests.Session) -> None:
    """Enrolment with a wrong code and the right one; signing in with wrong codes, a right one and a recovery code."""
    account, secrets = f"{scene.url}/account/two-factor", scene.secrets
    scene.keep(post(luke, account, do="start", password=GUESSED))
    setup = post(luke, account, do="start", password=ANOTHER)
    key, token = shown(setup, "zb-secret"), shown(setup, "token")
    secret = key.replace(" ", "")
    secrets.add("key of an app", secret)
    secrets.add("key of an app in groups", key)
    secrets.add("token of an enrolment", token)
    step = totp.step_at(int(time.time() * 1000))
    codes = [totp.code_at(secret, step + later) for later in (0, 1)]
    wrong = next(code for code in ("471108", "815304") if code not in codes)
    for code in (*codes, wrong):
        secrets.add("code of an app", code)
    scene.keep(post(luke, account, do="confirm", token=token, code=wrong), key, token, wrong)
    confirmed = post(luke, account, do="confirm", token=token, code=codes[0])
    recovery = re.findall(r"\b[a-z2-9]{4}(?:-[a-z2-9]{4}){3}\b", confirmed.text)
    assert len(recovery) == 10, confirmed.text
    for code in recovery:
        secrets.add("recovery code", code)
        secrets.add("recovery code without hyphens", code.replace("-", ""))
    note_cookies(scene, luke)
    for code in (codes[1], recovery[0]):
        here = requests.Session()
        asked = post(here, f"{scene.url}/signin", name="luke", password=ANOTHER)
        pending = shown(asked, "pending")
        secrets.add("pending sign-in", pending)
        scene.keep(post(here, f"{scene.url}/signin/code", pending=pending, code=wrong), pending)
        assert post(here, f"{scene.url}/signin/code", pending=pending, code=code).status_code == 303
        note_cookies(scene, here)
        scene.keep(post(here, f"{scene.url}/signin/code", pending=pending, code=code))
        post(here, f"{scene.url}/signout")


def note_cookies(scene: Scene, session: requests.Session) -> None:
    for cookie in session.cookies:
        scene.secrets.add(f"cookie {cookie.name}", cookie.value or "")


def zoom_tells(scene: Scene) -> list[Meeting]:
    """The events of the demo; a meeting with everything that opens it; people who register; recordings."""
    pair, now = scene.pair, datetime.now(UTC)
    validation = json.dumps(scenarios.validation("plain-token-of-zoom", now=now)).encode()
    assert pair.send(validation).status_code == 200
    pair.tell(*scenarios.lifecycle("meeting", 80_000_000_471, now=now))
    pair.tell(*scenarios.lifecycle("webinar", 80_000_000_472, now=now), route="webinar")
    pair.tell(scenarios.series(80_000_000_473, now=now))
    topic = f"Choir https://example.zoom.us/j/1?pwd={PASSCODE} {PASSCODE}"
    told = Meeting("meeting", topic=topic, changes={"password": PASSCODE})
    event = told.created()
    event["payload"]["operator"] = PEOPLE[1]
    event["payload"]["object"]["settings"]["alternative_hosts"] = ";".join(PEOPLE)
    recorded = told.recording("completed")
    recorded["payload"]["object"]["password"] = RECORDING_PASSCODE
    registered = told.registered("anna")
    registered["payload"]["object"]["registrant"]["email"] = PEOPLE[0]
    pair.tell(
        event, registered, told.updated(topic="Concert", start_url="https://example.zoom.us/s/1?zak=KEY-TO")
    )
    pair.tell(told.started(), told.ended(), recorded)
    assert pair.send(told.joined()).status_code == 204
    gone = Meeting("meeting", changes={"password": PASSCODE})
    pair.tell(gone.created(), gone.deleted())
    return [told, gone]


def an_account_is_imported(scene: Scene, stack: ExitStack) -> None:
    """With a wrong client secret first; its users have e-mail addresses."""
    account = Account(account_id="AccountOfTraces")
    anna = account.add_user("Anna")
    account.make(anna, "Parish council", quietly=True, agenda="The roof")
    zoom = stack.enter_context(ZoomServer(account))
    scene.secrets.add("e-mail of a user", anna.email)
    scene.secrets.add("client secret", CLIENT_SECRET)
    scene.secrets.add("wrong client secret", FORGED)
    options = [
        "account",
        "add",
        "--account-id",
        account.account_id,
        "--client-id",
        CLIENT_ID,
    ]
    options += ["--name", "An account", "--plan", "business", "--oauth-url", zoom.oauth_url]
    refused = subprocess.run(
        [*RunningBridge.COMMAND, *options],
        env=scene.pair.bridge.environment, input=FORGED, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert refused.returncode != 0
    scene.pages.append(("account add", (refused.stdout + refused.stderr).encode()))
    run(scene, *options, typed=CLIENT_SECRET + "\n")
    run(scene, "import")
    run(scene, "reconcile", "--dry-run")


def run(scene: Scene, *arguments: str, typed: str = "") -> None:
    said = scene.pair.bridge.command(*arguments, typed=typed)
    scene.pages.append((f"zoombridge {' '.join(arguments[:2])}", said.encode()))


def strangers_are_refused(scene: Scene, meeting: Meeting) -> None:
    """Bad signatures and tokens at every kind of address, of the bridge and of WordPress."""
    pair, url = scene.pair, scene.url
    event = meeting.updated(topic="Forged")
    direct = f"{url}/sites/{pair.id}/wp-json/vczapi/v1/meeting"
    for where in (None, direct):
        scene.keep(pair.send(event, secret=FORGED, url=where))
        scene.keep(pair.send(event, headers={"x-zm-signature": None, "authorization": FORGED}, url=where))
        scene.keep(pair.send(event, age=4_000, url=where))
        scene.keep(pair.send(b"x" * (1024 * 1024 + 1), url=where))
    signed = {
        "X-Zoombridge-Site": pair.id,
        "X-Zoombridge-Timestamp": str(int(time.time())),
        "X-Zoombridge-Context": b64encode(json.dumps({"user": PEOPLE[0]}).encode()).decode(),
        "X-Zoombridge-Signature": FORGED,
    }
    for path in (
        "/stub/hello",
        "/stub/rotate",
        "/stub/changed",
        "/webhooks",
        f"/sites/{pair.id}",
        "/stub/pair",
    ):
        scene.keep(
            requests.post(url + path, json={"code": FORGED, "sig": FORGED}, headers=signed, timeout=600)
        )
    for headers in ({"Authorization": f"Bearer {FORGED}"}, {"Cookie": f"zoombridge={FORGED}"}):
        for path in ("/metrics", "/rpc/site.list", "/account", "/no-such-page"):
            scene.keep(requests.get(url + path, headers=headers, timeout=600, allow_redirects=False))
            scene.keep(requests.post(url + path, headers=headers, timeout=600, allow_redirects=False))
    sync = {
        "zb": 2,
        "site": pair.id,
        "home": "0" * 64,
        "t": 1,
        "n": "0" * 32,
        "epoch": 1,
        "enc": "raw",
        "d": FORGED,
    }
    for path in ("wp-json/zoombridge/v1/sync", "?zoombridge_sync=1", "wp-json/vczapi/v1/meeting"):
        scene.keep(requests.post(f"{pair.site.url}/{path}", json=sync | {"sig": FORGED}, timeout=600))
    login = {"log": "admin", "pwd": GUESSED, "testcookie": "1"}
    scene.keep(requests.post(f"{pair.site.url}/wp-login.php", data=login, timeout=600))
    scene.secrets.add("forged secret", FORGED)


def the_database_is_away(scene: Scene, meeting: Meeting) -> None:
    """Another has it locked, while Zoom, people and strangers come."""
    url = scene.url
    link = scene.pair.bridge.sign_in_link("anna").partition("token=")[2]
    scene.secrets.add("link to sign in", link)
    event = meeting.updated(topic="Concert, later")
    with held(scene.pair.bridge.data / "zoombridge.db"), ThreadPoolExecutor() as threads:
        told = threads.submit(scene.pair.send, event)
        link_used = threads.submit(post, requests.Session(), f"{url}/link", token=link)
        signed_in = threads.submit(post, requests.Session(), f"{url}/signin", name="anna", password=PASSWORD)
        for waits in (told, link_used, signed_in):
            assert scene.keep(waits.result(), link).status_code == 503
    scene.pair.tell(event)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Let nobody write to a database."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=600)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture(scope="class")
def scene(kept_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Let everything happen once, on a bridge of its own that logs all it can."""
    folder = tmp_path_factory.mktemp("traces")
    temporary = folder / "temporary"
    temporary.mkdir(mode=0o700)
    environment = {"ZOOMBRIDGE_METRICS_TOKEN": METRICS_TOKEN, "TMPDIR": str(temporary)}
    old = os.umask(0o022)
    with ExitStack() as stack:
        kept_pair.site.log_path.write_bytes(b"")
        processes = stack.enter_context(Processes())
        stack.callback(kept_pair.connect_again)
        bridge = stack.enter_context(RunningBridge(folder / "bridge", *LOGGING, environment=environment))
        made = Scene(
            Pair(kept_pair.site, folder / "bridge", secret=None, bridge=bridge), processes, temporary
        )
        for name, value in {
            "password of anna": PASSWORD, "password of luke": ANOTHER, "guessed password": GUESSED,
            "secret token": SECRET, "retired secret token": RETIRED, "metrics token": METRICS_TOKEN,
            "start link": "zak=KEY-TO", "application password": kept_pair.site.application_password,
            "password of WordPress's administrator": kept_pair.site.password,
            "pasted link": f"https://example.zoom.us/j/1?pwd={PASSCODE}",
        }.items():  # fmt: skip
            made.secrets.add(name, value)
        for person in PEOPLE:
            made.secrets.add("e-mail", person)
        people_sign_in(made)
        save_secret(made.pair.site, RETIRED)
        save_secret(made.pair.site, SECRET)
        meeting, _ = zoom_tells(made)
        made.hold()
        run(made, "site", "renew-key", made.pair.id)
        made.hold()
        an_account_is_imported(made, stack)
        strangers_are_refused(made, meeting)
        the_database_is_away(made, meeting)
        made.hold()
        os.umask(old)
        yield made


# --- What is left -------------------------------------------------------------------------------------


def in_wordpress(database: Path, secrets: Secrets) -> list[Trace]:
    """Return what WordPress's tables hold, apart from what belongs there."""
    found = secrets.found(columns(database, LABELS))
    return [
        one
        for one in found
        if not any(re.fullmatch(a, one.place) and re.match(b, one.secret) for a, b in BELONGS)
    ]


class TestTraces:
    """One scene for all. The searches come first; the last test plants what they must find."""

    def test_are_in_nothing_of_the_bridge(self, scene: Scene) -> None:
        assert set(scene.secrets.values.values()) >= EXPECTED
        data = scene.pair.bridge.data
        assert {"sign_in_failed", "signed_in", "post_mirrored"} <= {line["event"] for line in scene.logged()}
        assert of_bridge(data, scene.secrets) == []
        assert open_to_others(data) == []
        assert scene.secrets.found(files(scene.temporary)) == []
        bearer = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        metrics = requests.get(f"{scene.url}/metrics", headers=bearer, timeout=600)
        assert "zoombridge_alerts" in metrics.text
        assert scene.secrets.found([("metrics", metrics.content)]) == []

    def test_an_event_has_one_id_from_the_request_to_the_post(self, scene: Scene) -> None:
        logged = scene.logged()
        for line in logged:
            assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta()
            assert line["level"] in ("debug", "info", "warning", "error")
        # While the database was away, Zoom was answered with 503, and then sent the same event again.
        refused = next(line for line in logged if line["event"] == "events_not_acknowledged")
        (trace_id,) = refused["trace_ids"]
        chain = {line["event"]: line for line in logged if trace_id in line.get("trace_ids", ())}
        first, *stored, last = chain
        # Which thread tells first what happened to a stored event is chance.
        assert (first, sorted(stored), last) == (
            "events_not_acknowledged",
            ["event_received", "events_folded"],
            "post_mirrored",
        )
        received, written = chain["event_received"], chain["post_mirrored"]
        assert (received["zoom_event"], received["number"]) == ("meeting.updated", written["number"])
        assert written["post_id"] == scene.pair.post(received["number"])["id"]
        event_id = chain["events_folded"]["event_ids"][0]
        assert f"trace ID  {trace_id}\n" in scene.pair.bridge.command("events", "show", str(event_id))

    def test_are_in_no_answer(self, scene: Scene) -> None:
        assert len(scene.pages) > 50
        assert scene.secrets.found(scene.pages) == []

    def test_are_in_nothing_of_wordpress(self, scene: Scene) -> None:
        folder = scene.pair.site.directory.parent
        assert in_wordpress(folder / DATABASE, scene.secrets) == []
        logs = [(name, (folder / name).read_bytes()) for name in ("php.log", "server.log")]
        assert scene.secrets.found(logs) == []
        content = scene.pair.site.directory / "wp-content"
        assert scene.secrets.found([*files(content / "plugins"), *files(content / "uploads")]) == []

    def test_are_in_the_arguments_of_no_process(self, scene: Scene) -> None:
        assert any(b"serve --port" in line for line in scene.processes.lines)
        assert scene.secrets.found([("process", b"\n".join(scene.processes.lines))]) == []

    def test_would_be_found(self, scene: Scene, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        data, wordpress = tmp_path / "bridge", tmp_path / "wordpress.sqlite"
        request.addfinalizer(lambda: shutil.rmtree(data))  # lest a search after all tests finds it
        shutil.copytree(scene.pair.bridge.data, data)
        shutil.copy(scene.pair.site.directory.parent / DATABASE, wordpress)
        with (data / "bridge.log").open("ab") as log:
            log.write(b"2026-11-30 event=odd header=" + b64encode(f"Bearer {METRICS_TOKEN}".encode()))
        (data / "left.tmp").write_text(quote(f"name=anna&password={PASSWORD}"))
        (data / "left.tmp").chmod(0o644)
        plant(data / "zoombridge.db", "UPDATE sites SET name = ?", PEOPLE[0])
        plant(data / "zoombridge.db", "UPDATE attempts SET message = ?", f"refused {PASSCODE.encode().hex()}")
        plant(wordpress, "UPDATE wp_options SET option_value = ? WHERE option_name = 'blogname'", SECRET)
        plant(
            wordpress,
            "UPDATE wp_users SET user_url = ?",
            "https://example.org/?code=" + quote(PEOPLE[1], safe=""),
        )

        told = {(one.place, one.secret) for one in of_bridge(data, scene.secrets)}
        assert told >= {
            ("bridge.log", "metrics token"),
            ("left.tmp", "password of anna"),
            ("database sites.name", "e-mail"),
            ("database attempts.message", "password in events.request"),
        }
        assert open_to_others(data) == ["left.tmp 644"]
        told = {(one.place, one.secret) for one in in_wordpress(wordpress, scene.secrets)}
        assert told == {("wp_options.option_value blogname", "secret token"), ("wp_users.user_url", "e-mail")}
        code = next(value for value, name in scene.secrets.values.items() if name == "code of an app")
        assert [one.secret for one in scene.secrets.found([("log", f"code={code}".encode())])] == [
            "code of an app"
        ]
        program = [sys.executable, "-c", "input(1)", "--password", ANOTHER]
        processes = Processes()
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.read(1) == b"1"
            processes.note()
            process.communicate(b"\n")
        found = scene.secrets.found([("process", b"\n".join(processes.lines))])
        assert [one.secret for one in found] == ["password of luke"]


def plant(database: Path, statement: str, value: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        changed = connection.execute(statement, (value,))
        assert changed.rowcount
