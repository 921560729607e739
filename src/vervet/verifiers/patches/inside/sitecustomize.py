"""Imported by every interpreter of a test run before any code of the repository.

It belongs to the environment of the repository under test: any Python from 3.6 on.
"""

import os

if "VERVET_WITNESS" in os.environ:
    import witness  # type: ignore[import-not-found]  # beside this file, in the sandbox

    witness.attend()
