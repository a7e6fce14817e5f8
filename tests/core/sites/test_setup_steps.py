"""What is done, and what is to do next."""

from dataclasses import replace

from core.sites.diagnosis import RefusedRequests
from core.sites.health import HealthFinding, HealthReport
from core.sites.setup_steps import Facts, SetupStep, State, checklist, is_done

WELL = HealthReport(
    tuple(HealthFinding(name, True, "") for name in ("WordPress", "plugin", "pairing", "clock", "bridge"))
)
ALL = Facts(WELL, has_secret=True, validated_at=1, event_at=2, has_page=True)


def states(facts: Facts) -> dict[SetupStep, State]:
    return {line.step: line.state for line in checklist(facts)}


def look(*findings: HealthFinding) -> HealthReport:
    return HealthReport(findings)


class TestChecklist:
    def test_all_is_done(self) -> None:
        assert is_done(checklist(ALL))
        assert list(states(ALL)) == list(SetupStep)

    def test_one_line_is_the_next(self) -> None:
        assert states(Facts(WELL)) == {
            SetupStep.PLUGIN: State.DONE,
            SetupStep.PAIRED: State.DONE,
            SetupStep.REACHED: State.DONE,
            SetupStep.SECRET: State.NEXT,
            SetupStep.VALIDATED: State.WAITING,
            SetupStep.EVENT: State.WAITING,
            SetupStep.PAGE: State.WAITING,
        }
        assert states(replace(ALL, event_at=None))[SetupStep.EVENT] is State.NEXT
        assert not is_done(checklist(replace(ALL, event_at=None)))

    def test_what_is_wrong_comes_before_what_is_next(self) -> None:
        told = states(Facts(look(HealthFinding("WordPress", False, "It is down."))))
        assert told[SetupStep.PLUGIN] is State.BAD
        assert State.NEXT not in told.values()
        [line] = [
            line
            for line in checklist(Facts(look(HealthFinding("WordPress", False, "Down."))))
            if line.message
        ]
        assert line.message == "Down."

    def test_nobody_has_looked_yet(self) -> None:
        told = states(replace(ALL, look=HealthReport()))
        assert told[SetupStep.PLUGIN] is State.NEXT
        assert told[SetupStep.SECRET] is State.DONE

    def test_a_missing_plugin_shows_although_wordpress_answers(self) -> None:
        found = look(HealthFinding("WordPress", True, ""), HealthFinding("plugin", False, "not there"))
        assert states(Facts(found))[SetupStep.PLUGIN] is State.BAD

    def test_clocks_that_differ_show_where_the_bridge_is_not_reached(self) -> None:
        found = look(
            *WELL.findings[:3],
            HealthFinding("clock", False, "15 minutes"),
            HealthFinding("bridge", False, "401"),
        )
        [line] = [line for line in checklist(Facts(found)) if line.step is SetupStep.REACHED]
        assert (line.state, line.message) == (State.BAD, "15 minutes")

    def test_events_are_refused(self) -> None:
        since = RefusedRequests(wrong=1, newest_at=5)
        assert states(replace(ALL, refused=since))[SetupStep.EVENT] is State.BAD
        assert states(replace(ALL, refused=since, event_at=6))[SetupStep.EVENT] is State.DONE

    def test_a_page_that_cannot_be_written_says_why(self) -> None:
        stuck = replace(ALL, has_page=False, page_fault="It is full.")
        assert checklist(stuck)[-1].message == "It is full."
        assert states(replace(stuck, has_page=True))[SetupStep.PAGE] is State.DONE
