"""`wtman ui`: a run on the whole screen. `app` needs the extra `tui`; imported only when asked for.

Looks, and appends requests; it drives nothing and holds no lock, so that it works beside
the terminal that does, on a run of any age, and in several terminals. What more it does is the
command itself, on the terminal or in the background. What an agent or a repository said is only
ever shown as plain text.
"""
