"""The exit codes of `hub`, by name. A script may rely on them."""

from __future__ import annotations

from enum import IntEnum

from commands.frame.phrase import Phrase
from hub.errors import HubError, Misconfigured, Refused, Unavailable, Undelivered


class ExitCode(IntEnum):
    """What the process answers to its caller."""

    OK = 0
    USAGE = 2
    REFUSED = 3
    UNDELIVERED = 4
    MISCONFIGURED = 5
    UNAVAILABLE = 6
    NOT_FOUND = 7
    CHECK_FAILED = 8
    DECLINED = 9
    INTERNAL = 70
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: Phrase("成功", "done"),
    ExitCode.USAGE: Phrase("命令写法有误", "the command line is not right"),
    ExitCode.REFUSED: Phrase("报文或请求被拒收", "the hub refused the message or request"),
    ExitCode.UNDELIVERED: Phrase("对方系统无法连接或应答有误", "the other side was not reached, or answered wrongly"),
    ExitCode.MISCONFIGURED: Phrase("配置、登记信息或文件需要改正", "settings, registry or files need mending"),
    ExitCode.UNAVAILABLE: Phrase("暂时无法办理，可稍后重试", "not possible now, try again later"),
    ExitCode.NOT_FOUND: Phrase("没有找到", "nothing of that name was found"),
    ExitCode.CHECK_FAILED: Phrase("检查未通过", "a check found something wrong"),
    ExitCode.DECLINED: Phrase("未获确认，没有执行", "not confirmed, nothing was done"),
    ExitCode.INTERNAL: Phrase("内部错误", "internal error"),
    ExitCode.INTERRUPTED: Phrase("被中断", "interrupted"),
}

_NOT_FOUND = frozenset(
    {
        "delivery.unknown",
        "mailbox.absent",
        "message.unknown",
        "registry.absent",
        "schema.unknown",
        "trust.absent",
    }
)


def exit_code_of(error: HubError) -> ExitCode:
    """The exit code that belongs to an error: by its code if something is absent, else by whose fault it is."""
    if error.code in _NOT_FOUND:
        return ExitCode.NOT_FOUND
    match error:
        case Refused():
            return ExitCode.REFUSED
        case Undelivered():
            return ExitCode.UNDELIVERED
        case Misconfigured():
            return ExitCode.MISCONFIGURED
        case Unavailable():
            return ExitCode.UNAVAILABLE
    return ExitCode.INTERNAL
