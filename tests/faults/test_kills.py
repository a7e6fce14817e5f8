"""WordPress or the bridge killed between a write and its answer, while VCZAPI's form saves the same meetings."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.convergence.site_double import Killed
from tests.end_to_end.events import Meeting
from tests.examples import FIXED_SEED, KILLS, Progress
from tests.faults.rounds import AT_ZOOM, Life, Rounds, StruckBridge
from tests.faults.wire import Fate, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wordpress import WordPress

VCZAPI = Path(__file__).parent.parent / "wordpress/vczapi"
SEED = 20_264


@pytest.fixture
def wire(site: WordPress) -> Iterator[Wire]:
    """The way to a WordPress on which the double of VCZAPI is active."""
    site.add_plugin(VCZAPI)
    with Wire(site) as made:
        yield made
    site.deactivate_plugin("vczapi")


@pytest.fixture
def bridge(site: WordPress, wire: Wire, migrated_url: str, tmp_path: Path) -> Iterator[StruckBridge]:
    """A bridge with a store of each kind."""
    made = StruckBridge(site, tmp_path, wire, database_url=migrated_url)
    yield made
    made.store.close()


def test_one_post_of_each_meeting_in_its_wanted_state_after_each_round(
    bridge: StruckBridge, wire: Wire
) -> None:
    seed = SEED if FIXED_SEED else random.SystemRandom().randrange(10**9)
    rounds = Rounds(bridge, wire, random.Random(seed))
    progress = Progress(f"Kills (seed {seed})", KILLS.now)
    for number in range(KILLS.now):
        try:
            rounds.play()
        except BaseException as error:
            error.add_note(f"Round {number} of seed {seed}: {'; '.join(rounds.story)}")
            raise
        progress.one_more()
    progress.over()
    print(f"{wire.requests} requests; struck: {dict(Counter(wire.happened))}", flush=True)
    assert len(wire.happened) >= KILLS.now // 2, "Hardly anything happened to the requests."


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
class TestPlaces:
    """Places that chance meets rarely."""

    def test_between_a_new_row_and_its_number(self, bridge: StruckBridge, wire: Wire) -> None:
        meeting = Meeting("meeting")
        strike(
            bridge,
            wire,
            [meeting.created()],
            Fate("kill", "query", text="INSERT INTO `wp_postmeta`", patient=True),
        )
        assert [post["title"] for post in listed(bridge).values()] == [meeting.topic]

    @pytest.mark.parametrize("whose", ["bridge", "form"])
    def test_between_the_metas_and_the_title(self, bridge: StruckBridge, wire: Wire, whose: str) -> None:
        meeting = Meeting("meeting")
        if whose == "bridge":
            strike(bridge, wire, [meeting.created()])
        else:
            wire.form(Life(meeting).details)
        events = [meeting.created(), meeting.updated(topic="Concert")]
        strike(bridge, wire, events, Fate("kill", "query", text="UPDATE `wp_posts`", patient=True))
        assert [post["title"] for post in listed(bridge).values()] == ["Concert"]

    def test_between_the_title_and_the_record_before_zoom_takes_both_back(
        self, bridge: StruckBridge, wire: Wire
    ) -> None:
        """What the killed request has written does not stay."""
        meeting = Meeting("meeting", changes={"agenda": "Bring candles."})
        strike(bridge, wire, [meeting.created()])
        bridge.tell(meeting.updated(topic="Concert", agenda="Bring lamps."))
        wire.fates.append(Fate("kill", "query", text="`meta_key` = '_zoombridge_seq'", patient=True))
        bridge.step()
        assert wire.happened == ["kill query"]
        strike(bridge, wire, [meeting.updated(topic=meeting.topic, agenda="Bring a folder.")])
        [post] = listed(bridge).values()
        assert post["title"] == meeting.topic
        assert "folder" in post["content"]

    def test_title_taken_back_while_a_form_saves(self, bridge: StruckBridge, wire: Wire) -> None:
        """The form stores newer details over a title that a killed bridge has written."""
        meeting = Meeting("meeting", topic="Choir")
        strike(bridge, wire, [meeting.created()])
        [post] = listed(bridge)
        form = wire.form(Life(meeting).details, post, fate=Fate("hold", AT_ZOOM))
        bridge.tell(meeting.updated(topic="Concert"))
        wire.fates.append(Fate("bridge hold", "query"))
        with pytest.raises(Killed):
            bridge.step()
        bridge.comes_again()
        wire.release()
        wire.end_form(form)
        strike(bridge, wire, [meeting.updated(topic="Choir", duration=31)])
        assert [post["title"] for post in listed(bridge).values()] == ["Choir"]

    def test_in_the_middle_of_a_deletion(self, bridge: StruckBridge, wire: Wire) -> None:
        meeting = Meeting("meeting")
        strike(bridge, wire, [meeting.created()])
        fate = Fate("kill", "query", text="DELETE FROM `wp_posts`", patient=True)
        strike(bridge, wire, [meeting.permanently_deleted()], fate)
        assert listed(bridge) == {}

    def test_form_that_ends_while_the_bridge_looks_for_a_post(self, bridge: StruckBridge, wire: Wire) -> None:
        """The bridge finds no post yet, and then no form that saves any more."""
        meeting = Meeting("meeting")
        form = wire.form(Life(meeting).details, fate=Fate("hold", AT_ZOOM))
        bridge.tell(meeting.created())
        wire.fates.append(Fate("hold", "query", text="BETWEEN 'zoombridge_saving_0'", patient=True))
        bridge.step()
        assert wire.happened == ["hold query"]
        wire.end_form(form)
        wire.release()
        settle(bridge)
        assert [post["title"] for post in listed(bridge).values()] == [meeting.topic]


def strike(bridge: StruckBridge, wire: Wire, events: list[dict[str, Any]], *fates: Fate) -> None:
    """Tell events, let fates befall the requests that follow, and wait until all is quiet."""
    bridge.tell(*events)
    wire.fates.extend(fates)
    settle(bridge)
    assert len(wire.happened) >= len(fates), "It did not happen."


def settle(bridge: StruckBridge) -> None:
    Rounds(bridge, bridge.wire, random.Random(0)).until_quiet()


def listed(bridge: StruckBridge) -> dict[int, dict[str, Any]]:
    return Rounds(bridge, bridge.wire, random.Random(0)).listed()
