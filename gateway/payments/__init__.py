"""The book of payments: what agencies ask for, what people approve and release, what banks say became of it.

    agency ── payment.batch.submitted ──► proposals ──► people approve ──► people build a batch
                                                                              │ a second person releases it
    bank ◄── payment.batch.submitted ◄── ONE transaction: batch, items, message, delivery, audit
    bank ── results, returns, statements ──► booked per record, once ──► results to the agency
                                                 └──► differences, for people

`lifecycle` has the machines, `desk` takes the messages. The delivery machine of the engine sends, queries and
settles doubts as for every other message.
"""
