"""`list`, `check`, `doctor`: what there is, whether it can be trusted, what this machine allows."""

import sys
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from vervet.cli.options import JSON, example
from vervet.cli.printing import prose, say
from vervet.errors import ConfigError, VervetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vervet.verifiers.sandbox.doctor import Finding


FORMATS = {
    "imports": "vervet import FORMAT PATH RUN",
    "exports": "vervet export RUN FORMAT PATH",
}
"""Each way of a format, and the command that goes it."""


@click.command("list", epilog=example("vervet list datasets", "vervet list verifiers --json"))
@click.argument(
    "kind", type=click.Choice(["datasets", "models", "verifiers", "policies", "formats"])
)
@JSON
def list_(kind: str, *, as_json: bool) -> None:
    """List datasets, models, verifiers, policies or formats."""
    ways = FORMATS if kind == "formats" else {kind: ""}
    if as_json:
        say([row for way, command in ways.items() for row in _listed(way, command)], as_json=True)
        return
    for way, command in ways.items():
        if command:
            click.secho(f"{command}, where FORMAT is", bold=True)
        rows = _listed(way, command)
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            origin = "" if row["from"] == "vervet" else f"  (from {row['from']})"
            click.echo(prose(f"{row['name']:<{width}}  {row['about']}{origin}", width + 2))


def _listed(kind: Any, command: str) -> list[dict[str, str]]:  # noqa: ANN401 - a kind of the registry
    """Return what there is of a kind: names, what each is for, who brings it."""
    from vervet import registry

    named = {"command": command} if command else {}
    return [
        {"name": name, "about": _about(entry), "from": entry.origin, **named}
        for name, entry in sorted(registry.names(kind).items())
    ]


def _about(entry: Any) -> str:  # noqa: ANN401 - a registry entry
    """Return the first line of what an entry says of itself; a broken plugin says so."""
    try:
        found = entry.load()
    except (ImportError, AttributeError) as broken:
        return f"broken: {type(broken).__name__}: {broken}"
    if host := getattr(found, "keywords", {}).get("host"):
        return f"Models behind an OpenAI-compatible endpoint, written {host}/NAME."
    if getattr(found, "upstream", None):
        return f"{found.about} Verifier: {found.verifier}."
    first = str(getattr(found, "func", found).__doc__ or "").strip().partition("\n")[0]
    said = first.removeprefix("Return ")
    return said[:1].upper() + said[1:]


@click.command(epilog=example("vervet check embedded --limit 16"))
@click.argument("dataset_name", metavar="DATASET")
@click.option(
    "--path",
    metavar="PATH",
    help="File or folder of the problem set, in its upstream layout; else the hub.",
)
@click.option("--verifier", metavar="NAME", help="Instead of the problem set's own verifier.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Check the first N problems."
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    show_default=True,
    help="Judge each so often, to find flaky ones.",
)
@JSON
def check(
    dataset_name: str, *, path: str | None, verifier: str | None, limit: int | None,
    repeats: int, as_json: bool,
) -> None:  # fmt: skip
    """Run every reference answer through its verifier.

    A problem whose reference its own verifier rejects cannot be trusted: no sample can be told
    right from wrong on it. Exit code 1 where any is found.
    """
    from vervet import doors
    from vervet.testing import check_references

    problems = doors.dataset(dataset_name, path=path, limit=limit)
    judge = doors.verifier(verifier or problems.verifier)
    found = check_references(problems, judge, repeats=repeats)
    say(found, as_json=as_json)
    if found.findings:
        raise VervetError(f"{len(found.findings):,} of {found.checked:,} references are in doubt")


EXTRAS = {
    "math": ("math_verify", "the verifier math-answer"),
    "hub": ("huggingface_hub", "problem sets from the Hugging Face hub"),
    "figures": ("vl_convert", "figures as files: report --png, --svg, --pdf"),
    "polars": ("polars", "tables as data frames"),
    "inspect": (
        "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd",
        "import inspect, of .eval files",
    ),
    "yaml": ("yaml", "import monkeys"),
    "s3": ("s3fs", "runs at s3://bucket/run"),
    "remote": ("fsspec", "runs at other addresses"),
    "ray": ("ray", "--engine ray"),
    "torch": ("torch", "reward models in this process"),
    "lean": ("lean_interact", "a REPL for the verifier lean"),
    "swebench": ("swebench", "the verifier swe-bench"),
    "telemetry": ("opentelemetry.sdk", "serve --telemetry"),
    "fast": ("orjson", "replies read faster"),
}
"""What each extra brings: the module that shows it is there, and what it is for."""
TOOLS = ("bwrap", "docker", "podman", "g++", "javac", "node", "rustc", "go", "coqc", "chromium")


@click.command(epilog=example("vervet doctor"))
@click.option(
    "--isolation", metavar="NAME", default="namespaces", show_default=True, help="Which one to try."
)
@JSON
def doctor(*, isolation: str, as_json: bool) -> None:
    """Say what this machine allows: isolation, extras, programs.

    Isolation is found out by trying to break out; exit code 1 where an attempt succeeds.
    """
    from shutil import which

    from vervet.verifiers.sandbox.doctor import doctor as examine
    from vervet.verifiers.sandbox.isolation import LOCAL, known

    if known(isolation) not in LOCAL:
        raise ConfigError(f"doctor tries to break out of {', '.join(LOCAL)}, not of {isolation}.")
    findings = examine(isolation)
    extras = {name: _is_there(module) for name, (module, _) in EXTRAS.items()}
    tools = {name: which(name) for name in TOOLS}
    if as_json:
        found = {"isolation": [asdict(f) for f in findings], "extras": extras, "tools": tools}
        say(found, as_json=True)
    else:
        _print_findings(isolation, findings, extras, tools)
    broken = [finding for finding in findings if not finding.holds]
    if broken:
        raise VervetError(
            f"{isolation} does not hold here: {broken[0].attempt} ({broken[0].detail})"
        )


def _is_there(module: str) -> bool:
    """Say whether a module can be imported, without importing more than its parents.

    >>> _is_there("json.decoder"), _is_there("no_such_package.part")
    (True, False)
    """
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _print_findings(
    isolation: str,
    findings: "Sequence[Finding]",
    extras: dict[str, bool],
    tools: dict[str, str | None],
) -> None:
    click.echo(f"A candidate under {isolation}, trying to:")
    for finding in findings:
        mark = "held " if finding.holds else "BROKE"
        click.echo(prose(f"  {mark}  {finding.attempt}: {finding.detail}", 9))
    click.echo(prose("Not covered by any isolation here: docs/sandbox.md, 'Not covered'."))
    click.echo("Extras (pip install 'vervet[NAME]'):")
    for name, there in extras.items():
        click.echo(prose(f"  {'yes' if there else 'no':<3}  {name:<9}  {EXTRAS[name][1]}", 18))
    click.echo("Programs that some verifiers use:")
    for name, place in tools.items():
        click.echo(f"  {'yes' if place else 'no':<3}  {name}{f': {place}' if place else ''}")
