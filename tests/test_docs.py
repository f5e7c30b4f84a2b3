"""Docs against code: tables that come from the code are regenerated and compared,
and each path, link and target that the docs name exists.

`make docs` (this file run as a module) writes the generated tables.
"""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from mm.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GENERATED = re.compile(r"(<!-- generated: (?P<name>\w+) -->\n)(?P<body>.*?)(<!-- end -->)", re.S)


def settings_table() -> str:
    """Every setting with its default and its meaning."""
    rows = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in ("", None) else f"`{field.default}`"
        rows.append(f"| `MM_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def routes_table() -> str:
    """Every route with its first docstring line."""
    rows = ["| route | what it does |", "| --- | --- |"]
    for method, path, summary in sorted(routes(), key=lambda row: (row[1], row[0])):
        rows.append(f"| `{method} {path}` | {summary} |")
    return "\n".join(rows) + "\n"


def commands_table() -> str:
    """Every command with its one-line help."""
    rows = ["| command | what it does |", "| --- | --- |"]
    rows += [f"| `mm {name}` | {help_line} |" for name, help_line in commands()]
    return "\n".join(rows) + "\n"


def routes() -> list[tuple[str, str, str]]:
    """(method, path, summary) of every documented route."""
    from api.app import create_app

    schema = create_app(Settings()).openapi()
    return [
        (method.upper(), path, operation.get("summary", ""))
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if method in {"get", "post", "put", "patch", "delete", "head", "options"}
    ]


def commands() -> list[tuple[str, str]]:
    """(name, help) of every command, those of groups too."""
    from mm.cli.main import main

    def walk(command: click.Command, prefix: str) -> list[tuple[str, str]]:
        if not isinstance(command, click.Group):
            return [(prefix, command.get_short_help_str(120))]
        context = click.Context(command)
        children = ((name, command.get_command(context, name)) for name in command.list_commands(context))
        return [row for name, child in children if child is not None for row in walk(child, f"{prefix} {name}".strip())]

    return walk(main, "")


def formats_table() -> str:
    """Every format that is read, by which library, and what of it."""
    from mm.media.containers.file_types import FORMATS

    rows = ["| format | suffixes | read by | remarks |", "| --- | --- | --- | --- |"]
    return "\n".join([*rows, *(f"| {row.name} | `{row.suffixes}` | {row.decoder} | {row.remark} |" for row in FORMATS)]) + "\n"


TABLES = {"settings": settings_table, "formats": formats_table, "routes": routes_table, "commands": commands_table}


def read_generated_tables() -> list[tuple[Path, str, str]]:
    """(page, table name, body) of every generated table in the docs."""
    return [
        (page, match["name"], match["body"])
        for page in sorted(DOCS.glob("*.md"))
        for match in GENERATED.finditer(page.read_text())
    ]


def test_docs_contain_every_generated_table() -> None:
    assert {name for _, name, _ in read_generated_tables()} == set(TABLES)


@pytest.mark.parametrize(("page", "name", "body"), [pytest.param(*table, id=table[1]) for table in read_generated_tables()])
def test_generated_tables_equal_the_code(page: Path, name: str, body: str) -> None:
    assert body == TABLES[name](), f"{page.name} is stale: run `make docs`"


def test_relative_links_in_the_docs_exist() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def test_paths_named_in_the_docs_exist() -> None:
    """`life-of-a-video.md` and the README name files; a renamed file must be renamed there too."""
    paths = {
        path
        for page in (ROOT / "README.md", DOCS / "life-of-a-video.md")
        for path in re.findall(r"`((?:mm|indexes|workers|api)/[\w./]+\.py)`", page.read_text())
    }
    assert paths
    assert not [path for path in sorted(paths) if not (ROOT / path).exists()]


def test_tree_in_the_readme_names_every_folder() -> None:
    readme = (ROOT / "README.md").read_text()
    folders = [path.parent.name for top in ("mm", "indexes", "workers", "api") for path in (ROOT / top).glob("*/__init__.py")]
    missing = [name for name in [*folders, "indexes", "workers", "api", "datasets", "tests", "docs"] if f"{name}/" not in readme]
    assert not missing


def test_make_targets_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake (\w+)", (ROOT / "README.md").read_text())) <= targets


def rewrite() -> None:
    """Regenerate every generated table."""
    for page in sorted({page for page, _, _ in read_generated_tables()}):
        page.write_text(GENERATED.sub(lambda m: m[1] + TABLES[m["name"]]() + m[4], page.read_text()))


if __name__ == "__main__":
    rewrite()
