"""What people write for a plan: policy files, budgets and times are read, or refused in a line."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.planning import (
    Terms,
    archive,
    budget,
    describe,
    latency,
    plan,
    read_policy,
    write_policy,
)
from vervet.planning.archive import Rows
from vervet.planning.words import document
from vervet.policies.names import models_named

Made = Callable[..., Rows]


def test_a_policy_file_is_read_as_it_was_written(made: Made, tmp_path: Path) -> None:
    rows = made(10, {"m": 8, "s": 4}, holes=False)
    chosen = plan(describe(archive(rows, "v")), Terms(budget("3samples/problem"), 2.0), orders=10)
    write_policy(chosen, tmp_path / "policy.toml")
    file = read_policy(tmp_path / "policy.toml")
    assert file.policy == chosen.chosen.policy
    assert list(file.models) == models_named(chosen.chosen.policy)
    assert file.expected["accuracy"] == chosen.promise.accuracy.value
    table = tomllib.loads((tmp_path / "policy.toml").read_text())
    assert table["schema"] == "vervet.policy/1"
    assert table["terms"]["false_positive_cost"] == 2.0
    assert json.loads(json.dumps(document(chosen), allow_nan=False))["schema"] == "vervet.plan/1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("policy = 3", "has schema None"),
        ('schema = "vervet.policy/1"', "policy is missing"),
        ('schema = "vervet.policy/1"\npolicy = "vote"', "no policy called 'vote'"),
        ('schema = "vervet.policy/1"\npolicy = "fixed"\nmodels = 3', r"\[models\] must hold"),
        ("schema = ", "is not TOML"),
        (
            'schema = "vervet.policy/1"\npolicy = "fixed"\ndecoding = {m = 3}',
            r"\[decoding.NAME\] must be tables",
        ),
    ],
)
def test_a_broken_policy_file_is_refused_in_one_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_policy(tmp_path / "p.toml")


@pytest.mark.parametrize("text", ["5", "0usd", "-1usd", "5eur/problem", "usd", "5usd/run"])
def test_a_budget_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an amount"):
        budget(text)


def test_a_time_is_read_in_its_unit() -> None:
    assert [latency(t) for t in ("30s", "2m", "1.5")] == [30.0, 120.0, 1.5]
    with pytest.raises(ConfigError, match="is not a time"):
        latency("soon")


def refusal(reads: Callable[[str], object], text: str) -> str:
    """Return why a text is refused; nothing where it is not. Any other error passes."""
    try:
        reads(text)
    except ConfigError as refused:
        return str(refused)
    return ""


@given(st.text("0123456789.usdtokenample/probl $-", max_size=20))
def test_whatever_is_written_is_a_budget_or_a_mistake(text: str) -> None:
    assert "\n" not in refusal(budget, text) + refusal(latency, text)


@given(st.text(), st.sampled_from(["schema", "policy", "models", "expected"]))
def test_whatever_a_policy_file_holds_is_read_or_refused(text: str, key: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.toml"
        lines = {"schema": '"vervet.policy/1"', "policy": '"fixed"'} | {key: json.dumps(text)}
        path.write_text("".join(f"{k} = {v}\n" for k, v in lines.items()), "utf-8")
        said = refusal(read_policy, str(path))
    assert bool(said) or key == "expected" or text in {"vervet.policy/1", "fixed"}
