"""The sweeper: finds what was lost, rings no more than needed, and survives a broker that is away."""

from __future__ import annotations

import time

import pytest

from mm.errors import Unavailable
from tests.api import media
from tests.indexes.conftest import Clock
from tests.workers.conftest import LEASE_SECONDS, SWEEP_SECONDS, Home
from tests.workers.process import wait_for
from workers.encode import encode
from workers.finish import finish
from workers.plan import plan
from workers.sweep import SILENT_SWEEPS, Sweeper
from workers.tools import Tools

SILENT_SECONDS = SILENT_SWEEPS * SWEEP_SECONDS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sweeper(home: Home, tools: Tools, clock: Clock) -> Sweeper:
    return Sweeper(home.store, tools.bell, home.settings, clock=clock)


def test_each_lost_bell_is_rung_again(home: Home, tools: Tools, sweeper: Sweeper, clock: Clock) -> None:
    """To plan, to encode, to finish; then there is nothing to ring for."""
    job_id = home.add(media.picture(1), "a.png")
    for step in (plan, encode_only_chunk, finish):
        home.broker.empty()
        assert sweeper.sweep() == 0, "not at once"
        clock.now += 1.1 * SILENT_SECONDS
        home.broker.empty()
        assert sweeper.sweep() == 1
        assert tools.bell.waiting() == 2, "the bell, and a ping because nothing else was waiting"
        step(tools, job_id)
    assert home.state(job_id) == "done"
    clock.now += 1.1 * SILENT_SECONDS
    home.broker.empty()
    assert sweeper.sweep() == 0


def encode_only_chunk(tools: Tools, job_id: str) -> None:
    (chunk,) = tools.store.catalog.chunks(job_id)
    encode(tools, chunk.pk)


def test_what_waits_in_the_queue_is_not_rung_again(home: Home, tools: Tools, sweeper: Sweeper, clock: Clock) -> None:
    tools.bell.ring_plan(home.add(media.picture(1), "a.png"))
    clock.now += 1.1 * SILENT_SECONDS
    assert sweeper.sweep() == 0, "one message waits, so it may take a while longer"
    assert tools.bell.waiting() == 1, "no ping either"


def test_a_chunk_whose_worker_was_lost_is_rung_for(home: Home, tools: Tools, sweeper: Sweeper, clock: Clock) -> None:
    job_id = home.add(media.picture(1), "a.png")
    plan(tools, job_id)
    assert home.store.catalog.lease_chunk(home.chunk(job_id).pk, "lost", LEASE_SECONDS) is not None
    home.broker.empty()
    assert sweeper.sweep() == 0
    clock.now += 1.2 * LEASE_SECONDS + SILENT_SECONDS
    home.broker.empty()
    assert sweeper.sweep() == 1


def test_without_a_broker_it_waits_and_goes_on(home: Home, tools: Tools, sweeper: Sweeper, clock: Clock) -> None:
    job_id = home.add(media.picture(1), "a.png")
    home.broker.stop()
    with pytest.raises(Unavailable):
        sweeper.sweep()
    with sweeper:
        time.sleep(3 * SWEEP_SECONDS)
        home.broker.start()
        home.broker.empty()
        clock.now += 10 * SILENT_SECONDS
        wait_for(lambda: tools.bell.waiting() >= 2, "it rings for the job and pings")
    assert home.state(job_id) == "queued"


def test_what_a_crash_left_behind_goes_after_the_set_time(home: Home, tools: Tools) -> None:
    with home.store.blobs.writer() as writer:  # as an upload that ended between its bytes and its row
        writer.write(b"bytes without a row")
        sha256, _ = writer.commit()
    kept = home.job(home.add(media.picture(1), "a.png"))
    time.sleep(0.1)
    Sweeper(home.store, tools.bell, home.settings).sweep()
    assert home.store.blobs.path(sha256).exists(), "by default, it may still belong to somebody for a day"
    Sweeper(home.store, tools.bell, home.settings.model_copy(update={"leftover_seconds": 0.05})).sweep()
    assert not home.store.blobs.path(sha256).exists()
    item = home.store.catalog.get_item(kept.item_id)
    assert item is not None
    assert home.store.blobs.path(item.sha256).exists()
