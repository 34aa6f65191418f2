"""The registry as one YAML document: round trip, every mistake with its line, and the diff before apply."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from string import ascii_letters, digits

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.codes import make_uscc
from hub.directory import Department, Endpoint, Kind, Profile, Right
from hub.errors import Misconfigured
from hub.registry.diff import Verb, diff
from hub.registry.file import dump_registry, load_registry
from hub.registry.registry import LEVELS, PROFILE_CHOICES, Group, Registry, check_registry
from hub.trust.ca import DemoCa
from hub.trust.certificate import EnrolledCertificate
from tests.pace import within

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
CA = DemoCa.create("演示根证书", NOW)
ISSUED = [CA.issue(f"单位{n}", f"d{n}", NOW) for n in range(3)]

TEXT = f"""version: 1
departments:
- code: sz-gov
  name: 深圳市人民政府
  uscc: 12100000400000624D
  division: '440300'
- code: sz-water
  name: 深圳市水务局
  uscc: 12100000400002259P
  division: '440300'
  parent: sz-gov
  enabled: false
groups:
  bureaus:
  - sz-water
endpoints:
- code: sz-gov
  department: sz-gov
  url: https://gov.example/exchange
  profile:
    soap: '1.2'
    timeout: 5.0
- code: sz-water
  department: sz-water
  kind: mailbox
rights:
- sender: sz-gov
  recipient: group:bureaus
  type: official-document-1
certificates:
- department: sz-gov
  pem: |
    {ISSUED[0].certificate_pem.decode().strip().replace(chr(10), chr(10) + "    ")}
  enabled: false
