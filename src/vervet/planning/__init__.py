"""Planning: what each policy would bring and cost, and which to use under a budget."""

from vervet.planning.archive import Archive, archive
from vervet.planning.policy_file import PolicyFile, read_policy, write_policy
from vervet.planning.reading import Found, describe, read
from vervet.planning.replay import Orders, Replayed, replayed
from vervet.planning.search import Plan, plan
from vervet.planning.terms import Budget, Terms, budget, latency

__all__ = [
    "Archive", "Budget", "Found", "Orders", "Plan", "PolicyFile", "Replayed", "Terms",
    "archive", "budget", "describe", "latency", "plan", "read", "read_policy", "replayed",
    "write_policy",
]  # fmt: skip
