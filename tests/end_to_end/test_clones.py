"""Copies of a site: they are mute and ask, or are told; production is unmoved by what becomes of them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests

from tests.conftest import STUB_SLUG
from tests.end_to_end.adding import Place, copied, notice, upload
from tests.end_to_end.browser import sign_in
from tests.end_to_end.front import DOMAIN
from tests.plugin_stub.pairing import Admin, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.events import Meeting
    from tests.wordpress import WordPress

LOAD = "require_once ABSPATH . 'wp-admin/includes/plugin.php';"


@dataclass
class Production:
    """A connected site, and the page of a meeting on it."""

    place: Place
    id: str
    home: str
    meeting: Meeting
    account: str

    def is_unmoved(self) -> None:
        """Check that the site is connected and well, and that its page follows Zoom."""
        owner = self.place.owner
        assert owner.check(self.id) == {}
        assert owner.rows("SELECT home, left_at FROM sites WHERE id = ?", self.id) == [(self.home, None)]
        self.place.updates_the_page(self.id, self.meeting, self.account)


@pytest.fixture
def production(place: Place, request: pytest.FixtureRequest) -> Production:
    """A site of each test's own."""
    name = request.node.name.replace("_", "-")[:40]
    home = place.begin(name)
    site_id = place.connected(home)
    return Production(place, site_id, home, place.makes_a_page(site_id, name), name)


@dataclass
class Staging:
    """A copy of production at another address, and an administrator there."""

    place: Place
    wordpress: WordPress
    home: str
    admin: Admin

    def refuses(self, event: dict[str, object]) -> str:
        """Let Zoom send an event there, where nobody takes it; return why."""
        response = self.place.send(f"{self.home}/wp-json/vczapi/v1/meeting", event)
        assert response.status_code == 503, response.text
        return str(response.json()["code"])


@pytest.fixture
def staging(production: Production) -> Iterator[Staging]:
    """Made while production is connected."""
    place = production.place
    host = f"staging-{production.account[:40]}.{DOMAIN}"
    home = f"http://{host}"
    with ExitStack() as stack:
        made = stack.enter_context(copied(place.wordpress, "staging", home=home))
        place.front.serve(host, made.url)
        stack.callback(place.front.close, host)
        yield Staging(place, made, home, Admin(made, sign_in(made)))


def heard(production: Production) -> int:
    """Return how many requests the bridge has logged of the plugin of a site: moves, goodbyes and codes."""
    log = production.place.owner.bridge.log()
    return sum(log.count(word) for word in ("site_moved", "plugin_ended", "plugin_back", "site_confirmed"))


def test_is_mute_whatever_becomes_of_it(production: Production, staging: Staging) -> None:
    before = heard(production)
    question = notice(staging.admin.open(), "copy")
    assert {"moved", "copy"} <= set(question.buttons)
    assert staging.refuses(production.meeting.updated(topic="Nothing")) == "zoombridge_moved"
    calendar = requests.get(f"{staging.wordpress.url}/?rest_route=/zoombridge/v1/calendar.ics", timeout=600)
    assert calendar.status_code == 503

    staging.wordpress.php(
        f"""
        {LOAD}
        foreach ( get_posts( array( 'post_type' => 'zoom-meetings', 'fields' => 'ids' ) ) as $post ) {{
            wp_trash_post( $post );
        }}
        deactivate_plugins( $plugin );
        uninstall_plugin( $plugin );
        """,
        plugin=f"{STUB_SLUG}/load.php",
    )
    assert heard(production) == before
    production.is_unmoved()


def test_that_is_taken_for_a_copy_is_connected_as_a_site_of_its_own(
    production: Production, staging: Staging
) -> None:
    question = notice(staging.admin.open(), "copy")
    staging.admin.press(question, "copy")
    assert stored(staging.wordpress) is None
    assert staging.refuses(production.meeting.updated(topic="Nothing")) == "zoombridge_not_paired"

    owner = production.place.owner
    code = owner.new_code(staging.home)
    upload(staging.wordpress, owner.plugin(code))
    staging.admin.open()
    copy_id = owner.await_site(code)
    assert copy_id != production.id
    assert owner.check(copy_id) == {}
    production.is_unmoved()


def test_that_uses_a_code_unasked_is_another_site(production: Production, staging: Staging) -> None:
    """It still has production's key, by which the bridge would know a site that has moved."""
    owner = production.place.owner
    code = owner.new_code(staging.home)
    upload(staging.wordpress, owner.plugin(code))
    staging.admin.press(notice(staging.admin.open(), "accept"), "accept")
    assert owner.await_site(code) != production.id
    production.is_unmoved()


def test_that_says_that_it_has_moved_is_told(production: Production, staging: Staging) -> None:
    found = staging.admin.press(notice(staging.admin.open(), "moved"), "moved")
    told = notice(found, "copy")
    assert f"{production.home} is still there, so this one is a copy of it" in told.text
    production.is_unmoved()
    staging.admin.press(told, "copy")
    assert stored(staging.wordpress) is None
    production.is_unmoved()


def test_two_at_one_address_are_told(production: Production) -> None:
    """They answer by turns, as where a name leads to two servers."""
    place = production.place
    host = production.home.removeprefix("http://")
    with copied(place.wordpress, "twin") as twin:
        place.front.serve(host, place.wordpress.url, twin.url)
        told = [place.owner.check(production.id) for _ in range(4)]
    assert told[0] == {}
    assert "Two copies of this site answer by turns" in told[-1]["copies"]
    assert "Two copies" in place.owner.open(f"/sites/{production.id}").text
