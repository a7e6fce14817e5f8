"""What thousands of runs start from."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from tests.convergence.world import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY = Path("/dev/shm")


@pytest.fixture
def prepared_database(tmp_path: Path) -> Iterator[Path]:
    """A database to be copied, in memory where that can be, since thousands are opened; and no logs of them."""
    folder = Path(tempfile.mkdtemp(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else tmp_path))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield prepared(folder)
    structlog.reset_defaults()
    shutil.rmtree(folder)
