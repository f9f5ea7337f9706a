"""What stands beside receipts, for people who have never seen one."""

from __future__ import annotations

from typing import Final

HOWTO: Final = """\
如何核验回执 / How to verify a receipt
======================================

每个受理的文件有四个回执文件；vkey 是网关审计日志的公钥，各文件通用，请另经可靠途径核对一次。
Each accepted file has four receipt files; vkey is the public key of the gateway's audit log, the same for all.
Compare it once by another, trusted way.

  NAME.receipt.json         文件的大小、SHA-256、SM3，报文编号，时间 / size, digests, message id, time
  NAME.receipt.entry        审计日志条目原文 / the entry of the audit log, byte for byte
  NAME.receipt.salt         条目中摘要的密钥 / the key of the digest in the entry
  NAME.receipt.tlog-proof   条目在日志中的证明 / the proof that the entry is in the log (c2sp.org/tlog-proof)

证明在受理后一两秒内补上。 / The proof follows within a few seconds of the receipt.

1. 文件是回执所说的文件 / The file is the one that the receipt names

     sha256sum NAME            与 receipt.json 的 sha256 一致 / equals sha256

2. 条目在有签名的日志中 / The entry is in the signed log

     python verify.py receipt NAME.receipt.tlog-proof NAME.receipt.entry --vkey vkey

   verify.py 是单个文件，只需 Python 3.11 和 cryptography，向网关运维索取；也可按 c2sp.org/tlog-proof 自行核验。
   verify.py is a single file that needs Python 3.11 and cryptography; ask the gateway's operators for it, or write
   your own after c2sp.org/tlog-proof.

3. 条目说的就是这个文件 / The entry speaks of this file

   条目中 message 与 receipt.json 的 message_id 一致；digest 是以 salt 为密钥的文件 HMAC-SHA-256：
   In the entry, message equals message_id of receipt.json, and digest is the file's HMAC-SHA-256, keyed by the salt:

     openssl dgst -sha256 -mac HMAC -macopt hexkey:$(cat NAME.receipt.salt) NAME
"""
