"""A name, a module path, or a helpful refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet import registry
from vervet.errors import ConfigError
from vervet.registry import Entry


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "math-answer": Entry("fractions:Fraction", "my-package"),
        "broken": Entry("no_such_module:X", "bad-package"),
    }
    monkeypatch.setattr(registry, "names", lambda _: points)


@pytest.mark.usefixtures("installed")
def test_an_installed_name_is_built_with_its_settings() -> None:
    assert registry.find("verifiers", "math-answer", numerator=3) == 3


@pytest.mark.usefixtures("installed")
def test_a_local_object_needs_no_packaging() -> None:
    assert registry.find("verifiers", "fractions:Fraction", numerator=3) == 3


@pytest.mark.usefixtures("installed")
def test_a_misspelt_name_gets_the_right_one() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'math-answer'"):
        registry.find("verifiers", "math-anwser")


@pytest.mark.usefixtures("installed")
def test_a_broken_plugin_is_loud_and_named() -> None:
    with pytest.raises(ConfigError, match=r"broken \(from bad-package\).*ModuleNotFoundError"):
        registry.find("verifiers", "broken")


@pytest.mark.usefixtures("installed")
def test_wrong_settings_name_the_plugin() -> None:
    with pytest.raises(ConfigError, match=r"math-answer .*TypeError"):
        registry.find("verifiers", "math-answer", timeout=3)


@pytest.mark.parametrize(
    ("spec", "name", "settings"),
    [
        ("gsm8k", "gsm8k", {}),
        ("best-of:n=8,verifier=judge", "best-of", {"n": 8, "verifier": "judge"}),
        (
            "unit-tests:suite=plus,all_tests=true",
            "unit-tests",
            {"suite": "plus", "all_tests": True},
        ),
        ("my_file:Mine", "my_file:Mine", {}),
        ("regex:pattern=a{1,2}: (x),group=1", "regex", {"pattern": "a{1,2}: (x)", "group": 1}),
        (
            "judge:base_url=http://h:1/v1,model=m",
            "judge",
            {"base_url": "http://h:1/v1", "model": "m"},
        ),
    ],
)
def test_a_spec_is_a_name_and_settings(spec: str, name: str, settings: dict[str, object]) -> None:
    assert registry.parse(spec) == (name, settings)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        name, _ = registry.parse(text)
    except ConfigError:
        return
    assert isinstance(name, str)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_built_in_name_leads_somewhere(kind: registry.Kind) -> None:
    for entry in registry.names(kind).values():
        assert callable(entry.load())
