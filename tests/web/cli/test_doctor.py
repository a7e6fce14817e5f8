"""`zoombridge doctor`: the findings in words, the test as it goes, and a status that a script sees."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from core.errors import Fault, SiteFaultError
from core.sites.diagnosis import Cause, Stage
from core.store.db.engine import Store
from tests.core.conftest import KEYS, connected
from tests.web.cli.conftest import Run
from web.cli.context import Place

doctor = import_module("web.cli.doctor")  # the package has the command of that name

WELL = {"name": "WordPress", "well": True, "message": "answers, signed in as Anna"}
NO_SECRET = {"name": "secret token", "well": False, "message": "is not saved yet"}


def line(stage: Stage, *, well: bool = True, detail: str = "", milliseconds: int = 0) -> dict[str, Any]:
    return {"stage": stage.value, "well": well, "detail": detail, "milliseconds": milliseconds}


def report(*lines: dict[str, Any], running: bool = False, **more: Any) -> dict[str, Any]:
    return {"lines": list(lines), "verdict": None, "is_running": running, "trouble": "", **more}


@pytest.fixture
def two_sites(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder in which two sites are connected, that nobody can reach."""
    monkeypatch.setenv("ZOOMBRIDGE_KEY", KEYS)
    assert run("db", "upgrade").status == 0
    store = Store(f"sqlite:///{data / 'zoombridge.db'}", keys=KEYS)
    connected(store, "s1")
    connected(store, "s2")
    store.close()

    def refuse(*_: object, **__: object) -> None:
        raise SiteFaultError("The site could not be reached: try later.", fault=Fault.NETWORK)

    monkeypatch.setattr("core.wordpress.transport.ask", refuse)


class Served:
    """A bridge that serves: what it is asked, and what it answers."""

    def __init__(self) -> None:
        self.findings: list[dict[str, Any]] = [WELL]
        self.reports: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def ask(self, name: str, **arguments: Any) -> Any:
        self.asked.append(name)
        match name:
            case "site-list":
                return [{"id": "s1", "url": "https://s1.example.org"}]
            case "site-check":
                return self.findings
            case "site-test":
                return "s1"
            case "site-report":
                assert arguments == {"site": "s1"}
                return self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]
        raise AssertionError(name)


@pytest.fixture
def served(run: Run, monkeypatch: pytest.MonkeyPatch) -> Served:
    made = Served()
    monkeypatch.setattr(Place, "ask", lambda _, name, **arguments: made.ask(name, **arguments))
    monkeypatch.setattr(doctor, "_is_served", lambda _: True)
    monkeypatch.setattr(doctor, "_LOOK_SECONDS", 0.0)
    return made


class TestLooks:
    def test_says_how_to_begin(self, run: Run) -> None:
        ran = run("doctor")
        assert ran.status == 0
        assert "No site is connected yet" in ran.out

    def test_at_every_site(self, run: Run, two_sites: None) -> None:
        ran = run("doctor")
        assert ran.status == 1, "so that a script sees it"
        for site in ("s1", "s2"):
            assert f"https://{site}.example.org\n  WRONG  WordPress: The site could not be reached" in ran.out

    def test_at_one(self, run: Run, two_sites: None) -> None:
        ran = run("doctor", "s2.example.org")
        assert "s1.example.org" not in ran.out
        assert "WRONG  secret token: is not saved yet" in ran.out

    def test_knows_no_other(self, run: Run, two_sites: None) -> None:
        ran = run("doctor", "nowhere.example.org")
        assert ran.status == 1
        assert "Error: No site “nowhere.example.org”" in ran.err

    def test_ends_well_where_all_is(self, run: Run, served: Served) -> None:
        ran = run("doctor")
        assert (ran.status, ran.out) == (
            0,
            "https://s1.example.org\n  ok     WordPress: answers, signed in as Anna\n",
        )
        assert "site-test" not in served.asked


class TestTests:
    def test_only_through_a_bridge_that_serves(self, run: Run, two_sites: None) -> None:
        ran = run("doctor", "s1", "--test")
        assert ran.status == 1
        assert "zoombridge serve" in ran.err

    def test_tells_of_each_stage_once(self, run: Run, served: Served) -> None:
        sent, answered = line(Stage.SENT), line(Stage.ANSWERED, detail="HTTP 204", milliseconds=12)
        served.reports = [
            report(running=True),
            report(sent, running=True),
            report(sent, running=True),
            report(sent, answered),
        ]
        ran = run("doctor", "--test")
        assert ran.status == 0
        assert ran.out.count("signed and sent as Zoom would") == 1
        assert "ok     the endpoint answered (HTTP 204, 12 ms)" in ran.out
        assert ran.out.endswith("ok     everything works, and nothing of the test is left\n")

    def test_says_what_went_wrong_and_what_to_do(self, run: Run, served: Served) -> None:
        wrong = {
            "stage": "answered",
            "cause": Cause.BLOCKED,
            "message": "A page came.",
            "advice": "Allow it.",
        }
        served.reports = [report(line(Stage.SENT), line(Stage.ANSWERED, well=False), verdict=wrong)]
        ran = run("doctor", "s1", "--test")
        assert ran.status == 1
        assert "WRONG  the endpoint answered: A page came.\n         Allow it." in ran.out

    def test_names_the_next_step_where_no_token_is_saved(self, run: Run, served: Served) -> None:
        wrong = {
            "stage": "sent",
            "cause": Cause.NO_SECRET,
            "message": "None is saved.",
            "advice": "Paste it.",
        }
        served.reports = [report(line(Stage.SENT, well=False), verdict=wrong)]
        assert "next   " in run("doctor", "s1", "--test").out

    def test_says_that_it_could_not_go_on(self, run: Run, served: Served) -> None:
        served.reports = [report(trouble="It was stopped.")]
        ran = run("doctor", "s1", "--test")
        assert ran.status == 1
        assert "could not go on: It was stopped." in ran.out

    def test_does_not_wait_for_ever_for_a_bridge_to_take_it_up(
        self, run: Run, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doctor, "_BEGIN_SECONDS", 0.0)
        served.reports = [report(running=True)]
        ran = run("doctor", "s1", "--test")
        assert ran.status == 1
        assert "No bridge took the test up" in ran.err

    def test_has_words_for_every_stage(self) -> None:
        assert list(doctor._STAGES) == [stage.value for stage in Stage]
