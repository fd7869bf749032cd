"""Ctrl-C while what decodes answers is loaded: it must not cost the kernel its pandas."""

from __future__ import annotations

import subprocess
import sys

#: In a process of its own, where nothing is loaded yet; Ctrl-C comes when numpy is half there.
SCRIPT = """
import os, signal, sys, threading

from mpm_ops.analysis.interrupted import load

def press():
    while "numpy" not in sys.modules:
        pass
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=press).start()
try:
    load("mpm_ops.analysis.stream")
except KeyboardInterrupt:
    print("interrupted")
import pandas
print(pandas.Series([1]).sum())
"""


def test_a_ctrl_c_does_not_leave_numpy_half_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["interrupted", "1"], "")


def test_a_question_loads_that_way() -> None:
    script = SCRIPT.replace(
        'load("mpm_ops.analysis.stream")',
        'Result("", of="", ask=lambda: None, save=lambda *_: 0).arrow',
    ).replace("interrupted import load", "result import Result")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["interrupted", "1"], "")
