"""What every key has spent, kept in a file, so that a cap outlives the process.

The file is JSON, `{"search team": {"usd": 1.25, "tokens": 830412}}`: written whole beside itself
and put in place, so that it is never half a file. One process keeps it: a lock that ends with the
process refuses others.
"""

import asyncio
import json
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError
from vervet.serving.accounts import Account
from vervet.store.claims import Claims

LOG = logging.getLogger(__name__)
SECONDS = 1.0
"""How often it is written while somebody spends: what a killed process may forget."""
Amounts = dict[str, dict[str, float | int]]


class Ledger:
    """Keeps the spending of some accounts in a file. Names that have no account now stay."""

    def __init__(self, path: str | Path, accounts: Iterable[Account]) -> None:
        """Take up what the file says.

        Raises:
            ConfigError: the file cannot be read or written, holds something else, or is kept by
                another process now.
        """
        self.path = Path(path)
        lock = Claims(self.path.with_name(f"{self.path.name}.lock"))
        if not lock.take("spending", range(1)):
            raise ConfigError(
                f"spending {str(path)!r} is kept by another gateway; give each its own."
            )
        self.accounts = tuple(accounts)
        self.written = self._read()
        for account in self.accounts:
            spent = self.written.get(account.name, {})
            account.spent_usd = float(spent.get("usd", 0.0))
            account.spent_tokens = int(spent.get("tokens", 0))
        try:
            self._write(self.amounts())
        except OSError as error:
            raise ConfigError(f"spending {str(path)!r} cannot be written: {error}") from error
        self._keeping: asyncio.Task[None] | None = None

    def amounts(self) -> Amounts:
        """Return what everybody has spent."""
        now: Amounts = {
            a.name: {"usd": a.spent_usd, "tokens": a.spent_tokens} for a in self.accounts
        }
        return self.written | now

    def open(self) -> None:
        """Start to write what changes, in this event loop."""
        self._keeping = asyncio.create_task(self._keep())

    async def aclose(self) -> None:
        """Write the last of it, and end."""
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        await self._save()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(SECONDS)
            await self._save()

    async def _save(self) -> None:
        amounts = self.amounts()
        if amounts == self.written:
            return
        try:
            await asyncio.to_thread(self._write, amounts)
        except OSError:
            LOG.exception("cannot write what was spent to %s", self.path)
        else:
            self.written = amounts

    def _read(self) -> Amounts:
        try:
            found = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigError(f"spending {str(self.path)!r} cannot be read: {error}") from error
        if not isinstance(found, dict) or not all(_amount(spent) for spent in found.values()):
            raise ConfigError(f"spending {str(self.path)!r} holds something else than spending.")
        return found

    def _write(self, amounts: Amounts) -> None:
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(amounts, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)


def _amount(spent: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a value of the file is an amount: two numbers, none below zero."""
    return isinstance(spent, dict) and all(
        isinstance(spent.get(unit), (int, float)) and isfinite(spent[unit]) and spent[unit] >= 0
        for unit in ("usd", "tokens")
    )
