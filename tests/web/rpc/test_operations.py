"""The operations: each is declared once and implemented."""

from core.store.jobs import JobState
from web.rpc import api
from web.rpc.operations import REGISTRY


def test_each_has_an_implementation_and_a_name_of_its_own() -> None:
    names = [operation.name for operation in api.OPERATIONS]
    assert len(set(names)) == len(names)
    assert REGISTRY.names == set(names)


def test_each_has_a_result_that_survives_json() -> None:
    status = api.JobStatus(
        id=1, kind="import", state=JobState.DONE, total=None, done=2, counts={"new": 2}, message=None
    )
    for operation, result in ((api.JOB_SHOW, status), (api.JOB_LIST, [status])):
        assert operation.load_result(operation.dump_result(result)) == result  # type: ignore[arg-type]
