"""An endpoint's profile on the command line: its options, its titles, and how what is given changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.frame.command import column, option
from commands.frame.values import DURATION

if TYPE_CHECKING:
    from hub.directory import Profile

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
PROFILE = (
    column("soap", "SOAP 版本", "SOAP version"),
    column("form", "报文形式", "form of the document"),
    column("signed_answer", "要求应答签名", "answers must be signed"),
    column("timeout", "应答时限（秒）", "timeout (s)"),
    column("parallel", "同时投递数", "parallel deliveries"),
    column("first_retry", "首次重试间隔（秒）", "first retry after (s)"),
    column("longest_retry", "最长重试间隔（秒）", "longest wait (s)"),
    column("give_up_after", "停止重试时限（秒）", "gives up after (s)"),
    column("inline_most", "随报文投递的上传附件上限（字节）", "uploaded attachments inside, at most (bytes)"),
)
_PROFILE_OPTIONS = (
    option("--soap", zh="SOAP 版本", en="SOAP version", type=click.Choice(("1.1", "1.2"))),
    option(
        "--form",
        zh="报文形式：xml 元素、text 文本、binary 二进制",
        en="how the document is handed over",
        type=click.Choice(("xml", "text", "binary")),
    ),
    option(
        "--signed-answer/--unsigned-answer",
        zh="是否要求收件系统对应答签名",
        en="whether the receiving system must sign its answer",
        default=None,
    ),
    option("--timeout", zh="应答时限", en="how long an answer may take", type=DURATION),
    option("--parallel", zh="同时投递数", en="deliveries at the same time", type=click.IntRange(1, 100)),
    option("--first-retry", zh="首次重试间隔", en="wait before the first retry", type=DURATION),
    option("--longest-retry", zh="最长重试间隔", en="longest wait between retries", type=DURATION),
    option("--give-up-after", zh="停止重试时限", en="when to stop trying", type=DURATION),
    option(
        "--inline-most",
        zh="事先上传的附件随报文投递的上限（字节），超出的给出下载链接",
        en="bytes of uploaded attachments that go along with a message; the rest are links",
        type=click.IntRange(0, 64 * 1024 * 1024),
    ),
)


def profile_options(function: _Decorated) -> _Decorated:
    """All options that set an endpoint's profile."""
    for one in reversed(_PROFILE_OPTIONS):
        function = one(function)
    return function


def with_given(profile: Profile, given: Mapping[str, Any]) -> Profile:
    """The profile with the options that were given. Errors: Misconfigured retry.policy."""
    from hub.retry import RetryPolicy

    values = {key: value for key, value in given.items() if value is not None}
    for key, value in values.items():
        if isinstance(value, timedelta):
            values[key] = value.total_seconds()
    changed = replace(profile, **values)
    RetryPolicy.of(changed)
    return changed
