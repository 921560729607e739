"""Prices and shapes: dated, overridable, unknown where unknown."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.errors import ConfigError
from vervet.models import hosts
from vervet.models.prices import PriceTable, parse_table, plain_name, price_table
from vervet.registry import BUILT_IN


def test_every_price_says_where_and_when_it_was_read() -> None:
    table = price_table()
    assert len(table.prices) > 40
    for key, price in table.prices.items():
        assert price.source, key
        assert date.fromisoformat(price.checked) <= date(2026, 11, 21), key
        assert price.input is not None, key
        assert price.output is not None, key
        assert price.cached_input is None or price.cached_input <= price.input, key
        assert price.batch is None or 0 < price.batch < 1, key


def test_every_shape_adds_up() -> None:
    for name, shape in price_table().shapes.items():
        assert shape.heads, name
        assert shape.kv_heads, name
        assert shape.heads % shape.kv_heads == 0, name
        words = name.rpartition("-")[2]
        said = float(words[:-1]) * {"b": 1e9, "m": 1e6}[words[-1]] if "x" not in words else None
        assert said is None or 0.75 < shape.parameters / said < 1.3, name


def test_an_unknown_price_is_none() -> None:
    assert price_table().price("openai", "gpt-99") is None
    assert price_table().price("vllm", "gpt-4o") is None
    assert price_table().shape("gpt-4o") is None


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "llama-3.1-8b"),
        ("llama-3.3-70b-versatile", "llama-3.3-70b"),
        ("google/gemma-2b-it", "gemma-2b"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"),
        ("EleutherAI/pythia-1.4b-deduped", "pythia-1.4b"),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen2.5-7b"),
    ],
)
def test_a_model_is_known_under_every_spelling(spelling: str, name: str) -> None:
    assert plain_name(spelling) == name
    assert price_table().shape(spelling) is not None


OWN = """
[[price]]
host = "openai"
checked = "2026-12-01"
[price.models]
"gpt-4o" = { input = 9.0, output = 9.0 }
[[price]]
host = "vllm"
[price.models]
"*" = { input = 0.0, output = 0.0 }
[[shape]]
[shape.models]
"mine" = { parameters = 1e9, layers = 2, hidden = 3 }
"""


def test_own_rows_win_and_the_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(OWN)
    monkeypatch.setenv("VERVET_PRICES", str(path))
    for table in (price_table(path), price_table()):
        changed = table.price("openai", "gpt-4o")
        assert changed is not None
        assert changed.input == 9.0
        assert table.price("openai", "gpt-4o-mini") is not None
        free = table.price("vllm", "anything")
        assert free is not None
        assert free.output == 0.0
        assert table.shape("mine") is not None


@pytest.mark.parametrize(
    "text",
    [
        "[", "price = 3", "[[price]]", '[[price]]\nhost = "x"\nmodels = 3',
        '[[price]]\nhost = "x"\n[price.models]\na = { inptu = 1.0 }',
        '[[price]]\nhost = "x"\n[price.models]\na = { input = "free" }',
        '[[price]]\nhost = "x"\n[price.models]\na = { input = -1.0 }',
        '[[price]]\nhost = "x"\n[price.models]\na = { input = true }',
        "[[shape]]\n[shape.models]\na = { layers = 3 }",
    ],
)  # fmt: skip
def test_a_wrong_row_is_one_clear_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml") as error:
        parse_table(text, "mine.toml")
    assert "\n" not in str(error.value)


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_table(text, "x"), PriceTable)
    except ConfigError:
        return


def test_a_price_file_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        price_table("/nowhere/prices.toml")


def test_every_known_host_is_a_name_on_the_command_line() -> None:
    assert set(hosts.table()) <= set(BUILT_IN["models"])
    for name, settings in hosts.table().items():
        assert settings["base_url"].startswith("http"), name


def test_keys_come_from_the_environment_before_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('# keys\nexport GROQ_API_KEY="from file"\nOTHER=1\n')
    assert hosts.defaults("groq", {}, tmp_path)["api_key"] == "from file"
    assert hosts.defaults("groq", {"GROQ_API_KEY": "set"}, tmp_path)["api_key"] == "set"
    assert hosts.defaults("openai", {"OPENAI_BASE_URL": "http://x/v1"}, tmp_path)["base_url"] == (
        "http://x/v1"
    )


def test_any_host_may_be_named_by_its_variables(tmp_path: Path) -> None:
    given = {"MY_BOX_BASE_URL": "http://box:1/v1", "MY_BOX_API_KEY": "k"}
    assert hosts.defaults("my-box", given, tmp_path) == {
        "base_url": "http://box:1/v1", "api_key": "k",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="MY_BOX_BASE_URL"):
        hosts.defaults("my-box", {}, tmp_path)


def test_a_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "localhost,internal.example")
    assert hosts.proxy_for("https://api.example/v1") == "http://proxy:3128"
    assert hosts.proxy_for("https://internal.example/v1") is None
    assert hosts.proxy_for("http://localhost:8000/v1") is None


@given(st.binary(max_size=100))
def test_any_dotenv_is_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("env") / ".env"
    path.write_bytes(content)
    assert isinstance(hosts.dotenv(path), dict)
