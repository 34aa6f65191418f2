"""`hub check`: how a hub is, for Nagios and its like: one line, figures, and exit code 0, 1, 2 or 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import click

from commands.checks.readyz import Disbelieved, NotAPage, ShutOut, read_page
from commands.department.side import Https, by_https
from commands.frame.command import Phrase, Session, option, single

if TYPE_CHECKING:
    from pathlib import Path

    from hub.errors import HubError

FIGURES = {
    "merge-lag": "merge_lag_seconds",
    "clock-difference": "clock_difference_seconds",
    "oldest-waiting": "oldest_waiting_seconds",
    "unconfirmed": "unconfirmed_seconds",
    "disk-free": "disk_free_bytes",
}
"""What thresholds may be set on, by the name in `/readyz`."""
_LOW = {"disk-free"}
"""Of these, little is bad."""
_LONGEST = 300


class State(IntEnum):
    """How it is, as the exit code that monitoring programs read."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """One state with its reasons, the worst first, and the figures."""

    state: State
    reasons: tuple[str, ...] = ()
    figures: str = ""

    def line(self) -> str:
        """What a monitoring program shows; `|` begins the figures, so it stands nowhere else."""
        said = "; ".join(self.reasons)[:_LONGEST].replace("|", "/").replace("\n", " ")
        reasons, figures = said and f" - {said}", self.figures and f" | {self.figures}"
        return f"HUB {self.state.name}{reasons}{figures}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Thresholds by name: above them (below, for what is bad when low) it is a warning, or critical."""

    warning: Mapping[str, float]
    critical: Mapping[str, float]

    def passed(self, name: str, value: float) -> State:
        """Where a figure stands."""
        for state, bounds in ((State.CRITICAL, self.critical), (State.WARNING, self.warning)):
            if name in bounds and (value < bounds[name] if name in _LOW else abs(value) > bounds[name]):
                return state
        return State.OK


@single(
    "check",
    zh="供监控系统（Nagios 等）调用：输出一行结论与指标，退出码 0 正常、1 警告、2 严重、3 未知",
    en="For monitoring (Nagios and its like): one line with figures; exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN",
    examples=(
        "hub check --url http://127.0.0.1:8080",
        "hub check",
        "hub check --url https://exchange.example.gov:8443 --tls-ca keys/tls-ca.pem",
        "hub check --url https://exchange.example.gov --tls-cert keys/monitor.crt --tls-key keys/monitor.key",
        "hub check --url http://127.0.0.1:8080 --warning oldest-waiting=600 --critical oldest-waiting=7200",
    ),
)
@option(
    "--url",
    zh="运行中进程的地址，读取其 /readyz；不给则检查数据目录",
    en="address of a serving process, whose /readyz is read; without it the data directory is examined",
    default="",
)
@option(
    "--warning",
    "warnings",
    zh=f"警告阈值 名称=数值，可重复：{'、'.join(FIGURES)}（秒；disk-free 为字节）",
    en=f"threshold of a warning, NAME=NUMBER, repeatable: {', '.join(FIGURES)} (seconds; disk-free in bytes)",
    metavar="NAME=NUMBER",
    multiple=True,
)
@option(
    "--critical",
    "criticals",
    zh="严重阈值，写法同上",
    en="threshold of a critical state, as above",
    metavar="NAME=NUMBER",
    multiple=True,
)
@option("--timeout", zh="最长等待秒数", en="seconds to wait for an answer", default=10.0)
@by_https
def command(
    session: Session, url: str, warnings: Sequence[str], criticals: Sequence[str], timeout: float, https: Https
) -> None:
    """Say how it is and exit with the state's code.

    A database that cannot be used is CRITICAL; whatever else stands in the way of knowing is UNKNOWN.
    """
    from commands.frame.usage import usage_sentence
    from hub.errors import HubError

    try:
        bounds = Bounds(read_bounds(warnings), read_bounds(criticals))
        page = read_page(url, timeout, https.context()) if url else examine(session)
        verdict = judged(page, bounds, session.lang) if page is not None else _silent(session, url)
    except Disbelieved as error:
        verdict = _disbelieved(session, url, error)
    except ShutOut as error:
        verdict = _shut_out(session, url, error)
    except NotAPage as error:
        verdict = _no_page(session, url, error)
    except click.MissingParameter as error:
        verdict = Verdict(State.UNKNOWN, (usage_sentence(error, session.lang),))
    except HubError as error:
        verdict = _hindered(error, session.lang)
    except (ValueError, OSError) as error:
        verdict = Verdict(State.UNKNOWN, (str(error),))
    if session.json:
        found = {"state": verdict.state.name, "reasons": verdict.reasons, "figures": verdict.figures}
        session.write_json(found)
    else:
        session.line(verdict.line())
    raise SystemExit(int(verdict.state))


def read_bounds(words: Sequence[str]) -> dict[str, float]:
    """Thresholds as they are typed. Errors: ValueError."""
    found = {}
    for word in words:
        name, _, number = word.partition("=")
        if name not in FIGURES:
            raise ValueError(f"{name}: {', '.join(FIGURES)}")
        found[name] = float(number)
    return found


