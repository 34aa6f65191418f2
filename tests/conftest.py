"""Fixtures that every road test shares, and what makes the whole run quick: nothing here is about what is tested.

The files that take longest start first, so that no core is left with one of them at the end. They need not be named:
a file that is not is only started later. The last line of a run tells which files took longest.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, settings

gc.disable()  # nothing of what is imported and collected is garbage; looking for it takes a third of that time
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    # Workers and the processes that tests start would compile everything again each time; the tree stays clean.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).parent.parent / ".pytest_cache" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
for certificates in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
    # No test may lean on whom this machine trusts, and reading all that is 0.1 s for each process that speaks TLS.
    os.environ[certificates] = os.devnull

from hub.store import engine, layout  # noqa: E402
from tests.faults import summary  # noqa: E402
from tests.memory import memory  # noqa: E402
from tests.postgres import server  # noqa: E402, F401 - here, so that all files share one
from tests.town import Town, found_town  # noqa: E402

SLOW_FIRST = (
    "test_demo.py",
    "test_readme.py",
    "test_crashes.py",
    "test_cluster.py",
    "test_poison.py",
    "test_audit.py",
    "test_large_attachments.py",
    "test_audit_jobs.py",
    "test_backup.py",
    "test_time.py",
    "test_disk.py",
    "test_postgres_roads.py",
    "test_partitions.py",
    "test_migrate.py",
    "test_processes.py",
    "test_partition.py",
    "test_tamper_matrix.py",
    "test_kills.py",
    "test_network.py",
    "test_load.py",
    "test_upkeep.py",
    "test_power.py",
    "test_receivers.py",
    "test_registry.py",
    "test_opening.py",
    "test_admin_entries.py",
    "test_registered_schema.py",
    "test_cli_run_exchange.py",
    "test_parser.py",
    "test_field.py",
    "test_evidence.py",
    "test_layers.py",
    "test_postgres_store.py",
    "test_retention.py",
    "test_sequence.py",
    "test_state_machine.py",
    "test_cli_help.py",
    "test_soap_server.py",
    "test_migrations.py",
    "test_fuzz.py",
    "test_witness.py",
    "test_operate.py",
    "test_docs.py",
    "test_evidence_xml.py",
    "test_wire.py",
    "test_chain_postgres.py",
    "test_ledger_door.py",
    "test_tls.py",
    "test_verify_further.py",
    "test_inquiry.py",
    "test_recipients.py",
)
WORKERS_A_CORE, MOST_WORKERS = 2, 16
"""Tests wait as much as they work: for processes, servers, retries. A worker takes a quarter of a gigabyte."""


class Compiled(dict[Any, Any]):
    """SQLAlchemy's compiled statements, by kind of database and not by engine: nearly each test opens one."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), value)


COMPILED = Compiled()

settings.register_profile("hub", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hub")  # how long an example takes on a busy machine says nothing of the hub


def _create_engine(*given: Any, **options: Any) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(*given, **options).execution_options(compiled_cache=COMPILED)


engine.create_engine = _create_engine


def _found_once(read: Callable[[sqlalchemy.Connection], Any]) -> Callable[[sqlalchemy.Connection], Any]:
    """Read the definitions in an SQLite file once for each catalogue, whose text is all that they follow from.

    Nearly each audit of the tests is of tables as the program makes them; reading them is most of its work.
    """
    known: dict[Any, Any] = {}

    def found(connection: sqlalchemy.Connection) -> Any:
        if connection.dialect.name != "sqlite":
            return read(connection)
        catalogue = tuple(map(tuple, connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master")))
        if catalogue not in known:
            known[catalogue] = read(connection)
        return deepcopy(known[catalogue])

    return found


layout._found = _found_once(layout._found)


def pytest_configure(config: pytest.Config) -> None:
    """Put the temporary folders into memory, where full fsync costs nothing; those of failed tests are kept there."""
    if not hasattr(config, "workerinput"):  # with several workers, the table is their leader's to print
        config.pluginmanager.register(summary)
    if (place := memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", place)


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """How many workers `-n auto` means; the variable of xdist for it still counts."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return min(WORKERS_A_CORE * len(os.sched_getaffinity(0)), MOST_WORKERS)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(SLOW_FIRST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which files took longest, setup and teardown included; nothing fails for it."""
    spent: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for one in reports:
            if isinstance(one, pytest.TestReport):
                spent[Path(one.nodeid.partition("::")[0]).name] += one.duration
    if len(spent) > 1:
        told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent.most_common(8))
        terminalreporter.write_line(f"slowest files: {told}")


@pytest.fixture(scope="session", autouse=True)
def spyne_is_imported() -> None:
    """Now, and not by a thread of a hub in the middle of a test.

    For that import warnings are ignored, which is a setting of the whole process: whoever changes it meanwhile makes
    one of them an error, and spyne stays half imported.
    """
    if "connectors.inquiry.inquiry" in sys.modules:
        import_module("connectors.inquiry.spyne_shim")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A whole town: a hub on SQLite, a CA, departments, a fake connector and a hand-turned clock."""
    made = found_town(tmp_path)
    yield made
    made.close()
