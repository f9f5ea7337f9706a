"""The tables of the book of levies.

`levy_check_lines` holds the network's side of a day only while its parts come in; `levy_check_parts` stays, so that a
part that comes once more is known.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = (
    # Both books take messages in alike.
    "ALTER TABLE payment_intake RENAME TO book_intake",
    """CREATE TABLE levy_debits (
        id text PRIMARY KEY NOT NULL, collector text NOT NULL, voucher_no text NOT NULL, way text NOT NULL,
        proposer text NOT NULL, file text NOT NULL, number {bigint} NOT NULL, entrusted_on text NOT NULL,
        serial text NOT NULL, bank text NOT NULL, amount {bigint} NOT NULL, day text NOT NULL, state text NOT NULL,
        digest {blob} NOT NULL, contributor_tag {blob} NOT NULL, employer_tag {blob}, sealed {blob} NOT NULL,
        package text, debited_on text, code text, receipt text, listed_on text, created {bigint} NOT NULL,
        updated {bigint} NOT NULL)""",
    "CREATE UNIQUE INDEX levy_debits_voucher ON levy_debits (voucher_no, collector)",
    "CREATE INDEX levy_debits_file ON levy_debits (file, bank, number)",
    "CREATE INDEX levy_debits_serial ON levy_debits (serial, entrusted_on, collector) WHERE way = 'single'",
    "CREATE INDEX levy_debits_unheard ON levy_debits (collector, file) WHERE way = 'single' AND state = 'asked'",
    "CREATE INDEX levy_debits_package ON levy_debits (package, entrusted_on, collector) WHERE package IS NOT NULL",
    "CREATE INDEX levy_debits_contributor ON levy_debits (contributor_tag)",
    "CREATE INDEX levy_debits_employer ON levy_debits (employer_tag) WHERE employer_tag IS NOT NULL",
    "CREATE UNIQUE INDEX levy_debits_receipt ON levy_debits (receipt, collector) WHERE receipt IS NOT NULL",
    """CREATE INDEX levy_debits_open ON levy_debits (collector, day, id)
        WHERE state IN ('asked', 'sent', 'doubtful')""",
    "CREATE INDEX levy_debits_listed ON levy_debits (collector, listed_on) WHERE listed_on IS NOT NULL",
    "CREATE INDEX levy_debits_taken ON levy_debits (collector, debited_on) WHERE state = 'success'",
    """CREATE TABLE levy_files (
        message_id text PRIMARY KEY NOT NULL, proposer text NOT NULL, region text NOT NULL,
        collector text NOT NULL, entrusted_on text NOT NULL, batch_no text NOT NULL,
        payer_bank_line_no text, count {bigint} NOT NULL, total {bigint} NOT NULL,
        repeated {bigint} NOT NULL, state text NOT NULL, touched {bigint} NOT NULL, reports {bigint} NOT NULL,
        created {bigint} NOT NULL)""",
    "CREATE INDEX levy_files_touched ON levy_files (message_id) WHERE touched > 0",
    """CREATE TABLE levy_packages (
        collector text NOT NULL, entrusted_on text NOT NULL, batch_no text NOT NULL, file text NOT NULL,
        count {bigint} NOT NULL, total {bigint} NOT NULL, state text NOT NULL, answered {bigint} NOT NULL,
        message_id text NOT NULL, delivery_id text NOT NULL, created {bigint} NOT NULL,
        updated {bigint} NOT NULL, PRIMARY KEY (collector, entrusted_on, batch_no))""",
    "CREATE INDEX levy_packages_file ON levy_packages (file)",
    "CREATE UNIQUE INDEX levy_packages_delivery ON levy_packages (delivery_id)",
    "CREATE INDEX levy_packages_released ON levy_packages (delivery_id) WHERE state = 'released'",
    # What stands in a file and had been registered before: it is told to both.
    """CREATE TABLE levy_repeats (
        file text NOT NULL, number {bigint} NOT NULL, serial text NOT NULL, debit_id text NOT NULL,
        PRIMARY KEY (file, number))""",
    "CREATE INDEX levy_repeats_debit ON levy_repeats (debit_id)",
    """CREATE TABLE levy_history (
        n {serial}, debit_id text NOT NULL, at {bigint} NOT NULL, message_id text NOT NULL, word text NOT NULL,
        state text NOT NULL, code text, text {blob})""",
    "CREATE INDEX levy_history_debit ON levy_history (debit_id)",
    """CREATE TABLE levy_differences (
        n {serial}, kind text NOT NULL, collector text NOT NULL, debit_id text, batch_no text, reference text,
        day text, message_id text NOT NULL, ours text, theirs text, created {bigint} NOT NULL,
        closed_at {bigint}, closed_by text, reason text)""",
    "CREATE INDEX levy_differences_open ON levy_differences (collector, day) WHERE closed_at IS NULL",
    """CREATE TABLE levy_early (
        n {serial}, collector text NOT NULL, voucher_no text, entrusted_on text NOT NULL, serial text NOT NULL,
        message_id text NOT NULL, word text NOT NULL, code text NOT NULL, debited_on text, text {blob},
        created {bigint} NOT NULL, told {bigint} NOT NULL)""",
    """CREATE TABLE levy_check_parts (
        collector text NOT NULL, day text NOT NULL, batch_no text NOT NULL, part_no {bigint} NOT NULL,
        part_count {bigint} NOT NULL, total_count {bigint} NOT NULL, total {bigint} NOT NULL,
        message_id text NOT NULL, count {bigint} NOT NULL, sum {bigint} NOT NULL, created {bigint} NOT NULL,
        PRIMARY KEY (collector, day, batch_no, part_no))""",
    """CREATE TABLE levy_check_lines (
        message_id text NOT NULL, n {bigint} NOT NULL, voucher_no text NOT NULL, amount {bigint} NOT NULL,
        state text NOT NULL, booked {bigint} NOT NULL, debited_on text, debit_id text,
        PRIMARY KEY (message_id, n))""",
    """CREATE INDEX levy_check_lines_debit ON levy_check_lines (debit_id) WHERE debit_id IS NOT NULL""",
    """CREATE TABLE levy_days (
        collector text NOT NULL, day text NOT NULL, batch_no text, count {bigint} NOT NULL,
        total {bigint} NOT NULL, differences {bigint} NOT NULL, settled {bigint} NOT NULL,
        late {bigint} NOT NULL, updated {bigint} NOT NULL, PRIMARY KEY (collector, day))""",
    """CREATE TABLE levy_agreements (
        collector text NOT NULL, tag {blob} NOT NULL, state text NOT NULL, at {bigint} NOT NULL,
        message_id text NOT NULL, PRIMARY KEY (collector, tag))""",
    # The working day of the network that a partner gives access to, as it last announced it.
    "CREATE TABLE levy_network (partner text PRIMARY KEY NOT NULL, day text NOT NULL)",
)
