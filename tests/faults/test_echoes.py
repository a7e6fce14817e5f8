"""Echoes: Zoom tells of a meeting while the WordPress that makes it is still saving its post."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from core.errors import Fault
from tests.end_to_end.events import Meeting
from tests.end_to_end.pair import eventually
from tests.wordpress.vczapi_site import VczapiSite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.stepped import Stepped
    from tests.wordpress import WordPress

VCZAPI = Path(__file__).parent.parent / "wordpress/vczapi"

# VCZAPI's form: the post is inserted, Zoom is asked to make the meeting, and only then are the metas written.
FORM = """
add_action( 'wp_loaded', static function () {
    if ( ! isset( $_POST['vczapi_double_form'] ) ) {
        return;
    }
    add_action( 'save_post_zoom-meetings', static function () {
        touch( '%(folder)s/asked-zoom' );
        for ( $i = 0; $i < 1000 && ! file_exists( '%(folder)s/zoom-answered' ); $i++ ) {
            usleep( 20000 );
            clearstatcache();
        }
    }, 50 );
    echo vczapi_double_make( json_decode( wp_unslash( $_POST['vczapi_double_form'] ), true ) );
    exit;
} );
"""


@pytest.fixture
def with_vczapi(site: WordPress, stepped: Stepped) -> Iterator[Stepped]:
    site.add_plugin(VCZAPI)
    stepped.connect(vczapi=True)
    yield stepped
    site.deactivate_plugin("vczapi")


class Form:
    """Somebody makes a meeting in wp-admin, and Zoom takes its time."""

    def __init__(self, site: WordPress, folder: Path, pool: ThreadPoolExecutor, meeting: Meeting) -> None:
        self._folder = folder
        told = {"vczapi_double_form": json.dumps(meeting.object)}
        self._answer = pool.submit(requests.post, site.url, data=told, timeout=600)
        eventually((folder / "asked-zoom").exists)

    def saved(self) -> int:
        """Zoom answers; return the post that was saved."""
        (self._folder / "zoom-answered").touch()
        answer = self._answer.result(600)
        assert answer.status_code == 200, answer.text
        return int(answer.text)


@pytest.fixture
def save(
    with_vczapi: Stepped, misbehave: Callable[[str], Callable[[], None]], tmp_path: Path
) -> Iterator[Callable[[Meeting], Form]]:
    misbehave(FORM % {"folder": tmp_path})
    with ThreadPoolExecutor(1) as pool:
        yield lambda meeting: Form(with_vczapi.wordpress, tmp_path, pool, meeting)
        (tmp_path / "zoom-answered").touch()


def test_event_that_comes_while_the_post_is_saved_makes_no_second(
    with_vczapi: Stepped, meeting: Meeting, save: Callable[[Meeting], Form]
) -> None:
    form = save(meeting)
    with_vczapi.tell(meeting.created())
    assert with_vczapi.run() == [[meeting.number]]

    assert len(with_vczapi.titles()) == 1, "only the one that is being saved"
    assert list(with_vczapi.waiting()) == [meeting.number]
    assert with_vczapi.owner_message == "", "the site is well"
    (attempt,) = with_vczapi.attempts(meeting.number)
    assert (attempt.fault, attempt.status) == (Fault.BUSY, None)

    post_id = form.saved()
    with_vczapi.until_quiet()

    post = with_vczapi.post(meeting.number)
    assert post["id"] == post_id
    assert with_vczapi.titles() == [meeting.topic]
    assert post["content"]["raw"] == "Written by an editor."
    assert post["zoombridge_test"]["revision"] is not None
    assert with_vczapi.attempts(meeting.number)[0].action == "adopted"


def test_event_that_comes_after_it_was_saved_takes_it_over(
    with_vczapi: Stepped, meeting: Meeting, save: Callable[[Meeting], Form]
) -> None:
    post_id = save(meeting).saved()
    with_vczapi.tell(meeting.created(), meeting.updated(topic="Concert"))
    with_vczapi.until_quiet()
    assert with_vczapi.post(meeting.number)["id"] == post_id
    assert with_vczapi.titles() == ["Concert"]


def test_other_meetings_appear_once_it_is_saved(
    with_vczapi: Stepped, meeting: Meeting, save: Callable[[Meeting], Form]
) -> None:
    other = Meeting("meeting", topic="Another")
    form = save(meeting)
    with_vczapi.tell(other.created())
    with_vczapi.run()
    post_id = form.saved()
    with_vczapi.until_quiet()
    assert with_vczapi.titles() == ["Another", meeting.topic]
    with_vczapi.tell(meeting.created())
    with_vczapi.until_quiet()
    assert with_vczapi.post(meeting.number)["id"] == post_id


@pytest.fixture
def beside_next(site: WordPress, stepped: Stepped) -> Iterator[VczapiSite]:
    """The next generation of VCZAPI is active, and told of by the site."""
    started = VczapiSite.start(site, is_next=True)
    stepped.connect(vczapi=True)
    yield started
    started.stop()


def test_hundred_events_make_no_meeting_beside_the_next_generation(
    stepped: Stepped, beside_next: VczapiSite
) -> None:
    """In a simulation without this care, one `meeting.created` made 7 meetings in 4 seconds."""
    meetings = [Meeting("meeting", topic=f"Rehearsal {number}") for number in range(50)]
    stepped.tell(*(meeting.created() for meeting in meetings))
    stepped.until_quiet()
    stepped.tell(*(meeting.updated(topic=f"{meeting.topic} moved") for meeting in meetings))
    stepped.until_quiet()

    assert sorted(stepped.titles()) == sorted(f"{meeting.topic} moved" for meeting in meetings)
    assert beside_next.changes() == []

    for meeting in meetings[:3]:
        post = stepped.post(meeting.number)["id"]
        assert beside_next.meta(post, "vczapi_meeting_id") == str(meeting.number)
        answer = beside_next.site.rest("POST", f"wp/v2/zoom_meetings/{post}", json={"title": "By an editor"})
        assert answer.status_code == 200, answer.text
    stepped.until_quiet()
    assert beside_next.changes() == []
