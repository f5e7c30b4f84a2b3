"""Slots, shares and queues under random arrivals, departures and cancellations."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from api.limits.byte_budget import ByteBudget
from api.limits.coalesced_call import CoalescedCall
from api.limits.limiter import CLIENT, TIMEOUT, TOTAL, Limiter, Quota
from api.limits.thread_pool import LimitedThreadPool
from mm.errors import TooMany

CLIENTS = ("a", "b", "c")


class LimiterMachine(RuleBasedStateMachine):
    """Requests of three clients that arrive, end and are cancelled in any order, compared with a
    separate count."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.requests: list[tuple[str, asyncio.Task[None], asyncio.Event]] = []
        self.inside: Counter[str] = Counter()
        self.refused = 0

    @initialize(places=st.integers(1, 4), share=st.integers(1, 4), queue=st.integers(0, 4), queue_share=st.integers(1, 4))
    def make(self, places: int, share: int, queue: int, queue_share: int) -> None:
        self.limiter = Limiter(
            "things",
            Quota(places, min(share, places)),
            queue=Quota(queue, min(queue_share, max(queue, 1))),
            wait_seconds=3600.0,
        )

    async def _request(self, client: str, leave: asyncio.Event) -> None:
        try:
            async with self.limiter.hold(client):
                self.inside[client] += 1
                try:
                    await leave.wait()
                finally:
                    self.inside[client] -= 1
        except TooMany:
            self.refused += 1

    def _settle(self) -> None:
        for _ in range(4):  # a granted slot is used two iterations of the loop later
            self.loop.run_until_complete(asyncio.sleep(0))
        self.requests = [request for request in self.requests if not request[1].done()]

    @rule(client=st.sampled_from(CLIENTS))
    def arrive(self, client: str) -> None:
        leave = asyncio.Event()
        task = self.loop.create_task(self._request(client, leave))
        self.requests.append((client, task, leave))
        self._settle()

    @rule(which=st.integers(0, 100))
    def leave(self, which: int) -> None:
        if self.requests:
            self.requests[which % len(self.requests)][2].set()
            self._settle()

    @rule(which=st.integers(0, 100), also=st.integers(0, 100), turns=st.integers(0, 3))
    def leave_and_cancel(self, which: int, also: int, turns: int) -> None:
        """One request ends; another, which may just have got the slot, is cancelled."""
        if self.requests:
            self.requests[which % len(self.requests)][2].set()
            for _ in range(turns):
                self.loop.run_until_complete(asyncio.sleep(0))
            self.requests[also % len(self.requests)][1].cancel()
            self._settle()

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "limiter"):
            return
        limiter, waiting = self.limiter, Counter(client for client, _, _ in self.requests)
        waiting.subtract(self.inside)
        assert min(self.inside.values(), default=0) >= 0
        assert limiter.in_use == self.inside.total() <= limiter.slots.total
        assert limiter.waiting == waiting.total() <= limiter.queue.total
        for client in CLIENTS:
            assert limiter.count_in_use(client) == self.inside[client] <= limiter.slots.share
            assert waiting[client] <= limiter.queue.share
            # No lost wake-up: a waiting request could not have a slot.
            assert not waiting[client] or limiter.in_use == limiter.slots.total or self.inside[client] == limiter.slots.share
        assert self.refused == limiter.refused.total()

    def teardown(self) -> None:
        for _, task, leave in self.requests:
            leave.set()
            task.cancel()
        self._settle()
        if hasattr(self, "limiter"):
            assert self.limiter.in_use == self.limiter.waiting == 0
        self.loop.close()


TestLimiter = LimiterMachine.TestCase
TestLimiter.settings = settings(max_examples=60, stateful_step_count=40)


def test_limiter_grants_free_slot_to_client_with_fewest() -> None:
    async def run() -> list[str]:
        limiter = Limiter("things", Quota(2, 2), queue=Quota(10, 8), wait_seconds=3600.0)
        order: list[str] = []

        async def request(client: str) -> None:
            async with limiter.hold(client):
                order.append(client)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for client in ("many",) * 6 + ("few",):
                group.create_task(request(client))
        return order

    assert asyncio.run(run())[2] == "few"


