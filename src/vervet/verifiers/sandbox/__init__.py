"""The sandbox: where hostile programs run, and the outside of it where verdicts are made.

What is covered, line by line, and what is not: docs/sandbox.md. `doctor` tells what holds on
this machine by trying to break out.
"""

from vervet.verifiers.sandbox.isolation import Isolation, Profile
from vervet.verifiers.sandbox.limits import Ending, Limits
from vervet.verifiers.sandbox.pool import Runs, Sandbox

__all__ = ["Ending", "Isolation", "Limits", "Profile", "Runs", "Sandbox"]
