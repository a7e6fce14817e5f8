"""Posts made and changed over the sync protocol, against WordPress's own batches; what each care costs."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import requests

from bench.figures import Figure, at_least, middle
from bench.site import fast_site
from core.model.fold import Change, fold, position
from core.pipeline.post_plan import PlanTask, plan_post
from core.render import SiteRules, render
from core.store.posts.queue import Written
from core.wordpress.addresses import Access, servers_of
from core.wordpress.post_operations import CreatePost, UpdatePost
from core.wordpress.sync_client import SyncClient
from core.wordpress.sync_envelope import derive_keys, home_digest, seal_request
from core.wordpress.sync_operations_json import document
from core.wordpress.sync_posts import Mark, sync_operations
from core.zoom import envelope as zoom_envelope
from tests.plugin_stub.pairing import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.figures import Say, Scale
    from core.model.meeting import Meeting
    from tests.wordpress import WordPress

POSTS = 100
"""Posts that each way writes in a round: as many as one request of the sync protocol holds."""

HELD = 10_000
"""Posts of a large site."""

_HERE = Path(__file__).parent
_OLD_WAY = _HERE / "old_way.php"
_PRICES = _HERE / "price_of_care.php"
_SAMPLES = _HERE.parent / "tests/samples/events"
_MOST_IN_BATCH = 25  # rest_get_max_batch_size
_FIELDS = "id,status,link,title.raw,content.raw,date_gmt,modified_gmt,old_way"
_BRIDGE, _SITE, _KEY = "http://127.0.0.1:9", "bench", "5e" * 32
_EPOCH = 1
_ACCOUNT = "SampleAccount0000000AA"
_FIRST_NUMBER = 85_000_000_000
_HELD_NUMBER = 70_000_000_000
_TIMES = 100  # that each part of the care is called
_NOW = datetime(2026, 3, 24, 18, 5, tzinfo=UTC)  # while the meeting of the samples is held
_AGENDA = "Bring the blue folder.\n\nDoors open ten minutes before. Questions: https://example.org/choir"

Request = CreatePost | UpdatePost


class Way(Protocol):
    """A way to write posts."""

    def write(self, numbers: Sequence[int], writes: Sequence[Request]) -> list[int]:
        """Write the posts of meetings, and return their IDs."""


class Sync:
    """The sync protocol, by the bridge's own client."""

    def __init__(self, site: WordPress) -> None:
        """Pair the site with nobody but this client."""
        connect(site, _BRIDGE, name=_SITE, key=_KEY)
        self._client = SyncClient(
            site.rest_root,
            site.url,
            site=_SITE,
            key=_KEY,
            epoch=_EPOCH,
            access=Access(servers_of((site.rest_root,))),
        )
        self._seq = count(1)

    def write(self, numbers: Sequence[int], writes: Sequence[Request]) -> list[int]:
        """Write the posts of meetings, and return their IDs."""
        marks = [Mark(number, next(self._seq)) for number in numbers]
        return [_written(answer) for answer in self._client.perform(writes, marks)]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class Batches:
    """WordPress's batches with an application password, as the bridge sent them before the sync protocol."""

    def __init__(self, site: WordPress) -> None:
        """Install the REST field that stores the metas."""
        self._plugin = site.directory / "wp-content/mu-plugins/old_way.php"
        self._plugin.write_text(_OLD_WAY.read_text())
        self._address = f"{site.rest_root}batch/v1"
        self._session = requests.Session()
        self._session.auth = (site.user, site.application_password)

    def write(self, numbers: Sequence[int], writes: Sequence[Request]) -> list[int]:  # noqa: ARG002 - a field tells it, too
        """Write the posts of meetings, and return their IDs."""
        ids = []
        for start in range(0, len(writes), _MOST_IN_BATCH):
            batch = [_rest_request(write) for write in writes[start : start + _MOST_IN_BATCH]]
            answer = self._session.post(self._address, json={"requests": batch}, timeout=600)
            answer.raise_for_status()
            ids += [_written_in(one) for one in answer.json()["responses"]]
        return ids

    def close(self) -> None:
        """Close the connection, and remove the field."""
        self._session.close()
        self._plugin.unlink()


def _rest_request(write: Request) -> dict[str, Any]:
    fields = {name: value for name, value in write.fields.items() if name != "zoombridge"}
    to_one = f"/{write.post_id}" if isinstance(write, UpdatePost) else ""
    return {
        "method": "POST",
        "path": f"/wp/v2/zoom_meetings{to_one}?_fields={_FIELDS}",
        "body": fields | {"old_way": write.fields["zoombridge"]},
    }


def _written(answer: Any) -> int:
    if isinstance(answer, Exception):
        raise answer
    post: int = answer.id
    return post


def _written_in(answer: dict[str, Any]) -> int:
    if answer["status"] not in (200, 201):
        raise AssertionError(f"WordPress answered {answer}")
    post: int = answer["body"]["id"]
    return post


