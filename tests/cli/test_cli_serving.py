"""`serve`: the models of the command line, each at its own address."""

from typing import Any

import pytest

from vervet.cli.serving import models_of
from vervet.errors import ConfigError
from vervet.planning import PolicyFile
from vervet.policies.fixed import Fixed
from vervet.serving import Endpoint

NO_FILE = PolicyFile(Fixed())


def asked(*models: str, base_url: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"models": models, "base_url": base_url, "settings": {}, "max_requests": 4}


def addresses(chosen: dict[str, Any]) -> dict[str, str]:
    models = models_of(chosen, NO_FILE)
    return {n: m.base.link.base_url for n, m in models.items() if isinstance(m, Endpoint)}


def test_one_address_is_that_of_every_model() -> None:
    found = addresses(asked("openai/a", "b=openai/B", base_url=("http://one/v1?key=1",)))
    assert found == {"a": "http://one/v1?key=1", "b": "http://one/v1?key=1"}


def test_every_model_may_have_an_address_of_its_own() -> None:
    given = ("http://one/v1", "b=http://two/v1", "meta/c=http://three/v1")
    found = addresses(asked("openai/a", "b=openai/B", "openai/meta/c", base_url=given))
    assert found == {"a": "http://one/v1", "b": "http://two/v1", "meta/c": "http://three/v1"}


def test_a_model_without_an_endpoint_needs_none_of_them() -> None:
    models = models_of(asked("openai/a", "marmoset", base_url=("a=http://one/v1",)), NO_FILE)
    assert list(models) == ["a", "marmoset"]


def test_an_address_of_no_model_is_told() -> None:
    with pytest.raises(ConfigError, match=r"--base-url c=...: no such model; there is: a\."):
        models_of(asked("openai/a", base_url=("c=http://one/v1",)), NO_FILE)


def test_a_model_of_the_policy_file_is_sampled_as_it_was_measured() -> None:
    file = PolicyFile(Fixed(), {"a": "openai/a"}, decoding={"a": {"temperature": 0.3}})

    def temperature(chosen: dict[str, Any]) -> object:
        (model,) = models_of(chosen, file).values()
        assert isinstance(model, Endpoint)
        return model.base.describe().get("temperature")

    assert temperature(asked()) == 0.3
    assert temperature(asked("openai/a")) == 0.3
    assert temperature(asked("a=openai/a-2")) == 0.3
    assert temperature(asked("openai/other")) is None
    assert temperature({**asked(), "settings": {"temperature": 0.9}}) == 0.9
