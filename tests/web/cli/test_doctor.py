"""`zoombridge doctor`: the findings in words, the test as it goes, and a status that a script sees."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from core.errors import Fault, SiteFaultError, StoreInUseError, ZoomBridgeError
from core.sites.diagnosis import Cause, Stage
from core.store.db.engine import Store
from tests.core.conftest import KEYS, connected
from tests.web.cli.conftest import Run
from web.cli.instance import Instance
from web.rpc import api

doctor = import_module("web.cli.doctor")  # the package has the command of that name

WELL = api.SiteCheck(name="WordPress", ok=True, message="answers, signed in as Anna")


def step(stage: Stage, *, ok: bool = True, detail: str = "", milliseconds: int = 0) -> api.SelfTestStep:
    return api.SelfTestStep(stage=stage, ok=ok, milliseconds=milliseconds, detail=detail)


def status(
    *steps: api.SelfTestStep,
    running: bool = False,
    diagnosis: api.SelfTestDiagnosis | None = None,
    error: str = "",
) -> api.SelfTestStatus:
    return api.SelfTestStatus(steps=list(steps), diagnosis=diagnosis, is_running=running, error=error)


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

    monkeypatch.setattr("core.wordpress.transport.send", refuse)


class Served:
    """A running server: the operations that it executes, and their results."""

    def __init__(self) -> None:
        self.reports: list[api.SelfTestStatus] = []
        self.called: list[str] = []
        self.checks = [WELL]

    def call(self, operation: api.Operation[Any, Any], request: api.Model) -> Any:
        self.called.append(operation.name)
        match operation:
            case api.SITE_LIST:
                url = "https://s1.example.org"
                return [
                    api.ListedSite(
                        id="s1",
                        name="",
                        url=url,
                        validated_at=None,
                        last_event=None,
                        last_event_at=None,
                        fault_message=None,
                    )
                ]
            case api.SITE_CHECK:
                return self.checks
            case api.SELFTEST_START:
                return api.SelfTestStarted(site_id="s1")
            case api.SELFTEST_STATUS:
                assert request == api.SiteRequest(site="s1")
                return self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]
        raise AssertionError(operation.name)


def in_use(_instance: Instance) -> Store:
    raise StoreInUseError("A server has it open.")


@pytest.fixture
def served(run: Run, monkeypatch: pytest.MonkeyPatch) -> Served:
    made = Served()
    monkeypatch.setattr(Instance, "call", lambda _, operation, request: made.call(operation, request))
    monkeypatch.setattr(Instance, "open_store", in_use)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return made


class TestLooks:
    def test_says_how_to_begin(self, run: Run) -> None:
        ran = run("doctor")
        assert ran.status == 0
        assert "No site is connected yet" in ran.out
        assert "“Add a site”" in ran.out, "as the button says"

    def test_at_every_site(self, run: Run, two_sites: None) -> None:
        ran = run("doctor")
        assert ran.status == 1, "so that a script sees it"
        for site in ("s1", "s2"):
            said = rf"https://{site}\.example\.org\n  FAIL  WordPress, since 20\S+ \S+ UTC: The site could not be reached"
            assert re.search(said, ran.out)

    def test_at_one(self, run: Run, two_sites: None) -> None:
        ran = run("doctor", "s2.example.org")
        assert "s1.example.org" not in ran.out
        assert "FAIL  secret token: is not saved yet" in ran.out

    def test_knows_no_other(self, run: Run, two_sites: None) -> None:
        ran = run("doctor", "nowhere.example.org")
        assert ran.status == 1
        assert "Error: No site “nowhere.example.org”" in ran.err

    def test_ends_well_where_all_is(self, run: Run, served: Served) -> None:
        ran = run("doctor")
        assert (ran.status, ran.out) == (
            0,
            "https://s1.example.org\n  ok    WordPress: answers, signed in as Anna\n",
        )
        assert "selftest.start" not in served.called

    @pytest.mark.parametrize("command", [("doctor", "s1"), ("site", "check", "s1")])
    def test_ends_well_with_a_warning(self, run: Run, served: Served, command: tuple[str, ...]) -> None:
        untried = api.SiteCheck(name="VCZAPI", ok=False, message="was not tried.", warning=True)
        served.checks = [WELL, untried]
        ran = run(*command)
        assert ran.status == 0
        assert "warn  VCZAPI: was not tried." in ran.out
        served.checks = [untried, api.SiteCheck(name="clock", ok=False, message="is wrong.")]
        ran = run(*command)
        assert ran.status == 1
        assert "FAIL  clock: is wrong." in ran.out


class TestTests:
    def test_only_through_a_bridge_that_serves(self, run: Run, two_sites: None) -> None:
        ran = run("doctor", "s1", "--test")
        assert ran.status == 1
        assert "zoombridge serve" in ran.err

    def test_prints_each_stage_once(self, run: Run, served: Served) -> None:
        sent, answered = step(Stage.SENT), step(Stage.ANSWERED, detail="HTTP 204", milliseconds=12)
        served.reports = [
            status(running=True),
            status(sent, running=True),
            status(sent, running=True),
            status(sent, answered),
        ]
        ran = run("doctor", "--test")
        assert ran.status == 0
        assert ran.out.count("signed and sent as Zoom would") == 1
        assert "ok    the endpoint answered (HTTP 204, 12 ms)" in ran.out
        assert ran.out.endswith("ok    everything works, and nothing of the test is left\n")

    def test_says_what_went_wrong_and_what_to_do(self, run: Run, served: Served) -> None:
        wrong = api.SelfTestDiagnosis(
            stage=Stage.ANSWERED, cause=Cause.BLOCKED, message="A page came.", advice="Allow it."
        )
        served.reports = [status(step(Stage.SENT), step(Stage.ANSWERED, ok=False), diagnosis=wrong)]
        ran = run("doctor", "s1", "--test")
        assert ran.status == 1
        assert "FAIL  the endpoint answered: A page came.\n        Allow it." in ran.out

    def test_names_the_next_step_where_no_token_is_saved(self, run: Run, served: Served) -> None:
        wrong = api.SelfTestDiagnosis(
            stage=Stage.SENT, cause=Cause.NO_SECRET, message="None is saved.", advice="Paste it."
        )
        served.reports = [status(step(Stage.SENT, ok=False), diagnosis=wrong)]
        assert "todo  " in run("doctor", "s1", "--test").out

    def test_says_that_it_could_not_continue(self, run: Run, served: Served) -> None:
        served.reports = [status(error="It was stopped.")]
        ran = run("doctor", "s1", "--test")
        assert ran.status == 1
        assert "could not continue: It was stopped." in ran.out

    def test_does_not_wait_for_ever_for_a_server_to_begin(self, served: Served) -> None:
        served.reports = [status(running=True)]
        with pytest.raises(ZoomBridgeError, match="The test did not start"):
            doctor.run_selftest(served, "s1", begin_seconds=0.0)

    def test_has_words_for_every_stage(self) -> None:
        assert list(doctor._STAGES) == [stage.value for stage in Stage]
