"""Bodies of requests that are no JSON object: the answer says what they are."""

from __future__ import annotations

import pytest

from RbeeLibrary.fakes.runtime.http_app import _object
from RbeeLibrary.protocol.error_codes import RbeeError


@pytest.mark.parametrize(("body", "kind"), [("[1]", "array"), ('"text"', "string"), ("true", "boolean"), ("3", "number"), ("1.5", "number"), ("null", "null")])
def test_other_json_is_named(body, kind):
    with pytest.raises(RbeeError, match=rf"^the body is a JSON {kind}, expected an object$") as refused:
        _object(body.encode())
    assert (refused.value.code, refused.value.status) == ("INVALID_REQUEST", 400)


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_no_body_is_an_empty_object(body):
    assert _object(body) == {}


def test_text_that_is_no_json_is_refused_with_the_reason():
    with pytest.raises(RbeeError, match=r"^the body is not JSON: .+"):
        _object(b"{")
