"""The witness as a plugin of pytest (4.0 and later)."""

import sys
from typing import Any

witness: Any = sys.modules.get("witness")  # it is beside this file, in the sandbox


class Listener:
    """Hears one session: the outermost one."""

    def __init__(self) -> None:
        self.controls: set[str] = set()

    def pytest_collection_modifyitems(self, items: Any) -> None:  # noqa: ANN401 - pytest's own type
        """Know the controls, whatever this version of pytest calls them."""
        places = ((getattr(item, "path", None) or item.fspath, item) for item in items)
        self.controls = {item.nodeid for path, item in places if str(path) == witness.CONTROLS}

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - as above
        """Tell of a test when it was called, and of every other phase that did not pass."""
        status = status_of(report)
        if report.when == "call" or status != "passed":
            self.tell(report.nodeid, status)

    def pytest_collectreport(self, report: Any) -> None:  # noqa: ANN401 - as above
        """Tell of a file that cannot be collected."""
        if report.failed and report.nodeid:
            self.tell(report.nodeid, "error")

    def tell(self, name: str, status: str) -> None:
        """Tell of a test; the controls go by a name of their own."""
        control = witness.CONTROL_NAMES + name.partition("::")[2]
        where = control if name in self.controls else name
        witness.CURRENT.test([where], status)

    def pytest_sessionfinish(self, exitstatus: Any) -> None:  # noqa: ANN401 - as above
        """Say that it is over."""
        witness.CURRENT.end(int(exitstatus))


def pytest_configure(config: Any) -> None:  # noqa: ANN401 - as above
    """Begin, and have the controls collected after everything else."""
    if witness is not None and witness.CURRENT.begin("pytest"):
        config.args.append(witness.CONTROLS)
        config.pluginmanager.register(Listener(), "vervet-listener")


def status_of(report: Any) -> str:  # noqa: ANN401 - as above
    """Return what a phase says, in the words of pytest's summary."""
    expected = hasattr(report, "wasxfail")
    if report.skipped:
        return "xfailed" if expected else "skipped"
    if report.failed:
        return "failed" if report.when == "call" else "error"
    return "xpassed" if expected and report.when == "call" else "passed"


def learn() -> None:
    """Remember how pytest makes its reports, before any code of the repository is loaded."""
    from _pytest import python, reports, runner  # noqa: PLC0415 - only where pytest is

    witness.CURRENT.take()
    witness.CURRENT.learn(reports.TestReport, ["from_item_and_call"])
    witness.CURRENT.learn(runner.CallInfo, ["from_call"])
    witness.CURRENT.learn(
        runner, ["call_runtest_hook", "call_and_report", "pytest_runtest_makereport"]
    )
    witness.CURRENT.learn(python, ["pytest_pyfunc_call"])
    import unittest  # noqa: F401, PLC0415 - it is looked at when it is imported


if witness is not None:
    learn()
