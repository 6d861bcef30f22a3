"""A page with everything on it that a page can have, and strangers' labels that try to break out."""

from __future__ import annotations

from quinde.cli.page.model import Bar, Chart, Page, Part, Table, Waterfall
from quinde.cli.timeline import Exchange, Phase, PhaseName

HOSTILE = "<script>document.title='lost'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>\"'&\x07"
LONG = "a-name-without-any-place-to-break-it-" * 8

COLUMNS = ("", "seconds", "requests/s", "CPU seconds", "waiting", "times faster")
SECONDS = {"requests.get": 24.412, "requests.Session": 8.2, HOSTILE: 0.412, "quinde, concurrently": 0.301}


def exchange(
    label: str, *phases: tuple[PhaseName, float, float], reused: bool = False, error: str | None = None
) -> Exchange:
    return Exchange(
        label=label,
        url=f"https://localhost/{label}",
        status=None if error else 200,
        error=error,
        reused=reused,
        phases=tuple(Phase(*phase) for phase in phases),
    )


def concurrent(number: int) -> tuple[Exchange, ...]:
    """Requests of which the first hundred get a connection of their own, and the others wait for one."""
    made = []
    for index in range(number):
        start = 5 + index * 0.001
        ready = start + 0.04
        if index < 100:
            steps = [("connect", start, start + 0.02), ("tls", start + 0.02, ready)]
        else:
            steps = [("queue", start, ready)]
        answered = ready + 0.0201
        steps += [("send", ready, ready + 0.0001), ("wait", ready + 0.0001, answered)]
        made.append(
            exchange(f"mon-{index}", *steps, ("read", answered, answered + 0.005), reused=index >= 100)
        )
    return tuple(made)


FEW = (
    exchange("bulbasaur", ("dns", 0, 0.002), ("connect", 0.002, 0.02), ("wait", 0.02, 0.045)),
    exchange(HOSTILE, ("wait", 0.045, 0.08), ("read", 0.08, 0.09), reused=True),
    exchange(LONG, ("wait", 0.09, 0.1), error=f"{HOSTILE} did not answer", reused=True),
)


def page(requests: int = 151) -> Page:
    """A page with one part of two waterfalls."""
    slowest = max(SECONDS.values())
    rows = tuple(
        (name, f"{value:.3f}", f"{151 / value:,.0f}", f"{value / 9:.3f}", "89 %", f"{slowest / value:.1f} x")
        for name, value in SECONDS.items()
    )
    bars = tuple(
        Bar(name=name, value=value, text=f"{value:.3f} s", ours=name.startswith("quinde"))
        for name, value in SECONDS.items()
    )
    part = Part(
        title="Act 1: why asynchronous",
        lead="151 Pokémon over TLS, 20 ms away",
        sentences=("Connections cost 16 s.", f"Waiting costs the rest. {LONG}", "What remains is CPU time."),
        table=Table(
            columns=COLUMNS,
            rows=rows,
            ours=frozenset({"quinde, concurrently"}),
            notes=("wreq is not installed: pip install wreq", HOSTILE),
        ),
        charts=(Chart(title="Seconds", bars=bars), Chart(title="CPU seconds", bars=bars[1:])),
        waterfalls=(
            Waterfall(title="All at once", note="Recorded apart.", exchanges=concurrent(requests)),
            Waterfall(title="One at a time", note="", exchanges=FEW),
        ),
    )
    return Page(
        title="151 Pokémon, four ways",
        lead="What waiting costs.",
        parts=(part,),
        versions=(("quinde", "0.1.0"), ("aiohttp", "3.14.5")),
        machine=(("Processor", "An invented processor of a rather long name @ 2.00 GHz"), ("Cores", "2")),
        date="2026-11-26 14:05 UTC",
        command=f"quinde race --html race.html --url 'http://localhost/{LONG}'",
    )
