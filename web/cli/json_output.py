"""What commands print with --json: for each line of the list one object, as the audit log is exported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import click

from web.cli.output import echo
from web.cli.times import to_iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    F = TypeVar("F", bound=Callable[..., Any])

_TIMES = ("at", "since", "until")  # and what ends in `_at`


def json_option(command: F) -> F:
    """Give a command the option `--json`, as its parameter `as_json`."""
    option = click.option(
        "--json", "as_json", is_flag=True, help="Print JSON lines for scripts: one object for each line."
    )
    return option(command)


def print_json(*models: BaseModel, **more: Any) -> None:
    """Print each result as JSON on a line of its own, with `more` before its fields. Times are ISO 8601 in UTC."""
    for model in models:
        echo(json.dumps(more | _with_times(model.model_dump(mode="json")), ensure_ascii=False))


def _with_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: to_iso(one) if _is_time(name, one) else _with_times(one) for name, one in value.items()}
    return [_with_times(one) for one in value] if isinstance(value, list) else value


def _is_time(name: str, value: Any) -> bool:
    return isinstance(value, int) and (name in _TIMES or name.endswith("_at"))
