"""What happens by itself: duties that one process at a time performs."""

from scheduler.duty import Duty

__all__ = ["Duty"]
