"""`zoombridge completion`: have the shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from web.cli.output import echo

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: zoombridge completion bash > ~/.local/share/bash-completion/completions/zoombridge
    zsh:  zoombridge completion zsh > "${fpath[1]}/_zoombridge"
    fish: zoombridge completion fish > ~/.config/fish/completions/zoombridge.fish
    """  # noqa: D301 -- \b is click's mark of a paragraph that is not wrapped
    made = _SHELLS[shell](context.find_root().command, {}, "zoombridge", "_ZOOMBRIDGE_COMPLETE")
    echo(made.source())
