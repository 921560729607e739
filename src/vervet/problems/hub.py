"""Files of a data set on the Hugging Face hub; the library keeps them in its own cache."""

from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

from vervet.errors import ConfigError, MissingExtra


def fetch(repository: str, patterns: tuple[str, ...], revision: str = "main") -> list[Path]:
    """Download the files of `repository` that match the first pattern with a match, in order.

    Raises:
        MissingExtra: huggingface_hub is not installed.
        ConfigError: the hub cannot be reached, refuses, or holds no such file.
    """
    try:
        hub = import_module("huggingface_hub")
    except ImportError:
        raise MissingExtra(f"{repository} from the Hugging Face hub", "hub") from None
    try:
        held = sorted(
            hub.HfApi().list_repo_files(repository, repo_type="dataset", revision=revision)
        )
        wanted = first_match(held, patterns)
        return [
            Path(hub.hf_hub_download(repository, name, repo_type="dataset", revision=revision))
            for name in wanted
        ]
    except Exception as cause:
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise ConfigError(
            f"{repository}: not had from the Hugging Face hub ({reason}). "
            "Without a network, download it elsewhere and pass path=."
        ) from cause


def first_match(names: list[str], patterns: tuple[str, ...]) -> list[str]:
    """Return the names that match the first pattern that matches any.

    >>> first_match(["README.md", "main/test-0.parquet"], ("test.jsonl", "main/test-*.parquet"))
    ['main/test-0.parquet']
    """
    for pattern in patterns:
        if found := [name for name in names if fnmatch(name, pattern)]:
            return found
    raise FileNotFoundError(f"no file matches {' or '.join(patterns)}")
