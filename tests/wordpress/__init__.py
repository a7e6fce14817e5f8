"""A real WordPress, installed and started in seconds, that tests, demo and benchmarks share."""

from tests.wordpress.packages import COMMON_KINDS, KINDS, Kind
from tests.wordpress.php import PhpError
from tests.wordpress.wordpress import WordPress

__all__ = ["COMMON_KINDS", "KINDS", "Kind", "PhpError", "WordPress"]
