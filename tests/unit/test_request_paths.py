"""Paths in request keywords: which services have them. Paths of a hub begin with the name of an organization, which may be anything."""

from __future__ import annotations

import pytest

from RbeeLibrary.keywords.argument_types import services_with


@pytest.mark.parametrize(
    ("path", "services"),
    [
        ("/v1/inference", ["worker"]),
        ("/v1/inference/req-1", ["worker"]),
        ("/v1/inference/*", ["hub", "worker"]),
        ("/v1/inference/req/with/slashes", ["worker"]),
        ("/v1/inference/req/with/*", ["worker"]),
        ("/v1/workers/spawn/deeper/*", []),
        ("/v2/tasks", ["queen"]),
        ("/v2/tas*", ["hub", "queen"]),
        ("/v1/workers/spawn", ["hive", "queen"]),
        ("/v1/workers/spaw*", ["hive", "queen"]),
        ("/v1/workers/li*", ["hive", "queen"]),
        ("/v3/*", ["hub"]),
        ("/v3/one/two/*", []),
    ],
)
def test_services_that_have_a_path(path, services):
    assert sorted(services_with(path)) == services
