"""The book of levies: what agencies ask for, what the treasury network says became of it, and each day's check.

    agency ── levy.batch.submitted ──► registered ──► packages ≤ 1000 ──► treasury network
    agency ── levy.debit.asked (a copy) ──► registered
    network ── answers, returns ──► booked per debit, once; success gets a receipt number
    network ── levy.day.checked, in parts ──► compared when complete: doubt is settled, differences for people
    book ── levy.batch.returned, one per file, when every debit of it has an end ──► agency

`lifecycle` has the machine, `desk` takes the messages. To send a package, and to ask about what is in doubt, is the
delivery machine's business as for every other message.
"""