def test_limiter_refusal_has_reason_setting_and_retry_after() -> None:
    async def run() -> None:
        limiter = Limiter("things", Quota(2, 1), setting="max_things", retry_after=7.0)
        async with limiter.hold("a"):
            with pytest.raises(TooMany, match="MM_CALLER_SHARE") as refusal:
                async with limiter.hold("a"):
                    pass
            assert refusal.value.retry_after == 7.0
            async with limiter.hold("b"):
                with pytest.raises(TooMany, match="MM_MAX_THINGS"):
                    async with limiter.hold("c"):
                        pass
        waits = Limiter("things", Quota(1, 1), queue=Quota(1, 1), wait_seconds=0.01)
        async with waits.hold("a"):
            with pytest.raises(TooMany, match="No slot"):
                async with waits.hold("b"):
                    pass
        assert (limiter.refused, waits.refused) == (Counter({CLIENT: 1, TOTAL: 1}), Counter({TIMEOUT: 1}))
        assert waits.waiting == waits.in_use == 0

    asyncio.run(run())


def test_limiter_releases_slot_after_error() -> None:
    async def run() -> None:
        limiter = Limiter("things", Quota(1, 1))
        with pytest.raises(ZeroDivisionError):
            async with limiter.hold("a"):
                _ = 1 / 0
        async with limiter.hold("b"):
            assert limiter.in_use == 1

    asyncio.run(run())


def test_thread_pool_holds_slot_of_cancelled_caller_until_thread_ends() -> None:
    started, may_end = threading.Event(), threading.Event()

    def work(cancelled: threading.Event) -> None:
        started.set()
        assert cancelled.wait(60)
        assert may_end.wait(60)

    async def run(pool: LimitedThreadPool) -> None:
        task = asyncio.create_task(pool.run_cancellable("a", work))
        while not started.is_set():
            await asyncio.sleep(0.01)
        for _ in range(3):  # repeatedly
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
            assert pool.in_use == 1
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pool.in_use == 0

    with closing(LimitedThreadPool("things", Quota(1, 1))) as pool:
        asyncio.run(run(pool))


def test_thread_pool_works_after_close() -> None:
    pool = LimitedThreadPool("things", Quota(1, 1))
    for number in range(3):
        assert asyncio.run(pool.run("a", lambda value: value + 1, number)) == number + 1
        pool.close()


@given(st.lists(st.tuples(st.sampled_from(CLIENTS), st.integers(0, 50)), max_size=30), st.integers(1, 100), st.integers(1, 100))
def test_byte_budget_never_exceeds_total_or_share(steps: list[tuple[str, int]], total: int, share: int) -> None:
    budget = ByteBudget("bytes", Quota(total, min(share, total)))
    in_use: Counter[str] = Counter()
    holds = []
    for client, size in steps:
        hold = budget.hold(client, size)
        try:
            hold.__enter__()
        except TooMany:
            assert in_use[client] + size > budget.slots.share or in_use.total() + size > total
            if holds:
                other, other_size, earlier = holds.pop()
                earlier.__exit__(None, None, None)
                in_use[other] -= other_size
        else:
            in_use[client] += size
            holds.append((client, size, hold))
        assert budget.in_use == in_use.total() <= total
        assert max(in_use.values(), default=0) <= budget.slots.share
    for _, _, hold in holds:
        hold.__exit__(None, None, None)
    assert budget.in_use == 0


def test_coalesced_call_runs_once_for_concurrent_requests() -> None:
    begun, may_end = threading.Semaphore(0), threading.Semaphore(0)
    runs = 0

    def work() -> int:
        nonlocal runs
        runs += 1
        number = runs
        begun.release()
        assert may_end.acquire(timeout=60)
        return number

    async def run(shared: CoalescedCall[int]) -> None:
        first = asyncio.create_task(shared.get())
        while not begun.acquire(blocking=False):
            await asyncio.sleep(0.01)
        later = [asyncio.create_task(shared.get()) for _ in range(50)]
        await asyncio.sleep(0)
        later[0].cancel()
        may_end.release(2)
        assert await first == 1
        assert set(await asyncio.gather(*later[1:])) == {2}
        may_end.release()
        assert await shared.get() == 3

    with closing(CoalescedCall(work, pause_seconds=0.0)) as shared:
        asyncio.run(run(shared))
    assert runs == 3
