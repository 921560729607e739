"""Who may ask, and how much they may spend."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from math import inf, isfinite
from pathlib import Path
from typing import Any, Self

from vervet.costs.dollars import Price, token_dollars
from vervet.errors import ConfigError
from vervet.serving.refusals import Refusal
from vervet.types import Sample, Verdict

FIELDS = {"name": str, "key": str, "usd": (int, float), "tokens": int}
SHORTEST = 16
HELD_SECONDS = 1.0
"""After which to ask again where requests in flight may need the rest of a cap."""


@dataclass(slots=True)
class Account:
    """What one key has spent, and may spend."""

    name: str
    usd: float | None = None
    """Cap in US dollars; None for none."""
    tokens: int | None = None
    """Cap in tokens; None for none."""
    spent_usd: float = 0.0
    spent_tokens: int = 0
    under_way: int = 0
    """Samples asked for that have not come; each is expected to cost what samples did so far."""
    drawn: int = 0
    """Samples that came, to this process."""
    usual_usd: float = 0.0
    """Mean of a sample that came."""
    usual_tokens: float = 0.0

    def charge(self, row: Sample | Verdict, price: Price | None) -> float | None:
        """Count a row and return its dollars; None where they are not known."""
        if isinstance(row, Verdict):
            used = (row.prompt_tokens or 0) + (row.completion_tokens or 0)
            self.spent_tokens += used
            return None if used else 0.0  # a judge's price is not known here
        dollars = dollars_of(row, price)
        billed = (row.prompt_tokens or 0) - (row.shared_tokens or 0)
        tokens = billed + (row.completion_tokens or 0)
        self.spent_usd += dollars or 0.0
        self.spent_tokens += tokens
        self.drawn += 1
        self.usual_usd += ((dollars or 0.0) - self.usual_usd) / self.drawn
        self.usual_tokens += (tokens - self.usual_tokens) / self.drawn
        return dollars

    def check(self) -> None:
        """Refuse to go on once a cap is reached, or would be by what is under way.

        Raises:
            Refusal: 429, `insufficient_quota` where it is spent: clients do not try again;
                `rate_limit_exceeded` where requests in flight may need the rest.
        """
        for spent, usual, most, unit in (
            (self.spent_usd, self.usual_usd, self.usd, "USD"),
            (self.spent_tokens, self.usual_tokens, self.tokens, "tokens"),
        ):
            said = f"key {self.name!r} has spent {spent:.6g} of its {most or 0:.6g} {unit}"
            if most is not None and spent >= most:
                raise Refusal(429, said, code="insufficient_quota")
            if most is not None and spent + self.under_way * usual >= most:
                said += ", and requests in flight may need the rest"
                raise Refusal(429, said, code="rate_limit_exceeded", wait=HELD_SECONDS)


class Hold:
    """The samples that one request asked for: until they come, the account holds what they cost."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.add(-self.count)

    def add(self, samples: int) -> None:
        """Count samples that are asked for; fewer than none, that came."""
        self.count += samples
        self.account.under_way += samples


def dollars_of(sample: Sample, price: Price | None) -> float | None:
    """Return what a sample cost: as the endpoint charged it, else by the price of its tokens."""
    if sample.cost is not None:
        return sample.cost
    if price is None or sample.prompt_tokens is None or sample.completion_tokens is None:
        return None
    total = float(
        token_dollars(
            price,
            sample.prompt_tokens,
            sample.completion_tokens,
            0 if sample.shared_tokens else sample.cached_tokens or 0,
            sample.shared_tokens or 0,
        ).total
    )
    return total if isfinite(total) else None


@dataclass(frozen=True, slots=True)
class Accounts:
    """The keys, kept as digests; without any, everybody on this machine may ask."""

    by_digest: Mapping[bytes, Account] = field(default_factory=dict)
    everybody: Account = field(default_factory=lambda: Account("everybody"))

    def __bool__(self) -> bool:
        return bool(self.by_digest)

    def of(self, authorization: str) -> Account:
        """Return whose key an Authorization header holds.

        Raises:
            Refusal: 401; it is nobody's.
        """
        if not self.by_digest:
            return self.everybody
        scheme, _, key = authorization.partition(" ")
        given = digest(key.strip()) if scheme.lower() == "bearer" else b""
        found = [a for known, a in self.by_digest.items() if compare_digest(known, given)]
        if not found:
            said = "no such key; send it as Authorization: Bearer KEY"
            raise Refusal(401, said, code="invalid_api_key")
        return found[0]

    @property
    def capped_usd(self) -> bool:
        """Whether some key has a cap in dollars."""
        return any(account.usd is not None for account in self.all)

    @property
    def all(self) -> tuple[Account, ...]:
        """Every account."""
        return (*self.by_digest.values(), self.everybody)


def digest(key: str) -> bytes:
    """Return what a key is compared by, so that the key itself is not kept."""
    return sha256(key.encode("utf-8", "surrogateescape")).digest()


def one_key(key: str) -> Accounts:
    """Return the accounts of a gateway with a single key, without a cap.

    Raises:
        ConfigError: the key is too short to be one.
    """
    return accounts([{"name": "key", "key": key}], "the key")


def read_accounts(path: str | Path) -> Accounts:
    """Read the keys of a gateway: [[key]] tables with name, key and perhaps usd and tokens.

    Raises:
        ConfigError: the file cannot be read, or says what cannot be.
    """
    try:
        rows = tomllib.loads(Path(path).read_text("utf-8")).get("key")
    except (OSError, ValueError) as error:
        raise ConfigError(f"keys {str(path)!r} cannot be read: {error}") from error
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"{path}: write [[key]] tables with name and key.")
    return accounts(rows, str(path))


def accounts(rows: list[dict[str, Any]], where: str) -> Accounts:
    """Return the accounts that tables describe.

    Raises:
        ConfigError: a field is missing, unknown or of the wrong kind; never shows a key.
    """
    found: dict[bytes, Account] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise ConfigError(f"{where}: write [[key]] tables with name and key.")
        name = row.get("name")
        for known, kind in FIELDS.items():
            value = row.get(known)
            if (known in {"name", "key"} or value is not None) and not isinstance(value, kind):  # type: ignore[arg-type]  # a type or a tuple of types
                raise ConfigError(f"{where}: {known} of key {name!r} is missing or no {known}.")
        for cap in ("usd", "tokens"):
            if not 0 <= row.get(cap, 0) < inf or isinstance(row.get(cap), bool):
                raise ConfigError(f"{where}: {cap} of key {name!r} is {row[cap]}, no amount.")
        if unknown := set(row) - set(FIELDS):
            raise ConfigError(f"{where}: no field {min(unknown)!r}. Known: {', '.join(FIELDS)}.")
        if len(row["key"]) < SHORTEST:
            raise ConfigError(f"{where}: key {name!r} is shorter than {SHORTEST} characters.")
        if any(known.name == row["name"] for known in found.values()):
            raise ConfigError(f"{where}: two keys are named {name!r}; spending is kept by name.")
        found[digest(row["key"])] = Account(row["name"], row.get("usd"), row.get("tokens"))
    return Accounts(found)
