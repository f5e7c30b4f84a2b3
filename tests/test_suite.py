"""The test suite itself: distribution of tests over processes."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("suite")
def test_tests_of_one_group_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist applies groups through the test's id. Where it cannot, shared fixtures are made
    once in each process."""
    grouped = bool(request.config.getoption("loadgroup", False))
    assert request.node.nodeid.endswith("@suite") == grouped
