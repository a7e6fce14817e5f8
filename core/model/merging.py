"""Merge what Zoom told of a meeting at different times: fields, rules, and the occurrences of a series. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def with_occurrences(before: Mapping[str, Any], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Merge occurrences by `occurrence_id`, or by their start where one of them has none."""
    known = {occurrence_id(item): item for item in occurrences_of(before)}
    for item in identified(occurrences_of(given), before):
        name = occurrence_id(item)
        nameless = known.pop(str(item.get("start_time")), {}) if name not in known else {}
        known[name] = {**nameless, **known.get(name, {}), **item}
    return sorted(known.values(), key=lambda item: (str(item.get("start_time", "")), occurrence_id(item)))


def identified(told: list[dict[str, Any]], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the told occurrences, those without an id with that of the known one that begins then."""
    ids = {
        item.get("start_time"): item["occurrence_id"]
        for item in occurrences_of(before)
        if "occurrence_id" in item
    }
    return [
        item
        if "occurrence_id" in item or item.get("start_time") not in ids
        else {**item, "occurrence_id": ids[item["start_time"]]}
        for item in told
    ]


def filled(told: list[dict[str, Any]], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the told occurrences with what is known of each and not told: its duration, start or status."""
    known = {occurrence_id(item): item for item in occurrences_of(before)}
    return [{**known.get(occurrence_id(item), {}), **item} for item in told]


def occurrence_id(occurrence: Mapping[str, Any]) -> str:
    """Return what identifies an occurrence; where no id is told, its start."""
    return str(occurrence.get("occurrence_id") or occurrence.get("start_time", ""))


def occurrences_of(object_: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the occurrences that an object holds; none where it tells of none."""
    found: list[dict[str, Any]] = object_.get("occurrences", [])
    return found


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two objects: `settings` and `recurrence` field by field, as updates hold only changes; others whole."""
    merged = {**below, **above}
    if isinstance(below.get("settings"), dict) and isinstance(above.get("settings"), dict):
        merged["settings"] = {**below["settings"], **above["settings"]}
    if isinstance(below.get("recurrence"), dict) and isinstance(above.get("recurrence"), dict):
        merged["recurrence"] = _merge_recurrence(below["recurrence"], above["recurrence"])
    return merged


def lay_over(known: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two objects as `merge` does, where `told` may name some of the known occurrences only."""
    merged = merge(known, told)
    if occurrences_of(known) and occurrences_of(told):
        is_partial = leaves_others(known, told)
        merged["occurrences"] = (
            with_occurrences(known, told) if is_partial else filled(occurrences_of(told), known)
        )
    return merged


def lay_under(known: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two objects, of which `told` holds changes alone: values of `known` stay, but for occurrences that it names."""
    merged = merge(told, known)
    ids = {occurrence_id(item) for item in occurrences_of(known)}
    named = [item for item in occurrences_of(told) if occurrence_id(item) in ids]
    return merged | {"occurrences": with_occurrences(known, {"occurrences": named})} if named else merged


def _merge_recurrence(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two rules; values that the new one excludes are dropped: days of another frequency, the other end."""
    excluded: set[str] = set()
    if "type" in above and above["type"] != below.get("type"):
        excluded |= {"weekly_days", "monthly_day", "monthly_week", "monthly_week_day"}
    if "monthly_day" in above:
        excluded |= {"monthly_week", "monthly_week_day"}
    if "monthly_week" in above or "monthly_week_day" in above:
        excluded |= {"monthly_day"}
    if "end_times" in above:
        excluded |= {"end_date_time"}
    if "end_date_time" in above:
        excluded |= {"end_times"}
    return {key: value for key, value in below.items() if key not in excluded} | dict(above)


def leaves_others(known: Mapping[str, Any], given: Mapping[str, Any], gone: Collection[str] = ()) -> bool:
    """Tell whether a list names only some occurrences of a known series; `gone` are those that it no longer has."""
    occurrences = {occurrence_id(item) for item in occurrences_of(known)}
    named = {occurrence_id(item) for item in occurrences_of(given)}
    if len(named) > 1 and not named & occurrences:
        return False  # a moved series, whose occurrences have new ids
    return bool(named) and not has_new_rule(known, given) and bool(occurrences - named - set(gone))


def has_new_rule(known: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Tell whether an object tells a value of the series' rule that is not the known one."""
    rule = known.get("recurrence", {})
    return any(rule.get(key) != value for key, value in given.get("recurrence", {}).items())
