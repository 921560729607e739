"""A run: a folder of four append-only columnar tables.

`open_run` gives a `Run` with four verbs: `append` rows, `scan` columns, `keys` of what is there,
`compact` small shards; `read` gives the rows themselves. `distinct` refuses a run that is there
twice.
"""

from vervet.store.columns import Columns
from vervet.store.run import Run, distinct, open_run

__all__ = ["Columns", "Run", "distinct", "open_run"]
