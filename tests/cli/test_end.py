"""How a process of the console ends."""

import subprocess
import sys

WORK = """
import threading
import time

import structlog

from gitops_orch import __main__ as console
from gitops_orch.logs import configure_logs


def work(serve_http):
    configure_logs(format_name="json", level="info")
    threading.Thread(target=time.sleep, args=(600,)).start()
    structlog.get_logger().info("work.done")
    print("all of it")
    return 3


console.run_command_line = work
console.main()
"""


def test_a_command_says_all_and_ends_though_a_thread_of_it_still_hangs():
    done = subprocess.run(
        [sys.executable, "-c", WORK], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (3, "all of it\n")
    assert "work.done" in done.stderr
