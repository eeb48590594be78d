"""Whatever fits the server's OpenAPI description, or does not, it answers as that says: schemathesis tries."""

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytest.importorskip("fastapi", reason="the extra serve is not installed")

from served import served

from stacker.serve.request_bounds import Limits

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def server():
    with served(limits=Limits(characters=20_000, body=1_000_000)) as found:
        yield found


def tried(server, examples):
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema

    config = SchemathesisConfig.from_dict({"generation": {"max-examples": examples}, "seed": 1})
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json", config=config)
    failures, cases = [], 0
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.FatalError), event.exception
        if isinstance(event, events.ScenarioFinished):
            cases += len(event.recorder.cases)
            for checks in event.recorder.checks.values():
                failures += [
                    f"{each.name}: {each.failure_info.failure}\n{each.failure_info.code_sample}"
                    for each in checks
                    if each.failure_info
                ]
    return cases, failures


def test_the_description_holds(server):
    cases, failures = tried(server, 6)
    assert cases > 30 and failures == []


@pytest.mark.slow
def test_the_description_holds_for_hundreds_of_requests_an_address(server):
    cases, failures = tried(server, 200)
    assert cases > 500 and failures == []  # how many are new among those drawn differs
