"""The five operations of the inquiry service, typed and described by spyne: an element in, its response element out.

Promises: the element is validated against the served schema before anything is read; every operation proves who asks
before it looks; what spyne would say in its own words is a refusal of ours. Calls wait for the database, so they belong
in a worker thread. Importing this imports spyne.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from connectors.inquiry import answers, types
from connectors.inquiry.names import NAMESPACE
from connectors.inquiry.spyne_shim import server, soap, spyne
from hub import inquire
from hub.errors import Refused
from hub.hub import Hub
from hub.inquire import Question

_FAULTS = {"_throws": [types.HUB_FAULT]}
_ELEMENT = re.compile(r"[Ee]lement '(?:\{[^}']*\})?([A-Za-z]{1,50})'")


@dataclass(slots=True)
class Asking:
    """One call on its way. `run` awaits on the server's loop for a worker thread; `asker` is who was proven.

    `certificate` is the connection's (DER), if it may prove who calls.
    """

    hub: Hub
    run: Callable[..., str]
    certificate: bytes = b""
    asker: str = ""
    message_id: str = ""

    def by(self, operation: str, proof: Any, **arguments: Any) -> str:
        """The department that asks. Errors: as `inquire.prove`."""
        given = tuple((name, str(value)) for name, value in arguments.items() if value not in (None, ""))
        raw = b"".join(proof or ())
        self.asker = self.run(inquire.prove, self.hub, Question(operation, given), raw, self.certificate)
        return self.asker


def _returns(result: Any) -> dict[str, Any]:
    return {"_returns": result.customize(min_occurs=1, nillable=False), **_FAULTS}


class Inquiry(spyne.ServiceBase):
    """The service, as spyne describes it in the WSDL."""

    @spyne.rpc(types.MESSAGE_ID, types.SENDER, types.PAGE, types.PROOF, **_returns(types.STATUS_RESULT))
    def MessageStatus(ctx: Any, messageId: str, sender: str | None, page: int | None, proof: Any) -> Any:
        """查询报文投递状态。How far a message has come, for each recipient."""
        asking = ctx.udc
        asker = asking.by("MessageStatus", proof, messageId=messageId, sender=sender, page=page)
        asking.message_id = messageId
        return answers.status(inquire.copies(asking.hub, asker, messageId, sender or "", page or 0))

    @spyne.rpc(types.MESSAGE_ID, types.SENDER, types.PAGE, types.PROOF, **_returns(types.TRACE_RESULT))
    def MessageTrace(ctx: Any, messageId: str, sender: str | None, page: int | None, proof: Any) -> Any:
        """查询报文流转记录。Every hop of a message, out of the ledger."""
        asking = ctx.udc
        asker = asking.by("MessageTrace", proof, messageId=messageId, sender=sender, page=page)
        asking.message_id = messageId
        return answers.hops(inquire.hops(asking.hub, asker, messageId, sender or "", page or 0))

    @spyne.rpc(types.DOCUMENT_NUMBER, types.PAGE, types.PROOF, **_returns(types.MESSAGES_RESULT))
    def FindByDocumentNumber(ctx: Any, documentNumber: str, page: int | None, proof: Any) -> Any:
        """按发文字号查找报文。Finds messages by their document number."""
        asking = ctx.udc
        asker = asking.by("FindByDocumentNumber", proof, documentNumber=documentNumber, page=page)
        return answers.messages(inquire.by_document_number(asking.hub, asker, documentNumber, page or 0))

    @spyne.rpc(types.CASE_NUMBER, types.PAGE, types.PROOF, **_returns(types.CASE_RESULT))
    def FindByCaseNumber(ctx: Any, caseNumber: str, page: int | None, proof: Any) -> Any:
        """按办件编号查找报文及最近办理状态。A case's messages and its last known status."""
        asking = ctx.udc
        asker = asking.by("FindByCaseNumber", proof, caseNumber=caseNumber, page=page)
        return answers.case(inquire.by_case_number(asking.hub, asker, caseNumber, page or 0))

    @spyne.rpc(types.TYPE, types.PAGE, types.PROOF, **_returns(types.DIRECTORY_RESULT))
    def Directory(ctx: Any, type: str | None, page: int | None, proof: Any) -> Any:
        """查询有权发往的单位。The departments one may write to."""
        asking = ctx.udc
        asker = asking.by("Directory", proof, type=type, page=page)
        return answers.directory(inquire.reachable(asking.hub, asker, type or "", page or 0))


class _Called(server.ServerBase):
    """Takes calls that are parsed already; the name is what the WSDL says of how they come."""

    transport = "http://schemas.xmlsoap.org/soap/http"


class InquiryService:
    """spyne's application with our way of calling it; many threads may share one."""

    def __init__(self) -> None:
        taken, given = soap.Soap11(validator="lxml", parse_xsi_type=False), soap.Soap11()
        self._application = spyne.Application([Inquiry], NAMESPACE, "Inquiry", in_protocol=taken, out_protocol=given)
        self._server = _Called(self._application)
        self._wsdl = self._described()

    def call(self, element: Any, asking: Asking) -> bytes:
        """The response element to the element in a call's Body.

        Errors: Refused soap.operation, soap.parameter, and what `hub.inquire` refuses.
        """
        context = self._read(_qualified(element), asking)
        context.out_object = [self._application.call_wrapper(context)]
        protocol = self._application.out_protocol
        protocol.serialize(context, protocol.RESPONSE)
        response: bytes = etree.tostring(context.out_body_doc[0], encoding="UTF-8", xml_declaration=False)
        return response

    def wsdl(self) -> bytes:
        """What spyne says of the service, with a port at `http://localhost:8080`, before it is made tidy."""
        return self._wsdl

    def _described(self) -> bytes:
        documents = self._application.interface.docs.wsdl11
        documents.build_interface_document("http://localhost:8080")
        described: bytes = documents.get_interface_document()
        return described

    def _read(self, element: Any, asking: Asking) -> Any:
        operations = self._application.interface.service_method_map
        if element.tag not in operations:
            known = ", ".join(name.rpartition("}")[2] for name in operations)
            raise Refused("soap.operation", expected=known, got=str(element.tag)[:200])
        protocol = self._application.in_protocol
        context = spyne.MethodContext(self._server, spyne.MethodContext.SERVER)
        context.udc = asking
        context.in_body_doc, context.in_header_doc = element, None
        context.method_request_string = element.tag
        try:
            protocol.validate_body(context, protocol.REQUEST)
            (context,) = protocol.generate_method_contexts(context)
            protocol.deserialize(context, protocol.REQUEST)
        except spyne.Fault as fault:
            raise _refused(fault) from None
        return context


def _qualified(element: Any) -> Any:
    """Children in no namespace are taken as the contract's: SOAP::Lite and old Delphi clients send them so."""
    for child in element:
        if etree.QName(child).namespace is None:
            child.tag = f"{{{NAMESPACE}}}{child.tag}"
    return element


def _refused(fault: Any) -> Refused:
    said = fault.faultstring
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    named = _ELEMENT.search(words)
    return Refused("soap.parameter", where=named.group(1) if named else "", operator=words[:500])
