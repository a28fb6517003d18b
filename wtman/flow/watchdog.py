"""Whether a script's process still behaves, as it is seen from outside.

Inside it has limits too (program.py), with better words: they tell the script's own line. But
whoever means harm can take a timer off. Pure: looks come in, a complaint goes out.
"""

from wtman.model.values import dataclass

MEMORY = 512 << 20  # bytes
CPU = 60  # seconds between two calls
EVERY = 5.0  # seconds between two looks
SILENCE = 600.0  # seconds without a word, where it is its turn
_LEEWAY = 10  # seconds of processor time: its own end comes first, and has its lines
_SHARED = 128 << 20  # bytes of Python itself and of its libraries


@dataclass
class Watchdog:
    """`since` and `spent` are clock and processor time of the last look that it had done
    something before.
    """

    since: float
    spent: float = 0.0
    talked: bool = True  # since the last look

    def complaint(self, now: float, seconds: float, memory: int, *, waits: bool) -> str:
        """Why it has to be ended; empty if it does not. `waits`: it is not its turn."""
        if memory > MEMORY + _SHARED:
            return f"it uses more than {MEMORY >> 20} MB of memory"
        if self.talked or seconds < self.spent:
            self.talked, self.since, self.spent = False, now, seconds
        if seconds > self.spent + CPU + _LEEWAY:
            return f"it computed for more than {CPU} s between two calls"
        if waits:
            self.since = now
        elif now > self.since + SILENCE:
            return f"it said nothing for {SILENCE:.0f} s, and waits for nothing"
        return ""
