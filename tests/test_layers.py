"""The house rule: imports point down, never sideways between verbs, and a message never calls back up."""

from __future__ import annotations

import ast
import sys
from functools import cache
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
    "administration.install",
    "administration.edit",
    "administration.in_force",
    "ledger.sequence",
    "ledger.rekey",
    "ledger.cosign",
    "ledger.timestamping",
    "ledger.unconfirmed",
    "witness",
    "evidence.export",
    "evidence.archive",
    "retention.purge",
    "health.measure",
    "attachments.upload",
    "attachments.download",
    "attachments.handout",
    "attachments.sweep",
    "backup",
)
"""What acts on an installation, below `hub`: a module, or a package that is one verb as a whole."""
BELOW_VERB = {
    ("administration.install", "administration.in_force"),  # a verb may stand on another only here, and the reason is
    ("deliver", "accept"),  # in ARCHITECTURE.md
    ("dispatch", "deliver"),
    ("dispatch", "supervise"),
    ("supervise", "deliver"),
    ("mailbox", "deliver"),
    ("ledger.rekey", "ledger.sequence"),
    ("inquire", "mailbox"),
    ("attachments.upload", "mailbox"),
    ("attachments.download", "mailbox"),
    ("attachments.download", "attachments.handout"),
    ("deliver", "attachments.handout"),
    ("mailbox", "attachments.handout"),
    ("attachments.sweep", "attachments.upload"),
}
VALUES = ("message", "errors", "catalogue", "connector", "directory", "settings", "config", "codes")
WALKING = {
    "audit", "tree", "checkpoints", "purges", "leaves", "links", "documents", "messages", "portion", "sharing", "layout"
}  # fmt: skip
"""Of hub/audit: the judges are pure, only the walk over the store is a verb."""


def verb(module: str) -> str:
    """The verb that a module is, or is a part of; "" if it is none."""
    inside = module.removeprefix("hub.")
    return next((name for name in VERBS if f"{inside}.".startswith(f"{name}.")), "") if inside != module else ""


def layer(module: str) -> int:
    """The floor a module lives on, by ARCHITECTURE.md."""
    top, _, inside = module.partition(".")
    name, _, rest = inside.partition(".")
    if top != "hub":
        return {"connectors": 5, "schemas": 0}.get(top, 6)
    if name == "audit":
        return 4 if rest.partition(".")[0] in WALKING else 1
    if verb(module):
        return 4
    return {"store": 2, "hub": 3, "": 0, **dict.fromkeys(VALUES, 0)}.get(name, 1)


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The project's modules that a file imports, wherever in the file."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(name for name in found if name.split(".")[0] in ("hub", "connectors", "commands", "cli", "schemas"))


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
        own = verb(module)
        others = {verb(imported) for imported in imports(path)} - {"", own}
        for other in others if own else ():
            assert (own, other) in BELOW_VERB, f"{module} imports hub.{other}"


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
