"""Who sees link, passcode and recordings: rule by rule and status by status, at every address that answers about a post.

The addresses are WordPress's, this plugin's, and those of VCZAPI 4.6.7: pages, feeds, REST, AJAX, shortcodes, blocks,
XML-RPC. Each post has secrets of its own, in its metas and, as hosts paste whole invitations, in its agenda. A response
to a visitor must hold none that the rules hide from that visitor.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import requests

from core.model.meeting import Meeting
from core.model.rules import JoinLink, Passcode, Recordings, Rules
from core.render import SiteRules, render
from core.render.ical import CalendarEntry, UidKey, calendar
from core.wordpress.post_operations import CreatePost
from core.wordpress.sync_operations_json import document
from core.wordpress.sync_posts import Mark, sync_operations
from tests.examples import SOAK
from tests.plugin_stub.bridge_double import BridgeDouble, BridgeResponse
from tests.plugin_stub.pairing import connect, must_use
from tests.plugin_stub.sync import SyncClient
from tests.wordpress.vczapi_site import HOST, VczapiSite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.wordpress import WordPress

_TIMEOUT = 600
RULES = {
    "all is shown": Rules(recordings=Recordings.EVERYBODY, recording_passcode=True),
    "passcode in the link": Rules(passcode=Passcode.IN_LINK, recordings=Recordings.EVERYBODY),
    "no passcode": Rules(passcode=Passcode.HIDDEN, recordings=Recordings.SIGNED_IN, recording_passcode=True),
    "for who is signed in": Rules(join_link=JoinLink.SIGNED_IN, recordings=Recordings.SIGNED_IN),
    "for nobody": Rules(join_link=JoinLink.NOBODY),
    "all is shown, but the site requires sign-in": Rules(recordings=Recordings.EVERYBODY),
}
REQUIRES_LOGIN = {"all is shown, but the site requires sign-in"}  # by VCZAPI's option in the post
STATUSES = ("publish", "password", "members", "draft", "private", "trash")
# What is not published is shown to nobody, by whatever rules: it is tried by these, and by the others in the soak.
MOST_OPEN = "all is shown"
ROLES = (None, "subscriber", "contributor")
# A plugin for memberships, by which nobody here sees the content of the posts with the status "members".
MEMBERS_ONLY = """
function members_can_current_user_view_post( $id ) {
    return ! metadata_exists( 'post', $id, 'for_members' );
}
foreach ( array( 'the_content', 'get_the_excerpt' ) as $hook ) {
    add_filter( $hook, function ( $text ) {
        return members_can_current_user_view_post( get_the_ID() ) ? $text : 'For members.';
    } );
}
"""
START = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


@dataclass(frozen=True)
class Case:
    """A post: the rules by which it was written, its status, its meeting's number."""

    rules: str
    status: str
    number: int
    post: int = 0
    link: str = ""

    @property
    def uuid(self) -> str:
        return f"uuid{self.number}=="

    @property
    def is_public(self) -> bool:
        """Whether it is shown to everybody, and everything of it."""
        return self.status == "publish" and self.rules == MOST_OPEN

    def secrets(self) -> dict[str, str]:
        """What visitors may see of it or not, by name; each is a text that nothing else holds."""
        return {
            "link": f"zoom.us/j/{self.number}",
            "token": f"tok{self.number}",
            "passcode": f"pc{self.number}x",
            "start link": f"zak{self.number}",
            "other passcode": f"enc{self.number}x",
            "signature": f"signature-{self.number}",
            "recording": f"share{self.number}",
            "recording file": f"file{self.number}",
            "recording passcode": f"rp{self.number}x",
        }

    def allowed(self, *, signed_in: bool) -> set[str]:
        """Return the names of the secrets that a visitor who is not its author may see."""
        if self.status != "publish":
            return set()
        rules = RULES[self.rules]
        found = set()
        to_all = rules.join_link is JoinLink.EVERYBODY and self.rules not in REQUIRES_LOGIN
        if to_all or (rules.join_link is not JoinLink.NOBODY and signed_in):
            found |= {"link", "signature"}
            found |= {"token"} if rules.passcode is not Passcode.HIDDEN else set()
            found |= {"passcode"} if rules.passcode is Passcode.SHOWN else set()
        if rules.recordings is Recordings.EVERYBODY or (
            rules.recordings is Recordings.SIGNED_IN and signed_in
        ):
            found |= {"recording", "recording file"}
            found |= {"recording passcode"} if rules.recording_passcode else set()
        return found

    @property
    def join_url(self) -> str:
        return f"https://us02web.zoom.us/j/{self.number}?pwd={self.secrets()['token']}"

    @property
    def start_url(self) -> str:
        return f"https://us02web.zoom.us/s/{self.number}?zak={self.secrets()['start link']}"

    @property
    def agenda(self) -> str:
        """Return what the host wrote. What the rules show, the text of a post shows, whatever option the post has."""
        if self.rules in REQUIRES_LOGIN:
            return "Bring your notes"
        return f"Join: {self.join_url} Passcode: {self.secrets()['passcode']} Host: {self.start_url}"

    def at_zoom(self) -> dict[str, Any]:
        """Return the meeting as Zoom's API holds it."""
        secrets = self.secrets()
        return {
            "id": self.number,
            "uuid": self.uuid,
            "type": 2,
            "topic": f"Choir {self.number}",
            "agenda": self.agenda,
            "host_id": HOST,
            "start_time": f"{START:%Y-%m-%dT%H:%M:%SZ}",
            "timezone": "Europe/Berlin",
            "duration": 60,
            "password": secrets["passcode"],
            "encrypted_password": secrets["other passcode"],
            "h323_password": secrets["other passcode"],
            "pstn_password": secrets["other passcode"],
            "join_url": self.join_url,
            "start_url": self.start_url,
            "status": "waiting",
            "occurrences": [],
            "settings": {"waiting_room": True},
        }

    def recordings(self) -> dict[str, Any]:
        """Return its recordings as Zoom's API holds them."""
        secrets = self.secrets()
        file = secrets["recording file"]
        return {
            "id": self.number,
            "uuid": self.uuid,
            "topic": f"Choir {self.number}",
            "start_time": "2026-01-01T10:00:00Z",
            "timezone": "UTC",
            "duration": 60,
            "total_size": 1000,
            "share_url": f"https://us02web.zoom.us/rec/share/{secrets['recording']}",
            "password": secrets["recording passcode"],
            "recording_play_passcode": secrets["recording passcode"],
            "recording_files": [
                {
                    "id": "1",
                    "file_type": "MP4",
                    "recording_type": "shared_screen",
                    "file_size": 1000,
                    "play_url": f"https://us02web.zoom.us/rec/play/{file}",
                    "download_url": f"https://us02web.zoom.us/rec/download/{file}",
                }
            ],
        }

    def meeting(self) -> Meeting:
        """Return the meeting as the bridge knows it."""
        secrets = self.secrets()
        recording = {
            "state": "available",
            "share_url": f"https://us02web.zoom.us/rec/share/{secrets['recording']}",
            "passcode": secrets["recording passcode"],
            "started": "2026-01-01T10:00:00Z",
            "matched": self.uuid,
        }
        known = {key: value for key, value in self.at_zoom().items() if key != "start_url"}
        return Meeting("account", self.number, object=known, created=True, recordings={self.uuid: recording})


