"""`hub msg`: messages, from sending one to tracing every hop it took."""

from __future__ import annotations

from commands.frame.command import noun
from commands.msg_find import find, list_messages, refusals, show
from commands.msg_operate import release, resend
from commands.msg_send import send, submit
from commands.msg_trace import tail, trace
from commands.msg_verify import verify

command = noun(
    "msg",
    zh="报文：发送、查找、追踪、核验、重新投递。",
    en="Messages: send, find, trace, verify, resend.",
)
for _verb in (send, submit, list_messages, find, show, trace, tail, verify, resend, release, refusals):
    command.add_command(_verb)
