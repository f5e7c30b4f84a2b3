"""Any order of additions, cancellations and steps: no block is lost, no text is wrong."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mm.generation import Engine, Request, RequestOutput
from tests.generation.hash_model import SMALL, generate_alone
from tests.generation.requests import engines, joined, requests


class EngineMachine(RuleBasedStateMachine):
    engine: Engine

    @initialize(engine=engines())
    def start(self, engine: Engine) -> None:
        self.engine = engine
        self.requests: dict[str, Request] = {}
        self.outputs: dict[str, list[RequestOutput]] = {}

    @rule(request=requests())
    def add(self, request: Request) -> None:
        request = replace(request, request_id=str(len(self.requests)))
        self.engine.add(request)
        self.requests[request.request_id], self.outputs[request.request_id] = request, []

    @precondition(lambda self: self.engine.has_requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        is_open = [i for i, outputs in self.outputs.items() if not outputs or outputs[-1].finish_reason is None]
        self._receive(self.engine.cancel(data.draw(st.sampled_from(is_open))))

    @rule(num_steps=st.integers(1, 6))
    def step(self, num_steps: int) -> None:
        for _ in range(num_steps):
            for output in self.engine.step():
                self._receive(output)

    @rule()
    def finish(self) -> None:
        while self.engine.has_requests:
            self.step(1)
        assert self.engine.num_free_blocks == self.engine.config.num_blocks

    @invariant()
    def blocks_are_those_of_the_running_sequences(self) -> None:
        self.engine.check_integrity()

    def _receive(self, output: RequestOutput) -> None:
        outputs = self.outputs[output.request_id]
        outputs.append(output)
        tokens, text, reason = joined(outputs)
        if reason is not None:
            expected = generate_alone(self.requests[output.request_id], SMALL)
            if reason == "abort":
                assert tokens == expected[0][: len(tokens)]
                assert text == b"".join(map(SMALL.text_bytes, tokens)).decode(errors="replace")
            else:
                assert (tokens, text, reason) == expected

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.finish()


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
