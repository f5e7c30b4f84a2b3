"""Recognizers of speech in processes: choice by the setting, replacement, faults, Whisper."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from mm.errors import InvalidInput, MMError, NotFound, Unavailable
from mm.media.types import SPEECH_RATE, Waveform
from mm.models.speech.choice import REPOSITORIES, SpeechOptions, find_recognizer
from mm.models.speech.process import RecognizerProcess
from mm.models.speech.tower import SpeechTower, check_recognizer
from tests.models.whisper_model import write_whisper
from tests.waiting import join_thread, wait_for

CONFIG = {"engine": "moonshine", "folder": "", "language": "", "threads": 1}
STAND_IN = """
import os, sys, time
from pathlib import Path
from mm.models.speech import child
from mm.models.speech.lines import SpeechLine

class Engine:
    def transcribe(self, waveform):
        yield SpeechLine(0.0, 1.0, f"{waveform.size} samples", "de", is_identified=True)
        FAULT
        yield SpeechLine(1.0, 2.0, f"of {waveform[0]:g}", "de")

child.serve(Engine(), sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
"""
"""A child whose engine is no network, with a fault in the middle of a waveform."""


def make_waveform(value: float, seconds: float = 1.0) -> Waveform:
    return np.full(int(seconds * SPEECH_RATE), value, np.float32)


def make_process(fault: str = "", max_seconds: float = 1e9) -> RecognizerProcess:
    script = STAND_IN.replace("FAULT", fault or "pass")
    return RecognizerProcess(CONFIG, max_seconds, [sys.executable, "-c", script])  # type: ignore[arg-type]


def texts(process: RecognizerProcess, value: float) -> list[str]:
    return [line.text for line in process.transcribe(make_waveform(value))]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("whisper") / "model")


@pytest.fixture
def recording() -> Waveform:
    """Ten seconds with the voice of a recording: what is no speech is not transcribed."""
    from tests.models.test_speech import read_beckett

    return read_beckett()


def test_process_is_replaced_after_its_amount_of_work_and_loses_nothing() -> None:
    process = make_process(max_seconds=2.0)
    for number in range(5):
        assert texts(process, number) == ["16000 samples", f"of {number}"]
    assert process.num_started == 3
    pid = process.pid
    process.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("fault", ["os._exit(9)", "raise ValueError('no')", "os.kill(os.getpid(), 11)"])
def test_process_that_fails_once_transcribes_the_waveform_again(tmp_path: Path, fault: str) -> None:
    once = f"if not Path({str(tmp_path / 'failed')!r}).exists(): Path({str(tmp_path / 'failed')!r}).touch(); {fault}"
    process = make_process(once)
    assert texts(process, 3) == ["16000 samples", "of 3"]
    assert process.num_started == 2
    process.close()


def test_process_that_is_killed_between_two_waveforms_is_started_again() -> None:
    process = make_process()
    before = texts(process, 1)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert texts(process, 1) == before
    process.close()


def test_process_that_fails_twice_is_a_named_error() -> None:
    process = make_process("os._exit(3)")
    with pytest.raises(Unavailable, match="failed 2 times: its process ended with the status 3"):
        process.transcribe(make_waveform(1))
    assert process.pid is None


def test_process_that_is_silent_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm.models.speech.process.SILENCE_SECONDS", 0.3)
    process = make_process("time.sleep(600)")
    with pytest.raises(Unavailable, match="it sent nothing for"):
        process.transcribe(make_waveform(1))


def test_process_ends_with_the_process_that_uses_it(tmp_path: Path) -> None:
    """Also while it transcribes, and without a signal: its input is closed."""
    script = textwrap.dedent(f"""
        import os, threading, time
        from tests.models.test_recognizers import make_process, make_waveform
        process = make_process("time.sleep(600)")
        threading.Thread(target=process.transcribe, args=(make_waveform(1),), daemon=True).start()
        while process.pid is None: time.sleep(0.01)
        open({str(tmp_path / "pid")!r}, "w").write(str(process.pid))
        time.sleep(0.2)
        os._exit(0)
    """)
    subprocess.run([sys.executable, "-c", script], check=True)
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "the child ends")


def test_tower_without_keep_has_no_process_between_calls(recording: Waveform, model: Path) -> None:
    tower = SpeechTower(SpeechOptions(f"whisper:{model}", threads=1), keep=False)
    assert tower.process.pid is None
    assert tower.transcribe(np.zeros(SPEECH_RATE, np.float32)) == []
    assert tower.process.num_started == 0, "silence needs no recognizer"
    assert tower.transcribe(recording)
    assert tower.process.pid is None


def test_whisper_identifies_the_language_and_returns_lines(recording: Waveform, model: Path) -> None:
    tower = SpeechTower(SpeechOptions(f"whisper:{model}", threads=1))
    (line,) = tower.transcribe(recording)
    assert (line.text, line.language, line.is_identified) == ("Guten Morgen", "de", True)
    assert 0 <= line.start < line.end <= len(recording) / SPEECH_RATE
    assert "language is identified" in tower.describe()
    noise = np.random.default_rng(0).normal(0, 0.05, 5 * SPEECH_RATE).astype(np.float32)
    assert tower.transcribe(noise) == [], "noise is no speech"
    tower.close()


def test_whisper_of_a_named_language_does_not_identify_it(recording: Waveform, model: Path) -> None:
    tower = SpeechTower(SpeechOptions(f"whisper:{model}", language="fr", threads=1))
    assert {(line.language, line.is_identified) for line in tower.transcribe(recording)} <= {("fr", False)}
    tower.close()


def test_whisper_by_name_is_found_among_the_models_of_the_folder(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "whisper-base")
    assert find_recognizer(SpeechOptions("whisper:base", models=tmp_path)).folder == tmp_path / "whisper-base"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (SpeechOptions("wisper:base"), InvalidInput, "must be moonshine or whisper:NAME"),
        (SpeechOptions("whisper:"), InvalidInput, "must be moonshine or whisper:NAME"),
        (SpeechOptions("whisper:bsae"), InvalidInput, "there is no model 'bsae'"),
        (SpeechOptions("whisper:./base"), InvalidInput, "must be absolute"),
        (SpeechOptions("whisper:/no/such/folder"), NotFound, "there is no folder /no/such/folder"),
        (SpeechOptions("moonshine", language="de"), InvalidInput, "Moonshine recognizes English only"),
    ],
)
def test_find_recognizer_refuses_invalid_settings(options: SpeechOptions, error: type[MMError], message: str) -> None:
    with pytest.raises(error, match=message):
        find_recognizer(options)


def test_find_recognizer_without_the_model_names_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match=r"hf download Systran/faster-whisper-small --local-dir \S*/whisper-small"):
        find_recognizer(SpeechOptions("whisper:small", models=tmp_path))


def test_find_recognizer_without_the_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "mm.models.speech.choice.importlib.util.find_spec", lambda name: None if name == "faster_whisper" else find_spec(name)
    )
    with pytest.raises(Unavailable, match="pip install faster-whisper"):
        find_recognizer(SpeechOptions("whisper:base"))


def test_find_recognizer_of_an_incomplete_folder_names_the_files(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "m")
    (tmp_path / "m" / "tokenizer.json").unlink()
    with pytest.raises(NotFound, match=r"lacks tokenizer\.json"):
        find_recognizer(SpeechOptions(f"whisper:{tmp_path / 'm'}"))


@pytest.mark.parametrize("file", ["model.bin", "tokenizer.json"])
def test_check_recognizer_of_a_damaged_model_is_one_named_error(model: Path, tmp_path: Path, file: str) -> None:
    shutil.copytree(model, tmp_path / "m")
    data = (tmp_path / "m" / file).read_bytes()
    (tmp_path / "m" / file).write_bytes(data[: len(data) // 2])
    with pytest.raises(Unavailable, match="is damaged or of another kind"):
        check_recognizer(SpeechOptions(f"whisper:{tmp_path / 'm'}"))


def test_check_recognizer_of_an_unknown_language_names_it(model: Path) -> None:
    with pytest.raises(Unavailable, match="MM_SPEECH_LANGUAGE=xx"):
        check_recognizer(replace(SpeechOptions(f"whisper:{model}"), language="xx"))


def test_repositories_are_those_of_faster_whisper() -> None:
    from faster_whisper.utils import _MODELS

    assert REPOSITORIES == _MODELS


def test_whisper_process_opens_no_file_once_its_model_is_loaded(model: Path) -> None:
    from mm.media.sandbox import landlock

    script = textwrap.dedent(f"""
        from mm.models.speech import child
        child.load({{"engine": "whisper", "folder": {str(model)!r}, "language": "", "threads": 1}})
        try:
            open("/etc/passwd").read()
            print("opened")
        except PermissionError:
            print("refused")
    """)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.strip() == ("refused" if landlock.abi() else "opened")


def test_tower_is_used_by_several_threads(model: Path, recording: Waveform) -> None:
    tower = SpeechTower(SpeechOptions(f"whisper:{model}", threads=1), max_seconds=5.0)
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(len(tower.transcribe(recording)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        join_thread(thread)
    assert results == [1, 1, 1]
    assert tower.process.num_started == 3
    tower.close()