# --- What is written ----------------------------------------------------------------------------------


def made(number: int) -> CreatePost:
    """Return how the bridge makes the post of a new meeting."""
    meeting = _meeting(number, "created")
    first = next(plan_post(PlanTask(meeting, render(meeting, SiteRules(), _NOW), Written(), 1)))
    assert isinstance(first, CreatePost)
    return first


def started(number: int, post_id: int) -> UpdatePost:
    """Return how the bridge shows that a meeting is live: by its metas alone."""
    wanted = render(_meeting(number, "created", "started"), SiteRules(), _NOW)
    return UpdatePost(post_id, {"zoombridge": {**wanted.field, "revision": 2}})


def renamed(number: int, post_id: int) -> UpdatePost:
    """Return how the bridge changes a post whose meeting has another topic, agenda and time."""
    wanted = render(_meeting(number, "created", "updated"), SiteRules(), _NOW)
    told = {"title": wanted.title, "content": wanted.content}
    return UpdatePost(post_id, {**told, "zoombridge": {**wanted.field, "revision": 3}})


def _meeting(number: int, *verbs: str) -> Meeting:
    changes = []
    for verb in verbs:
        event = json.loads((_SAMPLES / f"meeting.{verb}.json").read_text())
        told = event["payload"]["object"]
        told |= {"id": number, "topic": f"{told['topic']}, {number % 100_000}"}
        if verb != "started":
            told["agenda"] = f"{_AGENDA}\n{verb} {number}"
        if "join_url" in told:
            told["join_url"] = f"https://example.zoom.us/j/{number}?pwd=c2FtcGxl"
        parsed = zoom_envelope.parse(json.dumps(event).encode())
        place = position(parsed, zoom_envelope.digest(parsed), received_at=event["event_ts"])
        changes.append(Change(place, parsed))
    meeting = fold(_ACCOUNT, number, changes)
    assert meeting is not None
    return meeting


# --- The comparison -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of write: what it is, the ratio that it must reach, if any, and the write for a meeting."""

    name: str
    bound: float | None
    write: Callable[[int, int], Request]


STEPS = (
    Step("making posts", 1.0, lambda number, _: made(number)),
    Step("changing metas alone", 1.5, started),
    Step("changing title, content and metas", None, renamed),
)


def against_batches(scale: Scale, say: Say) -> list[Figure]:
    """Compare the sync protocol with WordPress's batches: making posts, changing them; also with 10,000 posts."""
    with fast_site() as site, ExitStack() as stack:
        wordpress = site.wordpress
        # Its notes are about the old way alone.
        (wordpress.directory / "wp-content/mu-plugins/notes.php").unlink()
        sync, batches = Sync(wordpress), Batches(wordpress)
        stack.callback(sync.close)
        stack.callback(batches.close)
        rounds = Rounds(sync, batches, say)
        rounds.compare(1, "a first round, which does not count")
        figures = rounds.compare(2 * scale.rounds, "a new site")
        fill(wordpress, rounds.last_post, HELD)
        say(f"filled with {HELD:,} posts")
        rounds.compare(1, "a first round, which does not count")
        figures += rounds.compare(2 * scale.rounds, f"a site of {HELD:,} posts")
        return figures + _prices_of(wordpress, rounds, say)


class Rounds:
    """Writes of both ways, in turn."""

    def __init__(self, sync: Way, batches: Way, say: Say) -> None:
        """Compare these two ways."""
        self._ways = {"sync": sync, "batches": batches}
        self._say = say
        self._numbers = count(_FIRST_NUMBER)
        self.last_post = 0

    def numbers(self) -> list[int]:
        """Return numbers of new meetings."""
        return [next(self._numbers) for _ in range(POSTS)]

    def compare(self, rounds: int, where: str) -> list[Figure]:
        """Write in so many rounds, and return how many times as fast the sync protocol was in each step."""
        seconds: dict[str, list[dict[str, float]]] = {step.name: [] for step in STEPS}
        for index in range(rounds):
            order = list(self._ways)[:: 1 if index % 2 == 0 else -1]
            numbers = {way: self.numbers() for way in order}
            ids = dict.fromkeys(order, [0] * POSTS)
            for step in STEPS:
                took = {}
                for way in order:
                    writes = [step.write(*pair) for pair in zip(numbers[way], ids[way], strict=True)]
                    began = time.perf_counter()
                    ids[way] = self._ways[way].write(numbers[way], writes)
                    took[way] = time.perf_counter() - began
                seconds[step.name].append(took)
            self.last_post = ids["sync"][-1]
            told = ", ".join(f"{step.name} {_each(seconds[step.name][-1:])}" for step in STEPS)
            self._say(f"{where}, round {index + 1}: {told}")
        return [_figure(step, seconds[step.name], where) for step in STEPS]


