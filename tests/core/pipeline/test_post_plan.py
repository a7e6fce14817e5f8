"""One post brought to what it should be: only the difference, and nothing that people own."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import Fault, SiteFaultError
from core.model.meeting import Meeting, MeetingState
from core.model.rules import Author, JoinLink, NewPostStatus, Passcode, Rules
from core.pipeline.post_plan import PlanResult, PlanTask, run_plans
from core.render import SiteRules, render
from core.store.posts.queue import PostState, Written
from core.wordpress.post_operations import CreatePost, FindPosts, PostOperation, TrashPost, UpdatePost
from tests.core.events import ACCOUNT, NUMBER
from tests.core.site_double import SiteDouble, fault

NOW = datetime(2026, 1, 5, tzinfo=UTC)
OBJECT: dict[str, Any] = {
    "topic": "Choir",
    "agenda": "Bring the folder.",
    "type": 2,
    "start_time": "2026-03-24T18:00:00Z",
    "duration": 60,
    "timezone": "Europe/Berlin",
    "join_url": "https://example.zoom.us/j/1",
}


def meeting(
    state: MeetingState = MeetingState.SCHEDULED, *, recovered: bool = False, **changes: Any
) -> Meeting:
    told = {key: value for key, value in {**OBJECT, **changes}.items() if value is not None}
    return Meeting(ACCOUNT, NUMBER, state=state, object=told, created=True, recovered=recovered)


DELETED = meeting(MeetingState.DELETED)
CANCELLED = replace(DELETED, deleted_at=int(NOW.timestamp() * 1000) - 1000)
GONE = meeting(MeetingState.PERMANENTLY_DELETED)
WITHHELD = meeting(join_url=None)


class Bench:
    """A site, and what the bridge knows of the one post there."""

    def __init__(self) -> None:
        self.site = SiteDouble()
        self.written = Written()
        self.revision = 0
        self.rules = Rules()
        self.remark = ""

    def __call__(
        self,
        wanted: Meeting,
        *,
        in_doubt: bool = False,
        deleted_by_user: bool = False,
        returns_title: bool = False,
    ) -> str:
        """Reconcile, and tell what was done."""
        self.revision += 1
        self.site.forget()
        rendered = render(wanted, SiteRules(self.rules), NOW)
        task = PlanTask(wanted, rendered, self.written, self.revision, in_doubt=in_doubt)
        (result,) = run_plans(
            self.site, [replace(task, deleted_by_user=deleted_by_user, returns_title=returns_title)]
        )
        if isinstance(result, SiteFaultError):
            raise result
        self.written = result.written
        self.remark = result.remark
        assert result.sent_request == bool(self.site.performed) or result.action == "unchanged"
        return result.action

    @property
    def state(self) -> str:
        """Where the post stands."""
        return str(self.written.state)

    def changed(self) -> dict[str, Any]:
        """What the one write changed."""
        (operation,) = self.site.writes
        assert isinstance(operation, UpdatePost)
        return dict(operation.fields)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def shown(bench: Bench) -> Bench:
    """One whose post is there."""
    assert bench(meeting()) == "created"
    return bench


def earlier_plugin(operation: PostOperation) -> SiteFaultError | None:
    """Refuse what plugins before 0.3.0 do not know."""
    return fault(Fault.REFUSED) if "keep_title" in getattr(operation, "fields", {}) else None


class TestKeepCancelled:
    @pytest.fixture
    def keeping(self, bench: Bench) -> Bench:
        bench.rules = Rules(cancelled_days=7)
        return bench

    def test_the_page_says_so_and_goes_when_it_is_time(self, keeping: Bench) -> None:
        keeping(meeting(agenda="Or at https://example.zoom.us/j/1"))
        assert (
            keeping(replace(CANCELLED, object={**OBJECT, "agenda": "Or at https://example.zoom.us/j/1"}))
            == "updated"
        )
        assert keeping.state == "synced"
        assert keeping.site.only["status"] == "publish"
        assert "Cancelled" in keeping.site.only["html"]
        assert "zoom.us" not in keeping.site.only["content"] + keeping.site.only["html"]
        assert keeping(CANCELLED) in ("updated", "unchanged")
        keeping.rules = Rules()
        assert keeping(CANCELLED) == "trashed"
        assert keeping.site.only["status"] == "trash"

    def test_is_recovered_and_deleted_for_good_at_once(self, keeping: Bench) -> None:
        keeping(meeting())
        keeping(CANCELLED)
        assert keeping(meeting(recovered=True)) == "updated"
        assert "Cancelled" not in keeping.site.only["html"]
        keeping(CANCELLED)
        assert keeping(GONE) == "deleted for good"
        assert keeping.site.posts == {}

    def test_what_is_in_the_trash_stays_there(self, bench: Bench) -> None:
        bench(meeting())
        bench(DELETED)
        bench.rules = Rules(cancelled_days=7)
        assert bench(CANCELLED) == "unchanged"
        assert bench.site.only["status"] == "trash"

    def test_none_is_made(self, keeping: Bench) -> None:
        assert keeping(CANCELLED) == "withheld"
        assert keeping.site.posts == {}
        keeping.site.made_by_hand(NUMBER, status="trash")
        assert keeping(CANCELLED) == "withheld"
        keeping.site.made_by_hand(NUMBER)
        assert keeping(CANCELLED) == "adopted"

    def test_what_an_editor_does_meanwhile_is_left(self, keeping: Bench) -> None:
        keeping(meeting())
        keeping(CANCELLED)
        post_id = keeping.written.post_id
        assert post_id is not None
        keeping.site.trash(post_id)
        keeping.rules = Rules()
        keeping(CANCELLED)
        assert keeping(meeting(recovered=True)) in ("updated", "unchanged")
        assert keeping.site.only["status"] == "trash", "it was the editor who put it away"
        keeping.site.posts.clear()
        keeping.rules = Rules(cancelled_days=7)
        assert keeping(CANCELLED) == "detached"


class TestCreate:
    def test_makes_a_post_once(self, bench: Bench) -> None:
        assert bench(meeting()) == "created"
        assert bench.site.only["title"] == "Choir"
        assert "Bring the folder." in bench.site.only["content"]
        assert bench.site.only["status"] == "publish"
        assert bench.site.only["revision"] == 1
        assert bench.written.state is PostState.SYNCED
        assert bench.written.post_id in bench.site.posts
        for _ in range(2):
            assert bench(meeting()) == "unchanged"
            assert bench.site.performed == []

    def test_makes_one_after_a_write_that_was_done_without_our_hearing_of_it(self, bench: Bench) -> None:
        other = Bench()
        other.site = bench.site
        assert other(meeting()) == "created"
        assert bench(meeting()) == "adopted"
        assert len(bench.site.posts) == 1
        assert bench(meeting(agenda="Another.")) == "updated"
        assert "Another." in bench.site.only["content"], "it knows the content for its own"

    @pytest.mark.parametrize("unsure", [True, False])
    def test_one_that_exists_may_be_the_one_that_was_just_made(self, bench: Bench, *, unsure: bool) -> None:
        """The answer was lost: then the page is the bridge's, and goes with the rules. Another one is a person's."""
        other = Bench()
        other.site = bench.site
        other(meeting())
        bench.site.on_operation = lambda operation: (
            fault(Fault.EXISTS, unsure=unsure) if isinstance(operation, CreatePost) else None
        )
        assert bench(meeting()) == "adopted"
        bench.rules = NEVER
        assert bench(meeting()) == ("left out" if unsure else "unchanged")

    def test_one_whose_process_was_killed_before_its_metas_is_known_by_its_content(
        self, bench: Bench
    ) -> None:
        content = render(meeting(), SiteRules(), NOW).content
        bench.site.made_by_hand(NUMBER, title="Choir", content=content)
        assert bench(meeting(), in_doubt=True) == "adopted"
        assert bench(meeting(agenda="Another.")) == "updated"
        assert "Another." in bench.site.only["content"]

    def test_is_tried_again_where_the_post_that_exists_is_not_to_be_found(self, bench: Bench) -> None:
        bench.site.on_operation = lambda operation: (
            fault(Fault.EXISTS, status=409, post_id=7) if isinstance(operation, CreatePost) else None
        )
        with pytest.raises(SiteFaultError) as caught:
            bench(meeting())
        assert caught.value.fault is Fault.EXISTS


class TestAdopt:
    def test_takes_a_post_that_is_there(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER, details={"topic": "Old", "state": "kept"})
        assert bench(meeting()) == "adopted"
        assert len(bench.site.posts) == 1
        assert bench.site.only["title"] == "Choir"
        assert bench.site.only["content"] == "<p>By hand</p>"
        assert bench.site.only["details"]["state"] == "kept"

    def test_keeps_an_editors_title_while_the_topic_is_the_same(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER, details={"topic": "Choir"})
        assert bench(meeting()) == "adopted"
        assert bench.site.only["title"] == "By hand"

    def test_keeps_an_editors_content_also_later(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER)
        bench(meeting())
        bench(meeting(agenda="Another."))
        assert bench.site.only["content"] == "<p>By hand</p>"

    @pytest.mark.parametrize("untouched", [True, False])
    def test_content_of_one_saved_by_half_is_ours_while_nobody_saved_it_again(
        self, bench: Bench, *, untouched: bool
    ) -> None:
        """Another plugin broke down as the bridge made it, and then Zoom's agenda changed."""
        bench.site.made_by_hand(NUMBER, revision=1, content="<p>Old</p>", untouched=untouched)
        assert bench(meeting(agenda="New."), in_doubt=True) == "adopted"
        assert ("New." in bench.site.only["content"]) is untouched

    def test_content_of_one_taken_over_in_the_second_it_was_made_is_not(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER, revision=1, details={"topic": "Choir"}, untouched=True)
        assert bench(meeting()) == "adopted"
        assert bench.site.only["content"] == "<p>By hand</p>"

    def test_takes_the_one_that_visitors_see_and_leaves_the_others(self, bench: Bench) -> None:
        """Two of one event, made by a webhook that knows no lock."""
        draft = bench.site.made_by_hand(NUMBER, status="draft")
        seen = bench.site.made_by_hand(NUMBER)
        later = bench.site.made_by_hand(NUMBER)
        before = {post: dict(bench.site.posts[post]) for post in (draft, later)}
        assert bench(meeting()) == "adopted"
        assert bench.written.post_id == seen
        assert {post: bench.site.posts[post] for post in (draft, later)} == before

    def test_takes_the_one_that_the_bridge_has_written(self, bench: Bench) -> None:
        """The bridge lost its database, and others have made a second one since."""
        bench.site.made_by_hand(NUMBER)
        own = bench.site.made_by_hand(NUMBER, status="draft", revision=3)
        assert bench(meeting()) == "adopted"
        assert bench.written.post_id == own

    def test_takes_the_one_that_visitors_see_where_its_own_is_gone(self, bench: Bench) -> None:
        bench(meeting())
        bench.site.made_by_hand(NUMBER, status="draft")
        seen = bench.site.made_by_hand(NUMBER)
        assert bench.written.post_id is not None
        del bench.site.posts[bench.written.post_id]
        assert bench(meeting(duration=90)) == "adopted"
        assert bench.written.post_id == seen

    def test_takes_the_one_outside_the_trash(self, bench: Bench) -> None:
        first = bench.site.made_by_hand(NUMBER)
        second = bench.site.made_by_hand(NUMBER)
        bench.site.trash(first)
        bench(meeting())
        assert bench.written.post_id == second
        assert bench.site.posts[first]["title"] == "By hand"

    def test_leaves_one_in_the_trash_that_a_person_put_there(self, bench: Bench) -> None:
        bench.site.trash(bench.site.made_by_hand(NUMBER))
        bench(meeting())
        assert bench.site.only["status"] == "trash"

    def test_takes_one_out_of_the_trash_for_a_recovered_meeting(self, bench: Bench) -> None:
        bench.site.trash(bench.site.made_by_hand(NUMBER, status="private"))
        bench(meeting(recovered=True))
        assert bench.site.only["status"] == "private"


