"""The small files of a run: its card, settings of samplers, verifiers and policies, the log."""

import contextlib
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import quote

from vervet.errors import StoreError
from vervet.store.places import Place, shard_name, writing
from vervet.store.schema import FORMAT

Kind = Literal["samplers", "verifiers", "policies"]
CARD = "run.json"
LONGEST_NAME = 150
_logger = logging.getLogger("vervet")


def run_card(place: Place) -> dict[str, Any] | None:
    """Return what `run.json` says; None where there is no run."""
    try:
        card = json.loads(place.read(CARD))
        return {"format": int(card["format"]), "seed": int(card["seed"])}
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise StoreError(f"{place.url} is a file; a run is a folder") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{place.url}/{CARD} is not a run's: {error!r}") from error


def make_run_card(place: Place, seed: int) -> dict[str, Any]:
    """Write `run.json`; where two processes do at once, both get the one that stands."""
    _write(place, CARD, {"format": FORMAT, "seed": seed}, new=True)
    card = run_card(place)
    assert card is not None
    return card


def describe(place: Place, kind: Kind, name: str, settings: Mapping[str, Any]) -> None:
    """Record settings under an id, unless they are recorded already."""
    file = f"{kind}/{_file_name(name)}"
    card = json.loads(json.dumps({"id": name, "settings": dict(settings)}, default=str))
    with contextlib.suppress(FileNotFoundError, ValueError):
        if json.loads(place.read(file)) == card:
            return
    _write(place, file, card)


def descriptions(place: Place, kind: Kind) -> dict[str, dict[str, Any]]:
    """Return the recorded settings by id; a torn file is set aside, as a torn shard is."""
    found = {}
    for name in place.names(kind):
        if name.endswith(".json"):
            try:
                card = json.loads(place.read(f"{kind}/{name}"))
                found[str(card["id"])] = dict(card["settings"])
            except (ValueError, KeyError, TypeError):
                _set_aside(place, f"{kind}/{name}")
    return found


def _set_aside(place: Place, file: str) -> None:
    """Rename a torn file; where that cannot be, it is left out all the same."""
    with contextlib.suppress(OSError):
        place.set_aside(file)
    _logger.warning(
        "%s/%s is torn: set aside as *.torn; its settings are not known until they are used again",
        place.url, file,
    )  # fmt: skip


def add_events(place: Place, events: Sequence[Mapping[str, Any]]) -> None:
    """Write events to one new file of JSON lines, stamped with the time."""
    if not events:
        return
    now = time.time()
    lines = [json.dumps({"time": now, **event}, default=str) for event in events]
    name = f"log/{shard_name(len(lines), suffix='jsonl')}"
    with writing(place, name, "the log") as ready:
        ready.write_text("\n".join(lines) + "\n")


def events(place: Place) -> Iterator[dict[str, Any]]:
    """Yield every event, in order; a line that is none is left out."""
    for name in place.names("log"):
        for line in place.read(f"log/{name}").decode("utf-8", "replace").splitlines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    yield event


def _file_name(name: str) -> str:
    """Return a file name for an id: readable, safe, and different for different ids."""
    safe = quote(name, safe="")
    if len(safe) > LONGEST_NAME:
        safe = f"{safe[:LONGEST_NAME]}-{sha256(name.encode()).hexdigest()[:16]}"
    return f"{safe}.json"


def _write(place: Place, name: str, content: Mapping[str, Any], *, new: bool = False) -> None:
    with writing(place, name, name, new=new) as ready:
        ready.write_text(json.dumps(content, indent=1) + "\n")
