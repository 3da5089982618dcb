"""The services' descriptions: valid, served, complete, and true of what is said."""

from __future__ import annotations

import json
import re
import socket
from types import SimpleNamespace

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations.run import patched_copy
from mutations.table import MUTATIONS, Mutation
from openapi_spec_validator import validate
from running import robot
from test_programs import ask, program

from RbeeLibrary.fakes.runtime.contract_check import ContractCheck
from RbeeLibrary.protocol.error_codes import ERRORS, RbeeError
from RbeeLibrary.protocol.schema.answers import ErrorObject, HiveWorkers, QueenWorker
from RbeeLibrary.protocol.schema.conformity import wrong_answer, wrong_event, wrong_in
from RbeeLibrary.protocol.schema.fields import FieldRule, read, rules_of
from RbeeLibrary.protocol.schema.openapi import document
from RbeeLibrary.protocol.schema.routes import SERVICES, find_route
from RbeeLibrary.protocol.sse import Parser

STARTED = {
    "queen": ("fake-queen", "--port", "0", "--database", "{folder}/beehives.db"),
    "hive": ("fake-hive", "--port", "0", "--provision", "off"),
    "worker": ("fake-worker", "--port", "0", "--worker-id", "w"),
    "hub": ("fake-hub", "--port", "0"),
}


@pytest.mark.parametrize("service", SERVICES)
def test_description_is_valid_and_served(service, tmp_path):
    words = [word.format(folder=tmp_path) for word in STARTED[service]]
    with program(*words, "--api-key", "secret") as process:
        status, text = ask(process.ready["port"], "GET", "/openapi.json")
        assert status == 200
        served = json.loads(text)
        validate(served)
        assert served == json.loads(json.dumps(document(service, "0.1.0")))
        for path, methods in served["paths"].items():
            for method, operation in methods.items():
                is_protected = operation["security"] != [{}]
                if method != "head":
                    status, text = ask(process.ready["port"], method.upper(), path.replace("{", "").replace("}", ""), "{}")
                    assert (status == 401) == is_protected, f"{method} {path} answers {status} without a key"


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_of_the_contract_is_served_and_no_other(service, tmp_path):
    from RbeeLibrary.fakes.hive import hive
    from RbeeLibrary.fakes.hub import hub
    from RbeeLibrary.fakes.queen import queen
    from RbeeLibrary.fakes.worker import worker
    from RbeeLibrary.protocol.options import parse
    from RbeeLibrary.protocol.program_options import HiveOptions, HubOptions, QueenOptions, WorkerOptions

    kinds = {"queen": (queen.Queen, QueenOptions), "hive": (hive.Hive, HiveOptions), "worker": (worker.Worker, WorkerOptions), "hub": (hub.Hub, HubOptions)}
    kind, options = kinds[service]
    words = [word.format(folder=tmp_path) for word in STARTED[service][1:]]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fake = kind(parse(options, service, words, {}), listener)
        served = {(route.method, route.rule.replace(":path", "").replace("<", "{").replace(">", "}")) for route in fake._http_app.app.routes}
    assert served == {(route.method, path) for route in SERVICES[service] for path in route.paths}


GOOD = {
    "worker_id": "w",
    "node": "n",
    "state": "idle",
    "model_ref": "m",
    "url": "http://127.0.0.1:1",
    "backend": "cpu",
    "device": 0,
    "slots_total": 1,
    "slots_available": 1,
    "last_heartbeat_unix": None,
}


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({}, None),
        ({"last_heartbeat_unix": 3}, None),
        ({"state": "odd"}, 'state is "odd", expected one of loading, idle, busy, draining, stale-but-busy'),
        ({"device": "0"}, 'device is "0", expected an integer from 0 to 9223372036854775807'),
        ({"device": True}, "device is true, expected an integer from 0 to 9223372036854775807"),
        ({"slots_total": None}, "slots_total is null, expected an integer from 1 to 9223372036854775807"),
        ({"node": ...}, "node is missing, expected a string"),
        ({"colour": "red"}, "colour is not in the contract"),
    ],
)
def test_what_is_wrong_is_named(change, finding):
    row = {name: value for name, value in {**GOOD, **change}.items() if value is not ...}
    assert wrong_in(QueenWorker, row) == ([finding] if finding else [])
    schema = {**document("queen", "1")["components"]["schemas"]["QueenWorker"]}
    official = jsonschema.Draft202012Validator(schema)
    assert official.is_valid(row) == (finding is None), "the description and the judge disagree"


