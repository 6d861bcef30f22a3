"""The samples of the documents, and what they are shown to print.

A sample stands in a fenced block that begins with ```python. Under `<!-- not run: REASON -->` it is shown and
not run. If the next block is a ```text, that is what the sample prints: `…` stands for anything in a line, or
for any lines where it stands alone. Under `<!-- figures vary -->` decimal numbers and bars are those of one
day; today's numbers must stand in the same order, unit by unit, as far as they are large.

A ```console block with `$ quinde …` is a sample too, if what it prints follows.

Samples speak of http://localhost:8080 and https://localhost:8443, where the reader's server is, and of port
8151, where `quinde pokeapi` is; here servers get a free port, so these addresses are replaced.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOWN_ADDRESS = "http://localhost:8080"
SHOWN_ADDRESSES = (SHOWN_ADDRESS, "http://127.0.0.1:8080", "https://localhost:8443")
SHOWN_POKEAPI = ("http://localhost:8151", "http://127.0.0.1:8151")

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: .+ -->\n\Z")
_FIGURES_VARY = "<!-- figures vary -->\n"
_FIGURE = re.compile(r"\d+\.\d+")
_BARS = re.compile("[█-▏]+")
_COMMAND = """\
import sys
from quinde.cli import main

sys.argv = {words!r}
main()
"""


@dataclass(frozen=True)
class Output:
    """What a sample is shown to print."""

    text: str
    figures_vary: bool = False

    def check(self, printed: str) -> None:
        """Assert that something was printed as it is shown."""
        if not self.figures_vary:
            assert re.fullmatch(_pattern(self.text), printed), f"printed:\n{printed}\nshown:\n{self.text}"
            return
        shown, seen = (re.sub(" +", " ", _BARS.sub("█", text)) for text in (self.text, printed))
        pattern = r"(\d+\.\d+)".join(_pattern(words) for words in _FIGURE.split(shown))
        match = re.fullmatch(pattern, seen)
        assert match, f"printed:\n{printed}\nshown:\n{self.text}"
        figures = zip(_FIGURE.finditer(shown), map(float, match.groups()), strict=True)
        numbers = [(float(figure[0]), now, _unit(shown, figure)) for figure, now in figures]
        for (more, now_more, unit), (less, now_less, other) in permutations(numbers, 2):
            # What is less than twice as much could be noise, and so could be what is small.
            largest = max(number for number, _, its_unit in numbers if its_unit == unit)
            comparable = unit == other and more > max(2 * less, largest / 5)
            assert not comparable or now_more > now_less, f"another order than shown:\n{printed}"


def _unit(text: str, figure: re.Match[str]) -> str:
    return re.match(r" ?(\w*)", text[figure.end() :])[1]  # type: ignore[index]


def _pattern(text: str) -> str:
    lines = (re.escape(line).replace("…", "[^\n]*") for line in text.splitlines(keepends=True))
    return "".join("(?:[^\n]*\n)*?" if line == "[^\n]*\\\n" else line for line in lines)


@dataclass(frozen=True)
class Sample:
    """One block of a document that can be run, as a Python program."""

    document: str
    line: int
    code: str
    output: Output | None = None

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def is_server(self) -> bool:
        """Whether it runs until it is stopped."""
        return "run_app(" in self.code

    @property
    def is_client_of_ours(self) -> bool:
        """Whether it asks the document's own server."""
        return any(address in self.code for address in SHOWN_ADDRESSES)

    @property
    def wants_certificates(self) -> bool:
        """Whether it reads the certificates of which its document says how they are made."""
        return '.pem"' in self.code

    @property
    def wants_pokemon(self) -> bool:
        """Whether it asks `quinde pokeapi`."""
        return any(address in self.code for address in SHOWN_POKEAPI)


def asking(code: str, *, ours: str | None = None, pokeapi: str | None = None) -> str:
    """Return the code, with the addresses that are shown replaced by those where servers are."""
    for url, shown in ((ours, SHOWN_ADDRESSES), (pokeapi, SHOWN_POKEAPI)):
        for address in shown if url is not None else ():
            code = code.replace(address, url)
    return code


def as_shown(sample: Sample, printed: str, *, ours: str | None = None, pokeapi: str | None = None) -> str:
    """Return what a sample printed, with the addresses of servers replaced by those that it shows."""
    for url, shown in ((ours, SHOWN_ADDRESSES), (pokeapi, SHOWN_POKEAPI)):
        for address in shown if url is not None else ():
            if address in sample.code:
                printed = printed.replace(url, address)
    return printed


def samples() -> list[Sample]:
    """Find all samples of the documents at the root and in docs/."""
    return [
        sample
        for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
        for sample in samples_in(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    ]


def samples_in(document: str, text: str) -> list[Sample]:
    """Find the samples of one document."""
    found = []
    fences = list(_FENCE.finditer(text))
    for fence, following in zip(fences, [*fences[1:], None], strict=False):
        if _NOT_RUN.search(text[: fence.start()]):
            continue
        output = None
        if following is not None and following["info"] == "text":
            vague = text.endswith(_FIGURES_VARY, 0, following.start())
            output = Output(following["text"], vague)
        code = _program(fence, output)
        if code is not None:
            found.append(Sample(document, text.count("\n", 0, fence.start()) + 1, code, output))
    return found


def _program(fence: re.Match[str], output: Output | None) -> str | None:
    if fence["info"] == "python":
        return fence["text"]
    if fence["info"] == "console" and fence["text"].startswith("$ quinde ") and output is not None:
        return _COMMAND.format(words=shlex.split(fence["text"].removeprefix("$ ")))
    return None