def _figure(step: Step, rounds: list[dict[str, float]], where: str) -> Figure:
    ratios = [took["batches"] / took["sync"] for took in rounds]
    seen = f"{_each(rounds)}; rounds {min(ratios):.2f} to {max(ratios):.2f}"
    name = f"{step.name} on {where}, batches' time / sync's time"
    if step.bound is not None:
        return at_least(name, middle(ratios), step.bound, seen)
    return Figure(name, round(middle(ratios), 3), "reported", holds=None, seen=seen)


def _each(rounds: list[dict[str, float]]) -> str:
    sync, batches = (1000 * middle(took[way] for took in rounds) / POSTS for way in ("sync", "batches"))
    return f"{sync:.2f} ms against {batches:.2f} ms a post"


def fill(site: WordPress, post_id: int, posts: int) -> None:
    """Add copies of a post that the bridge made, each of a meeting of its own."""
    site.php(
        """
        global $wpdb;
        $columns = array_diff( $wpdb->get_col( "DESCRIBE {$wpdb->posts}" ), [ 'ID' ] );
        $differ  = [ 'post_title' => ' ', 'post_name' => '-', 'guid' => '&copy=' ];
        $values  = array_map(
            fn( $name ) => isset( $differ[ $name ] ) ? "CONCAT( $name, '$differ[$name]', seq )" : $name,
            $columns
        );
        $names   = implode( ',', $columns );
        $values  = implode( ',', $values );
        $last_id = $wpdb->get_var( "SELECT MAX(ID) FROM {$wpdb->posts}" );
        $added   = $wpdb->query(
            "INSERT INTO {$wpdb->posts} ($names) SELECT $values FROM {$wpdb->posts}, seq_1_to_$posts WHERE ID = $post_id"
        );
        if ( $added !== $posts ) {
            throw new RuntimeException( $wpdb->last_error );
        }
        $wpdb->query(
            "INSERT INTO {$wpdb->postmeta} (post_id, meta_key, meta_value)
            SELECT ID, meta_key, CASE meta_key
                WHEN '_meeting_zoom_meeting_id' THEN $number + ID WHEN '_zoombridge_post' THEN ID ELSE meta_value END
            FROM {$wpdb->posts} JOIN {$wpdb->postmeta} ON post_id = $post_id WHERE ID > $last_id"
        );
        // The database's own statistics, by which it chooses indexes, are renewed only now and then.
        $wpdb->query( "ANALYZE TABLE {$wpdb->posts}, {$wpdb->postmeta}" );
        """,
        post_id=post_id,
        posts=posts,
        number=_HELD_NUMBER,
    )


# --- The price of each care ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prices:
    """Milliseconds a post, of the whole and of each part of the care, by kind of write."""

    whole: dict[str, float]
    parts: dict[str, dict[str, float]]

    def share(self, kind: str) -> float:
        """Return which part of a write the care is."""
        return sum(each[kind] for each in self.parts.values()) / self.whole[kind]


def prices(site: WordPress, post_id: int, numbers: Sequence[int], *, times: int) -> Prices:
    """Measure the parts inside PHP. `post_id` is a post that the bridge made; posts of the numbers are made."""
    operations = [
        sync_operations(made(number), Mark(number, 1_000_000 + index))[0]
        for index, number in enumerate(numbers)
    ]
    body = seal_request(
        derive_keys(_KEY),
        site=_SITE,
        home=home_digest(site.url),
        time=int(time.time()),
        nonce="0" * 32,
        epoch=_EPOCH,
        payload={
            "quiet": False,
            "budget_ms": 2000,
            "ack": [],
            "operations": [document(operation, item) for item, operation in enumerate(operations)],
        },
    )
    found = site.php(f"return require {str(_PRICES)!r};", body=body.decode(), post=post_id, times=times)
    # What each post of a kind pays, and what its request pays once.
    posts = {"make": ("make", "post"), "metas": ("metas", "post")}
    once = {"make": ("request", "making request"), "metas": ("request",)}
    parts: dict[str, dict[str, float]] = {}
    whole = dict(found["whole"])
    for name, on, took in found["parts"]:
        shared = {kind: took / len(numbers) if on in once[kind] else 0.0 for kind in posts}
        parts[name] = {kind: took if on in posts[kind] else shared[kind] for kind in posts}
        whole = {kind: whole[kind] + shared[kind] for kind in posts}
    return Prices(whole, parts)


def _prices_of(site: WordPress, rounds: Rounds, say: Say) -> list[Figure]:
    found = prices(site, rounds.last_post, rounds.numbers(), times=_TIMES)
    say(
        f"inside PHP: {found.whole['make']:.2f} ms to make a post, {found.whole['metas']:.2f} to change metas"
    )
    for name, each in found.parts.items():
        say(f"{name}: {each['make']:.3f} and {each['metas']:.3f} ms a post")
    return [
        Figure(
            f"share of all care in {what}",
            round(found.share(kind), 3),
            "reported",
            holds=None,
            seen=f"of {found.whole[kind]:.2f} ms inside PHP",
        )
        for kind, what in (("make", "making a post"), ("metas", "changing metas alone"))
    ]
