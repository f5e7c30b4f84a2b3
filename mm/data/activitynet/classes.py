"""The 200 classes of ActivityNet 1.3 in groups, as the taxonomy of a simulated set."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypedDict

ROOT = "Root"


class Node(TypedDict):
    """A node of `taxonomy`, as in the JSON file of ActivityNet."""

    nodeName: str
    nodeId: int
    parentName: str | None
    parentId: int | None


def read_groups() -> dict[str, list[str]]:
    """Classes by group."""
    groups: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "groups.toml").read_text(encoding="utf-8"))
    return groups


def list_classes() -> list[str]:
    """The names of all classes, sorted."""
    return sorted(name for names in read_groups().values() for name in names)


def build_taxonomy() -> list[Node]:
    """Nodes of the root, the groups and the classes."""
    nodes: list[Node] = [{"nodeName": ROOT, "nodeId": 0, "parentName": None, "parentId": None}]
    for group, names in read_groups().items():
        parent = len(nodes)
        nodes.append({"nodeName": group, "nodeId": parent, "parentName": ROOT, "parentId": 0})
        nodes += [
            {"nodeName": name, "nodeId": parent + 1 + n, "parentName": group, "parentId": parent} for n, name in enumerate(names)
        ]
    return nodes
