"""Engines: the one bounded loop that fills missing rows, here or on a cluster."""

from vervet.engines.channel import Channel
from vervet.engines.fill import Engine, Worker, WorkerLostError, fill
from vervet.engines.local import Local
from vervet.engines.meter import Meter

__all__ = ["Channel", "Engine", "Local", "Meter", "Worker", "WorkerLostError", "fill"]