class TestUpdate:
    def test_writes_only_what_changed(self, shown: Bench) -> None:
        assert shown(meeting(duration=90)) == "updated"
        changed = shown.changed()
        assert set(changed) == {"zoombridge"}
        assert shown.site.only["details"]["duration"] == 90
        assert shown.site.only["revision"] == 2

    def test_keeps_what_editors_own(self, shown: Bench) -> None:
        shown.site.only.update(title="Theirs", content="<p>Theirs</p>", status="private")
        shown(meeting(duration=90, agenda="Another."))
        assert shown.site.only["title"] == "Theirs"
        assert shown.site.only["content"] == "<p>Theirs</p>"
        assert shown.site.only["status"] == "private"

    def test_a_new_topic_is_a_new_title(self, shown: Bench) -> None:
        shown(meeting(topic="Orchestra"))
        assert shown.site.only["title"] == "Orchestra"
        assert "status" not in shown.changed()

    def test_a_new_title_is_one_request(self, shown: Bench) -> None:
        shown(meeting(topic="Orchestra"))
        assert shown.site.performed == shown.site.writes

    @pytest.mark.parametrize("title", ["Theirs", "Choir"])
    def test_an_earlier_plugin_is_asked_for_the_title_first(self, shown: Bench, title: str) -> None:
        shown.site.on_operation = earlier_plugin
        shown.site.only["title"] = title
        assert shown(meeting(topic="Orchestra", duration=90)) == "updated"
        assert shown.site.only["title"] == ("Theirs" if title == "Theirs" else "Orchestra")
        assert shown.site.only["details"]["duration"] == 90

    def test_a_page_that_is_missing_there_is_found_again(self, shown: Bench) -> None:
        shown.site.on_operation = earlier_plugin
        shown.site.posts.clear()
        assert shown(meeting(topic="Orchestra")) == "detached"

    def test_what_may_have_been_done_stays_in_doubt(self, shown: Bench) -> None:
        shown.site.on_operation = lambda one: (
            fault(Fault.REFUSED, unsure=True) if isinstance(one, UpdatePost) else None
        )
        with pytest.raises(SiteFaultError) as raised:
            shown(meeting(topic="Orchestra"))
        assert raised.value.unsure
        assert len(shown.site.performed) == 1

    def test_what_another_plugin_refuses_stays_refused(self, shown: Bench) -> None:
        shown.site.on_operation = lambda one: fault(Fault.REFUSED) if isinstance(one, UpdatePost) else None
        with pytest.raises(SiteFaultError, match="refused"):
            shown(meeting(topic="Orchestra"))

    def test_an_editors_title_stays_until_it_is_given_back(self, shown: Bench) -> None:
        shown.site.only["title"] = "Theirs"
        shown(meeting(topic="Orchestra"))
        assert shown.site.only["title"] == "Theirs"
        assert "Orchestra" in str(shown.site.only["details"])
        for in_doubt in (False, True):
            shown(meeting(topic="Orchestra", duration=30 + in_doubt), in_doubt=in_doubt)
            assert shown.site.only["title"] == "Theirs"
        shown(meeting(topic="Orchestra"), returns_title=True)
        assert shown.site.only["title"] == "Orchestra"
        shown(meeting(topic="Quartet"))
        assert shown.site.only["title"] == "Quartet"

    def test_is_given_back_where_zoom_tells_no_topic(self, shown: Bench) -> None:
        shown.site.only["title"] = "Theirs"
        shown(meeting(topic=""))
        assert shown.site.only["title"] == "Theirs"
        shown(meeting(topic=""), returns_title=True)
        assert shown.site.only["title"] == "Zoom meeting"
        shown(meeting())
        assert shown.site.only["title"] == "Choir"

    def test_one_who_types_zooms_title_gives_it_back(self, shown: Bench) -> None:
        shown.site.only["title"] = "Theirs"
        shown(meeting(topic="Orchestra & band"))
        shown.site.only["title"] = "Orchestra &amp; band"
        shown(meeting(topic="Quartet"))
        assert shown.site.only["title"] == "Quartet"

    def test_a_new_topic_is_the_title_of_a_page_that_the_bridge_did_not_make(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER, details={"topic": "Choir"})
        bench(meeting())
        bench(meeting(topic="Orchestra"))
        assert bench.site.only["title"] == "Orchestra"

    def test_an_unknown_topic_is_none(self, shown: Bench) -> None:
        shown(meeting(topic=None))
        assert shown.site.only["title"] == "Choir"

    def test_a_new_agenda_goes_where_no_editor_has_been(self, shown: Bench) -> None:
        for agenda in ("Second.", "Third.", ""):
            shown(meeting(agenda=agenda))
            assert agenda in shown.site.only["content"]
        assert shown.site.only["content"] == ""

    def test_and_nowhere_else_for_ever(self, shown: Bench) -> None:
        shown.site.only["content"] = "<p>Theirs</p>"
        shown(meeting(agenda="Second."))
        shown(meeting(agenda="Third."))
        assert shown.site.only["content"] == "<p>Theirs</p>"
        assert not any("content" in getattr(operation, "fields", {}) for operation in shown.site.writes)

    def test_characters_that_the_database_stores_as_entities_are_no_edit(self, shown: Bench) -> None:
        shown(meeting(agenda="Sing \N{MUSICAL NOTE} along."))
        shown.site.only["content"] = shown.site.only["content"].replace("\N{MUSICAL NOTE}", "&#x1F3B5;")
        shown(meeting(agenda="Third."))
        assert "Third." in shown.site.only["content"]

    def test_also_where_the_editor_has_put_the_old_one_back(self, shown: Bench) -> None:
        first = shown.site.only["content"]
        shown.site.only["content"] = "<p>Theirs</p>"
        shown(meeting(agenda="Second."))
        shown.site.only["content"] = first
        shown(meeting(agenda="Third."))
        assert shown.site.only["content"] == first


