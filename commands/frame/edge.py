"""The edge of the command line: every error becomes one clear line and an exit code; no trace reaches the screen.

A trace of what nobody foresaw is kept in a file for whoever has to mend the program.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from commands.frame.exits import MEANINGS, ExitCode, exit_code_of
from commands.frame.output import as_json
from commands.frame.phrase import Phrase
from commands.frame.session import Session
from commands.frame.terminal import told
from commands.frame.usage import usage_sentence
from hub.errors import HubError, Misconfigured, Unavailable

TRACES = "hub-errors.log"


def run(command: Callable[[], Any], session: Callable[[], Session]) -> ExitCode:
    """Run a command and answer with its exit code. `session` is asked only when there is something to tell."""
    try:
        result = command()
        return ExitCode(result) if isinstance(result, int) else ExitCode.OK
    except click.exceptions.Exit as asked:
        return ExitCode(asked.exit_code)
    except BrokenPipeError:
        return _closed()
    except KeyboardInterrupt:
        said = MEANINGS[ExitCode.INTERRUPTED].by(session().lang)
        return _say(session(), "cli.interrupted", said, ExitCode.INTERRUPTED)
    except (click.Abort, click.ClickException, HubError, OSError) as error:
        return _told(error, session())
    except Exception as error:  # noqa: BLE001  # the last line of defence: a trace is kept, not shown
        return _unforeseen(error, session())


def _told(error: Exception, session: Session) -> ExitCode:
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.ctx.get_help(), err=True)
            return ExitCode.USAGE
        case click.ClickException():
            return _say(session, "cli.usage", usage_sentence(error, session.lang), ExitCode.USAGE)
        case click.Abort():
            said = MEANINGS[ExitCode.DECLINED].by(session.lang)
            return _say(session, "cli.declined", said, ExitCode.DECLINED)
        case HubError():
            return _refused(error, session)
        case OSError():
            return _refused(from_system(error), session)
    return ExitCode.INTERNAL


def from_system(error: OSError) -> HubError:
    """Our own error for one of the operating system's: no space passes by itself, the rest needs mending."""
    name = Path(error.filename).name if isinstance(error.filename, str | os.PathLike) else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("store.full", operator=str(error))
    if isinstance(error, FileNotFoundError) and name:
        return Misconfigured("file.absent", where=name, operator=str(error.filename))
    code = "file.denied" if isinstance(error, PermissionError) else "file.unusable"
    return Misconfigured(code, where=name, operator=str(error))


def _refused(error: HubError, session: Session) -> ExitCode:
    code = exit_code_of(error)
    if session.json:
        facts = {**error.facts(), "operator": error.operator, "exit": code.name}
        click.echo(as_json({"error": facts}), err=True)
        return code
    sentence = error.sentence(session.lang)
    cause = " ".join(error.operator.split())  # a library's words may have several lines
    if cause and cause not in sentence:
        sentence += session.phrase(f"（{cause}）", f" ({cause})")
    return _say(session, error.code, sentence, code)


def _say(session: Session, code: str, sentence: str, exit_code: ExitCode) -> ExitCode:
    if session.json:
        click.echo(as_json({"error": {"code": code, "message": sentence, "exit": exit_code.name}}), err=True)
    else:
        said = session.phrase(f"错误 [{code}] {sentence}", f"error [{code}] {sentence}")
        click.echo(told(said, sys.stderr), err=True)
    return exit_code


def _unforeseen(error: Exception, session: Session) -> ExitCode:
    place = _keep_trace(error, session)
    said = Phrase(
        f"内部错误（{type(error).__name__}），详细记录见 {place}，请转交维护人员",
        f"internal error ({type(error).__name__}); the full trace is in {place}, please hand it to the maintainers",
    )
    return _say(session, "cli.internal", said.by(session.lang), ExitCode.INTERNAL)


def _keep_trace(error: Exception, session: Session) -> Path:
    import tempfile
    import traceback

    text = f"--- {session.clock().isoformat()}\n{''.join(traceback.format_exception(error))}"
    for folder in (session.folder, Path(tempfile.gettempdir())):
        path = folder / TRACES
        try:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        except OSError:
            continue
        with open(opened, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return path
    return Path(os.devnull)


def _closed() -> ExitCode:
    """The reader of our output is gone, as after `| head`: that is no error, but Python would complain at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return ExitCode.OK
    return ExitCode.OK
