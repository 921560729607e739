"""A run at s3:// against a local S3-compatible server; skipped where moto or s3fs is missing."""

import gc
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict

pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'vervet[s3]'")
pytest.importorskip(
    "moto.server", reason="moto is not installed: pip install 'moto[s3]' flask flask-cors"
)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # botocore's own warnings


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for _ in range(100):
            try:
                request = urllib.request.Request(f"{address}/runs", method="PUT")  # noqa: S310
                urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - our own server
                break
            except OSError:
                time.sleep(0.2)
        yield "s3://runs"
    server.kill()
    server.wait()


def test_a_run_is_filled_by_two_writers_compacted_and_read(bucket: str) -> None:
    url = f"{bucket}/first"
    one, other = open_run(url, seed=3), open_run(url)
    assert other.seed == 3
    one.append([Problem("p", "?", {"answer": 1})])
    one.append([Sample("p", "model", i, f"reply {i}") for i in range(10)])
    other.append([Sample("p", "model", i, f"reply {i}") for i in range(5, 15)])
    assert other.problems() == [Problem("p", "?", {"answer": 1})]
    assert one.keys(Sample)["p", "model"].tolist() == list(range(15))
    one.append([Verdict("p", "model", 0, "exact", 0, Outcome.ACCEPT)])
    one.describe("samplers", "openai/model:1", {"temperature": 0.6})
    one.log([{"event": "x"}])
    assert one.compact(Sample) == 1
    third = open_run(url)
    assert [row.text for batch in third.read(Sample) for row in batch] == [
        f"reply {i}" for i in range(15)
    ]
    assert len(third.scan(Verdict, ("outcome",))) == 1
    assert other.keys(Sample)["p", "model"].tolist() == list(range(15))  # its shards are gone
    assert third.descriptions("samplers") == {"openai/model:1": {"temperature": 0.6}}
    assert [event["event"] for event in third.events()] == ["x"]


def test_a_torn_object_is_set_aside(bucket: str) -> None:
    url = f"{bucket}/torn"
    run: Run = open_run(url)
    run.append([Sample("p", "model", 0, "kept")])
    run.append([Sample("p", "model", 1, "lost")])
    name = run.shards(Sample)[-1]
    files = run.place.files  # type: ignore[attr-defined]
    files.pipe_file(f"runs/torn/samples/{name}", b"half a shard")
    again = open_run(url)
    assert [row.text for batch in again.read(Sample) for row in batch] == ["kept"]
    assert again.shards(Sample) == run.shards(Sample)[:1]
    assert any(path.endswith(".torn") for path in files.ls("runs/torn/samples", detail=False))


def test_no_temporary_copy_is_left_behind(bucket: str) -> None:
    run = open_run(f"{bucket}/gone")
    run.append([Sample("p", "model", 0, "x")])
    mirror = run.place.mirror.parent  # type: ignore[attr-defined]
    assert mirror.is_dir()
    del run
    gc.collect()  # what s3fs raised and caught keeps frames in cycles
    assert not mirror.exists()
