"""Settings of the tests of costs."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # a loaded machine is no failure
settings.load_profile("unhurried")
