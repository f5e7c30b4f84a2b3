"""The engine in its child process: streams, faults, restarts."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import psutil
import pytest

from mm.errors import GenerationFailed, GenerationInterrupted, InvalidInput, MMError, TooLarge, Unavailable
from mm.generation import JsonSchema, Request, RequestOutput, SamplingParams
from mm.generation.process import EngineProcess
from tests.generation.hash_model import SMALL, generate_alone
from tests.generation.process_engines import FAIL, STALL, make_engine, make_no_engine
from tests.generation.requests import joined
from tests.waiting import LIMIT_SECONDS, call_when_available, wait_for

pytestmark = pytest.mark.xdist_group("generation process")

LONG = SamplingParams(max_tokens=1500, seed=1, ignore_eos=True)
SHORT = SamplingParams(max_tokens=20, seed=2)
IDS = map(str, count())


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    with EngineProcess(make_engine, first_delay=0.01) as process:
        yield process


def request(*prompt: int, params: SamplingParams = SHORT) -> Request:
    return Request(next(IDS), prompt or (1, 2, 3), params)


def generate_when_ready(engine: EngineProcess, new_request: Request) -> list[RequestOutput]:
    """The outputs, from the engine that follows a failed one."""
    return call_when_available(lambda: list(engine.generate(new_request)))


def test_process_streams_the_same_as_each_request_alone(engine: EngineProcess) -> None:
    requests = [request(i % 3, i % 5, 1, params=replace(SHORT, seed=i)) for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda one: generate_when_ready(engine, one), requests))
    assert [joined(stream) for stream in outputs] == [generate_alone(one, SMALL) for one in requests]


def test_process_streams_to_an_event_loop(engine: EngineProcess) -> None:
    one = request(4, 5)

    async def collect() -> list[RequestOutput]:
        return [output async for output in engine.generate_async(one)]

    generate_when_ready(engine, request())
    assert joined(asyncio.run(collect())) == generate_alone(one, SMALL)


def test_process_rejects_what_the_engine_rejects(engine: EngineProcess) -> None:
    generate_when_ready(engine, request())
    with pytest.raises(TooLarge, match="at most"):
        list(engine.generate(request(params=replace(LONG, max_tokens=5000))))
    with pytest.raises(InvalidInput, match="vocabulary"):
        list(engine.generate(request(99)))


def test_request_that_fails_when_it_is_added_does_not_end_the_others(engine: EngineProcess) -> None:
    generate_when_ready(engine, request())
    stream = engine.generate(long := request(params=replace(LONG, max_tokens=100)))
    outputs = [next(stream)]
    nested = JsonSchema("[" * 100_000)  # RecursionError in the parser
    with pytest.raises(GenerationFailed, match="RecursionError"):
        list(engine.generate(request(params=SamplingParams(grammar=nested))))
    assert joined([*outputs, *stream]) == generate_alone(long, SMALL)


def test_closed_iterator_cancels_the_request(engine: EngineProcess) -> None:
    generate_when_ready(engine, request())
    stream = engine.generate(request(params=LONG))
    next(stream)
    stream.close()
    metric = b'vllm:request_success_total{finished_reason="abort"}'
    wait_for(lambda: metric in engine.report_metrics(), "the end of the cancelled request")
    assert b"vllm:num_requests_running 0.0" in report_after_a_step(engine)


def report_after_a_step(engine: EngineProcess) -> bytes:
    generate_when_ready(engine, request())
    return engine.report_metrics(LIMIT_SECONDS)


@pytest.mark.parametrize("fault", ["killed", "failed"])
def test_process_that_ends_interrupts_its_requests_and_is_started_again(engine: EngineProcess, fault: str) -> None:
    generate_when_ready(engine, request())
    streams = [engine.generate(request(i, params=LONG)) for i in range(3)]
    for stream in streams:
        next(stream)
    num_restarts = engine.num_restarts
    results: list[RequestOutput | MMError] = []
    engine.submit(request(STALL if fault == "killed" else FAIL), results.append)
    if fault == "killed":
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
    for stream in streams:
        with pytest.raises(GenerationInterrupted, match="again"):
            list(stream)
    after = request(3, 3)
    assert joined(generate_when_ready(engine, after)) == generate_alone(after, SMALL)
    assert [type(result) for result in results] == [GenerationInterrupted]
    assert engine.num_restarts > num_restarts


def test_stalled_process_is_killed_and_started_again() -> None:
    with EngineProcess(make_engine, stall_seconds=1.0, first_delay=0.01) as engine:
        with pytest.raises(GenerationInterrupted):
            list(engine.generate(request(STALL)))
        after = request(5, 5)
        assert joined(generate_when_ready(engine, after)) == generate_alone(after, SMALL)


def test_requests_are_submitted_without_waiting_for_a_busy_process() -> None:
    """An event loop submits requests: it must not stop while a step of the child takes long."""
    results: list[RequestOutput | MMError] = []
    with EngineProcess(make_engine, stall_seconds=10.0, first_delay=0.01) as engine:
        engine.submit(request(STALL), results.append)
        for _ in range(300):  # more than the pipe holds
            engine.submit(request(*[1] * 1000), results.append)
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        assert joined(generate_when_ready(engine, after := request(5, 5))) == generate_alone(after, SMALL)
    assert [type(result) for result in results] == [GenerationInterrupted] * 301


def test_late_metrics_are_not_those_of_the_next_report(engine: EngineProcess) -> None:
    generate_when_ready(engine, request())
    for _ in range(3):
        assert engine.report_metrics(seconds=0.0) == b""
    before = num_generated(engine.report_metrics(LIMIT_SECONDS))
    generate_when_ready(engine, request(params=replace(SHORT, ignore_eos=True)))
    assert num_generated(engine.report_metrics(LIMIT_SECONDS)) == before + SHORT.max_tokens


def num_generated(metrics: bytes) -> float:
    (line,) = (line for line in metrics.splitlines() if line.startswith(b"vllm:generation_tokens_total"))
    return float(line.split()[1])


def test_engine_that_cannot_be_sent_to_a_process_is_reported_at_the_start() -> None:
    with pytest.raises(Unavailable, match="pickle"), EngineProcess(lambda: make_engine()):
        pass


def test_engine_that_cannot_be_made_is_reported_at_the_start() -> None:
    with pytest.raises(Unavailable, match="no weights"), EngineProcess(make_no_engine):
        pass


def test_process_ends_when_its_parent_is_killed() -> None:
    code = (
        "import sys\n"
        "from mm.generation.process import EngineProcess\n"
        "from tests.generation.process_engines import make_engine\n"
        "if __name__ == '__main__':\n"
        "    with EngineProcess(make_engine) as engine:\n"
        "        print(engine.pid, flush=True)\n"
        "        sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        child.wait(LIMIT_SECONDS)
    assert not child.is_running()
