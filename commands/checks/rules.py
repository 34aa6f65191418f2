"""What `hub doctor` looks at inside the installation: database, registry, trust, routing, endpoints, queues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from commands.cert import state_of
from commands.checks.looked import Check, Level, Site, fail, failed, ok, warn
from commands.checks.place import SOON
from hub.directory import Kind
from hub.hub import Rules, open_store, read_rules
from hub.registry.registry import Registry, check_registry
from hub.routing.lint import Level as Severity
from hub.routing.lint import lint_text
from hub.routing.routing import Routing
from hub.schema.schema import Schemas
from hub.signing.signer import FileSigner
from hub.store.queues import read_queues
from hub.store.registry import read_registry, read_schemas
from hub.store.store import Store
from hub.trust.certificate import read_certificate

_FEW = 5


@contextmanager
def _opened(site: Site) -> Iterator[Store]:
    store = open_store(site.folder, site.settings)
    try:
        yield store
    finally:
        store.close()


def _registry(site: Site) -> Registry:
    with _opened(site) as store, store.reading() as connection:
        return read_registry(connection)


def _rules(site: Site) -> Rules:
    with _opened(site) as store:
        return read_rules(site.folder, site.settings, store)


def check_database(site: Site) -> Iterator[Check]:
    """The database opens, is of a known version and belongs to this hub."""
    with _opened(site):
        yield ok("database", "数据库可以打开，版本相符", "the database opens and is of this version")


def check_registered(site: Site) -> Iterator[Check]:
    """The registry holds together."""
    registry = _registry(site)
    check_registry(registry)
    departments, endpoints = len(registry.departments), len(registry.endpoints)
    yield ok("registry", f"登记信息完好：{departments} 个单位，{endpoints} 个端点",
             f"the registry is sound: {departments} departments, {endpoints} endpoints")  # fmt: skip


def check_trust(site: Site) -> Iterator[Check]:
    """The hub's own certificate counts here, and no authority or revocation list is overdue."""
    trust = _rules(site).trust
    signer = FileSigner.load(site.folder / site.settings.key, site.folder / site.settings.certificate)
    own = trust.identify(signer.certificate, site.at).department
    if own != site.settings.hub:
        yield fail("trust", f"本中心的证书登记在 {own} 名下", f"the hub's certificate is enrolled for {own}")
    alarms = trust.alarms(site.at)
    for alarm in alarms:
        yield failed("trust", alarm, Level.FAIL if alarm.code.endswith(("stale", "expired")) else Level.WARN)
    if own == site.settings.hub and not alarms:
        yield ok("trust", "本中心证书有效，发证机构和吊销列表正常",
                 "the hub's certificate counts; authorities and revocation lists are in order")  # fmt: skip


def check_routing(site: Site) -> Iterator[Check]:
    """The routing rules load, and nothing in them looks wrong; whatever else of the rules is broken."""
    text = (site.folder / site.settings.routing).read_text(encoding="utf-8")
    with _opened(site) as store, store.reading() as connection:
        directory = read_registry(connection).directory()
        schemas = Schemas.builtin().with_registered(read_schemas(connection))
    findings = lint_text(text, directory, schemas.tokens())
    for finding in findings:
        yield failed("routing", finding.fault, Level.FAIL if finding.level is Severity.ERROR else Level.WARN)
    if not findings:
        count = len(Routing.load(text).rules)
        yield ok("routing", f"{count} 条路由规则没有问题", f"{count} routing rules are in order")


def check_certificates(site: Site) -> Iterator[Check]:
    """Every department that has to sign has a certificate that counts now and for some time to come."""
    registry, trust = _registry(site), _rules(site).trust
    until = {
        line.department: read_certificate(line.der).not_after
        for line in sorted(registry.certificates, key=lambda c: read_certificate(c.der).not_after)
        if state_of(line, trust, site.at) == "valid"
    }
    signing = {e.department for e in registry.endpoints if e.kind is Kind.MAILBOX or e.profile.signed_answer}
    without = sorted(signing - until.keys())
    soon = sorted(code for code, end in until.items() if end - site.at < SOON)
    if without:
        yield warn("certificates", f"以下单位有端点而没有有效证书：{_some(without)}",
                   f"these have an endpoint but no valid certificate: {_some(without)}")  # fmt: skip
    if soon:
        yield warn("certificates", f"以下单位的证书即将到期：{_some(soon)}", f"certificates end soon: {_some(soon)}")
    if not without and not soon:
        yield ok("certificates", f"{len(until)} 个单位有有效证书", f"{len(until)} departments have a valid certificate")


def check_endpoints(site: Site) -> Iterator[Check]:
    """Every department can be reached somehow, and nothing lies about."""
    registry = _registry(site)
    reached = {e.department for e in registry.endpoints} | {site.settings.hub}
    without = [d.code for d in registry.departments if d.enabled and d.code not in reached]
    if without:
        yield warn("endpoints", f"以下单位没有端点：{_some(without)}", f"these have no endpoint: {_some(without)}")
    paused = [e.code for e in registry.endpoints if e.paused]
    if paused:
        yield warn("endpoints", f"以下端点已暂停：{_some(paused)}", f"these are paused: {_some(paused)}")
    if not without and not paused:
        yield ok("endpoints", "启用的单位都有端点", "every enabled department has an endpoint")


def check_queues(site: Site) -> Iterator[Check]:
    """Nothing is dead or held without somebody having to know."""
    with _opened(site) as store, store.reading() as connection:
        queues = read_queues(connection)
    dead = sum(queue.dead for queue in queues.values())
    held = sum(queue.held for queue in queues.values())
    waiting = sum(queue.waiting for queue in queues.values())
    if dead or held:
        yield warn("queues", f"投递失败 {dead} 份（hub dlq list），暂存 {held} 份（hub msg list --state held）",
                   f"{dead} dead (hub dlq list), {held} held (hub msg list --state held)")  # fmt: skip
    else:
        yield ok("queues", f"待投递 {waiting} 份，没有失败", f"{waiting} waiting, none dead")


def _some(codes: list[str]) -> str:
    shown = ", ".join(codes[:_FEW])
    return shown if len(codes) <= _FEW else f"{shown} … ({len(codes)})"