def test_order_of_fields_is_judged_where_it_has_to_be_exact():
    row = dict(reversed(GOOD.items()))
    assert "fields are in the order last_heartbeat_unix" in wrong_in(QueenWorker, row)[0]
    assert wrong_in(QueenWorker, row, exact=False) == []
    assert wrong_in(QueenWorker, {**GOOD, "colour": "red"}, exact=False) == []


def test_place_of_a_finding_is_named():
    assert wrong_in(HiveWorkers, {"workers": [{}]})[0] == "workers[0].worker_id is missing, expected a string that is not empty"


def test_errors_are_judged_by_their_route():
    inference = find_route("worker", "POST", "/v1/inference")
    assert wrong_answer(inference, 503, RbeeError("ALL_SLOTS_BUSY", "busy", fields={"slots_total": 1, "slots_busy": 1}).envelope()) == []
    assert wrong_answer(inference, 500, RbeeError("INTERNAL", "an error").envelope()) == [
        "error.code is INTERNAL, expected one of ALL_SLOTS_BUSY, WORKER_NOT_READY, INVALID_REQUEST, INVALID_API_KEY"
    ]
    beside = RbeeError("INVALID_API_KEY", "wrong").envelope() | {"hint": "try another one"}
    assert wrong_answer(inference, 401, beside) == ["hint beside error is not in the contract"]
    assert wrong_answer(inference, 401, beside, exact=False) == []
    assert wrong_answer(inference, 500, RbeeError("ALL_SLOTS_BUSY", "busy").envelope()) == ["ALL_SLOTS_BUSY came with status 500, expected 503"]
    odd = RbeeError("INTERNAL", "m").envelope()["error"] | {"code": "NO_SUCH_CODE"}
    assert wrong_answer(inference, 500, {"error": odd}) == ['error.code is "NO_SUCH_CODE", which the contract does not know']
    assert wrong_answer(inference, 418, b"teapot") == ["status 418 without an error envelope, expected 200 or an error of the contract"]
    assert wrong_in(ErrorObject, {"message": "m", "code": "c"})[0].startswith("fields are in the order message, code")


def test_streams_are_judged_to_their_end():
    inference = find_route("worker", "POST", "/v1/inference")
    whole = Parser().feed(b'data: {"t":"a"}\n\ndata: {"token":"b","index":1}\n\ndata: [DONE]\n\n')
    assert wrong_answer(inference, 200, whole) == []
    assert wrong_answer(inference, 200, whole[:-1]) == ["the stream has no [DONE] at its end"]
    odd = Parser().feed(b'data: {"t":3}\n\n')[0]
    assert wrong_answer(inference, 200, [odd, *whole]) == wrong_event(inference.answers[200], odd)
    assert wrong_event(inference.answers[200], odd)[0].startswith('event {"t": 3} fits none of PlainToken')


def test_fake_that_leaves_its_contract_fails_the_test_of_its_user(tmp_path):
    mutation = next(one for one in MUTATIONS if one.name == "answer has another type than its contract")
    folder = patched_copy(mutation, tmp_path / "broken")
    name = "Idle Worker For The Model Is Used At Once"
    (tmp_path / "results").mkdir()
    run = robot(tmp_path / "results", "--test", name, str(folder / "suites/inference/worker_choice.robot"), package=folder)
    assert run.tests()[name].message.partition("\ntrace: ")[0] == (
        "off contract: a fake said what its contract does not\n"
        '  hive GET /v1/workers/list 200: workers[0].device is "0", expected an integer from 0 to 9223372036854775807'
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("self.options.no_such", ": 'HiveOptions' object has no attribute 'no_such'"), ("{}['secret']", "")],
    ids=["text that names a type", "text that may be secret"],
)
def test_error_of_a_fake_s_own_says_where(tmp_path, wrong, said):
    """In the answer, and as what the test fails with."""
    broken = Mutation("a", "fakes/hive/hive.py", '"version": self.options.report_version', f'"version": {wrong}', "", "")
    folder = patched_copy(broken, tmp_path / "broken")
    suite = tmp_path / "s.robot"
    lines = ["*** Settings ***", "Library    RbeeLibrary", "Library    RequestsLibrary", "", "*** Test Cases ***", "A", "    ${hive} =    Start Hive"]
    suite.write_text("\n".join([*lines, "    GET    ${hive.url}/v1/health    timeout=5    expected_status=500", ""]))
    message = robot(tmp_path, str(suite), package=folder).tests()["A"].message
    assert re.search(rf"an error of its own, see its output: \w+Error in fakes/hive/hive\.py, line \d+{re.escape(said)}$", message, re.MULTILINE), message
    assert "secret" not in message


