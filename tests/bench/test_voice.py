"""`mm bench voice` against a running service; the measured values are not checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mm.bench.voice.latency import Delays, VoiceReport

if TYPE_CHECKING:
    from tests.service_process import Shell


@pytest.mark.xdist_group("served")
def test_bench_voice_reports_words_and_delays(shell: Shell) -> None:
    done = shell("bench", "voice", "--questions", "1", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert "best of times" in report["heard"].lower()
    assert 0 < report["first"]["words"] <= report["first"]["done"]
    assert len(report["rest"]) == 1


def test_voice_report_of_refusals_has_no_sentence() -> None:
    report = VoiceReport("who is it?", "extractive", Delays(300.0, None, 320.0), [Delays(100.0, None, 120.0)])
    assert report.lines()[-2:] == ["| first sentence | - | - | - |", "| end | 320 | 120 | 120 |"]
