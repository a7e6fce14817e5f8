"""Health checks: the process, and the database."""

import json

from core.store.db.engine import Store
from tests.web.conftest import Http


class TestHealthz:
    def test_says_that_the_process_answers(self, http: Http, store: Store) -> None:
        store.close()
        answer = http("GET", "/healthz")
        assert (answer.code, json.loads(answer.body)) == (200, {"status": "ok"})


class TestReadyz:
    def test_says_that_events_can_be_taken(self, http: Http) -> None:
        answer = http("GET", "/readyz")
        assert (answer.code, json.loads(answer.body)) == (200, {"status": "ready"})

    def test_says_so_where_they_cannot(self, http: Http, store: Store) -> None:
        store.close()
        answer = http("GET", "/readyz")
        assert answer.code == 503
        assert json.loads(answer.body)["status"] == "not ready"
