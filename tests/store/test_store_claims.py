"""A claim excludes other processes, and ends with the process that held it."""

import subprocess
import sys
from pathlib import Path

from vervet.store import open_run
from vervet.store.claims import Claims

HOLDER = """
import sys, time
from vervet.store import open_run
run = open_run(sys.argv[1])
print(run.claim("a problem", range(8, 16)), flush=True)
time.sleep(60)
"""


def test_a_claim_excludes_other_processes_while_they_live(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    run = open_run(tmp_path)
    assert not run.claim("a problem", range(8, 16))
    assert not run.claim("a problem", range(15, 20))
    assert run.claim("a problem", range(8))
    assert run.claim("a problem", range(16, 20))
    assert run.claim("another problem", range(8, 16))
    holder.kill()
    holder.communicate()
    assert run.claim("a problem", range(8, 16))


def test_a_claim_given_back_is_free_for_others(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    assert run.claim("a problem", range(8, 16))
    run.release("a problem", range(8, 16))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    holder.kill()
    holder.communicate()


def test_where_there_are_no_locks_every_claim_is_granted() -> None:
    claims = Claims(None)
    assert claims.take("a problem", range(8))
    claims.release("a problem", range(8))


def test_a_run_on_an_object_store_claims_without_locks() -> None:
    run = open_run("memory://claims")
    assert run.claim("a problem", range(8))
    run.release("a problem", range(8))
