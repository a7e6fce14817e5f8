"""`zoombridge audit`: the audit log."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.errors import ZoomBridgeError
from core.storable import LARGEST_NUMBER
from core.store.audit import SUBJECTS, Action
from core.store.db import private_files
from web.cli.instance import instance_options
from web.cli.output import echo
from web.cli.times import time_option, to_iso, to_seconds
from web.rpc import api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from web.cli.instance import Instance
    from web.rpc.api import AuditLine

_PER_REQUEST = 1000
_LISTED = 25


@click.command()
@click.option(
    "--action",
    type=click.Choice([*SUBJECTS, *(action.value for action in Action)]),
    metavar="WHAT",
    help=f"Only entries of a subject ({', '.join(SUBJECTS)}), or of one action, such as secret.added.",
)
@click.option("--who", default="", show_default="anybody", help="Part of the name or address of who did it.")
@click.option(
    "--site",
    default="",
    show_default="any",
    help="Only entries about this site: its ID or part of its address.",
)
@click.option(
    "--since",
    callback=time_option,
    help="Only entries since then: a date such as 2026-11-23, or an age such as 3h or 2d.",
)
@click.option("--until", callback=time_option, help="Only entries before then, given like --since.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    show_default=f"{_LISTED}; with --json all",
    help="Maximum number of entries.",
)
@click.option(
    "--before", type=click.IntRange(1), help="Continue from the position that an earlier list printed."
)
@click.option("--json", "as_json", is_flag=True, help="Export JSON lines: one JSON object for each entry.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write instead of standard output, readable by you only.",
)
@instance_options
def audit(
    action: str | None,
    who: str,
    site: str,
    since: int | None,
    until: int | None,
    limit: int | None,
    before: int | None,
    *,
    as_json: bool,
    output: Path | None,
    instance: Instance,
) -> None:
    """Show who changed what, from where and when, newest first.

    Settings, secrets, grants, users, replays, approvals, sign-ins (failed ones, too), pairings, renewed keys, and
    removed sites are logged, whether done on a page, in wp-admin or by a command. Entries hold no secrets. They are
    kept for 730 days (failed sign-ins: 90), the newest 100,000 of users at most: docs/audit.md.

    Examples: “zoombridge audit --since 7d --action secret”; “zoombridge audit --json -o audit.jsonl” exports all.
    """
    request = api.ListAudit(
        action=action or "",
        who=who,
        site=site,
        since=since,
        until=until,
        limit=1,
        before=None if before is None else min(before, LARGEST_NUMBER),
    )
    most = limit or (None if as_json else _LISTED)
    entries = _entries(instance, request, most)
    lines = (_as_json(entry) for entry in entries) if as_json else (_as_text(entry) for entry in entries)
    if output is not None:
        content = "".join(f"{line}\n" for line in lines).encode()
        try:
            private_files.write_file(output, content)
        except OSError as error:
            raise ZoomBridgeError(
                f"{output} cannot be written: {error.strerror}. Choose another --output."
            ) from error
        return
    number = 0
    for number, line in enumerate(lines, 1):  # noqa: B007 - counted
        echo(line)
    if not number and not as_json:
        is_filtered = any((action, who, site, since, until, before))
        echo("No entry matches." if is_filtered else "There are no entries yet.", err=True)
    sys.stdout.flush()


def _entries(instance: Instance, request: api.ListAudit, most: int | None) -> Iterator[AuditLine]:
    """Yield up to `most` entries, or all."""
    given = 0
    while most is None or given < most:
        wanted = _PER_REQUEST if most is None else min(_PER_REQUEST, most - given)
        found = instance.call(api.AUDIT_LIST, request.model_copy(update={"limit": wanted}))
        yield from found.entries
        given += len(found.entries)
        if found.next is None:
            return
        request = request.model_copy(update={"before": found.next})
    echo(f"There may be more: --before {request.before}", err=True)


def _as_json(entry: AuditLine) -> str:
    document: dict[str, Any] = {
        "id": entry.id,
        "at": to_iso(entry.at),
        "action": entry.action,
        "subject": entry.subject,
        "actor": {"kind": entry.actor_kind, "name": entry.actor, "address": entry.address},
        "site": None if not entry.site_id else {"id": entry.site_id, "url": entry.site},
        "detail": entry.detail,
    }
    return json.dumps(document, ensure_ascii=False)


def _as_text(entry: AuditLine) -> str:
    who = " ".join(part for part in (entry.actor_kind, entry.actor) if part)
    where = f" ({entry.address})" if entry.address else ""
    what = " ".join(part for part in (entry.action, entry.subject, entry.site) if part)
    facts = "".join(f"  {name}={_plain(value)}" for name, value in entry.detail.items())
    return _one_line(f"{entry.id:>8}  {to_seconds(entry.at)}  {who}{where}: {what}{facts}")


def _plain(value: Any) -> str:
    if isinstance(value, dict) and {"from", "to"} <= value.keys():
        return f"{value['from']}→{value['to']}"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _one_line(text: str) -> str:
    """Return text without what a terminal would act on: names are chosen by other people."""
    return "".join(character if character.isprintable() else " " for character in text)
