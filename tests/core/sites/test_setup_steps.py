"""What is done, and what is to do next."""

from dataclasses import replace

from core.model.health_facts import FactName, HealthFact
from core.sites.diagnosis import RefusedRequests
from core.sites.setup_steps import SetupFacts, SetupStep, StepState, is_complete, setup_checklist

Facts = dict[FactName, HealthFact]

SINCE = 7


def facts_of(**said: str | None) -> Facts:
    """Return facts by the names of their members: None where they are well, else the message."""
    return {
        name: HealthFact(name, message is None, message or "", SINCE)
        for name, message in ((FactName[member], message) for member, message in said.items())
    }


WELL = facts_of(WORDPRESS=None, PLUGIN=None, PAIRING=None, CLOCK=None, BRIDGE=None)
ALL = SetupFacts(WELL, has_secret=True, validated_at=1, event_at=2, has_page=True)


def states(facts: SetupFacts) -> dict[SetupStep, StepState]:
    return {line.step: line.state for line in setup_checklist(facts)}


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
        down = SetupFacts(facts_of(WORDPRESS="It is down."))
        told = states(down)
        assert told[SetupStep.PLUGIN] is StepState.BAD
        assert StepState.NEXT not in told.values()
        [line] = [line for line in setup_checklist(down) if line.message]
        assert (line.message, line.since) == ("It is down.", SINCE)

    def test_site_is_not_checked_yet(self) -> None:
        told = states(replace(ALL, health={}))
        assert told[SetupStep.PLUGIN] is StepState.NEXT
        assert told[SetupStep.SECRET] is StepState.DONE

    def test_a_database_that_takes_a_nonce_twice_shows(self) -> None:
        found = WELL | facts_of(NONCES="no unique index")
        assert states(SetupFacts(found))[SetupStep.PLUGIN] is StepState.BAD

    def test_a_missing_plugin_shows_although_wordpress_answers(self) -> None:
        found = facts_of(WORDPRESS=None, PLUGIN="not there")
        assert states(SetupFacts(found))[SetupStep.PLUGIN] is StepState.BAD

    def test_clocks_that_differ_show_where_the_bridge_is_not_reached(self) -> None:
        found = WELL | facts_of(CLOCK="15 minutes", BRIDGE="401")
        [line] = [line for line in setup_checklist(SetupFacts(found)) if line.step is SetupStep.REACHED]
        assert (line.state, line.message) == (StepState.BAD, "15 minutes")

    def test_events_are_refused(self) -> None:
        since = RefusedRequests(newest_at=5)
        assert states(replace(ALL, refused=since))[SetupStep.EVENT] is StepState.BAD
        assert states(replace(ALL, refused=since, event_at=6))[SetupStep.EVENT] is StepState.DONE
        known = replace(ALL, refused=since, health=WELL | facts_of(EVENTS="Another token."))
        [line] = [line for line in setup_checklist(known) if line.step is SetupStep.EVENT]
        assert line.since == SINCE

    def test_a_page_that_cannot_be_written_says_why(self) -> None:
        stuck = replace(ALL, has_page=False, health=WELL | facts_of(PAGES="It is full."))
        assert setup_checklist(stuck)[-1].message == "It is full."
        assert setup_checklist(stuck)[-1].since == SINCE
        assert states(replace(stuck, has_page=True))[SetupStep.PAGE] is StepState.DONE

    def test_each_step_says_since_when(self) -> None:
        saved = replace(ALL, health=WELL | facts_of(SECRET_TOKEN=None))
        known = {item.step for item in setup_checklist(saved) if item.since == SINCE}
        assert known == {SetupStep.PLUGIN, SetupStep.PAIRED, SetupStep.REACHED, SetupStep.SECRET}
