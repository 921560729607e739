"""A stand-in for `swebench.harness.run_evaluation`: its options, and the files it leaves.

It has no containers: what becomes of a patch is written in the patch. The files have the form that
SWE-bench 5.0.2 gives them (its own `get_eval_report` and `run_instance`).
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path


def report(name: str, word: str) -> dict[str, object]:
    tests = {
        "FAIL_TO_PASS": {"success": [], "failure": ["t.py::a"]},
        "PASS_TO_PASS": {"success": ["t.py::b"], "failure": []},
        "FAIL_TO_FAIL": {"success": [], "failure": []},
        "PASS_TO_FAIL": {"success": [], "failure": []},
    }
    if word == "resolved":
        tests["FAIL_TO_PASS"] = {"success": ["t.py::a"], "failure": []}
    said: dict[str, object] = {
        "patch_is_None": False,
        "patch_exists": True,
        "patch_successfully_applied": word in {"resolved", "unresolved"},
        "resolved": word == "resolved",
        "infra_failure": word == "no-memory",
    }
    if word in {"resolved", "unresolved"}:
        said["tests_status"] = tests
    if word in {"no-memory", "no-tests"}:
        reasons = {"no-memory": "out_of_memory", "no-tests": "no_tests_collected"}
        said["infra_failure_reason"] = reasons[word]
    return {name: said}


LOGS = {
    "unappliable": "Creating container\n>>>>> Patch Apply Failed:\nerror: patch failed: x:1\n",
    "late": "Test runtime: 1_800.00 seconds\nTest timed out after 1800 seconds.\n",
    "no-image": "Error creating container\nImage sweb.eval.x not found\n",
}


def main() -> None:
    parser = ArgumentParser()
    for name in (
        "dataset_name", "split", "predictions_path", "max_workers", "timeout", "run_id",
        "report_dir",
    ):  # fmt: skip
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--instance_ids", nargs="+", required=True)
    asked = parser.parse_args()
    (line,) = Path(asked.predictions_path).read_text().splitlines()
    prediction = json.loads(line)
    assert asked.instance_ids == [prediction["instance_id"]]
    if asked.dataset_name.endswith(".jsonl"):
        (row,) = Path(asked.dataset_name).read_text().splitlines()
        assert json.loads(row)["instance_id"] == prediction["instance_id"]
    word = next(w[1:] for w in prediction["model_patch"].splitlines() if w.startswith("+word-"))
    word = word.removeprefix("word-")
    place = Path("logs/run_evaluation", asked.run_id, prediction["model_name_or_path"])
    place /= prediction["instance_id"]
    assert not place.exists()
    if word == "no-harness":
        sys.exit("docker.errors.DockerException: Error while fetching server API version")
    place.mkdir(parents=True)
    (place / "run_instance.log").write_text(LOGS.get(word, ""))
    if word == "torn":
        (place / "report.json").write_text("{")
    elif word not in LOGS:
        text = json.dumps(report(prediction["instance_id"], word), indent=4)
        (place / "report.json").write_text(text)


if __name__ == "__main__":
    main()