def written(case: Case, seq: int) -> dict[str, Any]:
    """Return the operation by which the bridge creates the post."""
    post = render(case.meeting(), SiteRules(RULES[case.rules], vczapi=True), datetime.now(UTC))
    assert not post.reason
    status = case.status if case.status in ("draft", "private") else "publish"
    metas = {**post.field, "revision": 1}
    ticks = {"site_option_logged_in"} if case.rules in REQUIRES_LOGIN else post.ticks
    metas["fields"] = metas["fields"] | dict.fromkeys(ticks, "1")
    fields = {"title": post.title, "content": post.content, "status": status, "zoombridge": metas}
    [write] = sync_operations(CreatePost(fields), Mark(case.number, seq))
    found = document(write, 0)
    del found["i"]
    return found


@dataclass
class Visitor:
    """Somebody who visits the site, with the role or without an account."""

    role: str | None
    site: VczapiSite
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **parameters: str) -> str:
        """Return headers and body of an address, below the site's or whole."""
        address = path if path.startswith("http") else f"{self.site.site.url}/{path}"
        return self._text(self.session.get(address, params=parameters, timeout=_TIMEOUT))

    def rest(self, path: str, **parameters: str) -> str:
        """Return what the REST API answers."""
        headers = {"X-WP-Nonce": self.nonce} if self.role else {}
        answer = self.session.get(
            f"{self.site.site.url}/wp-json/{path}", params=parameters, headers=headers, timeout=_TIMEOUT
        )
        return self._text(answer)

    def ajax(self, action: str, sent: Mapping[str, str]) -> str:
        """Return what an AJAX action answers that reads what is posted."""
        form = {"action": action, **sent}
        url = f"{self.site.site.url}/wp-admin/admin-ajax.php"
        return self._text(self.session.post(url, data=form, timeout=_TIMEOUT))

    def xml_rpc(self, post: int) -> str:
        """Return what `wp.getPost` answers with everything that it can."""
        call = f"""<?xml version="1.0"?><methodCall><methodName>wp.getPost</methodName><params>
            <param><value>1</value></param><param><value>{self.role or "nobody"}</value></param>
            <param><value>a-password</value></param><param><value><int>{post}</int></value></param>
            </params></methodCall>"""
        return self._text(requests.post(f"{self.site.site.url}/xmlrpc.php", data=call, timeout=_TIMEOUT))

    @staticmethod
    def _text(answer: requests.Response) -> str:
        return f"{answer.url}\n{dict(answer.headers)}\n{answer.text}"

    @property
    def nonce(self) -> str:
        """Let the REST API know the session, as scripts in pages do."""
        if not hasattr(self, "_nonce"):
            url = f"{self.site.site.url}/wp-admin/admin-ajax.php"
            self._nonce = self.session.get(url, params={"action": "rest-nonce"}, timeout=_TIMEOUT).text
        return self._nonce


