"""A Zoom account for tests, demo and benchmarks: its REST API over HTTP, and the events that it sends.

Each behaviour names its source: a section of zoom.md (the facts collected with the project), a path of Zoom's
descriptions of its API (OpenAPI), or a public page. What no source shows is not here, or says ASSUMPTION.
"""

from tests.zoom.account import Account, User
from tests.zoom.deliveries import Deliveries
from tests.zoom.server import ZoomServer

__all__ = ["Account", "Deliveries", "User", "ZoomServer"]
