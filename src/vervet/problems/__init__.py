"""Problem sets: each module reads one upstream layout into `Problem`s."""
