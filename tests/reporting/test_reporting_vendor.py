"""What is shipped with a report: small, licensed, and unable to end the script it stands in."""

import hashlib
import re
from base64 import b64encode

from vervet.reporting.html import FONTS, HERE, LIBRARIES, library, policy, scripts, style

VENDOR = HERE / "vendor"
MOST_BYTES = 1_200_000


def test_vendored_files_are_small_and_listed() -> None:
    files = [VENDOR / name for name in (*LIBRARIES, *FONTS.values())]
    listed = (VENDOR / "README.md").read_text()
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    assert all(f"`{file.name}`" in listed for file in files)
    assert {f.name for f in VENDOR.iterdir() if f.suffix in {".js", ".woff2"}} == {
        file.name for file in files
    }


def test_every_vendored_file_has_its_licence() -> None:
    kinds = {"vega": "Redistribution and use", "vega-lite": "Redistribution and use",
             "vega-embed": "Redistribution and use", "inter": "SIL Open Font License",
             "source-serif-4": "SIL Open Font License"}  # fmt: skip
    for name, words in kinds.items():
        assert words.casefold() in (VENDOR / f"{name}.LICENSE").read_text().casefold()


def test_no_script_can_end_its_element_or_point_outside() -> None:
    for script in scripts():
        assert not re.search(r"</script|<!--", script, re.IGNORECASE)
        assert "sourceMappingURL" not in script


def test_the_policy_names_each_script_and_nothing_else() -> None:
    said = policy(["alert(1)"])
    digest = b64encode(hashlib.sha256(b"alert(1)").digest()).decode()
    assert len(re.findall("sha256-", policy(scripts()))) == len(scripts())
    assert "unsafe-eval" not in said
    assert said.startswith("default-src 'none'; script-src 'sha256-" + digest + "'; ")


def test_the_style_is_whole() -> None:
    assert not re.search(r"/\*[A-Z]+\*/", style())
    assert "url(http" not in style()
    assert library("vega.min.js").startswith("!function")