class TestInDoubt:
    def test_it_looks_first(self, shown: Bench) -> None:
        """The last attempt timed out, after WordPress had done it."""
        before = shown.written
        shown(meeting(topic="Orchestra", agenda="Second."))
        shown.site.only["title"] = "Theirs"
        shown.written = before
        shown(meeting(topic="Orchestra", agenda="Second."), in_doubt=True)
        assert shown.site.only["title"] == "Theirs", "the topic stands there already"
        shown(meeting(topic="Orchestra", agenda="Third."))
        assert "Third." in shown.site.only["content"]

    @pytest.mark.parametrize("again", [False, True])
    def test_it_knows_its_own_texts_under_the_details_of_another_plugin(
        self, shown: Bench, *, again: bool
    ) -> None:
        """The attempt whose answer was lost wrote title and content; then a form stored what Zoom told it, newer."""
        before = shown.written
        shown(meeting(topic="Concert", agenda="Bring lamps."))
        shown.site.only["details"] = dict(OBJECT)
        shown.written = Written() if again else before  # again: as a bridge that was restored from a backup
        shown(meeting(), in_doubt=True)
        assert shown.site.only["title"] == OBJECT["topic"]
        assert "lamps" not in shown.site.only["content"]

    def test_it_does_not_take_an_editors_content_for_its_own(self, shown: Bench) -> None:
        shown.site.only["content"] = "<p>Theirs</p>"
        shown(meeting(agenda="Second."), in_doubt=True)
        shown(meeting(agenda="Third."))
        assert shown.site.only["content"] == "<p>Theirs</p>"


