"""What is done, and what is to do next."""

from dataclasses import replace

from core.sites.diagnosis import RefusedRequests
from core.sites.health_findings import HealthFinding, HealthReport
from core.sites.setup_steps import SetupFacts, SetupStep, StepState, is_complete, setup_checklist

WELL = HealthReport(
    tuple(HealthFinding(name, True, "") for name in ("WordPress", "plugin", "pairing", "clock", "bridge"))
)
ALL = SetupFacts(WELL, has_secret=True, validated_at=1, event_at=2, has_page=True)


def states(facts: SetupFacts) -> dict[SetupStep, StepState]:
    return {line.step: line.state for line in setup_checklist(facts)}


def report_of(*findings: HealthFinding) -> HealthReport:
    return HealthReport(findings)


class TestChecklist:
    def test_all_is_done(self) -> None:
        assert is_complete(setup_checklist(ALL))
        assert list(states(ALL)) == list(SetupStep)

    def test_one_line_is_the_next(self) -> None:
        assert states(SetupFacts(WELL)) == {
            SetupStep.PLUGIN: StepState.DONE,
            SetupStep.PAIRED: StepState.DONE,
            SetupStep.REACHED: StepState.DONE,
            SetupStep.SECRET: StepState.NEXT,
            SetupStep.VALIDATED: StepState.WAITING,
            SetupStep.EVENT: StepState.WAITING,
            SetupStep.PAGE: StepState.WAITING,
        }
        assert states(replace(ALL, event_at=None))[SetupStep.EVENT] is StepState.NEXT
        assert not is_complete(setup_checklist(replace(ALL, event_at=None)))

    def test_what_is_wrong_comes_before_what_is_next(self) -> None:
        told = states(SetupFacts(report_of(HealthFinding("WordPress", False, "It is down."))))
        assert told[SetupStep.PLUGIN] is StepState.BAD
        assert StepState.NEXT not in told.values()
        [line] = [
            line
            for line in setup_checklist(SetupFacts(report_of(HealthFinding("WordPress", False, "Down."))))
            if line.message
        ]
        assert line.message == "Down."

    def test_site_is_not_checked_yet(self) -> None:
        told = states(replace(ALL, health=HealthReport()))
        assert told[SetupStep.PLUGIN] is StepState.NEXT
        assert told[SetupStep.SECRET] is StepState.DONE

    def test_a_database_that_takes_a_nonce_twice_shows(self) -> None:
        found = report_of(*WELL.findings, HealthFinding("nonces", False, "no unique index"))
        assert states(SetupFacts(found))[SetupStep.PLUGIN] is StepState.BAD

    def test_a_missing_plugin_shows_although_wordpress_answers(self) -> None:
        found = report_of(HealthFinding("WordPress", True, ""), HealthFinding("plugin", False, "not there"))
        assert states(SetupFacts(found))[SetupStep.PLUGIN] is StepState.BAD

    def test_clocks_that_differ_show_where_the_bridge_is_not_reached(self) -> None:
        found = report_of(
            *WELL.findings[:3],
            HealthFinding("clock", False, "15 minutes"),
            HealthFinding("bridge", False, "401"),
        )
        [line] = [line for line in setup_checklist(SetupFacts(found)) if line.step is SetupStep.REACHED]
        assert (line.state, line.message) == (StepState.BAD, "15 minutes")

    def test_events_are_refused(self) -> None:
        since = RefusedRequests(wrong=1, newest_at=5)
        assert states(replace(ALL, refused=since))[SetupStep.EVENT] is StepState.BAD
        assert states(replace(ALL, refused=since, event_at=6))[SetupStep.EVENT] is StepState.DONE

    def test_a_page_that_cannot_be_written_says_why(self) -> None:
        stuck = replace(ALL, has_page=False, page_fault="It is full.")
        assert setup_checklist(stuck)[-1].message == "It is full."
        assert states(replace(stuck, has_page=True))[SetupStep.PAGE] is StepState.DONE
