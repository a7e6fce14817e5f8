"""One meeting of a number on a site, where several accounts tell of that number. Pure.

A number can come to be another account's (consolidation of accounts, a user's transfer), and an event may lack its
account. Each account's record of a number is folded from that account's events alone; what a site shows is folded from
the events of all accounts granted to it, in the order in which they happened. So what was known is kept, and the
account that told last of the meeting owns the number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.model.fold import GONE, SNAPSHOT, apply, merge, with_link_of
from core.model.host_events import HOST_EVENTS
from core.model.meeting import PERSONAL_ROOM, Meeting, MeetingState
from core.model.shared_number import of_room

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from core.model.fold import Change

_OWN = "site:"  # no id of Zoom's has a colon
_DELETED = (MeetingState.DELETED, MeetingState.PERMANENTLY_DELETED)
# Events after which a meeting exists, for the account that sent them.
_OF_LIFE = frozenset(
    {"created", "updated", "converted_to_webinar", "converted_to_meeting", "recovered", "started"}
)
_OF_DEATH = frozenset({"deleted", "permanently_deleted"})
# The places of events at one moment: see `core.model.fold.position`.
_RANK_OF_SNAPSHOTS = 6
_FIRST_RANK_OF_THE_PAST = 8  # ends, registrations, recordings and changes of the host


def own_account_id(site_id: str) -> str:
    """Return the account id for events that come to a site and name no account. Never shown to people."""
    return _OWN + site_id


def is_own(account_id: str) -> bool:
    """Whether an account id stands for the events of a site that name no account."""
    return account_id.startswith(_OWN)


@dataclass(frozen=True, slots=True)
class Record:
    """What one account told of a number: the baseline of events that the log has dropped, and the later changes."""

    account_id: str
    base: Meeting | None
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class SharedStep:
    """A change of a shared number, and the meeting before and after it; before the first, None."""

    account_id: str
    change: Change
    before: Meeting | None
    after: Meeting | None


def fold_records(number: int, records: Sequence[Record]) -> Meeting | None:
    """Fold the records of a number into one meeting, whose `account_id` owns the number; None where all are empty."""
    return next((meeting for meeting, _ in reversed(list(_fold(number, records)))), None)


def shared_steps(number: int, records: Sequence[Record]) -> Iterator[SharedStep]:
    """Yield what each change made of the meeting, in the order of `fold_records`."""
    before = None
    for meeting, item in _fold(number, records):
        if isinstance(item[1], Meeting):
            before = meeting
        else:
            yield SharedStep(item[0], item[1], before, meeting)
            before = meeting


def _fold(
    number: int, records: Sequence[Record]
) -> Iterator[tuple[Meeting | None, tuple[str, Meeting | Change]]]:
    """Yield the meeting after each baseline and change, which come in the order of their positions."""
    meeting: Meeting | None = None
    deleted_by = ""  # the account that told of the deletion
    emptied: set[str] = set()  # the accounts that have deleted it, and told of it no more
    for account_id, item in _in_order(records):
        if isinstance(item, Meeting):
            meeting = _with_base(meeting, item)
            deleted_by = account_id if meeting.state in _DELETED else ""
            emptied |= {account_id} if item.state in _DELETED else set()
        elif (
            meeting is not None
            and account_id != meeting.account_id
            and _is_of_trash(item, account_id, emptied)
        ):
            meeting = replace(meeting, last=item.position)
        else:
            meeting = _with_change(meeting or Meeting(account_id, number), account_id, item, deleted_by)
            if _is_gone(item) or (_verb(item) in _OF_DEATH and meeting.state in _DELETED):
                emptied.add(account_id)
            elif _verb(item) in _OF_LIFE or item.envelope.event == SNAPSHOT:
                emptied.discard(account_id)
            if meeting.state not in _DELETED:
                deleted_by = ""
            elif _verb(item) in _OF_DEATH or not deleted_by:
                deleted_by = account_id
        yield meeting, (account_id, item)


def _in_order(records: Sequence[Record]) -> list[tuple[str, Meeting | Change]]:
    """Return baselines and later changes in the order in which they happened, without duplicates."""
    items: dict[tuple[int, int, str, str], tuple[str, Meeting | Change]] = {}
    for record in records:
        last = None if record.base is None else record.base.last
        for position, item in (
            *(() if record.base is None else ((record.base.last, record.base),)),
            *((change.position, change) for change in record.changes),
        ):
            if item is record.base or last is None or last < position:
                key = (position.at, position.rank, position.digest, record.account_id)
                items.setdefault(key, (record.account_id, item))
    return [items[key] for key in sorted(items)]


def _with_base(meeting: Meeting | None, base: Meeting) -> Meeting:
    """Lay what an account's dropped events made over what others told before the last of them.

    Or under it, where that last one was of the past of the meeting.
    """
    if meeting is None:
        return base
    is_absent = base.last.rank == _RANK_OF_SNAPSHOTS and base.state in _DELETED
    # What was deleted for good had been deleted before, perhaps before another account told of the meeting.
    is_of_trash = base.state is MeetingState.PERMANENTLY_DELETED and meeting.state not in _DELETED
    if is_absent or is_of_trash or base.last.rank >= _FIRST_RANK_OF_THE_PAST:
        below, above = base, meeting
    else:
        below, above = meeting, base
    told = above.object
    if above.type == PERSONAL_ROOM and below.type not in (None, PERSONAL_ROOM):
        told = of_room(told)  # topic and type of the room are not those of a meeting scheduled in it
    merged = replace(
        above,
        object=above.object if above.created else merge(below.object, told),
        last=base.last,
        created=below.created or above.created,
        recovered=above.recovered or (below.state in _DELETED and above.state not in _DELETED),
        instances={**below.instances, **above.instances},
        recordings={**below.recordings, **above.recordings},
        registrants={**below.registrants, **above.registrants},
    )
    return with_link_of(merged, below, told)


def _with_change(meeting: Meeting, account_id: str, change: Change, deleted_by: str) -> Meeting:
    """Apply a change of one account to the meeting of all."""
    is_others = account_id != meeting.account_id
    if is_others and _is_absence(change):
        # The account does not have the meeting any more. That says nothing of the one that told of it last.
        return replace(meeting, last=change.position)
    if meeting.state in _DELETED and deleted_by != account_id and _verb(change) in _OF_LIFE:
        # The account that had the meeting before deleted it there.
        meeting = replace(meeting, state=MeetingState.SCHEDULED, recovered=True)
    if is_others and _verb(change) == "created" and not (is_own(account_id) or is_own(meeting.account_id)):
        # The number was another meeting's before: what was told of that is not of this one, nor does it share the number.
        without_uuid = {key: value for key, value in meeting.object.items() if key != "uuid"}
        meeting = replace(meeting, created=True, object=without_uuid, others={})
    applied = apply(meeting, change)
    return replace(applied, account_id=account_id) if is_others and _tells_of_meeting(change) else applied


def _is_of_trash(change: Change, account_id: str, emptied: set[str]) -> bool:
    """Whether a change deletes for good what its account deleted before another one told of the meeting."""
    return _verb(change) == "permanently_deleted" and account_id in emptied


def _is_absence(change: Change) -> bool:
    """Whether a change only says that an account does not have the meeting, or its host, any more."""
    return _is_gone(change) or change.envelope.event in HOST_EVENTS


def _is_gone(change: Change) -> bool:
    return change.envelope.event == SNAPSHOT and change.envelope.payload.operation == GONE


def _tells_of_meeting(change: Change) -> bool:
    """Whether a change is of the meeting itself: recordings and registrations may be of its past in another account."""
    return change.envelope.event == SNAPSHOT or _verb(change) in _OF_LIFE | _OF_DEATH


def _verb(change: Change) -> str:
    """Return what happened to the meeting; empty for events of its recordings and its host."""
    subject, _, verb = change.envelope.event.partition(".")
    return verb if subject in ("meeting", "webinar") else ""
