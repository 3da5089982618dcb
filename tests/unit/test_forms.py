"""Forms of option values, and headers of model files."""

from __future__ import annotations

import pytest
from gguf import GGUFWriter

from RbeeLibrary.protocol import forms
from RbeeLibrary.protocol.model.gguf import read_header, write_header


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        ("port range", "8001-8099", (8001, 8099)),
        ("port range", "65535", (65535, 65535)),
        ("port range", "0", (0, 0)),
        ("list of durations", "1s,250ms", [1.0, 0.25]),
        ("list of durations", "", []),
        ("URL", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("URL", "", ""),
        ("NODE=URL", "ws=http://127.0.0.1:9200", ("ws", "http://127.0.0.1:9200")),
        ("NODE=URL", "ws=http://127.0.0.1:9200/hive?key=a", ("ws", "http://127.0.0.1:9200/hive?key=a")),
        ("HOST:PORT", "[::1]:8001", ("::1", 8001)),
        ("HOST:PORT", "http://127.0.0.1:65535", ("127.0.0.1", 65535)),
        ("ORG/REPO/NAME=SIZE", "a/b/c=d.gguf=5MB", ("a/b", "c=d.gguf", 5 * 1024 * 1024)),
        ("ORG/REPO", "a/b", "a/b"),
        ("list of numbers", "5, 17,2", [5, 17, 2]),
    ],
)
def test_value_of_a_form(form, text, value):
    assert forms.FORMS[form](text) == value


@pytest.mark.parametrize(
    ("form", "text"),
    [
        *(("port range", text) for text in ("8099-8001", "1-65536", "x", "1-", "-5")),
        *(("URL", text) for text in ("127.0.0.1:8080", "ftp://127.0.0.1:1", "http://127.0.0.1:0", "http://[::1")),
        *(("NODE=URL", text) for text in ("ws", "=http://127.0.0.1:1", "ws=", "ws=here")),
        *(("HOST:PORT", text) for text in ("127.0.0.1", ":8001", "127.0.0.1:65536", "127.0.0.1:x")),
        *(("ORG/REPO/NAME=SIZE", text) for text in ("a/b=5MB", "a/b/c/d=5MB", "a//c=5MB", "a/b/c")),
        *(("ORG/REPO", text) for text in ("a", "a/b/c", "a b/c")),
        ("list of numbers", "5,x"),
    ],
)
def test_other_texts_are_refused(form, text):
    with pytest.raises(ValueError):
        forms.FORMS[form](text)


@pytest.mark.parametrize("text", ["8099-8001", "1-65536"])
def test_limits_of_a_port_range_are_told(text):
    with pytest.raises(ValueError, match="^expected A-B with A <= B <= 65535$"):
        forms.port_range(text)


def test_header_with_values_of_all_kinds_is_read(tmp_path):
    path = tmp_path / "model.gguf"
    writer = GGUFWriter(str(path), "qwen")
    writer.add_uint8("a.uint8", 200)
    writer.add_int16("a.int16", -300)
    writer.add_float32("a.float32", 0.5)
    writer.add_float64("a.float64", 0.5)
    writer.add_bool("a.bool", True)
    writer.add_uint64("a.uint64", 1 << 40)
    writer.add_array("a.numbers", [1, 2, 3])
    writer.add_array("a.words", ["one", "two"])
    writer.add_vocab_size(151936)
    writer.add_eos_token_id(7)
    writer.add_file_type(17)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    model = read_header(path.read_bytes(), 12345)
    assert (model.architecture, model.vocab_size, model.eos_token_id, model.quantization, model.size_bytes) == ("qwen", 151936, 7, "Q5_K_M", 12345)


def test_own_header_is_read_as_it_was_written():
    model = read_header(write_header(architecture="phi", vocab_size=99, eos_token_id=3, quantization="Q8_0"), 1)
    assert (model.architecture, model.vocab_size, model.eos_token_id, model.quantization) == ("phi", 99, 3, "Q8_0")