class TestTrashAndRestore:
    @pytest.mark.parametrize("status", ["publish", "private", "draft"])
    def test_restores_the_old_status(self, shown: Bench, status: str) -> None:
        shown.site.only["status"] = status
        assert shown(DELETED) == "trashed"
        assert shown.site.only["status"] == "trash"
        assert shown.state == "trashed"
        assert shown(DELETED) == "unchanged"
        assert shown.site.performed == []
        assert shown(meeting(recovered=True)) == "restored"
        assert shown.site.only["status"] == status
        assert shown.state == "synced"

    def test_writes_what_changed_meanwhile(self, shown: Bench) -> None:
        shown(DELETED)
        shown(meeting(recovered=True, topic="Orchestra"))
        assert shown.site.only["title"] == "Orchestra"

    def test_leaves_what_a_person_trashed(self, shown: Bench) -> None:
        assert shown.written.post_id is not None
        shown.site.trash(shown.written.post_id)
        shown(DELETED)
        assert shown.written.state is PostState.SYNCED
        shown(meeting(recovered=True, duration=90))
        assert shown.site.only["status"] == "trash"

    def test_leaves_what_a_person_restored(self, shown: Bench) -> None:
        shown(DELETED)
        shown.site.only.update(status="draft", trashed_from=None)
        shown(meeting(recovered=True))
        assert shown.site.only["status"] == "draft"
        assert shown.written.state is PostState.SYNCED

    def test_trashes_a_post_that_it_did_not_make(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER)
        assert bench(DELETED) == "trashed"
        assert bench.site.only["status"] == "trash"
        assert bench.site.only["revision"] is not None, "or VCZAPI would tell Zoom when the trash is emptied"

    def test_makes_none_only_to_trash_it(self, bench: Bench) -> None:
        assert bench(DELETED) == "nothing to trash"
        assert bench.site.posts == {}


