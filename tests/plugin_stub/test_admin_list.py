"""The list of meetings in wp-admin, the plugin's row, the privacy policy and Site Health, as a real WordPress has them."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from core.model.meeting import MeetingKind
from tests.plugin_stub.bridge_double import BridgeDouble, as_json
from tests.plugin_stub.conftest import VCZAPI, sign_in
from tests.plugin_stub.pairing import connect
from tests.plugin_stub.sync import SyncClient
from tests.plugin_stub.visitors import DAY, Writer, meeting, webinar, weekly

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.wordpress import WordPress

LIST = "wp-admin/edit.php"


@pytest.fixture
def writer(site: WordPress) -> Iterator[Writer]:
    with Writer(site) as made:
        yield made


VERSIONS = [
    ({"version": "9.0.0"}, "recommended", "Update it under Plugins"),
    ({"version": "0.1.9"}, "recommended", "Have whoever runs the bridge update it"),
    ({}, "recommended", "Have whoever runs the bridge update it"),  # version 0.1.0 does not tell it
]
"""Answers of bridges, what Site Health makes of them, and the next step."""


class Admin:
    """An administrator who reads pages of wp-admin."""

    def __init__(self, site: WordPress) -> None:
        self._site = site
        self._session: requests.Session = sign_in(site)

    def get(self, path: str, **parameters: str) -> str:
        answer = self._session.get(f"{self._site.url}/{path}", params=parameters, timeout=600)
        assert answer.status_code == 200
        return answer.text

    def titles(self, **parameters: str) -> list[str]:
        listed = self.get(LIST, post_type="zoom-meetings", **parameters)
        return [unescape(title) for title in re.findall(r'class="row-title"[^>]*>([^<]*)</a>', listed)]


def cells(page: str, title: str) -> dict[str, str]:
    """Return the text of the columns of a post by the names of their headings."""
    [row] = [row for row in re.findall(r"<tr id=\"post-.*?</tr>", page, re.DOTALL) if f">{title}</a>" in row]
    found = re.findall(r'<td class=["\'](\w+) column-\w+["\'][^>]*>(.*?)</td>', row, re.DOTALL)
    return {name.removeprefix("zoombridge_"): unescape(re.sub("<[^>]+>", "", text)) for name, text in found}


class TestColumns:
    def test_say_what_zoom_says(self, writer: Writer) -> None:
        site, now = writer.site, writer.now
        [post] = writer.write(webinar("Concert <b>", now + DAY))
        site.php(
            "wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'By hand', 'post_status' => 'publish', 'post_author' => 1 ) );"
        )
        number = site.php("return get_post_meta( $id, '_meeting_zoom_meeting_id', true );", id=post)

        page = Admin(site).get(LIST, post_type="zoom-meetings")
        shown = cells(page, "Concert &lt;b&gt;")
        assert shown["date"] == site.php("return zoombridge_meeting_time( $id );", id=post)
        assert (
            shown
            | {"state": "Upcoming", "kind": "Webinar", "number": number, "host": "theHost", "origin": "Yes"}
            == shown
        )
        assert cells(page, "By hand")["origin"] == "No: it has no meeting in Zoom"
        assert "column-date" not in page, "when a post was published says nothing of a meeting"

    def test_nothing_adds_a_post_that_makes_no_meeting(self, writer: Writer) -> None:
        admin = Admin(writer.site)
        link = "post-new.php?post_type=zoom-meetings"
        assert link not in admin.get(LIST, post_type="zoom-meetings")
        assert link not in admin.get("")

        writer.site.add_plugin(VCZAPI, "vczapi")
        assert link in admin.get(LIST, post_type="zoom-meetings")

    def test_beside_those_of_vczapi(self, writer: Writer) -> None:
        writer.write(meeting("Choir", writer.now + DAY))
        writer.site.add_plugin(VCZAPI, "vczapi")

        shown = cells(Admin(writer.site).get(LIST, post_type="zoom-meetings"), "Choir")
        assert {"date", "state", "host", "origin"} <= set(shown)
        assert not {"kind", "number"} & set(shown)


class TestOrderAndFilters:
    def test_are_by_the_dates_of_the_meetings(self, writer: Writer) -> None:
        now = writer.now
        live = {"u": {"started": f"{now:%Y-%m-%dT%H:%M:%SZ}"}}
        writer.write(
            meeting("Next week", now + 7 * DAY),
            meeting("Yesterday", now - DAY),
            weekly("Class", now + DAY),
            meeting("Concert", now + 2 * DAY, kind=MeetingKind.WEBINAR, type=5),
            meeting("Live", now, instances=live),
            meeting("Any time", None),
        )
        admin = Admin(writer.site)
        by_date = ["Yesterday", "Live", "Class", "Concert", "Next week", "Any time"]
        assert admin.titles(orderby="zoombridge_date", order="asc") == by_date
        assert admin.titles(orderby="zoombridge_date", order="desc") == by_date[::-1]
        assert admin.titles(zoombridge_when="upcoming") == by_date[1:]
        assert admin.titles(zoombridge_when="past") == ["Yesterday"]
        assert admin.titles(zoombridge_when="live") == ["Live"]
        assert admin.titles(zoombridge_kind="webinar") == ["Concert"]
        assert "Next week" in admin.titles(zoombridge_when=f"{now + 7 * DAY:%Y-%m}")
        assert sorted(admin.titles(zoombridge_when="nonsense", zoombridge_kind="x")) == sorted(by_date)
        page = admin.get(LIST, post_type="zoom-meetings", zoombridge_when="past")
        assert '<option value="past" selected>' in page
        assert f'<option value="{now + 7 * DAY:%Y-%m}">' in page
        assert 'name="m"' not in page


class TestElsewhere:
    def test_row_of_the_plugin_leads_to_its_settings(self, writer: Writer) -> None:
        page = Admin(writer.site).get("wp-admin/plugins.php")
        assert re.search(
            r'<span class=["\']settings["\']><a href="[^"]*page=zoombridge-settings">Settings</a>', page
        )

    def test_privacy_policy_is_suggested(self, writer: Writer) -> None:
        suggested = writer.site.php(
            """
            require_once ABSPATH . 'wp-admin/includes/admin.php';
            wp_set_current_user( 1 );
            set_current_screen( 'dashboard' );
            remove_all_actions( 'admin_init' );
            add_action( 'admin_init', 'zoombridge_suggest_privacy_policy' );
            do_action( 'admin_init' );
            return array_column( WP_Privacy_Policy_Content::get_suggested_policy_text(), 'policy_text', 'plugin_name' );
            """
        )
        assert "its own privacy statement says" in suggested["Meetings Bridge for Zoom"]

    def test_site_health_tells_of_the_connection(self, site: WordPress) -> None:
        code = "return zoombridge_test_health();"
        assert site.php(code)["status"] == "critical"
        with BridgeDouble() as bridge:
            connect(site, bridge.url)
            version = site.php("return ZOOMBRIDGE_VERSION;")
            for told, status, step in VERSIONS:
                bridge.respond = lambda _, told=told: as_json(told)  # type: ignore[misc]
                found = site.php(code)
                assert found["status"] == status, told
                assert step in found["description"], told
            bridge.respond = lambda _: as_json({"version": version})
            found = site.php(code)
            assert (found["status"], found["actions"]) == ("good", "")
            # The bridge speaks a newer version of the protocol.
            sync = SyncClient(site)
            assert sync.send({"op": "hello"}, zb=3).error == "update"
            found = site.php(code)
            assert found["status"] == "critical"
            assert "too old for its bridge" in found["description"]
            page = sign_in(site).get(f"{site.url}/wp-admin/plugins.php", timeout=600).text
            assert "This plugin is too old for its bridge" in page
            assert "Update it under Plugins" in page
        assert "zoombridge_connection" in site.php(
            "return apply_filters( 'site_status_tests', array() )['direct'];"
        )
