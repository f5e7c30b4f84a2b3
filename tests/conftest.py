"""Fixtures of all tests: `MM_` variables are unset, captions off, browser tests need a browser."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

import indexes.store
from tests.indexes.migrated import MigratedCatalogs
from tests.service_process import RunningService, Shell, run_service

# No test asserts a time, so none of hypothesis's own clocks may fail one on a busy machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("untimed")

# Triton reads it when a kernel is defined, its own among them, and other libraries import it before
# the tests of kernels do.
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"

# A shell starts what runs in the background with SIGINT ignored, and commands that a test
# interrupts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# With trained weights, every idle worker of a test would load the language model.
os.environ["MM_CAPTIONS"] = "off"

HAS_CHROMIUM = shutil.which("chromium") is not None


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MM_") and name != "MM_CAPTIONS"]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _default_logs() -> None:
    """Reset the log configuration, which a service in an earlier test may have changed."""
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _migrated_catalogs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Open new libraries of this process without each migration; other processes run them."""
    catalogs = MigratedCatalogs(tmp_path_factory.mktemp("migrated"), indexes.store.migrate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexes.store, "migrate", catalogs.migrate)
        yield


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `tests.graphs.with_graphs`."""
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(scope="session")
def running_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One service for all tests of the group `served`."""
    with run_service(tmp_path_factory.mktemp("served") / "home") as service:
        yield service


@pytest.fixture
def shell(running_service: RunningService) -> Shell:
    return Shell(running_service.home)


def pytest_collection_finish() -> None:
    """Tests and modules live as long as the process: no collection of garbage visits them."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    return "browser tests: " + ("Chromium found" if HAS_CHROMIUM else "left out, no chromium on the PATH")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the reasons of skipped tests, also with `-q`."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} left out: {reason.removeprefix('Skipped: ')}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if HAS_CHROMIUM:
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