class TestWithoutTrash:
    """`EMPTY_TRASH_DAYS` is 0: WordPress would delete what is moved to the trash."""

    @pytest.fixture
    def shown(self, shown: Bench) -> Bench:
        shown.site.on_operation = lambda operation: (
            fault(Fault.NO_TRASH) if isinstance(operation, TrashPost) else None
        )
        return shown

    @pytest.mark.parametrize("status", ["publish", "private", "pending"])
    def test_a_deleted_meeting_gets_a_draft_and_its_status_back(self, shown: Bench, status: str) -> None:
        shown.site.only["status"] = status
        assert shown(DELETED) == "trashed"
        assert shown.site.only["status"] == "draft"
        assert "EMPTY_TRASH_DAYS" in shown.remark
        assert shown(DELETED) == "unchanged"
        assert shown(meeting(recovered=True)) == "restored"
        assert shown.site.only["status"] == status
        assert shown(meeting(recovered=True)) == "unchanged"

    def test_an_editors_draft_stays_one(self, shown: Bench) -> None:
        shown.site.only["status"] = "draft"
        shown(DELETED)
        shown(meeting(recovered=True, duration=90))
        assert shown.site.only["status"] == "draft"

    def test_goes_and_comes_with_the_rules(self, shown: Bench) -> None:
        for _ in range(2):
            shown.rules = NEVER
            assert shown(meeting()) == "left out"
            assert shown.site.only["status"] == "draft"
            assert shown(meeting(duration=90)) == "unchanged"
            shown.rules = Rules()
            assert shown(meeting()) == "restored"
            assert shown.site.only["status"] == "publish"

    def test_published_again_by_a_person_is_theirs(self, shown: Bench) -> None:
        shown.rules = NEVER
        shown(meeting())
        shown.site.only["status"] = "publish"
        assert shown(meeting(duration=90)) == "updated"
        assert shown.site.only["status"] == "publish"


class TestGone:
    def test_deletes_every_post_of_the_number_from_the_trash_too(self, shown: Bench) -> None:
        shown.site.trash(shown.site.made_by_hand(NUMBER))
        shown.site.made_by_hand(NUMBER)
        other = shown.site.made_by_hand(NUMBER + 1)
        assert shown(GONE) == "deleted for good"
        assert list(shown.site.posts) == [other]
        assert shown.written == Written(PostState.DELETED)
        assert shown(GONE) == "left alone"
        assert shown.site.performed == []

    def test_deletes_nothing_where_there_is_nothing(self, bench: Bench) -> None:
        assert bench(GONE) == "nothing to delete"

    def test_takes_a_post_that_is_gone_already_for_deleted(self, shown: Bench) -> None:
        shown.site.posts.clear()
        assert shown(GONE) == "deleted for good"

    def test_a_new_life_makes_a_new_post(self, shown: Bench) -> None:
        shown(GONE)
        assert shown(meeting()) == "created"


class TestDetached:
    def test_is_a_post_that_a_person_deleted_for_good(self, shown: Bench) -> None:
        shown.site.posts.clear()
        assert shown(meeting(duration=90)) == "detached"
        assert shown.written.state is PostState.DETACHED
        for wanted in (meeting(), DELETED, meeting(recovered=True), GONE, meeting(topic="Orchestra")):
            assert shown(wanted) == "left alone"
            assert shown.site.performed == []
        assert shown.site.posts == {}

    def test_unless_there_is_another_of_the_number(self, shown: Bench) -> None:
        shown.site.posts.clear()
        shown.site.posts[500] = {}
        other = shown.site.made_by_hand(NUMBER)
        del shown.site.posts[500]
        assert shown(meeting(duration=90)) == "adopted"
        assert shown.written.post_id == other

    def test_is_noticed_when_it_is_to_be_moved_to_the_trash(self, shown: Bench) -> None:
        shown.site.posts.clear()
        assert shown(DELETED) == "detached"

    def test_is_noticed_when_it_is_to_be_restored(self, shown: Bench) -> None:
        shown(DELETED)
        shown.site.posts.clear()
        assert shown(meeting(recovered=True), deleted_by_user=True) == "detached"
        assert shown.site.posts == {}


class TestEmptiedTrash:
    """WordPress deletes permanently what has been in the trash for a month."""

    @pytest.mark.parametrize("in_doubt", [False, True])
    def test_a_post_that_the_bridge_had_moved_there_comes_back(self, shown: Bench, in_doubt: bool) -> None:
        shown(DELETED)
        shown.site.posts.clear()
        assert shown(DELETED, in_doubt=in_doubt) == "unchanged"
        assert shown(meeting(recovered=True), in_doubt=in_doubt) == "created"
        assert shown.site.only["status"] == "publish"

    def test_a_post_that_a_person_had_moved_there_does_not(self, shown: Bench) -> None:
        assert shown.written.post_id is not None
        shown.site.trash(shown.written.post_id)
        shown(DELETED)
        shown.site.posts.clear()
        assert shown(meeting(recovered=True, duration=90)) == "detached"
        assert shown.site.posts == {}


