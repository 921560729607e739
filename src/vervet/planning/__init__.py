"""Planning: what each policy would bring and cost, and which to use under a budget."""

from vervet.planning.archive import Archive, archive
from vervet.planning.replay import Orders, Replayed, replayed

__all__ = ["Archive", "Orders", "Replayed", "archive", "replayed"]
