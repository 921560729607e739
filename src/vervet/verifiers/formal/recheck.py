"""A second look at an accepted proof: compiled by a fresh `coqc`, checked by `coqchk`.

`coqchk` is the kernel's checker for compiled files. It is asked for the proof's own file only
(`-norec`): the library is trusted as it was installed.
"""

import json
import shutil
import subprocess
import sys

from vervet.errors import ConfigError, VerifierError
from vervet.verifiers.formal import jail
from vervet.verifiers.formal.coqtop import IDLE_FACTOR, MEBIBYTE, START_SECONDS, Limits, settings_of

FILE_MEGABYTES = 64
STEPS = "cat > checked.v && {coqc} -q checked.v && {coqchk} -silent -norec checked"


def programs() -> dict[str, str]:
    """Return where `coqc` and `coqchk` are.

    Raises:
        ConfigError: one of them is nowhere.
    """
    found = {name: shutil.which(name) for name in ("coqc", "coqchk")}
    lost = [name for name, path in found.items() if path is None]
    if lost:
        raise ConfigError(
            f"rocq: rechecked=true needs {lost[0]}, which is not here: apt install coq"
        )
    return {name: path for name, path in found.items() if path}


def recheck(lines: tuple[str, ...], limits: Limits, isolation: str) -> str:
    """Compile sentences in a process of their own and check the result; return what is wrong.

    Raises:
        VerifierError: it took too long, which says nothing about the proof.
    """
    settings = settings_of("/bin/sh", limits, isolation)
    settings["command"] = ["/bin/sh", "-c", STEPS.format(**programs())]
    settings["scratch"] = FILE_MEGABYTES * MEBIBYTE
    settings["limits"] |= {"FSIZE": FILE_MEGABYTES * MEBIBYTE}
    patience = IDLE_FACTOR * limits.seconds + START_SECONDS
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-I", jail.__file__, json.dumps(settings)],
            input="\n".join(lines).encode(),
            capture_output=True,
            env={},
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise VerifierError(f"rocq: no recheck within {patience:g} s") from None
    said = " ".join((done.stdout + done.stderr).decode("utf-8", "replace").split())
    return f"coqchk: {said[-160:]}" if done.returncode else ""
