"""`vervet plan`: from a run to policy.toml, and back into `select`."""

import json
import sys
from pathlib import Path

import pytest

from vervet.cli import main
from vervet.errors import ConfigError
from vervet.planning import Terms, plan, read, read_policy
from vervet.planning.words import recommendation
from vervet.store import Run, open_run
from vervet.types import Outcome, Problem, Sample, Verdict


def filled(
    folder: Path, model: str, host: str = "nowhere", *, problems: int = 8, first: str = "p"
) -> Run:
    run = open_run(str(folder))
    names = [f"{first}{i}" for i in range(problems)]
    run.append([Problem(p, "?") for p in names])
    run.describe("samplers", f"{model}@1", {"model": model, "host": host})
    for place, p in enumerate(names):
        answers = ["4" if (i + place) % 3 else str(i) for i in range(9)]
        run.append([
            Sample(p, f"{model}@1", i, a, prompt_tokens=1_000, completion_tokens=100)
            for i, a in enumerate(answers)
        ])  # fmt: skip
        run.append([
            Verdict(p, f"{model}@1", i, "key@1", 0,
                    Outcome.ACCEPT if a == "4" else Outcome.REJECT, answer=a)
            for i, a in enumerate(answers)
        ])  # fmt: skip
    return run


def call(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["vervet", *words])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def test_a_plan_writes_a_policy_that_select_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "run", "m")
    monkeypatch.chdir(tmp_path)
    words = ["plan", "run", "--budget", "5samples/problem", "-o", "policy.toml", "--orders", "20"]
    code, out, err = call([*words, "--json"], monkeypatch, capsys)
    document = json.loads(out)
    assert code == 0, err
    assert document["chosen"]["samples"] <= 5
    assert document["chosen"]["policy"] in (tmp_path / "policy.toml").read_text()
    ahead = {row["policy"]: row for row in document["forecasts"]}
    assert ahead["majority:n=90,verifier=key"]["draw"] == 90
    assert not ahead["majority:n=90,verifier=key"]["affordable"]
    code, out, _ = call(["select", "run", "--policy", "policy.toml", "--json"], monkeypatch, capsys)
    assert (code, json.loads(out)["policy_id"]) == (0, document["chosen"]["policy"])
    code, out, _ = call(words, monkeypatch, capsys)
    assert "Promised accuracy on as many new problems" in out
    assert "forecast: more samples than were recorded" in out


def test_problems_that_come_together_are_compared_with_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "run", "m")
    monkeypatch.chdir(tmp_path)
    words = ["plan", "run", "--budget", "5samples/problem", "--orders", "5", "--json"]
    compared = []
    for more in ([], ["--together"]):
        code, out, err = call([*words, *more], monkeypatch, capsys)
        assert code == 0, err
        compared.append(json.loads(out)["compared"])
    assert compared[1] == compared[0] + 3  # budgets of 4, 5 and 8 samples


