"""The tables of the operators' console: who may sign in, who is signed in, and what one person proposes to another.

They are small and rarely written: a few dozen accounts, a session for each person at work.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = (
    """CREATE TABLE console_accounts (
        name text PRIMARY KEY NOT NULL, title text NOT NULL, roles text NOT NULL, password text NOT NULL,
        one_time_until {bigint}, disabled {bigint} NOT NULL, failures {bigint} NOT NULL,
        locked_until {bigint}, created {bigint} NOT NULL, last_sign_in {bigint}, updated {bigint} NOT NULL)""",
    # The token itself is nowhere: whoever reads the database, or its backup, cannot go on with somebody's session.
    """CREATE TABLE console_sessions (
        token_hash {blob} PRIMARY KEY NOT NULL, account text NOT NULL, csrf text NOT NULL, language text NOT NULL,
        created {bigint} NOT NULL, seen {bigint} NOT NULL, expires {bigint} NOT NULL)""",
    "CREATE INDEX console_sessions_account ON console_sessions (account)",
    """CREATE TABLE console_proposals (
        id text PRIMARY KEY NOT NULL, message_id text NOT NULL, delivery_id text NOT NULL, partner text NOT NULL,
        operation text NOT NULL, choice text NOT NULL, reason text NOT NULL, seen_state text NOT NULL,
        seen_updated {bigint} NOT NULL, seen_next_at {bigint}, proposed_by text NOT NULL,
        proposed_at {bigint} NOT NULL, state text NOT NULL, decided_by text, decided_at {bigint}, note text)""",
    # Two people cannot propose different things for one delivery at the same time.
    "CREATE UNIQUE INDEX console_proposals_open ON console_proposals (delivery_id) WHERE state = 'open'",
    "CREATE INDEX console_proposals_delivery ON console_proposals (delivery_id)",
)
