"""`compose.yaml` and the `Dockerfile` as an engine reads them."""

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
    """What stops `docker compose`, in its words."""


def load_compose(environment: Mapping[str, str]) -> Compose:
    """The file with its variables filled in. Raises `Refused` for one that is required and not
    set."""
    document: Compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return {name: fill(value, environment) for name, value in document.items() if not name.startswith("x-")}


def fill(value: Any, environment: Mapping[str, str]) -> Any:
    """Put values for `${NAME}`, `${NAME:-default}` and `${NAME:?reason}`, everywhere below
    `value`."""
    if isinstance(value, dict):
        return {key: fill(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, environment) for item in value]
    return VARIABLE.sub(lambda match: replacement(match, environment), value) if isinstance(value, str) else value


def replacement(match: re.Match[str], environment: Mapping[str, str]) -> str:
    given = environment.get(match["name"], "")
    if not given and match["sign"] == ":?":
        raise Refused(f"required variable {match['name']} is missing a value: {match['word']}")
    return given or (match["word"] if match["sign"] else "") or ""


@dataclass
class Stage:
    """One `FROM` with the instructions below it: (instruction in capitals, the rest)."""

    name: str
    image: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == instruction]


def load_dockerfile(text: str | None = None) -> dict[str, Stage]:
    """Stages by name, in their order."""
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
    """The stage and those it stands on, the outermost first."""
    stage = stages[name]
    return [*lineage(stages, stage.image), stage] if stage.image in stages else [stage]


def health_command(rest: str) -> list[str]:
    """Words of the command of a HEALTHCHECK in exec form."""
    words: list[str] = json.loads(rest[rest.index("CMD") + len("CMD") :])
    return words
