"""The house rule: imports point down, never sideways between verbs, and a message never calls back up."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.town import Town

ROOT = Path(__file__).parent.parent
VERBS = (
    "accept",
    "deliver",
    "dispatch",
    "supervise",
    "mailbox",
    "inquire",
    "audit",
    "install",
    "edit",
    "in_force",
    "sequence",
    "rekey",
    "cosign",
    "witness",
    "timestamping",
    "unconfirmed",
    "export",
    "purge",
    "archive",
    "measure",
    "upload",
    "download",
    "handout",
    "sweep",
    "backup",
)
BELOW_VERB = {
    ("install", "in_force"),  # a verb may stand on another only here, and the reason is in ARCHITECTURE.md
    ("deliver", "accept"),
    ("dispatch", "deliver"),
    ("dispatch", "supervise"),
    ("supervise", "deliver"),
    ("mailbox", "deliver"),
    ("rekey", "sequence"),
    ("inquire", "mailbox"),
    ("upload", "mailbox"),
    ("download", "mailbox"),
    ("download", "handout"),
    ("deliver", "handout"),
    ("mailbox", "handout"),
    ("sweep", "upload"),
}
VALUES = (
    "message",
    "errors",
    "catalogue",
    "connector",
    "directory",
    "settings",
    "settings_file",
    "listen",
    "config",
    "codes",
)


def layer(module: str) -> int:  # noqa: PLR0911
    """The floor a module lives on, by ARCHITECTURE.md."""
    parts = module.split(".")
    if parts[0] in ("cli", "commands", "demo"):
        return 6
    if parts[0] == "connectors":
        return 5
    if parts[0] == "schemas":
        return 0
    if parts[:2] == ["hub", "store"]:
        return 2
    if parts[:2] == ["hub", "audit"]:  # the judges are pure, only the walk over the store is a verb
        walking = {"audit", "tree", "purges", "leaves", "portion", "sharing", "layout"}
        return 4 if walking.intersection(parts[2:3]) else 1
    name = parts[1] if len(parts) > 1 else ""
    if name in VERBS:
        return 4
    if name == "hub":
        return 3
    return 0 if name in (*VALUES, "") else 1


def imports(path: Path) -> list[str]:
    """The project's modules that a file imports, wherever in the file."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] in ("hub", "connectors", "commands", "cli", "schemas")]


def modules() -> list[tuple[str, Path]]:
    paths = [
        *ROOT.glob("hub/**/*.py"),
        *ROOT.glob("connectors/**/*.py"),
        *ROOT.glob("commands/**/*.py"),
        *ROOT.glob("demo/*.py"),
    ]
    named = [(".".join(p.relative_to(ROOT).with_suffix("").parts), p) for p in paths]
    return sorted((name.removesuffix(".__init__"), path) for name, path in named)


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_imports_point_down(module: str, path: Path) -> None:
    own = layer(module)
    for imported in imports(path):
        if imported.startswith("hub.__version__"):
            continue
        assert layer(imported) <= own, f"{module} (L{own}) imports {imported} (L{layer(imported)})"


def test_verbs_do_not_know_each_other() -> None:
    for module, path in modules():
        parts = module.split(".")
        if parts[0] != "hub" or len(parts) < 2 or parts[1] not in VERBS:
            continue
        for imported in imports(path):
            other = imported.split(".")[1]
            if imported.startswith("hub.") and other in VERBS and other != parts[1]:
                assert (parts[1], other) in BELOW_VERB, f"{module} imports {imported}"


def test_edges_do_not_know_the_command_line_and_hub_knows_no_soap() -> None:
    for module, path in modules():
        if module.startswith("hub"):
            text = path.read_text(encoding="utf-8")
            assert not any(f"import {name}" in text for name in ("zeep", "spyne", "aiohttp", "starlette", "uvicorn"))


def test_one_accepted_message_never_calls_back_up(town: Town) -> None:
    """Follow every call in our code while a message is examined; a callee is never above its caller."""
    raw = town.signed("a", "b")
    from hub.accept import examine

    ups: list[str] = []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        caller = frame.f_back
        if event != "call" or caller is None:
            return
        above, below = caller.f_globals.get("__name__", ""), frame.f_globals.get("__name__", "")
        if above.startswith("hub") and below.startswith("hub") and layer(below) > layer(above):
            ups.append(f"{above} -> {below}.{frame.f_code.co_name}")

    sys.setprofile(watch)
    try:
        examine(raw, town.hub.rules, town.clock(), {})
    finally:
        sys.setprofile(None)
    assert ups == []
