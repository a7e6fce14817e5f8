"""Labels of the fields that an event changed, for pages and commands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from core.model.diff import DateChange
from core.zoom import masking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from babel.support import NullTranslations

    from core.model.diff import FieldDiff

_LONGEST = 300
_MOST_MASKED = 10 * _LONGEST  # characters of a text, of which no more are shown


@dataclass(frozen=True, slots=True)
class ChangeLabel:
    """A changed field: its label and the old and new value as text; empty for no value."""

    name: str
    old: str
    new: str


def label_changes(
    differences: Iterable[FieldDiff],
    words: NullTranslations,
    language: str,
    *,
    passcodes: bool,
    secrets: Iterable[str] = (),
) -> list[ChangeLabel]:
    """Return labels of changed fields. Without `passcodes` those in links are masked, and `secrets` in all texts."""
    labeler = _Labeler(words, language, passcodes, tuple(secrets))
    return [labeler.label(difference) for difference in differences]


def label_fields(names: str, words: NullTranslations) -> str:
    """Return the labels of fields whose names are joined by ", "; empty for any other text."""
    fields = names.split(", ")
    if not all(field in _NAMES for field in fields):
        return ""
    return ", ".join(str(words.gettext(_NAMES[field])) for field in fields)


# Marks texts for translation: the extraction looks for this name.
def _(text: str) -> str:
    return text


_NAMES = {
    "state": _("Status"),
    "kind": _("Kind"),
    "started": _("Actual start"),
    "ended": _("Actual end"),
    "topic": _("Topic"),
    "agenda": _("Agenda"),
    "type": _("Type in Zoom"),
    "start_time": _("Start"),
    "duration": _("Duration"),
    "timezone": _("Time zone"),
    "join_url": _("Join link"),
    "password": _("Passcode"),
    "host_id": _("Host ID"),
    "uuid": _("UUID in Zoom"),
    "host_email": _("Host"),
    "recurrence.type": _("Recurrence"),
    "recurrence.repeat_interval": _("Interval of the recurrence"),
    "recurrence.weekly_days": _("Weekdays (1: Sunday)"),
    "recurrence.monthly_day": _("Day of the month"),
    "recurrence.monthly_week": _("Week of the month (-1: the last)"),
    "recurrence.monthly_week_day": _("Weekday in that week (1: Sunday)"),
    "recurrence.end_times": _("Number of occurrences"),
    "recurrence.end_date_time": _("End of the recurrence"),
    "occurrences": _("Occurrences"),
    "recordings": _("Available recordings"),
    "registrants.approved": _("Approved registrations"),
    "registrants.pending": _("Pending registrations"),
    "registrants.denied": _("Denied registrations"),
    "registrants.cancelled": _("Cancelled registrations"),
}
# As Zoom's own pages name them.
_SETTINGS = {
    "use_pmi": _("Use Personal Meeting ID"),
    "host_video": _("Video of the host on"),
    "participant_video": _("Video of participants on"),
    "panelists_video": _("Video of panelists on"),
    "join_before_host": _("Join before host"),
    "jbh_time": _("Join before host, how early"),
    "mute_upon_entry": _("Mute participants upon entry"),
    "waiting_room": _("Waiting room"),
    "meeting_authentication": _("Require authentication to join"),
    "auto_recording": _("Automatic recording"),
    "practice_session": _("Practice session"),
    "hd_video": _("HD video"),
    "allow_multiple_devices": _("Allow panelists to join from several devices"),
    "alternative_host_ids": _("Alternative hosts"),
}
_GROUPS = {
    "settings": _("Setting “%(name)s”"),
    "recurrence": _("Recurrence “%(name)s”"),
    "occurrences": _("Occurrence"),
}
_VALUES = {
    "state": {
        "scheduled": _("scheduled"),
        "deleted": _("deleted"),
        "permanently_deleted": _("permanently deleted"),
        "recovered": _("recovered"),
    },
    "kind": {"meeting": _("meeting"), "webinar": _("webinar")},
    "settings.auto_recording": {
        "none": _("off"),
        "local": _("on the host's computer"),
        "cloud": _("in Zoom's cloud"),
    },
}
_TYPES = {
    1: _("instant meeting"),
    2: _("scheduled meeting"),
    3: _("series without a fixed time"),
    4: _("personal meeting room"),
    5: _("webinar"),
    6: _("webinar series without a fixed time"),
    8: _("series"),
    9: _("webinar series"),
}


_RECURRENCES = {1: _("daily"), 2: _("weekly"), 3: _("monthly")}
# https://developers.zoom.us/docs/api/meetings/events/#tag/meeting/POSTmeeting.updated
_JOIN_EARLY = {0: _("at any time"), 5: _("5 minutes"), 10: _("10 minutes"), 15: _("15 minutes")}
_NUMBERED = {"type": _TYPES, "recurrence.type": _RECURRENCES, "settings.jbh_time": _JOIN_EARLY}
_UNUSUAL = 10**15


@dataclass(frozen=True, slots=True)
class _Labeler:
    words: NullTranslations
    language: str
    passcodes: bool
    secrets: tuple[str, ...]

    def label(self, difference: FieldDiff) -> ChangeLabel:
        old, new = (self._value(difference.field, value) for value in (difference.old, difference.new))
        if old == new:
            new = self.words.gettext("changed")  # that it changed may be seen, though not to what
        return ChangeLabel(self._name(difference.field), old, new)

    def _name(self, field: str) -> str:
        if field in _NAMES:
            return str(self.words.gettext(_NAMES[field]))
        group, _, name = field.partition(".")
        if group == "settings" and name in _SETTINGS:
            return str(self.words.gettext(_GROUPS[group])) % {"name": self.words.gettext(_SETTINGS[name])}
        plain = _bounded(masking.printable((name or group).replace("_", " ")))
        return str(self.words.gettext(_GROUPS[group])) % {"name": plain} if group in _GROUPS else plain

    def _value(self, field: str, value: Any) -> str:
        if value is None or value == "":
            return ""
        if isinstance(value, str) and value in _VALUES.get(field, {}):
            return str(self.words.gettext(_VALUES[field][value]))
        match value:
            case bool():
                return str(self.words.gettext("yes") if value else self.words.gettext("no"))
            case datetime():
                return self._moment(value)
            case DateChange():
                return self._date(value)
        return self._plain(field, value)

    def _plain(self, field: str, value: Any) -> str:
        if isinstance(value, int):
            if field == "duration":
                return self._minutes(value)
            named = _NUMBERED.get(field, {}).get(value)
            return str(self.words.gettext(named)) if named else self._number(value)
        if isinstance(value, str):
            value = value[:_MOST_MASKED]
        shown = masking.mask_value(
            value, passcodes=self.passcodes, name=field.rpartition(".")[2], secrets=self.secrets
        )
        text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
        return _bounded(masking.printable(text))

    def _number(self, value: int) -> str:
        """Format an integer; Babel has no more than 28 digits, and nothing of Zoom's is nearly as large."""
        is_usual = abs(value) < _UNUSUAL
        return format_decimal(value, locale=self.language) if is_usual else _bounded(str(value))

    def _moment(self, moment: datetime) -> str:
        zone = getattr(moment.tzinfo, "key", "UTC")
        day = format_date(moment, "medium", locale=self.language)
        return f"{day}, {format_time(moment, 'short', locale=self.language)} {zone}"

    def _date(self, date: DateChange) -> str:
        parts = [self._moment(date.start_time)]
        if date.duration:
            parts.append(self._minutes(date.duration))
        if not date.available:
            parts.append(self.words.gettext("cancelled"))
        return ", ".join(parts)

    def _minutes(self, count: int) -> str:
        text = self.words.ngettext("%(count)s minute", "%(count)s minutes", count)
        return str(text) % {"count": self._number(count)}


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