@dataclass(frozen=True)
class Scene:
    """A site with posts for all rules and all statuses, and visitors of all kinds."""

    site: VczapiSite
    cases: tuple[Case, ...]
    visitors: tuple[Visitor, ...]

    def page_with(self, content: str) -> str:
        """Publish a page and return its address."""
        link: str = self.site.site.php(
            """
            return get_permalink( wp_insert_post( array(
                'post_type' => 'page', 'post_status' => 'publish', 'post_title' => 'Page', 'post_content' => $content,
            ) ) );
            """,
            content=content,
        )
        return link

    def page_of_each(self, shortcode: str) -> str:
        """Publish a page with a shortcode for each post."""
        codes = [shortcode.format(number=case.number, post=case.post) for case in self.cases]
        return self.page_with("\n\n".join(codes))


@pytest.fixture(scope="module")
def scene(wordpress: WordPress) -> Iterator[Scene]:
    """One scene for all tests here: they only look."""
    wordpress.reset()
    vczapi = VczapiSite.start(wordpress)
    with BridgeDouble() as bridge, must_use(wordpress, MEMBERS_ONLY):
        yield furnished(vczapi, bridge)
    vczapi.stop()


@pytest.fixture(autouse=True)
def _quiet(scene: Scene) -> Iterator[None]:
    """Fail a test that makes PHP complain, but for deprecations in WordPress's and VCZAPI's own files."""
    yield
    complaints = scene.site.complaints()
    scene.site.site.log_path.write_bytes(b"")
    assert complaints == []


