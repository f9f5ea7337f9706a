"""Banks to practise with: one reached by files (`files.py`), and one reached online. Everything in them is invented."""
