"""`zoombridge config`: the settings of the server, and where each comes from."""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from pydantic import BaseModel

from web.cli import secret_input
from web.cli.config_file import (
    VARIABLE,
    Setting,
    all_settings,
    load,
    masked_address,
    path_of,
    unknown_variables,
)
from web.cli.json_output import json_option, print_json
from web.cli.output import echo
from web.cli.serve import serve

if TYPE_CHECKING:
    from pathlib import Path

_MASK = "********"
_KEY = "ZOOMBRIDGE_KEY"
_VARIABLES = {VARIABLE, _KEY, *secret_input.VARIABLES}


class SettingLine(BaseModel):
    """A setting with its value, where secrets are masked. `source` is environment, file or default."""

    setting: str
    value: Any
    source: str
    variable: str


@click.group()
def config() -> None:
    """Show and check the configuration."""


_config_option = click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False),
    envvar=VARIABLE,
    show_default="/etc/zoombridge.toml, if it exists",
    help="Configuration file.",
)


@config.command()
@_config_option
@json_option
def show(file: str | None, as_json: bool) -> None:
    """Show each setting of the server, and where its value comes from.

    An option of `zoombridge serve` takes precedence over the environment, the environment over the configuration file,
    and the file over the default. Secrets are masked.
    """
    path = _path(file)
    lines = [*_lines(path), _key_line()]
    if as_json:
        print_json(*lines)
        return
    echo(f"Configuration file: {path or 'none'}")
    names, values = (max(len(text) for text in column) for column in zip(*map(_texts, lines), strict=True))
    for line in lines:
        name, value = _texts(line)
        echo(f"{name:{names}}  {value:{values}}  {line.source}")


@config.command()
@_config_option
@click.pass_context
def check(context: click.Context, file: str | None) -> None:
    """Check the configuration file and variables."""
    path = _path(file)
    if path is None:
        echo("There is no configuration file.")
    else:
        echo(f"{path} is valid; it sets {len(load(path))} of {len(all_settings())} settings.")
    wrong = list(unknown_variables(_VARIABLES | _variables_of_all_commands()))
    for name, close in wrong:
        echo(f"{name} is in the environment, but sets nothing." + (f" Is {close} meant?" if close else ""))
    context.exit(1 if wrong else 0)


def _path(file: str | None) -> Path | None:
    from pathlib import Path

    return path_of(Path(file) if file else None)


def _lines(path: Path | None) -> list[SettingLine]:
    context = click.Context(serve, info_name="serve", auto_envvar_prefix="ZOOMBRIDGE")
    context.default_map = load(path) if path is not None else None
    lines = []
    for setting in all_settings().values():
        value, _ = setting.option.handle_parse_result(context, {}, [])
        value = None if isinstance(value, Enum) else value  # click's mark of what is not set
        source = context.get_parameter_source(setting.parameter)
        lines.append(
            SettingLine(
                setting=setting.key,
                value=_shown(setting, value, source),
                source=_SOURCES.get(source, "default") if source else "default",
                variable=setting.variable,
            )
        )
    return lines


_SOURCES = {ParameterSource.ENVIRONMENT: "environment", ParameterSource.DEFAULT_MAP: "file"}


def _shown(setting: Setting, value: Any, source: ParameterSource | None) -> Any:
    if (
        source is ParameterSource.DEFAULT
        and value in (None, "", ())
        and isinstance(setting.option.show_default, str)
    ):
        return f"({setting.option.show_default})"
    if setting.parameter == "database_url" and value:
        return masked_address(value)
    if setting.is_secret and value:
        return _MASK
    return (
        value
        if isinstance(value, bool | int | None)
        else list(value)
        if isinstance(value, tuple)
        else str(value)
    )


def _key_line() -> SettingLine:
    is_set = bool(os.environ.get(_KEY))
    value = _MASK if is_set else "(the file zoombridge.key in the data folder)"
    return SettingLine(
        setting="key", value=value, source="environment" if is_set else "default", variable=_KEY
    )


def _texts(line: SettingLine) -> tuple[str, str]:
    value = line.value
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, list):
        value = " ".join(value)
    return line.setting, "" if value is None else str(value)


def _variables_of_all_commands() -> set[str]:
    from web.cli import zoombridge

    return {f"ZOOMBRIDGE_{name.upper()}" for name in _parameters(zoombridge)}


def _parameters(command: click.Command) -> set[str]:
    found = {one.name for one in command.params if isinstance(one, click.Option) and one.name}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            found |= _parameters(inner) if inner is not None else set()
    return found
