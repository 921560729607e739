"""The command line: parse, one function, print.

stdout carries results only (one JSON document with `--json`); progress and messages go to
stderr. Exit codes: 0 done, 1 failed, 2 user error (one line), 130 interrupted with everything
that finished kept.
"""

import os
import signal
import sys
from importlib import import_module

import click

from vervet.errors import ConfigError, VervetError

COMMANDS = {
    "demo": "vervet.cli.running:demo",
    "run": "vervet.cli.running:run",
    "sample": "vervet.cli.running:sample",
    "verify": "vervet.cli.running:verify",
    "select": "vervet.cli.running:select",
    "solve": "vervet.cli.running:solve",
    "serve": "vervet.cli.serving:serve",
    "analyze": "vervet.cli.reading:analyze",
    "plan": "vervet.cli.planning:plan",
    "report": "vervet.cli.reading:report",
    "view": "vervet.cli.reading:view",
    "show": "vervet.cli.reading:show",
    "import": "vervet.cli.moving:import_",
    "export": "vervet.cli.moving:export",
    "calibrate": "vervet.cli.calibrating:calibrate",
    "list": "vervet.cli.checking:list_",
    "check": "vervet.cli.checking:check",
    "doctor": "vervet.cli.checking:doctor",
}
USER_ERROR, FAILED, INTERRUPTED = 2, 1, 130


class LazyGroup(click.Group):
    """Commands by name; a command's imports are paid only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which the work is done."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vervet")
@click.option("--prices", metavar="FILE", help="Your prices (TOML), over those of the package.")
def app(prices: str | None) -> None:
    """Sample a model many times, vet every answer, and know what it is worth.

    A RUN is a folder (or a URL such as s3://bucket/run) of four tables: problems, samples,
    verdicts, selections. Every command fills the missing rows of the next one, so any command
    can be interrupted and repeated.

    Start with:  vervet demo

    Exit codes: 0 done, 1 failed, 2 a mistake in the command, 130 interrupted.
    """
    if prices:
        os.environ["VERVET_PRICES"] = prices


def main() -> None:
    """Run a command and leave with its exit code; SIGTERM is an interrupt like Ctrl-C."""
    sys.path.append("")  # so that my_file:MyVerifier finds my_file.py here, and nobody a random.py
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = app.main(standalone_mode=False)
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.ClickException as refused:
        code = _say(_usage(refused), USER_ERROR)
    except ConfigError as refused:
        code = _say(str(refused), USER_ERROR)
    except VervetError as failed:
        code = _say(str(failed), FAILED)
    except (KeyboardInterrupt, click.Abort):
        code = _say("interrupted; everything that finished is kept", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        code = FAILED
    except OSError as failed:  # a file that was named cannot be read or written
        code = _say(
            f"{failed.filename}: {failed.strerror}" if failed.filename else str(failed), FAILED
        )
    sys.exit(code or 0)


def _usage(refused: click.ClickException) -> str:
    context = getattr(refused, "ctx", None)
    where = f" See: {context.command_path} --help" if context else ""
    return refused.format_message().replace("\n", " ") + where


def _say(message: str, code: int) -> int:
    click.echo(f"vervet: {message}", err=True)
    return code