def furnished(vczapi: VczapiSite, bridge: BridgeDouble) -> Scene:
    """Have the bridge write all posts, and let visitors come."""
    connect(vczapi.site, bridge.url)
    sync = SyncClient(vczapi.site)
    numbers = iter(range(81_000_000_001, 81_000_000_100))
    cases = [
        Case(rules, status, next(numbers))
        for rules in RULES
        for status in STATUSES
        if SOAK or status == "publish" or rules == MOST_OPEN
    ]
    results = sync.send(*(written(case, sync.next()) for case in cases), message={"quiet": True}).results
    assert all(result["ok"] for result in results), results
    placed = tuple(
        Case(case.rules, case.status, case.number, result["post"], result["link"])
        for case, result in zip(cases, results, strict=True)
    )
    vczapi.site.php(
        """
        $term = wp_insert_term( 'Choirs', 'zoom-meeting', array( 'slug' => 'choirs' ) )['term_id'];
        foreach ( $cases as $case ) {
            wp_set_object_terms( $case['post'], array( $term ), 'zoom-meeting' );
            wp_insert_comment( array( 'comment_post_ID' => $case['post'], 'comment_content' => 'Hello' ) );
            if ( 'trash' === $case['status'] ) {
                wp_trash_post( $case['post'] );
            } elseif ( 'password' === $case['status'] ) {
                wp_update_post( array( 'ID' => $case['post'], 'post_password' => 'x' ) );
            } elseif ( 'members' === $case['status'] ) {
                add_post_meta( $case['post'], 'for_members', '1' );
            }
        }
        foreach ( array( 'subscriber', 'contributor' ) as $role ) {
            wp_insert_user( array( 'user_login' => $role, 'user_pass' => 'a-password', 'role' => $role ) );
        }
        update_option( 'posts_per_rss', 100 );
        $zoom = get_option( 'zoombridge_test_zoom' );
        $zoom['objects'] = array_column( $meetings, null, 'id' );
        $zoom['recordings'] = $recordings;
        update_option( 'zoombridge_test_zoom', $zoom );
        """,
        cases=[{"post": case.post, "status": case.status} for case in placed],
        meetings=[case.at_zoom() for case in placed],
        recordings=[case.recordings() for case in placed],
    )
    visitors = []
    for role in ROLES:
        visitor = Visitor(role, vczapi)
        if role:
            opened = VczapiSite(vczapi.site)
            opened.sign_in(role, "a-password")
            visitor.session = opened.session
        visitors.append(visitor)
    bridge.respond = lambda _: BridgeResponse(200, _calendar(placed), {"Content-Type": "text/calendar"})
    return Scene(vczapi, placed, tuple(visitors))


def _calendar(cases: tuple[Case, ...]) -> bytes:
    """Return the bridge's calendar of all posts, each by its own rules."""
    first, *rest = [
        calendar(
            [CalendarEntry(case.meeting(), 1, case.link, case.post) for case in cases if case.rules == rules],
            RULES[rules],
            name="Choirs",
            key=UidKey(b"secret", "choir.example.org"),
            now=datetime.now(UTC),
        )
        for rules in RULES
    ]
    events = b"".join(
        event for one in rest for event in re.findall(rb"BEGIN:VEVENT.*?END:VEVENT\r\n", one, re.DOTALL)
    )
    return first.replace(b"END:VCALENDAR", events + b"END:VCALENDAR")


SHOWN = frozenset({"link", "token", "passcode"})
INVITATION = SHOWN  # what the content of a published post shows where the rules hide nothing


def _shown_to(scene: Scene, text: str) -> str:
    """Return a response as a visitor reads it, with what is encoded in it."""
    whole = html.unescape(unquote(html.unescape(text))).replace("\\/", "/").replace("\r\n ", "")
    paks = sorted(set(re.findall(r"[?&]pak=([^&\"'\s<>]+)", html.unescape(text))))
    if paks and scene.site.is_real:
        paks = scene.site.site.php(
            r"return array_map( '\Codemanas\VczApi\Helpers\Encryption::decrypt', array_map( 'urldecode', $paks ) );",
            paks=paks,
        )
    return whole + "\n" + "\n".join(str(pak) for pak in paks)


