"""Offer updates of the plugin to the sites whose plugins ask: see docs/pairing.md.

The bridge only hands on what a release key has signed: whoever holds a site's key, or the bridge itself, can put no other
code onto the site.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from core.errors import ZoomBridgeError
from web.http.handler import Handler
from web.stub.auth import REFUSALS, StubRequest, answer_signed, refuse_unsigned, sign_answer
from web.stub.plugin_zip import RELEASE_FILE, archive, plugin_folder

if TYPE_CHECKING:
    from pathlib import Path

    from web.stub.auth import StubKeys


@dataclass(frozen=True, slots=True)
class PluginRelease:
    """A signed version of the plugin. `signature` is Ed25519 of `signed_message`, in hex; `sha256` that of its zip.

    The others say what it needs, as its files do.
    """

    version: str
    sha256: str
    signature: str
    requires: str
    requires_php: str
    tested: str


def signed_message(version: str, sha256: str) -> bytes:
    """Return what a release key signs."""
    return f"zoombridge plugin release\n{version}\n{sha256}".encode()


class PluginUpdates:
    """The update that this bridge offers, if its plugin is signed: by `file`, or by the one beside the plugin."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    @cached_property
    def package(self) -> bytes:
        """The zip."""
        return archive()

    @cached_property
    def release(self) -> PluginRelease | None:
        """What is offered; None where the plugin is not signed. Raises: ZoomBridgeError where the file does not fit it."""
        file = self._file or plugin_folder() / RELEASE_FILE
        if not file.exists() and self._file is None:
            return None
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            version, sha256, signature = (str(said[name]) for name in ("version", "sha256", "signature"))
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ZoomBridgeError(f"The plugin's signature in {file} cannot be read ({error}).") from error
        if sha256 != hashlib.sha256(self.package).hexdigest():
            raise ZoomBridgeError(
                f"The signature in {file} is that of another plugin than this installation has."
            )
        load = (plugin_folder() / "load.php").read_text(encoding="utf-8")
        readme = (plugin_folder() / "readme.txt").read_text(encoding="utf-8")
        return PluginRelease(
            version,
            sha256,
            signature,
            requires=_header("Requires at least", load),
            requires_php=_header("Requires PHP", load),
            tested=_header("Tested up to", readme),
        )


def _header(name: str, text: str) -> str:
    found = re.search(rf"^(?: \* )?{name}: *(\S+)$", text, re.MULTILINE)
    return found[1] if found else ""


class UpdateHandler(Handler):
    """`GET /stub/update` and `/stub/update/package`, signed by the plugin of a paired site."""

    def initialize(self, keys: StubKeys, updates: PluginUpdates) -> None:
        self._keys = keys
        self._updates = updates

    async def get(self, wants_package: str | None = None) -> None:
        """Answer with what is offered, or with its zip; 404 where the plugin of this bridge is not signed."""
        request = StubRequest.of(self.request)
        try:
            key = await self._keys.verify(request, now=time.time())
            await self._keys.use(request)
        except REFUSALS as error:
            refuse_unsigned(self, error)
            return
        release = self._updates.release
        if release is None:
            message = "The plugin of this bridge is not signed, so it offers no updates."
            answer_signed(self, key, 404, {"code": "zoombridge_no_update", "message": message})
        elif wants_package is None:
            answer_signed(self, key, 200, asdict(release))
        else:
            self.set_header("Content-Type", "application/zip")
            sign_answer(self, key, 200, "", self._updates.package)
            self.finish(self._updates.package)
