"""Read `compose.yaml` and the `Dockerfile` as Docker does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<sign>:[?-])(?P<word>[^}]*))?\}")

Compose = dict[str, Any]


class Refused(Exception):
    """An error with the message of `docker compose`."""


def load_compose(environment: Mapping[str, str]) -> Compose:
    """Read the file and substitute variables. Raises `Refused` for a required variable."""
    document: Compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return {name: substitute(value, environment) for name, value in document.items() if not name.startswith("x-")}


def substitute(value: Any, environment: Mapping[str, str]) -> Any:
    """Substitute `${NAME}`, `${NAME:-default}` and `${NAME:?reason}` in all strings."""
    if isinstance(value, dict):
        return {key: substitute(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, environment) for item in value]
    return VARIABLE.sub(lambda match: value_of(match, environment), value) if isinstance(value, str) else value


def value_of(match: re.Match[str], environment: Mapping[str, str]) -> str:
    value = environment.get(match["name"], "")
    if not value and match["sign"] == ":?":
        raise Refused(f"required variable {match['name']} is missing a value: {match['word']}")
    return value or (match["word"] if match["sign"] else "") or ""


@dataclass
class Stage:
    """A build stage: its instructions as pairs (upper-case name, arguments)."""

    name: str
    image: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == instruction]


def load_dockerfile(text: str | None = None) -> dict[str, Stage]:
    """Stages by name, in file order."""
    text = (ROOT / "Dockerfile").read_text() if text is None else text
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).replace("\\\n", " ").splitlines()
    stages: dict[str, Stage] = {}
    for line in filter(None, map(str.strip, lines)):
        word, _, rest = line.partition(" ")
        if word.upper() == "FROM":
            image, _, name = rest.partition(" AS ")
            stage = stages[name or str(len(stages))] = Stage(name, image)
        else:
            stage.instructions.append((word.upper(), rest.strip()))
    return stages


def lineage(stages: dict[str, Stage], name: str) -> list[Stage]:
    """The stage and its parent stages, the base first."""
    stage = stages[name]
    return [*lineage(stages, stage.image), stage] if stage.image in stages else [stage]


def health_command(rest: str) -> list[str]:
    """Command of a HEALTHCHECK in exec form."""
    words: list[str] = json.loads(rest[rest.index("CMD") + len("CMD") :])
    return words