def test_error_of_a_fake_s_own_is_off_the_contract_at_every_route():
    """Also where the contract knows INTERNAL, for a database that cannot be used."""
    told, log = [], []
    journal = SimpleNamespace(record=lambda kind, **fields: told.append((kind, fields["path"], fields["status"])))
    ContractCheck(journal, log.append).broke(find_route("queen", "GET", "/v2/registry/beehives/list"), "an error of its own")
    assert told == [("off_contract", "/v2/registry/beehives/list", 500)]
    assert log == ["off contract: GET /v2/registry/beehives/list 500: an error of its own"]


def test_statuses_that_differ_from_the_table_are_the_route_s():
    add = find_route("queen", "POST", "/v2/registry/beehives/add")
    failed = RbeeError("SSH_TIMEOUT", "Connection timeout", top={"success": False, "message": "m", "node_name": "n"}).envelope()
    assert wrong_answer(add, 400, failed) == []
    assert wrong_answer(add, 503, failed) == ["SSH_TIMEOUT came with status 503, expected 400"]


def test_every_error_is_somebody_s():
    described = {code for routes in SERVICES.values() for route in routes for code in route.errors}
    passed_on = {"VERSION_MISMATCH", "REQUEST_CANCELED", "CONNECTION_TIMEOUT", "LOADING_TIMEOUT", "METHOD_NOT_ALLOWED", "INVALID_REQUEST", "INVALID_API_KEY"}
    assert described | passed_on == set(ERRORS)


def values(rule: FieldRule) -> st.SearchStrategy:
    """Values that a rule takes."""
    if rule.choices:
        return st.sampled_from(rule.choices)
    if rule.pattern is not None:
        return st.from_regex(rule.pattern, fullmatch=True, alphabet=st.characters(max_codepoint=127))
    if rule.kind is str:
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=int(rule.low or 0), max_size=min(int(rule.high or 20), 20))
    if rule.kind is int:
        return st.integers(int(rule.low), int(rule.high))
    if rule.kind is bool:
        return st.booleans()
    if rule.kind is list:
        return st.lists(values(rule.items), max_size=int(rule.high))
    return st.floats(rule.low, rule.high) if rule.kind == (int, float) else st.none()


TAKEN = {(route.takes, service) for service, routes in SERVICES.items() for route in routes if route.takes is not None}
WORDS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=3)
FRACTIONS = st.integers(-10, 10).map(lambda number: number + 0.5)  # 1.0 is an integer for JSON Schema, but not for a service
ODD = st.one_of(st.none(), st.booleans(), st.integers(-1, 70000), FRACTIONS, WORDS, st.lists(WORDS, max_size=6))


@pytest.mark.parametrize(("kind", "service"), sorted(TAKEN, key=str), ids=lambda value: getattr(value, "__name__", value))
def test_requests_and_their_schemas_agree(kind, service):
    """What is refused is what the description refuses."""
    description = document(service, "1")
    official = jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{kind.__name__}", "components": description["components"]})
    good = st.fixed_dictionaries(
        {name: values(rule) for name, rule, required in rules_of(kind) if required},
        optional={name: values(rule) for name, rule, required in rules_of(kind) if not required},
    )
    names = [name for name, _, _ in rules_of(kind)]

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(good, st.dictionaries(st.sampled_from(names), ODD, max_size=2), st.sets(st.sampled_from(names), max_size=1))
    def agree(body, changes, left_out):
        body = {name: value for name, value in {**body, **changes}.items() if name not in left_out}
        try:
            read(kind, body)
            taken = True
        except RbeeError:
            taken = False
        assert taken == official.is_valid(body), body

    agree()


def test_background_job_of_a_fake_that_fails_fails_the_test_of_its_user(tmp_path):
    """Nobody waits for the result of such a job, so nothing else would show it."""
    broken = Mutation("a", "fakes/hive/queen_line.py", "self._untold.pop(row.worker_id, None)", "self._untold.no_such", "", "")
    folder = patched_copy(broken, tmp_path / "broken")
    suite = tmp_path / "s.robot"
    lines = ["*** Settings ***", "Library    RbeeLibrary", "", "*** Test Cases ***", "A", "    Start Fleet    workers=1"]
    suite.write_text(
        "\n".join(
            [*lines, "    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200", "    Get Output    hive    contains    no_such", ""]
        )
    )
    message = robot(tmp_path, str(suite), package=folder).tests()["A"].message
    assert re.match(
        r"own error: a background job of a fake failed\n"
        r"  hive, job relay-ready: the program met an error of its own, see its output: AttributeError in fakes/hive/queen_line\.py, line [^:]+: "
        r"'dict' object has no attribute 'no_such'\n",
        message,
    ), message
