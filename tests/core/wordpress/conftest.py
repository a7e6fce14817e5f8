"""A client's site is a real WordPress here, and not what the store knows of one."""

import pytest

from tests.wordpress import WordPress


@pytest.fixture
def site(wordpress: WordPress) -> WordPress:
    """The WordPress as it was after installing."""
    wordpress.reset()
    return wordpress
