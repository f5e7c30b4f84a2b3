"""The measurement of runtimes on simulated runtimes, and the stored choice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import Unavailable
from mm.runtimes import choice as choices
from mm.runtimes.choice import Choice, machine_key, read_choice, write_choice
from mm.runtimes.tune import TIMED_INPUTS, Embed, Trial, tune

INPUTS = np.arange(16 * 3, dtype=np.uint8).reshape(16, 3)


class Machine:
    """A simulated clock, advanced by the simulated runtimes."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def runtime(self, seconds: float, rotation: float = 0.0) -> Callable[[], Embed]:
        """Vectors in the plane, rotated by that many radians; a batch takes that many seconds."""

        def embed(inputs: np.ndarray) -> np.ndarray:
            self.now += seconds
            angles = inputs.sum(1) / 100 + rotation
            return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)

        return lambda: embed


def reference() -> np.ndarray:
    return Machine().runtime(0)()(INPUTS)


def fail_on_load(error: Exception) -> Callable[[], Embed]:
    def load() -> Embed:
        raise error

    return load


def fail_on_run(inputs: np.ndarray) -> np.ndarray:
    raise RuntimeError("no such operator")


def test_tune_fastest_runtime_with_equal_vectors_is_first() -> None:
    machine = Machine()
    trials = tune(
        {
            "plain": machine.runtime(3.0),
            "fast": machine.runtime(1.0, rotation=0.05),
            "fast and wrong": machine.runtime(0.1, rotation=0.2),
            "slow": machine.runtime(9.0),
        },
        INPUTS,
        reference(),
        clock=machine.clock,
    )
    assert [trial.name for trial in trials] == ["fast", "plain", "slow", "fast and wrong"]
    assert trials[0].per_second == pytest.approx(TIMED_INPUTS / 1.0)
    assert trials[0].cosine == pytest.approx(np.cos(0.05), abs=1e-5)
    assert "0.98" in trials[-1].refused
    assert trials[-1].per_second is None


@pytest.mark.parametrize("error", [Unavailable("no bfloat16"), ImportError("no torch"), OSError("no file"), RuntimeError("oops")])
def test_tune_failing_candidate_is_reported(error: Exception) -> None:
    machine = Machine()
    candidates = {"broken": fail_on_load(error), "late": lambda: fail_on_run, "plain": machine.runtime(1.0)}
    trials = {trial.name: trial for trial in tune(candidates, INPUTS, reference(), clock=machine.clock)}
    assert trials["broken"].refused == str(error)
    assert trials["late"].refused == "no such operator"
    assert trials["plain"].refused == ""


@pytest.mark.parametrize("vectors", [np.full((16, 2), np.nan, np.float32), np.ones((3, 2), np.float32)], ids=["nan", "short"])
def test_tune_invalid_vectors_are_refused(vectors: np.ndarray) -> None:
    trial = tune({"odd": lambda: lambda inputs: vectors}, INPUTS, reference())[0]
    assert "not finite" in trial.refused
    assert trial.per_second is None


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6, unique=True))
def test_tune_orders_by_speed(seconds: list[int]) -> None:
    machine = Machine()
    trials = tune({str(s): machine.runtime(s) for s in seconds}, INPUTS, reference(), rounds=1, clock=machine.clock)
    assert [trial.name for trial in trials] == [str(s) for s in sorted(seconds)]


KEY = {"processor": "a", "cores": "2"}
CHOICE = Choice(runtime="openvino", key=KEY, trials=[Trial(name="openvino", cosine=1.0, worst=1.0, per_second=20.0)])


def test_read_choice_returns_the_written_choice(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "runtime.json"
    assert read_choice(path, KEY) == (None, "no measurement is stored")
    write_choice(path, CHOICE)
    assert read_choice(path, KEY) == (CHOICE, "")
    assert [file.name for file in path.parent.iterdir()] == ["runtime.json"]


@pytest.mark.parametrize("name", KEY)
def test_read_choice_with_another_key_is_none(tmp_path: Path, name: str) -> None:
    write_choice(tmp_path / "runtime.json", CHOICE)
    choice, reason = read_choice(tmp_path / "runtime.json", {**KEY, name: "other"})
    assert choice is None
    assert name in reason


def test_read_choice_of_an_unknown_runtime_is_none(tmp_path: Path) -> None:
    write_choice(tmp_path / "runtime.json", CHOICE.model_copy(update={"runtime": "tensorflow"}))
    assert read_choice(tmp_path / "runtime.json", KEY)[0] is None


@given(st.integers(0, 200), st.binary(max_size=4))
def test_read_choice_truncated_file_is_none(tmp_path_factory: pytest.TempPathFactory, length: int, tail: bytes) -> None:
    path = tmp_path_factory.mktemp("torn") / "runtime.json"
    whole = CHOICE.model_dump_json().encode()
    path.write_bytes(whole[: min(length, len(whole) - 1)] + tail.replace(b"}", b""))
    assert read_choice(path, KEY) == (None, "runtime.json cannot be read")


def test_write_choice_interrupted_keeps_the_old_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "runtime.json"
    write_choice(path, CHOICE)
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_choice(path, CHOICE.model_copy(update={"runtime": "cuda"}))
    assert read_choice(path, KEY) == (CHOICE, "")
    assert [file.name for file in tmp_path.iterdir()] == ["runtime.json"]


def test_machine_key_changes_with_processor_libraries_and_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "cpuinfo"
    weights = tmp_path / "weights"

    def key(model: str = "X", flags: str = "avx2 fma", bytes_: bytes = b"1", threads: int = 0) -> dict[str, str]:
        info.write_text(f"processor : 0\nmodel name : {model}\nflags : {flags}\n\nprocessor : 1\nmodel name : {model}\n")
        weights.write_bytes(bytes_)
        return machine_key([weights, tmp_path / "absent"], threads, info)

    first = key()
    assert key(flags="fma avx2") == first
    for other in (key("Y"), key(flags="avx2"), key(bytes_=b"2"), key(threads=1)):
        assert other != first
    monkeypatch.setattr(choices, "version", lambda package: "9.9")
    assert key()["libraries"] != first["libraries"]
    info.unlink()
    assert machine_key([], 0, info)["processor"]
