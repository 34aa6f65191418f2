"""The frame of the command line: languages, tables, values, errors and exit codes."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import cli
from commands.frame import edge
from commands.frame.command import Noun, Session, argument, column, noun, option
from commands.frame.exits import ExitCode, exit_code_of
from commands.frame.output import as_json, as_record, as_table
from commands.frame.phrase import Phrase, choose_language
from commands.frame.root import Root
from commands.frame.terminal import pad, safe, unbreakable, width, wrap
from commands.frame.values import DURATION, WORDS
from hub.errors import HubError, Misconfigured, Refused, Unavailable, Undelivered

ROOT = Path(cli.__file__).parent
HOSTILE = "\x1b[31mred\x1b]0;title\x07\r\n\u202eevil\u200b\x9b2J\x00"
TRIAL = Root(Phrase("试", "trial"), {"trial": Phrase("试验", "a trial")}, ())


def trial_noun(action: object) -> Noun:
    """A noun whose one verb shows a row and then calls `action`."""
    command = noun("trial", zh="试验", en="A trial.")

    @command.verb("run", zh="运行", en="Run it", examples=("hub trial run A --level low",))
    @argument("code", zh="代码", en="the code")
    @option("--level", zh="级别", en="the level", type=click.Choice(("low", "high")), default="low")
    @option("--need", zh="必填项", en="needed", required=False)
    def run(session: Session, code: str, level: str, need: str | None) -> ExitCode | None:
        return action(session) if callable(action) else None

    return command


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "HUB_DATA"):
        monkeypatch.delenv(name, raising=False)
    yield
    sys.modules.pop("commands.trial", None)


def trial(action: object, *words: str) -> Result:
    module = ModuleType("commands.trial")
    module.command = trial_noun(action)  # type: ignore[attr-defined]
    sys.modules["commands.trial"] = module
    return CliRunner().invoke(TRIAL, list(words))


def raising(error: BaseException) -> object:
    def action(_session: Session) -> None:
        raise error

    return action


# languages


@pytest.mark.parametrize(
    ("words", "environ", "lang"),
    [
        ([], {}, "en"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ([], {"LC_ALL": "", "LANG": "zh_TW"}, "zh"),
        (["dept", "list", "--lang", "zh"], {}, "zh"),
        (["--lang=en", "dept"], {"LANG": "zh_CN"}, "en"),
        (["--", "--lang", "zh"], {}, "en"),
        (["--lang", "fr"], {"LANG": "zh_CN"}, "zh"),
        (["--lang"], {}, "en"),
        (["zh"], {}, "en"),
    ],
)
def test_the_language_is_asked_for_or_that_of_the_locale(words: list[str], environ: dict[str, str], lang: str) -> None:
    assert choose_language(words, environ) == lang


# the terminal


@given(st.text())
def test_whatever_is_shown_holds_no_control_character(text: str) -> None:
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in safe(text))


def test_chinese_and_ordinary_text_is_shown_as_it_is() -> None:
    assert safe("市水务局〔2026〕1号　ok") == "市水务局〔2026〕1号　ok"


@given(st.text(alphabet=st.characters(categories=["Lo", "Ll", "Zs", "Po"]), max_size=200), st.integers(10, 80))
def test_wrapping_loses_no_character_and_keeps_to_the_width(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert "".join("".join(lines).split()) == "".join(text.split())
    longest_word = max((width(word) for word in text.split()), default=0)
    assert all(width(line) <= max(columns, longest_word) + 4 for line in lines)


def test_no_line_ends_with_an_opening_bracket() -> None:
    assert wrap("请检查路径（/srv/hub）", 14) == ["请检查路径", "（/srv/hub）"]
    assert wrap("请检查路径（本机）", 12) == ["请检查路径", "（本机）"]


def test_columns_stand_under_each_other_with_wide_characters() -> None:
    columns = (column("a", "代码", "CODE"), column("b", "名称", "NAME"))
    lines = as_table(columns, [("市水务局", "x"), ("A", "y")], "zh").split("\n")
    assert len({width(line[: line.rindex(mark)]) for line, mark in zip(lines, ("名", "x", "y"), strict=True)}) == 1
    assert lines[0] == "代码      名称"


def test_no_cell_can_command_the_terminal() -> None:
    columns = (column("a", "甲", "A"),)
    for text in (as_table(columns, [(HOSTILE,)], "en"), as_record(columns, (HOSTILE,), "en")):
        assert all(line.isprintable() for line in text.split("\n"))
        assert "\\x1b[31mred" in text
        assert "\\u202e" in text


SCALARS = st.none() | st.booleans() | st.integers() | st.text()


@settings(max_examples=50)
@given(st.recursive(SCALARS, lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_json_keeps_every_value_and_commands_no_terminal(value: object) -> None:
    text = as_json(value)
    assert json.loads(text) == value
    assert not any(0x7F <= ord(c) <= 0x9F or c in "\u202e\u200b\x1b" for c in text)


def test_json_types_are_stable() -> None:
    class State(StrEnum):
        WAITING = "waiting"

    at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    row = {"at": at, "state": State.WAITING, "said": Phrase("是", "yes"), "many": ("a", "b"), "none": None, "n": 1.5}
    assert json.loads(as_json(row)) == {
        "at": "2026-03-01T09:00:00.000000Z", "state": "waiting", "said": {"zh": "是", "en": "yes"},
        "many": ["a", "b"], "none": None, "n": 1.5,
    }  # fmt: skip


def test_pad_counts_columns_and_not_characters() -> None:
    assert width(pad("水", 6)) == 6
    assert width("e\u0301") == 1


# values


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("12h", 43200), ("3d", 259200)])
def test_durations_as_people_write_them(text: str, seconds: int) -> None:
    assert DURATION.convert(text, None, None).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "3", "d", "-3d", "3 d", "0s", "99999999d", "３d"])
def test_no_other_duration_is_guessed(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DURATION.convert(text, None, None)


def test_words_are_split_at_commas_of_both_kinds() -> None:
    assert WORDS.convert("A, B，C、A,,", None, None) == ("A", "B", "C")


# results and errors


def test_common_options_may_stand_in_any_place(tmp_path: Path) -> None:
    seen: list[Session] = []
    for words in (
        ["-o", "json", "--data", str(tmp_path), "--lang", "zh", "trial", "run", "A"],
        ["trial", "-o", "json", "--data", str(tmp_path), "--lang", "zh", "run", "A"],
        ["trial", "run", "A", "-o", "json", "--data", str(tmp_path), "--lang", "zh"],
    ):
        assert trial(seen.append, *words).exit_code == 0
    assert {(s.output, s.folder, s.lang) for s in seen} == {("json", tmp_path, "zh")}


def test_the_data_directory_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Session] = []
    trial(seen.append, "trial", "run", "A")
    monkeypatch.setenv("HUB_DATA", "/srv/hub")
    trial(seen.append, "trial", "run", "A")
    assert [str(s.folder) for s in seen] == ["hub-data", "/srv/hub"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("xml.malformed"), ExitCode.REFUSED),
        (Undelivered("delivery.timeout"), ExitCode.UNDELIVERED),
        (Misconfigured("registry.code"), ExitCode.MISCONFIGURED),
        (Unavailable("store.full"), ExitCode.UNAVAILABLE),
        (Misconfigured("registry.absent"), ExitCode.NOT_FOUND),
        (Refused("message.unknown"), ExitCode.NOT_FOUND),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: HubError, code: ExitCode) -> None:
    assert exit_code_of(error) is code
    assert trial(raising(error), "trial", "run", "A").exit_code == code


def test_an_error_is_one_line_with_fact_place_and_next_step_in_the_users_language() -> None:
    error = Misconfigured("registry.code", expected="A-Z", got=HOSTILE, where="registry.yaml:3", operator="/srv/x")
    for lang, words in (("zh", "代码格式不正确"), ("en", "a code is not well formed")):
        result = trial(raising(error), "trial", "run", "A", "--lang", lang)
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert result.stderr.rstrip("\n").isprintable()
        for part in ("[registry.code]", words, "registry.yaml:3", "A-Z", "/srv/x"):
            assert part in result.stderr


def test_in_a_narrow_terminal_an_error_breaks_between_words_and_never_inside_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("commands.frame.terminal.room_on", lambda stream: 60)
    error = Misconfigured("registry.code", expected="A-Z", where="registry.yaml:3", operator="/srv/hub\n in use")
    for lang in ("zh", "en"):
        lines = trial(raising(error), "trial", "run", "A", "--lang", lang).stderr.splitlines()
        assert max(map(width, lines)) <= 60
        words = [word.strip("();") for word in re.findall("[!-~]+", " ".join(lines))]
        whole = re.findall("[!-~]+", f"[registry.code] {error.sentence(lang)} {error.operator}")
        assert [word for word in words if word not in ("error", "")] == [word.strip(";") for word in whole]


def test_an_error_is_an_object_for_programs() -> None:
    result = trial(raising(Misconfigured("registry.code", got="x", operator="o")), "-o", "json", "trial", "run", "A")
    told = json.loads(result.stderr)["error"]
    assert (told["code"], told["got"], told["operator"], told["exit"]) == ("registry.code", "x", "o", "MISCONFIGURED")
    assert told["zh"].startswith("代码格式不正确")


def test_an_unforeseen_error_keeps_its_trace_in_a_file_and_off_the_screen(tmp_path: Path) -> None:
    result = trial(raising(ValueError("secret words")), "--data", str(tmp_path), "trial", "run", "A")
    assert result.exit_code == ExitCode.INTERNAL
    assert "Traceback" not in result.output
    assert "secret words" not in result.output
    trace = tmp_path / edge.TRACES
    assert str(trace) in result.stderr
    assert "secret words" in trace.read_text()
    assert trace.stat().st_mode & 0o077 == 0


def test_a_trace_without_a_data_directory_goes_to_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    result = trial(raising(ZeroDivisionError()), "--data", str(tmp_path / "absent"), "trial", "run", "A")
    assert result.exit_code == ExitCode.INTERNAL
    assert "ZeroDivisionError" in (tmp_path / edge.TRACES).read_text()


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (PermissionError(13, "denied", "/root/secret/hub.key"), "file.denied", ExitCode.MISCONFIGURED),
        (FileNotFoundError(2, "none", "/x/absent.xml"), "file.absent", ExitCode.MISCONFIGURED),
        (IsADirectoryError(21, "a folder", "/x"), "file.unusable", ExitCode.MISCONFIGURED),
        (OSError(28, "No space left"), "store.full", ExitCode.UNAVAILABLE),
    ],
)
def test_the_systems_errors_are_told_as_ours(error: OSError, code: str, exit_code: ExitCode) -> None:
    result = trial(raising(error), "trial", "run", "A", "-o", "json")
    told = json.loads(result.stderr)["error"]
    assert (result.exit_code, told["code"]) == (exit_code, code)
    assert "/" not in told["where"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["endpoint", "add", "W", "--mailbox", "--timeout", "3x"], "应写作 90s（秒）"),
        (["endpoint", "add", "W", "--mailbox", "--parallel", "x"], "应为数字，且 1<=x<=100"),
        (["endpoint", "add", "W"], "应当给出其中一项：--push URL | --mailbox"),
        (["cert", "add", "W", "/"], "FILE 的值不正确，应为文件，/ 是目录；"),
        (["schema", "add", __file__], f"FOLDER 的值不正确，应为目录，{__file__} 是文件；"),
    ],
)
def test_a_wrong_value_is_answered_with_what_it_should_be(words: list[str], said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.cli, ["--lang", "zh", "--data", str(tmp_path), *words])
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    assert said in result.stderr


def test_in_a_narrow_terminal_sentences_are_folded_and_codes_are_not() -> None:
    columns = [column("code", "代码", "CODE"), column("said", "说明", "SAID"), column("n", "数", "N")]
    code, said = "signed-b7390a35a74ee2e3d7417e5f19cb8188", "本中心证书有效，发证机构和吊销列表正常，登记信息完好。"
    rows = [(code, said, 1), ("b", "短", 2)]
    lines = as_table(columns, rows, "zh", room=80).split("\n")
    assert max(width(line) for line in lines) <= 80
    assert code in lines[1]
    assert lines[1].endswith("  1")
    told = [line[len(code) :].strip() for line in lines[1:-1]]
    assert told[0].removesuffix("1").strip() + "".join(told[1:]) == said
    assert as_table(columns, rows, "zh", room=200) == as_table(columns, rows, "zh")


def test_a_row_too_wide_to_fold_goes_on_below_and_nothing_is_cut() -> None:
    columns = [column("code", "代码", "CODE"), column("n", "数", "N"), column("more", "其他", "MORE")]
    columns += [column("said", "说明", "SAID"), column("url", "地址", "URL")]
    rows = [("x" * 30, 1, "y" * 30, "", ""), ("z", 22, "", "本中心证书有效，发证机构和吊销列表正常。", "u" * 60)]
    assert as_table(columns, rows, "zh", room=40).split("\n") == [
        f"代码{' ' * 28}数",
        "    其他",
        "    说明",
        "    地址",
        f"{'x' * 30}  1",
        f"    {'y' * 30}",
        f"z{' ' * 31}22",
        "    -",
        "    本中心证书有效，发证机构和吊销列表",
        "    正常。",
        f"    {'u' * 60}",
    ]
    assert len(as_table(columns, rows, "zh").split("\n")) == 3


TEXTS = st.lists(st.text("ab公文", min_size=1, max_size=30), min_size=1, max_size=4).map(" ".join)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), min_size=1, max_size=3), st.integers(30, 120), st.booleans())
def test_whatever_stands_in_a_table_it_keeps_to_the_terminal_but_for_what_cannot_be_broken(
    rows: list[tuple[str, ...]], room: int, upright: bool
) -> None:
    columns = [column(name, "甲", "TITLE") for name in "abcd"]
    shown = as_table(columns, rows, "zh", room, upright=upright)
    longest = max(unbreakable(text) for row in rows for text in row)
    assert max(width(line) for line in shown.split("\n")) <= max(room, longest + 4)
    codes = [code for row in rows for text in row for code in re.findall("[ab]+", text)]
    assert sorted(re.findall("[ab]+", shown)) == sorted(codes)


def test_a_key_too_long_for_a_terminal_stands_alone_on_its_line() -> None:
    columns = [column("name", "名称", "NAME"), column("key", "公开密钥", "KEY"), column("hash", "哈希", "HASH")]
    key, digest = "hub/ledger+1b478f6a+" + "A" * 120, "0f" * 32
    row = ("hub", key, digest)
    for shown in (as_record(columns, row, "zh", 72), as_table(columns, [row], "zh", 72, upright=True)):
        assert shown.split("\n") == ["名称      hub", "公开密钥", key, "哈希", f"    {digest}"]
    assert as_record(columns, row, "zh").split("\n")[1] == f"公开密钥  {key}"


def test_a_table_too_wide_to_fold_is_written_as_records_if_it_may_be() -> None:
    columns = [column("key", "公开密钥", "KEY"), column("more", "其他", "MORE"), column("said", "说明", "SAID")]
    said = "本中心证书有效，发证机构和吊销列表正常，登记信息完好，账本完整。"
    rows = [("x" * 60, "y" * 50, said), ("z", "", said)]
    first, second = as_table(columns, rows, "zh", room=100, upright=True).split("\n\n")
    assert first.split("\n") == [f"公开密钥  {'x' * 60}", f"其他      {'y' * 50}", f"说明      {said}"]
    assert second.split("\n") == ["公开密钥  z", f"说明      {said}"]
    for room in (200, None):
        assert as_table(columns, rows, "zh", room=room, upright=True) == as_table(columns, rows, "zh")
    for line in as_table(columns, rows, "zh", room=50, upright=True).split("\n"):
        assert width(line) <= 50 or line in ("x" * 60, "y" * 50)


def test_ctrl_c_and_a_refused_question_are_told_apart() -> None:
    assert trial(raising(KeyboardInterrupt()), "trial", "run", "A").exit_code == ExitCode.INTERRUPTED
    result = trial(lambda s: s.confirm(Phrase("继续吗", "Go on?")), "trial", "run", "A")
    assert (result.exit_code, result.stdout) == (ExitCode.DECLINED, "")


def test_a_commands_own_exit_code_is_passed_on() -> None:
    assert trial(lambda _: ExitCode.CHECK_FAILED, "trial", "run", "A").exit_code == ExitCode.CHECK_FAILED


@pytest.mark.parametrize(
    ("words", "zh", "en"),
    [
        (["trial", "run"], "缺少参数 CODE", "Missing argument 'CODE'"),
        (["trial", "run", "A", "--levle", "x"], "没有选项 --levle，是否想用", "No such option '--levle'"),
        (["trial", "run", "A", "--level", "x"], "--level 的值不正确，应为 low、high 之一", "'x' is not one of"),
        (["trial", "run", "A", "B"], "多余的参数：B", "unexpected extra argument (B)"),
        (["trial", "run", "A", "--need"], "选项 --need 的用法不正确", "requires an argument"),
        (["trial", "rum"], "没有命令 rum，是否想用 run", "No such command 'rum'"),
        (["trail"], "没有命令 trail，是否想用 trial", "No such command 'trail'"),
        (["trial", "--lang=zh"], "缺少命令", "缺少命令"),
    ],
)
def test_usage_errors_are_one_line_in_the_users_language(words: list[str], zh: str, en: str) -> None:
    for lang, said in (("zh", zh), ("en", en)):
        result = trial(None, "--lang", lang, *words)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (ExitCode.USAGE, "", 1)
        assert said in result.stderr
        assert "--help" in result.stderr