"""


def mistake(text: str) -> Misconfigured:
    with pytest.raises(Misconfigured) as error:
        load_registry(text)
    return error.value


def line_of(part: str) -> int:
    return TEXT[: TEXT.index(part)].count("\n") + 1


def test_a_registry_is_written_as_it_was_read() -> None:
    assert dump_registry(load_registry(TEXT)) == TEXT


def test_what_is_read_is_what_was_meant() -> None:
    registry = load_registry(TEXT)
    gov = registry.endpoints[0]
    assert (gov.kind, gov.profile.soap, gov.profile.timeout, gov.profile.form) == (Kind.PUSH, "1.2", 5.0, "xml")
    assert registry.departments[1].parent == "sz-gov"
    assert registry.certificates == (EnrolledCertificate("sz-gov", ISSUED[0].der, enabled=False),)
    directory = registry.directory()
    assert directory.expand("group:bureaus") == ()
    assert directory.may_send("sz-gov", "sz-water", "official-document-1")


def test_natural_ways_of_writing_are_understood() -> None:
    text = TEXT.replace("'440300'", "440300").replace("'1.2'", "1.2").replace("5.0", "5")
    assert load_registry(text) == load_registry(TEXT)


def test_chinese_stays_readable() -> None:
    assert "深圳市水务局" in dump_registry(load_registry(TEXT))


def test_an_empty_registry_is_whole() -> None:
    assert load_registry("version: 1") == Registry()


@pytest.mark.parametrize(
    ("old", "new", "code", "at"),
    [
        ("version: 1", "version: 2", "registry.version", "version"),
        ("groups:", "gruops:", "config.unknown-key", "groups"),
        ("  parent: sz-gov", "  parant: sz-gov", "config.unknown-key", "  parent"),
        ("    soap: '1.2'", "    saop: '1.2'", "config.unknown-key", "    soap"),
        ("12100000400000624D", "12100000400000624E", "registry.uscc-check", "  uscc: 12100000400000624D"),
        ("division: '440300'\n-", "division: '4403'\n-", "registry.division", "  division"),
        ("parent: sz-gov", "parent: sz-gvo", "registry.unknown-department", "- code: sz-water\n  name"),
        ("parent: sz-gov", "parent: sz-water", "registry.parent-circle", "- code: sz-water\n  name"),
        ("  - sz-water\ne", "  - sz-fire\ne", "registry.unknown-department", "  bureaus"),
        ("  - sz-water\ne", "  - sz-water\n  - sz-water\ne", "registry.duplicate", "  bureaus"),
        ("- code: sz-water\n  name", "- code: sz-gov\n  name", "registry.duplicate", "- code: sz-water\n  name"),
        ("- code: sz-water\n  dep", "- code: sz-gov\n  dep", "registry.duplicate", "- code: sz-water\n  dep"),
        ("code: sz-water\n  name", "code: 水务\n  name", "registry.code", "- code: sz-water\n  name"),
        ("深圳市水务局", '"a\\r\\nb"', "registry.name", "- code: sz-water\n  name"),
        ("  enabled: false\ng", "  level: planet\ng", "registry.choice", "- code: sz-water\n  name"),
        ("  enabled: false\ng", "  enabled: no\ng", "config.shape", "  enabled: false\ng"),
        (
            "  department: sz-gov\n  url",
            "  department: sz\n  url",
            "registry.unknown-department",
            "- code: sz-gov\n  dep",
        ),
        ("https://gov", "ftp://gov", "registry.url", "- code: sz-gov\n  dep"),
        ("kind: mailbox", "kind: pigeon", "registry.choice", "  kind"),
        ("kind: mailbox", "kind: mailbox\n  url: http://x/", "registry.mailbox-url", "- code: sz-water\n  dep"),
        ("timeout: 5.0", "timeout: 0", "registry.number", "- code: sz-gov\n  dep"),
        ("timeout: 5.0", "parallel: 1000", "registry.number", "- code: sz-gov\n  dep"),
        ("timeout: 5.0", "first_retry: 900", "registry.number", "- code: sz-gov\n  dep"),
        ("timeout: 5.0", "form: pdf", "registry.choice", "- code: sz-gov\n  dep"),
        ("recipient: group:bureaus", "recipient: group:all", "registry.unknown-group", "- sender"),
        ("sender: sz-gov", "sender: nobody", "registry.unknown-department", "- sender"),
        ("type: official-document-1", "type: a b", "registry.code", "- sender"),
        ("type: official-document-1", "type: official-*", "registry.code", "- sender"),
        (
            "- department: sz-gov\n  pem",
            "- department: x\n  pem",
            "registry.unknown-department",
            "- department: sz-gov\n  pem",
        ),
        ("-----BEGIN", "-----BEGUN", "certificate.unreadable", "  pem"),
    ],
)
def test_a_mistake_is_named_with_its_line(old: str, new: str, code: str, at: str) -> None:
    assert TEXT.count(old) >= 1
    error = mistake(TEXT.replace(old, new, 1))
    assert (error.code, error.where.split()[0]) == (code, f"registry.yaml:{line_of(at)}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gov.example/x",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://user:secret@gov.example/",
        "http://gov.example:0/",
        "http://gov.example:99999/",
        "http://gov example/",
        "http://gov.example/\r\nX: y",
        "http://[::1/",
        "http://政务.example/",
        "javascript:alert(1)",
    ],
)
def test_an_address_that_is_not_plain_http_is_refused_without_showing_a_password(url: str) -> None:
    gov = Department("sz-gov", "深圳市人民政府", "12100000400000624D", "440300")
    with pytest.raises(Misconfigured) as error:
        check_registry(Registry.of([gov], endpoints=[Endpoint("e", "sz-gov", url=url)]))
    assert error.value.code == "registry.url"
    assert "secret" not in str(error.value.facts())


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "https://[::1]:8443/x?y=z", "http://gov.example"])
def test_a_plain_address_passes(url: str) -> None:
    gov = Department("sz-gov", "深圳市人民政府", "12100000400000624D", "440300")
    check_registry(Registry.of([gov], endpoints=[Endpoint("e", "sz-gov", url=url)]))


def test_two_certificates_on_one_line_are_refused() -> None:
    both = ISSUED[0].certificate_pem + CA.certificate_pem
    text = yaml.safe_dump({"version": 1, "certificates": [{"department": "x", "pem": both.decode()}]})
    assert mistake(text).code == "registry.one-certificate"


def test_a_private_key_in_the_file_is_refused_and_not_shown() -> None:
    pem = ISSUED[0].key_pem.decode()
    text = yaml.safe_dump({"version": 1, "certificates": [{"department": "x", "pem": pem}]})
    error = mistake(text)
    assert error.code == "certificate.unreadable"
    assert pem.splitlines()[1] not in str(error.facts()) + error.operator


def test_one_certificate_for_two_departments_is_refused() -> None:
    again = TEXT[TEXT.index("- department: sz-gov\n  pem") :].replace("sz-gov", "sz-water")
    assert mistake(TEXT + again).code == "registry.duplicate"


def test_a_long_circle_of_parents_is_found_and_a_long_line_is_not_one() -> None:
    line = [
        Department(f"d{n}", "x", "12100000400000624D", "440300", parent=f"d{n - 1}" if n else "") for n in range(500)
    ]
    check_registry(Registry.of(line))
    with pytest.raises(Misconfigured) as error:
        check_registry(Registry.of([replace(line[0], parent="d499"), *line[1:]]))
    assert error.value.code == "registry.parent-circle"


def test_two_thousand_departments_load_in_a_moment() -> None:
    codes = [f"d{n}" for n in range(2_000)]
    registry = Registry.of(
        [Department(c, "某某局", "12100000400000624D", "440300") for c in codes],
        [Group("all", tuple(codes))],
        [Endpoint(c, c, url="http://127.0.0.1/") for c in codes],
    )
    assert within(15, lambda: load_registry(dump_registry(registry))) == registry


# Round trip

codes = st.text(ascii_letters + digits, min_size=1, max_size=6) | st.sampled_from(["1.0", "0123", "no", "1e5", "null"])
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
usccs = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=16, max_size=16).map(make_uscc)
profiles = st.builds(
    Profile,
    soap=st.sampled_from(PROFILE_CHOICES["soap"]),
    form=st.sampled_from(PROFILE_CHOICES["form"]),
    signed_answer=st.booleans(),
    timeout=st.integers(1, 10**6).map(lambda n: n / 1000),
    parallel=st.integers(1, 100),
)


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    known = draw(st.lists(codes, min_size=1, max_size=5, unique=True))
    one = st.sampled_from(known)
    groups = draw(st.dictionaries(codes, st.lists(one, unique=True), max_size=3))
    subject = one | st.just("*") | (st.sampled_from([f"group:{g}" for g in groups]) if groups else one)
    departments = [
        draw(
            st.builds(
                Department,
                code=st.just(code),
                name=names,
                uscc=usccs,
                division=st.sampled_from(["440300", "420506001"]),
                parent=st.sampled_from(["", *known[:place]]),
                level=st.sampled_from(LEVELS),
                enabled=st.booleans(),
            )
        )
        for place, code in enumerate(known)
    ]
    urls = st.sampled_from(["http://a/", "https://b.example:8443/x?y=#z"])
    push = st.builds(Endpoint, code=codes, department=one, url=urls, paused=st.booleans(), profile=profiles)
    pull = st.builds(Endpoint, code=codes, department=one, kind=st.just(Kind.MAILBOX), profile=profiles)
    enrolled = st.builds(EnrolledCertificate, one, st.sampled_from([i.der for i in ISSUED]), st.booleans())
    return Registry.of(
        departments,
        [Group(name, tuple(members)) for name, members in groups.items()],
        draw(st.lists(push | pull, max_size=4, unique_by=lambda e: e.code)),
        draw(st.lists(st.builds(Right, subject, subject, codes | st.just("*")), max_size=4, unique=True)),
        draw(st.lists(enrolled, max_size=3, unique_by=lambda c: c.der)),
    )


@settings(max_examples=30)
@given(registries())
def test_what_is_written_is_read_back(registry: Registry) -> None:
    text = dump_registry(registry)
    assert load_registry(text) == registry
    assert dump_registry(load_registry(text)) == text
    assert diff(registry, load_registry(text)) == []


@settings(max_examples=30)
@given(registries(), registries())
def test_a_diff_is_empty_only_between_equals_and_turns_round(before: Registry, after: Registry) -> None:
    there, back = diff(before, after), diff(after, before)
    assert (there == []) is (before == after)
    assert len(there) == len(back)
    assert sum(c.verb is Verb.ADDED for c in there) == sum(c.verb is Verb.REMOVED for c in back)


# Diff


def test_a_diff_tells_each_fact_in_one_line_of_chinese_or_english() -> None:
    before = load_registry(TEXT)
    after = load_registry(
        TEXT.replace("timeout: 5.0", "timeout: 9.0")
        .replace("  enabled: false\ng", "g")
        .replace("  - sz-water\ne", "  - sz-gov\ne")
        .replace("  type: official-document-1\n", "")
    )
    assert [change.line("en") for change in diff(before, after)] == [
        "remove member bureaus/sz-water",
        "remove right sz-gov > group:bureaus : official-document-1",
        "add member bureaus/sz-gov",
        "add right sz-gov > group:bureaus : *",
        "change department sz-water enabled: false -> true",
        "change endpoint sz-gov timeout: 5.0 -> 9.0",
    ]
    assert [change.line("zh") for change in diff(before, after)][-2:] == [
        "修改单位 sz-water enabled：false → true",
        "修改端点 sz-gov timeout：5.0 → 9.0",
    ]


def test_a_certificate_moved_to_another_department_is_a_change() -> None:
    before = load_registry(TEXT)
    after = replace(before, certificates=(replace(before.certificates[0], department="sz-water"),))
    (change,) = diff(before, after)
    assert (change.noun, change.field, change.before, change.after) == (
        "certificate",
        "department",
        "sz-gov",
        "sz-water",
    )
