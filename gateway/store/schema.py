"""The tables, written once for both databases. Changes are appended to `MIGRATIONS`, never edited.

`{blob}`, `{bigint}` and `{serial}` are what differs. There are no foreign keys: every row is written in one
transaction with what it refers to, and checking that again would cost a look-up per row on the hot path.

Every index costs a few microseconds a message, so that there are few, and those on states are partial: a
finished delivery is in none of them.

* Replies are exempt from the rule "one partner_message_id per partner", since some partners echo ours; the
  id as third column makes theirs unique while the same index still finds them.
* A message's own id is its usual correlation_id; only others are in that index.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.store import console_schema, levies_schema, payments_schema
from gateway.store.states import UNFINISHED_SQL

#: Distinguishes replies in the unique index; must be repeated literally in `ON CONFLICT`.
GUARD_COLUMNS: Final = (
    "(partner_message_id, partner, (CASE direction WHEN 'reply' THEN id ELSE '' END))"
    " WHERE partner_message_id IS NOT NULL"
)


class Migration(NamedTuple):
    number: int
    name: str
    common: tuple[str, ...]
    sqlite: tuple[str, ...] = ()
    postgresql: tuple[str, ...] = ()


MIGRATIONS: Final = (
    Migration(
        1,
        "initial",
        common=(
            """CREATE TABLE messages (
                id text PRIMARY KEY NOT NULL, type text NOT NULL, direction text NOT NULL, partner text NOT NULL,
                partner_message_id text, idempotency {blob} NOT NULL, correlation_id text NOT NULL,
                causation_id text, region text NOT NULL, subject text, mapping text, created {bigint} NOT NULL,
                deadline {bigint}, body {blob} NOT NULL, raw {blob} NOT NULL)""",
            f"CREATE UNIQUE INDEX messages_partner_id ON messages {GUARD_COLUMNS}",
            "CREATE INDEX messages_created ON messages (created, id)",
            "CREATE INDEX messages_correlation ON messages (correlation_id) WHERE correlation_id <> id",
            "CREATE INDEX messages_subject ON messages (subject) WHERE subject IS NOT NULL",
            """CREATE TABLE deliveries (
                id text PRIMARY KEY NOT NULL, message_id text NOT NULL, partner text NOT NULL,
                operation text NOT NULL, style text NOT NULL, state text NOT NULL, routing_key text NOT NULL,
                ordering_key text, attempts {bigint} NOT NULL, created {bigint} NOT NULL,
                updated {bigint} NOT NULL, next_at {bigint}, reason text, owner text,
                reference text, reply_id text, resolutions {bigint} NOT NULL)""",
            # Apart, so that a step of a delivery does not write its payload again.
            "CREATE TABLE prepared (delivery_id text PRIMARY KEY NOT NULL, sealed {blob} NOT NULL)",
            "CREATE INDEX deliveries_message ON deliveries (message_id)",
            "CREATE INDEX deliveries_pending ON deliveries (id) WHERE state = 'pending'",
            "CREATE INDEX deliveries_sending ON deliveries (owner) WHERE state = 'sending'",
            """CREATE INDEX deliveries_due ON deliveries (state, next_at)
                WHERE state IN ('waiting', 'in-doubt', 'dead')""",
            """CREATE INDEX deliveries_order ON deliveries (partner, ordering_key, id)
                WHERE ordering_key IS NOT NULL
                AND state IN ('pending', 'sending', 'waiting', 'in-doubt', 'dead')""",
            "CREATE INDEX deliveries_reference ON deliveries (reference) WHERE reference IS NOT NULL",
            # Kept by the writer, since counting millions of rows for every metrics scrape would not do.
            # `shard` keeps processes from waiting for each other's rows.
            """CREATE TABLE delivery_counts (
                partner text NOT NULL, state text NOT NULL, shard {bigint} NOT NULL, n {bigint} NOT NULL,
                PRIMARY KEY (partner, state, shard))""",
            # Ids are not unique by index: they are UUIDv7 and looked up only among the unsequenced.
            "CREATE TABLE audit (n {serial}, id text NOT NULL, message_id text, entry {blob} NOT NULL)",
            "CREATE INDEX audit_message ON audit (message_id) WHERE message_id IS NOT NULL",
            "CREATE TABLE audit_index (position {bigint_key}, n {bigint} NOT NULL)",
            "CREATE UNIQUE INDEX audit_index_n ON audit_index (n)",
            "CREATE TABLE serials (series text PRIMARY KEY NOT NULL, last {bigint} NOT NULL)",
            """CREATE TABLE leases (
                name text PRIMARY KEY NOT NULL, owner text NOT NULL, expires {bigint} NOT NULL)""",
            """CREATE TABLE tokens (
                scope text NOT NULL, token text NOT NULL, expires {bigint} NOT NULL,
                PRIMARY KEY (scope, token)){without_rowid}""",
            "CREATE INDEX tokens_expires ON tokens (expires)",
        ),
        postgresql=(
            # Processes commit out of the order of `n`: what is not yet sequenced must be listed, since a
            # mark "everything up to here" could step over a row that becomes visible later.
            "CREATE TABLE audit_queue (n bigint PRIMARY KEY)",
            # Sealed bytes do not compress; trying costs more than storing.
            *(
                f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL"
                for table, column in (("messages", "body"), ("messages", "raw"), ("prepared", "sealed"))
            ),
        ),
    ),
    Migration(
        2,
        "deliveries held until a question is answered",
        common=(
            "DROP INDEX deliveries_due",
            """CREATE INDEX deliveries_due ON deliveries (state, next_at)
                WHERE state IN ('held', 'waiting', 'in-doubt', 'dead')""",
            "DROP INDEX deliveries_order",
            f"""CREATE INDEX deliveries_order ON deliveries (partner, ordering_key, id)
                WHERE ordering_key IS NOT NULL AND state IN ({UNFINISHED_SQL})""",
        ),
    ),
    Migration(3, "the book of payments", common=payments_schema.TABLES),
    Migration(4, "the operators' console", common=console_schema.TABLES),
    Migration(5, "the book of levies", common=levies_schema.TABLES),
)

SQLITE_TYPES: Final = {
    "blob": "blob",
    "bigint": "integer",
    "bigint_key": "integer PRIMARY KEY",
    "serial": "integer PRIMARY KEY",
    "without_rowid": " WITHOUT ROWID",
}
POSTGRESQL_TYPES: Final = {
    "blob": "bytea",
    "bigint": "bigint",
    "bigint_key": "bigint PRIMARY KEY",
    "serial": "bigserial PRIMARY KEY",
    "without_rowid": "",
}