def check(scene: Scene, visitor: Visitor, text: str, cases: tuple[Case, ...]) -> set[str]:
    """Assert that a response holds nothing hidden; return what it shows of the posts that hide nothing."""
    whole = _shown_to(scene, text)
    seen = set()
    for case in cases:
        allowed = case.allowed(signed_in=visitor.role is not None)
        found = {name for name, secret in case.secrets().items() if secret in whole}
        assert found <= allowed, (
            f"{case.rules}, {case.status}, to {visitor.role}: {sorted(found - allowed)}\n{text}"
        )
        seen |= found if case.is_public else set()
    return seen


# Addresses that answer about all posts: what a visitor gets, and what it shows of posts that hide nothing.
OVERALL: dict[str, tuple[Callable[[Scene, Visitor], str], frozenset[str]]] = {
    "home": (lambda _, visitor: visitor.get(""), frozenset()),
    "archive": (lambda _, visitor: visitor.get("zoom-meetings/"), frozenset()),
    "archive, to join": (
        lambda scene, visitor: visitor.get("zoom-meetings/", type="meeting", join=str(scene.cases[0].number)),
        frozenset(),
    ),
    "taxonomy archive": (lambda _, visitor: visitor.get("", taxonomy="zoom-meeting", term="choirs"), frozenset()),
    "author archive": (lambda _, visitor: visitor.get("", author="1", post_type="zoom-meetings"), frozenset()),
    "search": (lambda _, visitor: visitor.get("", s="Choir"), frozenset()),
    "search for a passcode": (
        lambda scene, visitor: visitor.get("", s="Passcode", post_type="zoom-meetings"), frozenset(),
    ),
    "feed of the type": (lambda _, visitor: visitor.get("zoom-meetings/feed/"), INVITATION),
    "feed of the type, Atom": (lambda _, visitor: visitor.get("zoom-meetings/feed/atom/"), INVITATION),
    "feed of the taxonomy": (
        lambda _, visitor: visitor.get("", feed="rss2", taxonomy="zoom-meeting", term="choirs"), INVITATION,
    ),
    "feed of the search": (lambda _, visitor: visitor.get("", s="Choir", feed="rss2"), INVITATION),
    "feed of comments": (lambda _, visitor: visitor.get("comments/feed/"), frozenset()),
    "sitemap": (lambda _, visitor: visitor.get("wp-sitemap-posts-zoom-meetings-1.xml"), frozenset()),
    "REST": (lambda _, visitor: visitor.rest("wp/v2/zoom_meetings", per_page="100"), INVITATION),
    "REST, other statuses": (
        lambda _, visitor: visitor.rest("wp/v2/zoom_meetings", status="draft,private,trash"), frozenset(),
    ),
    "REST, with all": (
        lambda _, visitor: visitor.rest("wp/v2/zoom_meetings", per_page="100", _embed="1"), INVITATION,
    ),
    "REST, for editing": (lambda _, visitor: visitor.rest("wp/v2/zoom_meetings", context="edit"), frozenset()),
    "REST of the taxonomy": (lambda _, visitor: visitor.rest("wp/v2/zoom_meeting_cats"), frozenset()),
    "REST, search": (lambda _, visitor: visitor.rest("wp/v2/search", search="Choir", per_page="100"), frozenset()),
    "REST, comments": (lambda _, visitor: visitor.rest("wp/v2/comments", _embed="1"), frozenset()),
    "calendar": (lambda _, visitor: visitor.get("wp-json/zoombridge/v1/calendar.ics"), INVITATION),
    "list in wp-admin": (
        lambda _, visitor: visitor.get("wp-admin/edit.php", post_type="zoom-meetings"), frozenset(),
    ),
    "[zoom_list_meetings]": (
        lambda scene, visitor: visitor.get(scene.page_with('[zoom_list_meetings per_page="100" show="all"]')),
        frozenset(),
    ),
    "[zoom_list_webinars]": (
        lambda scene, visitor: visitor.get(scene.page_with("[zoom_list_webinars]")), frozenset(),
    ),
    "[zoom_list_host_meetings]": (
        lambda scene, visitor: visitor.get(scene.page_with(f'[zoom_list_host_meetings host="{HOST}"]')), SHOWN,
    ),
    "[zoom_list_host_webinars]": (
        lambda scene, visitor: visitor.get(scene.page_with(f'[zoom_list_host_webinars host="{HOST}"]')),
        frozenset({"link", "token"}),
    ),
    "[zoom_api_link]": (
        lambda scene, visitor: visitor.get(scene.page_of_each('[zoom_api_link meeting_id="{number}"]')),
        frozenset({"link", "token"}),
    ),
    "[zoom_api_link], link only": (
        lambda scene, visitor: visitor.get(
            scene.page_of_each('[zoom_api_link meeting_id="{number}" link_only="yes"]')
        ),
        frozenset({"link", "token"}),
    ),
    "[zoom_api_webinar]": (
        lambda scene, visitor: visitor.get(scene.page_of_each('[zoom_api_webinar webinar_id="{number}"]')),
        frozenset(),
    ),
    "[zoom_join_via_browser]": (
        lambda scene, visitor: visitor.get(
            scene.page_of_each('[zoom_join_via_browser meeting_id="{number}" iframe="no"]')
        ),
        frozenset({"passcode"}),
    ),
    "[zoom_meeting_post]": (
        lambda scene, visitor: visitor.get(scene.page_of_each('[zoom_meeting_post post_id="{post}"]')), INVITATION,
    ),
    "[zoom_meeting_post], boxed": (
        lambda scene, visitor: visitor.get(
            scene.page_of_each('[zoom_meeting_post post_id="{post}" template="boxed"]')
        ),
        INVITATION,
    ),
    "[zoom_recordings]": (
        lambda scene, visitor: visitor.get(scene.page_with(f'[zoom_recordings host_id="{HOST}"]')), frozenset(),
    ),
    "[zoom_recordings_by_meeting]": (
        lambda scene, visitor: visitor.get(
            scene.page_of_each('[zoom_recordings_by_meeting meeting_id="{number}" passcode="yes"]')
        ),
        frozenset(),
    ),
    "[zoom_meetings]": (
        lambda scene, visitor: visitor.get(
            scene.page_with("[zoom_meetings number=100] [zoom_meetings view=cards number=100] [zoom_countdown]")
        ),
        frozenset({"link", "token"}),
    ),
    "[zoom_meeting]": (
        lambda scene, visitor: visitor.get(scene.page_of_each('[zoom_meeting meeting="{number}"]')),
        frozenset({"link", "token"}),
    ),
    "AJAX, list": (
        lambda _, visitor: visitor.ajax(
            "vczapi_list_meeting_shortcode_ajax_handler", {"data[per_page]": "100", "data[type]": ""}
        ),
        frozenset(),
    ),
    "AJAX, hosts": (lambda _, visitor: visitor.get("wp-admin/admin-ajax.php", action="vczapi_get_zoom_hosts"), frozenset()),
    "AJAX, live meetings": (
        lambda _, visitor: visitor.get(
            "wp-admin/admin-ajax.php", action="vczapi_get_live_meetings", host_id=HOST
        ),
        frozenset(),
    ),
    "AJAX, import": (
        lambda _, visitor: visitor.ajax("vczapi_sync_user", {"type": "check", "user_id": HOST}), frozenset(),
    ),
}  # fmt: skip


