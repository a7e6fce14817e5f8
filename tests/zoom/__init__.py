"""A Zoom account for tests, demo and benchmarks: its REST API over HTTP, and the events that it sends.

Each behaviour names where Zoom documents it.
"""

from tests.zoom.account import Account, User
from tests.zoom.deliveries import Deliveries
from tests.zoom.server import ZoomServer

__all__ = ["Account", "Deliveries", "User", "ZoomServer"]
