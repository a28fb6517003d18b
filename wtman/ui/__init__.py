"""What people look at: plain lines, the live table, JSON lines, the one question.

Every file reads a `State` and writes text; none decides, none touches git or the journal.
"""