class TestTrashedByAPerson:
    @pytest.mark.parametrize("in_doubt", [False, True])
    def test_stays_there_whatever_becomes_of_the_meeting(self, shown: Bench, in_doubt: bool) -> None:
        assert shown.written.post_id is not None
        shown.site.trash(shown.written.post_id)
        for wanted in (
            meeting(duration=90),
            meeting(topic="Orchestra"),
            DELETED,
            meeting(recovered=True),
            meeting(recovered=True, duration=90),
        ):
            shown(wanted, in_doubt=in_doubt)
            assert shown.site.only["status"] == "trash", wanted


class TestWithheld:
    def test_makes_no_post(self, bench: Bench) -> None:
        assert bench(WITHHELD) == "withheld"
        assert bench.site.writes == []
        assert bench(meeting()) == "created"

    def test_keeps_one_right_that_is_there(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER, details={"topic": "Old", "join_url": "https://known"})
        assert bench(WITHHELD) == "adopted"
        assert bench.site.only["title"] == "Choir"
        assert bench.site.only["details"]["join_url"] == "https://known"
        assert bench.site.only["content"] == "<p>By hand</p>"

    def test_keeps_its_own_right(self, shown: Bench) -> None:
        assert shown(meeting(join_url=None, duration=90, agenda="Second.")) == "updated"
        assert "Second." not in shown.site.only["content"], "not before the rest is known"
        assert shown.site.only["details"]["duration"] == 90


NEVER = Rules(never=("choir",))


class TestLeftOut:
    def test_makes_no_post_and_looks_only_once(self, bench: Bench) -> None:
        bench.rules = NEVER
        assert bench(meeting()) == "left out"
        assert bench.site.writes == []
        assert bench(meeting(duration=90)) == "unchanged"
        assert bench.site.performed == []
        bench.rules = Rules()
        assert bench(meeting()) == "created"

    def test_its_own_goes_into_the_trash_and_comes_back_with_what_editors_added(self, shown: Bench) -> None:
        shown.site.only.update(title="Theirs", content="<p>Theirs</p>", status="private")
        shown.rules = NEVER
        assert shown(meeting()) == "left out"
        assert shown.site.only["status"] == "trash"
        assert shown(meeting(duration=90)) == "unchanged"
        assert shown.site.writes == []
        shown.rules = Rules()
        assert shown(meeting(duration=90)) == "restored"
        kept = {name: shown.site.only[name] for name in ("title", "content", "status")}
        assert kept == {"title": "Theirs", "content": "<p>Theirs</p>", "status": "private"}
        assert shown.site.only["details"]["duration"] == 90
        assert shown(meeting(duration=90)) == "unchanged"

    def test_goes_and_comes_as_often_as_the_rules_say(self, shown: Bench) -> None:
        for _ in range(2):
            shown.rules = NEVER
            assert shown(meeting()) == "left out"
            shown.rules = Rules()
            assert shown(meeting()) == "restored"
            assert shown.site.only["status"] == "publish"

    def test_goes_where_the_topic_has_changed_to_one_that_is_left_out(self, shown: Bench) -> None:
        shown.rules = Rules(never=("secret*",))
        assert shown(meeting(topic="Secret rehearsal")) == "left out"
        assert shown.site.only["status"] == "trash"

    def test_one_that_people_made_stays_and_is_kept_right(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER, details={"topic": "Choir"})
        bench.rules = NEVER
        assert bench(meeting()) == "adopted"
        assert bench(meeting(duration=90)) == "updated"
        assert (bench.site.only["status"], bench.site.only["details"]["duration"]) == ("publish", 90)

    def test_one_that_people_made_comes_back_with_its_meeting(self, bench: Bench) -> None:
        bench.site.made_by_hand(NUMBER, details={"topic": "Choir"})
        bench.rules = NEVER
        bench(meeting())
        assert bench(DELETED) == "trashed"
        assert bench(meeting(recovered=True)) == "restored"
        assert bench.site.only["status"] == "publish"

    def test_one_that_was_taken_out_of_the_trash_is_theirs_from_then_on(self, shown: Bench) -> None:
        shown.rules = NEVER
        shown(meeting())
        shown.site.only.update(status="publish", trashed_from=None)
        for minutes in (90, 45):
            assert shown(meeting(duration=minutes)) == "updated"
            assert shown.site.only["status"] == "publish"
            assert shown.site.only["details"]["duration"] == minutes

    def test_one_that_a_person_trashed_stays_there(self, shown: Bench) -> None:
        assert shown.written.post_id is not None
        shown.site.trash(shown.written.post_id)
        shown.rules = NEVER
        assert shown(meeting()) == "left out"
        shown.rules = Rules()
        shown(meeting(duration=90))
        assert shown.site.only["status"] == "trash"

    def test_one_that_a_person_deleted_for_good_is_not_made_again(self, shown: Bench) -> None:
        shown.site.posts.clear()
        shown.rules = NEVER
        assert shown(meeting()) == "detached"
        shown.rules = Rules()
        assert shown(meeting()) == "left alone"

    @pytest.mark.parametrize("noticed", [True, False])
    def test_one_whose_trash_was_emptied_meanwhile_is_made_again(self, shown: Bench, noticed: bool) -> None:
        """WordPress does so by itself after 30 days."""
        shown.rules = NEVER
        shown(meeting())
        shown.site.posts.clear()
        if noticed:
            assert shown(meeting()) == "left out"
        shown.rules = Rules()
        assert shown(meeting()) == "created"

    def test_one_that_is_let_in_again_is_like_any_other(self, shown: Bench) -> None:
        shown.rules = NEVER
        shown(meeting())
        shown.site.only.update(status="publish", trashed_from=None)
        shown.rules = Rules()
        assert shown(meeting()) == "unchanged"
        shown(DELETED)
        shown.site.posts.clear()
        assert shown(meeting(recovered=True), deleted_by_user=True) == "detached"

    def test_deleted_at_zoom_while_it_is_left_out(self, shown: Bench) -> None:
        shown.rules = NEVER
        shown(meeting())
        assert shown(DELETED) == "unchanged"
        assert shown(meeting(recovered=True)) == "unchanged"
        shown.rules = Rules()
        assert shown(meeting(recovered=True)) == "restored"
        shown.rules = NEVER
        shown(meeting())
        assert shown(GONE) == "deleted for good"
        assert shown.site.posts == {}

    @pytest.mark.parametrize("done", [True, False])
    def test_in_doubt_it_is_put_away_again(self, shown: Bench, done: bool) -> None:
        """The attempt before was noted as a removal, and nobody heard whether it came to pass."""
        shown.rules = NEVER
        if done:
            assert shown.written.post_id is not None
            shown.site.trash(shown.written.post_id)
        shown.written = replace(shown.written, state=PostState.TRASHED)
        shown(meeting(), in_doubt=True)
        assert shown.site.only["status"] == "trash"
        shown.rules = Rules()
        assert shown(meeting()) == "restored"

    def test_one_whose_making_was_not_heard_of_is_its_own(self, bench: Bench) -> None:
        other = Bench()
        other.site = bench.site
        other(meeting())
        bench(meeting(), in_doubt=True)
        bench.rules = NEVER
        assert bench(meeting()) == "left out"
        assert bench.site.only["status"] == "trash"


