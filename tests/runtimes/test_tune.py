"""The tuner takes the fastest stand-in that gives the same vectors, and survives all others; its
choice holds for its machine."""

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
    """A clock that only work moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def way(self, seconds: float, turn: float = 0.0) -> Callable[[], Embed]:
        """Vectors in the plane, turned by so many radians, at so many seconds a batch."""

        def embed(inputs: np.ndarray) -> np.ndarray:
            self.now += seconds
            angles = inputs.sum(1) / 100 + turn
            return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)

        return lambda: embed


def reference() -> np.ndarray:
    return Machine().way(0)()(INPUTS)


def broken(error: Exception) -> Callable[[], Embed]:
    def load() -> Embed:
        raise error

    return load


def breaks_later(inputs: np.ndarray) -> np.ndarray:
    raise RuntimeError("no such operator")


def test_the_fastest_that_gives_the_same_vectors_comes_first() -> None:
    machine = Machine()
    trials = tune(
        {
            "plain": machine.way(3.0),
            "fast": machine.way(1.0, turn=0.05),
            "fast and wrong": machine.way(0.1, turn=0.2),
            "slow": machine.way(9.0),
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
def test_a_broken_one_is_reported_and_not_fatal(error: Exception) -> None:
    machine = Machine()
    candidates = {"broken": broken(error), "late": lambda: breaks_later, "plain": machine.way(1.0)}
    trials = {trial.name: trial for trial in tune(candidates, INPUTS, reference(), clock=machine.clock)}
    assert trials["broken"].refused == str(error)
    assert trials["late"].refused == "no such operator"
    assert trials["plain"].refused == ""


@pytest.mark.parametrize("answer", [np.full((16, 2), np.nan, np.float32), np.ones((3, 2), np.float32)], ids=["nan", "short"])
def test_what_are_no_vectors_is_refused(answer: np.ndarray) -> None:
    trial = tune({"odd": lambda: lambda inputs: answer}, INPUTS, reference())[0]
    assert "not finite" in trial.refused
    assert trial.per_second is None


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6, unique=True))
def test_the_order_is_that_of_the_speeds(seconds: list[int]) -> None:
    machine = Machine()
    trials = tune({str(s): machine.way(s) for s in seconds}, INPUTS, reference(), rounds=1, clock=machine.clock)
    assert [trial.name for trial in trials] == [str(s) for s in sorted(seconds)]


KEY = {"processor": "a", "cores": "2"}
CHOICE = Choice(runtime="openvino", key=KEY, trials=[Trial(name="openvino", cosine=1.0, worst=1.0, per_second=20.0)])


def test_a_choice_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "runtime.json"
    assert read_choice(path, KEY) == (None, "nothing was measured yet")
    write_choice(path, CHOICE)
    assert read_choice(path, KEY) == (CHOICE, "")
    assert [file.name for file in path.parent.iterdir()] == ["runtime.json"]


@pytest.mark.parametrize("name", KEY)
def test_a_choice_ends_with_what_it_was_made_on(tmp_path: Path, name: str) -> None:
    write_choice(tmp_path / "runtime.json", CHOICE)
    found, reason = read_choice(tmp_path / "runtime.json", {**KEY, name: "other"})
    assert found is None
    assert name in reason


def test_a_choice_of_a_runtime_that_is_gone_does_not_hold(tmp_path: Path) -> None:
    write_choice(tmp_path / "runtime.json", CHOICE.model_copy(update={"runtime": "tensorflow"}))
    assert read_choice(tmp_path / "runtime.json", KEY)[0] is None


@given(st.integers(0, 200), st.binary(max_size=4))
def test_a_torn_file_is_no_choice(tmp_path_factory: pytest.TempPathFactory, length: int, tail: bytes) -> None:
    path = tmp_path_factory.mktemp("torn") / "runtime.json"
    whole = CHOICE.model_dump_json().encode()
    path.write_bytes(whole[: min(length, len(whole) - 1)] + tail.replace(b"}", b""))
    assert read_choice(path, KEY) == (None, "runtime.json cannot be read")


def test_a_write_that_breaks_off_keeps_the_old_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "runtime.json"
    write_choice(path, CHOICE)
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_choice(path, CHOICE.model_copy(update={"runtime": "cuda"}))
    assert read_choice(path, KEY) == (CHOICE, "")
    assert [file.name for file in tmp_path.iterdir()] == ["runtime.json"]


def test_the_key_is_that_of_processor_libraries_and_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(choices, "CPUINFO", info)
    weights = tmp_path / "weights"

    def key(model: str = "X", flags: str = "avx2 fma", bytes_: bytes = b"1", threads: int = 0) -> dict[str, str]:
        info.write_text(f"processor : 0\nmodel name : {model}\nflags : {flags}\n\nprocessor : 1\nmodel name : {model}\n")
        weights.write_bytes(bytes_)
        return machine_key([weights, tmp_path / "absent"], threads)

    first = key()
    assert key(flags="fma avx2") == first
    for other in (key("Y"), key(flags="avx2"), key(bytes_=b"2"), key(threads=1)):
        assert other != first
    monkeypatch.setattr(choices, "version", lambda package: "9.9")
    assert key()["libraries"] != first["libraries"]
    info.unlink()
    assert machine_key([], 0)["processor"]
