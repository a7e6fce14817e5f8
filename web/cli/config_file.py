"""The configuration file: one key for each option of `zoombridge serve`.

The options are the table of settings: their names, types, defaults and help are what the file, the environment,
`zoombridge config` and docs/configuration.md have. An option on the command line takes precedence over the environment, the
environment over the file, and the file over the default.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.store.db.engine import address

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PATH = Path("/etc/zoombridge.toml")
VARIABLE = "ZOOMBRIDGE_CONFIG"
_SECRETS = ("metrics_token", "database_url")
_QUERY_SECRETS = frozenset({"password", "sslpassword"})
"""Parameters of an address that PostgreSQL's library reads as passwords."""
_NO_SETTINGS = ("config", "help")
_FILE = "-file"
_LARGEST = 1024 * 1024


class ConfigError(click.ClickException):
    """The configuration file cannot be used. Nothing was done."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of `serve`, as the configuration file names it. A secret may also stand in a file of its own."""

    option: click.Option
    is_secret: bool

    @property
    def parameter(self) -> str:
        """The name of the option's parameter."""
        return self.option.name or ""

    @property
    def key(self) -> str:
        """The key in the file."""
        return self.parameter.replace("_", "-")

    @property
    def variable(self) -> str:
        """The variable of the environment."""
        return f"ZOOMBRIDGE_{self.parameter.upper()}"


def all_settings() -> dict[str, Setting]:
    """Return all settings, by their keys."""
    from web.cli.serve import serve

    options = [one for one in serve.params if isinstance(one, click.Option) and one.name not in _NO_SETTINGS]
    found = [Setting(one, is_secret=one.name in _SECRETS) for one in options]
    return {one.key: one for one in sorted(found, key=lambda one: one.key)}


def table() -> str:
    """Return all settings as a table in Markdown, as docs/configuration.md has it."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for one in all_settings().values():
        default = one.option.show_default if isinstance(one.option.show_default, str) else one.option.default
        shown = "false" if one.option.is_flag else str(default)
        key = f"`{one.key}`" + (f", `{one.key}{_FILE}`" if one.is_secret else "")
        lines.append(f"| {key} | {shown} | {one.option.help} |")
    return "\n".join(lines)


def path_of(given: Path | None) -> Path | None:
    """Return the configuration file: the given one, else /etc/zoombridge.toml if there is one."""
    return given or (DEFAULT_PATH if DEFAULT_PATH.exists() else None)


def load(path: Path) -> dict[str, Any]:
    """Return the values of a file, by the parameters of the options. Raises: ConfigError."""
    document = _read(path)
    settings = all_settings()
    values: dict[str, Any] = {}
    for key, value in document.items():
        setting = settings.get(key)
        is_reference = setting is None and key.endswith(_FILE)
        if is_reference:
            setting = settings.get(key.removesuffix(_FILE))
        if setting is None or (is_reference and not setting.is_secret):
            raise ConfigError(_unknown(path, key, settings))
        if setting.parameter in values:
            raise ConfigError(
                f"{path}: {setting.key} is given twice: as {setting.key} and {setting.key}{_FILE}."
            )
        given = value
        if is_reference:
            given = _secret_from(path, key, value)
        elif setting.is_secret and _is_secret_value(setting, value):
            _refuse_readable(path, f"It holds the secret {key}, so others must not read it.")
        values[setting.parameter] = _checked(path, setting, key, given)
    return values


def apply_config(context: click.Context, _option: click.Parameter, given: Path | None) -> Path | None:
    """Give the options of a command the values of the file as their defaults; the callback of `--config`."""
    path = path_of(given)
    if path is not None and not context.resilient_parsing:
        context.default_map = load(path)
    return path


def unknown_variables(known: set[str]) -> Iterator[tuple[str, str]]:
    """Yield variables of the environment that set nothing, each with the most similar one that does, or an empty text."""
    for name in sorted(os.environ):
        if name.startswith("ZOOMBRIDGE_") and name not in known:
            yield name, next(iter(difflib.get_close_matches(name, known, 1)), "")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path} is larger than 1 MiB, so it is no configuration file.")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise ConfigError(
            f"Only root and the bridge's user can read the configuration file {path}. Run this as one of them; or, for a "
            f"bridge of your own, name its file: --config, or {VARIABLE} in the environment."
        ) from error
    except OSError as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is no TOML: {error}. A line is written as: port = 8765") from error


def _checked(path: Path, setting: Setting, key: str, value: Any) -> Any:
    option = setting.option
    kind = option.type
    if option.is_flag:
        is_right, wanted = isinstance(value, bool), "true or false"
    elif option.multiple:
        is_right = isinstance(value, list) and all(isinstance(one, str) for one in value)
        wanted = 'a list of texts: ["…"]'
    elif isinstance(kind, click.IntRange):
        is_right, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    else:
        is_right, wanted = isinstance(value, str), 'text in quotes: "…"'
    if not is_right:
        raise ConfigError(f"{path}: {key} has to be {wanted}.")
    context = click.Context(click.Command("serve"), resilient_parsing=False)
    try:
        converted = option.type_cast_value(context, value)
        if option.callback is not None:
            option.callback(context, option, converted)
    except click.BadParameter as error:
        raise ConfigError(f"{path}: {key}: {error.message}") from error
    except ValueError as error:  # of a path, which holds a null byte
        raise ConfigError(f"{path}: {key}: {error}.") from error
    return value


def masked_address(url: str) -> str:
    """Return the address of a database without its passwords."""
    parsed = address(url)
    query = {name: "***" if name in _QUERY_SECRETS else value for name, value in parsed.query.items()}
    shown = parsed.set(drivername=parsed.get_backend_name(), query=query)
    return shown.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def _unknown(path: Path, key: str, settings: dict[str, Setting]) -> str:
    keys = [*settings, *(f"{one.key}{_FILE}" for one in settings.values() if one.is_secret)]
    close = difflib.get_close_matches(key.replace("_", "-"), keys, 1, 0.5)
    hint = f"Is {close[0]} meant?" if close else "`zoombridge config show` lists all."
    return f"{path}: there is no setting {key}. {hint}"


def _is_secret_value(setting: Setting, value: Any) -> bool:
    """Whether a value has to be kept secret: of an address, its password alone."""
    if setting.parameter == "database_url":
        if not isinstance(value, str):
            return False
        parsed = address(value)
        return parsed.password is not None or not _QUERY_SECRETS.isdisjoint(parsed.query)
    return bool(value)


def _secret_from(path: Path, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f'{path}: {key} has to be the path of a file: "…".')
    file = path.parent / value
    _refuse_readable(file, f"It holds a secret ({key} in {path}), so others must not read it.")
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {key}: {file} cannot be read: {error}.") from error


def _refuse_readable(path: Path, why: str) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # reading it tells why
    if mode & stat.S_IRWXO:
        raise ConfigError(
            f"Everybody on this machine can read {path} (mode {stat.S_IMODE(mode):04o}). {why} Nothing was done. Run "
            f"chmod 640 on it, and give it to the bridge's group."
        )
