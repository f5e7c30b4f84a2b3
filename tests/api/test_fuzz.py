"""Requests that schemathesis makes from the service's own OpenAPI document: none ends in an
internal or undocumented error.

Each operation alone, with good and bad values; then chains of operations along the document's
links, so that requests use what earlier ones created or deleted. Statuses, media types, headers and
bodies of all responses are checked against the document.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.python.asgi import HOST, shutdown_lifespans
from schemathesis.specs.openapi import checks

import api.service
from api.app import create_app
from mm.generation.chat import models
from mm.models.text.tower import TextTower
from mm.settings import Settings
from tests.api import media
from tests.api.fuzz import WorkingDispatcher, make_text_vector, select_echo
from tests.api.long_lifespan import LongLifespan
from tests.api.uploads.tus import CHUNK_TYPE
from tests.graphs import with_graphs
from tests.waiting import LIMIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.xdist_group("fuzz")]

REQUESTS, CHAINED_REQUESTS, MAX_REQUESTS = 4000, 1000, 12_000
"""In total and in chains of all operations at least, in chains of linked operations at most."""
ALONE = 20
"""Requests of each operation alone, if it has as many different ones."""
CHAINS, STEPS = 10, 12
"""Chains per seed, and requests per chain."""
FILES = [media.image(seed, (24, 16)) for seed in range(900, 906)] + [media.audio(0.05)]
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
DOCUMENT = create_app(Settings()).openapi()
OPERATIONS = [f"{method.upper()} {path}" for path, operations in DOCUMENT["paths"].items() for method in operations]
QUIET = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    print_blob=False,
)

files = st.sampled_from(FILES) | st.binary(max_size=200)
for kind in ("application/octet-stream", "application/dicom", CHUNK_TYPE):
    schemathesis.openapi.media_type(kind, files)
schemathesis.openapi.format("binary", files)


@pytest.fixture(scope="module")
def status_counts() -> Counter[int]:
    """Responses by status, over all tests of this file."""
    return Counter()


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[Any]:
    """The document of a service in this process that has a few items, and whose jobs end."""
    home = with_graphs(tmp_path_factory.mktemp("fuzz"), graphs)
    (home / "import").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.service, "Dispatcher", WorkingDispatcher)
        patch.setattr(TextTower, "embed", make_text_vector)
        patch.setattr(models, "_select", select_echo)
        configured = Settings(home=home, import_root=home / "import", max_waiting_jobs=10**6, allowed_hosts=HOST)
        app = LongLifespan(create_app(configured))
        schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        schema.config.request_timeout = LIMIT_SECONDS  # some requests build a graph first
        yield schema
        shutdown_lifespans()
        app.close()


@pytest.fixture(autouse=True)
def _no_logs(_default_logs: None) -> None:
    """Disable logs: thousands of lines take longer than the requests."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def check_against_document(case: Any, response: Any, status_counts: Counter[int]) -> None:
    status_counts[response.status_code] += 1
    if response.status_code == 503 and case.operation.path == "/readyz":  # no worker, no broker
        return
    case.validate_response(response, checks=CHECKS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_fuzzed_operations_match_the_openapi_document(schema: Any, status_counts: Counter[int], label: str) -> None:
    (operation,) = [result.ok() for result in schema.get_all_operations() if result.ok().label == label]
    takes_something = operation.definition.raw.keys() & {"parameters", "requestBody"}
    for mode in schemathesis.GenerationMode:
        if mode.is_negative and not takes_something:
            continue

        @settings(QUIET, max_examples=ALONE)
        @given(operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            check_against_document(case, case.call(), status_counts)

        ask()


def test_fuzzed_operation_chains_match_the_openapi_document(schema: Any, status_counts: Counter[int]) -> None:
    """Runs after the other tests, until `REQUESTS` in total and every link was followed.

    Chains of all operations come first. The more operations there are, the rarer is one link, so
    links that are still missing are then followed by chains of their operations alone.
    """
    followed: Counter[str] = Counter()
    ids = {"/v1/media/{item_id}", "/v1/jobs/{job_id}", "/v1/uploads/{upload_id}"}
    wanted = {*ids, "/v1/uploads", "/v1/search"}
    enough = max(REQUESTS, status_counts.total() + CHAINED_REQUESTS)
    _run_chains(schema, status_counts, followed, lambda: status_counts.total() >= enough)
    linked = schema.include(path=sorted({*wanted, "/v1/media", "/v1/jobs"}))
    before = status_counts.total()
    _run_chains(
        linked, status_counts, followed, lambda: wanted <= set(followed) or status_counts.total() >= before + MAX_REQUESTS
    )
    assert wanted <= set(followed), "links resolve"
    assert {200, 201, 202, 204, 400, 404, 409} <= set(status_counts)


def _run_chains(schema: Any, status_counts: Counter[int], followed: Counter[str], is_enough: Callable[[], bool]) -> None:
    """Send chains of requests until `is_enough`; count the successful ones by path."""
    failures: list[BaseException] = []

    class Chain(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Any) -> None:
            """Make lengths and offsets of resumable uploads match sometimes; generated alone, they
            hardly ever do."""
            if not case.operation.path.startswith("/v1/uploads"):
                return
            case.headers["Tus-Resumable"] = "1.0.0"
            if isinstance(case.body, bytes):
                case.headers["Upload-Length"] = str(len(case.body) + len(case.body) % 2)  # one byte is missing, or none
                case.headers["Upload-Offset"] = "0"

        def validate_response(self, response: Any, case: Any, **kwargs: Any) -> None:
            if response.status_code < 300:
                followed[case.operation.path] += 1
            try:
                check_against_document(case, response, status_counts)
            except BaseException as failure:
                failures.append(failure)
                raise

    for number in count():
        if is_enough():
            return
        # The state that earlier chains leave affects later ones. Hypothesis treats it as a flaky
        # strategy: it then ends the run, and the next run starts with another seed.
        with suppress(FlakyStrategyDefinition):
            run_state_machine_as_test(
                seed(number)(Chain), settings=settings(QUIET, derandomize=False, max_examples=CHAINS, stateful_step_count=STEPS)
            )
        assert not failures, failures
