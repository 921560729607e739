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
    assert registry.find("imports", "math-answer", numerator=3) == 3


@pytest.mark.usefixtures("installed")
def test_a_local_object_needs_no_packaging() -> None:
    assert registry.find("imports", "fractions:Fraction", numerator=3) == 3


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
    with pytest.raises(
        ConfigError, match=r"math-answer \(from my-package\) has no setting 'timeout'"
    ):
        registry.find("verifiers", "math-answer", timeout=3)


@pytest.mark.parametrize(
    ("kind", "spec", "says"),
    [
        (
            "verifiers",
            "exact:nosuch=3",
            "exact has no setting 'nosuch'; it has: ignore_case, field.",
        ),
        ("verifiers", "regex", "regex needs a setting pattern: write regex:pattern=VALUE."),
        ("verifiers", "regex:pattern=42", "pattern=42 is not text"),
        ("policies", "majority:n=x,verifier=v", "majority: n='x' is not a whole number."),
        ("policies", "majority:n=2.5,verifier=v", "majority: n=2.5 is not a whole number."),
        ("policies", "majority:n=true,verifier=v", "majority: n=True is not a whole number."),
        ("models", "marmoset:temperature=hot", "temperature='hot' is not a number."),
        ("models", "scripted:a=x", "scripted: a='x' is not a number."),
        ("datasets", "embedded:path=here", "embedded has no setting 'path'"),
        ("verifiers", "os:getcwd", "os:getcwd is no verifier: it has no id."),
        ("models", "os:getcwd", "os:getcwd is no model: it has no id."),
        ("datasets", "os:getpid", "os:getpid is no problem set"),
        ("policies", "os:getcwd", "os:getcwd is no policy: it has no flow."),
        ("datasets", "gsm9k", "no problem set called 'gsm9k'"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_its_value(
    kind: registry.Kind, spec: str, says: str
) -> None:
    name, settings = registry.parse(spec)
    with pytest.raises(ConfigError) as refused:
        registry.find(kind, name, **settings)
    assert says in str(refused.value)
    assert "Error" not in str(refused.value)


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


def test_commas_in_parentheses_belong_to_what_is_inside() -> None:
    said = (
        "cascade:first=majority(n=4,verifier=v), then=abstain(policy=fixed(model=a,text=b),below=1)"
    )
    name, settings = registry.parse(said)
    assert name == "cascade"
    assert settings == {
        "first": "majority(n=4,verifier=v)",
        "then": "abstain(policy=fixed(model=a,text=b),below=1)",
    }


def test_a_parenthesis_that_is_never_closed_is_text() -> None:
    assert registry.parse("regex:pattern=(a,flags=i")[1] == {"pattern": "(a", "flags": "i"}


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_built_in_name_leads_somewhere(kind: registry.Kind) -> None:
    for entry in registry.names(kind).values():
        assert callable(entry.load())
