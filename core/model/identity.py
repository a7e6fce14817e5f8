"""One meeting of a number on a site, where several accounts tell of that number. Pure.

A number can come to be another account's (consolidation of accounts, a user's transfer), and an event may lack its
account. Each account's record of a number is folded from that account's events alone; what a site shows is folded from
the events of all accounts granted to it, in the order in which they happened. So what was known is kept, and the
account that told last of the meeting owns the number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.model.fold import (
    OF_DEATH,
    OF_LIFE,
    SNAPSHOT,
    apply,
    is_gone,
    names_single_occurrences,
    never_missing,
    tells_of_meeting,
    with_link_of,
)
from core.model.host_events import HOST_EVENTS
from core.model.meeting import PERSONAL_ROOM, Meeting, MeetingState
from core.model.merging import lay_over, lay_under
from core.model.shared_number import of_room

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from core.model.fold import Change

_OWN = "site:"  # no id of Zoom's has a colon
_DELETED = (MeetingState.DELETED, MeetingState.PERMANENTLY_DELETED)
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
            deleted_by = meeting.account_id if meeting.state in _DELETED else ""
            emptied |= {account_id} if item.state in _DELETED else set()
        elif (
            meeting is not None
            and account_id != meeting.account_id
            and _is_of_trash(item, account_id, emptied)
        ):
            meeting = replace(meeting, last=item.position)
        else:
            meeting = _with_change(meeting or Meeting(account_id, number), account_id, item, deleted_by)
            if is_gone(item.envelope) or (_verb(item) in OF_DEATH and meeting.state in _DELETED):
                emptied.add(account_id)
            elif _verb(item) in OF_LIFE or item.envelope.event == SNAPSHOT:
                emptied.discard(account_id)
            if meeting.state not in _DELETED:
                deleted_by = ""
            elif _verb(item) in OF_DEATH or not deleted_by:
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
    """Merge what an account's dropped events made with what others told before the last of them.

    Its owner, and whether it exists, are as told last, and so are its fields: an account that lost the meeting may tell of
    its deletion or of its past after the other one has changed it.
    """
    if meeting is None:
        return base
    (told, owned), (base_told, base_owned) = _when_told(meeting), _when_told(base)
    below, above = (meeting, base) if owned <= base_owned else (base, meeting)
    older, newer = (meeting, base) if told <= base_told else (base, meeting)
    # Topic and type of the room are not those of a meeting scheduled in it.
    is_of_room = newer.type == PERSONAL_ROOM and older.type not in (None, PERSONAL_ROOM)
    given = {**of_room(newer.object), "pmi": newer.number} if is_of_room else newer.object
    merged = replace(
        above,
        object=_merged(older, newer, given),
        last=base.last,
        created=below.created or above.created,
        recovered=above.recovered or (below.state in _DELETED and above.state not in _DELETED),
        instances=_united(below.instances, above.instances),
        recordings={**below.recordings, **above.recordings},
        registrants={**below.registrants, **above.registrants},
        told_at=max(told, base_told, 0),
        owned_at=max(owned, base_owned, 0),
    )
    return with_link_of(merged, older, given)


def _united(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge instances: one may have started in one account and ended in the other."""
    return {uuid: {**below.get(uuid, {}), **above.get(uuid, {})} for uuid in {**below, **above}}


def _merged(older: Meeting, newer: Meeting, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge what two accounts told; `given` is what the newer one told of the meeting, or of its room alone."""
    if not newer.created or given is not newer.object:
        return lay_over(older.object, given)
    if older.created:
        kept = never_missing(older, newer.object) & older.object.keys()
        return {**{key: older.object[key] for key in kept}, **newer.object}
    return lay_under(newer.object, older.object)


def _when_told(meeting: Meeting) -> tuple[int, int]:
    """Return when the fields of a meeting were told last, and when that it exists or was deleted.

    Of states that an earlier version has stored neither is known. It is taken for the time of the last event then, unless
    that was of the past, or of a trash: what was deleted for good had been deleted before.
    """
    is_absent = meeting.last.rank == _RANK_OF_SNAPSHOTS and meeting.state in _DELETED
    is_of_trash = meeting.state is MeetingState.PERMANENTLY_DELETED
    is_of_past = is_absent or is_of_trash or meeting.last.rank >= _FIRST_RANK_OF_THE_PAST
    assumed = -1 if is_of_past else meeting.last.at
    return meeting.told_at or assumed, meeting.owned_at or assumed


def _with_change(meeting: Meeting, account_id: str, change: Change, deleted_by: str) -> Meeting:
    """Apply a change of one account to the meeting of all."""
    is_others = account_id != meeting.account_id
    if is_others and _is_absence(change):
        # The account does not have the meeting any more. That says nothing of the one that told of it last.
        return replace(meeting, last=change.position)
    may_name_dates = _verb(change) in OF_DEATH or _verb(change) == "recovered"
    is_of_date = may_name_dates and names_single_occurrences(meeting, change.envelope)
    is_of_life = (
        _verb(change) in OF_LIFE and _verb(change) != "recovered"
    )  # a recovery needs what was deleted
    if meeting.state in _DELETED and deleted_by != account_id and (is_of_life or is_of_date):
        # The account that had the meeting before deleted it there.
        meeting = replace(meeting, state=MeetingState.SCHEDULED, recovered=True)
    if is_others and _verb(change) == "created" and not (is_own(account_id) or is_own(meeting.account_id)):
        # The number was another meeting's before: what was told of that is not of this one, nor does it share the number.
        without_uuid = {key: value for key, value in meeting.object.items() if key != "uuid"}
        meeting = replace(meeting, created=True, object=without_uuid, others={})
    applied = apply(meeting, change)
    # Recordings and registrations may be of its past in another account.
    return (
        replace(applied, account_id=account_id)
        if is_others and tells_of_meeting(change.envelope)
        else applied
    )


def _is_of_trash(change: Change, account_id: str, emptied: set[str]) -> bool:
    """Whether a change deletes for good what its account deleted before another one told of the meeting."""
    return _verb(change) == "permanently_deleted" and account_id in emptied


def _is_absence(change: Change) -> bool:
    """Whether a change only says that an account does not have the meeting, or its host, any more."""
    return is_gone(change.envelope) or change.envelope.event in HOST_EVENTS


def _verb(change: Change) -> str:
    """Return what happened to the meeting; empty for events of its recordings and its host."""
    subject, _, verb = change.envelope.event.partition(".")
    return verb if subject in ("meeting", "webinar") else ""
