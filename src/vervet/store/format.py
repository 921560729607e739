"""The page that documents a run's format: `python -m vervet.store.format > docs/format.md`."""

from vervet.store.schema import FORMAT, TABLES, Column

_TYPE_NAMES = {"VARCHAR": "text", "INTEGER": "int32", "BIGINT": "int64", "DOUBLE": "float64"}

_PREAMBLE = """\
# The format of a run

Generated from `vervet/store/schema.py` by `python -m vervet.store.format`; do not edit.

A run is a folder, local or at an fsspec URL, of format version {version}:

```text
run.json                  format version and the run's seed
problems/  samples/  verdicts/  selections/      one folder of Parquet shards for each table
samplers/  verifiers/     one small JSON file for each: its id and its settings, never a key
policies/                 the same for each policy solved live: whom its names mean
log/                      JSON lines: failed requests, shards set aside
tmp/                      files being written; swept when an hour old
claims.lock               empty; which process draws or judges what, as locks that end with it
```

A table is the **set union of its shards by key**. A shard is called
`<nanoseconds>-<rows>-<token>.parquet` (at most so many rows), is compressed with zstd, never
changes, and appears whole: it is written to `tmp/`, synced, renamed, and its folder synced (on an
object store: one PUT). So writers need no lock, a row that was written twice is one row, and a
compaction that dies half way does no harm. A shard that cannot be read is renamed to `*.torn`, with
a message.

Where two rows have one key, the first is kept (in the order of shard names); for verdicts, the
first that is not an error, because `verify` retries errors; for selections, the last.
Any tool that reads Parquet reads a run:

```sql
SELECT problem_id, count(*) FROM 'RUN/samples/*.parquet' GROUP BY problem_id
```
"""


def markdown() -> str:
    """Return the page that documents the format."""
    parts = [_PREAMBLE.format(version=FORMAT)]
    for table in TABLES:
        key = ", ".join(f"`{name}`" for name in table.key)
        parts.append(
            f"\n## {table.name}\n\nKey: {key}.\n\n| column | type | meaning |\n|---|---|---|\n"
        )
        parts.extend(_line(column) for column in table.columns)
    return "".join(parts)


def _line(column: Column) -> str:
    kind = _TYPE_NAMES[column.type] + (", null when not known" if column.null else "")
    unit = f" ({column.unit})" if column.unit else ""
    return f"| `{column.name}` | {kind} | {column.meaning}{unit} |\n"


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201 - a page on stdout is this script's product