class TestChosen:
    CHOSEN = Rules(
        status=NewPostStatus.DRAFT, authors=(Author("anna", 7),), meeting_category=3, never=("a pattern",)
    )

    def test_when_a_post_is_made_and_never_after(self, bench: Bench) -> None:
        bench.rules = self.CHOSEN
        bench(meeting(host_id="anna"))
        made = bench.site.only
        assert (made["status"], made["author"], made["zoom_meeting_cats"]) == ("draft", 7, [3])
        made.update(status="publish", author=9, zoom_meeting_cats=[])
        bench.rules = replace(self.CHOSEN, status=NewPostStatus.PRIVATE, authors=(Author("anna", 8),))
        assert bench(meeting(host_id="anna")) == "unchanged"
        bench(meeting(host_id="anna", duration=90))
        assert (made["status"], made["author"], made["zoom_meeting_cats"]) == ("publish", 9, [])

    def test_nothing_where_nothing_was_decided(self, bench: Bench) -> None:
        bench(meeting(host_id="anna"))
        (operation,) = bench.site.writes
        assert isinstance(operation, CreatePost)
        assert set(operation.fields) == {"title", "content", "status", "zoombridge"}

    @pytest.mark.parametrize(
        ("rewritten", "said"),
        [
            (("author",), "the author or the category from the settings"),
            (("terms",), "the author or the category from the settings"),
            (("html", "title"), "changed some of it on saving (html, title)"),
        ],
    )
    def test_what_the_site_made_of_it_is_said(
        self, bench: Bench, rewritten: tuple[str, ...], said: str
    ) -> None:
        bench.site.rewritten = rewritten
        bench.rules = self.CHOSEN
        assert bench(meeting(host_id="anna")) == "created"
        assert said in bench.remark

    def test_what_the_site_refuses_is_a_fault(self, bench: Bench) -> None:
        bench.site.on_operation = lambda operation: (
            fault(Fault.REFUSED, evidence="invalid: title") if isinstance(operation, CreatePost) else None
        )
        bench.rules = self.CHOSEN
        with pytest.raises(SiteFaultError):
            bench(meeting(host_id="anna"))

    def test_what_another_plugin_rewrites_is_met_once_for_each_version(self, shown: Bench) -> None:
        shown.site.rewritten = ("title",)
        assert shown(meeting(topic="Orchestra")) == "updated"
        assert "(title)" in shown.remark
        assert shown(meeting(topic="Orchestra")) == "unchanged"
        assert shown.site.performed == []


LOGGED_IN, BROWSER = "site_option_logged_in", "site_option_browser_join"


