"""Every error code with its sentence and its next step, in Chinese and English. Nothing else.

A code never changes its meaning. The part before the dot names the step or noun that raises it.
"""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """A fact and what to do about it, in both languages."""

    zh: str
    en: str
    next_zh: str
    next_en: str


CATALOGUE: dict[str, Text] = {
    # xml: step 1, the bounded parse
    "xml.malformed": Text(
        "不是格式良好的 XML", "the document is not well-formed XML",
        "请检查所示行（XML:行号）及其上一行，改正后重新发送；XML 声明之前不得有空白",
        "correct it at the line shown (XML:line) or the one above and send it again; nothing may stand before <?xml",
    ),
    "xml.too-large": Text(
        "报文超过允许的大小", "the document is larger than this hub takes",
        "请压缩或拆分附件后重新发送", "compress or split the attachments and send it again",
    ),
    "xml.too-deep": Text(
        "XML 元素嵌套过深", "the XML elements are nested too deeply",
        "请减少嵌套层级后重新发送", "nest fewer levels and send it again",
    ),
    "xml.too-many": Text(
        "XML 元素、属性或命名空间声明过多", "the document has too many elements, attributes or namespace declarations",
        "请精简或拆分报文后重新发送", "simplify or split the document and send it again",
    ),
    "xml.too-long": Text(
        "XML 名称或属性值过长", "an XML name or attribute value is too long",
        "请将长文本放入元素内容后重新发送", "move long text into element content and send it again",
    ),
    "xml.encoding": Text(
        "字符编码不受支持，或内容与所声明的编码不符",
        "the character encoding is not supported, or the bytes do not match the declared one",
        "请改用 UTF-8 编码并据实声明后重新发送", "write it in UTF-8, declare that, and send it again",
    ),
    "xml.doctype": Text(
        "报文不得含有 DOCTYPE 声明", "a document must not have a DOCTYPE",
        "请删除 DOCTYPE 声明后重新签名发送", "remove the DOCTYPE, sign again and send",
    ),
    "xml.comment": Text(
        "报文不得含有 XML 注释", "a document must not have comments",
        "请删除全部注释后重新签名发送", "remove all comments, sign again and send",
    ),
    "xml.instruction": Text(
        "报文不得含有 XML 处理指令", "a document must not have processing instructions",
        "请删除全部处理指令后重新签名发送", "remove all processing instructions, sign again and send",
    ),
    # envelope: step 2
    "envelope.invalid": Text(
        "信封不符合 envelope-1 模式", "the envelope does not match schema envelope-1",
        "请按模式修改后重新签名发送", "correct it by the schema, sign again and send",
    ),
    "envelope.time": Text(
        "日期时间无法识别", "a date and time cannot be read",
        "请使用带时区的日期时间，如 2026-03-01T09:00:00+08:00", "write it with its zone, as in 2026-03-01T09:00:00+08:00",
    ),
    # signature and certificate: step 3
    "signature.missing": Text(
        "报文没有数字签名", "the document is not signed",
        "请用本单位登记的证书签名后重新发送", "sign it with an enrolled certificate and send it again",
    ),
    "signature.profile": Text(
        "数字签名不符合本中心的签名规范", "the signature does not follow the signature profile of this hub",
        "请按接口文档的签名规范重新签名", "sign again by the signature profile of the interface document",
    ),
    "signature.invalid": Text(
        "数字签名验证未通过", "the signature does not verify",
        "请核对签名私钥，确认报文签名后未被改动，再重新签名发送",
        "check the signing key and that nothing alters the document after signing, then sign again and send",
    ),
    "signature.prefix-unsigned": Text(
        "内容中使用的命名空间前缀未受签名保护", "a namespace prefix used in content is not protected by the signature",
        "请在根元素声明该前缀，列入 InclusiveNamespaces 的 PrefixList，再重新签名",
        "bind the prefix at the root, list it in the PrefixList of InclusiveNamespaces and sign again",
    ),
    "signature.namespace": Text(
        "命名空间标识是相对 URI 或含有 & 字符，无法可靠规范化",
        "a namespace name is a relative URI or contains &, which cannot be canonicalised reliably",
        "请改用不含 & 的绝对 URI（如 urn: 或 http:）作为命名空间标识后重新签名",
        "use an absolute URI (urn: or http:) without & as namespace name and sign again",
    ),
    "certificate.unenrolled": Text(
        "签名证书未在本中心登记", "the signing certificate is not enrolled at this hub",
        "请联系本中心管理员登记该证书", "ask the hub's administrator to enrol it",
    ),
    "certificate.disabled": Text(
        "签名证书已被停用", "the signing certificate has been disabled",
        "请使用有效的证书签名，或联系本中心管理员", "sign with another certificate, or ask the hub's administrator",
    ),
    "certificate.unreadable": Text(
        "证书内容无法识别", "the certificate cannot be read",
        "请提供 PEM 或 DER 格式的 X.509 证书，且不得包含私钥", "give an X.509 certificate as PEM or DER, without a private key",
    ),
    "certificate.not-yet-valid": Text(
        "证书尚未生效", "the certificate is not valid yet",
        "请在生效日期之后使用，或校准系统时钟", "use it from its first day on, or set the clock",
    ),
    "certificate.expired": Text(
        "证书已过有效期", "the certificate has expired",
        "请向发证机构换发证书，并在本中心登记", "have it renewed and enrol the new one at this hub",
    ),
    "certificate.usage": Text(
        "证书用途不允许签署文件", "the certificate's usage does not allow it to sign documents",
        "请使用密钥用途含数字签名或不可否认的单位证书", "use one with the key usage digitalSignature or nonRepudiation, not a CA or TLS one",
    ),
    "certificate.weak": Text(
        "证书的密钥算法或长度不符合要求", "the certificate's key is of an unaccepted kind or too short",
        "请使用 RSA 2048 位以上或 P-256 密钥的证书", "use one with an RSA key of at least 2048 bits, or P-256",
    ),
    "certificate.untrusted": Text(
        "证书不是由本中心信任的机构签发", "the certificate was not issued by an authority this hub trusts",
        "请核对发证机构；管理员可用 hub trust 登记其根证书及中间证书",
        "check who issued it; the administrator can add root and intermediates with hub trust",
    ),
    "certificate.revoked": Text(
        "证书已被吊销", "the certificate has been revoked",
        "请向发证机构申请新证书，并在本中心登记", "obtain a new one and enrol it at this hub",
    ),
    "certificate.crl-stale": Text(
        "无法确认证书是否被吊销：吊销列表缺失或已过期",
        "whether the certificate is revoked cannot be told: the revocation list is missing or out of date",
        "请稍后重新发送；管理员请更新吊销列表", "send it again later; the administrator must bring in a new list",
    ),
    "certificate.already-enrolled": Text(
        "该证书已经登记", "the certificate is enrolled already",
        "如登记在其他单位名下，请核对证书文件；可用 hub cert list 查看",
        "if it is another department's, see that this is the right file; hub cert list shows them",
    ),
    "certificate.shared": Text(
        "同一证书登记了两次", "one certificate is enrolled twice",
        "请删除其中一条登记", "remove one of the two",
    ),
    # payload: step 4
    "payload.unknown-type": Text(
        "报文类型未在本中心登记", "the payload type is not registered at this hub",
        "请核对信封中的 type，或联系本中心管理员登记该模式", "check the envelope's type, or ask the hub's administrator to register the schema",
    ),
    "payload.wrong-element": Text(
        "报文体的根元素不属于所声明的类型", "the payload's root element does not belong to the declared type",
        "请使用该类型定义的根元素及命名空间，重新签名发送", "use a root element and namespace of that type, sign again and send",
    ),
    "payload.invalid": Text(
        "报文体不符合所声明类型的模式", "the payload does not match the schema of its type",
        "请按模式修改后重新签名发送", "correct it by the schema, sign again and send",
    ),
    "payload.signer": Text(
        "上行文未标注签发人", "an upward document names no signer",
        "请示、报告等上行文请在 signer 中填写签发人（GB/T 9704-2012 7.2.6），重新签名发送",
        "requests, reports and other upward documents name their signer (GB/T 9704-2012 7.2.6); add it, sign again and send",
    ),
    "payload.one-recipient": Text(
        "请示只能有一个主送机关", "a request has one main recipient",
        "请只保留一个主送机关，其他机关改为抄送，重新签名发送", "keep one main recipient, make the others copies, sign again and send",
    ),
    "proof.invalid": Text(
        "戳记、送达确认或请求文档不符合 proof-1 模式", "the stamp, acknowledgement or request does not match schema proof-1",
        "请按接口文档生成该文档并重新签名", "build it by the interface document and sign it again",
    ),
    # rights and routing: step 5
    "routing.recipient": Text(
        "收件单位不存在，或发送方无权向其发送此类报文",
        "a recipient does not exist, or the sender has no right to send it this type of message",
        "请核对收件单位代码；确需发送的，请向交换中心管理员申请权限",
        "check the recipient's code; if it is right, ask the hub's administrator for the right to send",
    ),
    "routing.rejected": Text(
        "该报文被交换中心的路由规则拒绝", "a routing rule of the hub rejects this message",
        "请按规则给出的说明处理后重新发送，或与交换中心管理员联系",
        "follow the rule's words and send again, or ask the hub's administrator",
    ),
    "rights.sender": Text(
        "签名证书不属于报文所称的发送方", "the certificate that signed is not the stated sender's",
        "请使用发送方本单位登记的证书签名", "sign with a certificate enrolled for that sender",
    ),
    "rights.classification": Text(
        "密级超过本中心允许的上限，此类文件不得经由本系统传输", "the classification is above the ceiling of this hub",
        "请改用涉密渠道传递", "use the channel meant for classified documents",
    ),
    "message.future": Text(
        "报文创建时间晚于当前时间", "the message was created in the future",
        "请校准发送系统的时钟", "set the clock of the sending system",
    ),
    "message.expired": Text(
        "报文已过有效期", "the message has expired",
        "请以新的报文标识重新发送", "send it anew under a new message id",
    ),
    "message.life": Text(
        "报文有效期过长", "the message asks for too long a life",
        "请缩短有效期", "set an earlier expiry",
    ),
    "message.recipients": Text(
        "收件单位数量超过上限", "there are more recipients than this hub takes",
        "请分批发送", "send it in parts",
    ),
    "attachment.missing": Text(
        "清单中的附件既未随报文提交，也未事先上传", "an attachment of the manifest neither came with the message nor was uploaded before",
        "请随报文一并提交；较大的附件请先上传，再提交报文", "hand it in with the message; upload a large one first, then hand in the message",
    ),
    "attachment.unlisted": Text(
        "提交了清单中没有的附件", "an attachment came that the manifest does not list",
        "请在清单中列明后重新签名", "list it in the manifest and sign again",
    ),
    "attachment.altered": Text(
        "附件内容与清单中的大小或摘要不符", "an attachment does not match the size or digest of its manifest line",
        "请核对附件后重新提交", "check the attachment and hand it in again",
    ),
    "attachment.unknown": Text(
        "没有可供下载的此附件，或下载链接已失效", "there is no such attachment to download, or the link has lapsed",
        "请核对摘要，或重新申请下载链接", "check the digest, or ask for a new link",
    ),
    "attachment.range": Text(
        "请求的字节范围超出附件大小", "the range asked for lies beyond the attachment's end",
        "请按附件大小修正 Range 后重试", "correct the Range by the attachment's size",
    ),
    # upload: large attachments, before their message
    "upload.unknown": Text(
        "上传编号不存在或已失效", "there is no such upload, or it has lapsed",
        "请重新提交上传请求", "make a new upload request",
    ),
    "upload.too-large": Text(
        "附件超过允许上传的大小", "the attachment is larger than this hub takes",
        "请压缩或拆分附件", "compress or split it",
    ),
    "upload.quota": Text(
        "本单位已上传而尚未使用的附件过多", "the department has uploaded too much that no message refers to yet",
        "请先提交引用这些附件的报文，或待其过期后再上传", "hand in the messages that refer to it, or wait until it lapses",
    ),
    "upload.part": Text(
        "分片编号或分片大小不正确", "the part's number or size is not right",
        "请按上传请求的应答划分分片", "cut the parts as the answer to the upload request says",
    ),
    "upload.header": Text(
        "缺少分片摘要，或其写法不正确", "the part's digest is missing or not written as it should be",
        "请以 Content-Digest: sha-256=:BASE64: 标明分片摘要", "give it as Content-Digest: sha-256=:BASE64:",
    ),
    "upload.altered": Text(
        "分片内容与所标摘要不符", "the part does not have the digest that came with it",
        "请重新上传该分片", "send the part again",
    ),
    "upload.incomplete": Text(
        "尚有分片未上传", "parts are still missing",
        "请查询并补传缺少的分片", "ask which are missing and send them",
    ),
    "upload.mismatch": Text(
        "附件整体与所声明的摘要不符，已上传的分片均已作废",
        "the whole attachment does not have the digest that was announced; its parts were dropped",
        "请核对文件后重新上传", "check the file and upload it anew",
    ),
    # message: step 6
    "message.conflict": Text(
        "同一发送方已用此报文标识发送过不同内容", "this sender has used the message id before for other content",
        "如系重发，请用同一操作原样发送首次的字节，或用 Status 查询；另发文件的，请使用新的报文标识",
        "to send it again, send the very bytes of the first time by the same operation, or ask Status; "
        "for another document use a new message id",
    ),
    "message.unknown": Text(
        "没有找到该报文", "no such message was found",
        "请核对报文标识、办件编号或发文字号", "check the message id, case number or document number",
    ),
    "message.purged": Text(
        "该报文的正文已按保存期限规则清理，仅存账目、摘要、戳记与回执凭据",
        "the documents of this message were purged by a rule of retention; entries, digests, stamp and evidence remain",
        "如需正文，请向发送方或收件单位调取，其摘要可与账目核对",
        "ask the sender or a recipient for them, and compare their digest with the ledger's",
    ),
    "message.ambiguous": Text(
        "符合的报文不止一件", "several messages are called that",
        "请写成 发送方/报文标识", "write it as SENDER/ID",
    ),
    # request: Fetch, Confirm, Status and inquiries
    "request.kind": Text(
        "请求类型与所调用的操作不符", "the signed request is not of the kind that this operation takes",
        "请提交与操作对应的请求", "hand in the request that belongs to the operation",
    ),
    "request.window": Text(
        "请求时间不在允许的范围内", "the request's time is outside the window",
        "请校准时钟后重新生成请求", "set the clock and make the request anew",
    ),
    "request.replayed": Text(
        "该请求已使用过", "the request was used before",
        "请使用新的随机数重新生成请求", "make a new request with a new nonce",
    ),
    "request.other-question": Text(
        "签名的查询请求与所调用的操作或参数不一致", "the signed request is for another question than the one asked",
        "请按实际调用的操作和参数重新生成请求并签名", "make and sign a request with the operation and the parameters of the call",
    ),
    "request.unproven": Text(
        "请求没有签名，所用连接也没有客户端证书", "the request is not signed, and its connection has no client certificate",
        "请对请求签名，或使用已登记的客户端证书建立连接", "sign it, or connect with a client certificate that is enrolled",
    ),
    # soap, mime and http: the front door
    "soap.empty": Text(
        "请求体为空", "the request has no body",
        "请按 WSDL 发送 SOAP 报文", "send a SOAP message by the WSDL",
    ),
    "soap.version": Text(
        "请求体不是 SOAP 1.1 或 1.2 报文", "the body is not a SOAP 1.1 or 1.2 message",
        "请按 WSDL 发送 SOAP 报文", "send a SOAP message by the WSDL",
    ),
    "soap.body": Text(
        "SOAP 报文须有且仅有一个 Body，其中有且仅有一个元素",
        "a SOAP message needs exactly one Body with exactly one element",
        "请按 WSDL 生成报文后重新发送", "make the message by the WSDL and send it again",
    ),
    "soap.operation": Text(
        "没有该操作，或其命名空间不正确", "there is no such operation, or its namespace is wrong",
        "请核对 WSDL 中的操作名和命名空间", "check operation and namespace against the WSDL",
    ),
    "soap.must-understand": Text(
        "SOAP 报文头要求必须理解，但本中心不支持该头", "a SOAP header must be understood, but this hub does not know it",
        "请去掉该头，或取消其 mustUnderstand 标记", "leave the header out, or take its mustUnderstand mark away",
    ),
    "soap.parameter": Text(
        "操作的参数不正确", "a parameter of the operation is not right",
        "请按 WSDL 填写参数", "fill in the parameters by the WSDL",
    ),
    "mime.malformed": Text(
        "多部分（MIME）请求体不完整或格式不正确", "the multipart (MIME) body is incomplete or not well formed",
        "请检查 boundary、Content-ID 和传输编码", "check boundary, Content-ID and transfer encoding",
    ),
    "mime.too-many": Text(
        "请求体的部分数量超过上限", "the body has too many parts",
        "请减少附件数量，或分批发送", "send fewer attachments, or send them in several messages",
    ),
    "mime.reference": Text(
        "附件引用无效：只能用 cid: 引用随请求发送的部分，且每个部分只能引用一次",
        "a reference to a part is not valid: only cid: of a part that came along, each used once",
        "请更正引用，或将内容以 base64 写入", "correct the reference, or write the content as base64",
    ),
    "http.too-large": Text(
        "请求超过允许的大小", "the request is larger than this hub takes",
        "请压缩或拆分附件后重新发送", "compress or split the attachments and send it again",
    ),
    "http.slow": Text(
        "请求体未在时限内传完", "the request's body did not arrive in time",
        "请检查网络后重新发送", "check the network and send it again",
    ),
    "http.coded": Text(
        "不接受压缩或其他内容编码的请求", "a compressed or otherwise coded request is not taken",
        "请关闭请求压缩（Content-Encoding）后重新发送", "turn request compression (Content-Encoding) off and send it again",
    ),
    "http.method": Text(
        "不支持该 HTTP 方法", "this HTTP method is not supported",
        "请用 POST 提交 SOAP 报文，用 GET ?wsdl 获取 WSDL", "POST a SOAP message, or GET ?wsdl for the WSDL",
    ),
    "http.busy": Text(
        "同时处理的请求过多，暂时不能接收", "too many requests at once, no more can be taken now",
        "请稍后重试", "try again later",
    ),
    # exchange: what a department's own client meets
    "exchange.refused": Text(
        "交换中心拒绝了该请求", "the hub refused the request",
        "请按其说明处理", "follow what it says",
    ),
    "exchange.unreachable": Text(
        "无法连接交换中心", "the hub cannot be reached",
        "请检查交换中心地址和网络", "check the hub's address and the network",
    ),
    "exchange.timeout": Text(
        "交换中心未在时限内应答", "the hub did not answer in time",
        "请稍后用同一报文重试；重复提交会得到同一回执", "try again later with the same message; it gets the same receipt",
    ),
    "exchange.too-large": Text(
        "交换中心的应答过大", "the hub's answer is too large",
        "请减少一次取件的数量", "fetch fewer messages at once",
    ),
    "exchange.answer": Text(
        "交换中心的应答无法识别", "the hub's answer cannot be read",
        "请核对地址是否为交换服务", "check that the address is that of the exchange service",
    ),
    "stamp.recipients": Text(
        "戳记所述收件单位与查询结果不符", "the recipients that the hub tells are not those its stamp states",
        "请保存戳记与本次应答，与交换中心核对", "keep the stamp and this answer, and ask the hub's administrators",
    ),
    # delivery: the way out
    "delivery.unreachable": Text(
        "无法连接收件单位的端点", "the recipient's endpoint cannot be reached",
        "请检查端点地址和网络", "check the endpoint's address and the network",
    ),
    "delivery.timeout": Text(
        "收件单位的端点未在时限内应答", "the recipient's endpoint did not answer in time",
        "请检查收件系统或调整超时", "check the receiving system, or allow more time",
    ),
    "delivery.too-large": Text(
        "收件单位的应答超过允许的大小", "the recipient's answer is larger than the hub takes",
        "请检查收件系统的应答", "check what the receiving system answers",
    ),
    "delivery.fault": Text(
        "收件单位的端点返回错误", "the recipient's endpoint answered with a fault",
        "请查看收件系统的日志", "look at the log of the receiving system",
    ),
    "delivery.answer": Text(
        "收件单位的应答不是有效的签收凭据", "the recipient's answer is not a valid acknowledgement",
        "请检查收件系统的应答格式", "check the form of its answer",
    ),
    "delivery.unsigned": Text(
        "收件单位的应答没有签名", "the recipient's acknowledgement is not signed",
        "请让收件系统签名，或在端点配置中允许不签名", "have it sign, or allow unsigned answers in the endpoint's profile",
    ),
    "delivery.attachment": Text(
        "附件存储未能给出该报文的附件，暂未投递", "the content store does not give an attachment of the message, so it was not handed over",
        "系统将自动重试；管理员请检查附件存储", "it is tried again; the administrator should check the content store",
    ),
    "delivery.lost": Text(
        "数据库中缺少该报文的内容，或内容已被改动，未予投递",
        "a document of the message is missing from the database, or was altered there, so it is not handed over",
        "请运行 hub ledger verify 查明范围，并从备份恢复", "see what is affected with hub ledger verify, and restore from a backup",
    ),
    "delivery.other-message": Text(
        "收件单位应答的不是这份报文", "the recipient acknowledged another message",
        "请检查收件系统", "check the receiving system",
    ),
    "delivery.other-signer": Text(
        "应答由其他单位的证书签名", "the acknowledgement was signed by another department",
        "请检查收件系统使用的证书", "check which certificate it signs with",
    ),
    "delivery.expired": Text(
        "报文在投递前已过有效期", "the message expired before it could be delivered",
        "请由发送方重新发送", "the sender should send it anew",
    ),
    "delivery.interrupted": Text(
        "投递过程中本中心的处理进程意外终止，结果不明", "the hub's process ended during the delivery; its outcome is unknown",
        "无需操作，系统会重新投递；收文系统按发送方和报文标识去重", "nothing to do, it is delivered again; receivers know a message by sender and id",
    ),
    "delivery.interrupted-again": Text(
        "投递过程中处理进程再次意外终止", "the hub's process ended during the delivery again",
        "系统将单独重试；如反复发生，请检查该报文和日志", "it is tried by itself; if this goes on, look at the message and the log",
    ),
    "delivery.interrupted-alone": Text(
        "单独投递该可疑报文时处理进程意外终止", "the hub's process ended in this suspect delivery's own turn",
        "系统将再次单独重试；请检查该报文和日志", "it is tried by itself again; look at the message and the log",
    ),
    "delivery.interrupted-alone-again": Text(
        "单独投递该可疑报文时处理进程再次意外终止", "the hub's process ended in this suspect delivery's own turn again",
        "系统将最后一次单独重试；请检查该报文和日志", "it is tried by itself once more; look at the message and the log",
    ),
    "delivery.poison": Text(
        "单独投递该报文时处理进程三次意外终止，已隔离", "the hub's process ended three times in this delivery's own turn; it is set aside",
        "请检查该报文和日志，排除原因后使用 hub msg resend 重新投递", "look at the message and the log, mend the cause, then use hub msg resend",
    ),
    "delivery.unknown": Text(
        "没有这次投递，或它不属于该单位", "there is no such delivery, or it is not this department's",
        "请核对投递编号", "check the delivery id",
    ),
    "delivery.state": Text(
        "投递的当前状态不允许此操作", "the delivery is not in a state that allows this",
        "请先用 hub msg trace 查看状态；已送达的再次投递须加 --again",
        "look at its state with hub msg trace; what was delivered is sent again with --again only",
    ),
    "delivery.recipient": Text(
        "该单位不是这份报文的收件单位", "this department is not a recipient of the message",
        "请用 hub msg trace 查看收件单位", "see its recipients with hub msg trace",
    ),
    "delivery.altered": Text(
        "收到的信封与其摘要不符", "the fetched envelope does not have its digest",
        "请重新收取；如仍不符，请联系本中心管理员", "fetch it again; if it stays so, ask the hub's administrator",
    ),
    "mailbox.absent": Text(
        "该单位没有信箱", "this department has no mailbox",
        "请用 hub endpoint add 单位代码 --mailbox 登记", "add one with hub endpoint add CODE --mailbox",
    ),
    "mailbox.nothing": Text(
        "该目录中没有收取的报文", "there are no fetched messages in this folder",
        "请指定 hub mailbox fetch --out 所用的目录", "name the folder of hub mailbox fetch --out",
    ),
    # retention: how long documents stay
    "retention.none": Text(
        "hub.yaml 未设保存期限规则，全部永久保存", "hub.yaml has no rule of retention; everything is kept for ever",
        "如需清理，请在 hub.yaml 的 retention 下添加规则", "to let something go, add rules under retention in hub.yaml",
    ),
    "retention.held": Text(
        "已有针对它的保全", "it is held already",
        "请用 hub retention holds 查看", "see hub retention holds",
    ),
    "retention.not-held": Text(
        "没有针对它的保全", "it is not held",
        "请用 hub retention holds 查看", "see hub retention holds",
    ),
    "archive.open-month": Text(
        "该月尚未结束，不能归档", "the month has not ended, so it cannot be archived",
        "请在次月归档", "archive it in the next month",
    ),
    "archive.empty": Text(
        "该月没有账目", "there are no entries of this month",
        "请核对月份", "check the month",
    ),
    "archive.differs": Text(
        "该处已有同名文件，但不是本账本该月的归档，或已损坏",
        "there is another file of this name, not this ledger's archive of the month, or a damaged one",
        "请核查该文件；确认后移走再归档", "look at it; move it away before archiving again",
    ),
    # audit: what the check of the whole database finds
    "audit.chain": Text(
        "账目与其字节形式或哈希链不符", "a ledger entry does not agree with its byte form or its chain",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.entry": Text(
        "账目与所记报文不符", "a ledger entry does not agree with the message it records",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.entry-message": Text(
        "账目所指的报文不存在", "a ledger entry names a message that is not there",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.entry-delivery": Text(
        "账目所指的投递不存在", "a ledger entry names a delivery that is not there",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.refusal": Text(
        "拒绝记录与账目不一致", "a refusal and its ledger entry do not agree",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.document": Text(
        "存储的内容与其摘要不符", "a stored document does not have the digest it is kept under",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.document-missing": Text(
        "账目或报文引用的内容不存在", "a document that a message or entry refers to is not there",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.envelope": Text(
        "存储的信封无法通过验证", "a stored envelope no longer verifies",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.message": Text(
        "报文登记项与签名原文不符", "what is recorded of a message differs from what its sender signed",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.message-entry": Text(
        "报文没有唯一的接收账目", "a message does not have exactly one entry of its acceptance",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.attachments": Text(
        "附件登记与签名清单不符", "the attachments kept are not those of the signed manifest",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.recipients": Text(
        "留存的收件单位名单与记录不符", "the list of recipients that is kept does not agree with what is recorded",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.stamp": Text(
        "本中心的戳记与记录不符", "the hub's stamp does not agree with what is recorded",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.stamp-signer": Text(
        "戳记不是用本中心证书签署", "the stamp was not signed with a certificate of this hub",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.delivery": Text(
        "投递状态与账本不符", "the state of a delivery does not follow from the ledger",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.purge": Text(
        "清理记录与账目中的管理操作不符", "a record of purging does not agree with an administrator's entry",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.evidence": Text(
        "证据不能证明这次投递", "the evidence of a delivery does not prove it",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.orphan": Text(
        "存在不属于任何报文的记录", "there are rows that belong to no message",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.message-key": Text(
        "报文编号的唯一性记录与报文不符", "what keeps a sender's message id from being used twice does not match the messages",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.database": Text(
        "数据库文件自身的完整性检查未通过", "the database finds its own file damaged",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.layout": Text(
        "数据库中的表结构与本程序的定义不符", "the definitions of the database's tables are not those of this program",
        "请保全数据库与备份，核查何人改动了表结构；若刚升级过程序，请先运行 hub database show 核对版本",
        "keep the database and its backups as they are and find out who changed its tables; `hub database show` tells their version",
    ),
    "audit.administered": Text(
        "管理操作的账目与其凭据不符", "the entry of an administrator's act does not agree with its evidence",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.registry": Text(
        "登记信息与管理操作的账目不符", "the registry is not what the entries of administrators' acts made it",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.leaf": Text(
        "账本树的叶与其账目不符", "a leaf of the tree is not the hash of its entry",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.leaf-order": Text(
        "账本树的叶缺失或次序有误", "leaves of the tree are missing or out of order",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.unnumbered": Text(
        "有账目被漏编，未进入账本树", "an entry was passed over and has no place in the tree",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.tile": Text(
        "存储的瓦片与账本树的叶不符", "a stored tile does not follow from the leaves of the tree",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.head": Text(
        "账本树头与树的叶不符", "the recorded head of the tree does not follow from its leaves",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.root": Text(
        "检查点的根哈希与账本树的叶不符", "the root of a checkpoint is not that of its leaves",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.checkpoint": Text(
        "检查点无法验证，或与登记不符", "a checkpoint does not verify or differs from its record",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.checkpoint-key": Text(
        "检查点的签名密钥当时不在有效期内", "a checkpoint was signed with a key outside its dates",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.key-change": Text(
        "换钥记录无效，或账本密钥未经新旧密钥共同签署即被更换", "a change of the ledger's keys is not proven by the signatures of old and new keys",
        "密钥可能被盗用或顶替；请保全数据库与备份，并核查换钥经过", "the key may have been stolen or replaced; keep the database and its backups as they are and find out how it was changed",
    ),
    "audit.timestamp": Text(
        "时间戳无法验证：已被改动，或签发机构未列入设置", "a time-stamp does not verify: it was altered, or its authority is not among those in the settings",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.timestamp-note": Text(
        "时间戳对应的不是这一检查点", "a time-stamp is over another checkpoint than the one it is kept with",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.timestamp-authority": Text(
        "时间戳不是由设置中的时间戳服务机构签发", "a time-stamp is not from an authority that the settings name",
        "如曾更换时间戳服务，请在 ledger.timestamp_anchors 中保留原有根证书；否则请保全数据库并核查", "if the authority was changed, keep the roots of the former one in ledger.timestamp_anchors; otherwise keep the database as it is and find out",
    ),
    "audit.cosignature": Text(
        "副署无法验证，或与登记不符", "a cosignature does not verify or differs from its record",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.signer-date": Text(
        "签名证书在接收之日不在有效期内", "a signer's certificate was outside its dates when the message was accepted",
        "请保全数据库与备份，核查该记录的改动来源", "keep the database and its backups as they are and find out who changed it",
    ),
    "audit.kept": Text(
        "外部留存的检查点与本账本不一致", "a checkpoint that was kept elsewhere does not belong to this ledger",
        "账本可能被回退、截断或重建；请保全双方证据并立即报告监督机关", "the ledger may have been put back, cut off or rebuilt; keep both sides as they are and tell the supervision authority at once",
    ),
    # schema, routing, registry, store, settings: ours
    "schema.folder": Text(
        "指定的目录不存在，或其中没有 .xsd 文件", "the folder does not exist or holds no .xsd file",
        "请指定包含模式文件的目录", "name a folder that holds the schema files",
    ),
    "schema.name": Text(
        "模式名称或版本号不合规定", "the name or version of the schema is not allowed",
        "名称请用字母、数字、点、下划线和连字符，版本号以数字开头", "use letters, digits, dot, underscore and hyphen for the name, and a version that starts with a digit",
    ),
    "schema.malformed": Text(
        "模式文件不是格式良好的 XSD", "a schema file is not a well-formed XSD",
        "请修改该文件后重新登记", "correct the file and register again",
    ),
    "schema.doctype": Text(
        "模式文件不得含有 DOCTYPE 声明", "a schema file must not have a DOCTYPE",
        "请删除 DOCTYPE 声明后重新登记", "remove the DOCTYPE and register again",
    ),
    "schema.outside": Text(
        "模式引用了本目录以外的文件或网络地址", "a schema refers to a file outside its folder or to a network address",
        "请将被引用的文件放入同一目录，并改用相对路径引用", "put the file into the folder and refer to it by its relative path",
    ),
    "schema.file-missing": Text(
        "模式引用的文件不在目录中", "a file that the schema refers to is not in the folder",
        "请补齐该文件，或更正 schemaLocation", "add the file, or correct the schemaLocation",
    ),
    "schema.no-entry": Text(
        "无法确定入口文件", "the entry file cannot be told",
        "请用 --entry 指定入口文件", "name it with --entry",
    ),
    "schema.too-large": Text(
        "模式文件过多或过大", "the schema has too many files or too many bytes",
        "请只保留所需的文件后重新登记", "keep only the files it needs and register again",
    ),
    "schema.broken": Text(
        "模式无法编译", "the schema cannot be compiled",
        "请更正所示位置的错误后重新登记", "correct the error at the place shown and register again",
    ),
    "schema.token-taken": Text(
        "同名同版本的模式已经登记", "a schema of this name and version is already registered",
        "已登记的模式不可更改，请以新版本号登记", "a registered schema never changes; register it under a new version",
    ),
    "schema.unknown": Text(
        "没有这个模式", "there is no such schema",
        "请用 hub schema list 查看已登记的模式", "see the registered ones with: hub schema list",
    ),
    "schema.builtin": Text(
        "这是系统自带的模式，不能删除", "this schema is part of the hub and cannot be removed",
        "无需处理", "nothing to do",
    ),
    "schema.no-namespace": Text(
        "模式没有目标命名空间", "the schema has no target namespace",
        "请为 xs:schema 指定 targetNamespace", "give xs:schema a targetNamespace",
    ),
    "schema.namespace-taken": Text(
        "该命名空间已属于另一个模式", "the namespace already belongs to another schema",
        "请改用自己的命名空间，或以同一名称登记新版本", "use a namespace of your own, or register a new version under the same name",
    ),
    "schema.no-root": Text(
        "模式没有可作为报文体的全局元素", "the schema declares no global element that could be a payload",
        "请声明至少一个全局元素", "declare at least one global element",
    ),
    "schema.pattern-letters": Text(
        "正则表达式使用的字符类别会误拒汉字", "the pattern uses a character property that wrongly refuses Chinese letters",
        "请改用 \\w、\\p{IsCJKUnifiedIdeographs} 或具体的字符范围", "use \\w, \\p{IsCJKUnifiedIdeographs} or explicit ranges instead",
    ),
    "schema.pattern-slow": Text(
        "正则表达式可能导致匹配时间失控", "matching this pattern may take exponential or cubic time",
        "请避免嵌套的重复，以及可匹配相同字符的多个连续重复", "avoid repeats inside repeats and several repeats of the same characters in a row",
    ),
    "schema.pattern-broken": Text(
        "正则表达式不合 XSD 语法", "the pattern is not an XSD regular expression",
        "请按 XML Schema 第 2 部分附录 F 修改", "correct it by XML Schema part 2, appendix F",
    ),
    "schema.occurs": Text(
        "出现次数过大", "the number of occurrences is too large",
        "请改用较小的数或 unbounded", "use a smaller number, or unbounded",
    ),
    "schema.qname": Text(
        "内容类型为 QName 或 NOTATION，其前缀绑定不受签名保护", "content of type QName or NOTATION, whose prefix binding no signature protects",
        "请改用 xs:anyURI 或 xs:string", "use xs:anyURI or xs:string instead",
    ),
    "schema.wrong-root": Text(
        "该模式没有这个根元素", "the schema has no such root element",
        "请从模式的全局元素中选择", "choose one of the schema's global elements",
    ),
    "schema.no-sample": Text(
        "无法为该模式自动生成样例", "no sample can be made for this schema",
        "请参照模式手工编写样例，并用 hub schema validate 校验", "write one by hand and check it with: hub schema validate",
    ),
    "key.absent": Text(
        "没有该单位的签名私钥", "there is no signing key of this department here",
        "试用时请运行 hub ca issue 单位代码 生成；已有私钥的，请用 --key（hub mock dept 为 --key-dir）指明位置",
        "for a trial, make one with hub ca issue DEPT; if there is one, say where by --key (hub mock dept: --key-dir)",
    ),
    "key.unreadable": Text(
        "无法读取签名私钥或证书", "the signing key or its certificate cannot be read",
        "请检查密钥与证书文件的路径、格式、权限和口令", "check path, format, permissions and password of the key and certificate files",
    ),
    "key.mismatch": Text(
        "签名私钥与证书不匹配", "the signing key does not belong to the certificate",
        "请使用与该私钥成对的证书", "use the certificate that was issued for this key",
    ),
    "key.weak": Text(
        "签名密钥的算法或长度不符合要求", "the kind or size of the signing key is not accepted",
        "请改用 P-256 密钥或 2048 位以上的 RSA 密钥", "use a P-256 key, or an RSA key of 2048 bits or more",
    ),
    "routing.version": Text(
        "不支持该路由文件的格式版本", "the format version of the routing file is not supported",
        "请使用所示的格式版本，或升级交换中心", "use the version shown, or upgrade the hub",
    ),
    "routing.rule": Text(
        "每条路由规则必须且只能有一个动作", "a routing rule needs exactly one action",
        "请在 then 中保留所示动作之一", "keep one of the actions shown under then",
    ),
    "routing.value": Text(
        "路由规则中的取值不符合格式", "a value in a routing rule does not have the right form",
        "请按所示格式填写", "write it in the form shown",
    ),
    "routing.duplicate-rule": Text(
        "路由规则重名", "two routing rules have the same name",
        "请为每条规则取不同的名称", "give each rule a name of its own",
    ),
    "routing.xpath-syntax": Text(
        "路由规则中的 XPath 无法编译", "an XPath in a routing rule does not compile",
        "请检查括号、引号和各比较项的类型",
        "check its brackets, quotes and the types it compares",
    ),
    "routing.xpath-prefix": Text(
        "路由规则中的 XPath 使用了未声明的前缀",
        "an XPath in a routing rule uses an undeclared prefix",
        "请在该规则的 namespaces 中声明此前缀，或改用已声明的前缀",
        "declare it under namespaces in that rule, or use a declared one",
    ),
    "routing.xpath-function": Text(
        "路由规则中的 XPath 使用了不允许的函数",
        "an XPath in a routing rule calls a function that is not allowed",
        "请改用所示函数", "use a function shown",
    ),
    "routing.xpath-limit": Text(
        "路由规则中的 XPath 使用了可能耗时过长的写法",
        "an XPath in a routing rule has a form that a document could make slow",
        "请改用所示写法；允许的写法见 docs/routing.zh-CN.md",
        "use the form shown; docs/routing.md lists what is allowed",
    ),
    "routing.xpath-failed": Text(
        "路由规则中的 XPath 无法在该报文上求值",
        "an XPath in a routing rule failed on this message",
        "请交换中心管理员用 hub route explain 检查该规则",
        "the hub's administrator should check the rule with hub route explain",
    ),
    "routing.target": Text(
        "路由规则指定的转送目的地目前不存在或已停用",
        "the destination that a routing rule redirects to is absent or disabled",
        "报文未被接收；请交换中心管理员修正路由规则后由发送方重新发送",
        "the message was not accepted; the hub's administrator should mend the rule, then send it again",
    ),
    "routing.unknown-type": Text(
        "路由规则提到的报文类型尚未登记", "a routing rule names a type that is not registered",
        "请核对名称，或先登记该模式", "check the name, or register the schema first",
    ),
    "routing.unknown-department": Text(
        "路由规则提到的单位尚未登记", "a routing rule names a department that is not registered",
        "请核对单位代码，或先登记该单位", "check the code, or register the department first",
    ),
    "routing.unknown-group": Text(
        "路由规则提到的单位组不存在", "a routing rule names a group that does not exist",
        "请核对组名，或先建立该组", "check the name, or create the group first",
    ),
    "routing.unknown-endpoint": Text(
        "路由规则提到的接收端点不存在", "a routing rule names an endpoint that does not exist",
        "请核对端点代码，或先登记该端点", "check the code, or add the endpoint first",
    ),
    "routing.no-match": Text(
        "路由规则的条件目前匹配不到任何对象",
        "a condition of a routing rule matches nothing at present",
        "请核对通配符或区划代码", "check the pattern or the division code",
    ),
    "routing.no-target": Text(
        "路由规则的目的地目前没有可用单位",
        "nobody enabled is behind the targets of a routing rule",
        "请为该组添加单位，或启用有关单位",
        "add departments to the group, or enable the department",
    ),
    "routing.no-effect": Text(
        "该路由规则不会改变任何结果", "a routing rule changes nothing",
        "请修改规则的目的地，或将其删除", "change its targets, or remove it",
    ),
    "routing.unreachable": Text(
        "该路由规则永远不会执行，前面的规则已终止处理",
        "a routing rule is never reached: an earlier one ends the list before it",
        "请将其移到所示规则之前，或将其删除", "move it before the rule shown, or remove it",
    ),
    "routing.redirect-all": Text(
        "该转送规则未限定收件单位，将取代全部收件单位",
        "a redirect without a recipient condition takes the document from every recipient",
        "如非本意，请增加 recipient 条件", "add a recipient condition unless that is meant",
    ),
    "retry.policy": Text(
        "重试参数超出允许范围", "a retry setting is out of range",
        "请按所示范围填写", "set it inside the range shown",
    ),
    "listen.port-in-use": Text(
        "监听端口已被占用", "the port is in use",
        "请停止占用该端口的程序，或改用其他端口", "stop the program that uses it, or choose another port",
    ),
    "listen.address": Text(
        "无法在该地址监听", "this address cannot be listened on",
        "请检查主机名、端口和权限", "check host, port and permission",
    ),
    "tls.unreadable": Text(
        "TLS 证书、私钥或发证机构文件无法读取，或不是未加密的 PEM 文件",
        "a TLS certificate, key or CA file cannot be read, or is no unencrypted PEM",
        "请核对所示设置项或选项、文件内容与权限", "check the setting or option shown, the file and its permissions",
    ),
    "tls.mismatch": Text(
        "TLS 私钥与证书不匹配", "the TLS key does not belong to the TLS certificate",
        "请使用与证书对应的私钥", "use the key that the certificate was issued for",
    ),
    "tls.distrusting": Text(
        "变更后的发证机构文件（或同时有误的证书、私钥）无法使用，在此期间不信任任何对方证书",
        "the changed file of authorities cannot be used, or certificate and key beside it; no certificate of another is "
        "believed until they can",
        "请恢复所示设置项的文件，并核对证书与私钥；本中心会自动读取，无需重启",
        "mend the file of the setting shown, and look at certificate and key; they are read without a restart",
    ),
    "tls.expiring": Text(
        "TLS 证书已过期或即将到期", "a TLS certificate has expired or soon will",
        "请更换证书文件，本中心会自动读取，无需重启", "put a new certificate in its place; it is read without a restart",
    ),
    "hub.internal": Text(
        "系统内部错误，报文未被处理完", "an error inside the hub kept it from finishing",
        "请稍后重试；仍有问题时，请将关联标识告知管理员", "try again later; if it stays, tell the administrator the correlation id",
    ),
    "mock.fault": Text(
        "没有这种模拟故障", "there is no such pretended fault",
        "请从所示故障中选择", "choose one of those shown",
    ),
    # demo
    "demo.process": Text(
        "演示所用的进程未能启动或意外结束", "a process of the demo did not start, or ended too early",
        "请查看数据目录 demo-logs 中该进程的日志", "look into its file in demo-logs of the data directory",
    ),
    "demo.foreign": Text(
        "该目录不是由演示建立的，不予删除", "the folder was not made by the demo, so it is not removed",
        "请用 --data 指定其他目录", "name another folder with --data",
    ),
    "demo.no-samples": Text(
        "找不到随程序提供的示例公文", "the sample documents that come with the program are not there",
        "请重新安装程序", "install the program again",
    ),
    "settings.value": Text(
        "配置项的值不正确", "a setting has a wrong value",
        "请修改 hub.yaml", "correct hub.yaml",
    ),
    "wsdl.unreadable": Text(
        "不是可读取的 WSDL 文档", "not a WSDL that can be read",
        "请向单位的系统厂商索取其服务的 WSDL 文件", "ask the maker of the department's system for the WSDL of its service",
    ),
    "wsdl.elsewhere": Text(
        "WSDL 引用了其他位置的文件，交换中心不会去读取", "the WSDL refers to a file elsewhere, which is not fetched",
        "请把 WSDL 与它引用的文件存入同一文件夹，引用只写文件名，再检查该文件",
        "put the WSDL and what it imports into one folder, refer to them by file name, and give that file",
    ),
    "install.not-empty": Text(
        "目标目录不是空目录，未作任何更改", "the folder is not empty; nothing was done",
        "请用 --data 指定一个新目录", "name a new folder with --data",
    ),
    "install.no-key": Text(
        "不使用演示 CA 时，须提供交换中心的私钥、证书和信任锚", "without the demo CA the hub needs a key, a certificate and an anchor",
        "请用 --key、--cert、--anchor 指定", "give them with --key, --cert and --anchor",
    ),
    "install.no-routing": Text(
        "安装包中缺少默认的 routing.yaml", "the default routing.yaml is missing from this installation",
        "请重新安装程序", "install the program again",
    ),
    "serve.running": Text(
        "该数据目录已有一个交换中心在运行", "a hub is serving this data directory already",
        "请先停止正在运行的进程，或指定其他数据目录", "stop the running one first, or name another data directory",
    ),
    "node.taken": Text(
        "该节点名正由另一进程使用", "another process is serving under this node name",
        "请先停止该进程，或用 --node（hub.yaml 中的 node）为本进程另取节点名",
        "stop that process first, or give this one a name of its own with --node (node in hub.yaml)",
    ),
    "node.closed": Text(
        "恢复备份时已封存该节点的账目链，不得继续写入", "this node's chain was closed when a backup was restored",
        "请用 --node（hub.yaml 中的 node）为本进程另取新的节点名",
        "give this process a new node name with --node (node in hub.yaml)",
    ),
    "node.lost": Text(
        "本进程对节点名的占用已中断，正在重新取得", "this process has lost its hold on its node name and is taking it again",
        "请检查数据库及其网络；若持续一分钟，进程将自行停止", "check the database and the network to it; after a minute the process stops by itself",
    ),
    "tracing.absent": Text(
        "已配置 tracing.url，但未安装 OpenTelemetry", "tracing.url is set, but OpenTelemetry is not installed",
        "请执行 pip install 'gov-document-hub[otel]'，或清空 tracing.url", "run pip install 'gov-document-hub[otel]', or leave tracing.url empty",
    ),
    "health.draining": Text(
        "正在停止，不再接收新请求", "the process is stopping and takes no new calls",
        "请将请求转往其他进程", "send calls to another process",
    ),
    "health.not-served": Text(
        "该节点没有进程在运行", "no process is serving this node here",
        "请运行 hub serve，并查看日志中停止的原因", "run hub serve, and see in the log why it ended",
    ),
    "health.clock": Text(
        "本机时钟与数据库时钟相差过大", "this machine's clock differs too much from the database's",
        "请检查两台机器的时间同步服务", "check time synchronisation on both machines",
    ),
    "health.disk": Text(
        "磁盘剩余空间不足", "too little disk space is left",
        "请清理或扩充磁盘", "free or add disk space",
    ),
    "health.key-expired": Text(
        "本中心的证书不在有效期内", "the hub's own certificate is outside its dates",
        "请更换本中心的证书", "renew the hub's certificate",
    ),
    "health.key-expires": Text(
        "本中心的证书即将到期", "the hub's own certificate expires soon",
        "请尽快更换本中心的证书", "renew the hub's certificate soon",
    ),
    "health.queue-old": Text(
        "有报文等待投递的时间过长", "a delivery has been waiting for too long",
        "请用 hub endpoint list 和 hub dlq list 查明对方系统情况", "see which endpoint it is with hub endpoint list and hub dlq list",
    ),
    "health.partitions": Text(
        "数据库为今后月份准备的分区不足", "the database has partitions for too few of the months to come",
        "请以数据库属主身份运行 hub database partitions --make；在此之前数据照常写入后备分区",
        "run hub database partitions --make as the database's owner; until then rows go to the partition for all others",
    ),
    "health.witness-overdue": Text(
        "账本长时间未获见证或时间戳确认", "neither witness nor time-stamp has confirmed the ledger for too long",
        "请检查见证方和时间戳服务是否正常运行", "check that the witness and the time-stamp authority are running",
    ),
    "settings.absent": Text(
        "数据目录中没有 hub.yaml", "there is no hub.yaml in the data directory",
        "请先运行 hub init，或用 --data 指定目录", "run hub init first, or name the directory with --data",
    ),
    "settings.unreadable": Text(
        "无法读取数据目录中的文件", "a file in the data directory cannot be read",
        "请检查文件权限和编码", "check its permissions and encoding",
    ),
    "settings.unwritable": Text(
        "无法写入数据目录", "the data directory cannot be written",
        "请检查磁盘是否为只读，以及目录权限", "check whether its disk is read-only, and the folder's permissions",
    ),
    # content store
    "content.place": Text(
        "附件存储的位置不正确", "the place of the content store is not right",
        "应为目录，或已存在的存储桶 s3://主机/桶名", "name a folder, or a bucket that exists: s3://HOST/BUCKET",
    ),
    "content.driver": Text(
        "未安装对象存储的驱动程序", "the driver for object storage is not installed",
        "请执行 pip install 'gov-document-hub[s3]'", "run pip install 'gov-document-hub[s3]'",
    ),
    "content.missing": Text(
        "附件存储中缺少应有的内容", "a part of an attachment is missing from the content store",
        "请稍后重试；管理员请检查附件存储，必要时从备份恢复",
        "try again later; the administrator should check the content store and restore from a backup if need be",
    ),
    "content.altered": Text(
        "附件存储中的内容与摘要不符", "a part of an attachment in the content store does not have its digest",
        "内容未交付；管理员请从备份恢复该内容", "it was not handed out; the administrator should restore it from a backup",
    ),
    "content.full": Text(
        "附件存储已满，暂时不能接收", "the content store is full, nothing can be taken now",
        "请稍后重试；管理员请清理空间", "try again later; the administrator should free space",
    ),
    "content.io": Text(
        "附件存储读写出错，暂时不能接收", "the content store answered with an error, nothing can be taken now",
        "请稍后重试；管理员请检查附件存储", "try again later; the administrator should check the content store",
    ),
    "content.forbidden": Text(
        "附件存储拒绝访问", "the content store refuses access",
        "请稍后重试；管理员请检查访问密钥和权限", "try again later; the administrator should check keys and rights",
    ),
    "content.unreachable": Text(
        "无法连接附件存储", "the content store cannot be reached",
        "请稍后重试；管理员请检查附件存储", "try again later; the administrator should check the content store",
    ),
    "store.exists": Text(
        "该数据库已存在内容", "the database is not empty",
        "请换一个数据目录或数据库", "use another data directory or database",
    ),
    "store.absent": Text(
        "数据库不存在或不是交换中心的数据库", "there is no hub database here",
        "请核对 hub.yaml 中的 database；新安装请先运行 hub init", "check database in hub.yaml; for a new hub, run hub init first",
    ),
    "store.newer": Text(
        "数据库由更新版本的程序创建", "the database was made by a newer version of this program",
        "请升级程序后再打开", "upgrade the program, then open it",
    ),
    "store.older": Text(
        "数据库结构早于本程序的版本", "the database has the layout of an older version of this program",
        "请先备份，再运行 hub database upgrade", "take a backup, then run hub database upgrade",
    ),
    "store.other-hub": Text(
        "该数据库属于另一个交换中心", "the database belongs to another hub",
        "请核对 hub.yaml 中的 database 和 hub，每个交换中心须使用各自的数据库", "check database and hub in hub.yaml; every hub needs a database of its own",
    ),
    "store.moved": Text(
        "该数据库的内容已迁往别处，不再使用", "what was in this database has moved to another, and goes on there",
        "请在 hub.yaml 的 database 中填写新地址", "put the new address under database in hub.yaml",
    ),
    "store.slow": Text(
        "数据库操作超过时限，已中止", "the database took longer than allowed, and the work was given up",
        "请稍后重试；管理员请检查数据库负载及 hub.yaml 中的 database_pool", "try again later; the administrator should look at the database's load and at database_pool in hub.yaml",
    ),
    "store.uneven": Text(
        "复制后的内容与原数据库不一致，复制已撤销", "the copy is not the same as the original, and was undone",
        "请重试；如仍出现，请将日志交维护人员", "try again; if it stays so, hand the log to the maintainers",
    ),
    "store.damaged": Text(
        "数据库文件已损坏", "the database file is damaged",
        "请从备份恢复", "restore it from a backup",
    ),
    "store.lost": Text(
        "数据库中缺少应有的内容，或内容已被改动", "a document that must be there is missing from the database, or was altered",
        "请运行 hub ledger verify 查明范围，并从备份恢复", "see what is affected with hub ledger verify, and restore from a backup",
    ),
    "store.url": Text(
        "数据库地址不正确", "the database address is not right",
        "应为 sqlite:///文件 或 postgresql+psycopg://…", "use sqlite:///file or postgresql+psycopg://...",
    ),
    "store.full": Text(
        "磁盘已满，暂时不能接收", "the disk is full, nothing can be taken now",
        "请稍后重试；管理员请清理磁盘", "try again later; the administrator should free space",
    ),
    "store.read-only": Text(
        "数据库只读，暂时不能接收", "the database is read-only, nothing can be taken now",
        "请稍后重试；管理员请检查权限", "try again later; the administrator should check permissions",
    ),
    "store.io": Text(
        "存储读写出错，暂时不能接收", "the storage answered with an error, nothing can be taken now",
        "请稍后重试；管理员请检查磁盘", "try again later; the administrator should check the disk",
    ),
    "store.busy": Text(
        "系统繁忙，暂时不能接收", "the hub is too busy to take more now",
        "请稍后重试", "try again later",
    ),
    "store.raced": Text(
        "同一内容正由另一节点办理，暂时不能接收", "another node is working on the same thing at this moment",
        "请稍后重试", "try again later",
    ),
    "store.login": Text(
        "数据库拒绝登录", "the database refuses the login",
        "请检查数据库地址中的用户名、口令及服务器的访问规则", "check user and password in the database address, and the server's access rules",
    ),
    "store.forbidden": Text(
        "数据库用户没有所需权限", "the database user lacks a right that is needed",
        "请按 docs/postgresql.zh-CN.md 中的语句授权", "grant the rights listed in docs/postgresql.md",
    ),
    "store.foreign": Text(
        "数据库中的表不属于交换中心", "the tables in this database are not the hub's",
        "请核对数据库地址，并使用专用的数据库", "check the database address, and give the hub a database of its own",
    ),
    "store.value": Text(
        "有内容超出数据库字段的范围", "a value does not fit its place in the database",
        "请根据日志缩短或改正该内容", "shorten or correct the value that the log names",
    ),
    "store.server": Text(
        "PostgreSQL 版本过低", "the PostgreSQL server is too old",
        "请升级数据库服务器", "upgrade the database server",
    ),
    "store.encoding": Text(
        "数据库的字符编码不是 UTF8，无法保存中文内容", "the database's encoding is not UTF8 and cannot hold Chinese text",
        "请按 docs/postgresql.zh-CN.md 新建数据库（ENCODING 'UTF8'）", "make a new database as docs/postgresql.md says (ENCODING 'UTF8')",
    ),
    "store.driver": Text(
        "未安装 PostgreSQL 驱动程序", "the PostgreSQL driver is not installed",
        "请执行 pip install 'gov-document-hub[postgresql]'", "run pip install 'gov-document-hub[postgresql]'",
    ),
    "store.unreachable": Text(
        "数据库暂时无法使用", "the database cannot be used now",
        "请稍后重试；管理员请检查数据库", "try again later; the administrator should check the database",
    ),
    # migrate: moving to another database
    "migrate.unsound": Text(
        "账本审计发现问题，没有迁移", "the ledger is not sound, nothing was moved",
        "请用 hub ledger audit 查明并处理后再迁移", "see what is wrong with hub ledger audit, then move",
    ),
    # backup: copies of an installation, and bringing them back
    "backup.absent": Text(
        "此处没有备份", "there is no backup here",
        "请指定 hub backup 生成的目录或 .tar 文件", "name a folder or .tar file that hub backup has made",
    ),
    "backup.manifest": Text(
        "备份清单 manifest.json 无法识别", "the backup's manifest.json cannot be read",
        "请改用其他备份，并检查存放备份的介质", "use another backup, and check what this one is kept on",
    ),
    "backup.newer": Text(
        "备份由更新版本的程序生成", "the backup was made by a newer program",
        "请使用不低于该版本的程序", "use a program of that version or newer",
    ),
    "backup.altered": Text(
        "备份中的文件缺失、多出或已被改动", "a file of the backup is missing, changed, or does not belong to it",
        "请改用其他备份，并检查存放备份的介质", "use another backup, and check what this one is kept on",
    ),
    "backup.head": Text(
        "备份中的数据库与清单所载不符", "the backup's database does not stand where its manifest says",
        "该备份可能经过拼凑，请改用其他备份", "it may be put together from several; use another backup",
    ),
    "backup.unsound": Text(
        "备份未通过核验，没有恢复任何内容", "the backup is not sound; nothing was restored",
        "请用 hub backup verify 查看全部问题，或改用其他备份", "see all of it with hub backup verify, or use another backup",
    ),
    "backup.password": Text(
        "无法从 hub.yaml 的副本中去除密码，没有生成备份", "a password could not be taken out of the copy of hub.yaml; no backup was made",
        "请改正地址的写法，或用 --with-secrets 保留密码并妥善保管备份",
        "correct how the address is written, or keep it with --with-secrets and guard the backup",
    ),
    # trust: authorities and revocation lists
    "trust.not-authority": Text(
        "该证书不是 CA 证书，不能作为信任锚", "this is not a CA certificate and cannot be an anchor",
        "请提供发证机构的根证书或中间证书", "give the authority's root or intermediate certificate",
    ),
    "trust.crl-unreadable": Text(
        "吊销列表无法识别或类型不受支持", "a revocation list cannot be read or is of an unsupported kind",
        "请从发证机构重新下载完整的吊销列表", "fetch the full list from the authority again",
    ),
    "trust.crl-foreign": Text(
        "吊销列表不是由受信任的机构签发", "no trusted authority signed this revocation list",
        "请移除该文件，或先登记其签发机构", "remove the file, or add its authority first",
    ),
    "trust.crl-missing": Text(
        "缺少发证机构的吊销列表", "an authority's revocation list is missing",
        "请将其吊销列表放入配置的目录", "put its list into the configured folder",
    ),
    "trust.crl-early": Text(
        "吊销列表的签发时间晚于当前时间", "a revocation list was issued in the future",
        "请校准本机时钟", "set this machine's clock",
    ),
    "trust.crl-late": Text(
        "吊销列表已过更新时间，仍在宽限期内", "a revocation list is overdue, but within its grace",
        "请尽快更新吊销列表", "bring in a new list soon",
    ),
    "trust.crl-stale": Text(
        "吊销列表已超过宽限期，相关证书的报文均被拒收",
        "a revocation list is out of date beyond its grace; messages under it are refused",
        "请立即更新吊销列表", "bring in a new list now",
    ),
    "trust.authority-expiring": Text(
        "发证机构证书即将到期", "an authority's certificate expires soon",
        "请联系发证机构取得新证书并登记", "obtain and add its new certificate",
    ),
    "trust.authority-expired": Text(
        "发证机构证书已到期", "an authority's certificate has expired",
        "请登记新的发证机构证书", "add its new certificate",
    ),
    "trust.absent": Text(
        "没有信任该发证机构", "no such authority is trusted",
        "请用 hub trust list 核对指纹", "check the thumbprint with hub trust list",
    ),
    "trust.crl-older": Text(
        "已有更新的吊销列表", "a newer revocation list of this authority is there already",
        "请从发证机构下载最新的列表", "fetch the latest list from the authority",
    ),
    "ca.exists": Text(
        "演示 CA 已存在", "there is a demo CA already",
        "无需再次创建", "nothing to do",
    ),
    "ca.absent": Text(
        "本数据目录没有演示 CA", "this data directory has no demo CA",
        "请先运行 hub ca init，或使用正式机构签发的证书", "run hub ca init first, or use certificates of a licensed authority",
    ),
    "ca.unreadable": Text(
        "演示 CA 目录无法读取或内容不一致", "the demo CA's folder cannot be read, or its files do not belong together",
        "请检查该目录，或用 hub ca 重新创建", "check the folder, or make a new one with hub ca",
    ),
    "ca.name": Text(
        "证书名称不正确", "a certificate's name is not right",
        "请填写非空的名称", "give a name that is not empty",
    ),
    "ca.host": Text(
        "主机名不正确", "a host name is not right",
        "请填写一个或多个主机名或 IP 地址", "give one or more host names or IP addresses",
    ),
    # registry: departments, groups, endpoints, rights and certificates
    "registry.version": Text(
        "登记文件的版本不受支持", "the registry file is of an unknown version",
        "请使用本程序导出的格式", "use the form that this program exports",
    ),
    "registry.uscc-length": Text(
        "统一社会信用代码长度不正确", "a unified social credit code has the wrong length",
        "请核对 18 位代码（GB 32100-2015）", "check the 18 characters (GB 32100-2015)",
    ),
    "registry.uscc-alphabet": Text(
        "统一社会信用代码中有不允许的字符（不使用字母 I、O、S、V、Z）",
        "a unified social credit code holds a character outside its alphabet (no I, O, S, V, Z)",
        "请核对是否将数字 0、1 误录为字母 O、I", "check whether a digit 0 or 1 was typed as O or I",
    ),
    "registry.uscc-organisation": Text(
        "统一社会信用代码中组织机构代码部分的校验码不正确（第 17 位）",
        "the organisation code within a unified social credit code has a wrong check character (the 17th)",
        "请核对第 9 至 17 位（GB 11714）", "check characters 9 to 17 (GB 11714)",
    ),
    "registry.uscc-check": Text(
        "统一社会信用代码的校验码不正确（第 18 位）", "a unified social credit code has a wrong check character (the 18th)",
        "请逐位核对代码", "check the code character by character",
    ),
    "registry.division": Text(
        "行政区划代码不正确", "an administrative division code is not right",
        "请填写 6 位代码（乡镇 9 位，村 12 位）", "write 6 digits (9 for a town, 12 for a village)",
    ),
    "registry.code": Text(
        "代码格式不正确", "a code is not well formed",
        "请使用字母、数字、点、下划线和连字符，首位为字母或数字，最长 64 位",
        "use letters, digits, dot, underscore and hyphen, first a letter or digit, at most 64",
    ),
    "registry.name": Text(
        "名称不正确", "a name is not right",
        "请填写 1 至 100 个可显示的字符", "write 1 to 100 printable characters",
    ),
    "registry.choice": Text(
        "取值不在允许的范围内", "a value is not one of those allowed",
        "请从所示取值中选择", "choose one of those shown",
    ),
    "registry.number": Text(
        "数值超出允许的范围", "a number is out of its range",
        "请按所示范围填写", "keep to the range shown",
    ),
    "registry.url": Text(
        "端点地址不正确", "an endpoint's address is not right",
        "请填写 http 或 https 地址，不得包含用户名和密码", "write an http or https address without user name or password",
    ),
    "registry.mailbox-url": Text(
        "信箱方式的端点不应填写地址", "a mailbox endpoint has no address",
        "请删除地址，或将方式改为 push", "remove the address, or make its kind push",
    ),
    "registry.duplicate": Text(
        "同一项登记了两次", "an item is registered twice",
        "请删除其中一条", "remove one of the two",
    ),
    "registry.unknown-department": Text(
        "引用的单位不存在", "a department is named that does not exist",
        "请先登记该单位，或更正代码", "register it first, or correct the code",
    ),
    "registry.unknown-group": Text(
        "引用的分组不存在", "a group is named that does not exist",
        "请先建立该分组，或更正名称", "make it first, or correct the name",
    ),
    "registry.parent-circle": Text(
        "上级单位关系形成循环", "departments are each other's parents in a circle",
        "请更正上级单位", "correct the parent",
    ),
    "registry.one-certificate": Text(
        "每条登记应恰好包含一张证书", "each line must hold exactly one certificate",
        "请将多张证书分条登记，不要附上证书链", "enrol each on a line of its own, without its chain",
    ),
    # file: what a user names on the command line
    "file.denied": Text(
        "没有权限访问该文件或目录", "a file or folder may not be accessed",
        "请检查文件权限，或换用有权限的账号", "check its permissions, or use an account that may",
    ),
    "file.absent": Text(
        "文件或目录不存在", "there is no such file or folder",
        "请检查路径", "check the path",
    ),
    "file.unusable": Text(
        "文件或目录无法使用", "a file or folder cannot be used",
        "请检查路径，并确认它不是别的种类的文件", "check the path, and that it is not a file of another kind",
    ),
    "file.exists": Text(
        "文件已存在，不会覆盖", "the file exists and is not overwritten",
        "请换一个文件名，或先移走原文件", "choose another name, or move the old file away first",
    ),
    "file.too-large": Text(
        "文件过大", "the file is too large",
        "请拆分后重试", "split it and try again",
    ),
    "file.encoding": Text(
        "文件不是 UTF-8 编码", "the file is not written in UTF-8",
        "请另存为 UTF-8 编码后重试", "save it as UTF-8 and try again",
    ),
    "registry.absent": Text(
        "没有登记该对象", "nothing of that name is registered",
        "请核对名称，可用相应的 list 命令查看", "check the name; the noun's list command shows what there is",
    ),
    "registry.exists": Text(
        "该对象已经登记", "something of that name is registered already",
        "如需修改请用相应的 set 命令", "use the noun's set command to change it",
    ),
    "registry.ambiguous": Text(
        "有多张证书符合该指纹前缀", "more than one certificate begins with that thumbprint",
        "请提供更长的指纹", "give more of its digits",
    ),
    "registry.moved": Text(
        "登记信息在确认期间已被他人修改，未作任何更改", "the registry was changed by somebody else meanwhile; nothing was done",
        "请重新比较后再导入", "look at the difference again, then apply",
    ),
    "registry.hub-department": Text(
        "不能删除或停用交换中心自身", "the hub itself must stay an enabled department",
        "请保留该单位，交换中心以其名义发送通知", "keep that department; the hub sends its notices as it",
    ),
    # note, tree: signed notes, checkpoints, and the tree over the ledger
    "note.malformed": Text(
        "签名文本（note）格式不正确", "the signed note is not well-formed",
        "请按账本格式文档（docs/ledger-format.zh-CN.md）书写", "write it as docs/ledger-format.md says",
    ),
    "note.not-checkpoint": Text(
        "签名文本不是检查点", "the signed note is not a checkpoint",
        "请按账本格式文档书写来源、规模、根哈希三行", "write origin, size and root hash, one line each",
    ),
    "note.invalid": Text(
        "签名文本的签名验证未通过", "a signature of the note does not verify",
        "请确认签名后文本未被改动；如属本中心检查点，请立即告知管理员", "check that nothing altered the text; if it is a checkpoint of this hub, tell its administrator at once",
    ),
    "note.unknown-key": Text(
        "签名文本没有已知密钥的签名", "no known key has signed the note",
        "请使用已在 ledger.witnesses 中配置的见证密钥签名", "sign it with a witness key that stands in ledger.witnesses",
    ),
    "note.not-key-change": Text(
        "签名文本不是换钥记录", "the signed note is not a change of keys",
        "请按账本格式文档（docs/ledger-format.zh-CN.md）第 7 节书写", "write it as docs/ledger-format.md, section 7, says",
    ),
    "note.half-signed": Text(
        "换钥记录缺少新旧密钥之一的签名", "one of the keys that a change of keys names has not signed it",
        "换钥须由新旧密钥共同签署；请用 hub ledger key change 更换", "old and new keys have to sign it; make it with hub ledger key change",
    ),
    "note.other-log": Text(
        "检查点属于另一账本", "the checkpoint is of another log",
        "请核对账本来源名称", "check the log's origin",
    ),
    "note.key": Text(
        "验证密钥无法识别", "a verifier key cannot be read",
        "请原样复制“名称+编号+Base64”形式的公开密钥，切勿填写私钥", "copy the public key as NAME+ID+BASE64, and never a private one",
    ),
    "note.signer": Text(
        "账本签名密钥的类型不适用", "the key cannot sign the ledger's checkpoints",
        "请用 openssl genpkey -algorithm ed25519 生成密钥，并在 hub.yaml 的 ledger.key 中指明", "make one with openssl genpkey -algorithm ed25519 and name it as ledger.key in hub.yaml",
    ),
    "tree.parameter": Text(
        "查询参数不正确", "a query parameter is wrong",
        "请按账本格式文档填写参数", "write it as docs/ledger-format.md says",
    ),
    "tree.no-checkpoint": Text(
        "没有该检查点", "there is no such checkpoint",
        "请稍后再试，或先取最新检查点", "try again shortly, or ask for the latest checkpoint",
    ),
    "tree.not-numbered": Text(
        "该账目不存在或尚未编入账本树", "the entry is unknown or not in the tree yet",
        "请核对节点与序号；新账目通常在一秒内编入", "check node and sequence; a new entry is in the tree within a second",
    ),
    "tree.no-tile": Text(
        "没有该瓦片", "there is no such tile",
        "请依据最新检查点的规模计算路径", "compute the path from the size of the latest checkpoint",
    ),
    "tree.entries-closed": Text(
        "本中心不公开账目内容", "this hub does not publish ledger entries",
        "如需核查账目，请与本中心管理员联系", "ask the hub's administrator for the entries",
    ),
    "tree.fork": Text(
        "检查点与本账本不一致", "the checkpoint is not one of this ledger",
        "账本可能已分叉或密钥被盗用，请保全双方检查点并立即核查", "the ledger may have forked or its key may be stolen; keep both checkpoints and find out at once",
    ),
    "tree.broken": Text(
        "账本链在编号前已断裂", "a node's chain is broken before an entry that waits for its number",
        "请运行 hub ledger verify 并保全数据库与备份", "run hub ledger verify and keep the database and its backups as they are",
    ),
    "tree.damaged": Text(
        "账本树与其根哈希不符", "the stored tree does not agree with its root hash",
        "请停止编号，保全数据库与备份并核查", "keep the database and its backups as they are and find out who changed it",
    ),
    "tree.key": Text(
        "hub.yaml 指明的密钥不是本账本现行的签名密钥，已停止签署检查点", "the keys that hub.yaml names are not those that sign this ledger now; no checkpoint is signed",
        "请在 hub.yaml 中指明现行密钥后重启；如需更换密钥，请先运行 hub ledger key change", "name the present keys in hub.yaml and restart; to change them, run hub ledger key change first",
    ),
    "tree.same-key": Text(
        "新密钥就是现行密钥，未作任何更改", "the new key is the one that signs already; nothing was done",
        "请用新生成的密钥", "give a key that was made for it",
    ),
    "tree.late": Text(
        "账目编入账本树过迟", "entries wait too long for their place in the tree",
        "请检查数据库负载以及定序任务是否运行", "check the database's load and that a sequencer runs",
    ),
    # witness: the supervision authority's own program
    "witness.fork": Text(
        "账本分叉：同一规模出现两个不同的检查点，且均由账本密钥签署", "the log has forked: two checkpoints of one size, both signed with its key",
        "已停止副署并保全证据；请核查账本密钥和数据库，查明后用 hub witness settle 说明", "nothing more is cosigned and the evidence is kept; find out about key and database, then hub witness settle",
    ),
    "witness.rollback": Text(
        "账本回退：检查点的规模小于已见证的规模", "the log was rolled back: its checkpoint is smaller than one seen before",
        "已停止副署并保全证据；请核查是否恢复了旧数据库，查明后用 hub witness settle 说明", "nothing more is cosigned and the evidence is kept; see whether an old database was put back, then hub witness settle",
    ),
    "witness.inconsistent": Text(
        "账本被改写：新检查点不是已见证账本的延续", "the log was rewritten: its checkpoint does not extend the one seen before",
        "已停止副署并保全证据；请核查账本密钥和数据库，查明后用 hub witness settle 说明", "nothing more is cosigned and the evidence is kept; find out about key and database, then hub witness settle",
    ),
    "witness.unknown-key": Text(
        "检查点由未知密钥签署，且没有经新旧密钥共同签署的换钥记录", "a checkpoint is signed with an unknown key, and no change of keys signed by both sides leads to it",
        "已停止副署并保全证据；请当面核实是否换钥，查明后用 hub witness settle 说明", "nothing more is cosigned and the evidence is kept; have it confirmed in person whether the key was changed, then hub witness settle",
    ),
    "witness.key-change": Text(
        "换钥记录无效：缺少新旧密钥之一的签名，或所依据的账本与已见证的账本不一致", "a change of keys lacks a signature, or was made on another ledger than the one seen before",
        "已停止副署并保全证据；请核查账本密钥和数据库，查明后用 hub witness settle 说明", "nothing more is cosigned and the evidence is kept; find out about key and database, then hub witness settle",
    ),
    "witness.gone": Text(
        "交换中心不再出示检查点，而此前已有", "the hub shows no checkpoint any more, though it had one",
        "请立即向交换中心查明账本是否被清空", "ask the hub at once whether its ledger was wiped",
    ),
    "witness.stranger": Text(
        "交换中心出示的不是该账本密钥签署的检查点", "what the hub shows is not a checkpoint signed with this log's key",
        "请核对地址和公开密钥；如对方称已更换密钥，须当面核实", "check address and public key; if the key is said to be changed, have that confirmed in person",
    ),
    "witness.answer": Text(
        "交换中心的应答无法识别", "the hub's answer cannot be read",
        "请核对地址是否指向交换中心；未作副署", "check that the address is the hub's; nothing was cosigned",
    ),
    "witness.refused": Text(
        "交换中心拒绝了见证请求", "the hub refused what the witness asked or handed in",
        "如为 note.unknown-key，请交换中心将本见证方公开密钥写入 ledger.witnesses", "if it is note.unknown-key, have the hub put this witness's key into ledger.witnesses",
    ),
    "witness.unreachable": Text(
        "暂时无法连接交换中心", "the hub cannot be reached now",
        "将自动重试；如持续如此，请检查网络和地址", "it will be tried again; if it lasts, check network and address",
    ),
    "witness.absent": Text(
        "此目录不是见证目录", "this is not a witness's folder",
        "请先运行 hub witness init，或用 --folder 指明目录", "run hub witness init first, or name the folder with --folder",
    ),
    "witness.exists": Text(
        "目录不为空，未作任何更改", "the folder has something in it; nothing was done",
        "请换一个空目录；切勿删除已有的见证记录", "choose an empty folder; never delete what a witness has kept",
    ),
    "witness.damaged": Text(
        "见证记录缺失或被改动", "what the witness has kept is missing or was altered",
        "请从备份恢复 kept.note；不得重新开始，否则无法发现账本回退", "restore kept.note from a backup; beginning anew would hide a roll-back",
    ),
    "witness.setting": Text(
        "见证设置的值不正确", "a setting of the witness has a wrong value",
        "请更正命令选项或 witness.yaml", "correct the option, or witness.yaml",
    ),
    "witness.not-seen": Text(
        "该检查点没有本见证方的副署，不能由此接续", "this witness has not cosigned this checkpoint, so nothing can go on from it",
        "请交换中心提供恢复时一并生成的 restored-witnessed.note", "ask the hub for restored-witnessed.note, which the restoration has left",
    ),
    "witness.running": Text(
        "该见证目录正由另一进程使用", "another process uses this witness's folder",
        "请先停止正在运行的 hub witness run", "stop the hub witness run that is running",
    ),
    "witness.ca": Text(
        "无法读取用于核验交换中心 TLS 证书的 CA 文件", "the CA file for the hub's TLS certificate cannot be read",
        "请核对 witness.yaml 中的 ca", "check ca in witness.yaml",
    ),
    # timestamp: RFC 3161; ledger: what stops the front door
    "timestamp.unreachable": Text(
        "暂时无法连接时间戳服务", "the time-stamp authority cannot be reached now",
        "时间戳待补，将自动重试；不影响报文收发", "the time-stamp is pending and will be asked for again; messages go on",
    ),
    "timestamp.answer": Text(
        "时间戳服务的应答无法识别", "the time-stamp authority's answer cannot be read",
        "请核对 ledger.timestamp_url 是否为 RFC 3161 服务", "check that ledger.timestamp_url is an RFC 3161 service",
    ),
    "timestamp.refused": Text(
        "时间戳服务拒绝签发", "the time-stamp authority did not grant a time-stamp",
        "请与时间戳服务方联系", "ask the authority why",
    ),
    "timestamp.invalid": Text(
        "时间戳无效：签名、证书、内容或随机数不符", "the time-stamp is not valid: its signature, certificate, content or nonce is wrong",
        "请核对 ledger.timestamp_anchors 中的根证书；如为已存时间戳，请保全数据库并核查", "check the roots in ledger.timestamp_anchors; if it was stored, keep the database as it is and find out",
    ),
    "timestamp.other": Text(
        "时间戳对应的是另一份数据", "the time-stamp is over other octets",
        "请核对检查点；如为已存时间戳，请保全数据库并核查", "check the checkpoint; if it was stored, keep the database as it is and find out",
    ),
    "timestamp.authority": Text(
        "时间戳签名完整，但签发机构不在所信任的根证书之下", "the time-stamp is whole, but its authority is not under a root that is trusted",
        "请核对 ledger.timestamp_anchors 中的根证书", "check the roots in ledger.timestamp_anchors",
    ),
    "timestamp.anchors": Text(
        "无法读取时间戳服务的根证书", "the time-stamp authority's root certificates cannot be read",
        "请在 ledger.timestamp_anchors 中指明 PEM 文件", "name a PEM file as ledger.timestamp_anchors",
    ),
    "ledger.unwitnessed": Text(
        "账本过久未获外部见证，暂停接收", "the ledger has gone without outside confirmation for too long, nothing is taken now",
        "请稍后重试；管理员请检查见证方与时间戳服务", "try again later; the administrator must see to the witness and the time-stamp authority",
    ),
    # config: any YAML text an administrator writes
    "config.syntax": Text(
        "配置文本不是合法的 YAML", "the text is not valid YAML",
        "请检查所示行及其上一行的缩进、引号和冒号", "check indentation, quotes and colons on that line and the one above",
    ),
    "config.not-plain": Text(
        "配置文本只能是单个文档的普通数据，不得使用锚点、别名、标签或过深的嵌套",
        "the text must be one document of plain data, without anchors, aliases, tags or deep nesting",
        "请将内容展开书写", "write the content out in full",
    ),
    "config.duplicate-key": Text(
        "同一键出现两次", "a key stands twice in one mapping",
        "请删除其中一处", "remove one of the two",
    ),
    "config.unknown-key": Text(
        "存在无法识别的键", "a key is not known here",
        "请改为所示的键名或将其删除", "use the key shown, or remove it",
    ),
    "config.missing-key": Text(
        "缺少必填的键", "a required key is missing",
        "请补充该键后重试", "add it and try again",
    ),
    "config.shape": Text(
        "键值的类型不正确", "a value has the wrong shape",
        "请按所示类型填写", "write it in the shape shown",
    ),
}
