"""Rules that the `Dockerfile` keeps, and that they bite."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

import mm
from tests.deploy.files import ROOT, Stage, health_command, lineage, load_compose, load_dockerfile

TARGETS = {"cpu": "api", "gpu": "workers"}
PINNED = re.compile(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?")
TOOLS = re.compile(r"\b(apt-get|apk|gcc|make|curl|wget|git)\b")


def complaints(stages: dict[str, Stage]) -> Iterator[str]:
    """What breaks a rule, one line each."""
    for stage in stages.values():
        if stage.image not in stages and not PINNED.fullmatch(stage.image):
            yield f"{stage.image} is not pinned to a release"
        for word, rest in stage.instructions:
            if word == "ADD":
                yield f"ADD {rest}: COPY says what it does"
            if word in {"CMD", "ENTRYPOINT"} and not rest.startswith("["):
                yield f"{word} {rest}: a shell would stand between the engine and the process"
            if word in {"ARG", "ENV"} and re.search(r"(?i)password|secret|token|_key", rest):
                yield f"{word} {rest}: a secret stays in the image"
            if word == "RUN" and " install " in rest and "pip" in rest and "--no-deps" not in rest:
                yield f"RUN {rest}: the lock files are complete"
            if word == "RUN" and TOOLS.search(rest):
                yield f"RUN {rest}: the images are built without tools of the system"
    for name in TARGETS:
        history = [step for stage in lineage(stages, name) for step in stage.instructions]
        users = [rest for word, rest in history if word == "USER"]
        if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
            yield f"{name} runs as {users[-1] if users else 'root'}"
        for word in ("CMD", "HEALTHCHECK", "STOPSIGNAL"):
            if word not in [step for step, _ in history]:
                yield f"{name} has no {word}"
        if any(word == "RUN" and "pip" in rest for word, rest in history):
            yield f"{name} is where packages are installed, not where they are copied to"


def test_the_file_keeps_the_rules() -> None:
    assert list(complaints(load_dockerfile())) == []


def lint(text: str) -> list[str]:
    """What hadolint says of a Dockerfile, one line each."""
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / "hadolint", "--no-color", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.stdout.splitlines()


def test_the_linter_has_nothing_to_say() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert lint(text) == []
    assert any("DL3042" in line for line in lint(text.replace("--no-cache-dir ", "")))


@pytest.mark.parametrize(
    ("line", "instead", "complaint"),
    [
        pytest.param(r"FROM python:\S+", "FROM python:latest", "python:latest is not pinned", id="latest"),
        pytest.param(r"FROM python:\S+", "FROM python", "python is not pinned", id="no tag"),
        pytest.param(r"USER .*", "", "cpu runs as root", id="root"),
        pytest.param(r"USER .*", "USER root", "cpu runs as root", id="root by name"),
        pytest.param(r"STOPSIGNAL .*", "ADD https://example.org/x /x", "ADD https", id="a download"),
        pytest.param(
            r"CMD \[\"python\", \"-P\", \"-m\", \"api\"\]", "CMD python -m api", "CMD python -m api: a shell", id="shell form"
        ),
        pytest.param(r"HEALTHCHECK .*", "", "gpu has no HEALTHCHECK", id="no health check"),
        pytest.param(r"STOPSIGNAL .*", "RUN apt-get install gcc", "without tools of the system", id="a compiler"),
        pytest.param(r" --no-deps", "", "the lock files are complete", id="resolved at build"),
        pytest.param(r"STOPSIGNAL .*", "ENV API_TOKEN=x", "a secret stays", id="a secret"),
    ],
)
def test_the_rules_bite(line: str, instead: str, complaint: str) -> None:
    text = (ROOT / "Dockerfile").read_text()
    broken = re.sub(line, instead, text)
    assert broken != text
    assert any(complaint in one for one in complaints(load_dockerfile(broken)))


def test_the_gpu_image_adds_the_second_lock_file_to_the_first() -> None:
    stages = load_dockerfile()
    installed = {
        target: re.findall(r"-r (\S+)", " ".join(run for stage in lineage(stages, f"build-{target}") for run in stage.all("RUN")))
        for target in TARGETS
    }
    assert installed == {"cpu": ["requirements.lock"], "gpu": ["requirements.lock", "requirements-train.lock"]}


@pytest.mark.parametrize(("target", "part"), TARGETS.items())
def test_the_images_run_and_check_what_compose_runs_and_checks(target: str, part: str) -> None:
    (service,) = [
        one
        for name, one in load_compose({"POSTGRES_PASSWORD": "x"})["services"].items()
        if name in {"api", "worker-gpu"} and one["build"]["target"] == target
    ]
    stage = load_dockerfile()[target]
    assert json.loads(stage.all("CMD")[-1]) == service["command"] == ["python", "-P", "-m", part]
    assert ["CMD", *health_command(stage.all("HEALTHCHECK")[-1])] == service["healthcheck"]["test"]


def test_what_is_copied_is_there_and_goes_to_the_engine() -> None:
    stages = load_dockerfile()
    copied = {
        path for stage in stages.values() for rest in stage.all("COPY") if "--from" not in rest for path in rest.split()[:-1]
    }
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == sent
    assert all((ROOT / path).exists() for path in copied)
    packages = {path.parent.name for path in ROOT.glob("*/__main__.py")} | {"mm", "indexes"}
    assert {path for path in packages if fnmatch(path, "[!t]*")} <= copied


def test_the_comment_names_our_version() -> None:
    assert f"mm:{mm.__version__} " in (ROOT / "Dockerfile").read_text()