def judged(page: Mapping[str, Any], bounds: Bounds, lang: str) -> Verdict:
    """What a page of `/readyz` means, with thresholds of one's own. Errors: ValueError if it is not such a page."""
    try:
        found = [*_parts(page, lang), *_passed(page["figures"], bounds)]
        figures = " ".join(_figures(page["figures"], bounds))
    except (KeyError, TypeError, AttributeError):
        raise ValueError("not an answer of /readyz") from None
    found.sort(key=lambda one: -one[0])
    state = found[0][0] if found else State.OK
    who = f"{page.get('hub', '')}/{page.get('node', '')}"
    return Verdict(state, tuple(said for _, said in found) or (who,), figures)


def _parts(page: Mapping[str, Any], lang: str) -> Iterator[tuple[State, str]]:
    for part in page["parts"]:
        state = State.CRITICAL if part["level"] == "fail" else State.WARNING
        got = f" ({part['got']})" if part["got"] else ""
        yield state, f"{part['part']}: {part['code']} {part[lang]}{got}"


def _passed(figures: Mapping[str, float], bounds: Bounds) -> Iterator[tuple[State, str]]:
    for name, key in FIGURES.items():
        if key in figures and (state := bounds.passed(name, figures[key])) is not State.OK:
            yield state, f"{name} = {figures[key]:g}"


def _figures(figures: Mapping[str, float], bounds: Bounds) -> Iterator[str]:
    for name, key in FIGURES.items():
        if key in figures:
            unit = "B" if key.endswith("bytes") else "s"
            marks = (_mark(name, of.get(name)) for of in (bounds.warning, bounds.critical))
            yield f"{name}={figures[key]:.15g}{unit};{';'.join(marks)}"


def _mark(name: str, bound: float | None) -> str:
    """A threshold as monitoring programs write it; `10:` is bad below ten."""
    return "" if bound is None else f"{bound:.15g}" + (":" if name in _LOW else "")


def examine(session: Session) -> dict[str, Any]:
    """The same of a data directory, seen from outside a serving process. Errors: HubError."""
    from commands.frame.opened import opened_hub
    from hub.health.health import as_page
    from hub.health.measure import measure

    with opened_hub(session) as hub:
        page = as_page(measure(hub, session.folder), hub.settings)
    if not _is_served(session.folder, hub.settings.node):
        page["parts"].append(_not_served())
    return page


def _is_served(folder: Path, node: str) -> bool:
    from connectors.serving.serving_lock import node_lock
    from hub.errors import Misconfigured

    try:
        with node_lock(folder, node):
            return False
    except Misconfigured as taken:
        return taken.code in ("node.taken", "serve.running")


def _not_served() -> dict[str, str]:
    from hub.health.health import Finding, Level

    return Finding("process", Level.FAIL, "health.not-served").facts()


def _hindered(error: HubError, lang: str) -> Verdict:
    said = f"{error.code} {error.sentence(lang)}"
    if error.code.startswith("store."):
        return Verdict(State.CRITICAL, (f"database: {said}",))
    return Verdict(State.UNKNOWN, (said,))


def _disbelieved(session: Session, url: str, error: Disbelieved) -> Verdict:
    said = Phrase(
        f"{url} 的 TLS 证书不受信任（{error}）；证书须为该地址签发，其发证机构由 --tls-ca 给出",
        f"the TLS certificate of {url} is not believed ({error}); it must be for this address, and from an authority "
        "of --tls-ca",
    )
    return Verdict(State.CRITICAL, (said.by(session.lang),))


def _shut_out(session: Session, url: str, error: ShutOut) -> Verdict:
    said = Phrase(
        f"与 {url} 的 TLS 连接失败（{error}）；如对方要求客户端证书，请用 --tls-cert 给出",
        f"the TLS connection to {url} failed ({error}); if a client certificate is wanted, give it with --tls-cert",
    )
    return Verdict(State.CRITICAL, (said.by(session.lang),))


def _no_page(session: Session, url: str, error: NotAPage) -> Verdict:
    """A proxy that wants a certificate answers 400; one that does not let /readyz through, something else."""
    if str(error) == "400":
        why = Phrase("如对方要求客户端证书，请用 --tls-cert 给出",
                     "if a client certificate is wanted, give it with --tls-cert")  # fmt: skip
    else:
        why = Phrase("如经由代理，须在代理上向本机放行 /readyz，或直接查询进程",
                     "a proxy has to let /readyz through to this machine; or ask the process itself")  # fmt: skip
    said = Phrase(
        f"{url} 以 HTTP {error} 答复，并非 /readyz 的内容；{why.zh}",
        f"HTTP {error}: not an answer of /readyz, from {url}; {why.en}",
    )
    return Verdict(State.UNKNOWN, (said.by(session.lang),))


def _silent(session: Session, url: str) -> Verdict:
    said = Phrase(f"{url} 没有应答", f"{url} does not answer")
    return Verdict(State.CRITICAL, (said.by(session.lang),))