class TestTicks:
    """Options of VCZAPI that belong to the site: set when a rule comes, taken back when it goes."""

    def options(self, bench: Bench) -> dict[str, Any]:
        fields: dict[str, Any] = bench.site.only["fields"]
        return {name: fields[name] for name in (LOGGED_IN, BROWSER) if fields.get(name)}

    def test_come_with_a_new_post_and_go_with_the_rule(self, bench: Bench) -> None:
        bench.rules = Rules(join_link=JoinLink.SIGNED_IN)
        bench(meeting())
        assert self.options(bench) == {LOGGED_IN: "1"}
        assert bench(meeting()) == "unchanged"
        bench.rules = Rules(join_link=JoinLink.NOBODY)
        bench(meeting())
        assert self.options(bench) == {BROWSER: "1"}
        bench.rules = Rules()
        assert bench(meeting()) == "updated"
        assert self.options(bench) == {}
        assert bench(meeting()) == "unchanged"
        assert bench.site.performed == []

    def test_come_also_where_nothing_else_changes(self, shown: Bench) -> None:
        past = meeting(start_time="2020-03-24T18:00:00Z")
        shown(past)
        shown.rules = Rules(join_link=JoinLink.SIGNED_IN)
        assert shown(past) == "updated"
        assert self.options(shown) == {LOGGED_IN: "1"}

    def test_that_people_set_stay(self, shown: Bench) -> None:
        shown.site.only["fields"][LOGGED_IN] = "1"
        shown.rules = Rules(join_link=JoinLink.SIGNED_IN)
        shown(meeting())
        shown.rules = Rules()
        shown(meeting())
        assert self.options(shown) == {LOGGED_IN: "1"}

    def test_that_people_took_away_for_one_meeting_stay_away(self, shown: Bench) -> None:
        shown.rules = Rules(join_link=JoinLink.SIGNED_IN)
        shown(meeting())
        shown.site.only["fields"][LOGGED_IN] = ""
        shown(meeting(duration=90))
        assert self.options(shown) == {}

    def test_are_set_also_where_the_bridge_is_in_doubt(self, shown: Bench) -> None:
        shown.rules = Rules(join_link=JoinLink.SIGNED_IN)
        shown(meeting(), in_doubt=True)
        assert self.options(shown) == {LOGGED_IN: "1"}
        shown.rules = Rules()
        shown(meeting(), in_doubt=True)
        assert self.options(shown) == {}

    def test_a_rule_about_what_is_shown_rewrites_what_is_there(self, shown: Bench) -> None:
        shown(meeting(password="sing4us"))
        shown.rules = Rules(passcode=Passcode.HIDDEN)
        assert shown(meeting(password="sing4us")) == "updated"
        assert shown.site.only["details"]["password"] == ""
        assert "sing4us" not in shown.site.only["html"]


class TestFaults:
    @pytest.mark.parametrize("kind", [Fault.NETWORK, Fault.SERVER, Fault.REFUSED, Fault.CREDENTIALS])
    def test_come_out_and_the_same_can_be_asked_again(self, bench: Bench, kind: Fault) -> None:
        bench.site.on_operation = lambda _: fault(kind)
        with pytest.raises(SiteFaultError) as caught:
            bench(meeting())
        assert caught.value.fault is kind
        bench.site.on_operation = lambda _: None
        assert bench(meeting()) == "created"


class TestCarryOut:
    def task(self, number: int) -> PlanTask:
        wanted = replace(meeting(), number=number)
        return PlanTask(wanted, render(wanted, SiteRules(), NOW), Written(), 1)

    def test_writes_of_one_round_go_together(self) -> None:
        site = SiteDouble()
        results = run_plans(site, [self.task(number) for number in range(1, 11)])
        assert [isinstance(one, PlanResult) for one in results] == [True] * 10
        assert site.rounds == 1
        assert len(site.posts) == 10

    def test_one_that_fails_does_not_harm_the_others(self) -> None:
        site = SiteDouble()

        def refuse(operation: PostOperation) -> SiteFaultError | None:
            return fault(Fault.REFUSED) if site.rounds == 1 and len(site.performed) == 2 else None

        site.on_operation = refuse
        results = run_plans(site, [self.task(number) for number in (1, 2, 3)])
        assert [isinstance(one, SiteFaultError) for one in results] == [False, True, False]
        assert sorted(post["number"] for post in site.posts.values()) == ["1", "3"]

    def test_each_operation_has_a_later_place_than_those_before(self) -> None:
        site = SiteDouble()
        site.made_by_hand(2)
        for epoch in (1, 2):
            run_plans(site, [replace(self.task(2), epoch=epoch)])
        places = [mark.seq for mark in site.marks]
        assert {mark.number for mark in site.marks} == {2}
        assert places == sorted(set(places))
        assert places[0] > 0

    def test_old_meetings_are_written_quietly_and_new_ones_are_not(self) -> None:
        site = SiteDouble()
        results = run_plans(site, [self.task(1), replace(self.task(2), is_quiet=True), self.task(3)])
        assert [isinstance(one, PlanResult) for one in results] == [True] * 3
        assert site.quiet == [2]
        assert [result.written.post_id for result in results if isinstance(result, PlanResult)] == [
            next(post_id for post_id, post in site.posts.items() if post["number"] == str(number))
            for number in (1, 2, 3)
        ]

    def test_one_that_needs_more_rounds_does_not_hold_the_others_up(self) -> None:
        site = SiteDouble()
        site.made_by_hand(2)
        results = run_plans(site, [self.task(number) for number in (1, 2)])
        assert [one.action for one in results if isinstance(one, PlanResult)] == ["created", "adopted"]
        assert [operation for operation in site.performed if isinstance(operation, FindPosts)] == [
            FindPosts(2)
        ]
