# SPDX-License-Identifier: MIT
"""What the pages say is still there: links, functions, files, and configurations that one may copy."""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("JOIST_BIN", ROOT / "build/release/joist"))

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"),
                *ROOT.glob("src/*/*/README.md")])
CODE_BLOCK = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FUNCTION = re.compile(r"`([a-z_][a-z0-9_]*)\(\)`")
WORD = re.compile(r"\b[A-Za-z_]\w*")
TOML = re.compile(r"^```toml\n(.*?)^```", re.M | re.S)


def name(page):
    return page.relative_to(ROOT).as_posix()


def prose(page):
    return CODE_BLOCK.sub("", page.read_text())


def anchors(page):
    """As the pages' hosts make them from headings."""
    found = set()
    for line in prose(page).splitlines():
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(text.replace(" ", "-"))
    return found


def test_there_are_pages():
    assert {"README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md"} <= {name(p) for p in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        if path.startswith(("http://", "https://")):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md"
                                   and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.fixture(scope="module")
def words():
    """Every name in the sources."""
    found = set()
    for top in ("include", "src", "tests", "bench", "examples"):
        for path in (ROOT / top).rglob("*"):
            if path.suffix in (".c", ".h", ".cc", ".py"):
                found.update(WORD.findall(path.read_text(errors="replace")))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_functions_are_in_the_sources(page, words):
    gone = {f for f in FUNCTION.findall(prose(page)) if f not in words}
    assert not gone


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs/getting-started.md",
                                  ROOT / "docs/upstreams.md"], ids=name)
def test_configurations_can_be_copied(page, tmp_path):
    texts = TOML.findall(page.read_text())
    assert texts
    for number, text in enumerate(texts):
        for root in re.findall(r'^root = "(.*)"', text, re.M):
            (tmp_path / root).mkdir(parents=True, exist_ok=True)
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        done = subprocess.run([BINARY, "config", "validate", file], text=True, check=False,
                              capture_output=True, timeout=30)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        assert "warning" not in done.stdout + done.stderr, text


@pytest.mark.parametrize("language, compiler", [("c", "cc"), ("c++", "c++")])
def test_program_of_the_embedding_page_compiles(language, compiler):
    programs = re.findall(r"^```c\n(.*?)^```", (ROOT / "docs/embedding.md").read_text(), re.M | re.S)
    headers = "".join(f"#include <joist/{h}.h>\n" for h in ("conf", "error", "joist"))
    if language == "c": # what is no program of its own stands in a function
        around = ("#include <joist/joist.h>\n#include <stdio.h>\n"
                  "void f(struct joist_engine *engine);\nvoid f(struct joist_engine *engine)\n{\n")
        programs = [p if "main(" in p else f"{around}{p}}}\n" for p in programs]
    for text in programs if language == "c" else [headers]:
        done = subprocess.run([compiler, "-x", language, "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
                               f"-I{ROOT / 'include'}", "-"], input=text, text=True, check=False,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
    assert programs