def test_a_policy_file_is_solved_with_its_own_models_as_they_were_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    some = ["--dataset", "embedded", "--limit", "3"]
    for model in ("marmoset", "marmoset-strong"):
        drawn = ["sample", "run", *some, "-m", model, "-n", "4", "--temperature", "0.9"]
        assert call(drawn, monkeypatch, capsys)[0] == 0
    assert call(["verify", "run", "--verifier", "gsm8k-answer"], monkeypatch, capsys)[0] == 0
    words = ["plan", "run", "--orders", "5", "--verifier", "gsm8k-answer", "-o", "policy.toml"]
    assert call(words, monkeypatch, capsys)[0] == 0
    chosen = read_policy("policy.toml")
    assert chosen.decoding
    assert all(told["temperature"] == 0.9 for told in chosen.decoding.values())
    code, _, err = call(["solve", "live", *some, "--policy", "policy.toml"], monkeypatch, capsys)
    assert code == 0, err
    recorded, live = (open_run(name).descriptions("samplers") for name in ("run", "live"))
    assert set(live) <= set(recorded)
    code, _, err = call(["solve", "other", *some, "--policy", "fixed"], monkeypatch, capsys)
    assert (code, err) == (2, "vervet: no model. Name one: -m provider/name\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--budget", "much"], "--budget 'much' is not an amount"),
        (["--budget", "1usd"], "dollars are not known of any policy"),
        (["--budget", "0.5samples/problem"], "the cheapest, fixed, takes 1."),
        (
            ["--budget", "4samples"],
            "0.5 samples a problem (4 for all 8; /problem gives it to each)",
        ),
        (["--max-latency", "9s"], "seconds are not known of any policy. Leave the latency out"),
        (["--max-latency", "soon"], "--max-latency 'soon' is not a time"),
        (["--against", "other"], "no verdicts of 'other'"),
        (["--verifier", "other"], "no verdicts of 'other'"),
        (["-o", "no/such/folder.toml"], "cannot be written"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled(tmp_path / "run", "m")
    monkeypatch.chdir(tmp_path)
    code, _, err = call(["plan", "run", "--orders", "5", *words], monkeypatch, capsys)
    assert code == 2
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--policy", "fixed", "--budget", "4samples"], "--budget is shared by --policy index"),
        (
            ["--policy", "index:verifier=gsm8k-answer", "--budget", "4usd"],
            "the price of marmoset/marmoset is not known",
        ),
        (["--policy", "fixed", "--engine", "ray", "--ahead", "2"], "--ahead 2 needs --engine"),
    ],
)
def test_what_solve_cannot_do_is_said_before_it_draws(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["solve", "run", "--dataset", "embedded", "--limit", "2", "-m", "marmoset"]
    code, _, err = call([*asked, *words], monkeypatch, capsys)
    assert code == 2
    assert says in err


def test_runs_of_several_models_are_joined_and_priced(tmp_path: Path) -> None:
    runs = [
        filled(tmp_path / "a", "gpt-4o-mini", "openai"),
        filled(tmp_path / "b", "gpt-4o", "openai"),
    ]
    found = read(runs)
    small, large = (found.archive.shelves[m].dollars[0, 0] for m in ("gpt-4o-mini", "gpt-4o"))
    assert small == pytest.approx((1_000 * 0.15 + 100 * 0.6) / 1e6)
    assert large > small
    assert found.archive.truth == "key"
    assert found.readers == ("key",)
    assert found.usable == ()
    assert found.models["gpt-4o"] == "openai/gpt-4o"


def test_one_problem_is_planned_without_an_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "run", "m", problems=1)
    monkeypatch.chdir(tmp_path)
    code, out, err = call(["plan", "run", "--orders", "5"], monkeypatch, capsys)
    assert code == 0, err
    assert "(no interval: 1 problem says nothing" in out
    assert "1 problems" not in out
    assert "nan%" not in out


def test_a_policy_that_is_written_over_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "run", "m")
    monkeypatch.chdir(tmp_path)
    words = ["plan", "run", "--orders", "5", "-o", "policy.toml"]
    first, again = (call(words, monkeypatch, capsys)[2] for _ in range(2))
    assert first.endswith("policy: policy.toml\n")
    assert again.endswith("policy: policy.toml (written over)\n")


def test_what_cannot_be_opened_by_its_name_is_said(tmp_path: Path) -> None:
    """`filled` has a model of no known provider, and verdicts of no verifier that there is."""
    said = recommendation(plan(read([filled(tmp_path / "a", "m")]), Terms(), orders=5))
    assert "say in the policy file how nowhere/m, key are had" in said
    known = open_run(str(tmp_path / "b"))
    known.append([Problem("p", "?")])
    known.describe("samplers", "m@1", {"model": "m", "provider": "openai"})
    known.append([Sample("p", "m@1", 0, "4")])
    known.append([Verdict("p", "m@1", 0, "exact@1", 0, Outcome.ACCEPT, answer="4")])
    assert "say in the policy file" not in recommendation(plan(read([known]), Terms(), orders=5))


def test_runs_of_other_problems_and_runs_without_verdicts_are_told_apart(tmp_path: Path) -> None:
    one, two = filled(tmp_path / "a", "m"), filled(tmp_path / "b", "s", first="q")
    with pytest.raises(ConfigError, match=r"no problem has samples of every model: m has 'p7', s"):
        read([one, two])
    bare = open_run(str(tmp_path / "c"))
    bare.append([Problem("p", "?")])
    with pytest.raises(ConfigError, match="the run has no samples"):
        read([bare])
    bare.append([Sample("p", "m@1", 0, "4")])
    with pytest.raises(ConfigError, match="nothing says which samples are right"):
        read([bare])


def test_problems_that_one_model_lacks_are_counted(tmp_path: Path) -> None:
    one, two = filled(tmp_path / "a", "m"), filled(tmp_path / "b", "s")
    two.append([Problem("extra", "?")])
    two.append([Sample("extra", "s@1", 0, "4")])
    found = read([one, two])
    assert (found.archive.problems, found.left_out) == (8, 1)
    said = recommendation(plan(found, Terms(), orders=5))
    assert "1 problem was left out, not answered by every model." in said
