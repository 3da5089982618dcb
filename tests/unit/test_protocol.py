"""Options, units, messages, model references and tokens."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RbeeLibrary.protocol.error_codes import ERRORS, RbeeError, envelope_error, error_fields
from RbeeLibrary.protocol.forms import split_durations
from RbeeLibrary.protocol.model.model_reference import check_model_reference
from RbeeLibrary.protocol.options import masked, parse, secret_environment, to_argv
from RbeeLibrary.protocol.program_options import HiveOptions, QueenOptions, WorkerOptions
from RbeeLibrary.protocol.schema import fields, messages
from RbeeLibrary.protocol.schema.fields import read
from RbeeLibrary.protocol.schema.messages import InferenceRequest, QueenReadyCallback, ReadyCallback, SpawnRequest, TaskRequest, WorkerRegistration
from RbeeLibrary.protocol.schema.routes import SERVICES, find_route
from RbeeLibrary.protocol.tokens import generated, split_answer
from RbeeLibrary.protocol.units import ByteSize, Duration

RELAXED = settings(max_examples=150, deadline=None, database=None)
NEEDED = ["--port", "1", "--worker-id", "x"]
MESSAGES = [kind for kind in vars(messages).values() if dataclasses.is_dataclass(kind) and isinstance(kind, type)]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50), st.just("\ud800"), st.just(10**400)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


def worker(*words: str, env: dict[str, str] | None = None) -> WorkerOptions:
    return parse(WorkerOptions, "fake-worker", [*NEEDED, *words], env or {})


# --- options ---


def test_argv_wins_over_the_environment():
    assert worker("--slots", "3", env={"RBEE_WORKER_ARGS": "--slots 2 --answer 'two words'"}).slots == 3
    assert worker(env={"RBEE_WORKER_ARGS": "--slots 2 --answer 'two words'"}).answer == "two words"


def test_key_comes_from_the_environment_where_argv_hides_it():
    assert worker("--api-key", "***", env={"RBEE_API_KEY": "k"}).api_key == "k"
    assert worker(env={"LLORCH_API_TOKEN": "old"}).api_key == "old"
    assert worker("--api-key", "mine", env={"RBEE_API_KEY": "k"}).api_key == "mine"


def test_masked_shows_no_secret():
    shown = masked(["--api-key", "secret", "--hive-api-key=other", "--port", "1"], QueenOptions)
    assert shown == ["--api-key", "***", "--hive-api-key=***", "--port", "1"]
    assert secret_environment({"api_key": "secret", "port": 1}, QueenOptions) == {"RBEE_API_KEY": "secret"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--slots", "0"], "0 is out of range, expected 1 to 1024"),
        (["--slots", "many"], "'many' is not a whole number"),
        (["--token-delay", "-1s"], "expected one argument"),
        (["--token-delay=-1s"], "'-1s' is not a duration such as 500ms, 2s, 5min"),
        (["--event-shape", "round"], "invalid choice: 'round'"),
        (["--slot", "1"], "unrecognized arguments: --slot"),
    ],
)
def test_bad_flags_end_with_2_and_name_flag_value_and_what_was_expected(words, said, capsys):
    with pytest.raises(SystemExit) as end:
        worker(*words)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_queen_and_hive_take_the_word_daemon_and_no_other(capsys):
    assert parse(HiveOptions, "fake-hive", ["daemon"], {}, words=("daemon",)).port == 9200
    assert parse(QueenOptions, "fake-queen", [], {}, words=("daemon",)).port == 8080
    with pytest.raises(SystemExit):
        parse(QueenOptions, "fake-queen", ["demon"], {}, words=("daemon",))
    assert "demon" in capsys.readouterr().err


@RELAXED
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "slots": st.integers(1, 1024),
            "token_delay": st.integers(0, 10_000_000).map(lambda milliseconds: Duration(milliseconds / 1000)),
            "event_shape": st.sampled_from(["plain", "indexed", "typed"]),
            "answer": st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1),
            "callback_required": st.just(True),
        },
    )
)
def test_argv_says_all_that_it_is_made_of(values):
    options = worker(*to_argv(values))
    for name, value in values.items():
        assert getattr(options, name) == pytest.approx(value) if isinstance(value, float) else getattr(options, name) == value


# --- units ---


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("2s", 2), ("5min", 300), ("5 min", 300), ("1h", 3600), ("7", 7), ("0.25", 0.25)])
def test_durations(text, seconds):
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("8000MB", 8000 * 1048576), ("5GB", 5 * 1024 * 1048576), ("7", 7 * 1048576), ("5242880b", 5242880)])
def test_sizes(text, size):
    assert ByteSize.parse(text) == size


@pytest.mark.parametrize("text", ["", "fast", "5 parsecs", "-1s", "1e3", "nan", "inf", "٣s ", "1s2s"])
def test_nonsense_is_no_duration(text):
    if text == "٣s ":
        assert Duration.parse(text) == 3  # digits of any script are digits
        return
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse(text)


@RELAXED
@given(st.integers(0, 10**9))
def test_duration_reads_what_it_shows(milliseconds):
    assert Duration.parse(str(Duration(milliseconds / 1000))) == pytest.approx(milliseconds / 1000)


@RELAXED
@given(st.integers(0, 10**15))
def test_size_reads_what_it_shows(size):
    assert ByteSize.parse(str(ByteSize(size))) == size


def test_lists_of_durations():
    assert split_durations("1s,200ms, 4") == [1, 0.2, 4]
    assert split_durations("") == []


# --- messages ---


def problems(kind, body) -> dict[str, str]:
    with pytest.raises(RbeeError) as refused:
        read(kind, body)
    assert (refused.value.code, refused.value.status) == ("INVALID_REQUEST", 400)
    return {problem["field"]: problem["constraint"] for problem in refused.value.details["errors"]}


def test_all_problems_are_collected():
    body = {"prompt": "", "max_tokens": 0, "temperature": 3, "seed": 1.5, "stop": ["a", 7], "request_id": "a b", "stream": 1}
    assert problems(InferenceRequest, body) == {
        "prompt": "range", "max_tokens": "range", "temperature": "range", "seed": "type", "stop": "type", "request_id": "pattern", "stream": "type",
    }  # fmt: skip


def test_what_is_missing_is_named():
    assert problems(TaskRequest, {}) == {"node": "required", "model": "required", "prompt": "required"}
    assert problems(WorkerRegistration, {"worker_id": "w", "url": "u", "model_ref": "m"}) == {
        "backend": "required",
        "device": "required",
        "node_name": "required",
    }


@pytest.mark.parametrize(
    ("value", "constraint"), [(True, "type"), (2**63, "range"), (10**400, "range"), (-1, "range"), (1.0, "type"), ("5", "type"), ([], "type")]
)
def test_integers_are_integers(value, constraint):
    assert problems(InferenceRequest, {"prompt": "x", "max_tokens": value}) == {"max_tokens": constraint}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 2.1])
def test_numbers_are_finite_and_in_range(value):
    assert problems(InferenceRequest, {"prompt": "x", "temperature": value}) == {"temperature": "range"}


def test_value_that_is_refused_is_told():
    with pytest.raises(RbeeError) as refused:
        read(InferenceRequest, {"prompt": "x", "max_tokens": 0})
    (problem,) = refused.value.details["errors"]
    assert problem["value"] == 0
    assert problem["message"].startswith("max_tokens is 0, expected an integer from 1 to ")


@pytest.mark.parametrize("surrogate", ["\ud800", "\udfff"])
def test_half_of_a_character_is_no_text(surrogate):
    assert problems(InferenceRequest, {"prompt": f"x{surrogate}"}) == {"prompt": "unicode"}


def test_null_stands_for_what_may_be_left_out():
    assert read(InferenceRequest, {"prompt": "x", "max_tokens": None}).max_tokens is None
    assert problems(InferenceRequest, {"prompt": None}) == {"prompt": "type"}


def test_unknown_fields_are_ignored_and_aliases_read():
    assert read(InferenceRequest, {"prompt": "x", "job_id": "j-1", "colour": "red"}).request_id == "j-1"
    asked = read(SpawnRequest, {"model": "hf:a/b", "cuda_device": 3})
    assert (asked.model_ref, asked.device, asked.backend) == ("hf:a/b", 3, "cpu")
    assert read(QueenReadyCallback, {"worker_id": "w", "uri": "u", "model_ref": "m", "node_name": "n"}).node == "n"


@pytest.mark.parametrize(("state", "available"), [("idle", 4), ("busy", 0), ("loading", 0)])
def test_receiver_of_a_callback_fills_the_gaps(state, available):
    said = read(ReadyCallback, {"worker_id": "w", "url": "u", "model_ref": "m", "state": state, "slots_total": 4})
    assert said.slots_available == available
    assert list(fields.as_dict(said)) == ["worker_id", "url", "model_ref", "state", "backend", "device", "slots_total", "slots_available"]


@RELAXED
@given(st.sampled_from(MESSAGES), st.data())
def test_any_object_is_a_message_or_an_invalid_request(kind, data):
    names = [field.name for field in dataclasses.fields(kind)]
    body = data.draw(st.dictionaries(st.one_of(st.sampled_from(names), st.text(max_size=5)), JSON, max_size=8))
    try:
        read(kind, body)
    except RbeeError as error:
        assert error.code == "INVALID_REQUEST"
        encoded = json.dumps(error.envelope(), allow_nan=False).encode("utf-8")
        assert envelope_error(json.loads(encoded))["code"] == "INVALID_REQUEST"
        assert len(encoded) < 20_000


def test_envelope_has_the_shape_of_the_contract():
    busy = RbeeError("ALL_SLOTS_BUSY", "all 1 slots are busy", fields={"slots_total": 1, "slots_busy": 1})
    assert busy.status == 503
    assert busy.envelope() == {"error": {"code": "ALL_SLOTS_BUSY", "message": "all 1 slots are busy", "slots_total": 1, "slots_busy": 1}}
    assert set(ERRORS.values()) <= {400, 401, 403, 404, 405, 409, 499, 500, 502, 503, 504, 507}


# --- model references and tokens ---


@pytest.mark.parametrize("reference", ["hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF", "file:///models/a.gguf", "mock-model"])
def test_good_model_references(reference):
    assert check_model_reference(reference) == reference


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "hf:",
        "hf:one",
        "hf:a/b/c",
        "hf:a:b/c",
        "hf:../b",
        "hf:a/../b",
        "file://x",
        "file:x.gguf",
        "ftp:a/b",
        "tinyllama",
        "hf:a/b\n",
        "hf:a/ b",
        "hf:" + "a" * 512 + "/b",
        "file:///models/a:b.gguf",
        "file:///models/../secret.gguf",
    ],
)
def test_other_references_are_refused(reference):
    with pytest.raises(RbeeError) as refused:
        check_model_reference(reference)
    assert refused.value.code == "INVALID_REQUEST"


def test_text_is_that_of_the_contract():
    assert list(generated("test", 42, 5)) == ["from", " told", " slow", " morning", " token"]


@RELAXED
@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=50), st.integers(), st.integers(1, 60))
def test_exactly_as_many_tokens_as_asked(prompt, seed, count):
    tokens = list(generated(prompt, seed, count))
    assert len(tokens) == count
    assert not tokens[0].startswith(" ")
    assert all(token.startswith(" ") for token in tokens[1:])


@RELAXED
@given(st.text())
def test_answer_is_its_tokens(text):
    tokens = split_answer(text)
    assert "".join(tokens) == text
    assert all(token for token in tokens)
    assert all(" " not in token[1:] for token in tokens)


def test_error_for_a_journal_record_has_code_and_message():
    assert error_fields(RbeeError("NODE_NOT_FOUND", "no such node").envelope()) == {"code": "NODE_NOT_FOUND", "message": "no such node"}
    assert error_fields({"error": {"code": "X"}}) == {"code": "X", "message": ""}
    assert len(error_fields({"error": {"code": "X", "message": "y" * 1000}})["message"]) == 300
    assert error_fields({"error": "text"}) == error_fields(b"stream") == error_fields(None) == {}


@pytest.mark.parametrize("service", SERVICES)
def test_path_without_parameters_belongs_to_one_route(service):
    for route in SERVICES[service]:
        for path in route.paths:
            if "{" not in path:
                assert [one for one in SERVICES[service] if one.fits(route.method, path)] == [route]
                assert find_route(service, route.method, path) == route
