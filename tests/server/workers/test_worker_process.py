"""The worker process by itself: its stdout is for reports only, and it ends with its stdin."""

import subprocess
import sys

from server.launch import module_environment


def test_what_libraries_print_does_not_reach_the_protocol() -> None:
    program = (
        "import os, subprocess, sys\n"
        "from server.workers.process import claim_stdout\n"
        "reports = claim_stdout()\n"
        "print('noise from Python', flush=True)\n"
        "os.write(1, b'noise from C\\n')\n"
        "subprocess.run([sys.executable, '-c', 'print(\"noise from a child\")'])\n"
        "reports.write(b'a report\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=module_environment(), check=True)

    assert done.stdout == b"a report\n"
    assert done.stderr.decode().split("\n")[:3] == ["noise from Python", "noise from C", "noise from a child"]


def test_the_worker_ends_when_the_server_has_gone() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "server.workers.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=module_environment(),
    )
    assert worker.stdin is not None
    worker.stdin.close()

    assert worker.wait(20) == 0