def _block(name: str, **attributes: Any) -> Callable[[Visitor], str]:
    def fetch(visitor: Visitor) -> str:
        flat: dict[str, str] = {}
        for key, value in attributes.items():
            parts = value.items() if isinstance(value, dict) else ()
            flat |= {f"attributes[{key}][{inner}]": str(one) for inner, one in parts}
            flat |= {} if isinstance(value, dict) else {f"attributes[{key}]": str(value)}
        return visitor.rest(f"wp/v2/block-renderer/vczapi/{name}", **flat)

    return fetch


def _choice(value: Any) -> dict[str, str]:
    return {"label": "x", "value": str(value)}


# Addresses that answer about one post.
OF_A_POST: dict[str, tuple[Callable[[Case, Visitor], str], frozenset[str]]] = {
    "page": (lambda case, visitor: visitor.get(case.link), INVITATION),
    "page by its ID": (lambda case, visitor: visitor.get("", p=str(case.post), post_type="zoom-meetings"), INVITATION),
    "preview": (lambda case, visitor: visitor.get("", p=str(case.post), preview="true"), INVITATION),
    "embedded": (lambda case, visitor: visitor.get("", p=str(case.post), post_type="zoom-meetings", embed="true"), INVITATION),
    "feed of comments": (
        lambda case, visitor: visitor.get("", p=str(case.post), post_type="zoom-meetings", feed="rss2"), frozenset(),
    ),
    "oEmbed": (lambda case, visitor: visitor.rest("oembed/1.0/embed", url=case.link), frozenset()),
    "REST": (lambda case, visitor: visitor.rest(f"wp/v2/zoom_meetings/{case.post}"), INVITATION),
    "REST, for editing": (
        lambda case, visitor: visitor.rest(f"wp/v2/zoom_meetings/{case.post}", context="edit"), frozenset(),
    ),
    "REST, revisions": (lambda case, visitor: visitor.rest(f"wp/v2/zoom_meetings/{case.post}/revisions"), frozenset()),
    "REST, autosaves": (lambda case, visitor: visitor.rest(f"wp/v2/zoom_meetings/{case.post}/autosaves"), frozenset()),
    "calendar": (
        lambda case, visitor: visitor.get(f"wp-json/zoombridge/v1/calendar/{case.number}.ics"), INVITATION,
    ),
    "XML-RPC": (lambda case, visitor: visitor.xml_rpc(case.post), frozenset()),
    "edit screen": (
        lambda case, visitor: visitor.get("wp-admin/post.php", post=str(case.post), action="edit"), frozenset(),
    ),
    "to join in the browser": (lambda case, visitor: visitor.get(case.link, type="meeting", join="x"), frozenset({"passcode"})),
    "AJAX, join links": (
        lambda case, visitor: visitor.ajax(
            "set_timezone",
            {
                "post_id": str(case.post),
                "type": "page",
                "user_timezone": "UTC",
                "start_date": f"{START:%Y-%m-%d %H:%M:%S}",
                "meeting_type": "2",
            },
        ),
        frozenset({"link", "token"}),
    ),
    "AJAX, recordings by number": (
        lambda case, visitor: visitor.get(
            "wp-admin/admin-ajax.php",
            action="getRecordingByMeetingID",
            meeting_id=str(case.number),
            passcode="yes",
            downloadable="yes",
        ),
        frozenset({"recording", "recording passcode"}),
    ),
    "AJAX, files of recordings": (
        lambda case, visitor: visitor.get(
            "wp-admin/admin-ajax.php", action="get_recording", recording_id=case.uuid, downloadable="1"
        ),
        frozenset({"recording file"}),
    ),
    "AJAX, files of recordings by number": (
        lambda case, visitor: visitor.get(
            "wp-admin/admin-ajax.php", action="get_recording", recording_id=str(case.number), downloadable="1"
        ),
        frozenset({"recording file"}),
    ),
    "block of a post": (
        lambda case, visitor: _block("show-meeting-post", postID=case.post)(visitor), frozenset(),
    ),
    "block of a meeting": (
        lambda case, visitor: _block(
            "show-live-meeting", shouldShow=_choice("meeting"), selectedMeeting=_choice(case.number)
        )(visitor),
        frozenset(),
    ),
    "block to join": (
        lambda case, visitor: _block(
            "join-via-browser", shouldShow=_choice("meeting"), selectedMeeting=_choice(case.number)
        )(visitor),
        frozenset(),
    ),
    "block of recordings": (
        lambda case, visitor: _block(
            "recordings", showBy="meeting", shouldShow=_choice("meeting"), selectedMeeting=_choice(case.number)
        )(visitor),
        frozenset(),
    ),
    "block of a host's meetings": (
        lambda _, visitor: _block("list-host-meetings", shouldShow=_choice("meeting"), host=_choice(HOST))(visitor),
        frozenset(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("address", OVERALL)
def test_address_about_all_posts_keeps_the_promises(scene: Scene, address: str) -> None:
    fetch, shown = OVERALL[address]
    for visitor in scene.visitors:
        seen = check(scene, visitor, fetch(scene, visitor), scene.cases)
        assert shown <= seen or visitor.role, f"It shows {seen} to everybody, and nothing is hidden."


@pytest.mark.parametrize("address", OF_A_POST)
def test_address_about_a_post_keeps_the_promises(scene: Scene, address: str) -> None:
    fetch, shown = OF_A_POST[address]
    for visitor in scene.visitors:
        for case in scene.cases:
            text = fetch(case, visitor)
            seen = check(scene, visitor, text, (case,))
            assert not case.is_public or visitor.role or shown <= seen, f"It shows {seen}.\n{text}"


@pytest.mark.parametrize("form", ["{}", "0{}", "00 {}"])
def test_signature_to_join_in_the_browser_keeps_the_promises(scene: Scene, form: str) -> None:
    public = next(case for case in scene.cases if case.is_public)
    for visitor in scene.visitors:
        page = visitor.get(public.link, type="meeting", join="x")
        nonce = re.search(r'"zvc_security":"(\w+)"', page)
        assert nonce
        for case in scene.cases:
            answer = visitor.ajax("get_auth", {"noncce": nonce[1], "meeting_id": form.format(case.number)})
            told = json.loads(answer.splitlines()[-1])
            check(scene, visitor, f"signature-{case.number}" if told["success"] else "", (case,))
            assert told["success"] or not case.is_public


@pytest.mark.parametrize(("password", "is_shown"), [("x", True), ("y", False), ("", False)])
def test_rest_shows_a_post_to_whoever_knows_its_password(scene: Scene, password: str, is_shown: bool) -> None:
    case = next(case for case in scene.cases if case.status == "password" and case.rules == MOST_OPEN)

    text = scene.visitors[0].rest(f"wp/v2/zoom_meetings/{case.post}", password=password)

    assert (case.secrets()["link"] in _shown_to(scene, text)) is is_shown


def test_rest_answers_as_other_plugins_have_it(scene: Scene) -> None:
    """A filter may put an error, or anything else, in place of a post."""
    case = next(case for case in scene.cases if case.status == "password")

    assert (
        scene.site.site.php(
            """
            $post     = get_post( $post );
            $request  = new WP_REST_Request();
            $refused  = new WP_Error( 'theirs', 'No.' );
            $filtered = apply_filters( 'rest_prepare_zoom-meetings', $refused, $post, $request );
            return $filtered->get_error_code();
            """,
            post=case.post,
        )
        == "theirs"
    )


def test_page_holds_nothing_more_for_an_administrator_to_leave_in_a_cache(scene: Scene) -> None:
    """VCZAPI keeps the meetings of a host for five minutes, for whoever comes next."""
    page = scene.page_with(f'[zoom_list_host_meetings host="{HOST}"]')
    scene.site.site.php("delete_option( $name );", name=f"vczapi_user_meetings_for_{HOST}")
    scene.site.session.get(page, timeout=_TIMEOUT)

    anonymous = scene.visitors[0]
    assert check(scene, anonymous, anonymous.get(page), scene.cases) >= SHOWN
