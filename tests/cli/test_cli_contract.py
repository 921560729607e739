"""The contract of the command line: exit codes, one line for a mistake, JSON alone on stdout."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from vervet.cli import COMMANDS, app
from vervet.store import open_run
from vervet.types import Sample

ROOT = Path(__file__).resolve().parents[2]
Called = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["smaple"], "No such command 'smaple'"),
        (["analyze", "nowhere"], "no run at"),
        (["sample", "r", "-m", "scripted"], "no problems: name a problem set with --dataset"),
        (["sample", "r", "--dataset", "gsm9k", "-m", "scripted"], "Did you mean 'gsm8k'"),
        (
            ["run", __file__, "r", "-m", "scripted"],
            "is a file; the problem set is files: files --pat",
        ),
        (["sample", "r", "--dataset", "gsm8k", "-n", "0", "-m", "x"], "0 is not in the range x>=1"),
        (["analyze", "r", "--k", "1,x"], "not a list of whole numbers"),
        (["import", "tabel", "x", "r"], "no format to import called 'tabel'. Did you mean 'table'"),
        (["import", "genrm-sft", "x", "r"], "no format to import called 'genrm-sft'. Installed: "),
        (["import", "table:limit=2", "x", "r"], "table has no setting 'limit'"),
        (["import", "swe-bench-reports", "x", "r", "--map", "a=b"], "--map is not for swe-bench"),
        (["import", "table", "absent.csv", "r"], "absent.csv: there is no such file"),
        (["list", "fruits"], "'fruits' is not one of"),
        (
            ["run", "embedded", "r", "-m", "marmoset", "-n", "99999999999"],
            "cannot be drawn; from 1",
        ),
        (["run", "embedded", "r", "-m", "marmoset", "--set", "temperature=hot"], "is not a number"),
        (["run", "embedded", "r", "-m", "marmoset", "--set", "seed=1"], "the seed is the run's"),
        (["run", "embedded", "r", "-m", "marmoset", "--set", "workers=-1"], "workers=-1 is not at"),
        (
            ["run", "embedded", "r", "-m", "marmoset", "--top-p", "1", "--set", "top_p=0.5"],
            "--set top_p and --top-p: say it once",
        ),
        (["run", "embedded", "r", "-m", "marmoset", "--temperature", "nan"], "not a finite number"),
        (["run", "embedded", "r", "-m", "marmoset", "--dataset", "gsm8k"], "No such option"),
        (["solve", "r", "--policy", "fixed:n=1", "-m", "x", "--dry-run"], "No such option"),
        (["solve", "r", "--policy", "fixed:n=1", "-m", "x", "-n", "4"], "No such option"),
        (["analyze", "r", "--k", "99999999999999999999"], "from 1 to 1,000,000,000,000,000"),
        (["analyze", "r", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["analyze", "r", "--false-positive-cost", "nan"], "not a finite number"),
        (
            ["import", "table", "x", "r", "--dataset", "gsm8k", "--problems", "y"],
            "say the problems once",
        ),
        (["doctor", "--isolation", "nonsense"], "'nonsense' is none of namespaces"),
        (
            ["serve", "--policy", "fixed:n=1", "-m", "marmoset", "--port", "99999"],
            "is not in the range",
        ),
        (["serve", "policy.toml", "--policy", "fixed:n=1"], "say which policy"),
        (
            ["serve", "--policy", "fixed", "-m", "openai/x", "--set", "base_url=nowhere"],
            "base_url='nowhere' is not an address",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    call: Called, tmp_path: Path, words: list[str], says: str
) -> None:
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("r/samples")), "nothing ran"


def test_import_analyze_select_show_report(call: Called, table: Path, tmp_path: Path) -> None:
    assert call("import", "table", str(table), "r")[0] == 0
    code, out, _ = call("analyze", "r", "--json", "--k", "1,6")
    document = json.loads(out)
    assert (code, document["schema"]) == (0, "vervet.analysis/1")
    assert [row["k"] for row in document["coverage"]] == [1, 6]
    assert document["coverage"][0]["value"] == pytest.approx(1 / 3)
    code, out, _ = call("select", "r", "--policy", "majority:n=3,verifier=recorded", "--json")
    assert json.loads(out)["problems"] == 4
    assert "24 samples" in call("show", "r")[1]
    assert call("report", "r")[0] == 0
    assert (tmp_path / "r" / "report.html").stat().st_size > 10_000


def test_a_policy_that_needs_more_says_how_to_get_it(call: Called, table: Path) -> None:
    call("import", "table", str(table), "r")
    code, out, err = call("select", "r", "--policy", "majority:n=99,verifier=recorded")
    assert (code, out) == (1, "")
    assert "Draw more with `vervet sample" in err


@pytest.mark.parametrize("kind", ["datasets", "models", "verifiers", "policies", "formats"])
def test_what_can_be_named_is_listed_with_a_line_each(call: Called, kind: str) -> None:
    code, out, _ = call("list", kind, "--json")
    rows = json.loads(out)
    assert code == 0
    assert rows
    assert all(row["about"] and not row["about"].startswith("broken") for row in rows)


def test_a_dry_run_counts_a_whole_conversation(call: Called, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "x" * 4_000}, {"role": "user", "content": "and?"}]
    (tmp_path / "talk.jsonl").write_text(json.dumps({"id": "a", "messages": turns, "answer": "4"}))
    words = [
        "sample",
        "r",
        "--dataset",
        "files",
        "--path",
        "talk.jsonl",
        "-m",
        "scripted:problems=1",
    ]
    code, out, _ = call(*words, "--dry-run", "--json")
    assert (code, json.loads(out)["prompt_tokens"] > 900) == (0, True)


def test_any_problems_of_a_local_file_are_a_problem_set(call: Called, tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text(
        "from vervet import Problem\n"
        "def two():\n"
        "    for i in range(2):\n"
        "        yield Problem(f'sum/{i}', f'{i} + {i} = ?', {'answer': str(2 * i)})\n"
        "def none(): return ['a']\n"
    )
    (tmp_path / "says.jsonl").write_text('{"problem": "*", "replies": ["0"]}')
    code, out, _ = call("run", "sums:two", "r", "-m", "scripted/says.jsonl", "-n", "3", "--json")
    assert code == 0
    assert json.loads(out)["coverage"][0]["value"] == 0.5
    code, _, err = call("run", "sums:none", "r", "-m", "scripted/says.jsonl")
    assert (code, "sums:none is no problem set" in err) == (2, True)


def test_what_cannot_be_makes_no_run(call: Called, tmp_path: Path) -> None:
    for more in (["-m", "no/such"], ["-m", "marmoset", "--verifier", "nosuch"]):
        assert call("run", "embedded", "r", *more)[0] == 2
    assert call("sample", "r", "--dataset", "embedded", "-m", "no/such")[0] == 2
    assert not (tmp_path / "r").exists()


def test_a_run_that_is_named_twice_is_refused(call: Called, table: Path) -> None:
    call("import", "table", str(table), "r")
    code, out, err = call("analyze", "r", "./r")
    assert (code, out) == (2, "")
    assert "named twice" in err


def test_nothing_done_is_a_failure_that_names_the_first_reason(call: Called, table: Path) -> None:
    asked = ("-m", "command//bin/false", "--dataset", "embedded", "--limit", "2")
    code, out, err = call("sample", "r", *asked, "--json")
    assert (code, json.loads(out)["missing"]) == (1, 2)
    assert "none of 2 samples came: /bin/false ended with status 1" in err
    code, _, err = call("run", "embedded", "r", "-m", "command//bin/false", "--limit", "2")
    assert code == 1
    assert "none of 2 samples came" in err
    call("import", "table", str(table), "t")
    code, _, err = call("verify", "t", "--verifier", "exact")
    assert code == 1
    assert "none of 24 samples could be judged: the problem has no reference answer" in err


def test_show_tells_failures_that_still_matter_by_their_cause(call: Called) -> None:
    asked = ("sample", "r", "--dataset", "embedded", "--limit", "3", "-n", "2")
    command = ("-m", "command/sh -c 'test -e ok && echo 1'")
    call(*asked, *command)
    assert "draws what is missing:\n  6 × sh ended with status 1" in call("show", "r")[1]
    Path("ok").touch()
    assert call(*asked, *command)[0] == 0
    out = call("show", "r")[1]
    assert "requests that failed;" not in out
    assert "6 requests failed, and were made again since" in out


def test_a_dead_endpoint_is_given_up_with_one_line_and_the_rest_is_judged_later(
    call: Called,
) -> None:
    rows = ["problem,text"] + [f"p{i},{i}" for i in range(1_000)]
    Path("t.csv").write_text("\n".join(rows))
    call("import", "table", "t.csv", "r")
    dead = "reward:model=m,base_url=http://127.0.0.1:9,tries=1"
    code, out, err = call("verify", "r", "--verifier", dead, "--json")
    judged = json.loads(out)
    assert (code, judged["errors"] + judged["untried"]) == (1, 1_000)
    assert 128 <= judged["errors"] < 256
    assert "none of 1,000 samples could be judged: http://127.0.0.1:9: " in err.splitlines()[-1]
    code, out, err = call("verify", "r", "--verifier", dead, "--json")
    assert (code, json.loads(out)["retried"]) == (1, judged["errors"])


def test_a_dry_run_counts_what_is_missing_and_makes_no_run(call: Called, tmp_path: Path) -> None:
    asked = ("-m", "marmoset", "--dataset", "embedded", "--limit", "2")
    code, out, _ = call("sample", "r", *asked, "-n", "5000000", "--dry-run", "--json")
    assert (code, json.loads(out)["samples"]) == (0, 10_000_000)
    assert not (tmp_path / "r").exists()
    call("sample", "r", *asked, "-n", "3")
    out = call("sample", "r", *asked, "-n", "5", "--dry-run", "--json")[1]
    assert json.loads(out)["samples"] == 4
    (tmp_path / "r" / "run.json").write_text("not json")
    assert call("sample", "r", *asked, "-n", "5", "--dry-run")[0] == 1


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_with_130_and_what_finished(tmp_path: Path, by: signal.Signals) -> None:
    (tmp_path / "says.jsonl").write_text('{"problem": "*", "replies": ["#### 4"]}')
    words = "sample r --dataset embedded -m scripted/says.jsonl -n 6400 --set latency=0.2"
    process = subprocess.Popen(
        [sys.executable, "-m", "vervet", *words.split()],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(tmp_path.glob("r/samples/*")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(by)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "vervet: interrupted; everything that finished is kept"
    assert 0 < len(open_run(tmp_path / "r").scan(Sample, ("index",))) < 128 * 6400


def test_files_that_are_called_as_modules_of_python_are_left_alone(tmp_path: Path) -> None:
    for name in ("random", "csv", "queue", "code", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    words = ["run", "embedded", "r", "-m", "marmoset", "--limit", "2"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vervet", *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_local_file_is_a_verifier(call: Called, table: Path, tmp_path: Path) -> None:
    (tmp_path / "mine_too.py").write_text(
        "from vervet.types import Outcome, Verdict\n"
        "class Yes:\n"
        "    id = 'yes@1'\n"
        "    async def verify(self, problem, sample, trial, /):\n"
        "        return Verdict(problem.id, sample.sampler_id, sample.index, self.id, trial,"
        " Outcome.ACCEPT)\n"
    )
    call("import", "table", str(table), "r")
    code, out, _ = call("verify", "r", "--verifier", "mine_too:Yes", "--json")
    assert (code, json.loads(out)["accepted"]) == (0, 24)


def test_doctor_says_what_holds_and_leaves_with_1_where_something_broke(call: Called) -> None:
    code, out, _ = call("doctor", "--json")
    found = json.loads(out)
    assert code == (0 if all(finding["holds"] for finding in found["isolation"]) else 1)
    assert found["isolation"]
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(found["extras"]) == set(told["project"]["optional-dependencies"]) - {"test"}


@pytest.mark.parametrize("isolation", ["nonsense", "container"])
def test_an_isolation_that_cannot_be_tried_is_never_silently_weaker(
    call: Called, isolation: str
) -> None:
    code, out, err = call("doctor", "--isolation", isolation, "--json")
    assert (code, out) == (2, "")
    assert isolation in err


def test_every_command_says_in_a_line_what_it_does(call: Called) -> None:
    out = call("--help")[1]
    listed = out.partition("Commands:\n")[2].splitlines()
    assert len(listed) == len(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_takes_once(name: str) -> None:
    command = app.get_command(click.Context(app), name)
    assert command is not None
    options = [option for option in command.params if isinstance(option, click.Option)]
    said = [word for option in options for word in (*option.opts, *option.secondary_opts)]
    assert len(said) == len(set(said))
    unsaid = [
        option.name
        for option in options
        if not (option.is_flag or option.metavar or isinstance(option.type, click.Choice))
    ]
    assert unsaid == []


CONFIG = """
dataset = "embedded"
model = "marmoset"
samples = 2
limit = 3
max-tokens = 9
[set]
workers = 1
"""


def test_a_run_may_be_written_down_and_the_command_line_goes_before_it(call: Called) -> None:
    Path("words.toml").write_text(CONFIG)
    assert call("run", "words.toml", "r")[0] == 0
    assert len(open_run("r").scan(Sample, ("index",))) == 6
    assert call("run", "words.toml", "r", "-n", "4")[0] == 0
    drawn = open_run("r").scan(Sample, ("completion_tokens",))
    assert len(drawn) == 12
    assert drawn["completion_tokens"].max() <= 9


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sampels = 4\n" + CONFIG, "'sampels' is no option of run. There is model, "),
        (CONFIG.replace("dataset", "data"), "which problem set?"),
        ("samples = \n", "cannot be read as TOML"),
        (CONFIG.replace("= 2", '= "two"'), "'two' is not a valid integer"),
        (CONFIG.replace("workers", "wrokers"), "marmoset has no setting 'wrokers'"),
    ],
)
def test_a_mistake_in_what_was_written_down_is_one_line(call: Called, text: str, says: str) -> None:
    Path("words.toml").write_text(text)
    code, out, err = call("run", "words.toml", "r")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert not Path("r").exists()


def test_a_run_that_was_never_written_down_is_one_line(call: Called) -> None:
    code, out, err = call("run", "absent.toml", "r", "-m", "marmoset")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "absent.toml: No such file or directory. It would be a TOML file" in err


def test_a_report_says_what_it_wrote_as_json(call: Called, table: Path) -> None:
    call("import", "table", str(table), "r")
    code, out, _ = call("report", "r", "-o", "r.html", "--svg", "--json")
    written = json.loads(out)
    assert code == 0
    assert written["report"] == "r.html"
    assert written["figures"]
    assert all(Path(figure).exists() for figure in written["figures"])
