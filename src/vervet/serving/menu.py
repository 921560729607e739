"""What a request may ask for: which models, which policies, which verifiers.

A request is a stranger's: it names installed policies and loaded verifiers only, never
`module:attribute`, and no number of its policy exceeds the operator's limit.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite

from vervet import registry
from vervet.errors import ConfigError
from vervet.policies.flow import Policy
from vervet.policies.names import models_named, verifiers_named
from vervet.selection.driving import Parts
from vervet.serving.asking import Asked
from vervet.serving.refusals import Refusal
from vervet.serving.upstream import Endpoint, Leave, Metered, Model, Relay
from vervet.serving.votes import Votes
from vervet.types import Sampler, Verifier
from vervet.verifiers.answer import AnswerVerifier
from vervet.verifiers.math_answer import MathAnswer

ANY = "vervet"
"""The name of the first model, for clients that need not know its own."""
NUMBER = re.compile(r"=\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?|[-+]?(?:NaN|Infinity))\s*(?=[,;)]|$)")
LONGEST_SPEC = 1_000
STRUCTURED = {"json_object", "json_schema"}


@dataclass(frozen=True, slots=True)
class Menu:
    """The models, the policy and the verifiers of a gateway."""

    models: Mapping[str, Model]
    policy: Policy
    verifiers: Mapping[str, Verifier]
    default_verifier: str = "exact"
    """What reads answers where a request's policy does not say."""
    most: int = 64
    """Largest number in a request's own policy, and most samples of one request."""

    @property
    def names(self) -> list[str]:
        """The names a client may ask for."""
        return [*self.models, *([ANY] if ANY not in self.models else [])]

    def choose(self, asked: Asked) -> tuple[Model, Policy]:
        """Return the model and the policy that a request names.

        Raises:
            Refusal: 404 no such model, 400 no such policy.
        """
        name, spec = self._split(asked.model)
        model = self.models.get(name) or next(iter(self.models.values()))
        spec = asked.policy or spec
        return model, self.read(spec) if spec else self.policy

    def check(self, name: str) -> None:
        """Make sure that a client may ask for this name.

        Raises:
            Refusal: 404 no such model, 400 no such policy.
        """
        if spec := self._split(name)[1]:
            self.read(spec)

    def _split(self, name: str) -> tuple[str, str]:
        """Split MODEL:POLICY at the longest model name that it begins with."""
        for known in sorted(self.names, key=len, reverse=True):
            if name == known or name.startswith(f"{known}:"):
                return known, name[len(known) + 1 :]
        said = f"no model {name!r}; there is: {', '.join(self.names)}"
        raise Refusal(404, said, code="model_not_found", param="model")

    def read(self, spec: str) -> Policy:
        """Return the policy that a client wrote.

        Raises:
            Refusal: 400; it is not installed, or asks for too much.
        """
        name, _, settings = spec.partition(":")
        if name not in registry.names("policies") or ":" in settings or len(spec) > LONGEST_SPEC:
            known = ", ".join(sorted(registry.names("policies")))
            raise Refusal(400, f"no policy {spec[:200]!r}; there is: {known}", param="policy")
        for number in NUMBER.findall(settings):
            if not _at_most(number, self.most):
                said = f"policy {spec!r}: {number} is more than {self.most}, the most here"
                raise Refusal(400, said, param="policy")
        try:
            policy: Policy = registry.find("policies", name, **self._settings(name, spec))
        except ConfigError as error:
            raise Refusal(400, f"policy {spec!r}: {error}", param="policy") from error
        _all_there("model", models_named(policy), self.models)
        _all_there("verifier", verifiers_named(policy), self.verifiers)
        return policy

    def _settings(self, name: str, spec: str) -> dict[str, object]:
        """Return the settings of a spec; what reads the answers need not be said."""
        settings: dict[str, object] = registry.parse(spec)[1]
        kind = registry.names("policies")[name].load()
        takes = {f.name for f in fields(kind)} if is_dataclass(kind) else set()
        if "verifier" in takes and name != "best-of":
            settings.setdefault("verifier", self.default_verifier)
        return settings

    def parts(self, asked: Asked, first: Model, policy: Policy, leave: Leave) -> Parts:
        """Return who takes part in one request; the model asked for comes first."""
        others = {name: self.models[name] for name in models_named(policy)}
        chosen = {first.name: first, **others}
        return Parts(
            {name: Metered(m.sampler(asked), leave) for name, m in chosen.items()},
            {name: reading(v, structured=structured(asked)) for name, v in self.verifiers.items()},
        )

    def learn(self, samplers: Mapping[str, Sampler]) -> None:
        """Keep what the samplers of a request that went well found out."""
        for name, sampler in samplers.items():
            inside = sampler.inside if isinstance(sampler, Metered) else sampler
            model = self.models[name]
            if isinstance(model, Endpoint) and isinstance(inside, Relay):
                model.learn(inside)


def structured(asked: Asked) -> bool:
    """Whether a request asks for JSON."""
    wanted = asked.passed.get("response_format")
    return isinstance(wanted, dict) and wanted.get("type") in STRUCTURED


def reading(verifier: Verifier, *, structured: bool) -> Verifier:
    """Return a verifier that needs no reference: one that compares answers only reads them."""
    compares = isinstance(verifier, AnswerVerifier | MathAnswer)
    return Votes(verifier, structured) if compares else verifier


def _all_there(what: str, wanted: Iterable[str], there: Iterable[str]) -> None:
    """Refuse a policy that names what is not there, before anything is drawn for it."""
    for name in wanted:
        if name not in there:
            said = f"the policy asks for the {what} {name!r}; there is: {', '.join(there)}"
            raise Refusal(400, said, param="policy")


def _at_most(number: str, most: int) -> bool:
    try:
        value = float(number)
    except ValueError:
        return False
    return isfinite(value) and value <= most
