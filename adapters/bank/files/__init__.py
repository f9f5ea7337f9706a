"""Banks reached by files. Everything in which they differ is a profile (`profile.py`); the rest is one way of doing it.

message ─► prepare: checked, written, named once ─► put, companions ─► accepted
file ─► recognised by its name ─► read, totals checked ─► committed, rows beside it ─► noted in the ledger
doubt ─► anything come for the batch? ─► still there? ─► else asked again later, never sent a second time
"""
