"""All defences that are removed one by one."""

from __future__ import annotations

from tests.defences.bridge import OF_BRIDGE
from tests.defences.plugin import OF_PLUGIN

DEFENCES = (*OF_BRIDGE, *OF_PLUGIN)
