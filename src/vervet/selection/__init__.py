"""Selection: a policy at work, over a recorded run or against live models."""

from vervet.selection.recorded import recorded_problems
from vervet.selection.selecting import Selected, select
from vervet.selection.solving import Solved, solve

__all__ = ["Selected", "Solved", "recorded_problems", "select", "solve"]
