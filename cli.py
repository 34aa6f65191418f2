"""`hub NOUN VERB`: the command line of the exchange. Thin: each noun is a file in `commands/`, imported when called."""

from __future__ import annotations

import sys

from commands.frame.phrase import Phrase
from commands.frame.root import Root

NOUNS = {
    "init": Phrase("建立数据目录，装好一个新的交换中心", "make a data directory with a new hub in it"),
    "serve": Phrase("运行交换中心", "run the hub"),
    "demo": Phrase("从头到尾演示一遍", "show the main job from end to end"),
    "database": Phrase("数据库的版本与升级", "the database: its version, its upgrade"),
    "migrate": Phrase("将整个安装迁往另一个数据库", "move the installation to another database"),
    "backup": Phrase("备份及其核验", "take backups, and prove that they are whole"),
    "restore": Phrase("由备份恢复", "bring a backup back"),
    "check": Phrase("供监控系统调用的健康检查", "how the hub is, for monitoring programs"),
    "doctor": Phrase("检查安装是否正常", "check whether everything is in order"),
    "dept": Phrase("单位", "departments"),
    "group": Phrase("单位组", "groups of departments"),
    "right": Phrase("发送权限", "who may send what to whom"),
    "endpoint": Phrase("接收端点", "where departments get their messages"),
    "cert": Phrase("单位证书", "certificates enrolled for departments"),
    "trust": Phrase("信任的发证机构与吊销列表", "trusted authorities and revocation lists"),
    "ca": Phrase("演示用发证机构", "the demo certificate authority"),
    "schema": Phrase("报文模式", "schemas of messages"),
    "route": Phrase("路由规则", "routing rules"),
    "registry": Phrase("登记信息的导出、比较与导入", "the whole registry as one file"),
    "msg": Phrase("发送、查找和追踪报文", "send, find and trace messages"),
    "mailbox": Phrase("信箱收取", "fetch messages from a mailbox"),
    "inquiry": Phrase("以单位身份查询报文、办件和往来单位", "ask about messages, cases and partners as a department"),
    "dlq": Phrase("死信：最终未能送达的报文", "messages that could not be delivered"),
    "ledger": Phrase("流转记录账本", "the ledger of every hop"),
    "witness": Phrase("监督机关对账本的见证", "the supervision authority's watch over a ledger"),
    "evidence": Phrase("可离线核验的证据文件", "evidence files that a stranger can check offline"),
    "retention": Phrase("报文正文的保存期限与清理", "how long documents are kept, and purging"),
    "content": Phrase("大附件的存储", "where large attachments lie"),
    "mock": Phrase("模拟单位系统，供试验用", "a pretend department for trials"),
}

cli = Root(
    Phrase("政府部门间公文与办件信息交换中心。", "A hub for signed documents between government departments."),
    NOUNS,
    examples=(
        "hub init --hub CENTER --name 市公文交换中心",
        "hub dept add WATER --name 市水务局 --uscc 11440300MB2C92114E --division 440300",
        "hub -o json endpoint list",
        "hub --lang zh doctor",
    ),
)


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal of another encoding shows an escape instead of failing in the middle of a table.
            stream.reconfigure(errors="backslashreplace")
    cli.main()


if __name__ == "__main__":
    main()
