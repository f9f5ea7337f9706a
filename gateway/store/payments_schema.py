"""The tables of the book of payments.

Booking a million results must not take an hour: an item is in few indices, and those that change with its state
are partial. `payment_lines` holds the bank's side of a day only while it is compared.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = (
    """CREATE TABLE payment_items (
        id text PRIMARY KEY NOT NULL, account text NOT NULL, kind text NOT NULL, proposer text NOT NULL,
        proposal text NOT NULL, end_to_end_id text NOT NULL, own_reference text, own_sequence {bigint},
        amount {bigint} NOT NULL, state text NOT NULL, account_tag {blob} NOT NULL, digest {blob} NOT NULL,
        sealed {blob} NOT NULL, replaces text, approved_by text, batch_id text, batch_sequence {bigint},
        verification text, verification_request text, verification_sequence {bigint},
        settled_amount {bigint}, settled_on text, bank_reference text, code text,
        created {bigint} NOT NULL, updated {bigint} NOT NULL)""",
    # Finds results and statement entries, and makes an item one for its proposer.
    "CREATE UNIQUE INDEX payment_items_reference ON payment_items (end_to_end_id, proposer)",
    """CREATE UNIQUE INDEX payment_items_batch ON payment_items (batch_id, batch_sequence)
        WHERE batch_id IS NOT NULL""",
    "CREATE INDEX payment_items_proposal ON payment_items (proposal)",
    "CREATE UNIQUE INDEX payment_items_replaces ON payment_items (replaces) WHERE replaces IS NOT NULL",
    """CREATE INDEX payment_items_waiting ON payment_items (account, state, id)
        WHERE state IN ('proposed', 'approved')""",
    "CREATE INDEX payment_items_tag ON payment_items (account_tag)",
    "CREATE INDEX payment_items_day ON payment_items (account, settled_on) WHERE settled_on IS NOT NULL",
    """CREATE INDEX payment_items_bank ON payment_items (bank_reference)
        WHERE bank_reference IS NOT NULL""",
    """CREATE INDEX payment_items_verification ON payment_items (verification_request, verification_sequence)
        WHERE verification_request IS NOT NULL""",
    """CREATE TABLE payment_batches (
        id text PRIMARY KEY NOT NULL, account text NOT NULL, bank text NOT NULL, kind text NOT NULL,
        state text NOT NULL, count {bigint} NOT NULL, total {bigint} NOT NULL, digest text NOT NULL,
        salt {blob} NOT NULL, created {bigint} NOT NULL, built_by text NOT NULL, released_by text,
        released_at {bigint}, message_id text, delivery_id text, bank_reference text,
        updated {bigint} NOT NULL)""",
    "CREATE INDEX payment_batches_released ON payment_batches (id) WHERE state = 'released'",
    """CREATE UNIQUE INDEX payment_batches_delivery ON payment_batches (delivery_id)
        WHERE delivery_id IS NOT NULL""",
    """CREATE TABLE payment_proposals (
        message_id text PRIMARY KEY NOT NULL, proposer text NOT NULL, region text NOT NULL,
        batch_id text NOT NULL, account text NOT NULL, kind text NOT NULL, count {bigint} NOT NULL,
        total {bigint} NOT NULL, state text NOT NULL, repeated {bigint} NOT NULL, touched {bigint} NOT NULL,
        reports {bigint} NOT NULL, created {bigint} NOT NULL)""",
    "CREATE INDEX payment_proposals_touched ON payment_proposals (message_id) WHERE touched > 0",
    # How far the content of a message has been taken in: the guard by which every record is booked once.
    """CREATE TABLE payment_intake (
        message_id text PRIMARY KEY NOT NULL, position {bigint} NOT NULL, done {bigint} NOT NULL)""",
    """CREATE TABLE payment_history (
        n {serial}, item_id text NOT NULL, at {bigint} NOT NULL, message_id text NOT NULL,
        status text NOT NULL, state text NOT NULL, code text, text {blob})""",
    "CREATE INDEX payment_history_item ON payment_history (item_id)",
    """CREATE TABLE payment_differences (
        n {serial}, kind text NOT NULL, account text NOT NULL, item_id text, batch_id text, reference text,
        day text, message_id text NOT NULL, ours text, theirs text, created {bigint} NOT NULL,
        closed_at {bigint}, closed_by text, reason text)""",
    "CREATE INDEX payment_differences_open ON payment_differences (account, day) WHERE closed_at IS NULL",
    """CREATE TABLE payment_lines (
        message_id text NOT NULL, n {bigint} NOT NULL, end_to_end_id text, bank_reference text,
        amount {bigint} NOT NULL, outcome text NOT NULL, item_id text, PRIMARY KEY (message_id, n))""",
    "CREATE INDEX payment_lines_item ON payment_lines (message_id, item_id, n)",
    """CREATE TABLE payment_days (
        account text NOT NULL, day text NOT NULL, message_id text NOT NULL, count {bigint} NOT NULL,
        total {bigint} NOT NULL, differences {bigint} NOT NULL, updated {bigint} NOT NULL,
        PRIMARY KEY (account, day))""",
)
