"""Rules for the `Dockerfile`, and tests that each rule detects its violation."""

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


def violations(stages: dict[str, Stage]) -> Iterator[str]:
    """Violations of the rules, one line each."""
    for stage in stages.values():
        if stage.image not in stages and not PINNED.fullmatch(stage.image):
            yield f"{stage.image} is not pinned to a release"
        for word, rest in stage.instructions:
            if word == "ADD":
                yield f"ADD {rest}: use COPY"
            if word in {"CMD", "ENTRYPOINT"} and not rest.startswith("["):
                yield f"{word} {rest}: the shell form adds a shell process"
            if word in {"ARG", "ENV"} and re.search(r"(?i)password|secret|token|_key", rest):
                yield f"{word} {rest}: the image contains a secret"
            if word == "RUN" and " install " in rest and "pip" in rest and "--no-deps" not in rest:
                yield f"RUN {rest}: the lock files are complete"
            if word == "RUN" and TOOLS.search(rest):
                yield f"RUN {rest}: the images are built without system tools"
    for name in TARGETS:
        history = [step for stage in lineage(stages, name) for step in stage.instructions]
        users = [rest for word, rest in history if word == "USER"]
        if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
            yield f"{name} runs as {users[-1] if users else 'root'}"
        for word in ("CMD", "HEALTHCHECK", "STOPSIGNAL"):
            if word not in [step for step, _ in history]:
                yield f"{name} has no {word}"
        if any(word == "RUN" and "pip" in rest for word, rest in history):
            yield f"{name} installs packages instead of copying them"


def test_dockerfile_follows_the_rules() -> None:
    assert list(violations(load_dockerfile())) == []


def lint(text: str) -> list[str]:
    """Output of hadolint, one line per finding."""
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / "hadolint", "--no-color", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.stdout.splitlines()


def test_dockerfile_has_no_hadolint_findings() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert lint(text) == []
    assert any("DL3042" in line for line in lint(text.replace("--no-cache-dir ", "")))


@pytest.mark.parametrize(
    ("line", "instead", "violation"),
    [
        pytest.param(r"FROM python:\S+", "FROM python:latest", "python:latest is not pinned", id="latest"),
        pytest.param(r"FROM python:\S+", "FROM python", "python is not pinned", id="no tag"),
        pytest.param(r"USER .*", "", "cpu runs as root", id="root"),
        pytest.param(r"USER .*", "USER root", "cpu runs as root", id="root by name"),
        pytest.param(r"STOPSIGNAL .*", "ADD https://example.org/x /x", "ADD https", id="a download"),
        pytest.param(
            r"CMD \[\"python\", \"-P\", \"-m\", \"api\"\]",
            "CMD python -m api",
            "CMD python -m api: the shell form",
            id="shell form",
        ),
        pytest.param(r"HEALTHCHECK .*", "", "gpu has no HEALTHCHECK", id="no health check"),
        pytest.param(r"STOPSIGNAL .*", "RUN apt-get install gcc", "without system tools", id="a compiler"),
        pytest.param(r" --no-deps", "", "the lock files are complete", id="resolved at build"),
        pytest.param(r"STOPSIGNAL .*", "ENV API_TOKEN=x", "contains a secret", id="a secret"),
    ],
)
def test_dockerfile_rules_detect_each_violation(line: str, instead: str, violation: str) -> None:
    text = (ROOT / "Dockerfile").read_text()
    broken = re.sub(line, instead, text)
    assert broken != text
    assert any(violation in reported for reported in violations(load_dockerfile(broken)))


def test_gpu_image_installs_both_lock_files() -> None:
    stages = load_dockerfile()
    installed = {
        target: re.findall(r"-r (\S+)", " ".join(run for stage in lineage(stages, f"build-{target}") for run in stage.all("RUN")))
        for target in TARGETS
    }
    assert installed == {"cpu": ["requirements.lock"], "gpu": ["requirements.lock", "requirements-train.lock"]}


@pytest.mark.parametrize(("target", "module"), TARGETS.items())
def test_dockerfile_images_have_the_commands_and_health_checks_of_compose(target: str, module: str) -> None:
    (service,) = [
        service
        for name, service in load_compose({"POSTGRES_PASSWORD": "x"})["services"].items()
        if name in {"api", "worker-gpu"} and service["build"]["target"] == target
    ]
    stage = load_dockerfile()[target]
    assert json.loads(stage.all("CMD")[-1]) == service["command"] == ["python", "-P", "-m", module]
    assert ["CMD", *health_command(stage.all("HEALTHCHECK")[-1])] == service["healthcheck"]["test"]


def test_dockerfile_copied_files_exist_and_are_in_the_build_context() -> None:
    stages = load_dockerfile()
    copied = {
        path for stage in stages.values() for rest in stage.all("COPY") if "--from" not in rest for path in rest.split()[:-1]
    }
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == sent
    assert all((ROOT / path).exists() for path in copied)
    packages = {path.parent.name for path in ROOT.glob("*/__main__.py")} | {"mm", "indexes"}
    assert {path for path in packages if fnmatch(path, "[!t]*")} <= copied


def test_dockerfile_comment_names_the_version() -> None:
    assert f"mm:{mm.__version__} " in (ROOT / "Dockerfile").read_text()
