"""That nothing of a town outlives a test process that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.processes import ROOT
from tests.postgres import gone

_LEAVES_MUCH = """
import sys
from pathlib import Path
from tests.faults.processes import _FORKS, Cold, Warm
from tests.keeper import wipe_at_end
from time import sleep
_FORKS.set_forkserver_preload([])
folder = wipe_at_end(Path(sys.argv[1]))
left = Warm(sleep, 60, log=folder / "log")
further = Cold("--help", log=folder / "log")
print(left.pid, flush=True)
sleep(60)
"""


def test_a_killed_test_process_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "town"
    folder.mkdir()
    command = [sys.executable, "-c", _LEAVES_MUCH, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        left = int(running.stdout.readline())
        assert not gone(left)
        running.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while (folder.exists() or not gone(left)) and time.monotonic() < end:
        time.sleep(0.01)
    assert not folder.exists()
    assert gone(left)
