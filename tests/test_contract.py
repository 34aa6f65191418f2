"""The published contract: what the schemas must contain, and the rules that old SOAP toolkits need of a WSDL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import zeep
from lxml import etree

from hub.message import Classification, Role, Urgency
from schemas import FOLDER

XS = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP11 = "http://schemas.xmlsoap.org/wsdl/soap/"
SOAP12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
XSDS = sorted(FOLDER.glob("*.xsd"))
WSDLS = sorted(FOLDER.glob("*.wsdl"))
NAMESPACES = {"exchange": "urn:hub:exchange:v1", "delivery": "urn:hub:delivery:v1"}
OPERATIONS = {
    "exchange": ["Submit", "SubmitText", "SubmitBinary", "Fetch", "Confirm", "Status"],
    "delivery": ["Deliver", "DeliverText", "DeliverBinary", "Ping"],
}


def root(file: str) -> Any:
    return etree.parse(FOLDER / file).getroot()


def label(element: Any, language: str) -> str:
    found = element.find(
        f"{XS}annotation/{XS}documentation[@{{http://www.w3.org/XML/1998/namespace}}lang='{language}']"
    )
    return "" if found is None else " ".join(found.text.split())


def labels(file: str) -> dict[str, str]:
    return {e.get("name"): label(e, "zh") for e in root(file).iter(XS + "element") if e.get("name")}


def values(file: str, type: str) -> dict[str, str]:
    declared = next(t for t in root(file).iter(XS + "simpleType") if t.get("name") == type)
    return {e.get("value"): label(e, "zh") for e in declared.iter(XS + "enumeration")}


def stem(wsdl: Path) -> str:
    return wsdl.name.split("-")[0]


# --- schemas


@pytest.mark.parametrize("file", XSDS + WSDLS, ids=lambda p: p.name)
def test_every_element_type_and_attribute_is_labelled_in_chinese_and_english(file: Path) -> None:
    for element in etree.parse(file).getroot().iter(XS + "element", XS + "complexType", XS + "simpleType"):
        if element.get("name") and element.getparent().tag == XS + "schema":
            inner = element.iter(XS + "element", XS + "attribute")
            for declared in (element, *(e for e in inner if e.get("name"))):
                if "xmldsig" in file.name and declared.tag != XS + "element":
                    continue
                assert re.search("[\u4e00-\u9fff]", label(declared, "zh")), declared.get("name")
                assert label(declared, "en"), declared.get("name")


@pytest.mark.parametrize("file", XSDS, ids=lambda p: p.name)
def test_names_are_ascii_lower_camel_for_elements_and_upper_for_types(file: Path) -> None:
    if "profile" in file.name:
        return
    for declared in etree.parse(file).getroot().iter(XS + "element", XS + "complexType", XS + "simpleType"):
        name = declared.get("name")
        if name:
            assert re.fullmatch(r"[a-z][A-Za-z0-9]*" if declared.tag == XS + "element" else r"[A-Z][A-Za-z0-9]*", name)


LAYOUT = {
    "份号": "7.2.1", "密级": "7.2.2", "保密期限": "7.2.2", "紧急程度": "7.2.3", "发文机关标志": "7.2.4",
    "发文字号": "7.2.5", "签发人": "7.2.6", "标题": "7.3.1", "主送机关": "7.3.2", "正文": "7.3.3",
    "附件说明": "7.3.4", "发文机关署名": "7.3.5", "成文日期": "7.3.5", "印章": "7.3.5", "附注": "7.3.6",
    "附件": "7.3.7", "抄送机关": "7.4.2", "印发机关": "7.4.3", "印发日期": "7.4.3", "页码": "7.5",
}  # fmt: skip


def test_the_18_layout_elements_are_there_in_order_with_their_clauses() -> None:
    """18 elements, of which two (密级和保密期限, 印发机关和印发日期) are written as a pair each."""
    assert len(LAYOUT) == 18 + 2
    document = next(e for e in root("official-document-1.xsd").iter(XS + "element"))
    children = document.find(f"{XS}complexType/{XS}sequence")
    found = {label(e, "zh"): label(e, "en") for e in children if label(e, "zh") in LAYOUT}
    assert list(found) == list(LAYOUT)
    for name, clause in LAYOUT.items():
        assert f"GB/T 9704-2012 {clause}" in found[name]


def test_the_15_kinds_are_there() -> None:
    kinds = "决议 决定 命令（令） 公报 公告 通告 意见 通知 通报 报告 请示 批复 议案 函 纪要"
    assert list(values("official-document-1.xsd", "DocumentKind").values()) == kinds.split(" ")


@pytest.mark.parametrize("number", ["国发〔2012〕1号", "粤府办〔2026〕120号", "教基一〔2026〕3号"])
def test_a_document_number_in_six_angle_brackets_is_taken(number: str) -> None:
    assert printed(number)


@pytest.mark.parametrize(
    "number",
    [
        "国发(2012)1号", "国发（2012）1号", "国发[2012]1号", "国发【2012】1号", "国发〔2012〕01号",
        "国发〔2012〕第1号", "国发〔12〕1号", "〔2012〕1号", "国发〔2012〕1", "国 发〔2012〕1号", " 国发〔2012〕1号",
        "国发〔2012〕0号",
    ],
)  # fmt: skip
def test_a_document_number_of_any_other_form_is_refused(number: str) -> None:
    assert not printed(number)


def printed(number: str) -> bool:
    pattern = next(
        p.get("value")
        for t in root("common-1.xsd").iter(XS + "simpleType")
        if t.get("name") == "PrintedDocumentNumber"
        for p in t.iter(XS + "pattern")
    )
    schema = etree.XMLSchema(
        etree.fromstring(
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="n"><xs:simpleType>'
            f'<xs:restriction base="xs:string"><xs:pattern value="{pattern}"/></xs:restriction>'
            "</xs:simpleType></xs:element></xs:schema>"
        )
    )
    element = etree.Element("n")
    element.text = number
    return bool(schema(element))


def test_the_parts_of_a_document_number_take_no_brackets_and_no_leading_zero() -> None:
    schema = etree.XMLSchema(etree.parse(FOLDER / "official-document-1.xsd"))
    example = etree.parse(FOLDER.parent / "examples" / "notice.xml").getroot()
    number = example.find("{*}documentNumber")
    for index, wrong in ((0, "国发〔"), (0, "国发第"), (1, "26"), (2, "01"), (2, "0")):
        right, number[index].text = number[index].text, wrong
        assert not schema(example)
        number[index].text = right
    assert schema(example)


def test_a_joint_issue_names_several_issuers() -> None:
    several = {
        e.get("name") for e in root("official-document-1.xsd").iter(XS + "element") if e.get("maxOccurs") == "unbounded"
    }
    assert {"issuerMark", "signer", "issuerSignatureLine", "seal"} <= several


MESSAGES = {
    "application": ("申办", "FSXBM FSXMC LXRSFZJHM LXRSJ LXRXM LXRYX LXRZJLX LXWH SBCLQD SBHZH SBJTWD SBSJ SBXMMC "
                    "SQRDH SQRLX SQRMC SQRZJHM SQRZJLX SXMC TJFS XMHGCBH YSBLSH"),
    "preAcceptance": ("预受理", "BJBZSM BLRGH BLRXM BSLYY YSLBMMC YSLBMZZJGDM YSLJTDD YSLSJ YSLZTDM"),
    "acceptance": ("受理", "BLRGH BLRXM BSLYY CXMM GDBLSX GDBLSXDDW GDSF GXDXZQHDM SLBMMC SLBMZZJDDM SLHZH SLJTDD SLSJ "
                   "SLZLQD SLZTDM SPSXMC TJFS XMMC"),
    "approvalStep": ("审批", "SPBMMC SPBMZZJDMD SPBZH SPHJDM SPHJMC SPHJZTDM SPRXM SPRZWDM SPRZWMC SPSJ SPYJ"),
    "completion": ("办结", "BJBMMC BJBMZZJDDM BJJGDM BJJGMS BJSJ FZGZDW JEDWDM SFJE ZFHTHYY ZJBH ZJGZMC ZJYXQX"),
    "specialProcedure": ("特别程序申请", "SQNR TBCXKSRQ TBCXPZR TBCXQDLY TBCXSX TBCXSXDW TBCXZL TBCXZLMC XH"),
    "specialProcedureResult": ("特别程序结果", "JEDWDM JGCSRQ TBCXJG TBCXJSRQ TBCXSFJE XH"),
    "correctionNotice": ("补交告知", "BZCLQD BZGZFCRXM BZGZSJ BZGZYY"),
    "correctionReceipt": ("补交受理", "BZCLQD BZSJ BZSLBLRXM BZSLJTDD"),
    "collection": ("领取登记", "LQFS LQRSFZJHM LQRXM LQRZJLX LQSJ"),
}  # fmt: skip
COMMON = "SBLSH SXBM YWLSH XZQHDM SJBBH PDH BZ BYZDA BYZDB BYZDC BYZDD"


def expanded(element: Any, schema: Any) -> str:
    """All documentation below an element, with the groups it refers to."""
    text = " ".join(d.text for d in element.iter(XS + "documentation"))
    groups = {g.get("name"): g for g in schema.iterchildren(XS + "group")}
    for reference in (g for g in element.iter(XS + "group") if g.get("ref")):
        text += " " + expanded(groups[reference.get("ref").split(":")[1]], schema)
    return text


@pytest.mark.parametrize("name", MESSAGES)
def test_each_of_the_ten_messages_has_its_label_and_every_pinyin_field(name: str) -> None:
    schema = root("approval-status-1.xsd")
    element = next(e for e in schema.iterchildren(XS + "element") if e.get("name") == name)
    chinese, codes = MESSAGES[name]
    assert label(element, "zh") == chinese
    words = set(re.findall(r"[A-Z]+", expanded(element, schema)))
    assert not set(codes.split()) - words
    assert not set(COMMON.split()) - words


def test_there_are_exactly_ten_messages_in_the_order_of_the_interface() -> None:
    schema = root("approval-status-1.xsd")
    assert [e.get("name") for e in schema.iterchildren(XS + "element")] == list(MESSAGES)


def test_completion_results_carry_the_seven_codes() -> None:
    found = values("approval-status-1.xsd", "CompletionResult")
    assert list(found) == ["licensed", "returned", "voided", "deleted", "referred", "lapsed", "completed"]
    assert [text[0] for text in found.values()] == list("0123456")


def test_the_schema_and_the_code_name_the_same_words() -> None:
    assert list(values("common-1.xsd", "Urgency")) == list(Urgency)
    assert list(values("common-1.xsd", "Classification")) == list(Classification)
    role = next(a for a in root("envelope-1.xsd").iter(XS + "attribute") if a.get("name") == "role")
    assert [e.get("value") for e in role.iter(XS + "enumeration")] == list(Role)


def test_receipts_have_their_seven_kinds() -> None:
    kinds = ["delivered", "signedFor", "refused", "returned", "recalled", "read", "registered"]
    assert list(values("receipt-1.xsd", "Kind")) == kinds


# --- WSDL: the rules are those for every WSDL that the hub serves


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_zeep_loads_it_and_unpacks_every_wrapper(file: Path) -> None:
    client = zeep.Client(str(file))
    (service,) = client.wsdl.services.values()
    (port,) = service.ports.values()
    assert [*port.binding._operations] == OPERATIONS[stem(file)]
    for name, operation in port.binding._operations.items():
        assert operation.style == "document"
        assert f"{name}Result" in operation.output.signature()


@pytest.mark.parametrize("name", ["exchange", "delivery"])
def test_the_soap_12_file_differs_in_the_binding_namespace_and_in_nothing_else(name: str) -> None:
    first = (FOLDER / f"{name}-1.wsdl").read_text("utf-8")
    second = (FOLDER / f"{name}-1-soap12.wsdl").read_text("utf-8")
    assert first.count(SOAP11) == 1
    assert second == first.replace(SOAP11, SOAP12)


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_one_service_one_port_one_soap_version(file: Path) -> None:
    tree = etree.parse(file)
    assert len(tree.findall(f".//{WSDL}port")) == len(tree.findall(f".//{WSDL}binding")) == 1
    assert len({SOAP11, SOAP12} & set(tree.getroot().nsmap.values())) == 1


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_it_is_self_contained_without_policy_and_with_the_usual_prefix(file: Path) -> None:
    text = file.read_text("utf-8")
    assert "<wsdl:definitions" in text
    assert not re.search(r"schemaLocation|wsdl:import|xs:import|xs:include|wsp:|Policy", text)


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_messages_are_document_literal_wrapped(file: Path) -> None:
    tree = etree.parse(file).getroot()
    for message in tree.iter(WSDL + "message"):
        (part,) = message.iter(WSDL + "part")
        wanted = "fault" if message.get("name") == "HubFaultMessage" else "parameters"
        assert (part.get("name"), part.get("type")) == (wanted, None)
    for operation in tree.find(WSDL + "portType").iter(WSDL + "operation"):
        name = operation.get("name")
        wrappers = [element_of(tree, operation.find(WSDL + way).get("message")) for way in ("input", "output")]
        assert wrappers == [name, f"{name}Response"]


def element_of(tree: Any, message: str) -> str:
    found = next(m for m in tree.iter(WSDL + "message") if m.get("name") == message.split(":")[1])
    return str(found.find(WSDL + "part").get("element").split(":")[1])


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_wrappers_are_plain_sequences(file: Path) -> None:
    schema = etree.parse(file).getroot().find(f"{WSDL}types/{XS}schema")
    for wrapper in schema.iterchildren(XS + "element"):
        assert wrapper.get("nillable") is None
        assert wrapper.get("type") is None
        kind = wrapper.find(XS + "complexType")
        assert [e.tag for e in kind] == [XS + "sequence"]
        assert {e.tag for e in kind[0]} <= {XS + "element"}
        if wrapper.get("name").endswith("Response"):
            operation = wrapper.get("name").removesuffix("Response")
            assert [e.get("name") for e in kind[0]] == [f"{operation}Result"]


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_operations_have_full_actions_one_fault_and_no_overloads(file: Path) -> None:
    tree, name = etree.parse(file).getroot(), stem(file)
    operations = tree.find(WSDL + "portType").findall(WSDL + "operation")
    assert [o.get("name") for o in operations] == OPERATIONS[name]
    assert all(o.find(WSDL + "fault").get("message") == "hub:HubFaultMessage" for o in operations)
    bound = tree.find(WSDL + "binding").findall(WSDL + "operation")
    soap = "{" + (SOAP12 if "soap12" in file.name else SOAP11) + "}"
    actions = [o.find(soap + "operation").get("soapAction") for o in bound]
    assert actions == [f"{NAMESPACES[name]}/{o}" for o in OPERATIONS[name]]
    assert all(o.find(f"{WSDL}fault/{soap}fault").get("name") == "HubFault" for o in bound)


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_types_are_those_that_old_toolkits_read(file: Path) -> None:
    schema = etree.parse(file).getroot().find(f"{WSDL}types/{XS}schema")
    assert schema.get("elementFormDefault") == "qualified"
    assert schema.get("targetNamespace").endswith(":v1")
    used = {e.get("type") for e in schema.iter(XS + "element") if (e.get("type") or "").startswith("xs:")}
    assert used <= {"xs:string", "xs:int", "xs:long", "xs:boolean", "xs:dateTime", "xs:base64Binary"}
    assert not [e for e in schema.iter(XS + "element") if e.get("nillable")]
    assert not [*schema.iter(XS + "choice", XS + "all", XS + "attribute", XS + "extension")]


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_required_strings_may_not_be_empty(file: Path) -> None:
    schema = etree.parse(file).getroot().find(f"{WSDL}types/{XS}schema")
    plain = [e for e in schema.iter(XS + "element") if e.get("type") == "xs:string"]
    assert all(e.get("minOccurs") == "0" for e in plain)


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_xml_travels_in_a_holder_of_exactly_one_element(file: Path) -> None:
    schema = etree.parse(file).getroot().find(f"{WSDL}types/{XS}schema")
    wildcards = [*schema.iter(XS + "any")]
    assert len(wildcards) == 1
    assert dict(wildcards[0].attrib) == {"namespace": "##any", "processContents": "lax"}
    assert wildcards[0].getparent().getparent().get("name") == "XmlHolder"


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_arrays_are_named_so_and_hold_one_repeated_element(file: Path) -> None:
    schema = etree.parse(file).getroot().find(f"{WSDL}types/{XS}schema")
    repeated = [e for e in schema.iter(XS + "element") if e.get("maxOccurs") == "unbounded"]
    owners = [e.getparent().getparent() for e in repeated]
    assert repeated
    assert all(o.get("name").startswith("ArrayOf") and len(o.find(XS + "sequence")) == 1 for o in owners)


@pytest.mark.parametrize("file", WSDLS, ids=lambda p: p.name)
def test_identifiers_are_ascii(file: Path) -> None:
    for element in etree.parse(file).getroot().iter():
        if isinstance(element.tag, str):
            assert all(value.isascii() for value in element.attrib.values())
